//! What the codec reads out of a capture, as rows; and rows that go when memory is short.

use framescope_codec::capture::insight::Place;
use framescope_codec::capture::{CapturedFrame, Event, What};

use super::Capture;
use super::entry::{Entry, Far, Kind, flag};
use super::handshake::Handshake;
use super::store::Extra;

/// Counts over the rows held.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) dropped: u64,
    pub(super) frames: u64,
    pub(super) violations: u64,
    /// Connections with rows.
    pub(super) connections: usize,
    /// Bytes of checkpoints.
    pub(super) windows: usize,
}

/// From the earliest row to the latest. Sources come in any order: a file may be older than all that a tap has shown.
#[derive(Debug, Default)]
pub(super) struct Span {
    ends: Option<(u64, u64)>,
    /// The beginning is another than it was.
    pub(super) moved: bool,
}

impl Span {
    fn take(&mut self, time_ns: u64) {
        let (start, end) = self.ends.unwrap_or((time_ns, time_ns));
        self.moved |= time_ns < start;
        self.ends = Some((start.min(time_ns), end.max(time_ns)));
    }

    pub(super) fn start_ns(&self) -> u64 {
        self.ends.unwrap_or_default().0
    }

    pub(super) fn duration_ns(&self) -> u64 {
        self.ends.map_or(0, |(start, end)| end - start)
    }

    /// Nanoseconds from its beginning.
    pub(super) fn since(&self, time_ns: u64) -> u64 {
        self.ends.map_or(0, |(start, _)| time_ns.saturating_sub(start))
    }
}

impl Capture {
    /// An event on a connection, which is the next row.
    pub(super) fn take_event(&mut self, source: u32, number: u32, event: Event) {
        let row = self.end();
        let Some(connection) = self.connections.hear(number, source, &event) else { return };
        connection.hear(&event, row);
        let taken = self.insight.take(Place { connection: number + 1, source, row }, &event);
        if !taken.findings.is_empty() {
            self.noticed.push((row, taken.findings));
        }
        if let Some(ns) = taken.round_trip_ns {
            self.store.set_round_trip(ns);
        }
        let Event { direction, time_ns, .. } = event;
        let kind = match &event.what {
            What::Gap { .. } => Kind::Gap,
            What::End(_) => Kind::End,
            _ => Kind::Note,
        };
        let mut entry = match event.what {
            What::Frame(frame) => self.take_frame(number, time_ns, &event.direction, *frame),
            What::Request(request) => self.take_head(Kind::Request, time_ns, Handshake::Request(request)),
            What::Response(response) => self.take_head(Kind::Response, time_ns, Handshake::Response(response)),
            other => {
                self.store.set_extra(Extra::Said(Box::new(other)));
                Entry::new(kind, time_ns)
            }
        };
        entry.connection = number;
        entry.set_direction(direction);
        self.push(entry);
    }

    /// Something about the capture itself.
    pub(super) fn take_fault(&mut self, source: u32, words: &str) {
        self.store.set_extra(Extra::Fault(words.into()));
        self.push(Entry { offset: Far::new(u64::from(source)), ..Entry::new(Kind::Note, self.last_ns) });
    }

    fn take_head(&mut self, kind: Kind, time_ns: u64, handshake: Handshake) -> Entry {
        let violations = u32::try_from(handshake.findings().len()).unwrap_or(u32::MAX);
        self.store.set_extra(Extra::Handshake(handshake));
        Entry { violations, ..Entry::new(kind, time_ns) }
    }

    fn take_frame(
        &mut self,
        number: u32,
        time_ns: u64,
        direction: &framescope_codec::capture::Direction,
        mut frame: CapturedFrame,
    ) -> Entry {
        let row = self.end();
        let mut entry = Entry::of_frame(&frame.dissection, time_ns);
        entry.set_direction(*direction);
        self.store.place(&mut entry, &frame);
        let side = entry.side();
        let Some(connection) = self.connections.get_mut(number) else { return entry };
        for piece in frame.pieces.iter() {
            self.sources.note_row(connection.source, piece.at, row + 1);
        }
        if let Some(fragment) = frame.dissection.fragment {
            if entry.has(flag::IN_SPAN) {
                let known = connection.span[side].filter(|(message, _)| *message == fragment.message);
                let span = self.store.join_span(known.map(|(_, span)| span), &mut entry);
                connection.span[side] = Some((fragment.message, span));
            }
            if let Some(before) = connection.data_end[side].checked_sub(1) {
                entry.back = u32::try_from(row - before).unwrap_or_default();
            }
            connection.data_end[side] = row + 1;
        }
        if let Some(checkpoint) = frame.checkpoint.take() {
            connection.deflate = checkpoint.deflate();
            self.tally.windows += self.store.set_checkpoint(checkpoint);
        }
        entry
    }

    fn push(&mut self, entry: Entry) {
        self.last_ns = entry.time_ns;
        if entry.is_timed() {
            self.span.take(entry.time_ns);
        }
        self.count(&entry, true);
        self.store.push(entry);
    }

    fn count(&mut self, entry: &Entry, is_new: bool) {
        let one =
            |counter: &mut u64, by: u64| *counter = if is_new { *counter + by } else { counter.saturating_sub(by) };
        if entry.kind == Kind::Removed {
            return;
        }
        self.sources.count_row(self.source_of(entry), is_new);
        one(&mut self.tally.frames, u64::from(entry.is_frame()));
        one(&mut self.tally.violations, u64::from(entry.violation_count()));
        let Some(connection) = self.connections.get_mut(entry.connection) else { return };
        let had = connection.rows > 0;
        one(&mut connection.rows, 1);
        match (had, connection.rows > 0) {
            (false, true) => self.tally.connections += 1,
            (true, false) => {
                self.tally.connections -= 1;
                if connection.is_over() {
                    self.connections.forget(entry.connection);
                }
            }
            _ => {}
        }
    }

    /// Which source a row came from.
    pub(super) fn source_of(&self, entry: &Entry) -> u32 {
        let of_capture = || u32::try_from(entry.offset.get()).unwrap_or_default();
        self.connections.get(entry.connection).map_or_else(of_capture, |connection| connection.source)
    }

    /// Takes the rows of a source out of everything that is shown.
    pub(super) fn remove_rows(&mut self, source: u32) {
        for row in self.store.first()..self.end() {
            let Some(entry) = self.store.get(row).copied() else { continue };
            if entry.kind != Kind::Removed && self.source_of(&entry) == source {
                self.count(&entry, false);
                self.store.remove(row);
            }
        }
        self.tally.windows = self.tally.windows.saturating_sub(self.store.forget_removed());
        self.connections.forget_source(source);
        self.drop_rows(self.store.first_present());
        self.forget_dropped();
        let rows = (self.store.first()..self.end()).filter_map(|row| self.store.get(row));
        let mut span = Span::default();
        for entry in rows.filter(|entry| entry.kind != Kind::Removed && entry.is_timed()) {
            span.take(entry.time_ns);
        }
        self.span = Span { moved: true, ..span };
        self.insight.forget_source(source);
        let store = &self.store;
        self.noticed.retain(|(row, _)| store.get(*row).is_some_and(|entry| entry.kind != Kind::Removed));
        self.readings.borrow_mut().clear();
    }

    pub(super) fn keep_within_budget(&mut self) {
        let budget = self.budget();
        if self.held() <= budget {
            return;
        }
        // A little more than needed, so that a full capture does not drop with every packet.
        let wanted = budget - budget / 16;
        while self.held() > wanted {
            let Some((source, rows_end)) = self.sources.oldest() else { break };
            let first = rows_end.clamp(self.store.first(), self.end());
            self.move_bases(first);
            self.tally.dropped += self.drop_rows(first);
            self.sources.drop_oldest(source, first);
        }
        self.forget_dropped();
        self.generation += 1;
    }

    /// Lets go of the rows in front of this one; answers with how many there were.
    pub(super) fn drop_rows(&mut self, first: u64) -> u64 {
        let mut dropped = 0;
        for row in self.store.first()..first {
            let Some(entry) = self.store.get(row).copied().filter(|entry| entry.kind != Kind::Removed) else {
                continue;
            };
            self.before_ns = Some(entry.time_ns);
            self.count(&entry, false);
            dropped += 1;
        }
        self.tally.windows = self.tally.windows.saturating_sub(self.store.drop_before(first));
        self.noticed.drain(..self.noticed.partition_point(|(row, _)| *row < first));
        self.readings.borrow_mut().clear();
        dropped
    }

    /// Nanoseconds from the row before to this one.
    pub(super) fn since_previous(&self, row: u64, entry: &Entry) -> i64 {
        let mut rows = (self.store.first()..row).rev().filter_map(|row| self.store.get(row));
        let before = rows.find(|before| before.kind != Kind::Removed).map(|before| before.time_ns);
        let before = before.or(self.before_ns).filter(|_| entry.is_timed()).unwrap_or(entry.time_ns);
        entry.time_ns.wrapping_sub(before).cast_signed()
    }

    /// Nanoseconds from the earliest row to this one.
    pub(super) fn since_start(&self, entry: &Entry) -> i64 {
        i64::try_from(self.span.since(entry.time_ns)).unwrap_or(i64::MAX)
    }
}
