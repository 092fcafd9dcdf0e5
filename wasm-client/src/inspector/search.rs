//! What is looked for in the payloads as they were meant: unmasked, inflated, put together. A search is a filter whose
//! rows are marked instead of listed.

use framescope_codec::capture::filter::{self, Filter};

use super::Capture;
use super::objects::{FilterProblem, SearchState};
use super::paged::Paged;

/// What is looked for, and the rows that have it.
#[derive(Debug)]
pub(super) struct Search {
    filter: Filter,
    rows: Paged<u32>,
    /// What those are counted from.
    base: u64,
    /// The row to go on with.
    next: u64,
}

/// What is to be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchSpec {
    /// `text`, `hex`, `regex` or `filter`.
    pub kind: String,
    /// What that says; empty to look for nothing.
    pub text: String,
    /// Whether capitals are other letters.
    pub match_case: bool,
}

impl Capture {
    /// Looks for something in all rows; an empty text ends that.
    ///
    /// # Errors
    ///
    /// If it cannot be looked for. All stays as it was.
    pub fn set_search(&mut self, spec: SearchSpec) -> Result<(), FilterProblem> {
        self.search = match filter::Search::named(&spec.kind) {
            _ if spec.text.is_empty() => None,
            None => return Err(FilterProblem::plain(&format!("there is no search of the kind {}", spec.kind))),
            Some(kind) => {
                let filter = Filter::search(kind, &spec.text, spec.match_case);
                let filter = filter.map_err(|problem| FilterProblem::new(problem, &spec.text))?;
                let first = self.store.first();
                Some(Search { filter, rows: Paged::default(), base: first, next: first })
            }
        };
        self.generation += 1;
        Ok(())
    }

    /// The nearest row of the view after `from`, or before it, that has what is looked for. `from` may be -1.
    #[must_use]
    pub fn next_found(&self, from: i64, backwards: bool) -> Option<u64> {
        let Search { rows: hits, base, .. } = self.search.as_ref()?;
        let is_listed = |index: &u64| self.view_index(self.view_place(*index)) == Some(*index);
        let hit = |place: usize| hits.get(place).map(|row| base + u64::from(*row));
        if backwards {
            let place = u64::try_from(from).map_or(0, |from| hits.partition_point(|row| base + u64::from(*row) < from));
            (0..place).rev().filter_map(hit).find(is_listed)
        } else {
            let place =
                u64::try_from(from).map_or(0, |from| hits.partition_point(|row| base + u64::from(*row) <= from));
            (place..hits.len()).filter_map(hit).find(is_listed)
        }
    }

    pub(super) fn search_state(&self) -> Option<SearchState> {
        let search = self.search.as_ref()?;
        Some(SearchState { count: search.rows.len() as u64, done: search.next == self.end() })
    }

    /// Whether this row has what is looked for.
    pub(super) fn is_found(&self, index: u64) -> bool {
        self.search.as_ref().is_some_and(|search| {
            if index >= search.next {
                return self.passes(index, &search.filter);
            }
            let place = search.rows.partition_point(|row| search.base + u64::from(*row) < index);
            search.rows.get(place).is_some_and(|row| search.base + u64::from(*row) == index)
        })
    }

    pub(super) fn search_held(&self) -> usize {
        self.search.as_ref().map_or(0, |search| search.rows.held())
    }

    /// Goes through all rows again.
    pub(super) fn restart_search(&mut self) {
        let first = self.store.first();
        if let Some(search) = &mut self.search {
            search.rows = Paged::default();
            (search.base, search.next) = (first, first);
        }
    }

    pub(super) fn forget_dropped_hits(&mut self) {
        let first = self.store.first();
        if let Some(search) = &mut self.search {
            let base = search.base;
            search.rows.drop_front_while(|row| base + u64::from(*row) < first);
            search.next = search.next.max(first);
        }
    }

    /// Goes through some rows for the search; true if there are more.
    pub(super) fn scan_search(&mut self) -> bool {
        let Some(mut search) = self.search.take() else { return false };
        let end = self.end().min(search.next + STEP);
        for index in search.next..end {
            if self.passes(index, &search.filter)
                && let Ok(place) = u32::try_from(index - search.base)
            {
                search.rows.push(place);
            }
        }
        search.next = end;
        self.search = Some(search);
        end < self.end()
    }
}

/// Rows gone through at a time.
const STEP: u64 = 256;
