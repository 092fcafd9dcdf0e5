//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Options;

/// Counts for all threads.
#[derive(Debug)]
pub(crate) struct Limits {
    max: usize,
    per_address: usize,
    count: AtomicUsize,
    addresses: Mutex<HashMap<[u8; 16], usize>>,
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        let max = match options.connections_max {
            0 => connections_allowed(1),
            max => max,
        };
        Self {
            max,
            per_address: options.connections_per_address,
            count: AtomicUsize::new(0),
            addresses: Mutex::default(),
        }
    }

    /// Lets a connection in, or not. `token` marks it as present on its thread.
    pub(super) fn admit(self: &Arc<Self>, address: SocketAddr, token: TaskTrackerToken) -> Option<Guest> {
        // Beside the accepting task, every thread's tunnels may be at it.
        let step = |count| if count < self.max { Some(count + 1) } else { None };
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_err() {
            tracing::warn!(max = self.max, "connections-max is reached");
            return None;
        }
        let counted = self.counted(address.ip());
        if counted != NOBODY {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let count = addresses.entry(counted).or_default();
            if *count >= self.per_address {
                tracing::debug!(%address, "connections-per-address is reached");
                self.count.fetch_sub(1, Ordering::Relaxed);
                return None;
            }
            *count += 1;
        }
        Some(Guest { address, seat: Seat { counted, limits: self.clone(), token } })
    }

    fn leave(&self, counted: [u8; 16]) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        if counted != NOBODY {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = addresses.get_mut(&counted) {
                *count -= 1;
                if *count == 0 {
                    addresses.remove(&counted);
                }
            }
        }
    }

    /// What counts as one address: for IPv6 the /64 that one customer gets.
    fn counted(&self, address: IpAddr) -> [u8; 16] {
        let address = address.to_canonical();
        if self.per_address == 0 || address.is_loopback() {
            return NOBODY;
        }
        match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => (address.to_bits() >> 64 << 64).to_be_bytes(),
        }
    }
}

/// A connection that was let in, and where it comes from.
#[derive(Debug)]
pub(crate) struct Guest {
    address: SocketAddr,
    seat: Seat,
}

/// A connection counts as there until this is dropped. All that must be kept of a guest, so it is kept small.
#[derive(Debug)]
pub(crate) struct Seat {
    counted: [u8; 16],
    limits: Arc<Limits>,
    token: TaskTrackerToken,
}

impl Guest {
    /// Where it comes from.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets another connection in from there, or not: one that this one has opened.
    pub(crate) fn another(&self) -> Option<Self> {
        self.seat.limits.admit(self.address, self.seat.token.task_tracker().token())
    }

    /// The address is not needed any more.
    pub(crate) fn into_seat(self) -> Seat {
        self.seat
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.limits.leave(self.counted);
    }
}

/// The address of those who are not counted by address.
const NOBODY: [u8; 16] = [0; 16];

/// Raises the soft limit on open files to the hard one: the soft one is kept low for programs that
/// use `select`, which we do not.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit on open files stays as it is");
        }
    }
}

/// As many connections as there may be, where each takes so many files.
pub(crate) fn connections_allowed(files_each: usize) -> usize {
    (files_allowed().saturating_sub(RESERVED_FILES) / files_each.max(1)).max(1)
}

fn files_allowed() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// Files that are not connections: runtimes, logs, pages being read, later the database.
const RESERVED_FILES: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::*;

    fn limits(max: usize, per_address: usize) -> Arc<Limits> {
        Arc::new(Limits::new(&Options {
            threads: 1,
            connections_max: max,
            connections_per_address: per_address,
            shutdown_deadline: Duration::ZERO,
            unacknowledged_max: Duration::ZERO,
            full: b"",
        }))
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let (limits, tracker) = (limits(10, 2), TaskTracker::new());
        let admit = |address: &str| limits.admit(address.parse().unwrap(), tracker.token());
        let first = admit("192.0.2.1:1").unwrap();
        let _second = admit("192.0.2.1:2").unwrap();
        assert!(admit("192.0.2.1:3").is_none());
        let _other = admit("192.0.2.2:1").unwrap();
        drop(first);
        let _third = admit("192.0.2.1:3").unwrap();
        let _v6: Vec<_> = (1..=2).map(|n| admit(&format!("[2001:db8::{n}]:1")).unwrap()).collect();
        assert!(admit("[2001:db8::ffff]:1").is_none());
        let _elsewhere = admit("[2001:db8:0:1::1]:1").unwrap();
        let _loopback: Vec<_> = (1..=3).map(|n| admit(&format!("127.0.0.1:{n}")).unwrap()).collect();
        assert!(admit("127.0.0.1:9").is_some());
        assert_eq!(tracker.len(), 9);
    }

    #[test]
    fn the_limit_for_all_holds_for_loopback_too() {
        let (limits, tracker) = (limits(1, 0), TaskTracker::new());
        let guest = limits.admit("127.0.0.1:1".parse().unwrap(), tracker.token());
        assert!(guest.is_some() && limits.admit("127.0.0.1:2".parse().unwrap(), tracker.token()).is_none());
        drop(guest);
        assert!(limits.admit("127.0.0.1:2".parse().unwrap(), tracker.token()).is_some());
    }

    #[test]
    fn what_a_connection_opens_counts_like_one_that_came() {
        let (limits, tracker) = (limits(3, 2), TaskTracker::new());
        let admit = |address: &str| limits.admit(address.parse().unwrap(), tracker.token());
        let first = admit("192.0.2.1:1").unwrap();
        let second = first.another().unwrap();
        assert_eq!(second.address(), first.address());
        assert!(second.another().is_none(), "two from there are enough");
        let _third = admit("192.0.2.2:1").unwrap();
        assert!(admit("192.0.2.3:1").is_none(), "and three in all, though one was refused");
        drop(first);
        assert!(second.another().is_some() && tracker.len() == 2);
    }
}
