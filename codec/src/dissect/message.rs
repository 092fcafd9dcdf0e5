//! The message whose fragments are arriving, and the window that its sender compresses with.

use super::{DissectedMessage, Dissection, Found};
use crate::deflate::params::DeflateParams;
use crate::deflate::{Decompressor, InvalidDeflate};
use crate::header::{FrameHeader, Rsv};
use crate::message::MessageKind;
use crate::opcode::Opcode;
use crate::rules::{Role, Violation};
use crate::utf8::Utf8Validator;

/// How inflating a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflation {
    /// It was not compressed.
    NotNeeded,
    /// It came out.
    Done,
    /// Its data is not DEFLATE.
    Failed,
    /// It refers to earlier messages, or to a part of its own, that was not captured.
    HistoryMissing,
}

/// One direction's inflater, and whether it has seen all that the sender did.
#[derive(Debug)]
pub(super) struct History {
    decompressor: Decompressor,
    context_takeover: bool,
    is_missing: bool,
}

impl History {
    pub(super) const fn new(params: DeflateParams, sender: Role) -> Self {
        Self {
            decompressor: Decompressor::new(params, sender),
            context_takeover: params.context_takeover(sender),
            is_missing: false,
        }
    }

    /// What the sender can refer to, and whether some of it is missing.
    pub(super) fn known(&self) -> (Box<[u8]>, bool) {
        (self.decompressor.window(), self.is_missing)
    }

    /// The sender can refer to this.
    pub(super) fn restore(&mut self, window: &[u8], is_missing: bool) {
        self.decompressor.restore(window);
        self.is_missing = is_missing;
    }

    /// Gives back memory that is not needed between messages.
    pub(super) fn release(&mut self) {
        self.decompressor.release();
    }

    /// The message under way will have no end. The next begins afresh where all do, and where a sender goes on from one to
    /// the next, nobody knows what this one meant to say.
    pub(super) fn interrupt(&mut self) {
        if !self.context_takeover {
            self.decompressor.forget();
        }
    }

    /// What the sender can refer to is no longer what was seen.
    pub(super) fn lose(&mut self) {
        self.decompressor.forget();
        self.is_missing = self.context_takeover;
    }
}

#[derive(Debug)]
pub(super) struct MessageUnderWay {
    kind: Option<MessageKind>,
    compressed: bool,
    payload: Vec<u8>,
    len: u64,
    has_hole: bool,
    pub(super) fragments: u32,
    inflation: Inflation,
    /// The check of a text; `None` for binary, and once it failed or cannot be told.
    utf8: Option<Utf8Validator>,
    /// More than this of it is counted but not kept.
    kept_max: usize,
}

impl MessageUnderWay {
    /// The message that begins with this frame. Without permessage-deflate RSV1 means nothing.
    pub(super) fn beginning_with(header: &FrameHeader, compression: bool, kept_max: usize) -> Self {
        let kind = if header.opcode == Opcode::Text { MessageKind::Text } else { MessageKind::Binary };
        let compressed = compression && header.rsv.contains(Rsv::RSV1);
        Self {
            kind: Some(kind),
            compressed,
            payload: Vec::new(),
            len: 0,
            has_hole: false,
            fragments: 0,
            inflation: if compressed { Inflation::Done } else { Inflation::NotNeeded },
            utf8: (kind == MessageKind::Text).then(Utf8Validator::new),
            kept_max,
        }
    }

    /// A message of which only later fragments were captured: neither its kind nor whether it is
    /// compressed can be known.
    pub(super) const fn joined_late(kept_max: usize) -> Self {
        Self {
            kind: None,
            compressed: false,
            payload: Vec::new(),
            len: 0,
            has_hole: true,
            fragments: 0,
            inflation: Inflation::NotNeeded,
            utf8: None,
            kept_max,
        }
    }

    /// The next bytes of its payload, unmasked; what they break is noted at `frame`.
    pub(super) fn push(&mut self, piece: &[u8], frame: &mut Dissection, history: Option<&mut History>) {
        if !self.compressed {
            self.take(piece, frame);
        } else if self.inflation == Inflation::Done
            && let Some(history) = history
        {
            let before = self.len;
            let result = history.decompressor.inflate(piece, |part| {
                self.take(part, frame);
                Ok(())
            });
            let inflated_len = frame.inflated_len.get_or_insert(0);
            *inflated_len += self.len - before;
            self.note(result, frame, history);
        }
    }

    /// Bytes of it are missing: what follows cannot be inflated, nor judged as text.
    pub(super) fn lose(&mut self, history: Option<&mut History>) {
        self.has_hole = true;
        self.utf8 = None;
        if let Some(history) = history.filter(|_| self.compressed) {
            history.lose();
            self.inflation = Inflation::HistoryMissing;
        }
    }

    /// Its last frame is complete.
    pub(super) fn finish(mut self, frame: &mut Dissection, history: Option<&mut History>) -> DissectedMessage {
        if self.inflation == Inflation::Done
            && let Some(history) = history
        {
            frame.inflated_len.get_or_insert(0);
            let result = history.decompressor.finish_message();
            self.note(result, frame, history);
        }
        let came_out = matches!(self.inflation, Inflation::NotNeeded | Inflation::Done);
        if came_out && self.utf8.is_some_and(|utf8| !utf8.is_complete()) {
            let violation = Violation::InvalidUtf8;
            frame.violations.push(Found { violation, payload_offset: Some(self.len) });
        }
        DissectedMessage {
            kind: self.kind,
            compressed: self.compressed,
            payload_is_whole: !self.has_hole && came_out && self.payload.len() as u64 == self.len,
            payload: self.payload,
            fragments: self.fragments,
            inflation: self.inflation,
        }
    }

    fn take(&mut self, part: &[u8], frame: &mut Dissection) {
        if let Some(Err(error)) = self.utf8.as_mut().map(|utf8| utf8.push(part)) {
            let at = self.len + error.valid_up_to as u64;
            frame.violations.push(Found { violation: Violation::InvalidUtf8, payload_offset: Some(at) });
            self.utf8 = None;
        }
        self.len += part.len() as u64;
        let kept = part.len().min(self.kept_max - self.payload.len());
        self.payload.extend_from_slice(&part[..kept]);
    }

    /// Data that does not inflate breaks a rule, unless it may just refer to what nobody captured.
    fn note(&mut self, result: Result<(), InvalidDeflate>, frame: &mut Dissection, history: &mut History) {
        if result.is_ok() {
            return;
        }
        if history.is_missing {
            self.inflation = Inflation::HistoryMissing;
        } else {
            self.inflation = Inflation::Failed;
            let violation = Violation::InvalidDeflate;
            frame.violations.push(Found { violation, payload_offset: Some(self.len) });
        }
        history.lose();
    }
}
