//! The message that is arriving.

use crate::deflate::{Decompressor, InvalidDeflate};
use crate::message::MessageKind;
use crate::rules::Violation;
use crate::utf8::Utf8Validator;

/// What has arrived of a message that did not come in one piece.
pub(super) struct Incoming {
    content: Content,
    pub(super) is_compressed: bool,
    pub(super) fragments: u32,
    /// Payload bytes as they were on the wire.
    wire_len: u64,
}

pub(super) enum Content {
    Text(String, Utf8Validator),
    Binary(Vec<u8>),
}

impl Incoming {
    pub(super) const fn new(kind: MessageKind, is_compressed: bool) -> Self {
        let content = match kind {
            MessageKind::Text => Content::Text(String::new(), Utf8Validator::new()),
            MessageKind::Binary => Content::Binary(Vec::new()),
        };
        Self { content, is_compressed, fragments: 0, wire_len: 0 }
    }

    /// Whether a frame of `len` bytes more would still fit under `max`. For a compressed message it
    /// is the wire that is measured here, with room for what DEFLATE adds to data it cannot shrink.
    pub(super) const fn has_room(&self, len: u64, max: usize) -> bool {
        let max = max as u64;
        let (held, max) = if self.is_compressed {
            (self.wire_len, max.saturating_add(max / 64 + 1024))
        } else {
            (self.content.len() as u64, max)
        };
        len <= max.saturating_sub(held)
    }

    /// The next piece of payload, unmasked.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        decompressor: Option<&mut Decompressor>,
        max: usize,
    ) -> Result<(), Violation> {
        self.wire_len += piece.len() as u64;
        let content = &mut self.content;
        match decompressor {
            Some(decompressor) if self.is_compressed => decompressor.inflate(piece, |part| content.push(part, max)),
            _ => content.push(piece, max),
        }
    }

    /// The last fragment is complete.
    pub(super) fn finish(self, decompressor: Option<&mut Decompressor>) -> Result<Content, Violation> {
        if let Some(decompressor) = decompressor.filter(|_| self.is_compressed) {
            decompressor.finish_message()?;
        }
        match &self.content {
            Content::Text(_, utf8) if !utf8.is_complete() => Err(Violation::InvalidUtf8),
            _ => Ok(self.content),
        }
    }
}

impl Content {
    const fn len(&self) -> usize {
        match self {
            Self::Text(text, _) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, part: &[u8], max: usize) -> Result<(), Violation> {
        if part.len() > max.saturating_sub(self.len()) {
            return Err(Violation::MessageTooBig);
        }
        match self {
            Self::Text(text, utf8) => utf8.push_to(part, text).map_err(|_| Violation::InvalidUtf8),
            Self::Binary(bytes) => {
                bytes.extend_from_slice(part);
                Ok(())
            }
        }
    }
}

impl From<InvalidDeflate> for Violation {
    fn from(InvalidDeflate: InvalidDeflate) -> Self {
        Self::InvalidDeflate
    }
}
