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
//! known. Whoever wants to hold, change, drop or add frames does it there: what the lane lets through is written, and
//! what it keeps to itself simply is not. A lane is not read from while it keeps something, so however slow a side is,
//! there are never more than a few reads' worth of bytes here, and the other side feels the network's own pace.
//!
//! How a connection ends is passed on too: a FIN as a FIN, after all that came before it, with the other direction
//! going on; an RST as an RST, also where nobody reads just then.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use framescope_codec::capture::Direction;
use framescope_codec::{FrameCursor, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::taps::Taps;
use crate::net::dial::Dialed;
use crate::ws::thread;

/// Both directions of one connection, behind its opening handshake.
pub(crate) struct Relay {
    /// Client, upstream.
    ends: [Dialed; 2],
    /// What the client sends, what the upstream sends: each is read from the end with its index.
    lanes: [Lane; 2],
    /// Ends that are gone: nothing can be written there any more.
    broken: [bool; 2],
    taps: Taps,
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

/// One direction.
struct Lane {
    direction: Direction,
    cursor: FrameCursor,
    /// Let through and not yet written, from `at` on.
    waiting: Vec<u8>,
    at: usize,
    state: State,
    passed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more is read. What waits is yet to be written, and a FIN behind it.
    Ending,
    /// The FIN is out, or there is nobody to send it to.
    Shut,
}

/// Why a lane stands still.
enum Still {
    /// There is nothing to do for now.
    Waits,
    /// Whoever keeps what the tap sees has to catch up.
    NoRoom,
    /// The end that is read from is gone.
    NoSource,
    /// The end that is written to is gone.
    NoSink,
}

/// What the relay's task is woken for, besides bytes.
enum Wake {
    NoRoom,
    Over(Over),
}

impl Relay {
    /// Between two sides that have agreed. What the client has yet to be told of that is [put first](Self::put_first),
    /// and frames that have come already, [behind](Self::put_behind).
    pub(crate) fn new(client: Dialed, upstream: Dialed, taps: Taps) -> Self {
        let lanes = Direction::BOTH.map(Lane::new);
        Self { ends: [client, upstream], lanes, broken: [false; 2], taps, first: 0 }
    }

    /// Has these bytes go out in front of everything: the head of an answer, which is no frame.
    pub(crate) fn put_first(&mut self, direction: Direction, head: &[u8]) {
        self.lanes[place(direction)].waiting.extend_from_slice(head);
    }

    /// Passes on what came together with a head.
    pub(crate) fn put_behind(&mut self, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lanes[place(direction)].look(bytes, &mut self.taps);
            self.lanes[place(direction)].waiting.extend_from_slice(bytes);
        }
    }

    /// Passes on until the end. When `stopping`, what was read is written, and both sides are sent a FIN: a proxy puts
    /// no Close frame into anybody's mouth.
    pub(crate) async fn run(mut self, stopping: &CancellationToken) -> (Over, [u64; 2]) {
        let over = self.pass_on(stopping).await;
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
        loop {
            let wake = poll_fn(|cx| {
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
                    self.broken[index] |= *is_gone && !self.lanes[index].is_reading();
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
        match self.lanes[index].poll(source, sink, &mut self.taps, cx) {
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
            if self.broken[index] && !self.lanes[index].is_reading() {
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

impl Lane {
    fn new(direction: Direction) -> Self {
        let (cursor, waiting) = (FrameCursor::default(), Vec::new());
        Self { direction, cursor, waiting, at: 0, state: State::Open, passed: 0 }
    }

    /// Whether the next thing it does is to read.
    fn is_reading(&self) -> bool {
        self.state == State::Open && self.waiting.is_empty()
    }

    /// Writes what waits, then reads and passes on, until one of these has to wait.
    fn poll(&mut self, source: &mut Dialed, sink: &mut Dialed, taps: &mut Taps, cx: &mut Context<'_>) -> Still {
        loop {
            if self.state == State::Shut {
                return Still::Waits;
            }
            match self.poll_written(sink, cx) {
                Poll::Pending => return Still::Waits,
                Poll::Ready(Err(error)) => return gone(self.direction, "written to", &error, Still::NoSink),
                Poll::Ready(Ok(())) => {}
            }
            if self.state == State::Ending {
                match Pin::new(&mut *sink).poll_shutdown(cx) {
                    Poll::Pending => return Still::Waits,
                    Poll::Ready(Err(error)) => return gone(self.direction, "shut down", &error, Still::NoSink),
                    Poll::Ready(Ok(())) => self.state = State::Shut,
                }
                continue;
            }
            if !taps.has_room() {
                return Still::NoRoom;
            }
            let read = thread::with_read_buffer(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                match Pin::new(&mut *source).poll_read(cx, &mut buffer) {
                    Poll::Pending => Some(Still::Waits),
                    // TLS that ends without saying so: whether frames are missing, the frames themselves tell.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.end(taps),
                    Poll::Ready(Err(error)) => Some(gone(self.direction, "read from", &error, Still::NoSource)),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.end(taps),
                    Poll::Ready(Ok(())) => match self.pass(buffer.filled(), sink, taps, cx) {
                        Ok(()) => None,
                        Err(error) => Some(gone(self.direction, "written to", &error, Still::NoSink)),
                    },
                }
            });
            if let Some(still) = read {
                return still;
            }
        }
    }

    /// The one place that everything goes through.
    fn pass(&mut self, bytes: &[u8], sink: &mut Dialed, taps: &mut Taps, cx: &mut Context<'_>) -> io::Result<()> {
        self.look(bytes, taps);
        let written = match Pin::new(sink).poll_write(cx, bytes) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        self.waiting.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn look(&mut self, bytes: &[u8], taps: &mut Taps) {
        let next_frame = self.cursor.advance(bytes);
        taps.relayed(self.direction, bytes, next_frame);
        self.passed += bytes.len() as u64;
    }

    /// Writes what waits, and gives its memory back.
    fn poll_written(&mut self, sink: &mut Dialed, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.at < self.waiting.len() {
            match Pin::new(&mut *sink).poll_write(cx, &self.waiting[self.at..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.at += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.at > 0 {
            (self.waiting, self.at) = (Vec::new(), 0);
        }
        // TLS may keep the last of it to itself otherwise.
        Pin::new(sink).poll_flush(cx)
    }

    /// Nothing more will come.
    fn end(&mut self, taps: &mut Taps) -> Option<Still> {
        taps.shut(self.direction);
        self.state = State::Ending;
        None
    }
}

fn gone(direction: Direction, when: &str, error: &io::Error, still: Still) -> Still {
    tracing::debug!(direction = direction.name(), %error, "a relayed connection broke when {when}");
    still
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
