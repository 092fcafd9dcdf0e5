//! Where what taps copy is put: a queue of pcapng blocks, on its way to a page or into a file.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

/// One that watches. Tapped connections push, and whoever it stands for takes.
#[derive(Debug)]
pub(crate) struct Watcher {
    max: usize,
    keeps: Keeps,
    queue: Mutex<Queue>,
    /// For a thread that waits for something to take.
    news: Condvar,
    /// For those that wait until something was taken.
    taken: Notify,
}

/// What becomes of blocks when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    /// They are dropped, and leave a gap: a page that is slow is nobody's affair but its own.
    WhatFits,
    /// Everything is kept: who can wait is to look whether there is [room](Watcher::room) before it reads more.
    Everything,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    waker: Option<Waker>,
    /// It was full, and takes nothing until it is half empty: one gap is easier to read than many.
    is_dropping: bool,
    dropped: u64,
    /// Nobody takes any more.
    is_over: bool,
}

impl Watcher {
    /// For a page: bounded by `max` bytes, and what is more is dropped.
    pub(super) fn new(max: usize) -> Self {
        Self::keeping(Keeps::WhatFits, max)
    }

    /// For a file: drops nothing, and has no room from `max` bytes on.
    pub(super) fn keeping_all(max: usize) -> Self {
        Self::keeping(Keeps::Everything, max)
    }

    fn keeping(keeps: Keeps, max: usize) -> Self {
        Self { max, keeps, queue: Mutex::default(), news: Condvar::new(), taken: Notify::new() }
    }

    /// Puts whole blocks into the queue, or, if that is full, nowhere: then false.
    pub(super) fn push(&self, blocks: &[u8]) -> bool {
        let mut queue = lock(&self.queue);
        if queue.is_over {
            return true;
        }
        let room = self.max.saturating_sub(queue.bytes.len());
        if self.keeps == Keeps::WhatFits && (room < blocks.len() || (queue.is_dropping && room < self.max / 2)) {
            queue.is_dropping = true;
            queue.dropped += 1;
            return false;
        }
        queue.is_dropping = false;
        let waker = if queue.bytes.is_empty() { queue.waker.clone() } else { None };
        queue.bytes.extend_from_slice(blocks);
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        if self.keeps == Keeps::Everything {
            self.news.notify_one();
        }
        true
    }

    /// Whether a file that keeps everything keeps up. A page is never waited for.
    pub(super) fn has_room(&self) -> bool {
        if self.keeps == Keeps::WhatFits {
            return true;
        }
        let queue = lock(&self.queue);
        queue.is_over || queue.bytes.len() < self.max
    }

    /// Waits until a file that keeps everything has kept up.
    pub(super) async fn room(&self) {
        loop {
            // From here on, nothing that is taken is missed.
            let mut taken = std::pin::pin!(self.taken.notified());
            taken.as_mut().enable();
            if self.has_room() {
                return;
            }
            taken.await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.queue).bytes.is_empty()
    }

    /// All that waits.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.queue).bytes)
    }

    /// All that waits, once there is something, swapped against an empty buffer; false when it is over and nothing
    /// is left. Blocks its thread.
    pub(super) fn wait(&self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        let mut queue = lock(&self.queue);
        while queue.bytes.is_empty() && !queue.is_over {
            queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut queue.bytes, buffer);
        drop(queue);
        self.taken.notify_waiters();
        !buffer.is_empty()
    }

    /// Takes nothing more. What is in the queue can still be taken.
    pub(super) fn end(&self) {
        lock(&self.queue).is_over = true;
        self.news.notify_one();
        self.taken.notify_waiters();
    }

    pub(super) fn set_waker(&self, waker: Option<Waker>) {
        lock(&self.queue).waker = waker;
    }

    /// Has the page's connection look again.
    pub(super) fn wake(&self) {
        let waker = lock(&self.queue).waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How often something did not fit.
    pub(super) fn dropped(&self) -> u64 {
        lock(&self.queue).dropped
    }
}

/// A panic elsewhere leaves queues and lists as whole as they were.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_watcher_loses_one_stretch_and_not_many() {
        let watcher = Watcher::new(100);
        assert!(watcher.push(&[0; 60]));
        assert!(!watcher.push(&[0; 60]));
        assert!(!watcher.push(&[0; 10]), "it would fit, but there has just been a gap");
        assert_eq!((watcher.take().len(), watcher.dropped()), (60, 2));
        assert!(watcher.push(&[0; 10]));
    }

    #[tokio::test]
    async fn one_that_keeps_everything_is_waited_for_and_loses_nothing() {
        let watcher = Watcher::keeping_all(100);
        watcher.room().await;
        assert!(watcher.push(&[1; 80]) && watcher.push(&[2; 80]));
        let mut buffer = Vec::new();
        tokio::select! {
            biased;
            () = watcher.room() => panic!("it is full"),
            () = async {} => {}
        }
        let (waited, ()) = tokio::join!(watcher.room(), async { assert!(watcher.wait(&mut buffer)) });
        assert_eq!((waited, buffer.len()), ((), 160));
        watcher.push(&[3; 200]);
        watcher.end();
        watcher.room().await;
        assert!(watcher.push(&[4]), "it is thrown away");
        assert!(watcher.wait(&mut buffer) && buffer == [3; 200]);
        assert!(!watcher.wait(&mut buffer));
    }
}
