//! Messages in, bytes out.

use std::fmt;
use std::num::NonZeroUsize;

use super::{Broadcast, Closed, Config, ControlPayload};
use crate::close::CloseFrame;
use crate::deflate::Compressor;
use crate::deflate::params::DeflateParams;
use crate::header::{FrameHeader, PayloadLength, Rsv};
use crate::mask::MaskingKey;
use crate::message::{Message, MessageKind};
use crate::opcode::Opcode;
use crate::rules::{Role, Violation};

/// The half of a [`Connection`](super::Connection) that sends, and knows whether it still may.
pub struct Sender {
    pub(super) config: Config,
    state: State,
    side: Side,
    compression: Option<Box<Compression>>,
    /// While a message is being sent in pieces: frames of the messages that wait behind it.
    #[expect(clippy::box_collection, reason = "few connections ever need it, and all would pay for its size")]
    behind: Option<Box<Vec<u8>>>,
}

/// A part of a message whose whole need never be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Text may be cut anywhere, as long as the whole of it is UTF-8.
    pub kind: MessageKind,
    /// This part of the payload.
    pub payload: &'a [u8],
    /// Nothing of the message comes after it.
    pub is_last: bool,
}

/// Who we are; a client with what it masks by.
pub(super) enum Side {
    Server,
    Client(Box<dyn FnMut() -> MaskingKey + Send>),
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

struct Compression {
    params: DeflateParams,
    compressor: Compressor,
    scratch: Vec<u8>,
}

impl Sender {
    pub(super) fn new(config: Config, deflate: Option<DeflateParams>, side: Side) -> Self {
        let compression = deflate.map(|params| {
            let compressor = Compressor::new(params, side.role(), config.compression_level);
            Box::new(Compression { params, compressor, scratch: Vec::new() })
        });
        Self { config, state: State::Open, side, compression, behind: None }
    }

    /// Appends a message in one frame, compressed where that was agreed and pays.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn send<'a>(&mut self, message: impl Into<Message<'a>>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_in(message.into(), usize::MAX, out)
    }

    /// Appends a message in fragments of at most `fragment_len` bytes of payload.
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
        self.send_in(message.into(), fragment_len.get(), out)
    }

    /// Appends a message that others are sent as well, without encoding it again where that can be avoided.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn send_broadcast(&mut self, broadcast: &Broadcast, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        let frame = match (&self.side, self.deflate()) {
            (Side::Server, None) => broadcast.plain(),
            (Side::Server, Some(params)) if params.server_no_context_takeover => {
                broadcast.compressed(params.server_max_window_bits)
            }
            (Side::Server | Side::Client(_), _) => return self.send(broadcast.message(), out),
        };
        self.behind.as_deref_mut().unwrap_or(out).extend_from_slice(frame);
        Ok(())
    }

    /// Appends the next piece of a message as a fragment of its own, uncompressed. Until the last piece, messages that
    /// are sent otherwise wait behind it; control frames go between.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn send_piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        let opcode = match (&self.behind, piece.kind) {
            (Some(_), _) => Opcode::Continuation,
            (None, MessageKind::Text) => Opcode::Text,
            (None, MessageKind::Binary) => Opcode::Binary,
        };
        let header = FrameHeader { fin: piece.is_last, ..FrameHeader::new(opcode, 0) };
        self.write_frame(header, piece.payload, out);
        let behind = self.behind.take();
        if piece.is_last {
            out.extend_from_slice(behind.as_deref().map_or(&[], Vec::as_slice));
        } else {
            self.behind = Some(behind.unwrap_or_default());
        }
        Ok(())
    }

    /// How many bytes wait behind a message that is sent in pieces.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.behind.as_ref().map_or(0, |behind| behind.len())
    }

    /// Appends a ping.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn ping(&mut self, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload, out)
    }

    /// Appends a pong that nobody asked for; those that were asked for are sent by themselves.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn pong(&mut self, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload, out)
    }

    /// Begins the closing handshake. Messages may still come in until the peer's Close does.
    ///
    /// # Errors
    ///
    /// When our Close is out already.
    pub fn close(&mut self, frame: Option<CloseFrame>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        self.write_close(frame.as_ref(), out);
        self.state = State::Closing;
        Ok(())
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
    }

    /// Whether messages may still be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether all is said: flush what is in the output, shut down the sending half, then read and
    /// throw away until the peer is gone, [`linger_exhausted`](Self::linger_exhausted), or patience
    /// ends. A client may first wait a while for the server to close (RFC 6455, 7.1.1).
    #[must_use]
    pub const fn wants_shutdown(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether more was thrown away after the end than the configuration allows.
    #[must_use]
    pub const fn linger_exhausted(&self) -> bool {
        matches!(self.state, State::Ended { discarded, .. } if discarded > self.config.linger_max)
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.side.role()
    }

    /// What the opening handshake agreed on.
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.compression.as_ref().map(|compression| compression.params)
    }

    /// Sends messages of fewer bytes than this plain from now on, in place of
    /// [`Config::compress_min`]; all of them at `usize::MAX`.
    pub const fn set_compress_min(&mut self, bytes: usize) {
        self.config.compress_min = bytes;
    }

    /// Gives back what an idle connection need not hold.
    pub fn release_idle(&mut self) {
        if let Some(compression) = &mut self.compression {
            compression.compressor.release();
            compression.scratch = Vec::new();
        }
    }

    /// The peer's Close has arrived: answers it if that is owed, and ends.
    pub(super) fn receive_close(&mut self, received: Option<CloseFrame>, out: &mut Vec<u8>) {
        if self.is_open() {
            let echo = received.as_ref().map(|frame| CloseFrame::from(frame.code()));
            self.write_close(echo.as_ref(), out);
        }
        self.state = State::Ended { received: Some(received), discarded: 0 };
    }

    /// Sends the Close that a broken rule calls for, and ends.
    pub(super) fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) {
        self.end(Some(CloseFrame::new(violation.close_code(), violation.says())), out);
    }

    /// Answers a ping, if anything may still be sent.
    pub(super) fn answer_ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if self.is_open() {
            self.write_frame(FrameHeader::new(Opcode::Pong, 0), payload, out);
        }
    }

    /// Counts bytes that came after the end.
    pub(super) const fn discard(&mut self, bytes: usize) {
        if let State::Ended { discarded, .. } = &mut self.state {
            *discarded = discarded.saturating_add(bytes as u64);
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

    const fn check_open(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError) }
    }

    fn send_control(&mut self, opcode: Opcode, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        self.write_frame(FrameHeader::new(opcode, 0), payload.as_ref(), out);
        Ok(())
    }

    fn write_close(&mut self, frame: Option<&CloseFrame>, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        if let Some(frame) = frame {
            frame.encode(&mut payload);
        }
        self.write_frame(FrameHeader::new(Opcode::Close, 0), &payload, out);
    }

    fn send_in(&mut self, message: Message<'_>, fragment_len: usize, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        let opcode = match message.kind() {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        let mut behind = self.behind.take();
        let out = behind.as_deref_mut().unwrap_or(out);
        let compressed = self.compress(message.as_bytes());
        match &compressed {
            Some(compressed) => self.write_fragments(opcode, Rsv::RSV1, compressed, fragment_len, out),
            None => self.write_fragments(opcode, Rsv::NONE, message.as_bytes(), fragment_len, out),
        }
        self.behind = behind;
        let Some(compressed) = compressed else { return Ok(()) };
        if let Some(compression) = self.compression.as_mut().filter(|_| compressed.capacity() <= SCRATCH_KEPT) {
            compression.scratch = compressed;
        }
        Ok(())
    }

    /// The payload compressed, or `None` where it is to be sent plain.
    fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let compression = self.compression.as_mut().filter(|_| payload.len() >= self.config.compress_min)?;
        let mut compressed = std::mem::take(&mut compression.scratch);
        compressed.clear();
        compression.compressor.compress(payload, &mut compressed);
        if compressed.len() >= payload.len() && !self.config.compress_always {
            compression.compressor.forget();
            compression.scratch = compressed;
            return None;
        }
        Some(compressed)
    }

    fn write_fragments(&mut self, opcode: Opcode, rsv: Rsv, payload: &[u8], fragment_len: usize, out: &mut Vec<u8>) {
        let (mut opcode, mut rsv, mut rest) = (opcode, rsv, payload);
        loop {
            let (piece, later) = rest.split_at(fragment_len.min(rest.len()));
            let header = FrameHeader { fin: later.is_empty(), rsv, ..FrameHeader::new(opcode, 0) };
            self.write_frame(header, piece, out);
            if later.is_empty() {
                return;
            }
            (opcode, rsv, rest) = (Opcode::Continuation, Rsv::NONE, later);
        }
    }

    /// Appends one frame: length and mask are filled in here.
    #[inline]
    fn write_frame(&mut self, mut header: FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
        header.payload_length = PayloadLength::minimal(payload.len() as u64);
        header.masking_key = match &mut self.side {
            Side::Server => None,
            Side::Client(keys) => Some(keys()),
        };
        out.reserve(FrameHeader::MAX_LEN + payload.len());
        header.encode(out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let Some(key) = header.masking_key {
            key.apply(&mut out[start..], 0);
        }
    }
}

impl Side {
    pub(super) const fn role(&self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("role", &self.role()).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Nothing may be sent any more: our Close is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError;

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closing: nothing may follow the Close frame")
    }
}

impl std::error::Error for SendError {}

/// The DOM's code for a Close without one.
const NO_STATUS: u16 = 1005;

/// The DOM's code for no Close at all.
const NO_CLOSE: u16 = 1006;

/// A compression buffer larger than this is given back after its message.
const SCRATCH_KEPT: usize = 64 << 10;
