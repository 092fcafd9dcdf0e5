//! What goes on, in which order and in which form.

use std::sync::Arc;

use super::{Decision, Gate, How, Item, Passed};
use crate::frame::Frame;
use crate::header::FrameHeader;
use crate::message::MessageKind;
use crate::opcode::Opcode;

/// A frame as it was on the wire.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) wire: Arc<[u8]>,
    pub(super) compressed: Option<Compressed>,
}

/// What there is to know about a frame of a compressed message.
#[derive(Debug)]
pub(super) enum Compressed {
    /// There is more to come.
    Part,
    /// The last frame; this is the whole message inflated, if it could be.
    Last(Option<(MessageKind, Vec<u8>)>),
}

impl Gate {
    /// Lets go on what nothing holds up any more.
    pub(super) fn settle(&mut self) {
        while !matches!(self.queue.front(), None | Some(Item::Held { decision: None, .. })) {
            let Some(item) = self.queue.pop_front() else { return };
            match item {
                Item::Bytes(bytes) => {
                    self.queued -= bytes.len();
                    self.emit_as_it_was(&bytes);
                }
                Item::Frame(frame) => {
                    self.queued -= frame.len();
                    self.emit(frame);
                }
                Item::Held { id, frame, decision } => {
                    self.queued -= frame.len();
                    self.carry_out(id, frame, decision.unwrap_or(Decision::Forward));
                }
            }
        }
    }

    fn carry_out(&mut self, id: u64, frame: Whole, decision: Decision) {
        match decision {
            Decision::Forward if self.mends(&frame) => {
                // Whoever waits for word of it gets it all the same.
                self.put(Passed { bytes: Vec::new(), next_frame: None, how: How::Held { id } });
                self.emit(frame);
            }
            Decision::Forward => {
                self.cursor.advance(&frame.wire);
                self.put(Passed { bytes: frame.wire.to_vec(), next_frame: Some(0), how: How::Held { id } });
            }
            Decision::Edit { bytes, mend } => {
                self.is_mending |= mend;
                self.jump(&bytes);
                self.put(Passed { bytes, next_frame: Some(0), how: How::Edited { id, original: frame.wire } });
            }
            Decision::Drop { mend } => {
                self.is_mending |= mend;
                let how = How::Dropped { id, original: frame.wire };
                self.put(Passed { bytes: Vec::new(), next_frame: None, how });
            }
        }
        self.inject_next();
    }

    const fn mends(&self, frame: &Whole) -> bool {
        self.is_mending && matches!(frame.compressed, Some(Compressed::Part | Compressed::Last(Some(_))))
    }

    /// Lets a frame go on, inflated if that has become necessary.
    pub(super) fn emit(&mut self, frame: Whole) {
        if !self.mends(&frame) {
            return self.emit_as_it_was(&frame.wire);
        }
        let mut bytes = Vec::new();
        if let Some(Compressed::Last(Some((kind, payload)))) = frame.compressed {
            let opcode = if kind == MessageKind::Text { Opcode::Text } else { Opcode::Binary };
            let mut plain = Frame::new(opcode, payload);
            plain.set_masking_key(FrameHeader::decode(&frame.wire).and_then(|(header, _)| header.masking_key));
            plain.encode(&mut bytes);
            self.cursor.advance(&bytes);
        }
        let next_frame = (!bytes.is_empty()).then_some(0);
        self.put(Passed { bytes, next_frame, how: How::Inflated { original: frame.wire } });
        self.inject_next();
    }

    pub(super) fn emit_as_it_was(&mut self, mut bytes: &[u8]) {
        if !self.injections.is_empty()
            && let Some(at) = self.cursor.clone().advance(bytes)
        {
            let (before, rest) = bytes.split_at(at);
            self.append(before);
            self.inject_next();
            bytes = rest;
        }
        self.append(bytes);
        self.inject_next();
    }

    /// Bytes that nobody had a hand in go out together.
    fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let next_frame = self.cursor.advance(bytes);
        match self.out.back_mut() {
            Some(Passed { bytes: waiting, next_frame: known, how: How::AsItWas }) => {
                *known = known.or_else(|| next_frame.map(|at| waiting.len() + at));
                waiting.extend_from_slice(bytes);
            }
            _ => self.put(Passed { bytes: bytes.to_vec(), next_frame, how: How::AsItWas }),
        }
    }

    pub(super) fn put(&mut self, passed: Passed) {
        self.out.push_back(passed);
    }

    /// Follows bytes that the sender never sent. Where they are no whole frames, the sender's own are what counts.
    pub(super) fn jump(&mut self, bytes: &[u8]) {
        let mut cursor = self.cursor.clone();
        cursor.advance(bytes);
        if cursor.at_boundary() {
            self.cursor = cursor;
        }
    }
}

impl Whole {
    /// What it takes up.
    pub(super) fn len(&self) -> usize {
        let plain = match &self.compressed {
            Some(Compressed::Last(Some((_, payload)))) => payload.len(),
            _ => 0,
        };
        self.wire.len() + plain + ITEM_OVERHEAD
    }
}

/// What an item costs beside its bytes.
const ITEM_OVERHEAD: usize = 96;
