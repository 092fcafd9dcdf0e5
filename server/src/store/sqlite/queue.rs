//! A bounded line that threads wait at.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::store::StoreError;

/// What waits to be done, in order. When it is full, nothing more is taken; the sender hears so at once.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    limits: Limits,
}

/// How long the line may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct State<T> {
    /// Each with the bytes it counts for.
    line: VecDeque<(usize, T)>,
    bytes: usize,
    sleepers: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { line: VecDeque::new(), bytes: 0, sleepers: 0, is_closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), limits }
    }

    /// Puts `thing` at the end, or hands it back: the line is full, or closed.
    pub(super) fn push(&self, thing: T, bytes: usize) -> Result<(), (T, StoreError)> {
        let mut state = self.lock();
        if state.is_closed {
            return Err((thing, StoreError::Failed));
        }
        if state.line.len() >= self.limits.count || state.bytes + bytes > self.limits.bytes {
            return Err((thing, StoreError::Busy));
        }
        state.line.push_back((bytes, thing));
        state.bytes += bytes;
        let is_awaited = state.sleepers > 0;
        drop(state);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for something and moves it into `taken`, with what stands behind it, up to `most`. False once the
    /// line is closed and empty.
    pub(super) fn take(&self, taken: &mut Vec<T>, most: Limits) -> bool {
        let mut state = self.lock();
        while state.line.is_empty() {
            if state.is_closed {
                return false;
            }
            state.sleepers += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleepers -= 1;
        }
        let mut sum = 0;
        while taken.len() < most.count && sum < most.bytes {
            let Some((bytes, thing)) = state.line.pop_front() else { break };
            state.bytes -= bytes;
            sum += bytes;
            taken.push(thing);
        }
        true
    }

    /// Takes nothing more. What is in line is still given out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Limits = Limits { count: 10, bytes: 1000 };

    #[test]
    fn a_full_line_says_so_and_loses_nothing() {
        let queue = Queue::new(Limits { count: 3, bytes: 100 });
        assert_eq!(queue.push('a', 60), Ok(()));
        assert_eq!(queue.push('b', 60), Err(('b', StoreError::Busy)), "over the bytes");
        assert_eq!(queue.push('c', 1), Ok(()));
        assert_eq!(queue.push('d', 1), Ok(()));
        assert_eq!(queue.push('e', 1), Err(('e', StoreError::Busy)), "over the count");
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken, Limits { count: 2, bytes: 1000 }));
        assert_eq!(taken, ['a', 'c']);
        assert_eq!(queue.push('f', 60), Ok(()), "there is room again");
        queue.close();
        assert_eq!(queue.push('g', 1), Err(('g', StoreError::Failed)));
        taken.clear();
        assert!(queue.take(&mut taken, MOST), "what was in line is given out");
        assert_eq!(taken, ['d', 'f']);
        assert!(!queue.take(&mut taken, MOST));
    }

    #[test]
    fn whoever_waits_is_woken() {
        let queue = Queue::new(MOST);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut taken = Vec::new();
                while queue.take(&mut taken, MOST) {}
                taken
            });
            for number in 0..5 {
                queue.push(number, 1).unwrap();
            }
            queue.close();
            assert_eq!(waiting.join().unwrap(), [0, 1, 2, 3, 4]);
        });
    }
}
