//! All rows, and beside them what only few of them have.

use std::collections::VecDeque;

use framescope_codec::Opcode;
use framescope_codec::capture::{CapturedFrame, Piece, What};
use framescope_codec::dissect::Checkpoint;

use super::entry::{Entry, Far, Kind, flag, narrow};
use super::handshake::Handshake;
use super::paged::Paged;

/// The rows held, by their running numbers.
#[derive(Debug, Default)]
pub(super) struct Store {
    entries: Paged<Entry>,
    /// The number of the row in front.
    first: u64,
    /// How many rows belonged to sources that were removed.
    removed: u64,
    extras: Aside<Extra>,
    checkpoints: Aside<Box<Checkpoint>>,
    /// Nanoseconds since the ping, of a pong.
    round_trips: Aside<u64>,
    /// Lengths that an entry cannot say.
    giants: Aside<Giant>,
    parts: Numbered<Part>,
    spans: Numbered<Span>,
}

/// What a row other than a frame says.
#[derive(Debug)]
pub(super) enum Extra {
    Handshake(Handshake),
    /// Anything else that the codec said.
    Said(Box<What>),
    /// What is wrong with a capture.
    Fault(Box<str>),
}

/// What few rows have, by their numbers, in order.
#[derive(Debug)]
struct Aside<T>(VecDeque<(u64, T)>);

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Aside<T> {
    fn get(&self, row: u64) -> Option<&T> {
        let place = self.0.partition_point(|(number, _)| *number < row);
        self.0.get(place).filter(|(number, _)| *number == row).map(|(_, item)| item)
    }

    fn held(&self) -> usize {
        self.0.len() * size_of::<(u64, T)>()
    }

    fn keep_where(&mut self, stays: impl Fn(u64) -> bool) {
        self.0.retain(|(row, _)| stays(*row));
    }

    fn drop_before(&mut self, first: u64) {
        let gone = self.0.partition_point(|(number, _)| *number < first);
        self.0.drain(..gone);
    }
}

/// A list whose items keep their numbers when the front goes.
#[derive(Debug)]
struct Numbered<T> {
    items: Paged<T>,
    first: u64,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { items: Paged::default(), first: 0 }
    }
}

impl<T> Numbered<T> {
    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    fn get(&self, number: u64) -> Option<&T> {
        self.items.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.items.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn drop_before(&mut self, number: u64) {
        let count = number.saturating_sub(self.first).min(self.items.len() as u64);
        self.items.drop_front(usize::try_from(count).unwrap_or(usize::MAX));
        self.first += count;
    }
}

/// Some bytes of a frame that does not lie in one piece. In front of its parts stands one that says how many they are,
/// and in place of where, how long the frame took.
#[derive(Clone, Copy, Debug)]
struct Part {
    at: u64,
    len: u32,
}

/// In place of where bytes lie that were not captured.
const NOWHERE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
struct Giant {
    length: u64,
    inflated: u64,
}

/// A message of several frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first_row: u64,
    /// Of those seen so far, from the first.
    rows: u32,
    /// The number of the message in its direction.
    pub(super) number: u32,
    pub(super) frames: u32,
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    /// Its last frame was seen.
    pub(super) is_whole: bool,
}

impl Span {
    pub(super) fn latest_row(&self) -> u64 {
        self.first_row + u64::from(self.rows)
    }

    /// How many frames it has, once the last was seen.
    pub(super) fn of(&self) -> Option<u32> {
        self.is_whole.then_some(self.frames)
    }
}

impl Store {
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn get(&self, row: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(row.checked_sub(self.first)?).ok()?)
    }

    /// A row's source was removed. [`Self::forget_removed`] lets go of what it takes up.
    pub(super) fn remove(&mut self, row: u64) {
        let place = row.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.kind = Kind::Removed;
            self.removed += 1;
        }
    }

    /// Whether there are numbers between the first and the last that are no row's any more.
    pub(super) const fn has_removed(&self) -> bool {
        self.removed > 0
    }

    /// The row in front that is there still, or one past the last.
    pub(super) fn first_present(&self) -> u64 {
        let is_there = |row: &u64| self.get(*row).is_some_and(|entry| entry.kind != Kind::Removed);
        (self.first..self.end()).find(is_there).unwrap_or_else(|| self.end())
    }

    /// The bytes that all of it takes up.
    pub(super) fn held(&self) -> usize {
        let heads = self.extras.0.len() * (size_of::<(u64, Extra)>() + EXTRA);
        let windows = self.checkpoints.0.len() * size_of::<(u64, Checkpoint)>();
        let lists = self.entries.held() + self.parts.items.held() + self.spans.items.held();
        lists + self.round_trips.held() + self.giants.held() + heads + windows
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// For the row that is pushed next.
    pub(super) fn set_extra(&mut self, extra: Extra) {
        self.extras.0.push_back((self.end(), extra));
    }

    /// Likewise.
    pub(super) fn set_round_trip(&mut self, ns: u64) {
        self.round_trips.0.push_back((self.end(), ns));
    }

    /// Likewise; answers with the bytes that it takes up.
    pub(super) fn set_checkpoint(&mut self, checkpoint: Box<Checkpoint>) -> usize {
        let held = checkpoint.held();
        self.checkpoints.0.push_back((self.end(), checkpoint));
        held
    }

    /// Notes where a frame lies that is pushed next, and what is too long for an entry.
    pub(super) fn place(&mut self, entry: &mut Entry, frame: &CapturedFrame) {
        let dissection = &frame.dissection;
        let (length, inflated) = (dissection.header.payload_length.get(), dissection.inflated_len.unwrap_or_default());
        if length > u64::from(u32::MAX - 2) || inflated > u64::from(u32::MAX - 2) {
            self.giants.0.push_back((self.end(), Giant { length, inflated }));
        }
        let len = (dissection.header.encoded_len() as u64).saturating_add(length);
        if let Some(at) = frame.pieces.single()
            && frame.pieces.iter().map(|piece| piece.len).sum::<u64>() == len
        {
            entry.at = Far::new(at);
            return;
        }
        entry.set(flag::SCATTERED, true);
        let number = self.parts.end();
        entry.at = Far::new(number);
        let took = entry.time_ns.saturating_sub(frame.began_ns);
        self.parts.items.push(Part { at: took, len: 0 });
        let mut count = 0;
        for Piece { at, len } in frame.pieces.iter() {
            let (mut at, mut left) = (at.unwrap_or(NOWHERE), len);
            while left > 0 {
                let len = u32::try_from(left).unwrap_or(u32::MAX);
                self.parts.items.push(Part { at, len });
                count += 1;
                left -= u64::from(len);
                if at != NOWHERE {
                    at += u64::from(len);
                }
            }
        }
        if let Some(head) = self.parts.get_mut(number) {
            head.len = count;
        }
    }

    /// Where the bytes of a frame lie, in their order.
    pub(super) fn pieces(&self, entry: &Entry) -> impl Iterator<Item = Piece> {
        let scattered = entry.has(flag::SCATTERED);
        let at = entry.at.get();
        let count = if scattered { self.parts.get(at).map_or(0, |head| u64::from(head.len)) } else { 0 };
        let len = u64::from(entry.header_len) + u64::from(entry.length);
        let single = (!scattered).then_some(Piece { at: Some(at), len });
        let parts = (at + 1..=at.saturating_add(count)).filter_map(|number| self.parts.get(number));
        let piece = |part: &Part| Piece { at: (part.at != NOWHERE).then_some(part.at), len: u64::from(part.len) };
        single.into_iter().chain(parts.map(piece))
    }

    /// From the frame's first byte to its last, in nanoseconds.
    pub(super) fn took(&self, entry: &Entry) -> u64 {
        if entry.has(flag::SCATTERED) { self.parts.get(entry.at.get()).map_or(0, |head| head.at) } else { 0 }
    }

    /// The length of a frame's payload.
    pub(super) fn length(&self, row: u64, entry: &Entry) -> u64 {
        self.giants.get(row).map_or_else(|| u64::from(entry.length), |giant| giant.length)
    }

    /// What it added to its compressed message.
    pub(super) fn inflated(&self, row: u64, entry: &Entry) -> Option<u64> {
        let inflated = (entry.inflated != super::entry::NONE).then_some(u64::from(entry.inflated))?;
        Some(self.giants.get(row).map_or(inflated, |giant| giant.inflated))
    }

    pub(super) fn extra(&self, row: u64) -> Option<&Extra> {
        self.extras.get(row)
    }

    pub(super) fn checkpoint(&self, row: u64) -> Option<&Checkpoint> {
        self.checkpoints.get(row).map(|checkpoint| &**checkpoint)
    }

    pub(super) fn round_trip(&self, row: u64) -> Option<u64> {
        self.round_trips.get(row).copied()
    }

    /// The other frames of an entry's message, if it has some.
    pub(super) fn span(&self, entry: &Entry) -> Option<&Span> {
        if entry.has(flag::IN_SPAN) { self.spans.get(self.span_number(entry.message)) } else { None }
    }

    /// The message's number in its direction, from 0.
    pub(super) fn message_number(&self, entry: &Entry) -> u32 {
        self.span(entry).map_or(entry.message, |span| span.number)
    }

    /// Adds a frame, which is pushed next, to the span with this number, or begins one. Answers with its number.
    pub(super) fn join_span(&mut self, span: Option<u32>, entry: &mut Entry) -> u32 {
        let row = self.end();
        let known = span.map(|span| self.span_number(span)).filter(|number| self.spans.get(*number).is_some());
        let number = known.unwrap_or_else(|| {
            self.spans.items.push(Span {
                first_row: row,
                rows: 0,
                number: entry.message,
                frames: 0,
                opcode: entry.opcode(),
                compressed: entry.has(flag::COMPRESSED),
                is_whole: false,
            });
            self.spans.end() - 1
        });
        if let Some(span) = self.spans.get_mut(number) {
            span.rows = narrow(row - span.first_row);
            span.frames = entry.fragment + 1;
            span.is_whole = entry.fin();
            entry.set(flag::COMPRESSED, span.compressed);
        }
        #[expect(clippy::cast_possible_truncation, reason = "taken back by `span_number`")]
        let low = number as u32;
        entry.message = low;
        low
    }

    /// The whole number of a span of which an entry holds the lower half: no more than half of 2^32 are held at once.
    fn span_number(&self, low: u32) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
        let ahead = low.wrapping_sub(self.spans.first as u32);
        self.spans.first + u64::from(ahead)
    }

    /// Lets go of what removed rows said, so that nothing of it can come out again, and of pages that have no other rows;
    /// answers with the bytes of checkpoints that go along.
    pub(super) fn forget_removed(&mut self) -> usize {
        self.entries.free_where(|entry| entry.kind == Kind::Removed);
        let Self { entries, first, extras, checkpoints, round_trips, .. } = self;
        let stays = |row: u64| {
            let place = row.checked_sub(*first).and_then(|place| usize::try_from(place).ok());
            place.and_then(|place| entries.get(place)).is_some_and(|entry| entry.kind != Kind::Removed)
        };
        let gone = checkpoints.0.iter().filter(|(row, _)| !stays(*row));
        let freed = gone.map(|(_, checkpoint)| checkpoint.held()).sum();
        extras.keep_where(stays);
        checkpoints.keep_where(stays);
        round_trips.keep_where(stays);
        freed
    }

    /// Lets go of the rows in front of this one; answers with the bytes of checkpoints that go along.
    pub(super) fn drop_before(&mut self, first: u64) -> usize {
        let first = first.clamp(self.first, self.end());
        let count = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        let mut parts_end = self.parts.first;
        for entry in (0..count).map(|place| self.entries.get(place)) {
            self.removed -= u64::from(entry.is_none_or(|entry| entry.kind == Kind::Removed));
            if let Some(at) = entry.filter(|entry| entry.has(flag::SCATTERED)).map(|entry| entry.at.get()) {
                parts_end = at + 1 + self.parts.get(at).map_or(0, |head| u64::from(head.len));
            }
        }
        if first == self.end() {
            // Of those that were freed, too.
            parts_end = self.parts.end();
        }
        self.parts.drop_before(parts_end);
        self.entries.drop_front(count);
        self.first = first;
        let gone = self.checkpoints.0.iter().take_while(|(row, _)| *row < first);
        let freed = gone.map(|(_, checkpoint)| checkpoint.held()).sum();
        self.extras.drop_before(first);
        self.checkpoints.drop_before(first);
        self.round_trips.drop_before(first);
        self.giants.drop_before(first);
        let mut spans_end = self.spans.first;
        while self.spans.get(spans_end).is_some_and(|span| span.latest_row() < first) {
            spans_end += 1;
        }
        self.spans.drop_before(spans_end);
        freed
    }
}

/// What a head or a sentence takes up on the heap, about.
const EXTRA: usize = 600;
