//! The view over time: how much went by when, and when nothing did.

use std::cmp::Reverse;

use super::Capture;
use super::entry::Entry;
use super::objects::{Silence, Timeline};
use super::store::Extra;

impl Capture {
    /// Rows, bytes and broken rules of the view, whatever its own span of time, in so many equal spans of the time between, in nanoseconds since the
    /// earliest row; without limits, all of it.
    #[must_use]
    pub fn timeline(&self, from: Option<f64>, to: Option<f64>, buckets: usize) -> Timeline {
        let buckets = buckets.clamp(1, BUCKETS_MAX);
        let end = self.span.duration_ns();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at the chart's edges")]
        let (from, to) = (from.map_or(0, |from| from as u64), to.map_or(end + 1, |to| to as u64));
        let bucket = to.saturating_sub(from).div_ceil(buckets as u64).max(1);
        let mut timeline = Timeline {
            from,
            to,
            bucket,
            rows: [vec![0; buckets], vec![0; buckets]],
            bytes: [vec![0; buckets], vec![0; buckets]],
            violations: vec![0; buckets],
            largest: [vec![0; buckets], vec![0; buckets]],
        };
        for index in (0..self.uncut_count()).filter_map(|place| self.uncut_index(place)) {
            let Some(entry) = self.store.get(index) else { continue };
            let Some(since_start) = self.after_start(entry).checked_sub(from) else { continue };
            let place = usize::try_from(since_start / bucket).unwrap_or(usize::MAX);
            if place >= buckets {
                continue;
            }
            timeline.violations[place] += entry.violation_count();
            if entry.direction().is_none() {
                continue;
            }
            let bytes = if entry.is_frame() {
                self.store.length(index, entry)
            } else if let Some(Extra::Handshake(handshake)) = self.store.extra(index) {
                handshake.head().bytes().len() as u64
            } else {
                0
            };
            let direction = entry.side();
            timeline.rows[direction][place] += 1;
            timeline.bytes[direction][place] = timeline.bytes[direction][place].saturating_add(bytes);
            timeline.largest[direction][place] = timeline.largest[direction][place].max(bytes);
        }
        timeline
    }

    /// The longest times in which the view has no row, the longest first.
    #[must_use]
    pub fn silences(&self, count: usize) -> Vec<Silence> {
        let mut longest: Vec<Silence> = Vec::new();
        let mut before = None;
        for row in (0..self.view_count()).filter_map(|place| self.view_index(place)) {
            let Some(entry) = self.store.get(row) else { continue };
            let time = self.after_start(entry);
            let ns = time.saturating_sub(before.unwrap_or(time));
            before = Some(before.unwrap_or(time).max(time));
            if ns == 0 || longest.len() == count && longest.last().is_none_or(|last| last.ns >= ns) {
                continue;
            }
            let place = longest.partition_point(|silence| Reverse(silence.ns) <= Reverse(ns));
            longest.insert(place, Silence { ns, row });
            longest.truncate(count);
        }
        longest
    }

    /// Nanoseconds from the earliest row to this one.
    fn after_start(&self, entry: &Entry) -> u64 {
        self.span.since(entry.time_ns)
    }
}

/// More than any screen has columns.
const BUCKETS_MAX: usize = 8192;
