//! One message for many connections, encoded once.

use std::fmt;
use std::sync::OnceLock;

use super::Config;
use crate::deflate::Compressor;
use crate::deflate::params::{DeflateParams, WindowBits};
use crate::header::{FrameHeader, PayloadLength, Rsv};
use crate::message::{Message, MessageKind};
use crate::opcode::Opcode;
use crate::rules::Role;

/// A message that a server sends to many: its frame is made once, and its compressed frame once for each size of
/// window that anybody agreed to.
///
/// Only a connection whose server end does not take over contexts can be sent a compressed frame that was made for
/// others; the rest get the message by itself.
///
/// ```
/// use framescope_codec::{Broadcast, Config, Connection};
///
/// let news = Broadcast::new("news", &Config::default());
/// let mut out = Vec::new();
/// for _ in 0..3 {
///     let (_, mut sender) = Connection::server(Config::default(), None).into_halves();
///     sender.send_broadcast(&news, &mut out).unwrap();
/// }
/// assert_eq!(out, b"\x81\x04news".repeat(3));
/// ```
pub struct Broadcast {
    kind: MessageKind,
    /// The frame without compression.
    plain: Box<[u8]>,
    header_len: usize,
    level: i32,
    /// The frames with compression, by window; `None` where it does not pay. Absent for what is too short.
    compressed: Option<Box<[Compressed; WINDOWS]>>,
}

/// A frame with compression, once somebody has asked for it.
type Compressed = OnceLock<Option<Box<[u8]>>>;

impl Broadcast {
    /// Encodes a message. Of `config`, what it says about compression is heeded.
    pub fn new<'a>(message: impl Into<Message<'a>>, config: &Config) -> Self {
        let message = message.into();
        let payload = message.as_bytes();
        let plain = frame(message.kind(), Rsv::NONE, payload);
        Self {
            kind: message.kind(),
            header_len: plain.len() - payload.len(),
            plain,
            level: config.compression_level,
            compressed: (payload.len() >= config.compress_min).then(Box::default),
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let payload = &self.plain[self.header_len..];
        match self.kind {
            // It was text before it was put into a frame.
            MessageKind::Text => Message::Text(std::str::from_utf8(payload).unwrap_or_default()),
            MessageKind::Binary => Message::Binary(payload),
        }
    }

    /// How long the message is, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plain.len() - self.header_len
    }

    /// Whether it is a message without content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame as it is without compression.
    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The frame for those whose server end compresses with this window and forgets it after each message.
    pub(super) fn compressed(&self, window_bits: WindowBits) -> &[u8] {
        let Some(compressed) = &self.compressed else { return &self.plain };
        let place = usize::from(window_bits.get() - WindowBits::MIN.get());
        compressed[place].get_or_init(|| self.compress(window_bits)).as_deref().unwrap_or(&self.plain)
    }

    fn compress(&self, window_bits: WindowBits) -> Option<Box<[u8]>> {
        let params = DeflateParams {
            server_no_context_takeover: true,
            server_max_window_bits: window_bits,
            ..DeflateParams::DEFAULT
        };
        let mut payload = Vec::new();
        Compressor::new(params, Role::Server, self.level).compress(&self.plain[self.header_len..], &mut payload);
        (payload.len() < self.len()).then(|| frame(self.kind, Rsv::RSV1, &payload))
    }
}

/// A whole message in one frame, as a server sends it.
fn frame(kind: MessageKind, rsv: Rsv, payload: &[u8]) -> Box<[u8]> {
    let opcode = match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    };
    let payload_length = PayloadLength::minimal(payload.len() as u64);
    let mut bytes = Vec::with_capacity(FrameHeader::MAX_LEN + payload.len());
    FrameHeader { rsv, payload_length, ..FrameHeader::new(opcode, 0) }.encode(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("kind", &self.kind).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Sizes of window there are.
const WINDOWS: usize = (WindowBits::MAX.get() - WindowBits::MIN.get()) as usize + 1;
