//! Where what taps copy is put: a queue of pcapng blocks, on its way to a page or into a file.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

/// One that watches. Tapped connections push, and whoever it stands for takes.
#[derive(Debug)]
pub(crate) struct Watcher {
    max: usize,
    keeps: Keeps,
    /// How much waits for all pages.
    waiting: Arc<AtomicUsize>,
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

/// What became of blocks that were to be put into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    /// There is no room.
    Refused,
    /// Nobody takes any more.
    Over,
}

/// What a thread waits for that takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wanted {
    /// It has something to do.
    #[default]
    Nothing,
    /// Whatever comes.
    Anything,
    /// As much as makes the next write worth while.
    Much,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole blocks each.
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes that is.
    len: usize,
    waker: Option<Waker>,
    /// It was full, and takes nothing until it is half empty: one gap is easier to read than many.
    is_dropping: bool,
    dropped: u64,
    /// Whoever takes has just done so, and will look again by itself.
    is_resting: bool,
    /// Nobody takes any more.
    is_over: bool,
    wanted: Wanted,
    /// One that was taken, emptied and given back.
    spare: Option<Vec<u8>>,
}

impl Watcher {
    /// For a page: bounded by `max` bytes, and what is more is dropped. `waiting` is how much waits for all pages.
    pub(super) fn for_page(max: usize, waiting: &Arc<AtomicUsize>) -> Self {
        Self::keeping(Keeps::WhatFits, max, waiting.clone())
    }

    #[cfg(test)]
    pub(super) fn new(max: usize) -> Self {
        Self::keeping(Keeps::WhatFits, max, Arc::default())
    }

    /// For a file: drops nothing, and has no room from `max` bytes on.
    pub(super) fn keeping_all(max: usize) -> Self {
        Self::keeping(Keeps::Everything, max, Arc::default())
    }

    fn keeping(keeps: Keeps, max: usize, waiting: Arc<AtomicUsize>) -> Self {
        Self { max, keeps, waiting, queue: Mutex::default(), news: Condvar::new(), taken: Notify::new() }
    }

    /// Puts whole blocks into the queue, or, if that is full, nowhere: then false.
    pub(super) fn push(&self, blocks: &[u8]) -> bool {
        self.push_with(blocks.len(), |chunk| chunk.extend_from_slice(blocks)) != Put::Refused
    }

    /// The same with blocks of `len` bytes that `write` makes in their place, if there is room for them.
    pub(super) fn push_with(&self, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Put {
        self.put(len, 0, write)
    }

    /// The same with the last there is of a connection. Nothing could come behind it to show that something is missing, so
    /// there is some room for it in a queue that is full, and a gap stays a gap.
    pub(super) fn push_last(&self, blocks: &[u8]) -> bool {
        self.put(blocks.len(), LAST_MAX, |chunk| chunk.extend_from_slice(blocks)) != Put::Refused
    }

    fn put(&self, len: usize, reserve: usize, write: impl FnOnce(&mut Vec<u8>)) -> Put {
        let mut queue = lock(&self.queue);
        if queue.is_over {
            return Put::Over;
        }
        if self.keeps == Keeps::WhatFits && !self.fits(&mut queue, len, reserve) {
            queue.dropped += 1;
            return Put::Refused;
        }
        let chunks = queue.chunks.len();
        queue.append(len, write);
        self.waiting.fetch_add(len, Ordering::Relaxed);
        if self.keeps == Keeps::Everything {
            let is_wanted = match queue.wanted {
                Wanted::Nothing => false,
                Wanted::Anything => true,
                Wanted::Much => queue.len >= self.much(),
            };
            if is_wanted {
                queue.wanted = Wanted::Nothing;
                drop(queue);
                self.news.notify_one();
            }
            return Put::Taken;
        }
        // Whoever rests is woken for a whole message.
        let wakes = if queue.is_resting { chunks == 1 && queue.chunks.len() > 1 } else { chunks == 0 };
        let waker = if wakes { queue.waker.clone() } else { None };
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Put::Taken
    }

    /// Whether a page has room for so many bytes.
    fn fits(&self, queue: &mut Queue, len: usize, reserve: usize) -> bool {
        if reserve > 0 {
            // It says nothing about whether there is room for more.
            return len <= self.max.saturating_add(reserve).saturating_sub(queue.len);
        }
        let is_crowded = self.waiting.load(Ordering::Relaxed) > WAITING_MAX;
        let max = if is_crowded { self.max.min(CROWDED_MAX) } else { self.max };
        let room = max.saturating_sub(queue.len);
        queue.is_dropping = room < len || (queue.is_dropping && room < max / 2);
        !queue.is_dropping
    }

    /// With so many bytes waiting, a file is written to at once.
    const fn much(&self) -> usize {
        if self.max / 2 < CHUNK { self.max / 2 } else { CHUNK }
    }

    /// Whether a file that keeps everything keeps up. A page is never waited for.
    pub(super) fn has_room(&self) -> bool {
        if self.keeps == Keeps::WhatFits {
            return true;
        }
        let queue = lock(&self.queue);
        queue.is_over || queue.len < self.max
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

    /// Whether something is to be taken: anything, or for one who rests, a whole message. Whoever does not rest and finds
    /// nothing is woken when something comes.
    pub(super) fn is_due(&self, is_resting: bool) -> bool {
        let mut queue = lock(&self.queue);
        queue.is_resting = is_resting || !queue.chunks.is_empty();
        if !queue.is_resting {
            queue.spare = None;
        }
        queue.chunks.len() > usize::from(is_resting)
    }

    /// What has waited longest, as much as makes a message. To be [given back](Self::give_back).
    pub(super) fn take(&self) -> Vec<u8> {
        let mut queue = lock(&self.queue);
        let chunk = queue.chunks.pop_front().unwrap_or_default();
        queue.len -= chunk.len();
        drop(queue);
        self.waiting.fetch_sub(chunk.len(), Ordering::Relaxed);
        chunk
    }

    /// Has what was taken filled again. Where much is seen, memory that the allocator gives to the system and takes
    /// from it again, chunk by chunk, costs as much as what is done with it.
    pub(super) fn give_back(&self, mut chunk: Vec<u8>) {
        if (CHUNK..=2 * CHUNK).contains(&chunk.capacity()) {
            chunk.clear();
            lock(&self.queue).spare = Some(chunk);
        }
    }

    /// All that waits, once there is something; `None` when it is over and nothing is left. Blocks its thread. Who
    /// `rests` has just taken something: for a moment they wait for more of it.
    pub(super) fn wait(&self, rests: bool) -> Option<VecDeque<Vec<u8>>> {
        let mut queue = lock(&self.queue);
        if rests {
            queue.wanted = Wanted::Much;
            let too_little = |queue: &mut Queue| queue.len < self.much() && !queue.is_over;
            (queue, _) = self.news.wait_timeout_while(queue, REST, too_little).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.chunks.is_empty() {
            (queue.wanted, queue.spare) = (Wanted::Anything, None);
        }
        while queue.chunks.is_empty() && !queue.is_over {
            queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.wanted = Wanted::Nothing;
        let chunks = std::mem::take(&mut queue.chunks);
        self.waiting.fetch_sub(std::mem::take(&mut queue.len), Ordering::Relaxed);
        drop(queue);
        self.taken.notify_waiters();
        (!chunks.is_empty()).then_some(chunks)
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

impl Drop for Watcher {
    fn drop(&mut self) {
        let left = lock(&self.queue).len;
        self.waiting.fetch_sub(left, Ordering::Relaxed);
    }
}

impl Queue {
    /// What `write` makes, of `len` bytes, behind all the rest.
    fn append(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.len += len;
        match self.chunks.back_mut() {
            Some(last) if last.len() + len <= CHUNK => write(last),
            _ => {
                // Where much is seen, a chunk will be filled.
                let wanted = if self.is_resting { CHUNK.max(len) } else { len };
                let mut chunk = self.spare.take().unwrap_or_else(|| Vec::with_capacity(wanted));
                write(&mut chunk);
                self.chunks.push_back(chunk);
            }
        }
    }
}

/// How much more than it has room for a page takes of what ends connections: some hundreds of them.
const LAST_MAX: usize = 64 << 10;

/// With more than this waiting for all pages, [less](CROWDED_MAX) may wait for each: who does not read takes from those
/// who do, not from the process.
const WAITING_MAX: usize = 64 << 20;
const CROWDED_MAX: usize = 128 << 10;

/// As much as goes into one message, unless a block is longer.
const CHUNK: usize = 64 << 10;

/// So long whoever writes a file waits for more, having just written: to be woken for each block would cost whoever
/// makes them more than all the rest.
const REST: Duration = Duration::from_millis(50);

/// A panic elsewhere leaves queues and lists as whole as they were.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_connection_fits_where_nothing_else_does() {
        let watcher = Watcher::new(100);
        assert!(watcher.push(&[0; 90]) && !watcher.push(&[0; 60]));
        assert!(watcher.push_last(&[1; 60]) && !watcher.push(&[0; 10]), "there is still no room for more");
        assert!(!watcher.push_last(&[1; LAST_MAX]), "nor without end for ends");
        assert_eq!(watcher.dropped(), 3);
        let taken: usize = std::iter::from_fn(|| Some(watcher.take().len()).filter(|len| *len > 0)).sum();
        assert_eq!(taken, 150);
    }

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
        tokio::select! {
            biased;
            () = watcher.room() => panic!("it is full"),
            () = async {} => {}
        }
        let ((), waited) = tokio::join!(watcher.room(), async { Vec::from(watcher.wait(false).unwrap()).concat() });
        assert_eq!(waited, [[1; 80], [2; 80]].concat());
        watcher.push(&[3; 200]);
        watcher.end();
        watcher.room().await;
        assert!(watcher.push(&[4]), "it is thrown away");
        assert_eq!(watcher.wait(true).unwrap(), [[3; 200]]);
        assert!(watcher.wait(true).is_none());
    }

    #[test]
    fn who_does_not_read_takes_from_those_who_do_not_either() {
        let waiting = Arc::default();
        let (max, block) = (40 << 20, vec![0; 32 << 10]);
        let [first, second, third] = [(); 3].map(|()| Watcher::for_page(max, &waiting));
        while first.push(&block) {}
        while second.push(&block) {}
        assert!(waiting.load(Ordering::Relaxed) > WAITING_MAX);
        assert_eq!((0..100).filter(|_| third.push(&block)).count() * block.len(), CROWDED_MAX, "enough to go on");
        assert_eq!(first.take().len(), CHUNK);
        drop((first, second));
        assert_eq!(waiting.load(Ordering::Relaxed), CROWDED_MAX);
        while third.is_due(false) {
            third.take();
        }
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_was_taken_is_filled_again_as_long_as_much_is_seen() {
        let watcher = Watcher::new(1 << 20);
        watcher.push(&[0; 100]);
        assert!(watcher.is_due(false));
        watcher.take();
        // It rests: from here on a chunk has room for a whole message.
        assert!(!watcher.is_due(true));
        watcher.push(&[1; 100]);
        watcher.push(&[1; CHUNK]);
        assert!(watcher.is_due(true));
        let first = watcher.take();
        let place = first.as_ptr();
        watcher.take();
        watcher.give_back(first);
        watcher.push(&[2; 100]);
        watcher.push(&[3; CHUNK]);
        let again = watcher.take();
        assert_eq!((again.as_ptr(), &again[..]), (place, &[2; 100][..]), "and nothing is left in it of before");
    }

    #[test]
    fn a_block_is_made_where_it_waits_or_not_at_all() {
        let watcher = Watcher::new(100);
        assert_eq!(watcher.push_with(60, |chunk| chunk.extend([1; 60])), Put::Taken);
        assert_eq!(watcher.push_with(60, |_| panic!("there is no room for it")), Put::Refused);
        assert_eq!(watcher.take(), [1; 60]);
        watcher.end();
        assert_eq!(watcher.push_with(10, |_| panic!("nobody takes it")), Put::Over);
    }

    #[test]
    fn who_rests_is_woken_for_a_whole_message_and_else_for_the_first_block() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let woken = || count.0.swap(0, Ordering::Relaxed);
        let watcher = Watcher::new(1 << 20);
        watcher.set_waker(Some(count.clone().into()));
        assert!(!watcher.is_due(false));
        watcher.push(&[0; 100]);
        watcher.push(&[0; 100]);
        assert_eq!(woken(), 1);
        assert!(watcher.is_due(false));
        assert_eq!(watcher.take().len(), 200);
        // It rests.
        assert!(!watcher.is_due(true));
        watcher.push(&[0; 100]);
        assert!(woken() == 0 && !watcher.is_due(true));
        watcher.push(&[0; CHUNK]);
        watcher.push(&[0; CHUNK]);
        assert!(woken() == 1 && watcher.is_due(true));
        watcher.take();
        watcher.take();
        assert!(!watcher.is_due(true) && watcher.is_due(false));
        watcher.take();
        assert!(!watcher.is_due(false));
        watcher.push(&[0; 100]);
        assert_eq!(woken(), 1);
    }
}
