//! Frames found where nothing says that there are any: in streams without an opening handshake, and behind gaps.
//!
//! A [`Walk`] reads bytes as if a frame began at their first, and stops believing it at the first rule that breaks.
//! What does not break counts as evidence, in bits: a header whose first byte could be one of eleven out of 256 says
//! log2(256 / 11) = 4.5 of them, and so on. A [`Seeker`] lets a walk start with each packet, since frames begin with
//! packets nearly always, and believes the first that has enough evidence for the number of walks that were tried. Other
//! traffic gives none: TLS, SSH, HTTP and HTTP/2 cannot even begin as a frame does.

use std::collections::VecDeque;

use crate::close::CloseFrame;
use crate::header::{FrameHeader, Rsv};
use crate::mask::MaskingKey;
use crate::opcode::Opcode;
use crate::rules::{self, Expected, Role};
use crate::utf8::Utf8Validator;

/// Bytes read as frames, until a rule breaks.
#[derive(Clone, Debug)]
struct Walk {
    /// Where in the stream it began.
    start: u64,
    /// Who sends, as the first header has it.
    role: Option<Role>,
    header: Vec<u8>,
    payload: Option<Payload>,
    /// The text of a message under way; inside `None` if it is no text, or compressed.
    message: Option<Option<Utf8Validator>>,
    has_closed: bool,
    headers: u32,
    /// In halves of a bit.
    evidence: u32,
}

#[derive(Clone, Debug)]
struct Payload {
    header: FrameHeader,
    seen: u64,
    /// Of a Close.
    close: Vec<u8>,
    /// Bytes of text that counted as evidence.
    counted: u32,
}

/// A rule is broken: these are no frames.
struct NoFrames;

impl Walk {
    fn new(start: u64, role: Option<Role>) -> Self {
        Self {
            start,
            role,
            header: Vec::new(),
            payload: None,
            message: None,
            has_closed: false,
            headers: 0,
            evidence: 0,
        }
    }

    fn at_boundary(&self) -> bool {
        self.payload.is_none() && self.header.is_empty()
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), NoFrames> {
        loop {
            if let Some(payload) = &mut self.payload {
                let left = payload.header.payload_length.get() - payload.seen;
                let (piece, rest) = bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
                bytes = rest;
                self.payload(piece)?;
                if self.payload.is_some() {
                    return Ok(());
                }
            }
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.header.push(*first);
            if let Some((header, _)) = FrameHeader::decode(&self.header) {
                self.header.clear();
                self.begin(header)?;
                if header.payload_length.get() == 0 {
                    self.end_frame()?;
                }
            } else if self.header.len() == 1 && !self.may_begin(*first) {
                return Err(NoFrames);
            }
        }
    }

    /// Whether a header may have this first byte.
    fn may_begin(&self, first: u8) -> bool {
        let fits = |role| {
            let masking_key = (role == Role::Client).then_some(MaskingKey([0; 4]));
            let header = FrameHeader {
                fin: first & 0x80 != 0,
                rsv: Rsv::from_bits(first >> 4),
                opcode: Opcode::from_bits(first),
                masking_key,
                ..FrameHeader::new(Opcode::Text, 0)
            };
            rules::is_sound(&header, &self.expected(role))
        };
        !self.has_closed && fits(Role::Client)
    }

    fn expected(&self, sender: Role) -> Expected {
        Expected { sender, compression: true, in_message: self.message.is_some() }
    }

    fn begin(&mut self, header: FrameHeader) -> Result<(), NoFrames> {
        let is_masked = header.masking_key.is_some();
        let says_nothing_new = self.role.is_none();
        let role = *self.role.get_or_insert(if is_masked { Role::Client } else { Role::Server });
        let len = header.payload_length.get();
        let is_sound = rules::is_sound(&header, &self.expected(role));
        // Allowed, but nobody sends empty fragments, and zeros look like any number of them.
        let is_odd = (!header.fin && len == 0) || len > LENGTH_MAX;
        if !is_sound || is_odd || self.has_closed {
            return Err(NoFrames);
        }
        self.evidence += if self.message.is_some() { 2 * 5 + 1 } else { 2 * 4 + 1 };
        if len == 0 {
            self.evidence -= 6;
        }
        if !says_nothing_new {
            self.evidence += 2;
        }
        self.headers += 1;
        match header.opcode {
            Opcode::Text | Opcode::Binary => {
                let is_plain_text = header.opcode == Opcode::Text && header.rsv == Rsv::NONE;
                self.message = Some(is_plain_text.then(Utf8Validator::new));
            }
            Opcode::Close => self.has_closed = true,
            _ => {}
        }
        self.payload = Some(Payload { header, seen: 0, close: Vec::new(), counted: 0 });
        Ok(())
    }

    fn payload(&mut self, piece: &[u8]) -> Result<(), NoFrames> {
        let Some(payload) = &mut self.payload else { return Ok(()) };
        let header = payload.header;
        let text = self.message.as_mut().and_then(Option::as_mut).filter(|_| header.opcode.is_data());
        if text.is_some() || header.opcode == Opcode::Close {
            let mut unmasked = piece.to_vec();
            if let Some(key) = header.masking_key {
                key.apply(&mut unmasked, payload.seen);
            }
            if let Some(text) = text {
                text.push(&unmasked).map_err(|_| NoFrames)?;
                // A byte of text under a mask would be any other byte if there were none; plain text may just be text.
                let most = if header.masking_key.is_some_and(|key| key.0 != [0; 4]) { 16 } else { 8 };
                let is_text = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
                let count = u32::try_from(unmasked.iter().filter(is_text).take(16).count()).unwrap_or(0);
                let count = count.min(most - payload.counted);
                payload.counted += count;
                self.evidence += count;
            } else {
                payload.close.extend_from_slice(&unmasked);
            }
        }
        payload.seen += piece.len() as u64;
        if payload.seen == header.payload_length.get() { self.end_frame() } else { Ok(()) }
    }

    fn end_frame(&mut self) -> Result<(), NoFrames> {
        let Some(payload) = self.payload.take() else { return Ok(()) };
        if payload.header.opcode == Opcode::Close {
            let frame = CloseFrame::decode(&payload.close).map_err(|_| NoFrames)?;
            self.evidence += if frame.is_some() { 2 * 6 } else { 0 };
        }
        if payload.header.opcode.is_data() && payload.header.fin {
            let message = self.message.take();
            if message.flatten().is_some_and(|text| !text.is_complete()) {
                return Err(NoFrames);
            }
        }
        Ok(())
    }

    /// Bytes that were not captured. They must all be of one payload.
    fn skip(&mut self, missing: u64) -> Result<(), NoFrames> {
        let payload = self.payload.as_mut().ok_or(NoFrames)?;
        if payload.header.opcode.is_control() || missing > payload.header.payload_length.get() - payload.seen {
            return Err(NoFrames);
        }
        payload.seen += missing;
        // What the text goes on with is not known.
        if let Some(message) = &mut self.message {
            *message = None;
        }
        if payload.seen == payload.header.payload_length.get() { self.end_frame() } else { Ok(()) }
    }
}

/// Looks for the place in one direction's stream from which on it is frames.
#[derive(Debug, Default)]
pub(super) struct Seeker {
    walks: Vec<Walk>,
    /// The stream from where the first living walk began, as it came.
    kept: VecDeque<Kept>,
    kept_len: usize,
    /// Where in the stream `kept` begins, and how far it was heard.
    kept_from: u64,
    position: u64,
    /// The same without gaps.
    heard: u64,
    tried: u32,
    /// Who sends, if that is known.
    role: Option<Role>,
}

/// A piece of a stream.
#[derive(Debug)]
pub(super) enum Kept {
    /// When they came, the bytes, and where they lie in the capture.
    Bytes(u64, Vec<u8>, u64),
    /// Bytes that were not captured.
    Gap(u64),
}

/// Where frames begin, in the stream as the seeker heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) role: Role,
    /// How much there is to believe it, in bits.
    pub(super) bits: u32,
}

impl Seeker {
    /// For what this role sends.
    pub(super) fn of(role: Role) -> Self {
        Self { role: Some(role), ..Self::default() }
    }

    /// The next bytes; they are what a packet begins with, or what one was made whole with.
    pub(super) fn hear(&mut self, time_ns: u64, bytes: &[u8], at: u64) {
        if self.tried < TRIES_MAX && !self.walks.iter().any(Walk::at_boundary) {
            self.tried += 1;
            if self.walks.len() == WALKS_MAX {
                // The one with the least to say for itself makes room.
                let least = (0..WALKS_MAX).min_by_key(|at| self.walks[*at].evidence).unwrap_or(0);
                self.walks.swap_remove(least);
            }
            self.walks.push(Walk::new(self.position, self.role));
        }
        self.walks.retain_mut(|walk| walk.feed(bytes).is_ok());
        self.position += bytes.len() as u64;
        self.heard += bytes.len() as u64;
        self.keep(|| Kept::Bytes(time_ns, bytes.to_vec(), at));
    }

    /// Bytes that were not captured.
    pub(super) fn miss(&mut self, missing: u64) {
        self.walks.retain_mut(|walk| walk.skip(missing).is_ok());
        self.position += missing;
        self.keep(|| Kept::Gap(missing));
    }

    /// Keeps what a living walk has read, and nothing in front of it.
    fn keep(&mut self, piece: impl FnOnce() -> Kept) {
        if self.kept_len > KEPT_MAX {
            // So much without an answer is none.
            self.walks.clear();
        }
        let Some(first) = self.walks.iter().map(|walk| walk.start).min() else {
            self.kept.clear();
            self.kept_len = 0;
            self.kept_from = self.position;
            return;
        };
        let piece = piece();
        self.kept_len += piece.cost();
        self.kept.push_back(piece);
        while let Some(front) = self.kept.front().filter(|front| self.kept_from + front.len() <= first) {
            self.kept_from += front.len();
            self.kept_len -= front.cost();
            self.kept.pop_front();
        }
    }

    /// Who sends is known now: whatever says otherwise is wrong.
    pub(super) fn expect(&mut self, role: Role) {
        self.role = Some(role);
        self.walks.retain(|walk| walk.role.is_none_or(|found| found == role));
    }

    /// How many bytes it heard.
    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether no frames can be found here any more.
    pub(super) const fn has_given_up(&self) -> bool {
        self.tried >= TRIES_MAX && self.walks.is_empty()
    }

    /// The best guess so far. If the stream `has_ended`, a frame that ends with it speaks for itself.
    pub(super) fn best(&self, has_ended: bool) -> Option<Place> {
        let evidence = |walk: &Walk| walk.evidence + if has_ended && walk.at_boundary() { 2 * 5 } else { 0 };
        let best = self.walks.iter().filter(|walk| walk.headers > 0).max_by_key(|walk| evidence(walk))?;
        // The more guesses there were, the less each is worth.
        let bits = (evidence(best) / 2).saturating_sub(self.tried.max(1).ilog2());
        Some(Place { start: best.start, role: best.role?, bits })
    }

    /// The stream from a place on, which [`best`](Self::best) gave.
    pub(super) fn take_from(&mut self, start: u64) -> Vec<Kept> {
        let mut at = self.kept_from;
        let mut taken = Vec::new();
        for piece in std::mem::take(&mut self.kept) {
            let len = piece.len();
            if at >= start {
                taken.push(piece);
            }
            at += len;
        }
        taken
    }
}

impl Kept {
    const fn len(&self) -> u64 {
        match self {
            Self::Bytes(_, bytes, _) => bytes.len() as u64,
            Self::Gap(missing) => *missing,
        }
    }

    const fn cost(&self) -> usize {
        match self {
            Self::Bytes(_, bytes, _) => bytes.len() + KEPT_OVERHEAD,
            Self::Gap(_) => KEPT_OVERHEAD,
        }
    }
}

/// Enough to say that a stream is WebSocket, of which nothing else says so: wrong once in 30 million.
pub(super) const BITS_OF_A_STRANGER: u32 = 25;
/// Enough to say where a frame begins in a stream that is WebSocket.
pub(super) const BITS_OF_A_FRIEND: u32 = 18;
/// Enough where frames are the only thing to be expected: one header that keeps the rules.
pub(super) const BITS_OF_A_PROMISE: u32 = 1;

/// Frames of more than this are not found; a length of random bits is nearly always more.
const LENGTH_MAX: u64 = 1 << 26;
/// So many walks are tried: a frame may be large, and then many packets are in the middle of one.
const TRIES_MAX: u32 = 4096;
/// So many are under way at a time.
const WALKS_MAX: usize = 16;
/// So much is kept of a stream that may be frames.
const KEPT_MAX: usize = 1 << 20;
const KEPT_OVERHEAD: usize = 48;
