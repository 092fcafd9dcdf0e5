//! One direction of a relay.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use framescope_codec::FrameCursor;
use framescope_codec::capture::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::inspect::intercept::{Interception, Sluice};
use crate::inspect::taps::Taps;
use crate::net::dial::Dialed;
use crate::ws::thread;

/// One direction.
pub(super) struct Lane {
    pub(super) direction: Direction,
    cursor: FrameCursor,
    /// Let through and not yet written, from `at` on.
    pub(super) waiting: Vec<u8>,
    at: usize,
    pub(super) state: State,
    pub(super) passed: u64,
    /// Stands in the way while an operator is there.
    pub(super) sluice: Option<Box<Sluice>>,
    /// How what is read from has ended, while something is held that comes before that.
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Open,
    /// A FIN was read.
    Ended,
    /// It broke.
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Nothing more is read. What waits is yet to be written, and a FIN behind it.
    Ending,
    /// The FIN is out, or there is nobody to send it to.
    Shut,
}

/// Why a lane stands still.
pub(super) enum Still {
    /// There is nothing to do for now.
    Waits,
    /// Whoever keeps what the tap sees has to catch up.
    NoRoom,
    /// The end that is read from is gone.
    NoSource,
    /// The end that is written to is gone.
    NoSink,
}

impl Lane {
    pub(super) fn new(direction: Direction) -> Self {
        let (cursor, waiting) = (FrameCursor::default(), Vec::new());
        let (state, source) = (State::Open, Source::Open);
        Self { direction, cursor, waiting, at: 0, state, passed: 0, sluice: None, source }
    }

    /// Whether the next thing it does is to read, or something is held that was read before.
    pub(super) fn has_more_to_say(&self) -> bool {
        (self.state == State::Open && self.waiting.is_empty() && self.source == Source::Open) || self.holds()
    }

    /// Writes what waits, then reads and passes on, until one of these has to wait.
    pub(super) fn poll(
        &mut self,
        source: &mut Dialed,
        sink: &mut Dialed,
        taps: &mut Taps,
        mut interception: Option<&mut Interception>,
        cx: &mut Context<'_>,
    ) -> Still {
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
            match self.source {
                _ if self.stands_still() => return Still::Waits,
                Source::Open => {}
                Source::Ended => {
                    taps.shut(self.direction);
                    self.state = State::Ending;
                    continue;
                }
                Source::Cut => return Still::NoSource,
            }
            if !taps.has_room() {
                return Still::NoRoom;
            }
            let interception = interception.as_deref_mut();
            let read = thread::with_read_buffer(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                match Pin::new(&mut *source).poll_read(cx, &mut buffer) {
                    Poll::Pending => Some(Still::Waits),
                    // TLS that ends without saying so: whether frames are missing, the frames themselves tell.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        self.cease(Source::Ended, taps, interception)
                    }
                    Poll::Ready(Err(error)) => {
                        let still = gone(self.direction, "read from", &error, Still::NoSource);
                        self.cease(Source::Cut, taps, interception);
                        // What was not held is written first.
                        self.sluice.is_none().then_some(still)
                    }
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.cease(Source::Ended, taps, interception),
                    Poll::Ready(Ok(())) => match self.pass(buffer.filled(), sink, taps, interception, cx) {
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
    fn pass(
        &mut self,
        bytes: &[u8],
        sink: &mut Dialed,
        taps: &mut Taps,
        interception: Option<&mut Interception>,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        if self.sluice.is_some() {
            self.keep(bytes, taps, interception);
            return Ok(());
        }
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

    /// The same without writing any of it yet.
    pub(super) fn keep(&mut self, bytes: &[u8], taps: &mut Taps, interception: Option<&mut Interception>) {
        match (&mut self.sluice, interception) {
            (Some(sluice), Some(interception)) => {
                sluice.push(bytes, interception);
                self.drain(interception, taps);
            }
            _ => {
                self.look(bytes, taps);
                self.waiting.extend_from_slice(bytes);
            }
        }
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

    /// Nothing more will come; but what is held comes before that.
    fn cease(&mut self, source: Source, taps: &mut Taps, interception: Option<&mut Interception>) -> Option<Still> {
        self.source = source;
        if let (Some(sluice), Some(interception)) = (&mut self.sluice, interception) {
            sluice.finish();
            if sluice.holds() {
                interception.tell_of_end(self.direction, source == Source::Cut);
            }
            self.drain(interception, taps);
        }
        None
    }
}

/// What operators do in a lane.
impl Lane {
    pub(super) fn holds(&self) -> bool {
        self.sluice.as_ref().is_some_and(|sluice| sluice.holds())
    }

    /// Whether what comes next has to wait for an operator.
    fn stands_still(&self) -> bool {
        let waits = |sluice: &Sluice| sluice.is_full() || (sluice.holds() && self.source != Source::Open);
        self.sluice.as_deref().is_some_and(waits)
    }

    /// Begins and ends what operators wish.
    pub(super) fn obey(&mut self, interception: &mut Interception, taps: &mut Taps) {
        if self.sluice.is_none() {
            if !interception.is_wanted() || self.state != State::Open {
                return;
            }
            self.sluice = Some(Sluice::new(self.direction, interception, &self.cursor, self.passed == 0));
        }
        let Some(sluice) = &mut self.sluice else { return };
        let is_needed = sluice.obey(interception);
        self.drain(interception, taps);
        if !is_needed && let Some(sluice) = self.sluice.take() {
            self.cursor = sluice.cursor().clone();
        }
    }

    /// Lets what may go wait to be written.
    pub(super) fn drain(&mut self, interception: &Interception, taps: &mut Taps) {
        if let Some(sluice) = &mut self.sluice {
            let before = self.waiting.len();
            sluice.drain(interception, taps, &mut self.waiting);
            self.passed += (self.waiting.len() - before) as u64;
        }
    }

    /// We stop: all that is held goes.
    pub(super) fn let_go(&mut self, interception: &Interception, taps: &mut Taps) {
        if let Some(sluice) = &mut self.sluice {
            sluice.rest();
            self.drain(interception, taps);
        }
    }

    /// There is nobody to let it go to.
    pub(super) fn abandon(&mut self, interception: &Interception, taps: &mut Taps) {
        if let Some(sluice) = &mut self.sluice {
            sluice.abandon(interception, taps);
        }
    }
}

fn gone(direction: Direction, when: &str, error: &io::Error, still: Still) -> Still {
    tracing::debug!(direction = direction.name(), %error, "a relayed connection broke when {when}");
    still
}
