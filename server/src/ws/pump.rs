//! A stream joined to the codec: reads what is there, hands out events, writes what they left behind.
//!
//! The same for both roles, with no notion of time. Per wake-up, all that was read is worked off
//! before one write takes all the answers; a message lies in the thread's read buffer while its event is
//! handled, and is copied only if it did not arrive in one piece.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use framescope_codec::{Event, Input, Receiver};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Outbox, thread};

/// Joins a stream to the receiving half of a connection. Its [`Outbox`] has the other half.
pub(crate) struct Pump<S> {
    stream: S,
    receiver: Receiver,
    stage: Stage,
    /// Bytes that were read but not worked off, since the outbox was full.
    held: Option<Box<[u8]>>,
}

/// Whoever is at the other side of the pump.
pub(crate) trait Witness {
    /// These bytes were read; `receiver` is as it was before them.
    fn read(&mut self, bytes: &[u8], receiver: &Receiver);

    /// These bytes were written; they begin with a frame or somewhere within one.
    fn wrote(&mut self, bytes: &[u8], begins_frame: bool);

    /// This came in.
    fn event(&mut self, event: Event<'_>, outbox: &Outbox);

    /// The peer tore the stream down.
    fn reset(&mut self) {}

    /// Whether more events may come. Whoever says no sees to it that the pump is polled again.
    fn has_room(&mut self) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Bytes go both ways.
    Flowing,
    /// All is said and written, our half is shut down, and what still comes is thrown away.
    Lingering,
    /// The peer's half has ended; what waits is still written.
    Draining,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pump<S> {
    /// `read_ahead` came behind the opening handshake.
    pub(crate) fn new(stream: S, receiver: Receiver, read_ahead: &[u8]) -> Self {
        let held = (!read_ahead.is_empty()).then(|| read_ahead.into());
        Self { stream, receiver, stage: Stage::Flowing, held }
    }

    pub(crate) const fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn release_idle(&mut self) {
        self.receiver.release_idle();
    }

    /// Moves bytes and events until the stream has nothing more for now. Ready once the connection is
    /// over, for better or worse; [`Outbox::closed`] knows which.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, outbox: &Outbox, witness: &mut impl Witness) -> Poll<()> {
        for _ in 0..ROUNDS {
            let is_written = match outbox.poll_write(cx, &mut self.stream, |bytes, begins| witness.wrote(bytes, begins))
            {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(error)) => return broken(&error, witness),
                Poll::Pending => false,
            };
            if is_written && self.poll_shutdown(cx, outbox).is_ready() {
                return Poll::Ready(());
            }
            if self.stage == Stage::Draining || !outbox.has_room() || !witness.has_room() {
                return Poll::Pending;
            }
            match self.poll_read(cx, outbox, witness) {
                Poll::Ready(Ok(0)) => self.stage = Stage::Draining,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return broken(&error, witness),
                Poll::Pending => return Poll::Pending,
            }
        }
        // Others want their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// All is written: is that all there is? Ready if the connection is over.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<()> {
        match self.stage {
            Stage::Draining => Poll::Ready(()),
            Stage::Lingering if outbox.linger_exhausted() => Poll::Ready(()),
            Stage::Flowing if outbox.wants_shutdown() => match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => {
                    self.stage = Stage::Lingering;
                    self.held = None;
                    Poll::Pending
                }
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            },
            Stage::Flowing | Stage::Lingering => Poll::Pending,
        }
    }

    /// Takes in one buffer of bytes and works it off; `Ok(0)` at the end of the stream.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
        witness: &mut impl Witness,
    ) -> Poll<io::Result<usize>> {
        if let Some(mut held) = self.held.take() {
            self.work_off(&mut held, outbox, witness);
            return Poll::Ready(Ok(held.len()));
        }
        thread::with_read_buffer(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            let bytes = buffer.filled_mut();
            if !bytes.is_empty() {
                witness.read(bytes, &self.receiver);
                self.work_off(bytes, outbox, witness);
            }
            Poll::Ready(Ok(bytes.len()))
        })
    }

    fn work_off(&mut self, bytes: &mut [u8], outbox: &Outbox, witness: &mut impl Witness) {
        let mut input = Input::new(bytes);
        loop {
            if !outbox.has_room() || !witness.has_room() {
                self.held = (!input.is_empty()).then(|| input.remaining().into());
                return;
            }
            match outbox.receive(&mut self.receiver, &mut input) {
                Some(event) => witness.event(event, outbox),
                None => return,
            }
        }
    }
}

/// There is nobody to be told; but whoever watches may want to know whose doing it was.
#[cold]
fn broken(error: &io::Error, witness: &mut impl Witness) -> Poll<()> {
    if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) {
        witness.reset();
    }
    Poll::Ready(())
}

/// How many buffers a connection may fill before others have their turn.
const ROUNDS: usize = 8;
