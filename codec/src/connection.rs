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

use crate::close::CloseFrame;
use crate::deflate::params::DeflateParams;
use crate::deflate::{Compressor, Decompressor};
use crate::header::FrameHeader;
use crate::mask::MaskingKey;
use crate::message::Message;
use crate::rules::{Expected, Role, Violation};

mod config;
mod incoming;
mod input;
mod receive;
mod send;

pub use config::Config;
pub use input::Input;
pub use send::{ControlPayload, ControlTooLong, SendError};

use incoming::Incoming;

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
    config: Config,
    state: State,
    /// Who we are; a client with what it masks by.
    side: Side,
    deflate: Option<Box<Deflate>>,
    /// The first bytes of a header of which the rest has not arrived.
    partial_header: PartialHeader,
    /// The frame whose payload is arriving.
    frame: Option<FrameInProgress>,
    /// The message whose fragments are arriving; also a single frame that arrives in pieces.
    message: Option<Box<Incoming>>,
    /// The payload of a control frame that arrives in pieces.
    control: Vec<u8>,
    /// What the event before was lent from.
    lent: Lent,
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

/// Where masking keys come from: the codec has no randomness of its own.
type Keys = Box<dyn FnMut() -> MaskingKey + Send>;

enum Side {
    Server,
    Client(Keys),
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our Close is sent, the peer's is awaited.
    Closing,
    Ended {
        /// The Close the peer sent, if it did.
        received: Option<Option<CloseFrame>>,
        /// Bytes thrown away since.
        discarded: u64,
    },
}

struct Deflate {
    params: DeflateParams,
    compressor: Compressor,
    decompressor: Decompressor,
    scratch: Vec<u8>,
}

#[derive(Default)]
struct PartialHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

struct FrameInProgress {
    header: FrameHeader,
    /// How many bytes of the payload have arrived.
    arrived: u64,
}

enum Lent {
    Nothing,
    Text(String),
    Binary(Vec<u8>),
    Control(Vec<u8>),
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
        let role = side.role();
        let deflate = deflate.map(|params| {
            Box::new(Deflate {
                params,
                compressor: Compressor::new(params, role, config.compression_level),
                decompressor: Decompressor::new(params, role.peer()),
                scratch: Vec::new(),
            })
        });
        Self {
            config,
            state: State::Open,
            side,
            deflate,
            partial_header: PartialHeader::default(),
            frame: None,
            message: None,
            control: Vec::new(),
            lent: Lent::Nothing,
        }
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.side.role()
    }

    /// What the opening handshake agreed on.
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.deflate.as_ref().map(|deflate| deflate.params)
    }

    /// Whether messages may still be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether all is said: flush what is in the output, shut down the sending half, then read and
    /// throw away until the peer is gone, [`linger_exhausted`](Self::linger_exhausted), or patience ends.
    #[must_use]
    pub const fn wants_shutdown(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether more was thrown away after the end than the configuration allows.
    #[must_use]
    pub const fn linger_exhausted(&self) -> bool {
        matches!(self.state, State::Ended { discarded, .. } if discarded > self.config.linger_max)
    }

    /// Whether the next byte from the peer begins a frame.
    #[must_use]
    pub const fn at_frame_boundary(&self) -> bool {
        self.frame.is_none() && self.partial_header.len == 0
    }

    /// Whether the peer is half way through a message.
    #[must_use]
    pub const fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Gives back what an idle connection need not hold: the compressor, which then begins with an
    /// empty window, and the inflater's working state, of which only the window must stay.
    pub fn release_idle(&mut self) {
        self.lent = Lent::Nothing;
        self.control = Vec::new();
        if let Some(deflate) = &mut self.deflate {
            deflate.compressor.release();
            if self.message.is_none() {
                deflate.decompressor.release();
            }
            deflate.scratch = Vec::new();
        }
    }

    /// The peer's stream has ended, or is given up: how did the connection end?
    #[must_use]
    pub fn receive_eof(&mut self) -> Closed {
        let ended = State::Ended { received: None, discarded: 0 };
        let received = match std::mem::replace(&mut self.state, ended) {
            State::Ended { received, .. } => received,
            State::Open | State::Closing => None,
        };
        let was_clean = received.is_some();
        let (code, reason) = match received {
            None => (NO_CLOSE, String::new()),
            Some(None) => (NO_STATUS, String::new()),
            Some(Some(frame)) => (frame.code().get(), frame.reason().to_owned()),
        };
        Closed { code, reason, was_clean }
    }

    fn expected(&self) -> Expected {
        Expected { sender: self.role().peer(), compression: self.deflate.is_some(), in_message: self.message.is_some() }
    }

    /// Sends the Close that a broken rule calls for, and ends.
    fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) -> Event<'static> {
        self.end(Some(CloseFrame::new(violation.close_code(), violation.says())), out);
        Event::Failed(violation)
    }

    /// Ends without waiting for the peer: a Close with `frame`, if none was sent yet, and then
    /// nothing more in either direction. For what a server does to a peer that broke a rule of the
    /// application, is too slow, or went silent.
    pub fn end(&mut self, frame: Option<CloseFrame>, out: &mut Vec<u8>) {
        if self.is_open() {
            self.write_close(frame.as_ref(), out);
        }
        if !self.wants_shutdown() {
            self.state = State::Ended { received: None, discarded: 0 };
        }
        self.forget_incoming();
    }

    fn forget_incoming(&mut self) {
        self.partial_header.len = 0;
        self.frame = None;
        self.message = None;
        self.control = Vec::new();
    }

    /// The peer's Close has arrived.
    fn receive_close(&mut self, received: Option<CloseFrame>, out: &mut Vec<u8>) -> Event<'static> {
        if self.is_open() {
            let echo = received.as_ref().map(|frame| CloseFrame::from(frame.code()));
            self.write_close(echo.as_ref(), out);
        }
        self.state = State::Ended { received: Some(received.clone()), discarded: 0 };
        self.forget_incoming();
        Event::Closing(received)
    }
}

impl Side {
    const fn role(&self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role())
            .field("state", &self.state)
            .field("deflate", &self.deflate())
            .finish_non_exhaustive()
    }
}

/// The DOM's code for a Close without one.
const NO_STATUS: u16 = 1005;

/// The DOM's code for no Close at all.
const NO_CLOSE: u16 = 1006;
