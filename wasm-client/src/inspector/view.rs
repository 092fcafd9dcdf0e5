//! What is listed: all rows, or those that pass a filter, are of one connection, complete a message, lie in a span
//! of time. Rows are gone through a little at a time, so that nobody waits.

use super::objects::{FilterProblem, Row, ViewState};
use super::paged::Paged;
use super::{Capture, Entry, What};

/// What is listed, and what came of going through the rows.
#[derive(Debug, Default)]
pub(super) struct View {
    spec: ViewSpec,
    /// The rows that are in it, in order; `None` if all are.
    rows: Option<Paged<u64>>,
    /// The row to go on with.
    next: u64,
}

/// What is to be listed; without anything in it, all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewSpec {
    /// In the filter language; empty for no filter.
    pub filter: String,
    /// One row for each message, instead of one for each frame.
    pub messages: bool,
    /// Of this one only, counted from 1.
    pub connection: Option<u32>,
    /// Nanoseconds since the first row.
    pub between: Option<(f64, f64)>,
}

/// Rows that pass the filter get the colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColourRule {
    /// In the filter language.
    pub filter: String,
    /// A number that means something to the page.
    pub colour: u32,
}

impl Capture {
    /// Chooses what is listed.
    ///
    /// # Errors
    ///
    /// If the filter is wrong. All stays as it was.
    pub fn set_view(&mut self, spec: ViewSpec) -> Result<(), FilterProblem> {
        self.view.spec = spec;
        self.restart_view();
        self.generation += 1;
        Ok(())
    }

    /// Sets the rules by which rows get colours.
    ///
    /// # Errors
    ///
    /// If a rule's filter is wrong. All stays as it was.
    pub fn set_colours(&mut self, rules: Vec<ColourRule>) -> Result<(), FilterProblem> {
        drop(rules);
        self.generation += 1;
        Ok(())
    }

    /// The rows at these places of the view.
    pub fn view_rows(&mut self, from: u64, count: usize) -> Vec<Row> {
        if self.view.rows.is_none() {
            return self.rows(self.first.saturating_add(from), count);
        }
        let places = from..from.saturating_add(count as u64).min(self.view_count());
        let rows: Vec<_> = places.filter_map(|place| self.view_index(place)).collect();
        rows.into_iter().flat_map(|index| self.rows(index, 1)).collect()
    }

    /// The place of a row in the view, or of the next one that is in it.
    #[must_use]
    pub fn view_place(&self, index: u64) -> u64 {
        match &self.view.rows {
            None => index.saturating_sub(self.first).min(self.rows.len() as u64),
            Some(rows) => rows.partition_point(|row| *row < index) as u64,
        }
    }

    /// The row at this place of the view.
    #[must_use]
    pub fn view_index(&self, place: u64) -> Option<u64> {
        match &self.view.rows {
            None => self.first.checked_add(place).filter(|index| *index < self.end()),
            Some(rows) => rows.get(usize::try_from(place).ok()?).copied(),
        }
    }

    /// How many rows are in the view, as far as is known.
    pub(super) fn view_count(&self) -> u64 {
        self.view.rows.as_ref().map_or(self.rows.len(), Paged::len) as u64
    }

    /// The nearest row of the view after `from`, or before it, that breaks a rule. `from` may be -1.
    #[must_use]
    pub fn next_violation(&self, from: i64, backwards: bool) -> Option<u64> {
        self.nearest(from, backwards, |index| self.entry(index).is_some_and(|entry| entry.what.violation_count() > 0))
    }

    /// The nearest row of the view of this kind.
    fn nearest(&self, from: i64, backwards: bool, is_it: impl Fn(u64) -> bool) -> Option<u64> {
        let place = u64::try_from(from).map_or(0, |from| self.view_place(from));
        if backwards {
            (0..place).rev().filter_map(|place| self.view_index(place)).find(|index| is_it(*index))
        } else {
            let is_behind = |index: &u64| i64::try_from(*index).is_ok_and(|index| index > from);
            let behind = (place..self.view_count()).filter_map(|place| self.view_index(place));
            behind.filter(is_behind).find(|index| is_it(*index))
        }
    }

    pub(super) fn view_state(&self) -> ViewState {
        let total = self.rows.len() as u64;
        let scanned = if self.view.rows.is_none() { total } else { self.view.next.saturating_sub(self.first) };
        ViewState { count: self.view_count(), scanned, total, done: scanned == total }
    }

    /// Goes through rows for view and search while `may_go_on`. True while there is more to go through.
    pub fn work(&mut self, may_go_on: &mut dyn FnMut() -> bool) -> bool {
        loop {
            let more = self.scan_view() | self.scan_search();
            if !more || !may_go_on() {
                return more;
            }
        }
    }

    /// Rows that just came are gone through at once, if those before them were.
    pub(super) fn follow(&mut self) {
        if self.end().saturating_sub(self.view.next) <= STEP as u64 {
            self.scan_view();
        }
    }

    /// Goes through all rows again.
    pub(super) fn restart_view(&mut self) {
        let ViewSpec { filter, messages, connection, between } = &self.view.spec;
        let is_all = filter.is_empty() && !messages && connection.is_none() && between.is_none() && !self.any_removed();
        self.view.rows = (!is_all).then(Paged::default);
        self.view.next = self.first;
    }

    /// Forgets what is held no longer.
    pub(super) fn forget_dropped(&mut self) {
        let first = self.first;
        if let Some(rows) = &mut self.view.rows {
            rows.drop_front_while(|row| *row < first);
        }
        self.view.next = self.view.next.max(first);
        self.forget_dropped_hits();
    }

    /// Goes through some rows for the view; true if there are more.
    fn scan_view(&mut self) -> bool {
        let Some(mut rows) = self.view.rows.take() else {
            self.view.next = self.end();
            return false;
        };
        let end = self.end().min(self.view.next + STEP as u64);
        for index in self.view.next..end {
            if self.entry(index).is_some_and(|entry| self.is_listed(entry)) {
                rows.push(index);
            }
        }
        self.view.next = end;
        self.view.rows = Some(rows);
        end < self.end()
    }

    fn is_listed(&self, entry: &Entry) -> bool {
        let spec = &self.view.spec;
        #[expect(clippy::cast_precision_loss, reason = "a chart's edge is no nearer than that")]
        let since_start =
            entry.time_ns.unwrap_or_default().wrapping_sub(self.start_ns.unwrap_or_default()).cast_signed() as f64;
        !self.is_removed(entry.source)
            && spec.connection.is_none_or(|connection| entry.connection.is_some_and(|number| number + 1 == connection))
            && spec.between.is_none_or(|(from, to)| from <= since_start && since_start <= to)
            && (!spec.messages || entry.what.ends_message())
    }
}

impl What {
    /// Whether it is a row of its own where only messages are listed.
    fn ends_message(&self) -> bool {
        match self {
            Self::Frame(dissection) => dissection.fragment.is_none() || dissection.header.fin,
            _ => true,
        }
    }
}

impl FilterProblem {
    /// Nothing to point at.
    pub(super) fn plain(message: &str) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

/// Rows gone through at a time.
const STEP: usize = 2048;
