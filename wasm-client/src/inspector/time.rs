//! The view over time: how much went by when, and when nothing did.

use std::cmp::Reverse;

use super::Capture;
use super::entry::Entry;
use super::objects::{Silence, Timeline};
use super::store::Extra;

/// What was counted last: while rows come in, only those are looked at that came since.
#[derive(Debug, Default)]
pub(super) struct Times {
    counted: Option<Counted>,
    quiet: Option<Quiet>,
}

impl Times {
    /// Other rows are listed, or the first of them are gone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// A timeline, and the place in the view to go on with.
#[derive(Debug)]
struct Counted {
    asked: Asked,
    timeline: Timeline,
    next: u64,
}

/// Where it is to begin and to end, if that was said, and its buckets.
type Asked = (Option<u64>, Option<u64>, usize);

/// The longest silences, and where to go on.
#[derive(Debug)]
struct Quiet {
    count: usize,
    longest: Vec<Silence>,
    /// The time of the latest row before.
    before: Option<u64>,
    next: u64,
}

impl Capture {
    /// Rows, bytes and broken rules of the view, whatever its own span of time, in so many equal spans of the time between, in nanoseconds since the
    /// earliest row; without limits, all of it. Asked for again while time goes on, it ends a little later than that.
    pub fn timeline(&mut self, from: Option<f64>, to: Option<f64>, buckets: usize) -> &Timeline {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at the chart's edges")]
        let [from, to] = [from, to].map(|edge| edge.map(|edge| edge as u64));
        let asked = (from, to, buckets.clamp(1, BUCKETS_MAX));
        let end = self.span.duration_ns();
        let known = self.times.counted.take().filter(|known| known.asked == asked);
        let mut counted = match known {
            Some(known) if to.is_some() || known.timeline.to > end => known,
            // It will be asked for again, and then what is counted is to be of use.
            Some(_) => Counted::new(asked, end + end / 16 + 1),
            None => Counted::new(asked, end + 1),
        };
        let places = counted.next..self.uncut_count();
        counted.next = places.end;
        for index in places.filter_map(|place| self.uncut_index(place)) {
            self.count_in(index, &mut counted.timeline);
        }
        &self.times.counted.insert(counted).timeline
    }

    fn count_in(&self, index: u64, timeline: &mut Timeline) {
        let Some(entry) = self.store.get(index) else { return };
        let Some(since_start) = self.after_start(entry).checked_sub(timeline.from) else { return };
        let place = usize::try_from(since_start / timeline.bucket).unwrap_or(usize::MAX);
        let Some(violations) = timeline.violations.get_mut(place) else { return };
        *violations += entry.violation_count();
        if entry.direction().is_none() {
            return;
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

    /// The longest times in which the view has no row, the longest first.
    pub fn silences(&mut self, count: usize) -> &[Silence] {
        let known = self.times.quiet.take().filter(|known| known.count == count);
        let mut quiet = known.unwrap_or_else(|| Quiet { count, longest: Vec::new(), before: None, next: 0 });
        let Quiet { longest, before, next, .. } = &mut quiet;
        let places = *next..self.view_count();
        *next = places.end;
        for row in places.filter_map(|place| self.view_index(place)) {
            let Some(entry) = self.store.get(row) else { continue };
            let time = self.after_start(entry);
            let ns = time.saturating_sub(before.unwrap_or(time));
            *before = Some(before.unwrap_or(time).max(time));
            if ns == 0 || longest.len() == count && longest.last().is_none_or(|last| last.ns >= ns) {
                continue;
            }
            let place = longest.partition_point(|silence| Reverse(silence.ns) <= Reverse(ns));
            longest.insert(place, Silence { ns, row });
            longest.truncate(count);
        }
        &self.times.quiet.insert(quiet).longest
    }

    /// Nanoseconds from the earliest row to this one.
    fn after_start(&self, entry: &Entry) -> u64 {
        self.span.since(entry.time_ns)
    }
}

impl Counted {
    /// Without a row yet; to this place, if none was said.
    fn new(asked: Asked, end: u64) -> Self {
        let (from, to, buckets) = (asked.0.unwrap_or_default(), asked.1.unwrap_or(end), asked.2);
        let timeline = Timeline {
            from,
            to,
            bucket: to.saturating_sub(from).div_ceil(buckets as u64).max(1),
            rows: [vec![0; buckets], vec![0; buckets]],
            bytes: [vec![0; buckets], vec![0; buckets]],
            violations: vec![0; buckets],
            largest: [vec![0; buckets], vec![0; buckets]],
        };
        Self { asked, timeline, next: 0 }
    }
}

/// More than any screen has columns.
const BUCKETS_MAX: usize = 8192;
