//! What a proxy passes on: both directions of one connection, byte for byte.
//!
//! ```text
//!              ┌──────────────── Relay ────────────────┐
//!   client ──► │ Lane c2s: read → pass ┬─► write, wait │ ──► upstream
//!   client ◄── │ Lane s2c: wait, write ◄─┬ pass ← read │ ◄── upstream
//!              └───────────────────────┼─┼─────────────┘
//!                                      tap: every byte, and where frames begin
//! ```
//!
//! [`Lane::pass`] is the one place through which everything goes, with the place of the first frame in it already
//! known. A lane is not read from while something waits to be written, so however slow a side is, there are never more
//! than a few reads' worth of bytes here, and the other side feels the network's own pace.
//!
//! While an operator [intercepts](super::intercept), a [`Sluice`] stands in each lane, and what it lets go is what is
//! written. Behind a frame that is held, reading goes on up to a limit.
//!
//! How a connection ends is passed on too: a FIN as a FIN, after all that came before it, with the other direction
//! going on; an RST as an RST, also where nobody reads just then.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use framescope_codec::Role;
use framescope_codec::capture::Direction;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::intercept::Interception;
use super::taps::Taps;
use crate::net::dial::Dialed;
use crate::ws::thread;
use lane::{Lane, State, Still};

mod lane;

/// Both directions of one connection, behind its opening handshake.
pub(crate) struct Relay {
    /// Client, upstream.
    ends: [Dialed; 2],
    /// What the client sends, what the upstream sends: each is read from the end with its index.
    lanes: [Lane; 2],
    /// Ends that are gone: nothing can be written there any more.
    broken: [bool; 2],
    taps: Taps,
    /// Of a proxy that has an inspector.
    interception: Option<Box<Interception>>,
    /// Which lane comes first this time, so that neither starves the other.
    first: usize,
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Both sides have said all.
    Shut,
    /// This side tore it down.
    Broken(Role),
    /// We stop.
    Stopped,
}

/// What the relay's task is woken for, besides bytes.
enum Wake {
    NoRoom,
    Over(Over),
}

impl Relay {
    /// Between two sides that have agreed. What the client has yet to be told of that is [put first](Self::put_first),
    /// and frames that have come already, [behind](Self::put_behind).
    pub(crate) fn new(client: Dialed, upstream: Dialed, taps: Taps, interception: Option<Box<Interception>>) -> Self {
        let lanes = Direction::BOTH.map(Lane::new);
        let mut relay = Self { ends: [client, upstream], lanes, broken: [false; 2], taps, interception, first: 0 };
        relay.look_at_desk();
        relay
    }

    /// Has these bytes go out in front of everything: the head of an answer, which is no frame.
    pub(crate) fn put_first(&mut self, direction: Direction, head: &[u8]) {
        self.lanes[place(direction)].waiting.extend_from_slice(head);
    }

    /// Passes on what came together with a head.
    pub(crate) fn put_behind(&mut self, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lanes[place(direction)].keep(bytes, &mut self.taps, self.interception.as_deref_mut());
        }
    }

    /// Does what operators want, if that has changed.
    fn look_at_desk(&mut self) {
        let Some(interception) = self.interception.as_deref_mut().filter(|one| one.seat().was_rung()) else { return };
        let orders = interception.look();
        for lane in &mut self.lanes {
            lane.obey(interception, &mut self.taps);
        }
        for order in orders {
            let lane = &mut self.lanes[place(order.direction())];
            match &mut lane.sluice {
                Some(sluice) if lane.state == State::Open => sluice.carry_out(order),
                _ => interception.refuse(&order),
            }
        }
        for lane in &mut self.lanes {
            lane.drain(interception, &mut self.taps);
        }
    }

    /// Passes on until the end. When `stopping`, what was read is written, and both sides are sent a FIN: a proxy puts
    /// no Close frame into anybody's mouth.
    pub(crate) async fn run(mut self, stopping: &CancellationToken) -> (Over, [u64; 2]) {
        let over = self.pass_on(stopping).await;
        if let Some(interception) = &self.interception {
            let ends = if over == Over::Stopped { Lane::let_go } else { Lane::abandon };
            self.lanes.iter_mut().for_each(|lane| ends(lane, interception, &mut self.taps));
        }
        match over {
            Over::Shut => self.taps.ended(),
            Over::Broken(role) => {
                self.taps.reset(from(role));
                let other = 1 - place(from(role));
                self.ends[other].wire().reset_when_dropped();
            }
            Over::Stopped => {
                self.taps.ended();
                let _ = tokio::time::timeout(PARTING, self.part()).await;
            }
        }
        (over, self.lanes.each_ref().map(|lane| lane.passed))
    }

    async fn pass_on(&mut self, stopping: &CancellationToken) -> Over {
        let [client, upstream] = self.ends.each_ref().map(|end| end.wire().broken());
        let mut gone = [Box::pin(client) as Pin<Box<dyn Future<Output = ()>>>, Box::pin(upstream)];
        let mut is_gone = [false; 2];
        let mut stop = pin!(stopping.cancelled());
        if let Some(interception) = &self.interception {
            poll_fn(|cx| {
                interception.seat().set_waker(cx.waker());
                Poll::Ready(())
            })
            .await;
        }
        loop {
            let wake = poll_fn(|cx| {
                self.look_at_desk();
                if self.taps.poll_changed(cx).is_ready() {
                    self.taps.look();
                }
                let mut has_room = true;
                self.first = 1 - self.first;
                for index in [self.first, 1 - self.first] {
                    has_room &= self.poll_lane(index, cx);
                }
                for ((gone, is_gone), index) in gone.iter_mut().zip(&mut is_gone).zip(0..) {
                    *is_gone = *is_gone || gone.as_mut().poll(cx).is_ready();
                    // While it is read from, what it sent before comes first; and then, reading says so, too.
                    self.broken[index] |= *is_gone && !self.lanes[index].has_more_to_say();
                    if *is_gone
                        && self.lanes[index].holds()
                        && let Some(interception) = &self.interception
                    {
                        interception.tell_of_end(self.lanes[index].direction, true);
                    }
                }
                if let Some(over) = self.over() {
                    return Poll::Ready(Wake::Over(over));
                }
                if stop.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Over(Over::Stopped));
                }
                if has_room { Poll::Pending } else { Poll::Ready(Wake::NoRoom) }
            });
            match wake.await {
                Wake::NoRoom => self.taps.room().await,
                Wake::Over(over) => return over,
            }
        }
    }

    /// Moves what can be moved. False if the tap has no room for more.
    fn poll_lane(&mut self, index: usize, cx: &mut Context<'_>) -> bool {
        let [client, upstream] = &mut self.ends;
        let (source, sink) = if index == 0 { (client, upstream) } else { (upstream, client) };
        let interception = self.interception.as_deref_mut();
        match self.lanes[index].poll(source, sink, &mut self.taps, interception, cx) {
            Still::Waits => return true,
            Still::NoRoom => return false,
            Still::NoSource => self.broken[index] = true,
            Still::NoSink => self.broken[1 - index] = true,
        }
        self.lanes[index].state = State::Shut;
        true
    }

    fn over(&self) -> Option<Over> {
        for (index, role) in [Role::Client, Role::Server].into_iter().enumerate() {
            // What somebody sent before going is still passed on.
            if self.broken[index] && !self.lanes[index].has_more_to_say() {
                return Some(Over::Broken(role));
            }
        }
        self.lanes.iter().all(|lane| lane.state == State::Shut).then_some(Over::Shut)
    }

    /// Says the last to both, and waits until they have, too. Closing with unread bytes would be an RST.
    async fn part(&mut self) {
        for lane in &mut self.lanes {
            if lane.state == State::Open {
                lane.state = State::Ending;
            }
        }
        let mut has_ended = [false; 2];
        poll_fn(|cx| {
            for (index, has_ended) in has_ended.iter_mut().enumerate() {
                self.poll_lane(index, cx);
                *has_ended = *has_ended || discard(&mut self.ends[index], cx).is_ready();
            }
            let is_said = self.lanes.iter().all(|lane| lane.state == State::Shut);
            if is_said && has_ended == [true; 2] { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Reads and throws away, until there is nothing more to come.
fn discard(end: &mut Dialed, cx: &mut Context<'_>) -> Poll<()> {
    thread::with_read_buffer(|buffer| {
        loop {
            let mut buffer = ReadBuf::new(buffer);
            match Pin::new(&mut *end).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    })
}

const fn from(sender: Role) -> Direction {
    match sender {
        Role::Client => Direction::ClientToServer,
        Role::Server => Direction::ServerToClient,
    }
}

const fn place(direction: Direction) -> usize {
    match direction {
        Direction::ClientToServer => 0,
        Direction::ServerToClient => 1,
    }
}

/// How long both sides have, when we stop, to say that they are done as well.
const PARTING: Duration = Duration::from_secs(1);
