//! The state machine of one open WebSocket.
//!
//! A [`Connection`] begins where the opening handshake ends. It has no socket: bytes that arrived
//! are handed in, events come out, and what is to be sent is appended to a buffer of the caller's.
//!
//! ```text
//!                 close()                    the peer's Close
//!       Open ─────────────────► Closing ───────────────────────► Ended
//!        │                        │                                ▲
//!        │ the peer's Close (answered at once)                     │
//!        ├────────────────────────┼────────────────────────────────┤
//!        │ a broken rule, or end() (Close sent, nobody waits)      │
//!        └────────────────────────┴────────────────────────────────┘
//! ```
//!
//! Once [`wants_shutdown`](Connection::wants_shutdown) says so, the caller flushes, shuts down its
//! sending half, and goes on reading for a while only to throw away: closing a socket that still
//! has unread data makes the kernel reset it, and the peer may never see our Close (RFC 6455,
//! 7.1.1). [`receive`](Connection::receive) does the throwing away and counts it.

use std::fmt;
use std::num::NonZeroUsize;

use crate::close::CloseFrame;
use crate::deflate::params::DeflateParams;
use crate::mask::MaskingKey;
use crate::message::Message;
use crate::rules::{Role, Violation};

mod broadcast;
mod config;
mod control;
mod incoming;
mod input;
mod receive;
mod send;

pub use broadcast::Broadcast;
pub use config::Config;
pub use control::{ControlPayload, ControlTooLong};
pub use input::Input;
pub use receive::Receiver;
pub use send::{Piece, SendError, Sender};

use send::Side;

/// One end of an open WebSocket connection.
///
/// ```
/// use framescope_codec::{Config, Connection, Event, Input, Message};
///
/// let mut conn = Connection::server(Config::default(), None);
/// let mut read = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; // "Hello", masked
/// let mut out = Vec::new();
/// let mut echo = Vec::new();
///
/// let mut input = Input::new(&mut read);
/// while let Some(event) = conn.receive(&mut input, &mut out) {
///     if let Event::Message(Message::Text(text)) = event {
///         echo.push(text.to_owned());
///     }
/// }
/// for text in &echo {
///     conn.send(text.as_str(), &mut out)?;
/// }
/// assert_eq!(out, b"\x81\x05Hello"); // to be written to the socket
/// # Ok::<(), framescope_codec::SendError>(())
/// ```
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A ping; the pong with the same payload is in the output already.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The peer's Close, be it the first or the answer to ours; the answer that is owed is in the
    /// output already. Nothing follows.
    Closing(Option<CloseFrame>),
    /// The peer broke a rule. The Close that says so is in the output already, and nothing follows.
    Failed(Violation),
}

/// How a connection ended, in the terms of the DOM's `CloseEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The peer's code; 1005 when its Close had none, 1006 when there was no Close at all.
    pub code: u16,
    /// The peer's reason.
    pub reason: String,
    /// Whether both ends sent their Close.
    pub was_clean: bool,
}

impl Connection {
    /// The server's end. `deflate` is what the opening handshake agreed on.
    #[must_use]
    pub fn server(config: Config, deflate: Option<DeflateParams>) -> Self {
        Self::new(config, deflate, Side::Server)
    }

    /// The client's end, which masks each frame with a fresh key from `keys`: RFC 6455, 5.3 wants
    /// them unpredictable, so hand in a cryptographic source.
    #[must_use]
    pub fn client(
        config: Config,
        deflate: Option<DeflateParams>,
        keys: impl FnMut() -> MaskingKey + Send + 'static,
    ) -> Self {
        Self::new(config, deflate, Side::Client(Box::new(keys)))
    }

    fn new(config: Config, deflate: Option<DeflateParams>, side: Side) -> Self {
        let receiver = Receiver::new(deflate, side.role().peer());
        Self { receiver, sender: Sender::new(config, deflate, side) }
    }

    /// The two halves side by side, so that an answer can be sent while the event it answers is
    /// still lent:
    ///
    /// ```
    /// use framescope_codec::{Config, Connection, Event, Input};
    ///
    /// let mut conn = Connection::server(Config::default(), None);
    /// let (receiver, sender) = conn.halves();
    /// let mut read = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    /// let (mut input, mut out) = (Input::new(&mut read), Vec::new());
    /// while let Some(event) = receiver.receive(sender, &mut input, &mut out) {
    ///     if let Event::Message(message) = event {
    ///         sender.send(message, &mut out)?; // an echo that copies nothing but into `out`
    ///     }
    /// }
    /// assert_eq!(out, b"\x81\x05Hello");
    /// # Ok::<(), framescope_codec::SendError>(())
    /// ```
    pub const fn halves(&mut self) -> (&mut Receiver, &mut Sender) {
        (&mut self.receiver, &mut self.sender)
    }

    /// The two halves for good, for callers that keep them in different places.
    #[must_use]
    pub fn into_halves(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// As [`Receiver::receive`].
    #[cfg_attr(target_arch = "wasm32", inline)] // into the one package of the module that is built for speed
    pub fn receive<'a>(&'a mut self, input: &'a mut Input<'_>, out: &mut Vec<u8>) -> Option<Event<'a>> {
        self.receiver.receive(&mut self.sender, input, out)
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn send<'a>(&mut self, message: impl Into<Message<'a>>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.send(message, out)
    }

    /// As [`Sender::send_fragmented`].
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn send_fragmented<'a>(
        &mut self,
        message: impl Into<Message<'a>>,
        fragment_len: NonZeroUsize,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.sender.send_fragmented(message, fragment_len, out)
    }

    /// As [`Sender::ping`].
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn ping(&mut self, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.ping(payload, out)
    }

    /// As [`Sender::pong`].
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn pong(&mut self, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.pong(payload, out)
    }

    /// As [`Sender::close`].
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn close(&mut self, frame: Option<CloseFrame>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.close(frame, out)
    }

    /// As [`Sender::end`].
    pub fn end(&mut self, frame: Option<CloseFrame>, out: &mut Vec<u8>) {
        self.sender.end(frame, out);
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.sender.role()
    }

    /// What the opening handshake agreed on.
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.sender.deflate()
    }

    /// Whether messages may still be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.sender.is_open()
    }

    /// As [`Sender::wants_shutdown`].
    #[must_use]
    pub const fn wants_shutdown(&self) -> bool {
        self.sender.wants_shutdown()
    }

    /// As [`Sender::linger_exhausted`].
    #[must_use]
    pub const fn linger_exhausted(&self) -> bool {
        self.sender.linger_exhausted()
    }

    /// Whether the next byte from the peer begins a frame.
    #[must_use]
    pub const fn at_frame_boundary(&self) -> bool {
        self.receiver.at_frame_boundary()
    }

    /// Gives back what an idle connection need not hold: the compressor, which then begins with an
    /// empty window, and the inflater's working state, of which only the window must stay.
    pub fn release_idle(&mut self) {
        self.receiver.release_idle();
        self.sender.release_idle();
    }

    /// As [`Sender::receive_eof`].
    #[must_use]
    pub fn receive_eof(&mut self) -> Closed {
        self.sender.receive_eof()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role())
            .field("is_open", &self.is_open())
            .field("deflate", &self.deflate())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
