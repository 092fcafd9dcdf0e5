//! The codec's view of captures as plain objects.
//!
//! A [`Capture`] takes bytes from several sources as they come, keeps them once, as they came, within a budget, and
//! beside them some 60 bytes for each row. Everything else is read again when it is asked for: a line of the list, all
//! about a frame, its bytes, its message; and which rows are listed. Nothing in here depends on a browser; `bind.rs` puts
//! it before JavaScript.

use std::cell::RefCell;

use framescope_codec::capture::insight::{Findings, Insight};

mod connections;
mod details;
mod dissection;
mod entry;
mod export;
mod fields;
mod filters;
mod handshake;
mod insight;
pub mod intercept;
mod json;
mod kept;
mod objects;
mod paged;
mod preview;
mod reading;
mod search;
mod sources;
mod store;
mod subject;
mod take;
mod time;
mod twins;
mod view;

pub use dissection::{dissect, dissection_json, explain};
pub use export::{ExportFormat, ExportRows, ExportSpec};
pub use filters::{Completion, FieldHelp, FilterCheck};
pub use objects::{Details, Explained, Row, SourceInfo, Status};
pub use search::SearchSpec;
pub use view::{ColourRule, ViewSpec};

use connections::Connections;
use reading::Readings;
use search::Search;
use sources::Sources;
use store::Store;
use take::{Span, Tally};
use time::Times;
use view::{Colour, View};

/// What came from all sources, row by row.
#[derive(Debug, Default)]
pub struct Capture {
    sources: Sources,
    connections: Connections,
    store: Store,
    /// The time of the row before the first that is held.
    before_ns: Option<u64>,
    /// From the earliest row to the latest since the capture began or was cleared.
    span: Span,
    /// The time of the row that came last.
    last_ns: u64,
    tally: Tally,
    /// What was set, if anything was.
    budget: Option<usize>,
    readings: RefCell<Readings>,
    insight: Insight,
    /// Rows at which something was found that no frame shows alone, in order.
    noticed: Vec<(u64, Findings)>,
    view: View,
    times: Times,
    search: Option<Search>,
    colours: Vec<Colour>,
    /// What is being taken out.
    export: Option<Box<export::Export>>,
    /// Grows when what was shown before may look different.
    generation: u64,
}

impl Capture {
    /// Of taps, what a page may hold unless it says otherwise: enough for a million frames, and little beside what a
    /// browser takes for itself.
    pub const BUDGET: usize = 256 << 20;
    /// As soon as there is a file, which one opens to see all of it.
    pub const BUDGET_OF_FILES: usize = 1 << 30;

    /// Without a source yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes may be held; the oldest rows go first.
    pub fn set_budget(&mut self, bytes: usize) {
        self.budget = Some(bytes);
        self.sources.fit(bytes);
        self.keep_within_budget();
    }

    /// The capture as a whole.
    #[must_use]
    pub fn status(&self) -> Status<'_> {
        Status {
            first: self.store.first(),
            end: self.end(),
            dropped: self.tally.dropped,
            held: self.held(),
            budget: self.budget(),
            connections: self.tally.connections,
            frames: self.tally.frames,
            violations: self.tally.violations,
            findings: self.noticed.iter().map(|(_, findings)| findings.len() as usize).sum(),
            trouble: self.sources.trouble(),
            view: self.view_state(),
            search: self.search_state(),
            sources: self.sources.count(),
            start_ns: self.span.start_ns().to_string(),
            duration_ns: self.span.duration_ns(),
            generation: self.generation,
        }
    }

    /// The rows from `from` on, `count` at most, as far as they are held.
    pub fn rows(&mut self, from: u64, count: usize) -> Vec<Row> {
        let end = from.saturating_add(count as u64).min(self.end());
        (from.max(self.store.first())..end).filter_map(|index| self.row(index)).collect()
    }

    /// What is held as a pcapng file, in one piece: the blocks as they came, behind the section and interfaces that they
    /// belong to. The page takes it out piece by piece.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let (mut saved, mut out) = (sources::Saved::default(), Vec::new());
        while self.sources.save(&mut saved, &self.connections, self.store.first(), &mut out) {}
        out
    }

    /// Forgets every row. What is known of the connections stays, so that what comes next is still understood.
    pub fn clear(&mut self) {
        let end = self.end();
        self.move_bases(end);
        self.drop_rows(end);
        self.sources.clear();
        self.tally.dropped = 0;
        (self.span, self.before_ns) = (Span::default(), None);
        self.insight.clear(end);
        self.restart_view();
        self.restart_search();
        self.generation += 1;
    }

    fn end(&self) -> u64 {
        self.store.end()
    }

    fn budget(&self) -> usize {
        let usual = if self.sources.any_file() { Self::BUDGET_OF_FILES } else { Self::BUDGET };
        self.budget.unwrap_or(usual)
    }

    fn held(&self) -> usize {
        let told = self.connections.held() + self.insight.held();
        self.sources.held() + self.store.held() + self.tally.windows + self.view_held() + told
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod explained;
#[cfg(test)]
mod filtered;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod volume;
