//! Which rows an export takes, found a little at a time.

use framescope_codec::capture::filter::Filter;

use super::super::view::step_of;
use super::super::{Capture, ViewSpec};
use super::ExportRows;

/// Which rows, and how far it has come.
#[derive(Debug)]
pub(super) enum Rows {
    All { next: u64 },
    View(Box<Listing>),
    Listed { rows: std::vec::IntoIter<u64> },
    Done,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Row(u64),
    /// It was looked for long enough for now.
    Later,
    End,
}

/// What was listed when the export began, of the rows that were there. The list itself may not have gone through all of
/// them yet, and may be another one before the export has ended.
#[derive(Debug)]
pub(super) struct Listing {
    spec: ViewSpec,
    filter: Option<Filter>,
    next: u64,
    end: u64,
    /// Rows to go through until others have their turn.
    left: usize,
    /// The row that ends a message, and whether that is listed.
    message: Option<(u64, bool)>,
}

impl Rows {
    pub(super) fn new(chosen: ExportRows, capture: &Capture) -> Self {
        match chosen {
            ExportRows::All => Self::All { next: 0 },
            ExportRows::View => Self::View(Box::new(Listing::new(capture))),
            ExportRows::Listed(mut rows) => {
                if capture.view_spec().messages {
                    let ends = rows.len();
                    for place in 0..ends {
                        rows.extend(capture.fragments_before(rows[place]));
                    }
                }
                rows.sort_unstable();
                rows.dedup();
                Self::Listed { rows: rows.into_iter() }
            }
        }
    }

    pub(super) fn next(&mut self, capture: &Capture) -> Step {
        let held = capture.store.first()..capture.end();
        let row = match self {
            Self::All { next } => {
                let row = (*next).max(held.start);
                *next = row + 1;
                Some(row).filter(|row| *row < held.end)
            }
            Self::View(listing) => return listing.next(capture),
            Self::Listed { rows } => rows.find(|row| held.contains(row)),
            Self::Done => None,
        };
        row.map_or(Step::End, Step::Row)
    }
}

impl Listing {
    fn new(capture: &Capture) -> Self {
        let spec = capture.view_spec().clone();
        // It was parsed before, so there is nothing wrong with it.
        let filter = Filter::parse(&spec.filter).ok().filter(|filter| !filter.is_empty());
        let left = step_of(filter.as_ref());
        Self { spec, filter, next: 0, end: capture.end(), left, message: None }
    }

    fn next(&mut self, capture: &Capture) -> Step {
        self.next = self.next.max(capture.store.first());
        while self.next < self.end {
            if self.left == 0 {
                self.left = step_of(self.filter.as_ref());
                return Step::Later;
            }
            self.left -= 1;
            let row = self.next;
            self.next += 1;
            if self.has(row, capture) {
                return Step::Row(row);
            }
        }
        Step::End
    }

    /// A line of the list that stands for a message has all frames of it.
    fn has(&mut self, row: u64, capture: &Capture) -> bool {
        let end = if self.spec.messages { capture.end_of_message(row) } else { row };
        if let Some((known, is_listed)) = self.message.filter(|(known, _)| *known == end) {
            return is_listed && known < self.end;
        }
        let is_listed = capture.is_in(end, &self.spec, self.filter.as_ref());
        self.message = Some((end, is_listed));
        is_listed && end < self.end
    }
}

impl Capture {
    /// The last row of the message that a frame is a part of; the row itself if there is none.
    fn end_of_message(&self, row: u64) -> u64 {
        let Some(entry) = self.store.get(row).filter(|entry| entry.is_frame()) else { return row };
        self.store.span(entry).filter(|span| span.of().is_some()).map_or(row, |span| span.latest_row())
    }

    /// The rows of a message in front of the one that ends it, the latest first.
    fn fragments_before(&self, row: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(row), |row| {
            let entry = self.store.get(*row).filter(|entry| entry.is_frame())?;
            let is_more = self.store.span(entry).is_some() && entry.fragment > 0 && entry.back > 0;
            is_more.then(|| row.checked_sub(u64::from(entry.back))).flatten()
        })
        .skip(1)
    }
}
