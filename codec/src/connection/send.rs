//! Messages in, bytes out.

use std::fmt;
use std::num::NonZeroUsize;

use super::{Connection, Side, State};
use crate::close::CloseFrame;
use crate::header::{FrameHeader, PayloadLength, Rsv};
use crate::message::{Message, MessageKind};
use crate::opcode::Opcode;

/// Nothing may be sent any more: our Close is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError;

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closing: nothing may follow the Close frame")
    }
}

impl std::error::Error for SendError {}

/// The payload of a ping or a pong: at most 125 bytes (RFC 6455, 5.5).
#[derive(Clone, Copy)]
pub struct ControlPayload {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl ControlPayload {
    /// The most bytes it can have.
    pub const MAX: usize = 125;

    /// No bytes at all.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX], len: 0 };
}

impl AsRef<[u8]> for ControlPayload {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlPayload").field(&self.as_ref()).finish()
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for ControlPayload {}

impl TryFrom<&[u8]> for ControlPayload {
    type Error = ControlTooLong;

    fn try_from(payload: &[u8]) -> Result<Self, ControlTooLong> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..payload.len()).ok_or(ControlTooLong)?.copy_from_slice(payload);
        Ok(Self { bytes, len: u8::try_from(payload.len()).map_err(|_| ControlTooLong)? })
    }
}

/// More than the 125 bytes that a control frame can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlTooLong;

impl fmt::Display for ControlTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a control frame carries at most 125 bytes")
    }
}

impl std::error::Error for ControlTooLong {}

impl Connection {
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

    const fn check_open(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError) }
    }

    fn send_control(&mut self, opcode: Opcode, payload: ControlPayload, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        self.write_frame(FrameHeader::new(opcode, 0), payload.as_ref(), out);
        Ok(())
    }

    pub(super) fn write_close(&mut self, frame: Option<&CloseFrame>, out: &mut Vec<u8>) {
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
        let Some(compressed) = self.compress(message.as_bytes()) else {
            self.write_fragments(opcode, Rsv::NONE, message.as_bytes(), fragment_len, out);
            return Ok(());
        };
        self.write_fragments(opcode, Rsv::RSV1, &compressed, fragment_len, out);
        if let Some(deflate) = self.deflate.as_mut().filter(|_| compressed.capacity() <= SCRATCH_KEPT) {
            deflate.scratch = compressed;
        }
        Ok(())
    }

    /// The payload compressed, or `None` where it is to be sent plain.
    fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let deflate = self.deflate.as_mut().filter(|_| payload.len() >= self.config.compress_min)?;
        let mut compressed = std::mem::take(&mut deflate.scratch);
        compressed.clear();
        deflate.compressor.compress(payload, &mut compressed);
        if compressed.len() >= payload.len() && !self.config.compress_always {
            deflate.compressor.forget();
            deflate.scratch = compressed;
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
    pub(super) fn write_frame(&mut self, mut header: FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
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

/// A compression buffer larger than this is given back after its message.
const SCRATCH_KEPT: usize = 64 << 10;
