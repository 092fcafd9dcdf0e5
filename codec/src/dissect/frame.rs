//! The frame whose payload is arriving.

use super::message::{History, MessageUnderWay};
use super::{DissectedClose, Dissection, Found, Fragment};
use crate::close::CloseFrame;
use crate::header::FrameHeader;
use crate::opcode::Opcode;

#[derive(Debug)]
pub(super) struct FrameUnderWay {
    dissection: Dissection,
    /// How many bytes of the payload have gone by, captured or not.
    seen: u64,
    /// More than this of the payload is counted but not kept.
    kept_max: usize,
}

impl FrameUnderWay {
    pub(super) const fn new(
        number: u64,
        offset: u64,
        header: FrameHeader,
        violations: Vec<Found>,
        fragment: Option<Fragment>,
        kept_max: usize,
    ) -> Self {
        let dissection = Dissection {
            number,
            offset,
            header,
            payload: Vec::new(),
            payload_missing: 0,
            violations,
            fragment,
            inflated_len: None,
            message: None,
            close: None,
        };
        Self { dissection, seen: 0, kept_max }
    }

    /// How many bytes of the payload are still to come.
    pub(super) const fn remaining(&self) -> u64 {
        self.dissection.header.payload_length.get() - self.seen
    }

    /// The next bytes of the payload, as they were on the wire.
    pub(super) fn push(&mut self, piece: &[u8], message: Option<&mut MessageUnderWay>, history: Option<&mut History>) {
        let mut unmasked = piece.to_vec();
        if let Some(key) = self.dissection.header.masking_key {
            key.apply(&mut unmasked, self.seen);
        }
        self.seen += piece.len() as u64;
        if let Some(message) = message.filter(|_| self.dissection.fragment.is_some()) {
            message.push(&unmasked, &mut self.dissection, history);
        }
        let room = if self.dissection.payload_missing == 0 { self.kept_max - self.dissection.payload.len() } else { 0 };
        let kept = unmasked.len().min(room);
        self.dissection.payload.extend_from_slice(&unmasked[..kept]);
        self.dissection.payload_missing += (unmasked.len() - kept) as u64;
    }

    /// Bytes of the payload that were not captured.
    pub(super) fn skip(&mut self, missing: u64, message: Option<&mut MessageUnderWay>, history: Option<&mut History>) {
        self.seen += missing;
        self.dissection.payload_missing += missing;
        if let Some(message) = message.filter(|_| self.dissection.fragment.is_some() && missing > 0) {
            message.lose(history);
        }
    }

    /// All of the payload went by.
    pub(super) fn complete(mut self) -> Dissection {
        let dissection = &mut self.dissection;
        if dissection.header.opcode == Opcode::Close && dissection.payload_missing == 0 {
            dissection.close = Some(read_close(&dissection.payload));
            if let Err(violation) = CloseFrame::decode(&dissection.payload) {
                dissection.violations.push(Found { violation, payload_offset: Some(bad_byte(&dissection.payload)) });
            }
        }
        self.dissection
    }

    /// The rest will not come.
    pub(super) fn cut_off(mut self) -> Dissection {
        self.dissection.payload_missing += self.remaining();
        self.dissection
    }
}

fn read_close(payload: &[u8]) -> DissectedClose {
    match payload.split_first_chunk() {
        Some((code, reason)) => DissectedClose { code: Some(u16::from_be_bytes(*code)), reason: reason.to_vec() },
        None => DissectedClose { code: None, reason: Vec::new() },
    }
}

/// Where a Close payload that breaks a rule goes wrong: in its code, or at the first byte of the
/// reason that is not UTF-8.
fn bad_byte(payload: &[u8]) -> u64 {
    match payload {
        [high, low, reason @ ..] if crate::close::CloseCode::new(u16::from_be_bytes([*high, *low])).is_some() => {
            let valid = std::str::from_utf8(reason).map_or_else(|error| error.valid_up_to(), str::len);
            2 + valid as u64
        }
        _ => 0,
    }
}
