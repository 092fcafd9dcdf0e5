//! Inflated copies of what is held. A frame of a kilobyte may hold a megabyte, so each counts as long as it is there:
//! for its lane, and for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{KEPT_MAX, LANE_MAX};

/// An inflated message.
#[derive(Debug)]
pub(super) struct Copy {
    bytes: Box<[u8]>,
    counts: [Arc<AtomicUsize>; 2],
}

impl Copy {
    /// Of this message, if the lane and all together may keep that much more.
    pub(super) fn of(bytes: Vec<u8>, lane: &Arc<AtomicUsize>, all: &Arc<AtomicUsize>) -> Option<Arc<Self>> {
        let has_room = |count: &AtomicUsize, max| count.load(Ordering::Relaxed).saturating_add(bytes.len()) <= max;
        if !has_room(lane, LANE_MAX) || !has_room(all, KEPT_MAX) {
            return None;
        }
        let counts = [lane.clone(), all.clone()];
        for count in &counts {
            count.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        Some(Arc::new(Self { bytes: bytes.into(), counts }))
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_count_as_long_as_they_are_there_and_there_are_no_more_than_may_be() {
        let (all, lane, other) = (Arc::default(), Arc::default(), Arc::default());
        let mebibyte = || vec![0; 1 << 20];
        let first = Copy::of(mebibyte(), &lane, &all).unwrap();
        let second = Copy::of(mebibyte(), &lane, &all).unwrap();
        assert!(Copy::of(vec![0], &lane, &all).is_none());
        let third = Copy::of(mebibyte(), &other, &all).unwrap();
        assert_eq!(all.load(Ordering::Relaxed), 3 << 20);
        let shared = first.clone();
        drop(first);
        assert_eq!(lane.load(Ordering::Relaxed), 2 << 20);
        drop((shared, second, third));
        assert_eq!([&lane, &other, &all].map(|count| count.load(Ordering::Relaxed)), [0; 3]);
        all.store(KEPT_MAX, Ordering::Relaxed);
        assert!(Copy::of(vec![0], &lane, &all).is_none());
    }
}
