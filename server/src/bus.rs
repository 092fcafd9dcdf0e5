//! What crosses threads, and in a cluster nodes: fan-out and who is where.
//!
//! [`Bus`] carries what happened to everybody who listens, at most once; the [store](crate::store) is the record, the
//! bus is the hint. [`Leases`] holds what is true only while somebody is there to hold it: who is online, who is in a
//! room or a call under which name. Each has one contract suite that every implementation passes; [`local`] is the one
//! for a server by itself.
//!
//! Both hand what they have to an [`Ear`], on whichever thread it happened; an ear passes it on and returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::store::{TokenHash, UserId};

#[cfg(test)]
mod contract;
pub(crate) mod local;

/// An answer that may take a while, when others have to be asked.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Fan-out by topic.
pub(crate) trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Lets all who listen to `topic` hear `note`. Notes that were published one after the other are heard in that
    /// order.
    fn publish(&self, topic: Topic, note: Arc<Note>);

    /// Listens until the subscription is dropped. Heard is what is published after the answer is there, and maybe some
    /// of what was published since it was asked for.
    fn subscribe(&self, topic: Topic, ear: Arc<dyn Ear<Topic, Arc<Note>>>) -> Later<Subscription>;
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Strokes of the drawing board, in the order of the store.
    Board,
    /// Direct messages that a user sent or received, in the order of the store by pair.
    User(UserId),
    /// Messages in a chat room, in the order of the store.
    Room(Arc<str>),
    /// For one connection: offers, answers, candidates.
    Socket(SocketId),
    /// Somebody has registered.
    Users,
    /// A session is over: whoever is signed in by it has to go.
    Session(TokenHash),
}

/// What happened, as clients are told.
#[derive(Debug)]
pub(crate) struct Note {
    /// Its number in its stream; 0 where there is none.
    pub(crate) seq: u64,
    /// The stream, where the topic does not say it: the other of the two users of a direct message.
    pub(crate) stream: Option<crate::store::Stream>,
    /// The connection it came from.
    pub(crate) from: SocketId,
    /// What is sent to clients, encoded once for all of them.
    pub(crate) message: framescope_codec::Broadcast,
    /// More fields of the same JSON object, without braces, for clients that asked for them.
    pub(crate) more: Option<Box<str>>,
}

impl Note {
    /// One that says no more than its topic does.
    pub(crate) fn bare() -> Self {
        let message = framescope_codec::Broadcast::new("", &framescope_codec::Config::default());
        Self { seq: 0, stream: None, from: SocketId::generate(0), message, more: None }
    }
}

/// Hears of things. Called where they happen: it passes on and returns.
pub(crate) trait Ear<A, T>: Send + Sync {
    /// This happened.
    fn hear(&self, about: &A, what: &T);
}

/// Listening, until dropped.
pub(crate) struct Subscription(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Subscription {
    pub(crate) fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

/// Claims that hold while their holder lives.
pub(crate) trait Leases: fmt::Debug + Send + Sync + 'static {
    /// Takes `name` in `space`, with a value for others to read, until the lease is dropped or this node is gone.
    /// `None` if somebody has it.
    fn claim(&self, space: Space, name: String, value: String) -> Later<Option<Lease>>;

    /// What is claimed in `space` at this moment.
    fn list(&self, space: Space) -> Later<Listing>;

    /// The same, and all that changes from then on, in order, until the watch is dropped.
    fn watch(&self, space: Space, ear: Arc<dyn Ear<Space, Change>>) -> Later<(Listing, Subscription)>;
}

/// Where names are unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    /// Connections of signed-in users, by socket id; the value is the user's name.
    Presence,
    /// Members of a room, by display name; the value is their socket id.
    Room(Arc<str>),
    /// People in a call, by socket id; the value is the user's name.
    Call(Arc<str>),
    /// Everybody who is in any call, by socket id; the value is the call's id.
    Calls,
}

/// A claim that was granted. Dropping it gives the name back.
#[derive(Debug)]
pub(crate) struct Lease {
    /// When, among the changes of its space.
    pub(crate) revision: u64,
    _end: Subscription,
}

impl Lease {
    /// `end` gives the name back.
    pub(crate) const fn new(revision: u64, end: Subscription) -> Self {
        Self { revision, _end: end }
    }
}

/// The claims in a space at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The last change that this takes into account.
    pub(crate) revision: u64,
    /// In the order in which they were made.
    pub(crate) claims: Vec<Claim>,
}

/// A name that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A name was taken, or given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Grows with each change of the space.
    pub(crate) revision: u64,
    pub(crate) claim: Claim,
    /// Taken rather than given back.
    pub(crate) is_new: bool,
}

impl Listing {
    /// Brings the listing up to date; false if it knew of this change.
    pub(crate) fn apply(&mut self, change: &Change) -> bool {
        if change.revision <= self.revision {
            return false;
        }
        self.revision = change.revision;
        if change.is_new {
            self.claims.push(change.claim.clone());
        } else {
            self.claims.retain(|claim| claim.name != change.claim.name);
        }
        true
    }
}

/// One connection, on whichever node: unguessable, and safe to tell others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SocketId {
    /// Which node it is connected to.
    node: u32,
    random: u128,
}

impl SocketId {
    /// A fresh one on `node`.
    pub(crate) fn generate(node: u32) -> Self {
        Self { node, random: rand::random() }
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (node, random) = text.split_once('-')?;
        let id = Self { node: u32::from_str_radix(node, 16).ok()?, random: u128::from_str_radix(random, 16).ok()? };
        // One spelling only: what is compared elsewhere is the text.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:032x}", self.node, self.random)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
