//! Captured bytes to annotated frames.
//!
//! Where a [`Connection`](crate::Connection) stops at the first broken rule, a [`Dissector`] goes on
//! and shows everything: each frame with its fields, each broken rule, each message as it was
//! meant. It takes one direction of a connection, from behind the opening handshake on, and stands
//! over the same header decode, the same rules, the same inflater and the same UTF-8 check.
//!
//! ```
//! use framescope_codec::{Dissector, Role, Violation};
//!
//! let mut dissector = Dissector::new(Role::Client, None);
//! dissector.feed(b"\x81\x05Hello");
//! let frame = dissector.next_frame().unwrap();
//! assert_eq!(frame.payload, b"Hello");
//! assert_eq!(frame.violations[0].violation, Violation::UnmaskedFromClient); // and on it goes
//! ```

use std::collections::VecDeque;

use crate::deflate::params::DeflateParams;
use crate::header::FrameHeader;
use crate::message::MessageKind;
use crate::opcode::Opcode;
use crate::rules::{self, Expected, Role, Violation};

mod checkpoint;
mod frame;
mod message;

pub use checkpoint::Checkpoint;
pub use message::Inflation;

use checkpoint::Checkpoints;
use frame::FrameUnderWay;
use message::{History, MessageUnderWay};

/// Reads what one end sent, and never stops.
#[derive(Debug)]
pub struct Dissector {
    sender: Role,
    deflate: Option<DeflateParams>,
    position: Position,
    /// Where the next byte stands in this direction's WebSocket bytes.
    offset: u64,
    frames: u64,
    messages: u64,
    after_close: bool,
    message: Option<MessageUnderWay>,
    /// Bytes are missing, so that a fragmented message may be under way that was not seen to begin.
    message_unknown: bool,
    history: Option<Box<History>>,
    ready: VecDeque<Dissection>,
    kept_max: usize,
    checkpoints: Checkpoints,
}

/// One frame and all there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissection {
    /// Which frame of this direction it is, from 0.
    pub number: u64,
    /// Where its first byte stands in this direction's WebSocket bytes.
    pub offset: u64,
    /// Its header, as it was on the wire; [`FrameHeader::fields`] names the bits.
    pub header: FrameHeader,
    /// Its payload, unmasked but not inflated, as far as it was captured without a hole.
    pub payload: Vec<u8>,
    /// How many bytes of the payload are not in `payload`.
    pub payload_missing: u64,
    /// The rules it breaks.
    pub violations: Vec<Found>,
    /// Its place in a message; `None` for control frames and for data frames that belong to none.
    pub fragment: Option<Fragment>,
    /// What this frame added to its compressed message.
    pub inflated_len: Option<u64>,
    /// The message that it completes.
    pub message: Option<DissectedMessage>,
    /// What it says if it is a Close.
    pub close: Option<DissectedClose>,
}

/// A broken rule, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The rule.
    pub violation: Violation,
    /// The first bad byte of the payload, where the rule is about the payload: of the unmasked
    /// payload, or for a compressed message of what the message inflates to.
    pub payload_offset: Option<u64>,
}

/// A frame's place in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Which message of this direction, from 0.
    pub message: u64,
    /// Which frame of that message, from 0; after missing bytes, of those that were seen.
    pub index: u32,
}

/// A whole message as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DissectedMessage {
    /// Text or binary; `None` when its first frame was not captured.
    pub kind: Option<MessageKind>,
    /// Whether it was compressed.
    pub compressed: bool,
    /// Its content, inflated.
    pub payload: Vec<u8>,
    /// Whether `payload` is all of it: false where bytes are missing, could not be inflated, or
    /// were more than is kept.
    pub payload_is_whole: bool,
    /// How many frames it came in.
    pub fragments: u32,
    /// How inflating it went.
    pub inflation: Inflation,
}

/// The payload of a Close frame, be it right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DissectedClose {
    /// The status code; also one that must not be sent. `None` when there is none.
    pub code: Option<u16>,
    /// The reason's bytes, which may not be UTF-8.
    pub reason: Vec<u8>,
}

#[derive(Debug)]
enum Position {
    /// In front of a frame, with the bytes of its header that are there.
    Header(Vec<u8>),
    Payload(Box<FrameUnderWay>),
    /// Bytes are missing, and where the next frame begins is not known.
    Lost,
}

impl Dissector {
    /// For what `sender` sends on a connection that agreed on `deflate`, from its first frame on.
    #[must_use]
    pub fn new(sender: Role, deflate: Option<DeflateParams>) -> Self {
        Self {
            sender,
            deflate,
            position: Position::Header(Vec::new()),
            offset: 0,
            frames: 0,
            messages: 0,
            after_close: false,
            message: None,
            message_unknown: false,
            history: deflate.map(|params| Box::new(History::new(params, sender))),
            ready: VecDeque::new(),
            kept_max: KEPT_MAX,
            checkpoints: Checkpoints::default(),
        }
    }

    /// The same, keeping at most so many bytes of each payload and of each message. What is more is judged and
    /// counted all the same.
    #[must_use]
    pub const fn keeping_at_most(mut self, bytes: usize) -> Self {
        self.kept_max = bytes;
        self
    }

    /// For a capture that joined late: it begins at some frame, and what came before is unknown.
    #[must_use]
    pub fn joining_late(sender: Role, deflate: Option<DeflateParams>) -> Self {
        let mut dissector = Self::new(sender, deflate);
        dissector.lose_state();
        dissector
    }

    /// Where the next byte stands in this direction's WebSocket bytes.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next bytes as they were on the wire.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            match &mut self.position {
                Position::Lost => {
                    self.offset += bytes.len() as u64;
                    return;
                }
                Position::Header(partial) => {
                    let have = partial.len();
                    let taken = bytes.len().min(FrameHeader::MAX_LEN - have);
                    partial.extend_from_slice(&bytes[..taken]);
                    let Some((header, len)) = FrameHeader::decode(partial) else {
                        self.offset += taken as u64;
                        return;
                    };
                    bytes = &bytes[len - have..];
                    let offset = self.offset - have as u64;
                    self.offset = offset + len as u64;
                    self.begin_frame(header, offset);
                }
                Position::Payload(frame) => {
                    let taken = usize::try_from(frame.remaining()).unwrap_or(usize::MAX).min(bytes.len());
                    let (piece, rest) = bytes.split_at(taken);
                    bytes = rest;
                    self.offset += taken as u64;
                    frame.push(piece, self.message.as_mut(), self.history.as_deref_mut());
                    if frame.remaining() > 0 {
                        return;
                    }
                    self.end_frame();
                }
            }
        }
    }

    /// The next whole frame, in the order of the wire.
    pub fn next_frame(&mut self) -> Option<Dissection> {
        self.ready.pop_front()
    }

    /// Whether a next frame is ready.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the next byte begins a frame.
    #[must_use]
    pub fn at_frame_boundary(&self) -> bool {
        matches!(&self.position, Position::Header(partial) if partial.is_empty())
    }

    /// Whether frames cannot be told apart since bytes went missing; see [`resume`](Self::resume).
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self.position, Position::Lost)
    }

    /// The bytes of a header that was cut off, once the stream has ended.
    #[must_use]
    pub fn partial_header(&self) -> &[u8] {
        match &self.position {
            Position::Header(partial) => partial,
            Position::Payload(_) | Position::Lost => &[],
        }
    }

    /// The stream has ended: the frame that was cut off, if one was. Frames that are ready come first.
    pub fn finish(&mut self) -> Option<Dissection> {
        if let Some(frame) = self.next_frame() {
            return Some(frame);
        }
        let at_end = Position::Header(Vec::new());
        match std::mem::replace(&mut self.position, at_end) {
            Position::Payload(frame) => Some(frame.cut_off()),
            other => {
                self.position = other;
                None
            }
        }
    }

    /// `missing` bytes of the stream were not captured.
    ///
    /// If they all belong to the payload of one frame, the dissector knows where the next begins,
    /// and the answer is true. If not it is lost until [`resume`](Self::resume).
    pub fn skip(&mut self, missing: u64) -> bool {
        self.offset += missing;
        match &mut self.position {
            Position::Payload(frame) if missing <= frame.remaining() => {
                frame.skip(missing, self.message.as_mut(), self.history.as_deref_mut());
                if frame.remaining() == 0 {
                    self.end_frame();
                }
                true
            }
            Position::Header(partial) if partial.is_empty() && missing == 0 => true,
            position => {
                if let Position::Payload(frame) = std::mem::replace(position, Position::Lost) {
                    self.ready.push_back(frame.cut_off());
                }
                self.lose_state();
                false
            }
        }
    }

    /// The next byte is known to begin a frame. A frame that was under way is cut off there.
    pub fn resume(&mut self) {
        if self.at_frame_boundary() {
            return;
        }
        if let Position::Payload(frame) = std::mem::replace(&mut self.position, Position::Header(Vec::new())) {
            self.ready.push_back(frame.cut_off());
        }
        self.lose_state();
    }

    fn lose_state(&mut self) {
        self.checkpoints.want();
        self.message = None;
        self.message_unknown = true;
        if let Some(history) = &mut self.history {
            history.lose();
        }
    }

    fn begin_frame(&mut self, header: FrameHeader, offset: u64) {
        let in_message = if self.message_unknown && self.message.is_none() {
            header.opcode == Opcode::Continuation
        } else {
            self.message.is_some()
        };
        let expected = Expected { sender: self.sender, compression: self.history.is_some(), in_message };
        let after_close = self.after_close.then_some(Violation::FrameAfterClose);
        let violations: Vec<Found> = after_close
            .into_iter()
            .chain(rules::check_header(&header, &expected))
            .map(|violation| Found { violation, payload_offset: None })
            .collect();
        if header.opcode.is_data() && self.message.is_none() && self.checkpoints.are_due() {
            self.make_checkpoint();
        }
        let fragment = self.place(&header);
        let frame = FrameUnderWay::new(self.frames, offset, header, violations, fragment, self.kept_max);
        self.frames += 1;
        self.position = Position::Payload(Box::new(frame));
    }

    /// Finds the frame's message, or begins it.
    fn place(&mut self, header: &FrameHeader) -> Option<Fragment> {
        match header.opcode {
            Opcode::Text | Opcode::Binary => {
                let message = MessageUnderWay::beginning_with(header, self.history.is_some(), self.kept_max);
                if self.message.replace(message).is_some() {
                    self.messages += 1; // the one that was interrupted keeps its number
                    if let Some(history) = &mut self.history {
                        history.interrupt();
                    }
                }
                self.message_unknown = false;
            }
            Opcode::Continuation if self.message.is_none() && self.message_unknown => {
                self.message = Some(MessageUnderWay::joined_late(self.kept_max));
                self.message_unknown = false;
            }
            Opcode::Continuation => {}
            _ => return None,
        }
        let message = self.message.as_mut()?;
        let index = message.fragments;
        message.fragments += 1;
        Some(Fragment { message: self.messages, index })
    }

    /// All of the frame's payload is there.
    fn end_frame(&mut self) {
        let position = std::mem::replace(&mut self.position, Position::Header(Vec::new()));
        let Position::Payload(frame) = position else { return };
        let mut dissection = frame.complete();
        if dissection.fragment.is_some() && dissection.header.fin {
            if let Some(message) = self.message.take() {
                dissection.message = Some(message.finish(&mut dissection, self.history.as_deref_mut()));
            }
            self.messages += 1;
        }
        if dissection.fragment.is_some() {
            self.checkpoints.count(dissection.inflated_len);
        }
        self.after_close |= dissection.header.opcode == Opcode::Close;
        self.ready.push_back(dissection);
    }
}

/// More than this of one payload, or of one message, is counted but not kept, unless it is said otherwise.
const KEPT_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests;
