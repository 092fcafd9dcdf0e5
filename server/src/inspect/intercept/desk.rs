//! Where operators and relays meet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Instant;

use framescope_codec::DeflateParams;
use framescope_codec::capture::gate::{Decision, Unfit};
use framescope_codec::capture::{Direction, filter::Filter};
use serde_json::Value;

use super::copies::Copy;
use super::orders::{Order, Orders};
use super::talk::{Compression, ConnectionInfo, Held, How, Inject, Notice, Unheld};
use super::{HELD_MAX, KEPT_MAX};
use crate::inspect::live::{Ends, now_ns};
use crate::inspect::watcher::lock;

/// One for a proxy.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
    /// How many bytes all lanes keep, inflated copies included.
    kept: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    operators: Vec<Arc<Inbox>>,
    wishes: Wishes,
    connections: BTreeMap<u32, Connection>,
    held: BTreeMap<u64, Waiting>,
    injections: BTreeMap<u64, Injection>,
    last_connection: u32,
    last_id: u64,
}

/// Bytes on their way in, and whose they are.
#[derive(Debug)]
struct Injection {
    operator: Arc<Inbox>,
    connection: u32,
    direction: Direction,
    /// What the operator calls it.
    tag: Value,
}

/// What is to be held, for each operator that is there.
pub(super) type Wishes = Arc<Vec<Wish>>;

#[derive(Clone, Debug)]
pub(super) struct Wish {
    operator: Arc<Inbox>,
    /// `None`: nothing.
    filter: Option<Arc<Filter>>,
    directions: [bool; 2],
}

#[derive(Debug)]
struct Connection {
    info: ConnectionInfo,
    orders: Arc<Orders>,
}

/// A frame that is held.
#[derive(Debug)]
struct Waiting {
    held: Held,
    operator: Arc<Inbox>,
    began: Instant,
}

/// What waits to be told to an operator.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    inner: Mutex<News>,
}

#[derive(Debug, Default)]
struct News {
    waiting: VecDeque<Notice>,
    unheld: Option<Unheld>,
    has_new_list: bool,
    waker: Option<Waker>,
    is_gone: bool,
}

/// What is known of a connection when it opens.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) ends: Ends,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) subprotocol: Option<&'a str>,
    pub(crate) deflate: Option<DeflateParams>,
}

/// One relay's place at the desk.
#[derive(Debug)]
pub(crate) struct Seat {
    desk: Arc<Desk>,
    connection: u32,
    orders: Arc<Orders>,
}

impl Desk {
    /// A connection has opened.
    pub(crate) fn take_seat(self: &Arc<Self>, setting: &Setting<'_>) -> Seat {
        let orders = Arc::<Orders>::default();
        let mut state = lock(&self.state);
        state.last_connection += 1;
        let connection = state.last_connection;
        let info = ConnectionInfo::new(connection, setting, now_ns() / 1_000_000);
        state.connections.insert(connection, Connection { info, orders: orders.clone() });
        state.tell_of_connections();
        if !state.operators.is_empty() {
            orders.ring();
        }
        drop(state);
        Seat { desk: self.clone(), connection, orders }
    }

    /// An operator comes, and holds nothing yet.
    pub(super) fn join(&self) -> Arc<Inbox> {
        let inbox = Arc::<Inbox>::default();
        let mut state = lock(&self.state);
        state.operators.push(inbox.clone());
        let wish = Wish { operator: inbox.clone(), filter: None, directions: [true; 2] };
        Arc::make_mut(&mut state.wishes).push(wish);
        inbox.change(|news| news.has_new_list = true);
        state.ring_all();
        inbox
    }

    /// An operator goes, and lets go of everything.
    pub(super) fn leave(&self, operator: &Arc<Inbox>) {
        let mut state = lock(&self.state);
        state.operators.retain(|other| !Arc::ptr_eq(other, operator));
        Arc::make_mut(&mut state.wishes).retain(|wish| !wish.is_of(operator));
        operator.change(|news| *news = News { is_gone: true, ..News::default() });
        state.forward_all(operator);
        state.ring_all();
    }

    /// An operator wants these held from now on, or nothing.
    pub(super) fn hold_from_now(&self, operator: &Arc<Inbox>, filter: Option<Filter>, directions: [bool; 2]) {
        let mut state = lock(&self.state);
        let holds = filter.is_some();
        if let Some(wish) = Arc::make_mut(&mut state.wishes).iter_mut().find(|wish| wish.is_of(operator)) {
            (wish.filter, wish.directions) = (filter.map(Arc::new), directions);
        }
        if !holds {
            state.forward_all(operator);
        }
        state.ring_all();
    }

    /// Lets go of everything that an operator holds.
    pub(super) fn forward_all(&self, operator: &Arc<Inbox>) {
        lock(&self.state).forward_all(operator);
    }

    /// Has something done with a frame that this operator holds. False if that is not so, or no more.
    pub(super) fn decide(&self, operator: &Arc<Inbox>, id: u64, decision: impl FnOnce(bool) -> Decision) -> bool {
        let state = lock(&self.state);
        let Some(waiting) = state.held.get(&id).filter(|waiting| Arc::ptr_eq(&waiting.operator, operator)) else {
            return false;
        };
        let Some(connection) = state.connections.get(&waiting.held.connection) else { return false };
        let (direction, decision) = (waiting.held.direction, decision(waiting.held.can_mend));
        connection.orders.give(Order::Decide { id, direction, decision });
        true
    }

    /// Has bytes put in, and the operator told what became of them under this tag. False if there is no such connection.
    pub(super) fn inject(&self, operator: &Arc<Inbox>, inject: Inject, bytes: Vec<u8>) -> bool {
        let Inject { connection, direction, force: is_forced, tag, .. } = inject;
        let mut state = lock(&self.state);
        let Some(orders) = state.connections.get(&connection).map(|found| found.orders.clone()) else { return false };
        state.last_id += 1;
        let id = state.last_id;
        state.injections.insert(id, Injection { operator: operator.clone(), connection, direction, tag });
        drop(state);
        orders.give(Order::Inject { tag: id, direction, bytes, is_forced });
        true
    }

    /// What is open; of very many, those that came last, and how many there are besides.
    pub(super) fn connections(&self) -> (Vec<ConnectionInfo>, usize) {
        let state = lock(&self.state);
        let more = state.connections.len().saturating_sub(LISTED_MAX);
        (state.connections.values().skip(more).map(|connection| connection.info.clone()).collect(), more)
    }

    /// What this operator is to be told of a frame that is held; `None` if it is not any more.
    pub(super) fn held(&self, id: u64) -> Option<Held> {
        lock(&self.state).held.get(&id).map(|waiting| waiting.held.clone())
    }
}

impl State {
    fn ring_all(&self) {
        self.connections.values().for_each(|connection| connection.orders.ring());
    }

    fn tell_of_connections(&self) {
        self.operators.iter().for_each(|operator| operator.change(|news| news.has_new_list = true));
    }

    fn forward_all(&self, operator: &Arc<Inbox>) {
        for (id, waiting) in self.held.iter().filter(|(_, waiting)| Arc::ptr_eq(&waiting.operator, operator)) {
            if let Some(connection) = self.connections.get(&waiting.held.connection) {
                let (id, direction) = (*id, waiting.held.direction);
                connection.orders.give(Order::Decide { id, direction, decision: Decision::Forward });
            }
        }
    }
}

impl Wish {
    fn is_of(&self, operator: &Arc<Inbox>) -> bool {
        Arc::ptr_eq(&self.operator, operator)
    }

    /// What it finds, if anything of this direction is to be held.
    pub(super) fn filter(&self, direction: Direction) -> Option<&Filter> {
        self.filter.as_deref().filter(|_| self.directions[super::sluice::place(direction)])
    }
}

impl Seat {
    /// Whose relay is to be woken.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        self.orders.set_waker(waker);
    }

    /// Whether there is something to do: orders, or other wishes.
    #[inline]
    pub(crate) fn was_rung(&self) -> bool {
        self.orders.was_rung()
    }

    pub(super) fn orders(&self) -> Vec<Order> {
        self.orders.take()
    }

    pub(super) fn wishes(&self) -> Wishes {
        lock(&self.desk.state).wishes.clone()
    }

    pub(super) const fn connection(&self) -> u32 {
        self.connection
    }

    /// Another frame is to be held. `None` if whoever wanted that is gone meanwhile, or too many are.
    pub(super) fn hold(&self, wish: &Wish, held: Held) -> Option<u64> {
        let mut state = lock(&self.desk.state);
        let still_wants = state.wishes.iter().any(|now| now.is_of(&wish.operator) && now.filter.is_some());
        if !still_wants || state.held.len() >= HELD_MAX {
            if still_wants {
                let length = held.bytes.len() as u64;
                wish.operator.tell_unheld(
                    self.connection,
                    held.direction,
                    length,
                    "as many frames as may be are held already",
                );
            }
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let operator = wish.operator.clone();
        let held = Held { id, connection: self.connection, since: now_ns() / 1_000_000, ..held };
        state.held.insert(id, Waiting { held, operator, began: Instant::now() });
        wish.operator.tell(Notice::Held(id));
        Some(id)
    }

    /// A frame is held no more. Says for how many milliseconds it was.
    pub(super) fn released(&self, id: u64, how: How) -> u64 {
        let Some(waiting) = lock(&self.desk.state).held.remove(&id) else { return 0 };
        waiting.operator.tell(Notice::Released(id, how));
        u64::try_from(waiting.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A frame was not even looked at.
    pub(super) fn tell_unheld(&self, wishes: &Wishes, direction: Direction, length: u64, why: &'static str) {
        for wish in wishes.iter().filter(|wish| wish.filter(direction).is_some()) {
            wish.operator.tell_unheld(self.connection, direction, length, why);
        }
    }

    /// What was to be put in was, or why it was not.
    pub(super) fn injected(&self, tag: u64, unfit: Option<Unfit>) {
        let Some(injection) = lock(&self.desk.state).injections.remove(&tag) else { return };
        injection.tell(unfit.map(|why| (why.to_string(), why != Unfit::Empty)));
    }

    /// What was to be put in cannot be.
    pub(super) fn refuse(&self, tag: u64, why: &str) {
        if let Some(injection) = lock(&self.desk.state).injections.remove(&tag) {
            injection.tell(Some((why.to_owned(), false)));
        }
    }

    /// The lane's bytes count for all.
    pub(super) fn keep(&self, before: usize, now: usize) {
        if now > before {
            self.desk.kept.fetch_add(now - before, Ordering::Relaxed);
        } else if now < before {
            self.desk.kept.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    /// A message that is held, inflated, if there is room for that.
    pub(super) fn copy(&self, message: Vec<u8>, lane: &Arc<AtomicUsize>) -> Option<Arc<Copy>> {
        Copy::of(message, lane, &self.desk.kept)
    }

    /// Whether more may be kept.
    pub(super) fn has_room(&self) -> bool {
        self.desk.kept.load(Ordering::Relaxed) < KEPT_MAX
    }

    /// Something about the connection has changed.
    pub(super) fn change(&self, change: impl FnOnce(&mut ConnectionInfo)) {
        let mut state = lock(&self.desk.state);
        if let Some(connection) = state.connections.get_mut(&self.connection) {
            let before = connection.info.clone();
            change(&mut connection.info);
            if connection.info != before {
                state.tell_of_connections();
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = lock(&self.desk.state);
        state.connections.remove(&self.connection);
        for (id, waiting) in state.held.extract_if(.., |_, waiting| waiting.held.connection == self.connection) {
            waiting.operator.tell(Notice::Released(id, How::Undelivered));
        }
        for (_, injection) in state.injections.extract_if(.., |_, injection| injection.connection == self.connection) {
            injection.tell(Some(("the connection is over".to_owned(), false)));
        }
        state.tell_of_connections();
    }
}

impl Injection {
    /// How it went; or why it did not, and whether force would help.
    fn tell(self, refused: Option<(String, bool)>) {
        let Self { operator, connection, direction, tag } = self;
        operator.tell(match refused {
            None => Notice::Injected { connection, direction, tag },
            Some((why, can_force)) => Notice::Refused { what: "inject", id: None, tag, why, can_force },
        });
    }
}

impl Inbox {
    fn change(&self, change: impl FnOnce(&mut News)) {
        let mut news = lock(&self.inner);
        if news.is_gone {
            return;
        }
        change(&mut news);
        let waker = news.waker.clone();
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.change(|news| news.waiting.push_back(notice));
    }

    fn tell_unheld(&self, connection: u32, direction: Direction, length: u64, why: &'static str) {
        self.change(|news| {
            let count = news.unheld.as_ref().map_or(0, |unheld| unheld.count) + 1;
            news.unheld = Some(Unheld { count, connection, direction, length, why });
        });
    }

    pub(super) fn set_waker(&self, waker: Option<Waker>) {
        lock(&self.inner).waker = waker;
    }

    pub(super) fn wake(&self) {
        self.change(|_| {});
    }

    /// Whether there is something to tell; what can wait, only to one who does not rest.
    pub(super) fn is_due(&self, is_resting: bool) -> bool {
        let news = lock(&self.inner);
        !news.waiting.is_empty() || (!is_resting && (news.has_new_list || news.unheld.is_some()))
    }

    /// What is to be told at once.
    pub(super) fn next(&self) -> Option<Notice> {
        lock(&self.inner).waiting.pop_front()
    }

    /// What could wait: whether there is a new list of connections, and what went by unheld.
    pub(super) fn take_rest(&self) -> (bool, Option<Unheld>) {
        let mut news = lock(&self.inner);
        (std::mem::take(&mut news.has_new_list), news.unheld.take())
    }
}

impl ConnectionInfo {
    fn new(connection: u32, setting: &Setting<'_>, since: u64) -> Self {
        let (client, server) = match setting.ends {
            Ends::Sockets { client, server } => (client.to_string(), server.to_string()),
            Ends::InProcess { port } => (port.to_string(), String::new()),
        };
        let compression = Direction::BOTH.map(|direction| {
            let deflate = setting.deflate?;
            Some(Compression { takeover: deflate.context_takeover(direction.sender()), known: true })
        });
        Self {
            connection,
            client,
            server,
            path: setting.path.to_owned(),
            host: setting.host.to_owned(),
            subprotocol: setting.subprotocol.map(str::to_owned),
            since,
            ended: [false; 2],
            reset: [false; 2],
            compression,
        }
    }
}

/// So many connections are listed.
const LISTED_MAX: usize = 1000;
