//! What a connection is about to send, bounded.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use framescope_codec::{
    Broadcast, CloseFrame, Closed, ControlPayload, ControlTooLong, DeflateParams, Event, FrameHeader, Input, Message,
    Piece, Receiver, Sender,
};
use tokio::io::AsyncWrite;

use super::thread::{self, Place, TICK_MILLIS};

/// What a connection sends through. Nothing here waits: messages are put in line, and go out together when the
/// connection's task is next at its turn.
///
/// The line is bounded in bytes. A message is let in whatever its size while there is any room; after that,
/// [`SendError::QueueFull`], until the peer has read.
// All that others than the connection's own task may touch. They live on the same thread, so a `RefCell` does.
pub struct Outbox(RefCell<Inner>);

struct Inner {
    sender: Sender,
    /// Whole frames; empty, and without an allocation, while the connection is idle.
    bytes: Vec<u8>,
    /// How many of `bytes` are written.
    written: usize,
    /// The next byte to be written is not the first of a frame.
    is_cut: bool,
    writes: Writes,
    /// With [`Writes::FrameByFrame`]: how much is left to be written of a frame that the stream did not take whole.
    rest_of_frame: u32,
    /// Four gigabytes are as good as no limit.
    queue_max: u32,
    place: Place,
}

/// How what waits is handed to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// All at once.
    Together,
    /// Each frame in a write of its own, the answer to the handshake too, for peers that take what one read gives them
    /// for one frame.
    FrameByFrame,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is closing or closed: nothing may follow the Close frame.
    Closed,
    /// The peer reads too slowly, and as much waits for it as may.
    QueueFull,
    /// More than the 125 bytes that a ping or a pong can carry.
    ControlTooLong,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the connection is closing: nothing may follow the Close frame",
            Self::QueueFull => "the peer reads too slowly: its queue is full",
            Self::ControlTooLong => "a ping or pong carries at most 125 bytes",
        })
    }
}

impl std::error::Error for SendError {}

impl From<framescope_codec::SendError> for SendError {
    fn from(_: framescope_codec::SendError) -> Self {
        Self::Closed
    }
}

impl From<ControlTooLong> for SendError {
    fn from(_: ControlTooLong) -> Self {
        Self::ControlTooLong
    }
}

impl Outbox {
    /// Begins with `bytes`, such as the answer to the opening handshake, to be written first.
    #[expect(clippy::cast_possible_truncation, reason = "it was compared")]
    pub(crate) const fn new(sender: Sender, bytes: Vec<u8>, queue_max: usize) -> Self {
        Self(RefCell::new(Inner {
            sender,
            bytes,
            written: 0,
            is_cut: false,
            writes: Writes::Together,
            rest_of_frame: 0,
            queue_max: if queue_max > u32::MAX as usize { u32::MAX } else { queue_max as u32 },
            place: Place::NONE,
        }))
    }

    pub(crate) fn set_writes(&self, writes: Writes) {
        self.0.borrow_mut().writes = writes;
    }

    /// Sends a message: `&str` as text, `&[u8]` as binary.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] or [`SendError::QueueFull`].
    pub fn send<'m>(&self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let message = message.into();
        self.queue(|sender, bytes| sender.send(message, bytes))
    }

    /// Sends a message in fragments of at most `fragment_len` bytes.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] or [`SendError::QueueFull`].
    pub fn send_fragmented<'m>(
        &self,
        message: impl Into<Message<'m>>,
        fragment_len: NonZeroUsize,
    ) -> Result<(), SendError> {
        let message = message.into();
        self.queue(|sender, bytes| sender.send_fragmented(message, fragment_len, bytes))
    }

    /// Sends a message that others are sent as well, encoded once for all of them.
    pub(crate) fn send_broadcast(&self, broadcast: &Broadcast) -> Result<(), SendError> {
        self.queue(|sender, bytes| sender.send_broadcast(broadcast, bytes))
    }

    /// Sends the next piece of a message. Other messages wait behind the last.
    pub(crate) fn send_piece(&self, piece: Piece<'_>) -> Result<(), SendError> {
        self.append(|sender, bytes| sender.send_piece(piece, bytes))?;
        Ok(())
    }

    /// Whether there is room for another piece of a message. What waits behind that message does not take it.
    pub(crate) fn has_room_for_piece(&self) -> bool {
        let inner = self.0.borrow();
        inner.bytes.len() - inner.written < (inner.queue_max as usize).min(PIECES_WAITING)
    }

    /// Sends a ping with at most 125 bytes of payload.
    ///
    /// # Errors
    ///
    /// Any [`SendError`].
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), SendError> {
        let payload = ControlPayload::try_from(payload.as_ref())?;
        self.queue(|sender, bytes| sender.ping(payload, bytes))
    }

    /// Sends a pong that nobody asked for; pings are answered without your doing.
    ///
    /// # Errors
    ///
    /// Any [`SendError`].
    pub fn pong(&self, payload: impl AsRef<[u8]>) -> Result<(), SendError> {
        let payload = ControlPayload::try_from(payload.as_ref())?;
        self.queue(|sender, bytes| sender.pong(payload, bytes))
    }

    /// Begins the closing handshake, with a status or with none. A full queue does not stand in its way. Messages may
    /// still come in until the peer has answered.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if it has begun already.
    pub fn close(&self, frame: impl Into<Option<CloseFrame>>) -> Result<(), SendError> {
        let frame = frame.into();
        self.append(|sender, bytes| sender.close(frame, bytes)).map_err(SendError::from)
    }

    /// Sends a Close, if none was sent yet, and ends the connection without waiting for an answer.
    pub fn end(&self, frame: impl Into<Option<CloseFrame>>) {
        let frame = frame.into();
        self.append(|sender, bytes| sender.end(frame, bytes));
    }

    fn queue(
        &self,
        work: impl FnOnce(&mut Sender, &mut Vec<u8>) -> Result<(), framescope_codec::SendError>,
    ) -> Result<(), SendError> {
        if !self.has_room() {
            return Err(if self.is_open() { SendError::QueueFull } else { SendError::Closed });
        }
        Ok(self.append(work)?)
    }

    #[inline]
    fn append<R>(&self, work: impl FnOnce(&mut Sender, &mut Vec<u8>) -> R) -> R {
        let mut inner = self.0.borrow_mut();
        let Inner { sender, bytes, place, .. } = &mut *inner;
        if bytes.capacity() == 0 {
            *bytes = thread::take_write_buffer();
        }
        let result = work(sender, bytes);
        let place = *place;
        drop(inner);
        thread::wake(place);
        result
    }

    /// The next event from `input`, with what it owes the peer appended.
    #[inline]
    pub(super) fn receive<'a>(&self, receiver: &'a mut Receiver, input: &'a mut Input<'_>) -> Option<Event<'a>> {
        let mut inner = self.0.borrow_mut();
        let Inner { sender, bytes, .. } = &mut *inner;
        if bytes.capacity() == 0 {
            *bytes = thread::take_write_buffer();
        }
        receiver.receive(sender, input, bytes)
    }

    /// Writes what waits, and shows `wrote` what went, and whether it began with a frame. Ready once all is written.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut S,
        mut wrote: impl FnMut(&[u8], bool),
    ) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        while inner.written < inner.bytes.len() {
            let waiting = match inner.writes {
                Writes::Together => &inner.bytes[inner.written..],
                Writes::FrameByFrame => inner.next_frame(),
            };
            match Pin::new(&mut *stream).poll_write(cx, waiting) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(len)) => {
                    wrote(&waiting[..len], !inner.is_cut);
                    let rest = waiting.len() - len;
                    inner.written += len;
                    let is_one = inner.writes == Writes::FrameByFrame;
                    // A frame so long that this is not exact is in two writes whatever we do.
                    inner.rest_of_frame = if is_one { u32::try_from(rest).unwrap_or(u32::MAX) } else { 0 };
                    inner.is_cut = inner.writes == Writes::Together || rest > 0;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    inner.compact();
                    return Poll::Pending;
                }
            }
        }
        (inner.written, inner.is_cut) = (0, false);
        let buffer = std::mem::take(&mut inner.bytes);
        if buffer.capacity() > 0 {
            thread::give_write_buffer(buffer);
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes wait to be written.
    #[inline]
    #[must_use]
    pub fn waiting(&self) -> usize {
        let inner = self.0.borrow();
        inner.bytes.len() - inner.written + inner.sender.behind()
    }

    /// Whether a message would be let in.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        let inner = self.0.borrow();
        inner.bytes.len() - inner.written + inner.sender.behind() < inner.queue_max as usize
    }

    /// Whether messages may still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.borrow().sender.is_open()
    }

    pub(crate) fn wants_shutdown(&self) -> bool {
        self.0.borrow().sender.wants_shutdown()
    }

    pub(super) fn linger_exhausted(&self) -> bool {
        self.0.borrow().sender.linger_exhausted()
    }

    /// What the two ends agreed about compression; `None` without.
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.0.borrow().sender.deflate()
    }

    /// Whether the answer to the opening handshake is not written yet, or not all of it. No frame of a server begins
    /// like that: it would be masked, reserved and unfinished.
    pub(super) fn is_answering(&self) -> bool {
        self.0.borrow().bytes.starts_with(b"HTTP/")
    }

    pub(super) fn release_idle(&self) {
        self.0.borrow_mut().sender.release_idle();
    }

    pub(crate) fn closed(&self) -> Closed {
        self.0.borrow_mut().sender.receive_eof()
    }

    /// Has the connection's task look around.
    pub(crate) fn wake(&self) {
        thread::wake(self.0.borrow().place);
    }

    /// Has it do so in a tick of the thread's clock.
    pub(crate) fn wake_in_a_tick(&self) {
        thread::wake_at(self.0.borrow().place, thread::now().after(TICK_MILLIS));
    }

    /// A way for other threads to do so.
    pub(crate) fn waker(&self) -> Option<Waker> {
        thread::waker(self.0.borrow().place)
    }

    /// Whose task is to be woken when something is to be sent.
    pub(super) fn set_place(&self, place: Place) {
        self.0.borrow_mut().place = place;
    }
}

impl Inner {
    /// What is left of the frame that is being written, or the next one whole. The answer to the handshake counts as one.
    fn next_frame(&self) -> &[u8] {
        let waiting = &self.bytes[self.written..];
        let len = if self.rest_of_frame > 0 {
            usize::try_from(self.rest_of_frame).unwrap_or(usize::MAX)
        } else if waiting.starts_with(b"HTTP/") {
            waiting.windows(4).position(|four| four == b"\r\n\r\n").map_or(waiting.len(), |end| end + 4)
        } else {
            let whole = |(header, len): (FrameHeader, usize)| {
                usize::try_from(header.payload_length.get()).unwrap_or(usize::MAX).saturating_add(len)
            };
            FrameHeader::decode(waiting).map_or(waiting.len(), whole)
        };
        &waiting[..len.min(waiting.len())]
    }

    /// A peer that always reads a little would otherwise have us keep all it has read.
    fn compact(&mut self) {
        if self.written > COMPACT_FROM && self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("waiting", &self.waiting()).field("is_open", &self.is_open()).finish()
    }
}

const COMPACT_FROM: usize = 64 << 10;

/// How much of a message in pieces waits to be written at most, so that nobody's slow line makes us hold much of it.
const PIECES_WAITING: usize = 256 << 10;
