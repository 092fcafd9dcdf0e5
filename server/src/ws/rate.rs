//! How fast a connection's messages are taken in.

use super::thread::{Tick, now};

/// A bucket that holds five seconds' worth of messages. Who empties it is read no faster than it fills;
/// who keeps it empty for half a minute has to go.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u32,
    /// In thousandths of a message.
    tokens: u64,
    filled: Tick,
    /// Since when the bucket has not been well filled.
    excess_since: Option<Tick>,
}

/// Whether another message may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    Later,
    Enough,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, tokens: capacity(per_second), filled: now(), excess_since: None }
    }

    /// A message came in.
    pub(super) const fn count(&mut self) {
        self.tokens = self.tokens.saturating_sub(1000);
    }

    pub(super) fn verdict(&mut self, now: Tick) -> Verdict {
        let gained = u64::from(now.since(self.filled)) * u64::from(self.per_second);
        self.filled = now;
        self.tokens = capacity(self.per_second).min(self.tokens + gained);
        if self.tokens > capacity(self.per_second) / 5 {
            self.excess_since = None;
        }
        if self.tokens >= 1000 {
            return Verdict::Welcome;
        }
        let since = *self.excess_since.get_or_insert(now);
        if now.since(since) > EXCESS_MILLIS { Verdict::Enough } else { Verdict::Later }
    }
}

/// What five seconds allow, in thousandths.
fn capacity(per_second: u32) -> u64 {
    5 * 1000 * u64::from(per_second)
}

const EXCESS_MILLIS: u32 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_a_flood_is_slowed_and_then_ended() {
        let mut rate = Rate::new(10);
        let mut now = now();
        let take = |rate: &mut Rate, now| {
            let mut taken = 0;
            while rate.verdict(now) == Verdict::Welcome {
                rate.count();
                taken += 1;
            }
            taken
        };
        assert_eq!(take(&mut rate, now), 50);
        for second in 0..30 {
            now = now.after(1000);
            assert_eq!(take(&mut rate, now), 10, "second {second}");
            assert_eq!(rate.verdict(now), Verdict::Later);
        }
        now = now.after(1000);
        take(&mut rate, now);
        assert_eq!(rate.verdict(now), Verdict::Enough);
    }

    #[test]
    fn a_pause_forgives() {
        let mut rate = Rate::new(10);
        let mut now = now();
        for _ in 0..40 {
            while rate.verdict(now) == Verdict::Welcome {
                rate.count();
            }
            now = now.after(4000);
        }
        assert_eq!(rate.verdict(now), Verdict::Welcome);
    }
}
