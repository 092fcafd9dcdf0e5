//! When each message was due, and when the last who had to see it saw it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Messages numbered from 0, due at an even pace.
pub(crate) struct Run {
    started: Instant,
    rate: usize,
    count: usize,
    /// How many have to see each.
    receivers: u32,
    seen: RefCell<Vec<(u32, Duration)>>,
    left: Cell<u64>,
    all_seen: Notify,
}

impl Run {
    /// Starts now.
    pub(crate) fn new(rate: usize, count: usize, receivers: usize) -> Self {
        Self {
            started: Instant::now(),
            rate,
            count,
            receivers: receivers as u32,
            seen: RefCell::new(vec![(0, Duration::ZERO); count]),
            left: Cell::new(count as u64 * receivers as u64),
            all_seen: Notify::new(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Calls `send` for each message when it is due, and `after` whenever some were sent.
    pub(crate) async fn pace(&self, mut send: impl FnMut(usize), mut after: impl FnMut()) {
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        let mut sent = 0;
        while sent < self.count {
            tick.tick().await;
            let due = (self.elapsed().as_secs_f64() * self.rate as f64) as usize;
            (sent..due.min(self.count)).for_each(&mut send);
            sent = sent.max(due.min(self.count));
            after();
        }
    }

    /// Somebody saw message `number` at `now`, counted from the start.
    pub(crate) fn saw(&self, number: usize, now: Duration) {
        let mut seen = self.seen.borrow_mut();
        let (times, last) = &mut seen[number];
        *times += 1;
        assert!(*times <= self.receivers, "message {number} was shown to somebody twice, or to too many");
        *last = now.max(*last);
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.all_seen.notify_one();
        }
    }

    /// Waits until everybody has seen everything; false if that does not come to be.
    pub(crate) async fn finish(&self, patience: Duration) -> bool {
        self.left.get() == 0 || tokio::time::timeout(patience, self.all_seen.notified()).await.is_ok()
    }

    /// How much was not seen.
    pub(crate) const fn left(&self) -> u64 {
        self.left.get()
    }

    /// From due to seen by the last, for each message that everybody saw.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let due = |number: usize| Duration::from_secs_f64(number as f64 / self.rate as f64);
        let seen = self.seen.borrow();
        let whole = seen.iter().enumerate().filter(|(_, (times, _))| *times == self.receivers);
        whole.map(|(number, (_, last))| last.saturating_sub(due(number))).collect()
    }
}

/// The number that a message carries as `"n":17`, looked for from its end.
pub(crate) fn numbered(text: &str) -> Option<usize> {
    let at = text.rfind("\"n\":")? + 4;
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    text[at..at + digits].parse().ok()
}

/// The median, the 99th of a hundred and the worst, as text.
pub(crate) fn quantiles(mut times: Vec<Duration>) -> String {
    if times.is_empty() {
        return "nothing measured".to_owned();
    }
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms", at(0.5), at(0.99), at(1.0))
}

/// Processor time as a part of one core.
pub(crate) fn cores(cpu: Duration, elapsed: Duration) -> String {
    format!("{:.2} of a core", cpu.as_secs_f64() / elapsed.as_secs_f64())
}
