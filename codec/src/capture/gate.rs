//! Somebody in between: frames of one direction that are held back, changed, left out or put in.
//!
//! A [`Gate`] stands in one direction of a connection, behind the opening handshake. Bytes are pushed in as they came
//! from the sender; what goes on to the receiver is fetched in order. Whoever [judges](Judge) sees each whole frame as
//! the [`Dissector`] does, and says whether it is to be held.
//!
//! ```text
//!   push ──► cut into frames ── judged ──┬──────────────► next ──► the receiver
//!                                        └─► held ─ decide ─┘ in the order of the wire
//!                                                    inject ──┘ between two frames
//! ```
//!
//! - Forwarding is always right, byte for byte. Order is kept: what comes behind a frame that is held waits.
//! - A frame that is longer than [`Gate::set_frame_max`] says is never kept: it streams through, and the judge is told.
//!   Who pushes stops when the gate is [full](Gate::is_full); so memory is bounded by a frame and what waits behind it.
//! - Nothing is put in inside of a frame, nor, unless forced, where it would break the sender's message.
//! - Under context takeover (RFC 7692, 7.1.1) a compressed message that is dropped or edited leaves the receiver unable to
//!   inflate what follows. Such a decision can ask for [mending](Decision::Drop): from then on, compressed messages of
//!   this direction go on inflated, which RFC 7692, 6 always allows.
//!
//! ```
//! use framescope_codec::capture::gate::{Candidate, Decision, Gate, How, Judge};
//! use framescope_codec::{FrameCursor, Opcode, Role};
//!
//! struct Pings;
//! impl Judge for Pings {
//!     fn holds(&mut self, frame: Candidate<'_>) -> Option<u64> {
//!         (frame.dissection.header.opcode == Opcode::Ping).then_some(7)
//!     }
//! }
//!
//! let mut gate = Gate::new(Role::Server, None, &FrameCursor::default(), true);
//! gate.judge();
//! gate.push(b"\x81\x01a\x89\x00\x81\x01b", &mut Pings);
//! assert_eq!(gate.next().unwrap().bytes, b"\x81\x01a");
//! assert!(gate.next().is_none()); // the ping is held, and what is behind it waits
//! gate.decide(7, Decision::Drop { mend: false });
//! let dropped = gate.next().unwrap();
//! assert!(dropped.bytes.is_empty() && matches!(dropped.how, How::Dropped { id: 7, .. }));
//! assert_eq!(gate.next().unwrap().bytes, b"\x81\x01b");
//! ```

mod injection;
mod judge;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cursor::FrameCursor;
use crate::deflate::params::DeflateParams;
use crate::dissect::Dissector;
use crate::header::{FrameHeader, Rsv};
use crate::opcode::Opcode;
use crate::rules::Role;

pub use injection::Unfit;
pub use judge::{Candidate, Decision, How, Judge, Passed};

use injection::Injection;
use output::{Compressed, Whole};

/// One direction of a connection in somebody's hands.
#[derive(Debug)]
pub struct Gate {
    sender: Role,
    deflate: Option<DeflateParams>,
    is_judging: bool,
    /// Which frames there are is known from the connection's first.
    is_early: bool,
    reading: Reading,
    dissector: Option<Dissector>,
    /// The frame being read belongs to a compressed message.
    in_compressed: bool,
    /// In the order of the wire. While it is not empty, its first item is held.
    queue: VecDeque<Item>,
    /// How many bytes that is.
    queued: usize,
    frame_max: usize,
    /// Compressed messages go on inflated.
    is_mending: bool,
    injections: VecDeque<Injection>,
    /// Where what went out stands.
    cursor: FrameCursor,
    out: VecDeque<Passed>,
}

/// What is done with the next byte that is pushed.
#[derive(Debug)]
enum Reading {
    /// It goes on.
    Passing,
    /// It goes on until a frame begins, which this finds.
    Joining(FrameCursor),
    /// It belongs to a frame that is kept until it is whole.
    Gathering(Vec<u8>),
    /// It belongs to a frame that is too long for that, with so much left of it.
    Long(u64),
}

#[derive(Debug)]
enum Item {
    /// Held, until something is decided about it.
    Held { id: u64, frame: Whole, decision: Option<Decision> },
    /// It waits for what is in front of it.
    Frame(Whole),
    /// The same, and it is no whole frame.
    Bytes(Vec<u8>),
}

impl Gate {
    /// A gate in what `sender` sends, which has come as far as `cursor`. `is_first`: nothing was sent before.
    #[must_use]
    pub fn new(sender: Role, deflate: Option<DeflateParams>, cursor: &FrameCursor, is_first: bool) -> Self {
        Self {
            sender,
            deflate,
            is_judging: false,
            is_early: is_first,
            reading: Reading::Joining(cursor.clone()),
            dissector: None,
            in_compressed: false,
            queue: VecDeque::new(),
            queued: 0,
            frame_max: FRAME_MAX,
            is_mending: false,
            injections: VecDeque::new(),
            cursor: cursor.clone(),
            out: VecDeque::new(),
        }
    }

    /// Has frames judged from the next that begins.
    pub fn judge(&mut self) {
        if !self.is_judging {
            self.is_judging = true;
            self.reading = Reading::Joining(self.cursor.clone());
        }
    }

    /// Ends that: all that is held is forwarded, in order, and everything goes on as it comes. Compressed messages are
    /// still followed where that takes all of them, and those that have to be mended still are.
    pub fn rest(&mut self) {
        for item in &mut self.queue {
            if let Item::Held { decision, .. } = item {
                decision.get_or_insert(Decision::Forward);
            }
        }
        self.settle();
        if self.is_mending {
            return;
        }
        self.is_judging = false;
        if let Reading::Gathering(partial) = std::mem::replace(&mut self.reading, Reading::Passing) {
            self.follow(&partial);
            self.emit_as_it_was(&partial);
        }
        self.reading = Reading::Joining(self.cursor.clone());
    }

    /// Nothing more will be pushed: a frame that was cut off goes on as far as it came, in its turn.
    pub fn finish(&mut self) {
        if let Reading::Gathering(partial) = &mut self.reading {
            let partial = std::mem::take(partial);
            self.follow(&partial);
            self.pass(&partial);
        }
    }

    /// Whether there is a use in the gate when nothing is to be held: what goes on depends on what went before.
    #[must_use]
    pub const fn is_mending(&self) -> bool {
        self.is_mending
    }

    /// Where what went on stands. Right behind [`rest`](Self::rest), the sender stands there as well.
    #[must_use]
    pub const fn cursor(&self) -> &FrameCursor {
        &self.cursor
    }

    /// Whether compressed messages of this direction can be inflated, if there are any.
    #[must_use]
    pub fn knows_context(&self) -> bool {
        !self.has_takeover() || self.is_early
    }

    /// Whether messages of this direction may be compressed against those before.
    #[must_use]
    pub fn has_takeover(&self) -> bool {
        self.deflate.is_some_and(|deflate| deflate.context_takeover(self.sender))
    }

    /// From now on, longer frames are not kept.
    pub const fn set_frame_max(&mut self, bytes: usize) {
        self.frame_max = bytes;
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        let gathered = if let Reading::Gathering(partial) = &self.reading { partial.len() } else { 0 };
        self.queued + gathered
    }

    /// Whether anything is held.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether so much waits behind what is held that no more should be pushed.
    #[must_use]
    pub fn is_full(&self, max: usize) -> bool {
        self.holds() && self.kept() >= max
    }

    /// Takes the next bytes of the sender.
    pub fn push(&mut self, mut bytes: &[u8], judge: &mut impl Judge) {
        while !bytes.is_empty() {
            bytes = match &mut self.reading {
                Reading::Passing => {
                    self.follow(bytes);
                    self.pass(bytes);
                    &[]
                }
                Reading::Joining(cursor) => match cursor.advance(bytes) {
                    Some(at) => {
                        let (before, rest) = bytes.split_at(at);
                        self.follow(before);
                        self.pass(before);
                        self.begin();
                        rest
                    }
                    None => {
                        self.follow(bytes);
                        self.pass(bytes);
                        &[]
                    }
                },
                Reading::Long(left) => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (piece, rest) = bytes.split_at(len);
                    *left -= len as u64;
                    if *left == 0 {
                        self.reading = Reading::Gathering(Vec::new());
                    }
                    self.follow(piece);
                    self.pass(piece);
                    rest
                }
                Reading::Gathering(_) => self.gather(bytes, judge),
            };
        }
    }

    /// What goes on next.
    #[expect(clippy::should_implement_trait, reason = "there may be more later")]
    pub fn next(&mut self) -> Option<Passed> {
        self.out.pop_front()
    }

    /// Says what to do with a frame that is held. False if there is none of that number, or this was said before.
    pub fn decide(&mut self, frame: u64, what: Decision) -> bool {
        let found = self.queue.iter_mut().find_map(|item| match item {
            Item::Held { id, decision: decision @ None, .. } if *id == frame => Some(decision),
            _ => None,
        });
        let Some(decision) = found else { return false };
        *decision = Some(what);
        self.settle();
        true
    }

    /// There is nobody to send to any more: what is held, and nothing was decided about or could be done.
    pub fn abandon(&mut self) -> Vec<(u64, Arc<[u8]>)> {
        let held = |item| if let Item::Held { id, frame, .. } = item { Some((id, frame.wire)) } else { None };
        self.queued = 0;
        std::mem::take(&mut self.queue).into_iter().filter_map(held).collect()
    }

    /// A frame begins with the next byte.
    fn begin(&mut self) {
        if self.dissector.is_none() && (self.is_judging || self.has_takeover()) {
            let made = if self.is_early { Dissector::new } else { Dissector::joining_late };
            self.dissector = Some(made(self.sender, self.deflate).keeping_at_most(DISSECTED_MAX));
        }
        self.reading = if self.is_judging { Reading::Gathering(Vec::new()) } else { Reading::Passing };
    }

    /// Has the dissector see what is not judged.
    fn follow(&mut self, bytes: &[u8]) {
        if let Some(dissector) = &mut self.dissector {
            dissector.feed(bytes);
            while dissector.next_frame().is_some() {}
        } else if !bytes.is_empty() {
            self.is_early = false;
        }
    }

    /// Goes on with the frame under way, or begins one. What is left over belongs to the next.
    fn gather<'b>(&mut self, bytes: &'b [u8], judge: &mut impl Judge) -> &'b [u8] {
        let Reading::Gathering(partial) = &mut self.reading else { return bytes };
        let had = partial.len();
        let decoded = if had == 0 {
            FrameHeader::decode(bytes)
        } else {
            // What is needed of a header that was cut in two, and no more.
            let needed = FrameHeader::MAX_LEN.saturating_sub(had).min(bytes.len());
            let mut start = [0; FrameHeader::MAX_LEN];
            let known = had.min(FrameHeader::MAX_LEN);
            start[..known].copy_from_slice(&partial[..known]);
            start[known..known + needed].copy_from_slice(&bytes[..needed]);
            FrameHeader::decode(&start[..known + needed])
        };
        let Some((header, header_len)) = decoded else {
            partial.extend_from_slice(bytes);
            return &[];
        };
        let whole = usize::try_from(header.payload_length.get()).ok().and_then(|len| len.checked_add(header_len));
        let Some(len) = whole.filter(|len| *len <= self.frame_max || had > header_len) else {
            let partial = std::mem::take(partial);
            judge.passes(&header);
            self.enter(&header);
            self.follow(&partial);
            self.pass(&partial);
            let rest = header_len.saturating_sub(had);
            self.follow(&bytes[..rest]);
            self.pass(&bytes[..rest]);
            self.reading = match header.payload_length.get() {
                0 => Reading::Gathering(Vec::new()),
                left => Reading::Long(left),
            };
            return &bytes[rest..];
        };
        let missing = len - had;
        if missing > bytes.len() {
            partial.extend_from_slice(bytes);
            return &[];
        }
        let (last, rest) = bytes.split_at(missing);
        let mut wire = std::mem::take(partial);
        wire.extend_from_slice(last);
        self.enter(&header);
        self.judge_frame(&header, wire.into(), judge);
        rest
    }

    /// Whether what begins is compressed.
    fn enter(&mut self, header: &FrameHeader) {
        match header.opcode {
            Opcode::Text | Opcode::Binary => {
                self.in_compressed = self.deflate.is_some() && header.rsv.contains(Rsv::RSV1);
            }
            _ => {}
        }
    }

    fn judge_frame(&mut self, header: &FrameHeader, wire: Arc<[u8]>, judge: &mut impl Judge) {
        let Some(dissector) = &mut self.dissector else { return self.pass(&wire) };
        dissector.feed(&wire);
        let Some(mut dissection) = dissector.next_frame() else { return self.pass(&wire) };
        let is_compressed = self.in_compressed && !header.opcode.is_control();
        let in_context = is_compressed && self.has_takeover();
        let keeps = self.is_mending || (in_context && (self.holds() || header.fin));
        let plain = dissection.message.as_mut().filter(|message| keeps && message.payload_is_whole);
        // It is copied where it may be needed: while something is held, and once something was changed.
        let plain = plain.and_then(|message| Some((message.kind?, message.payload.clone())));
        let can_mend = in_context
            && self.is_early
            && plain.is_some()
            && dissection.fragment.is_some_and(|fragment| fragment.index == 0);
        let compressed = match (in_context, header.fin) {
            (false, _) => None,
            (true, false) => Some(Compressed::Part),
            (true, true) => Some(Compressed::Last(plain)),
        };
        let held = judge.holds(Candidate { dissection, wire: &wire, in_context, can_mend });
        let frame = Whole { wire, compressed };
        match held {
            None if self.queue.is_empty() => self.emit(frame),
            None => {
                self.queued += frame.len();
                self.queue.push_back(Item::Frame(frame));
            }
            Some(id) => {
                self.queued += frame.len();
                self.queue.push_back(Item::Held { id, frame, decision: None });
            }
        }
    }

    /// Lets bytes go on when it is their turn.
    fn pass(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
        } else if self.queue.is_empty() {
            self.emit_as_it_was(bytes);
        } else {
            self.queued += bytes.len();
            match self.queue.back_mut() {
                Some(Item::Bytes(waiting)) => waiting.extend_from_slice(bytes),
                _ => self.queue.push_back(Item::Bytes(bytes.to_vec())),
            }
        }
    }
}

/// Longer frames are not kept, unless somebody says otherwise.
pub const FRAME_MAX: usize = 1 << 20;
/// As much of a message is inflated and looked at.
const DISSECTED_MAX: usize = 4 << 20;
