//! One connection as apps see it: who is there, what they may do, and what they have been sent.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use framescope_codec::{Broadcast, CloseCode, CloseFrame};
use serde::Serialize;
use tokio::time::timeout;

use super::said::{Family, Id, Said, Spoken, Unsaid};
use super::shard::{Letter, Shard};
use super::{Commons, Limits, call, direct, drawing, presence, rooms};
use crate::auth::Caller;
use crate::bus::{Bus, Change, Lease, Listing, Note, SocketId, Space, Topic};
use crate::store::{Append, Appended, SentId, StoreError, User};
use crate::ws::{Outbox, SendError};

/// A connection to `/websocket`, `/` or `/chat`. It stays on its thread.
pub(crate) struct Peer {
    id: SocketId,
    caller: Caller,
    spoken: Spoken,
    shard: Rc<Shard>,
    outbox: Rc<Outbox>,
    /// What it has to stop listening to in the end.
    topics: RefCell<Vec<Topic>>,
    spaces: RefCell<Vec<Space>>,
    /// How many things are being waited for, before which no other message may be handled.
    busy: Cell<usize>,
    /// Whoever waits to send the next piece of a message.
    piece: Waiter,
    /// Whoever waits to send the next of many messages.
    next: Waiter,
    is_gone: Cell<bool>,
    /// Appends that the store has not answered.
    in_flight: Cell<usize>,
    /// How many bytes these are about.
    bytes_in_flight: Cell<usize>,
    pub(super) drawing: drawing::State,
    pub(super) direct: direct::State,
    pub(super) calls: call::State,
    pub(super) rooms: rooms::State,
    pub(super) is_greeted: Cell<bool>,
    /// The version of the list of who is online that it was shown.
    pub(super) presence_seen: Cell<u64>,
    presence: RefCell<Option<(Option<Lease>, presence::Receiver)>>,
}

/// Why a message was not acted upon, for its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) std::borrow::Cow<'static, str>);

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self(reason.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(error.to_string().into())
    }
}

/// What became of an append.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its sender's id for it.
    id: Option<String>,
    /// How long it is.
    len: usize,
    family: Family,
    result: Result<Appended, StoreError>,
}

/// What every connection may be told, in the words of its family.
#[derive(Serialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
enum ShownOnBoard<'a> {
    Error {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    },
    Stored {
        id: &'a str,
    },
}

/// The same in rooms.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum ShownInRooms<'a> {
    Error {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    },
    Stored {
        id: &'a str,
    },
}

impl Peer {
    pub(super) fn new(caller: Caller, spoken: Spoken, shard: Rc<Shard>, outbox: Rc<Outbox>) -> Rc<Self> {
        let id = SocketId::generate(shard.commons().node);
        let peer = Rc::new(Self {
            id,
            caller,
            spoken,
            shard,
            outbox,
            topics: RefCell::default(),
            spaces: RefCell::default(),
            busy: Cell::new(0),
            piece: Waiter::default(),
            next: Waiter::default(),
            is_gone: Cell::new(false),
            in_flight: Cell::new(0),
            bytes_in_flight: Cell::new(0),
            drawing: drawing::State::default(),
            direct: direct::State::default(),
            calls: call::State::default(),
            rooms: rooms::State::default(),
            is_greeted: Cell::new(false),
            presence_seen: Cell::new(0),
            presence: RefCell::default(),
        });
        peer.shard.enter(&peer);
        peer
    }

    /// The connection is open: what it is told unasked begins.
    pub(super) fn opened(self: &Rc<Self>) {
        let peer = self.clone();
        self.busily(async move {
            if let Some(login) = &peer.caller.login {
                peer.listen(Topic::Session(login.token())).await;
                if !login.holds() {
                    return peer.signed_out();
                }
            }
            if peer.spoken == Spoken::Both {
                peer.appear().await;
                drawing::begin(&peer).await;
            }
        });
    }

    /// Takes its place among those who are online and are told who is.
    async fn appear(self: &Rc<Self>) {
        let leases = &*self.shard.services().leases;
        let receiver = presence::Receiver::new(&self.shard);
        let lease = match self.user() {
            Some(user) => leases.claim(Space::Presence, self.id.to_string(), user.name.to_string()).await,
            None => None,
        };
        self.shard.presence().up_to(lease.as_ref().map_or(0, |lease| lease.revision), leases).await;
        if let Some(user) = self.user() {
            self.listen(Topic::User(user.id)).await;
        }
        if !self.is_gone() {
            self.presence.replace(Some((lease, receiver)));
        }
    }

    pub(crate) const fn id(&self) -> SocketId {
        self.id
    }

    /// Who it is, as of now: a session can end while its connection is open.
    pub(crate) fn user(&self) -> Option<&User> {
        self.caller.user()
    }

    /// The user, for what only a user may do.
    pub(crate) fn signed_in(&self) -> Result<&User, Refusal> {
        Ok(self.user().ok_or("sign in first")?)
    }

    pub(crate) const fn shard(&self) -> &Rc<Shard> {
        &self.shard
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.commons().limits
    }

    pub(crate) fn commons(&self) -> &Commons {
        self.shard.commons()
    }

    /// Whether the connection is over. To be asked behind each `await`.
    pub(crate) const fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// Handles a message.
    pub(super) fn received(self: &Rc<Self>, json: &str) {
        let (family, handled) = match Said::read(json, self.spoken, self.limits().lengths) {
            Ok(Said::Board(said)) => (Family::Board, super::board::handle(self, said, json)),
            Ok(Said::Rooms(said)) => (Family::Rooms, rooms::handle(self, said)),
            Err(Unsaid { family, error }) => (family, Err(Refusal(error))),
        };
        if let Err(Refusal(error)) = handled {
            self.refuse(family, &error, sent_id_in(json).as_deref());
        }
    }

    /// Tells why a message was not acted upon.
    pub(crate) fn refuse(&self, family: Family, error: &str, id: Option<&str>) {
        match family {
            Family::Board => self.show(&ShownOnBoard::Error { error, id }),
            Family::Rooms => self.show(&ShownInRooms::Error { error, id }),
        }
    }

    /// Sends a message of ours.
    pub(crate) fn show(&self, shown: &impl Serialize) {
        // Nothing in our types can fail to be JSON.
        self.send_text(&serde_json::to_string(shown).unwrap_or_default());
    }

    pub(crate) fn send_text(&self, json: &str) {
        self.is_in_time(self.outbox.send(json));
    }

    /// Sends a message that others are sent as well.
    pub(crate) fn send(&self, broadcast: &Broadcast) {
        self.is_in_time(self.outbox.send_broadcast(broadcast));
    }

    /// Messages have an order, so none can be left out: who is too slow for them has to go.
    fn is_in_time(&self, sent: Result<(), SendError>) {
        if sent == Err(SendError::QueueFull) {
            self.too_slow();
        }
    }

    pub(crate) fn too_slow(&self) {
        self.outbox.end(Some(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "you read too slowly")));
    }

    /// Ends the connection, because something that everything hangs on failed.
    pub(crate) fn give_up(&self, reason: &str) {
        self.outbox.end(Some(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, reason)));
    }

    pub(super) fn panicked(&self) {
        tracing::error!("a handler panicked: its connection is closed with 1011");
        self.outbox.end(Some(CloseFrame::new(CloseCode::INTERNAL_ERROR, "something went wrong here")));
    }

    fn signed_out(&self) {
        self.outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, "signed out")));
    }

    /// Does something that takes a while. Until it is done, the connection's next message has to wait.
    pub(crate) fn busily(self: &Rc<Self>, work: impl Future<Output = ()> + 'static) {
        self.busy.set(self.busy.get() + 1);
        let busy = Busy(self.clone());
        self.beside(async move {
            work.await;
            drop(busy);
        });
    }

    /// The same, while other messages are handled.
    pub(crate) fn beside(self: &Rc<Self>, work: impl Future<Output = ()> + 'static) {
        let witness = Witness(self.clone());
        tokio::task::spawn_local(async move {
            work.await;
            drop(witness);
        });
    }

    /// Waits until another piece of a message may be sent; false if none may any more. Meanwhile nothing is read that could
    /// show that the peer lives, so it has to show it by reading.
    pub(crate) async fn room_for_piece(&self) -> bool {
        loop {
            let waiting = self.outbox.waiting();
            match timeout(PIECE_TAKEN_IN, self.room(&self.piece, Self::may_send_piece)).await {
                Ok(has_room) => return has_room,
                Err(_) if self.outbox.waiting() < waiting => {}
                Err(_) => {
                    self.too_slow();
                    return false;
                }
            }
        }
    }

    /// Waits until another message may be sent; false if none may any more. A peer that takes nothing is asked after now
    /// and then, and let go once it `has_stalled`.
    pub(crate) async fn room_for_next(&self, has_stalled: impl Fn() -> bool) -> bool {
        while timeout(ASK_AFTER, self.room(&self.next, Self::may_send_next)).await.is_err() {
            if has_stalled() {
                self.too_slow();
                return false;
            }
        }
        !self.is_gone() && self.outbox.is_open()
    }

    /// One message in pieces at a time: until the board is out, nobody else may begin one.
    fn may_send_piece(&self) -> bool {
        self.outbox.has_room_for_piece() && !drawing::is_greeting(self)
    }

    fn may_send_next(&self) -> bool {
        self.outbox.has_room()
    }

    async fn room(&self, waiter: &Waiter, has_room: fn(&Self) -> bool) -> bool {
        std::future::poll_fn(|cx| {
            if self.is_gone() || !self.outbox.is_open() {
                return Poll::Ready(false);
            }
            if has_room(self) {
                return Poll::Ready(true);
            }
            waiter.0.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Listens to a topic for as long as the connection lives, or until [`unlisten`](Self::unlisten).
    pub(crate) async fn listen(self: &Rc<Self>, topic: Topic) {
        if self.is_gone() {
            return;
        }
        self.topics.borrow_mut().push(topic.clone());
        self.shard.listen(topic, self).await;
    }

    pub(crate) fn unlisten(&self, topic: &Topic) {
        self.topics.borrow_mut().retain(|other| other != topic);
        self.shard.unlisten(topic, self);
    }

    /// Watches a space for as long as the connection lives, or until [`unwatch`](Self::unwatch).
    pub(crate) async fn watch(self: &Rc<Self>, space: Space) {
        if self.is_gone() {
            return;
        }
        self.spaces.borrow_mut().push(space.clone());
        self.shard.watch(space, self).await;
    }

    pub(crate) fn unwatch(&self, space: &Space) {
        self.spaces.borrow_mut().retain(|other| other != space);
        self.shard.unwatch(space, self);
    }

    /// Has the store append an item, and `show` it once it is stored, unless it was before. The sender hears of it
    /// if the item has an id, or if it failed.
    pub(crate) fn append(&self, family: Family, append: Append, show: impl FnOnce(&dyn Bus, u64) + Send + 'static) {
        let len = append.body.len();
        self.in_flight.set(self.in_flight.get() + 1);
        self.bytes_in_flight.set(self.bytes_in_flight.get() + len);
        let id = append.id.as_ref().map(|id| id.id.clone());
        let (me, mailbox, bus) = (self.id, self.shard.mailbox().clone(), self.shard.services().bus.clone());
        let done = Box::new(move |result| {
            if let Ok(Appended::New(seq)) = result {
                show(&*bus, seq);
            }
            mailbox.post(Letter::Outcome(me, Outcome { id, len, family, result }));
        });
        self.shard.services().store.append(append, done);
    }

    /// The store has answered an append.
    pub(super) fn stored(&self, outcome: Outcome) {
        let had_room = self.has_room_in_flight();
        self.in_flight.set(self.in_flight.get() - 1);
        self.bytes_in_flight.set(self.bytes_in_flight.get() - outcome.len);
        if !had_room && self.has_room_in_flight() {
            self.outbox.wake();
        }
        match (outcome.result, &outcome.id, outcome.family) {
            (Err(error), id, family) => self.refuse(family, &error.to_string(), id.as_deref()),
            (Ok(_), Some(id), Family::Board) => self.show(&ShownOnBoard::Stored { id }),
            (Ok(_), Some(id), Family::Rooms) => self.show(&ShownInRooms::Stored { id }),
            (Ok(_), None, _) => {}
        }
    }

    /// What makes sending an item again safe, if its sender wants that: ids are each sender's own.
    pub(crate) fn sent_id(&self, id: Option<Id<'_>>) -> Option<SentId> {
        let Id(id) = id?;
        let sender = match (self.user(), self.caller.session) {
            (Some(user), _) => format!("user {}", user.id.0),
            (None, Some(session)) => format!("session {}", session.fingerprint()),
            (None, None) => format!("connection {}", self.id),
        };
        Some(SentId { sender, id: id.into_owned() })
    }

    /// A note of a topic it listens to. Must not listen or unlisten to that topic.
    pub(super) fn hear(self: &Rc<Self>, topic: &Topic, note: &Note) {
        match topic {
            Topic::Board => drawing::heard(self, note),
            Topic::Session(_) => self.signed_out(),
            Topic::User(_) => direct::heard(self, note),
            Topic::Room(_) => rooms::heard(self, note),
            Topic::Socket(_) => call::heard(self, note),
            Topic::Users => {}
        }
    }

    /// A change in a space it watches; `listing` is as it is after it. Must not watch or unwatch that space.
    pub(super) fn changed(self: &Rc<Self>, space: &Space, change: &Change, listing: &Listing) {
        match space {
            Space::Room(_) => rooms::changed(self, change, listing),
            Space::Call(_) => call::changed(self, change, listing),
            Space::Presence | Space::Calls => {}
        }
    }

    /// Whether more messages may come in.
    pub(super) fn has_room(&self) -> bool {
        self.busy.get() == 0 && self.has_room_in_flight()
    }

    const fn has_room_in_flight(&self) -> bool {
        self.in_flight.get() < IN_FLIGHT_MAX && self.bytes_in_flight.get() < BYTES_IN_FLIGHT_MAX
    }

    /// Whether there is something to send unasked, and room for it.
    pub(super) fn has_more(&self) -> bool {
        if self.spoken == Spoken::Both {
            let has_strokes = drawing::has_more(self) && self.outbox.has_room_for_piece();
            let has_list = presence::has_more(self) && self.outbox.has_room();
            if has_strokes || has_list {
                return true;
            }
        }
        self.piece.is_waiting() && self.may_send_piece()
            || self.next.is_waiting() && self.may_send_next()
            || rooms::has_more(self)
    }

    pub(super) fn send_more(&self) {
        drawing::send_more(self);
        if presence::has_more(self) {
            presence::send_more(self);
        }
        if rooms::has_more(self) {
            rooms::send_more(self);
        }
        if self.may_send_piece() {
            self.piece.wake();
        }
        if self.may_send_next() {
            self.next.wake();
        }
    }

    /// The connection is over: others are told, and nothing is kept.
    pub(super) fn leave(&self) {
        self.is_gone.set(true);
        self.piece.wake();
        self.next.wake();
        rooms::gone(self);
        call::leave(self);
        for topic in self.topics.take() {
            self.shard.unlisten(&topic, self);
        }
        for space in self.spaces.take() {
            self.shard.unwatch(&space, self);
        }
        self.presence.take();
        self.shard.leave(self);
    }
}

/// The id in a message that was not acted upon, so that its sender can tell which it was.
fn sent_id_in(json: &str) -> Option<String> {
    let fields = super::fields::Fields::read(json)?;
    fields.read_as::<String>("id").filter(|id| id.chars().count() <= super::said::ID_MAX)
}

/// Something that waits for room in the outbox.
#[derive(Default)]
struct Waiter(Cell<Option<Waker>>);

impl Waiter {
    fn is_waiting(&self) -> bool {
        let waker = self.0.take();
        let is_waiting = waker.is_some();
        self.0.set(waker);
        is_waiting
    }

    fn wake(&self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

/// While it lives, its connection's next message waits.
struct Busy(Rc<Peer>);

/// Closes its connection if it is dropped in a panic.
struct Witness(Rc<Peer>);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        self.0.outbox.wake();
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id).field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// More appends than this are not begun before the store has answered some.
const IN_FLIGHT_MAX: usize = 1024;

/// Nor more than these are about. What a connection says in one go is stored in few commits, and nobody fills the store's
/// line alone.
const BYTES_IN_FLIGHT_MAX: usize = 128 << 10;

/// Whoever takes nothing of a message in pieces for so long is gone.
const PIECE_TAKEN_IN: Duration = Duration::from_secs(30);

/// How often somebody is looked at who has no room for the next message.
const ASK_AFTER: Duration = Duration::from_millis(100);
