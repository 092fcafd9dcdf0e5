//! What is listed: all rows, or those that pass a filter, are of one connection, complete a message, lie in a span
//! of time. Rows are gone through a little at a time, so that nobody waits.

use framescope_codec::capture::filter::Filter;

use super::Capture;
use super::entry::{Entry, Kind};
use super::objects::{Count, FilterProblem, Row, ViewState};
use super::paged::Paged;

/// What is listed, and what came of going through the rows.
#[derive(Debug, Default)]
pub(super) struct View {
    spec: ViewSpec,
    filter: Option<Filter>,
    /// The rows that are in it, in order, but for the span of time; `None` if all are.
    rows: Option<Paged<u32>>,
    /// Those of them within the span of time, if there is one.
    cut: Option<Paged<u32>>,
    /// What those are counted from: a place in the view takes four bytes.
    base: u64,
    /// The row to go on with.
    next: u64,
    /// How many of the listed rows are gone, the oldest, since it was last gone through from the beginning.
    gone: u64,
}

/// A rule by which rows get a colour.
#[derive(Debug)]
pub(super) struct Colour {
    filter: Filter,
    colour: u32,
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
    /// Nanoseconds since the earliest row.
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
        let filter = Filter::parse(&spec.filter).map_err(|problem| FilterProblem::new(problem, &spec.filter))?;
        let is_only_cut =
            ViewSpec { between: None, ..spec.clone() } == ViewSpec { between: None, ..self.view.spec.clone() };
        self.view.filter = Some(filter).filter(|filter| !filter.is_empty());
        self.view.spec = spec;
        if is_only_cut && self.view.rows.is_some() {
            self.cut_again();
        } else {
            self.restart_view();
        }
        self.generation += 1;
        Ok(())
    }

    /// Another span of time of the rows that are known already.
    fn cut_again(&mut self) {
        self.times.forget();
        self.view.gone = 0;
        let Some(between) = self.view.spec.between else {
            self.view.cut = None;
            return;
        };
        let mut cut = Paged::default();
        for row in (0..self.uncut_count()).filter_map(|place| self.uncut_index(place)) {
            if self.store.get(row).is_some_and(|entry| self.is_between(entry, between))
                && let Ok(place) = u32::try_from(row - self.view.base)
            {
                cut.push(place);
            }
        }
        self.view.cut = Some(cut);
    }

    /// Sets the rules by which rows get colours.
    ///
    /// # Errors
    ///
    /// If a rule's filter is wrong. All stays as it was.
    pub fn set_colours(&mut self, rules: Vec<ColourRule>) -> Result<(), FilterProblem> {
        let colour = |(place, rule): (usize, ColourRule)| match Filter::parse(&rule.filter) {
            Ok(filter) => Ok(Colour { filter, colour: rule.colour }),
            Err(problem) => Err(FilterProblem { rule: Some(place), ..FilterProblem::new(problem, &rule.filter) }),
        };
        self.colours = rules.into_iter().enumerate().map(colour).collect::<Result<_, _>>()?;
        self.generation += 1;
        Ok(())
    }

    /// The colour of a row.
    pub(super) fn colour_of(&self, index: u64) -> Option<u32> {
        self.colours.iter().find(|rule| self.passes(index, &rule.filter)).map(|rule| rule.colour)
    }

    /// The rows at these places of the view. Where messages are listed, a row tells of all frames of its message.
    pub fn view_rows(&mut self, from: u64, count: usize) -> Vec<Row> {
        let places = from..from.saturating_add(count as u64).min(self.view_count());
        let rows = places.filter_map(|place| self.view_index(place));
        let messages = self.view.spec.messages;
        rows.filter_map(|index| if messages { self.message_row(index) } else { self.row(index) }).collect()
    }

    fn message_row(&self, index: u64) -> Option<Row> {
        let mut row = self.row(index)?;
        let entry = self.store.get(index)?;
        if let Some(span) = self.store.span(entry) {
            row.name = span.opcode.name();
            let (wire, length, inflated) = self.lengths_of(index);
            (row.wire, row.payload_length, row.inflated) = (Count(wire), Count(length), inflated.map(Count));
            if let Some(dissection) = self.dissection(index)
                && let Some(message) = &dissection.message
            {
                (row.preview, row.preview_kind) = super::details::shown(span.opcode, &message.payload);
            }
        }
        Some(row)
    }

    /// What all frames of a message add up to, up to this one: on the wire, payload, and inflated.
    fn lengths_of(&self, index: u64) -> (u64, u64, Option<u64>) {
        let (mut wire, mut length, mut inflated) = (0, 0, None);
        let mut at = index;
        while let Some(entry) = self.store.get(at) {
            let payload = self.store.length(at, entry);
            wire += payload.saturating_add(u64::from(entry.header_len));
            length += payload;
            if let Some(more) = self.store.inflated(at, entry) {
                inflated = Some(inflated.unwrap_or(0) + more);
            }
            if entry.fragment == 0 || entry.back == 0 {
                break;
            }
            at -= u64::from(entry.back);
        }
        (wire, length, inflated)
    }

    /// How long the message is that this row completes, without reading it.
    #[must_use]
    pub fn message_length(&self, index: u64) -> u64 {
        let (_, length, inflated) = self.lengths_of(index);
        inflated.unwrap_or(length)
    }

    /// The place of a row in the view, or of the next one that is in it.
    #[must_use]
    pub fn view_place(&self, index: u64) -> u64 {
        match self.view.listed() {
            None => index.saturating_sub(self.store.first()).min(self.store.len()),
            Some(rows) => {
                let base = self.view.base;
                rows.partition_point(|row| base + u64::from(*row) < index) as u64
            }
        }
    }

    /// The row at this place of the view.
    #[must_use]
    pub fn view_index(&self, place: u64) -> Option<u64> {
        self.index_in(self.view.listed(), place)
    }

    fn index_in(&self, rows: Option<&Paged<u32>>, place: u64) -> Option<u64> {
        match rows {
            None => self.store.first().checked_add(place).filter(|index| *index < self.end()),
            Some(rows) => Some(self.view.base + u64::from(*rows.get(usize::try_from(place).ok()?)?)),
        }
    }

    /// The row at this place of the view as it is without its span of time.
    pub(super) fn uncut_index(&self, place: u64) -> Option<u64> {
        self.index_in(self.view.rows.as_ref(), place)
    }

    /// How many those are.
    pub(super) fn uncut_count(&self) -> u64 {
        self.view.rows.as_ref().map_or(self.store.len(), |rows| rows.len() as u64)
    }

    /// The first row of the view at or after this time, in nanoseconds since the earliest row.
    #[must_use]
    pub fn row_at(&self, time: f64) -> Option<u64> {
        let is_there =
            |index: &u64| self.store.get(*index).is_some_and(|entry| self.is_between(entry, (time, f64::INFINITY)));
        (0..self.view_count()).filter_map(|place| self.view_index(place)).find(is_there)
    }

    /// How many rows are in the view, as far as is known.
    pub(super) fn view_count(&self) -> u64 {
        self.view.listed().map_or(self.store.len(), |rows| rows.len() as u64)
    }

    /// The nearest row of the view after `from`, or before it, that breaks a rule or at which something was found. `from`
    /// may be -1.
    #[must_use]
    pub fn next_violation(&self, from: i64, backwards: bool) -> Option<u64> {
        self.nearest(from, backwards, |index| {
            self.store.get(index).is_some_and(|entry| entry.violation_count() > 0) || !self.noticed(index).is_empty()
        })
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
        let total = self.store.len();
        let scanned = if self.view.rows.is_none() { total } else { self.view.next.saturating_sub(self.store.first()) };
        let first = if self.view.listed().is_none() { self.store.first() } else { self.view.gone };
        ViewState { first, count: self.view_count(), scanned, total, done: scanned == total }
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
        self.readings.borrow_mut().forget_recent();
        if std::mem::take(&mut self.span.moved) {
            // Times count from elsewhere, so other rows may be listed.
            self.restart_view();
            self.generation += 1;
        }
        if self.end().saturating_sub(self.view.next) <= STEP as u64 {
            self.scan_view();
        }
    }

    /// The bytes that view and search take up.
    pub(super) fn view_held(&self) -> usize {
        [&self.view.rows, &self.view.cut].into_iter().flatten().map(Paged::held).sum::<usize>() + self.search_held()
    }

    /// Goes through all rows again.
    pub(super) fn restart_view(&mut self) {
        self.times.forget();
        let ViewSpec { filter: _, messages, connection, between } = &self.view.spec;
        let is_all = self.view.filter.is_none()
            && !messages
            && connection.is_none()
            && between.is_none()
            && !self.store.has_removed();
        self.view.rows = (!is_all).then(Paged::default);
        self.view.cut = between.and_then(|_| self.view.rows.clone());
        self.view.base = self.store.first();
        self.view.next = self.store.first();
        self.view.gone = 0;
    }

    /// Forgets what is held no longer.
    pub(super) fn forget_dropped(&mut self) {
        self.times.forget();
        let (first, base) = (self.store.first(), self.view.base);
        let before = self.view_count();
        for rows in [&mut self.view.rows, &mut self.view.cut].into_iter().flatten() {
            rows.drop_front_while(|row| base + u64::from(*row) < first);
        }
        self.view.gone += before.saturating_sub(self.view_count());
        self.view.next = self.view.next.max(first);
        self.forget_dropped_hits();
    }

    /// Goes through some rows for the view; true if there are more.
    fn scan_view(&mut self) -> bool {
        if self.view.rows.is_none() {
            self.view.next = self.end();
            return false;
        }
        if self.end() - self.view.base > u64::from(u32::MAX) {
            // Once in four thousand million rows they are counted from elsewhere.
            self.restart_view();
            return true;
        }
        let step = step_of(self.view.filter.as_ref());
        let end = self.end().min(self.view.next + step as u64);
        for index in self.view.next..end {
            if !self.is_listed(index) {
                continue;
            }
            let is_within = self
                .view
                .spec
                .between
                .is_none_or(|between| self.store.get(index).is_some_and(|entry| self.is_between(entry, between)));
            let Ok(place) = u32::try_from(index - self.view.base) else { continue };
            if let Some(rows) = &mut self.view.rows {
                rows.push(place);
            }
            if let Some(cut) = self.view.cut.as_mut().filter(|_| is_within) {
                cut.push(place);
            }
        }
        self.view.next = end;
        end < self.end()
    }

    fn is_listed(&self, index: u64) -> bool {
        self.is_chosen(index, &self.view.spec, self.view.filter.as_ref())
    }

    /// What is to be listed now.
    pub(super) const fn view_spec(&self) -> &ViewSpec {
        &self.view.spec
    }

    /// Whether a row is in such a list, and in its span of time.
    pub(super) fn is_in(&self, index: u64, spec: &ViewSpec, filter: Option<&Filter>) -> bool {
        let is_within = |between| self.store.get(index).is_some_and(|entry| self.is_between(entry, between));
        spec.between.is_none_or(is_within) && self.is_chosen(index, spec, filter)
    }

    fn is_chosen(&self, index: u64, spec: &ViewSpec, filter: Option<&Filter>) -> bool {
        let Some(entry) = self.store.get(index) else { return false };
        entry.kind != Kind::Removed
            && spec.connection.is_none_or(|connection| entry.connection.checked_add(1) == Some(connection))
            && (!spec.messages || entry.ends_message())
            && filter.is_none_or(|filter| self.passes(index, filter))
    }

    #[expect(clippy::cast_precision_loss, reason = "a chart's edge is no nearer than that")]
    fn is_between(&self, entry: &Entry, (from, to): (f64, f64)) -> bool {
        let since_start = self.since_start(entry) as f64;
        from <= since_start && since_start <= to
    }
}

impl View {
    /// The rows that are listed; `None` if all are.
    const fn listed(&self) -> Option<&Paged<u32>> {
        if self.cut.is_some() { self.cut.as_ref() } else { self.rows.as_ref() }
    }
}

impl FilterProblem {
    /// Nothing to point at.
    pub(super) fn plain(message: &str) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

/// How many rows are gone through at a time.
pub(super) fn step_of(filter: Option<&Filter>) -> usize {
    if filter.is_some_and(Filter::needs_payload) { STEP / 16 } else { STEP }
}

/// Likewise, if their payload is not asked for.
const STEP: usize = 2048;
