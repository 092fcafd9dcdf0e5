//! Chat rooms: the rooms family of messages, told apart by `type`.
//!
//! Whoever enters claims a name in the room's lease space, and is in it from the moment at which that space's watch
//! tells of the claim. The history is shown up to some number; messages with higher numbers come from the bus, and if
//! one of them is not the next, those in between are read from the store.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use framescope_codec::Broadcast;
use serde::Serialize;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::past::Past;
use super::peer::{Peer, Refusal};
use super::said::{Family, RoomConnect, RoomsSaid, SendMessage};
use crate::bus::{Change, Lease, Listing, Note, Space, Topic};
use crate::store::{Append, Item, Part, Stream};
use crate::ws::SendError;

/// Which room a connection is in, if any.
#[derive(Default)]
pub(crate) struct State(RefCell<Option<Rc<Membership>>>);

/// Being in a room, or about to be.
struct Membership {
    room: Arc<str>,
    name: String,
    seat: RefCell<Option<Arc<Seat>>>,
    /// Told when the name is free again.
    is_free: RefCell<Option<oneshot::Receiver<()>>>,
    phase: Cell<Phase>,
    /// Told when others have been told of us, and when there is nothing to wait for any more.
    entered: Notify,
    /// The number of the next message to show.
    next: Cell<u64>,
    /// The number of the last message that came in.
    newest: Cell<u64>,
    front: Arc<Front>,
    /// While there is no room for the next message.
    stall: Cell<Option<Stall>>,
    /// There was no room for the newest list of members.
    missed_list: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The others have not been told of us.
    Entering,
    /// The history is being read.
    Reading,
    /// The history was shown, and some messages are to be read that came in since.
    CatchingUp,
    /// All was shown that came in.
    Live,
    Left,
}

/// A name in a room. It is given back when nobody holds this any more: each message that is being stored does, so
/// that others are shown what somebody said before they are shown that they left.
struct Seat {
    _lease: Lease,
    /// Behind the lease, so that it is dropped after it.
    _is_free: oneshot::Sender<()>,
}

/// How far the members of each room are, at best.
#[derive(Debug, Default)]
pub(crate) struct Fronts(Mutex<HashMap<String, Weak<Front>>>);

/// How things were when a peer was last seen to take something.
#[derive(Clone, Copy)]
struct Stall {
    /// How much waited for it.
    waiting: usize,
    /// How much others had been shown.
    others: u64,
    since: Instant,
}

impl Stall {
    fn new(peer: &Peer, membership: &Membership) -> Self {
        Self { waiting: peer.outbox().waiting(), others: membership.front.bytes(), since: Instant::now() }
    }
}

/// What the member in this process was shown that is ahead of all others.
#[derive(Debug, Default)]
struct Front {
    /// The number of the last message.
    seq: AtomicU64,
    /// How long all of them were.
    bytes: AtomicU64,
}

/// What clients are shown.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Shown<'a> {
    MembersChanged { names: Vec<Cow<'a, str>> },
    ReceiveMessage { message: Cow<'a, str>, name: Cow<'a, str> },
}

/// A message in `room-connected`.
#[derive(Serialize)]
struct Entry<'a> {
    sender: Cow<'a, str>,
    message: Cow<'a, str>,
}

/// The list of members that was encoded last: it goes to many at once.
#[derive(Default)]
pub(crate) struct Encoded(RefCell<Option<List>>);

struct List {
    room: Arc<str>,
    /// Of the listing.
    revision: u64,
    message: Rc<Broadcast>,
}

/// Acts upon a message.
pub(super) fn handle(peer: &Rc<Peer>, said: RoomsSaid<'_>) -> Result<(), Refusal> {
    match said {
        RoomsSaid::Connect(said) => connect(peer, said),
        RoomsSaid::SendMessage(said) => send(peer, said),
        RoomsSaid::Leave => leave(peer),
    }
}

/// `room-connect`
fn connect(peer: &Rc<Peer>, said: RoomConnect<'_>) -> Result<(), Refusal> {
    let mut state = peer.rooms.0.borrow_mut();
    if state.is_some() {
        return Err(Refusal::from("you are in a room already"));
    }
    let membership = Rc::new(Membership {
        room: (&*said.room_id.0).into(),
        name: said.name.0.into_owned(),
        seat: RefCell::default(),
        is_free: RefCell::default(),
        phase: Cell::new(Phase::Entering),
        entered: Notify::new(),
        next: Cell::new(1),
        newest: Cell::new(0),
        front: peer.commons().fronts.of(&said.room_id.0),
        stall: Cell::new(None),
        missed_list: Cell::new(false),
    });
    *state = Some(membership.clone());
    let this = peer.clone();
    peer.busily(async move {
        if let Err(Refusal(error)) = enter(&this, &membership).await {
            forget(&this);
            this.refuse(Family::Rooms, &error, None);
        }
    });
    Ok(())
}

async fn enter(peer: &Rc<Peer>, membership: &Rc<Membership>) -> Result<(), Refusal> {
    // Watched first, claimed then: what tells of the claim cannot be missed.
    peer.watch(membership.space()).await;
    let (name, leases) = (membership.name.clone(), &peer.shard().services().leases);
    let Some(lease) = leases.claim(membership.space(), name, peer.id().to_string()).await else {
        return Err(Refusal::from("that name is already in this room"));
    };
    if peer.is_gone() {
        return Ok(());
    }
    let (tell, is_free) = oneshot::channel();
    membership.is_free.replace(Some(is_free));
    membership.seat.replace(Some(Arc::new(Seat { _lease: lease, _is_free: tell })));
    peer.listen(Topic::Room(membership.room.clone())).await;
    membership.entered.notified().await;
    if peer.is_gone() {
        return Ok(());
    }
    let past = Past {
        stream: Stream::Room(membership.room.clone()),
        first: 1,
        last: None,
        start: || {
            // From here on, changes are shown as such.
            membership.phase.set(Phase::CatchingUp);
            connected(peer, membership)
        },
        item: |item: &Item, json: &mut String| json.push_str(&entry(peer, item)),
    };
    if let Some(last) = past.show(peer).await? {
        membership.next.set(last + 1);
        catch_up(peer, membership, None).await;
    }
    Ok(())
}

/// `room-connected` up to its messages.
fn connected(peer: &Peer, membership: &Membership) -> String {
    let members = peer
        .shard()
        .with_listing(&membership.space(), |listing| serde_json::to_string(&names(peer, listing)).unwrap_or_default());
    // A text can always be written as JSON.
    let room = serde_json::to_string(&*membership.room).unwrap_or_default();
    let members = members.unwrap_or_default();
    format!(r#"{{"type":"room-connected","roomId":{room},"members":{members},"messages":["#)
}

/// Shows what was stored since the last message that was shown, as fast as the peer reads. It may not lag for long, if it
/// lags `since` some moment.
async fn catch_up(peer: &Rc<Peer>, membership: &Rc<Membership>, since: Option<Instant>) {
    while membership.newest.get() >= membership.next.get() {
        let part = Part::After { after: membership.next.get() - 1, limit: LATER_AT_ONCE };
        let stream = Stream::Room(membership.room.clone());
        let page = match peer.shard().services().store.read(stream, part).await {
            Ok(page) => page,
            Err(error) => return peer.give_up(&error.to_string()),
        };
        if membership.phase.get() == Phase::Left || page.items.is_empty() {
            return;
        }
        for item in page.items {
            // The name is ours alone: by it, nobody else has said anything since we are here.
            if item.author != membership.name {
                membership.stall.set(Some(Stall::new(peer, membership)));
                let has_room = peer.room_for_next(|| membership.has_stalled(peer)).await;
                membership.stall.set(None);
                if !has_room || membership.phase.get() == Phase::Left {
                    return;
                }
                if since.is_some_and(|since| since.elapsed() > BEHIND_MAX) {
                    return peer.too_slow();
                }
                peer.show(&received(peer, &item.body, &item.author));
            }
            membership.shown(item.seq, item.body.len());
        }
    }
    membership.phase.set(Phase::Live);
}

/// `send-message`
fn send(peer: &Rc<Peer>, said: SendMessage<'_>) -> Result<(), Refusal> {
    let state = peer.rooms.0.borrow();
    let membership = state.as_ref().ok_or(NOWHERE)?;
    let seat = membership.seat.borrow().clone().ok_or(NOWHERE)?;
    let (body, author, room) = (said.message.0.into_owned(), membership.name.clone(), membership.room.clone());
    let json = serde_json::to_string(&received(peer, &body, &author)).unwrap_or_default();
    let message = Broadcast::new(json.as_str(), &peer.commons().codec);
    let append = Append { stream: Stream::Room(room.clone()), author, body, id: peer.sent_id(said.id) };
    let from = peer.id();
    peer.append(Family::Rooms, append, move |bus, seq| {
        let note = Note { seq, stream: None, from, message, more: None };
        bus.publish(Topic::Room(room), Arc::new(note));
        drop(seat);
    });
    Ok(())
}

/// `room-leave`
fn leave(peer: &Rc<Peer>) -> Result<(), Refusal> {
    let membership = forget(peer).ok_or(NOWHERE)?;
    let is_free = membership.is_free.take();
    peer.busily(async move {
        // What it said comes first, and whoever wants the same name again finds it free.
        if let Some(is_free) = is_free {
            // It is never told anything: it ends.
            let _ = is_free.await;
        }
    });
    Ok(())
}

/// The connection is over: so is its membership.
pub(super) fn gone(peer: &Peer) {
    forget(peer);
}

/// Ends a connection's membership, and says what it was.
fn forget(peer: &Peer) -> Option<Rc<Membership>> {
    let membership = peer.rooms.0.take()?;
    membership.phase.set(Phase::Left);
    membership.entered.notify_one();
    membership.seat.take();
    peer.unwatch(&membership.space());
    peer.unlisten(&Topic::Room(membership.room.clone()));
    Some(membership)
}

/// A message was stored.
pub(super) fn heard(peer: &Rc<Peer>, note: &Note) {
    let Some(membership) = peer.rooms.0.borrow().clone() else { return };
    membership.newest.set(membership.newest.get().max(note.seq));
    if membership.phase.get() != Phase::Live {
        if membership.has_stalled(peer) {
            membership.stall.set(None);
            peer.too_slow();
        }
        return;
    }
    let is_next = note.seq == membership.next.get();
    if is_next && note.from == peer.id() {
        membership.next.set(note.seq + 1);
    } else if is_next && peer.outbox().has_room() {
        membership.shown(note.seq, note.message.len());
        peer.send(&note.message);
    } else if note.seq >= membership.next.get() {
        // One was missed, or the peer reads more slowly than others talk: a burst is no reason to let it go.
        membership.phase.set(Phase::CatchingUp);
        let this = peer.clone();
        peer.beside(async move { catch_up(&this, &membership, Some(Instant::now())).await });
    }
}

/// Somebody came or left.
pub(super) fn changed(peer: &Rc<Peer>, change: &Change, listing: &Listing) {
    let Some(membership) = peer.rooms.0.borrow().clone() else { return };
    match membership.phase.get() {
        Phase::Entering if change.is_new && change.claim.value == peer.id().to_string() => {
            membership.phase.set(Phase::Reading);
            membership.entered.notify_one();
        }
        Phase::CatchingUp | Phase::Live => show_members(peer, &membership, listing),
        Phase::Entering | Phase::Reading | Phase::Left => {}
    }
}

/// Whether there is a list of members that did not go out for lack of room, and room now.
pub(super) fn has_more(peer: &Peer) -> bool {
    let state = peer.rooms.0.borrow();
    state.as_ref().is_some_and(|membership| membership.missed_list.get()) && has_room_for_list(peer)
}

/// Shows the newest list in place of those that did not go out.
pub(super) fn send_more(peer: &Peer) {
    let Some(membership) = peer.rooms.0.borrow().clone() else { return };
    peer.shard().with_listing(&membership.space(), |listing| show_members(peer, &membership, listing));
}

fn show_members(peer: &Peer, membership: &Membership, listing: &Listing) {
    let is_missed = !has_room_for_list(peer) || {
        let list = peer.shard().rooms().members(peer, &membership.room, listing);
        peer.outbox().send_broadcast(&list) == Err(SendError::QueueFull)
    };
    membership.missed_list.set(is_missed);
}

/// Lists that wait behind each other are of no use.
fn has_room_for_list(peer: &Peer) -> bool {
    peer.outbox().has_room() && peer.outbox().waiting() < LIST_WAITING
}

impl Fronts {
    fn of(&self, room: &str) -> Arc<Front> {
        // Nothing is left half done under the lock.
        let mut fronts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(front) = fronts.get(room).and_then(Weak::upgrade) {
            return front;
        }
        // Whenever it would grow, those go whose rooms are empty.
        if fronts.len() == fronts.capacity() {
            fronts.retain(|_, front| front.strong_count() > 0);
        }
        let front = Arc::<Front>::default();
        fronts.insert(room.to_owned(), Arc::downgrade(&front));
        front
    }
}

impl Front {
    fn move_to(&self, seq: u64, len: usize) {
        if self.seq.fetch_max(seq, Ordering::Relaxed) < seq {
            self.bytes.fetch_add(len as u64, Ordering::Relaxed);
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Encoded {
    /// `members-changed` with those in `listing`.
    fn members(&self, peer: &Peer, room: &Arc<str>, listing: &Listing) -> Rc<Broadcast> {
        let mut newest = self.0.borrow_mut();
        if let Some(list) = newest.as_ref().filter(|list| list.room == *room && list.revision == listing.revision) {
            return list.message.clone();
        }
        let json = serde_json::to_string(&Shown::MembersChanged { names: names(peer, listing) }).unwrap_or_default();
        let message = Rc::new(Broadcast::new(json.as_str(), &peer.commons().codec));
        *newest = Some(List { room: room.clone(), revision: listing.revision, message: message.clone() });
        message
    }
}

impl Membership {
    fn space(&self) -> Space {
        Space::Room(self.room.clone())
    }

    /// Whether its peer takes nothing though others go on, or for very long. Where all of them stall, they may be one program
    /// that is busy talking and comes to reading later.
    fn has_stalled(&self, peer: &Peer) -> bool {
        let Some(stall) = self.stall.get() else { return false };
        if peer.outbox().waiting() < stall.waiting {
            self.stall.set(Some(Stall::new(peer, self)));
            return false;
        }
        self.front.bytes() - stall.others > OTHERS_GO_ON || stall.since.elapsed() > STALLED_AFTER
    }

    /// So much was shown with message `seq`.
    fn shown(&self, seq: u64, len: usize) {
        self.next.set(seq + 1);
        self.front.move_to(seq, len);
    }
}

/// The members' names as clients see them, in the order in which they came.
fn names<'a>(peer: &Peer, listing: &'a Listing) -> Vec<Cow<'a, str>> {
    listing.claims.iter().map(|claim| peer.commons().html(&claim.name)).collect()
}

/// `receive-message`
fn received<'a>(peer: &Peer, text: &'a str, author: &'a str) -> Shown<'a> {
    Shown::ReceiveMessage { message: peer.commons().html(text), name: peer.commons().html(author) }
}

/// A message in `room-connected`.
fn entry(peer: &Peer, item: &Item) -> String {
    let entry = Entry { sender: peer.commons().html(&item.author), message: peer.commons().html(&item.body) };
    serde_json::to_string(&entry).unwrap_or_default()
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_tuple("State").field(&state.as_ref().map(|membership| &membership.room)).finish()
    }
}

const NOWHERE: &str = "you are not in a room";

/// How many messages that came in while the history was read are read at once.
const LATER_AT_ONCE: usize = 16;

/// Whoever takes nothing while others are shown more than this has to go: it is more than systems take for a program that
/// does not read.
const OTHERS_GO_ON: u64 = 8 << 20;

/// And whoever takes nothing for so long, even if nobody else does.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Who lags behind for longer has to go.
const BEHIND_MAX: Duration = Duration::from_secs(10);

/// While more than this waits for a connection, no list is put behind it.
const LIST_WAITING: usize = 64 << 10;
