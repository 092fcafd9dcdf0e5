//! Against guessing passwords: so many wrong ones in so much time for one name from one network.
//!
//! Both count, the name and where it comes from: else a stranger could lock somebody out, or a guesser go through all
//! names with one password each. A table of our own, as a token bucket does not fit the rule: right passwords are not
//! counted, and which it was is known only after the guess was let through. Guesses under way are taken for wrong, so
//! that many at once are no way around; those that find no room for that reason wait until it is known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Counts failures. One for all threads.
#[derive(Debug)]
pub(crate) struct Throttle {
    rule: Rule,
    table: Mutex<HashMap<Key, Record>>,
    ended: Notify,
}

/// So many failures in so much time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) failures: usize,
    pub(crate) within: Duration,
}

/// Who guesses whose password.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// In lower case.
    name: Box<str>,
    network: [u8; 16],
}

#[derive(Debug, Default)]
struct Record {
    /// When they were, the oldest first.
    failures: Vec<Instant>,
    pending: usize,
}

/// What is said to somebody who wants to try.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    /// When others have ended.
    Maybe,
    /// Not for this long.
    No(Duration),
}

/// A guess under way. One that is dropped without a verdict was wrong.
#[derive(Debug)]
pub(crate) struct Attempt<'t> {
    throttle: &'t Throttle,
    key: Key,
    is_failure: bool,
}

impl Throttle {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, table: Mutex::default(), ended: Notify::new() }
    }

    /// Lets a guess through, after others if need be.
    ///
    /// # Errors
    ///
    /// How long it takes until one will be.
    pub(crate) async fn attempt(&self, key: &Key) -> Result<Attempt<'_>, Duration> {
        loop {
            // From here on, no end of another attempt is missed.
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            match self.begin(key, Instant::now()) {
                Answer::Yes => return Ok(Attempt { throttle: self, key: key.clone(), is_failure: true }),
                Answer::No(wait) => return Err(wait),
                Answer::Maybe => ended.await,
            }
        }
    }

    /// A guess that is judged on the spot: whether it was right.
    ///
    /// # Errors
    ///
    /// How long it takes until one will be let through.
    pub(crate) fn guess(&self, key: &Key, is_right: impl FnOnce() -> bool) -> Result<bool, Duration> {
        let now = Instant::now();
        match self.begin(key, now) {
            Answer::Yes => {
                let is_right = is_right();
                self.end(key, !is_right, now);
                Ok(is_right)
            }
            Answer::No(wait) => Err(wait),
            // Others wait for a verdict, and this one will not.
            Answer::Maybe => Err(Duration::from_secs(1)),
        }
    }

    /// Whether guesses are refused now, and for how long.
    pub(crate) fn refuses(&self, key: &Key) -> Option<Duration> {
        let now = Instant::now();
        let mut table = lock(&self.table);
        let record = table.get_mut(key)?;
        record.forget(now, self.rule.within);
        record.wait(now, self.rule)
    }

    fn begin(&self, key: &Key, now: Instant) -> Answer {
        let mut table = lock(&self.table);
        if table.len() >= KEYS_MAX && !table.contains_key(key) {
            make_room(&mut table, now, self.rule.within);
        }
        let record = table.entry(key.clone()).or_default();
        record.forget(now, self.rule.within);
        if let Some(wait) = record.wait(now, self.rule) {
            return Answer::No(wait);
        }
        if record.failures.len() + record.pending >= self.rule.failures {
            return Answer::Maybe;
        }
        record.pending += 1;
        Answer::Yes
    }

    fn end(&self, key: &Key, is_failure: bool, now: Instant) {
        let mut table = lock(&self.table);
        if let Some(record) = table.get_mut(key) {
            record.pending = record.pending.saturating_sub(1);
            if is_failure {
                record.failures.push(now);
            } else if record.failures.is_empty() && record.pending == 0 {
                table.remove(key);
            }
        }
        drop(table);
        self.ended.notify_waiters();
    }
}

impl Record {
    fn forget(&mut self, now: Instant, within: Duration) {
        self.failures.retain(|at| now.saturating_duration_since(*at) < within);
    }

    fn wait(&self, now: Instant, rule: Rule) -> Option<Duration> {
        let first = self.failures.len().checked_sub(rule.failures).and_then(|first| self.failures.get(first))?;
        Some(rule.within.saturating_sub(now.saturating_duration_since(*first)))
    }
}

impl Key {
    pub(crate) fn new(name: &str, address: IpAddr) -> Self {
        Self { name: name.to_ascii_lowercase().into(), network: network(address) }
    }
}

impl Attempt<'_> {
    /// It was no wrong guess: the password was right, or nobody looked at it.
    pub(crate) fn forgive(mut self) {
        self.is_failure = false;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.throttle.end(&self.key, self.is_failure, Instant::now());
    }
}

/// An address, or for IPv6 the /64 that one customer has to themself.
fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => (address.to_bits() >> 64 << 64).to_be_bytes(),
    }
}

/// Forgets what no longer counts, and if that is not enough, the older half of the rest. To be forgotten early one has
/// to make a hash for each of the others: that is no cheaper than waiting.
fn make_room(table: &mut HashMap<Key, Record>, now: Instant, within: Duration) {
    let mut last: Vec<Instant> = Vec::with_capacity(table.len());
    table.retain(|_, record| {
        record.forget(now, within);
        last.extend(record.failures.last().copied());
        record.pending > 0 || !record.failures.is_empty()
    });
    if table.len() < KEYS_MAX || last.is_empty() {
        return;
    }
    let middle = last.len() / 2;
    let (_, median, _) = last.select_nth_unstable(middle);
    let median = *median;
    table.retain(|_, record| record.pending > 0 || record.failures.last().is_some_and(|last| *last > median));
}

/// How many names and networks are kept apart: some 20 MiB if all are guessed at.
const KEYS_MAX: usize = 1 << 16;

/// A panic elsewhere leaves the table as whole as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { failures: 3, within: Duration::from_secs(60) };

    fn key(name: &str) -> Key {
        Key::new(name, [192, 0, 2, 1].into())
    }

    #[test]
    fn failures_count_and_successes_do_not() {
        let throttle = Throttle::new(RULE);
        let (start, bob) = (Instant::now(), key("bob"));
        for second in 0..100 {
            let now = start + Duration::from_secs(second);
            assert_eq!(throttle.begin(&bob, now), Answer::Yes);
            throttle.end(&bob, false, now);
        }
        assert!(lock(&throttle.table).is_empty());
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert_eq!(throttle.begin(&bob, now), Answer::Yes);
            throttle.end(&bob, true, now);
        }
        let at = |second| throttle.begin(&bob, start + Duration::from_secs(second));
        assert_eq!(at(10), Answer::No(Duration::from_secs(50)));
        assert_eq!(at(60), Answer::Yes, "the first of them is a minute ago");
        throttle.end(&bob, true, start + Duration::from_secs(60));
        assert_eq!(at(60), Answer::No(Duration::from_secs(1)));
    }

    #[test]
    fn another_name_or_network_is_another_matter() {
        let throttle = Throttle::new(RULE);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.begin(&key("bob"), now), Answer::Yes);
            throttle.end(&key("bob"), true, now);
        }
        assert!(matches!(throttle.begin(&key("BOB"), now), Answer::No(_)));
        assert_eq!(throttle.begin(&key("alice"), now), Answer::Yes);
        assert_eq!(throttle.begin(&Key::new("bob", [192, 0, 2, 2].into()), now), Answer::Yes);
        let v6 = |text: &str| Key::new("bob", text.parse().unwrap());
        assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:0:0:1"));
        assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), key("bob"));
    }

    #[tokio::test]
    async fn many_at_once_are_no_way_around() {
        let throttle = Throttle::new(RULE);
        let bob = key("bob");
        let mut under_way = Vec::new();
        for _ in 0..3 {
            under_way.push(throttle.attempt(&bob).await.unwrap());
        }
        assert_eq!(throttle.begin(&bob, Instant::now()), Answer::Maybe);
        let waits = throttle.attempt(&bob);
        let right = under_way.pop().unwrap();
        let (fourth, ()) = tokio::join!(waits, async { right.forgive() });
        under_way.push(fourth.unwrap());
        let waits = throttle.attempt(&bob);
        let (refused, ()) = tokio::join!(waits, async { drop(under_way) });
        assert!(refused.is_err_and(|wait| wait <= RULE.within) && throttle.refuses(&bob).is_some());
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let throttle = Throttle::new(RULE);
        let start = Instant::now();
        for n in 0..u32::try_from(KEYS_MAX * 2).unwrap() {
            let (now, key) = (start + Duration::from_micros(n.into()), key(&n.to_string()));
            assert_eq!(throttle.begin(&key, now), Answer::Yes);
            throttle.end(&key, true, now);
        }
        assert!(lock(&throttle.table).len() <= KEYS_MAX);
    }
}
