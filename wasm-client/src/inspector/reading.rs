//! Rows read again: a frame's bytes from what is kept of its source, a compressed message from the nearest place from which
//! its sender's window is known.
//!
//! Reading on from where the last reading ended is what going through rows in order does, so for some directions the
//! dissector is kept where it stands: each message is then inflated once.

use std::borrow::Cow;
use std::rc::Rc;

use framescope_codec::dissect::{Checkpoint, Dissection, Dissector, Found, Fragment};
use framescope_codec::{DeflateParams, FrameHeader, Violation};

use super::Capture;
use super::entry::{Entry, NONE, flag};
use super::kept::Kept;
use super::store::Store;

/// What was read lately, and where reading can go on.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// Each at the place that its number says, so that going through a million rows looks for none.
    recent: Vec<Option<(u64, Rc<Dissection>)>>,
    recent_len: usize,
    trails: Vec<Trail>,
    turn: u64,
}

/// One direction, read up to some row.
#[derive(Debug)]
struct Trail {
    connection: u32,
    side: usize,
    dissector: Dissector,
    last: u64,
    turn: u64,
    /// It holds the library's state, not only the window.
    is_busy: bool,
}

/// What is known of a direction in front of the oldest row that is held of it.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) checkpoint: Checkpoint,
    /// The frames of the message under way that are held no longer.
    pub(super) begun: Vec<Begun>,
    begun_len: usize,
}

/// A part of such a frame.
#[derive(Debug)]
pub(super) enum Begun {
    Bytes(Vec<u8>),
    /// So many were not captured.
    Missing(u64),
}

impl Base {
    const fn new(checkpoint: Checkpoint) -> Self {
        Self { checkpoint, begun: Vec::new(), begun_len: 0 }
    }

    /// The bytes that it takes up.
    pub(super) const fn held(&self) -> usize {
        self.checkpoint.held() + self.begun_len + self.begun.len() * size_of::<Begun>()
    }

    /// Keeps a frame of the message under way. One of which so much is gone is not put together any more.
    fn keep(&mut self, entry: &Entry, store: &Store, kept: &Kept) {
        let mut len = 0;
        for piece in store.pieces(entry) {
            len += piece.len;
            let bytes = piece.at.zip(usize::try_from(piece.len).ok()).and_then(|(at, len)| kept.bytes(at, len));
            let bytes = bytes.filter(|bytes| self.begun_len + bytes.len() <= BEGUN_MAX);
            self.begun.push(match bytes {
                Some(bytes) => {
                    self.begun_len += bytes.len();
                    Begun::Bytes(bytes.to_vec())
                }
                None => Begun::Missing(piece.len),
            });
        }
        self.begun.push(Begun::Missing(missing(entry, len)));
    }
}

/// How many bytes at the end of a frame were not captured, of which `len` were, or were told to be missing.
fn missing(entry: &Entry, len: u64) -> u64 {
    (u64::from(entry.header_len) + u64::from(entry.length)).saturating_sub(len)
}

impl Readings {
    /// Forgets all: rows are gone, or mean something else.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What comes from now on may end what is read.
    pub(super) fn forget_recent(&mut self) {
        self.recent.clear();
        self.recent_len = 0;
    }

    fn remember(&mut self, row: u64, dissection: &Rc<Dissection>) {
        let weight = weight(dissection);
        if self.recent_len + weight > RECENT_LEN {
            self.forget_recent();
        }
        self.recent.resize(RECENT_MAX, None);
        self.recent_len += weight;
        if let Some(slot) = self.recent.get_mut(place_of(row))
            && let Some((_, gone)) = slot.replace((row, Rc::clone(dissection)))
        {
            self.recent_len -= self::weight(&gone);
        }
    }

    fn known(&self, row: u64) -> Option<&Rc<Dissection>> {
        let (known, dissection) = self.recent.get(place_of(row))?.as_ref()?;
        (*known == row).then_some(dissection)
    }

    fn keep(&mut self, trail: Trail) {
        if self.trails.len() >= TRAILS_MAX
            && let Some(oldest) = (0..self.trails.len()).min_by_key(|place| self.trails[*place].turn)
        {
            self.trails.swap_remove(oldest);
        }
        // Of those that were not used for long the window stays; what the library needs beside it is made again.
        let busy = (0..self.trails.len()).filter(|place| self.trails[*place].is_busy);
        if self.trails.iter().filter(|trail| trail.is_busy).count() >= BUSY_MAX
            && let Some(oldest) = busy.min_by_key(|place| self.trails[*place].turn)
        {
            self.trails[oldest].dissector.release();
            self.trails[oldest].is_busy = false;
        }
        self.trails.push(trail);
    }
}

fn place_of(row: u64) -> usize {
    usize::try_from(row % RECENT_MAX as u64).unwrap_or_default()
}

fn weight(dissection: &Dissection) -> usize {
    let message = dissection.message.as_ref().map_or(0, |message| message.payload.len());
    size_of::<Dissection>() + dissection.payload.len() + message
}

impl Capture {
    /// The header of a frame.
    pub(super) fn header(&self, entry: &Entry) -> Option<FrameHeader> {
        let bytes = self.bytes_of(entry, usize::from(entry.header_len))?;
        FrameHeader::decode(&bytes).map(|(header, _)| header)
    }

    /// The first bytes of a frame as they were on the wire, at most so many, up to the first that was not captured.
    pub(super) fn bytes_of<'a>(&'a self, entry: &Entry, max: usize) -> Option<Cow<'a, [u8]>> {
        let kept = self.kept_of(entry)?;
        if !entry.has(flag::SCATTERED) {
            let len = (usize::from(entry.header_len) + entry.length as usize).min(max);
            return kept.bytes(entry.at.get(), len).map(Cow::Borrowed);
        }
        let mut bytes = Vec::new();
        for piece in self.store.pieces(entry) {
            let Some(at) = piece.at else { break };
            let len = usize::try_from(piece.len).unwrap_or(usize::MAX).min(max - bytes.len());
            bytes.extend_from_slice(kept.bytes(at, len)?);
            if bytes.len() >= max {
                break;
            }
        }
        Some(Cow::Owned(bytes))
    }

    /// The first bytes of a frame's payload, unmasked, at most so many.
    pub(super) fn payload_of<'a>(&'a self, entry: &Entry, max: usize) -> Option<Cow<'a, [u8]>> {
        let header_len = usize::from(entry.header_len);
        let bytes = self.bytes_of(entry, header_len.saturating_add(max))?;
        if !entry.has(flag::MASKED) {
            return Some(match bytes {
                Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(header_len..)?),
                Cow::Owned(mut bytes) => {
                    bytes.drain(..header_len.min(bytes.len()));
                    Cow::Owned(bytes)
                }
            });
        }
        let (header, _) = FrameHeader::decode(&bytes)?;
        let mut payload = bytes.get(header_len..)?.to_vec();
        if let Some(key) = header.masking_key {
            key.apply(&mut payload, 0);
        }
        Some(Cow::Owned(payload))
    }

    /// Everything about a frame, as it was known when it came.
    pub(super) fn dissection(&self, row: u64) -> Option<Rc<Dissection>> {
        if let Some(known) = self.readings.borrow().known(row) {
            return Some(Rc::clone(known));
        }
        let entry = self.store.get(row).filter(|entry| entry.is_frame())?;
        let read = if entry.has(flag::IN_MESSAGE) { self.read_on(row, entry) } else { self.read_alone(entry) };
        let mut dissection = read.or_else(|| self.without_bytes(row, entry))?;
        dissection.offset = entry.offset.get();
        dissection.fragment = entry
            .has(flag::IN_MESSAGE)
            .then(|| Fragment { message: u64::from(self.store.message_number(entry)), index: entry.fragment });
        dissection.violations = in_order(entry, &dissection.violations);
        let dissection = Rc::new(dissection);
        self.readings.borrow_mut().remember(row, &dissection);
        Some(dissection)
    }

    /// A frame that is no part of a message.
    fn read_alone(&self, entry: &Entry) -> Option<Dissection> {
        let mut dissector = Dissector::new(entry.direction()?.sender(), self.deflate_of(entry));
        read(&mut dissector, entry, &self.store, self.kept_of(entry)?)
    }

    /// A frame of a message, with what came before it as far as it matters.
    fn read_on(&self, row: u64, entry: &Entry) -> Option<Dissection> {
        let kept = self.kept_of(entry)?;
        let deflate = self.deflate_of(entry);
        let sender = entry.direction()?.sender();
        let needs_history =
            entry.has(flag::COMPRESSED) && deflate.is_some_and(|params| params.context_takeover(sender));
        let mut readings = self.readings.borrow_mut();
        readings.turn += 1;
        let turn = readings.turn;
        let place = readings.trails.iter().position(|trail| {
            needs_history && (trail.connection, trail.side) == (entry.connection, entry.side()) && trail.last < row
        });
        let known = place.map(|place| readings.trails[place].last);

        // Back to where everything that matters is known.
        let mut rows = vec![row];
        let (mut at, mut current) = (row, entry);
        let mut dissector = loop {
            if let Some(checkpoint) = self.store.checkpoint(at) {
                break Dissector::from_checkpoint(sender, checkpoint);
            }
            if current.fragment == 0 && !needs_history {
                break Dissector::new(sender, deflate);
            }
            let before = at.checked_sub(u64::from(current.back)).filter(|_| current.back > 0);
            if before.is_some() && before == known {
                break readings.trails.swap_remove(place?).dissector;
            }
            match before.and_then(|before| Some((before, self.store.get(before)?))) {
                Some((before, entry)) => {
                    rows.push(before);
                    (at, current) = (before, entry);
                }
                None => break self.at_base(entry, deflate)?,
            }
        };
        let mut found = None;
        for row in rows.into_iter().rev() {
            found = read(&mut dissector, self.store.get(row)?, &self.store, kept);
        }
        if needs_history {
            let (connection, side) = (entry.connection, entry.side());
            readings.trails.retain(|trail| (trail.connection, trail.side) != (connection, side));
            readings.keep(Trail { connection, side, dissector, last: row, turn, is_busy: true });
        }
        found
    }

    /// A dissector in front of the oldest row held of a direction.
    fn at_base(&self, entry: &Entry, deflate: Option<DeflateParams>) -> Option<Dissector> {
        let sender = entry.direction()?.sender();
        let connection = self.connections.get(entry.connection)?;
        Some(match &connection.bases[entry.side()] {
            Some(base) => {
                let mut dissector = Dissector::from_checkpoint(sender, &base.checkpoint);
                for part in &base.begun {
                    match part {
                        Begun::Bytes(bytes) => dissector.feed(bytes),
                        Begun::Missing(0) => {}
                        Begun::Missing(len) => {
                            dissector.skip(*len);
                        }
                    }
                }
                while dissector.next_frame().is_some() {}
                dissector
            }
            None => Dissector::joining_late(sender, deflate),
        })
    }

    /// What is known of a frame whose bytes are not held: they came long before others, and went before them.
    fn without_bytes(&self, row: u64, entry: &Entry) -> Option<Dissection> {
        let mut bytes = vec![entry.first_byte];
        let length = self.store.length(row, entry);
        let masked = if entry.has(flag::MASKED) { 0x80 } else { 0 };
        match (entry.header_len - if masked > 0 { 4 } else { 0 }, u8::try_from(length), u16::try_from(length)) {
            (2, Ok(length), _) => bytes.push(masked | length),
            (4, _, Ok(length)) => {
                bytes.push(masked | 126);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                bytes.push(masked | 127);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        bytes.resize(usize::from(entry.header_len), 0);
        let mut dissector = Dissector::new(entry.direction()?.sender(), None);
        dissector.feed(&bytes);
        let mut dissection = dissector.finish()?;
        dissection.payload_missing = length;
        dissection.inflated_len = self.store.inflated(row, entry);
        Some(dissection)
    }

    pub(super) fn deflate_of(&self, entry: &Entry) -> Option<DeflateParams> {
        self.connections.get(entry.connection)?.deflate
    }

    pub(super) fn kept_of(&self, entry: &Entry) -> Option<&Kept> {
        let source = self.connections.get(entry.connection)?.source;
        self.sources.kept(source)
    }

    /// In front of rows that are about to go: what has to be known to read the others.
    pub(super) fn move_bases(&mut self, first: u64) {
        let mut moving: Vec<(u32, usize, Dissector, Base)> = Vec::new();
        for row in self.store.first()..first {
            let Some(entry) = self.store.get(row).filter(|entry| entry.has(flag::IN_MESSAGE)) else { continue };
            let Some(sender) = entry.direction().map(framescope_codec::capture::Direction::sender) else { continue };
            let deflate = self.deflate_of(entry);
            let needs_history = deflate.is_some_and(|params| params.context_takeover(sender));
            // Nobody reads on from a frame that is a message by itself, and refers to no other.
            if !needs_history && !entry.has(flag::IN_SPAN) {
                continue;
            }
            let key = (entry.connection, entry.side());
            let place = moving.iter().position(|(connection, side, ..)| (*connection, *side) == key);
            let checkpoint = self.store.checkpoint(row);
            let place = match (place, checkpoint) {
                (Some(place), None) => place,
                (place, checkpoint) => {
                    let dissector = match checkpoint {
                        Some(checkpoint) => Dissector::from_checkpoint(sender, checkpoint),
                        None if entry.fragment == 0 && !needs_history => Dissector::new(sender, deflate),
                        None => match self.at_base(entry, deflate) {
                            Some(dissector) => dissector,
                            None => continue,
                        },
                    };
                    let old = self.connections.set_base(key.0, key.1, None);
                    let base = match old {
                        Some(base) if checkpoint.is_none() => base,
                        _ => Base::new(dissector.checkpoint().unwrap_or_default()),
                    };
                    if let Some(place) = place {
                        moving[place] = (key.0, key.1, dissector, base);
                        place
                    } else {
                        moving.push((key.0, key.1, dissector, base));
                        moving.len() - 1
                    }
                }
            };
            let Some(kept) = self.kept_of(entry) else { continue };
            let (_, _, dissector, base) = &mut moving[place];
            // One that interrupts another is read on from where that began.
            if entry.fragment == 0
                && entry.has(flag::IN_SPAN)
                && let Some(checkpoint) = dissector.checkpoint()
            {
                *base = Base::new(checkpoint);
            }
            read(dissector, entry, &self.store, kept);
            if dissector.is_in_message() {
                base.keep(entry, &self.store, kept);
            }
        }
        for (connection, side, dissector, mut base) in moving {
            if let Some(checkpoint) = dissector.checkpoint() {
                base = Base::new(checkpoint);
            }
            self.connections.set_base(connection, side, Some(base));
        }
    }
}

/// Feeds one frame; answers with what the dissector says about it.
fn read(dissector: &mut Dissector, entry: &Entry, store: &Store, kept: &Kept) -> Option<Dissection> {
    let mut len = 0;
    for piece in store.pieces(entry) {
        len += piece.len;
        match piece.at {
            None => {
                dissector.skip(piece.len);
            }
            Some(at) => dissector.feed(kept.bytes(at, usize::try_from(piece.len).ok()?)?),
        }
    }
    if let Some(dissection) = dissector.next_frame() {
        return Some(dissection);
    }
    let was_cut_off = entry.has(flag::IN_MESSAGE) && entry.fin() && !entry.has(flag::LAST);
    if !was_cut_off && entry.length < NONE - 1 && dissector.skip(missing(entry, len)) {
        return dissector.next_frame();
    }
    dissector.finish()
}

/// The rules that a frame breaks, in the order in which they were found when it came. What was read again knows the places
/// in the payload, but not all of what came before.
fn in_order(entry: &Entry, read: &[Found]) -> Vec<Found> {
    let is_of_payload = |rule: Violation| {
        matches!(
            rule,
            Violation::InvalidUtf8
                | Violation::InvalidDeflate
                | Violation::ClosePayloadOfOneByte
                | Violation::InvalidCloseCode
                | Violation::InvalidCloseReason
        )
    };
    let breaks = |rule: Violation| entry.violations & 1 << rule as u8 != 0;
    let first = Some(Violation::FrameAfterClose).filter(|rule| breaks(*rule));
    let of_header = entry.rules().filter(|rule| *rule != Violation::FrameAfterClose && !is_of_payload(*rule));
    let bare = |violation| Found { violation, payload_offset: None };
    let mut found: Vec<_> = first.into_iter().chain(of_header).map(bare).collect();
    found.extend(read.iter().filter(|found| is_of_payload(found.violation) && breaks(found.violation)));
    let unplaced: Vec<_> =
        entry.rules().filter(|rule| !found.iter().any(|found| found.violation == *rule)).map(bare).collect();
    found.extend(unplaced);
    found
}

/// So many rows are kept as they were read, and so many bytes of them.
const RECENT_MAX: usize = 256;
const RECENT_LEN: usize = 8 << 20;
/// In so many directions reading can go on where it was; in so many of them without making the library's state anew.
const TRAILS_MAX: usize = 256;
const BUSY_MAX: usize = 16;
/// So much of a message is held to show the rest of it.
const BEGUN_MAX: usize = 1 << 20;
