//! One thread's connections: who listens to what, and the letters that other threads send them.
//!
//! ```text
//!   store's writer, bus, leases, other threads ──► Mailbox ──► Shard, on its thread ──► Peers
//! ```
//!
//! What crosses threads is a letter, and a broadcast crosses once per thread; a thread hears of a topic only while one
//! of its connections listens to it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::history::History;
use super::peer::{Outcome, Peer};
use super::presence::{FIRST_VERSION, Presence};
use super::{Commons, rooms};
use crate::bus::{Change, Ear, Listing, Note, SocketId, Space, Subscription, Topic};
use crate::http::Services;

/// The connections of one thread.
pub(crate) struct Shard {
    commons: Arc<Commons>,
    mailbox: Arc<Mailbox>,
    peers: RefCell<HashMap<SocketId, Weak<Peer>>>,
    topics: RefCell<HashMap<Topic, Rc<Listeners>>>,
    spaces: RefCell<HashMap<Space, Rc<Watchers>>>,
    lists: Lists,
    rooms: rooms::Encoded,
}

#[derive(Default)]
struct Listeners {
    peers: RefCell<Vec<Rc<Peer>>>,
    subscription: OnceCell<Subscription>,
}

#[derive(Default)]
struct Watchers {
    peers: RefCell<Vec<Rc<Peer>>>,
    listing: RefCell<Listing>,
    /// Changes that were heard before the listing was there.
    early: RefCell<Vec<Change>>,
    subscription: OnceCell<Subscription>,
}

/// When this thread's connections are told who is online.
struct Lists {
    /// The version that all were told of who could be.
    shown: Cell<u64>,
    /// No list goes out before.
    next: Cell<Instant>,
    is_due: Cell<bool>,
}

impl Shard {
    /// Makes the thread's shard and has it look after its mailbox. Must be called on the thread's runtime.
    pub(crate) fn start(commons: Arc<Commons>) -> Rc<Self> {
        let mailbox = Arc::new(Mailbox::default());
        commons.presence.tell(mailbox.clone());
        let lists =
            Lists { shown: Cell::new(FIRST_VERSION), next: Cell::new(Instant::now()), is_due: Cell::new(false) };
        let shard = Rc::new(Self {
            commons,
            mailbox,
            peers: RefCell::default(),
            topics: RefCell::default(),
            spaces: RefCell::default(),
            lists,
            rooms: rooms::Encoded::default(),
        });
        tokio::task::spawn_local(read_mail(Rc::downgrade(&shard), shard.mailbox.clone()));
        shard
    }

    pub(crate) fn commons(&self) -> &Commons {
        &self.commons
    }

    pub(crate) fn services(&self) -> &Services {
        &self.commons.services
    }

    pub(crate) fn history(&self) -> &Arc<History> {
        &self.commons.history
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.commons.presence
    }

    pub(crate) const fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub(super) const fn rooms(&self) -> &rooms::Encoded {
        &self.rooms
    }

    pub(super) fn enter(&self, peer: &Rc<Peer>) {
        self.peers.borrow_mut().insert(peer.id(), Rc::downgrade(peer));
    }

    /// The connection is over, and hears of nothing any more.
    pub(super) fn leave(&self, peer: &Peer) {
        self.peers.borrow_mut().remove(&peer.id());
    }

    /// Has the connection hear of `topic` from now on, through [`Peer::hear`].
    pub(crate) async fn listen(&self, topic: Topic, peer: &Rc<Peer>) {
        let listeners = self.topics.borrow_mut().entry(topic.clone()).or_default().clone();
        listeners.peers.borrow_mut().push(peer.clone());
        let ear = self.mailbox.clone();
        listeners.subscription.get_or_init(|| self.services().bus.subscribe(topic, ear)).await;
    }

    /// The connection need not hear of it any more.
    pub(crate) fn unlisten(&self, topic: &Topic, peer: &Peer) {
        let mut topics = self.topics.borrow_mut();
        let Some(listeners) = topics.get(topic) else { return };
        remove(&listeners.peers, peer);
        if listeners.peers.borrow().is_empty() {
            topics.remove(topic);
        }
    }

    /// Has the connection hear what changes in `space` from now on, through [`Peer::changed`].
    pub(crate) async fn watch(&self, space: Space, peer: &Rc<Peer>) {
        let watchers = self.spaces.borrow_mut().entry(space.clone()).or_default().clone();
        watchers.peers.borrow_mut().push(peer.clone());
        let begin = async {
            let (listing, subscription) = self.services().leases.watch(space, self.mailbox.clone()).await;
            *watchers.listing.borrow_mut() = listing;
            for change in watchers.early.take() {
                watchers.listing.borrow_mut().apply(&change);
            }
            subscription
        };
        watchers.subscription.get_or_init(|| begin).await;
    }

    /// The connection need not hear of its changes any more.
    pub(crate) fn unwatch(&self, space: &Space, peer: &Peer) {
        let mut spaces = self.spaces.borrow_mut();
        let Some(watchers) = spaces.get(space) else { return };
        remove(&watchers.peers, peer);
        if watchers.peers.borrow().is_empty() {
            spaces.remove(space);
        }
    }

    /// Shows what is claimed in a space that is watched, as far as the watchers have been told; `None` if nobody watches.
    pub(crate) fn with_listing<R>(&self, space: &Space, with: impl FnOnce(&Listing) -> R) -> Option<R> {
        let watchers = self.spaces.borrow().get(space).cloned()?;
        let listing = watchers.listing.borrow();
        Some(with(&listing))
    }

    fn deliver(self: &Rc<Self>, letter: Letter) {
        match letter {
            Letter::Note(topic, note) => {
                let Some(listeners) = self.topics.borrow().get(&topic).cloned() else { return };
                for peer in &*listeners.peers.borrow() {
                    guarded(peer, |peer| peer.hear(&topic, &note));
                }
            }
            Letter::Change(space, change) => self.change(&space, change),
            Letter::Outcome(id, outcome) => {
                let peer = self.peers.borrow().get(&id).and_then(Weak::upgrade);
                if let Some(peer) = peer {
                    guarded(&peer, |peer| peer.stored(outcome));
                }
            }
            Letter::Presence => self.presence_changed(),
        }
    }

    fn change(&self, space: &Space, change: Change) {
        let Some(watchers) = self.spaces.borrow().get(space).cloned() else { return };
        if watchers.subscription.get().is_none() {
            watchers.early.borrow_mut().push(change);
            return;
        }
        if watchers.listing.borrow_mut().apply(&change) {
            let listing = watchers.listing.borrow();
            for peer in &*watchers.peers.borrow() {
                guarded(peer, |peer| peer.changed(space, &change, &listing));
            }
        }
    }

    /// The first change is shown at once, those that follow no sooner than the presence allows.
    fn presence_changed(self: &Rc<Self>) {
        if self.lists.is_due.replace(true) {
            return;
        }
        let next = self.lists.next.get();
        if Instant::now() >= next {
            self.show_presence();
            return;
        }
        let shard = self.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep_until(next).await;
            shard.show_presence();
        });
    }

    fn show_presence(&self) {
        self.lists.is_due.set(false);
        let (version, list) = self.presence().list();
        if version == self.lists.shown.get() {
            return;
        }
        self.lists.shown.set(version);
        self.lists.next.set(Instant::now() + self.presence().pause(&list));
        let Some(listeners) = self.topics.borrow().get(&Topic::Board).cloned() else { return };
        for peer in &*listeners.peers.borrow() {
            guarded(peer, |peer| super::presence::show(peer, version, &list));
        }
    }

    /// The version of the list that everybody has been told of by now, or should have been.
    pub(super) fn presence_shown(&self) -> u64 {
        self.lists.shown.get()
    }
}

/// Lets a connection handle something. If that panics, it is closed with 1011, and the others go on.
fn guarded(peer: &Rc<Peer>, work: impl FnOnce(&Rc<Peer>)) {
    if catch_unwind(AssertUnwindSafe(|| work(peer))).is_err() {
        peer.panicked();
    }
}

fn remove(peers: &RefCell<Vec<Rc<Peer>>>, peer: &Peer) {
    let mut peers = peers.borrow_mut();
    if let Some(place) = peers.iter().position(|other| other.id() == peer.id()) {
        peers.swap_remove(place);
    }
}

/// What others want a thread's connections to know, in the order in which they said it.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Post>);

#[derive(Default)]
struct Post {
    letters: Vec<Letter>,
    waker: Option<Waker>,
}

pub(crate) enum Letter {
    /// For all who listen.
    Note(Topic, Arc<Note>),
    /// For all who watch.
    Change(Space, Change),
    /// For one, about what it had the store append.
    Outcome(SocketId, Outcome),
    /// Other people are online than were.
    Presence,
}

impl Letter {
    /// How much it puts into an outbox, about.
    fn weight(&self) -> usize {
        let content = match self {
            Self::Note(_, note) => note.message.len(),
            Self::Change(..) | Self::Outcome(..) | Self::Presence => 0,
        };
        LETTER_WEIGHT + content
    }
}

impl Mailbox {
    pub(crate) fn post(&self, letter: Letter) {
        let mut post = self.lock();
        post.letters.push(letter);
        let waker = if post.letters.len() == 1 { post.waker.take() } else { None };
        drop(post);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// All that has come; waits for something.
    async fn take(&self) -> Vec<Letter> {
        std::future::poll_fn(|cx| {
            let mut post = self.lock();
            if post.letters.is_empty() {
                post.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut post.letters))
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear<Topic, Arc<Note>> for Mailbox {
    fn hear(&self, about: &Topic, what: &Arc<Note>) {
        self.post(Letter::Note(about.clone(), what.clone()));
    }
}

impl Ear<Space, Change> for Mailbox {
    fn hear(&self, about: &Space, what: &Change) {
        self.post(Letter::Change(about.clone(), what.clone()));
    }
}

/// Reads a thread's mail for as long as the thread has connections to serve.
async fn read_mail(shard: Weak<Shard>, mailbox: Arc<Mailbox>) {
    loop {
        let letters = mailbox.take().await;
        let mut weight = 0;
        for letter in letters {
            let Some(shard) = shard.upgrade() else { return };
            weight += letter.weight();
            shard.deliver(letter);
            if weight >= WEIGHT_AT_ONCE {
                // Connections have to write what they were given before they are given more: otherwise whoever reads
                // as fast as can be would look like one who does not read.
                tokio::task::yield_now().await;
                weight = 0;
            }
        }
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("peers", &self.peers.borrow().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("letters", &self.lock().letters.len()).finish_non_exhaustive()
    }
}

/// How much is delivered, as [`Letter::weight`] counts, before the connections have their turn.
const WEIGHT_AT_ONCE: usize = 64 << 10;

/// What a letter weighs even if there is nothing in it: so that 256 of them are enough at once.
const LETTER_WEIGHT: usize = WEIGHT_AT_ONCE / 256;

/// The shortest time between two lists of who is online.
pub(super) const LIST_PAUSE: Duration = Duration::from_millis(200);
