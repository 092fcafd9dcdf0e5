//! The tunnel itself: bytes from the page to the far end, and back.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use framescope_codec::Message;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tunnel::{Shared, WINDOW, credit};
use crate::net::Pipe;
use crate::net::dial::{self, Dialed};
use crate::ws::thread;

/// What a tunnel leads to.
pub(super) trait Far: AsyncRead + AsyncWrite + Unpin {
    /// Leaves without a farewell: an RST, where there is such a thing.
    fn reset(self);

    /// Ends when it is torn down, also while nobody reads.
    fn broken(&self) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// Moves the bytes of one tunnel.
pub(super) struct Bore<S> {
    stream: S,
    shared: Rc<Shared>,
    /// The far end was told that no more comes.
    is_shut: bool,
    /// The far end sends no more.
    is_dry: bool,
    /// The far end takes no more; what is still for it is lost.
    is_blocked: bool,
    has_lost: bool,
    needs_flush: bool,
    /// What the far end has taken and the page was not told of.
    taken: u64,
    /// All that was sent to the page.
    sent: u64,
    /// One byte that the page has no credit for. It is read nevertheless, as the end, which costs none, stands behind
    /// the last byte.
    ahead: Option<u8>,
    /// For when there is nothing more to read, and so nothing that would show it.
    broken: Pin<Box<dyn Future<Output = ()>>>,
}

/// What the page's end has left for the tunnel's task.
pub(super) struct State {
    /// On its way to the far end.
    pending: VecDeque<u8>,
    /// All that has come from the page, and all that it was told might.
    received: u64,
    granted: u64,
    /// The page writes no more.
    pub(super) has_ended: bool,
    /// The page has broken it off.
    pub(super) is_reset: bool,
    /// Nothing of what the page writes is wanted any more.
    is_over: bool,
    /// The page is sent nothing any more.
    pub(super) is_gone: bool,
    /// Nothing more comes from the far end.
    pub(super) is_dry: bool,
    /// Something for the page waits until there is room.
    pub(super) wants_room: bool,
    /// How much the page takes, all in all; `None` as long as it has not said.
    allowed: Option<u64>,
    waker: Option<Waker>,
}

/// How a tunnel ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides have said all.
    Done,
    /// The page has left, or broken it off.
    Gone,
    /// The far end has broken it off, or was never reached.
    Failed(String),
    /// It may not lead there, or not any more.
    Refused(String),
    /// There are too many connections.
    Full,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            pending: VecDeque::new(),
            received: 0,
            granted: WINDOW as u64,
            has_ended: false,
            is_reset: false,
            is_over: false,
            is_gone: false,
            is_dry: false,
            wants_room: false,
            allowed: None,
            waker: None,
        }
    }

    /// Whether more is taken from the page. Who keeps to its credit is always listened to, as it may have some to give;
    /// who does not has to wait until what it sent is nearly gone.
    pub(super) fn has_room(&self) -> bool {
        self.received <= self.granted || self.pending.len() <= AHEAD_MAX
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.is_over {
            return;
        }
        self.received += bytes.len() as u64;
        // Doubling could make it hold nearly twice of what it must.
        self.pending.reserve_exact(bytes.len());
        self.pending.extend(bytes);
    }

    /// Whether the page has said that there is no more, and we did not say it for it.
    pub(super) const fn is_finished(&self) -> bool {
        self.has_ended && !self.is_over
    }

    pub(super) fn grant(&mut self, more: u64) {
        self.allowed = Some(self.allowed.unwrap_or(0).saturating_add(more));
    }

    /// Has the tunnel's task look around.
    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    pub(super) fn set_waker(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }
}

impl<S: Far> Bore<S> {
    pub(super) fn new(stream: S, shared: Rc<Shared>) -> Self {
        let broken = stream.broken();
        Self {
            broken,
            stream,
            shared,
            is_shut: false,
            is_dry: false,
            is_blocked: false,
            has_lost: false,
            needs_flush: false,
            taken: 0,
            sent: 0,
            ahead: None,
        }
    }

    /// Breaks off what is at the far end.
    pub(super) fn reset(self) {
        self.stream.reset();
    }

    /// What else comes from the page is thrown away, and the far end is told that nothing comes.
    pub(super) fn stop_writing(&mut self) {
        let mut state = self.shared.state.borrow_mut();
        state.pending.clear();
        (state.has_ended, state.is_over) = (true, true);
    }

    /// Moves what can be moved. Ready when that is all there is to do.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.shared.state.borrow_mut().set_waker(cx);
        for _ in 0..ROUNDS {
            let has_written = self.write(cx);
            let has_read = match self.read(cx) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(error)) => return Poll::Ready(End::Failed(reason(&error))),
                Poll::Pending => false,
            };
            if let Some(end) = self.end() {
                return Poll::Ready(end);
            }
            if (self.is_dry || self.ahead.is_some()) && self.broken.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Failed(BROKEN.to_owned()));
            }
            if !has_written && !has_read {
                return Poll::Pending;
            }
        }
        // Others want their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn end(&self) -> Option<End> {
        let state = self.shared.state.borrow();
        let is_delivered = state.pending.is_empty() && !self.needs_flush;
        if state.is_reset || (state.is_gone && is_delivered) {
            Some(End::Gone)
        } else if self.is_dry && self.has_lost {
            Some(End::Failed("it hung up before it had taken all".to_owned()))
        } else if self.is_dry && self.is_shut {
            Some(End::Done)
        } else {
            None
        }
    }

    /// From the page to the far end. Whether anything has moved.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.taken;
        let was_full = !self.shared.state.borrow().has_room();
        let is_written = self.poll_write(cx).is_ready();
        let mut state = self.shared.state.borrow_mut();
        let has_moved = self.taken > before;
        if is_written {
            state.pending = VecDeque::new();
        }
        let shuts = is_written && state.has_ended && !self.is_shut;
        drop(state);
        if shuts && Pin::new(&mut self.stream).poll_shutdown(cx).is_ready() {
            // If that failed, there is nobody to be told.
            self.is_shut = true;
        }
        if self.taken >= CREDIT_MIN && self.shared.has_room() {
            let more = std::mem::take(&mut self.taken);
            self.shared.state.borrow_mut().granted += more;
            let _ = self.shared.outbox.send(&*credit(more));
        }
        if was_full && self.shared.state.borrow().has_room() {
            self.shared.outbox.wake();
        }
        has_moved || (shuts && self.is_shut)
    }

    /// Ready once all is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state.borrow_mut();
        while let (bytes @ [_, ..], _) = state.pending.as_slices() {
            let written =
                if self.is_blocked { Ok(0) } else { ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)) };
            let len = match written {
                Ok(len @ 1..) => len,
                // What it has sent before is still to be read, and shows why.
                Ok(0) | Err(_) => {
                    (self.is_blocked, self.has_lost, self.needs_flush) = (true, true, false);
                    bytes.len()
                }
            };
            self.needs_flush = !self.is_blocked;
            self.taken += len as u64;
            state.pending.drain(..len);
        }
        if self.needs_flush {
            let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
            self.needs_flush = false;
            if flushed.is_err() {
                (self.is_blocked, self.has_lost) = (true, true);
            }
        }
        Poll::Ready(())
    }

    /// From the far end to the page. Pending without a wake-up where it is the page that is waited for: it wakes us.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (is_gone, allowed) = {
            let state = self.shared.state.borrow();
            (state.is_gone, state.allowed.unwrap_or(u64::MAX).saturating_sub(self.sent))
        };
        if self.is_dry || is_gone || !self.shared.has_room() || (allowed == 0 && self.ahead.is_some()) {
            return Poll::Pending;
        }
        if let Some(byte) = self.ahead.take() {
            self.send(&[byte]);
            return Poll::Ready(Ok(()));
        }
        let len = usize::try_from(allowed).unwrap_or(usize::MAX).clamp(1, READ_MAX);
        thread::with_read_buffer(|buffer| {
            let mut buffer = ReadBuf::new(&mut buffer[..len]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled() {
                [] => {
                    self.is_dry = true;
                    self.shared.state.borrow_mut().is_dry = true;
                    // As below.
                    let _ = self.shared.outbox.send(r#"{"eof":true}"#);
                }
                [byte] if allowed == 0 => self.ahead = Some(*byte),
                bytes => self.send(bytes),
            }
            Poll::Ready(Ok(()))
        })
    }

    fn send(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        // There was room, and if it is closing, nobody waits for more.
        let _ = self.shared.outbox.send(Message::Binary(bytes));
    }
}

impl Far for Pipe {
    fn reset(self) {
        Self::reset(self);
    }

    /// It has no way of being torn down but being left, and that shows.
    fn broken(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(pending())
    }
}

impl Far for Dialed {
    fn reset(self) {
        self.wire().reset_when_dropped();
    }

    fn broken(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(self.wire().broken())
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => BROKEN.to_owned(),
        io::ErrorKind::UnexpectedEof => "it hung up without the end that TLS asks for".to_owned(),
        _ => dial::reason(error),
    }
}

const BROKEN: &str = "it broke the connection off";

/// How much is read at once.
pub(super) const READ_MAX: usize = 16 << 10;

/// How much of what came without credit may wait when more is read.
const AHEAD_MAX: usize = 8 << 10;

/// Credit is not given byte by byte.
const CREDIT_MIN: u64 = 32 << 10;

/// How much moves before others have their turn.
const ROUNDS: usize = 16;
