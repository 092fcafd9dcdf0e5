//! What the connections of one thread share: a buffer to read into, a clock, and timers.
//!
//! A thousand idle connections want a thousand deadlines and no buffers; a busy one wants a buffer and
//! cares little for its deadline. So the buffers are the thread's, lent to whoever is running, and
//! time goes in ticks: one task advances a wheel of slots and wakes those whose slot has come. A
//! connection is in the wheel once, for its earliest deadline; when activity has moved that deadline
//! on, being woken just makes it book a later slot.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

/// A moment on the thread's clock, in milliseconds; it wraps after seven weeks, so only differences mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick(u32);

impl Tick {
    /// How long before `self` that was; zero if it is later.
    pub(crate) const fn since(self, earlier: Self) -> u32 {
        let difference = self.0.wrapping_sub(earlier.0);
        if difference > u32::MAX / 2 { 0 } else { difference }
    }

    /// That many milliseconds on.
    pub(crate) const fn after(self, millis: u32) -> Self {
        Self(self.0.wrapping_add(millis))
    }

    /// Whether this moment comes before `other`.
    pub(crate) const fn is_before(self, other: Self) -> bool {
        other.since(self) > 0
    }
}

/// A length of time as the clock counts it.
pub(crate) fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX / 4).min(u32::MAX / 4)
}

/// A connection's place among those of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// Of a connection that is driven by hand, and looks after its own time.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

struct Thread {
    started: Instant,
    /// Milliseconds since, as of the last tick.
    now: Cell<u64>,
    is_ticking: Cell<bool>,
    is_stopping: Cell<bool>,
    /// Whose task is running; it need not be woken.
    running: Cell<Place>,
    tasks: RefCell<Slab<Waker>>,
    wheel: RefCell<Vec<Vec<Place>>>,
    /// The tick whose slot was last emptied.
    turned: Cell<u64>,
    read_buffer: Cell<Option<Box<[u8]>>>,
    write_buffer: Cell<Vec<u8>>,
}

thread_local! {
    static THREAD: Thread = Thread {
        started: Instant::now(),
        now: Cell::new(0),
        is_ticking: Cell::new(false),
        is_stopping: Cell::new(false),
        running: Cell::new(Place::NONE),
        tasks: RefCell::default(),
        wheel: RefCell::new(vec![Vec::new(); SLOTS]),
        turned: Cell::new(0),
        read_buffer: Cell::new(None),
        write_buffer: Cell::new(Vec::new()),
    };
}

/// The present, a tick exact at best. Costs no system call.
#[inline]
pub(crate) fn now() -> Tick {
    THREAD.with(Thread::tick)
}

/// Whether the server is about to end.
#[inline]
pub(crate) fn is_stopping() -> bool {
    THREAD.with(|thread| thread.is_stopping.get())
}

/// Gives the running task a place. It must [`leave`] it in the end.
pub(crate) fn enter(waker: &Waker) -> Place {
    THREAD.with(|thread| {
        if !thread.is_ticking.replace(true) {
            // While nobody was there, nobody kept the time.
            let now = thread.elapsed();
            thread.now.set(now);
            thread.turned.set(now / TICK);
            tokio::task::spawn_local(keep_time());
        }
        let place = thread.tasks.borrow_mut().insert(waker.clone());
        Place(u32::try_from(place).unwrap_or(u32::MAX))
    })
}

/// Gives the place back.
pub(crate) fn leave(place: Place) {
    if place != Place::NONE {
        THREAD.with(|thread| thread.tasks.borrow_mut().try_remove(place.0 as usize));
    }
}

/// Wakes the task at `place`, unless it is the one that is running.
#[inline]
pub(crate) fn wake(place: Place) {
    if place == Place::NONE {
        return;
    }
    THREAD.with(|thread| {
        if thread.running.get() != place
            && let Some(waker) = thread.tasks.borrow().get(place.0 as usize)
        {
            waker.wake_by_ref();
        }
    });
}

/// A way for other threads to wake the task at `place`.
pub(crate) fn waker(place: Place) -> Option<Waker> {
    THREAD.with(|thread| thread.tasks.borrow().get(place.0 as usize).cloned())
}

/// Marks the task at `place` as the one that is running, until the guard goes.
#[inline]
pub(crate) fn run(place: Place) -> Running {
    THREAD.with(|thread| thread.running.set(place));
    Running
}

/// While it lives, a task is running.
pub(crate) struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.running.set(Place::NONE));
    }
}

/// Has the task at `place` woken at `when` or a tick later, never earlier; or at the wheel's horizon, if that is nearer.
/// Says which. Being woken for nothing is possible: the place may have belonged to another when the slot was booked.
pub(crate) fn wake_at(place: Place, when: Tick) -> Tick {
    THREAD.with(|thread| {
        let ahead = when.since(thread.tick()).min(HORIZON_MILLIS);
        let due = (thread.now.get() + u64::from(ahead)) / TICK + 1;
        thread.wheel.borrow_mut()[slot_of(due)].push(place);
        thread.tick().after(ahead)
    })
}

/// Lends the thread's read buffer. It has been written to before and is never wiped.
pub(crate) fn with_read_buffer<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = THREAD.with(|thread| thread.read_buffer.take()).unwrap_or_else(|| vec![0; READ_BUFFER].into());
    let result = work(&mut buffer);
    THREAD.with(|thread| thread.read_buffer.set(Some(buffer)));
    result
}

/// An empty buffer to collect what is to be written.
#[inline]
pub(crate) fn take_write_buffer() -> Vec<u8> {
    THREAD.with(|thread| thread.write_buffer.take())
}

/// Gives back a buffer whose bytes are written. One is kept for the next; big ones never.
#[inline]
pub(crate) fn give_write_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() <= WRITE_BUFFER_KEPT {
        buffer.clear();
        THREAD.with(|thread| thread.write_buffer.set(buffer));
    }
}

/// Tells each connection of this thread to part, a slice at a time, so that not everybody comes back in
/// the same instant.
pub(crate) fn stop() {
    THREAD.with(|thread| thread.is_stopping.set(true));
    let mut places = places();
    rand::seq::SliceRandom::shuffle(&mut places[..], &mut rand::rng());
    tokio::task::spawn_local(async move {
        for slice in places.chunks(STOP_SLICE) {
            wake_slice(slice);
            tokio::time::sleep(STOP_PAUSE).await;
        }
    });
}

/// Has each connection of this thread look around, a slice at a time, so that who has something to do is not held up.
pub(crate) async fn wake_all() {
    for slice in places().chunks(WAKE_SLICE) {
        wake_slice(slice);
        tokio::task::yield_now().await;
    }
}

fn places() -> Vec<usize> {
    THREAD.with(|thread| thread.tasks.borrow().iter().map(|(place, _)| place).collect())
}

fn wake_slice(places: &[usize]) {
    THREAD.with(|thread| {
        let tasks = thread.tasks.borrow();
        places.iter().filter_map(|place| tasks.get(*place)).for_each(Waker::wake_by_ref);
    });
}

/// Keeps the clock and turns the wheel, for as long as there are connections.
async fn keep_time() {
    let mut interval = tokio::time::interval(Duration::from_millis(TICK));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if !THREAD.with(|thread| thread.turn(thread.elapsed())) {
            return;
        }
    }
}

impl Thread {
    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    #[inline]
    fn tick(&self) -> Tick {
        #[expect(clippy::cast_possible_truncation, reason = "ticks wrap, and only differences are used")]
        Tick(self.now.get() as u32)
    }

    /// It is `now`: empties the slots whose time has come. False once there is nobody left to wake.
    fn turn(&self, now: u64) -> bool {
        self.now.set(now);
        let tasks = self.tasks.borrow();
        let (from, to) = (self.turned.replace(now / TICK), now / TICK);
        // After a very long pause once round the wheel is enough.
        for tick in from.max(to.saturating_sub(SLOTS as u64)) + 1..=to {
            let slot = slot_of(tick);
            let mut due = std::mem::take(&mut self.wheel.borrow_mut()[slot]);
            due.drain(..).filter_map(|place| tasks.get(place.0 as usize)).for_each(Waker::wake_by_ref);
            if due.capacity() <= SLOT_KEPT {
                self.wheel.borrow_mut()[slot] = due;
            }
        }
        self.is_ticking.set(!tasks.is_empty());
        !tasks.is_empty()
    }
}

fn slot_of(tick: u64) -> usize {
    usize::try_from(tick % SLOTS as u64).unwrap_or_default()
}

/// How coarse time is, in milliseconds.
pub(crate) const TICK_MILLIS: u32 = 50;
const TICK: u64 = TICK_MILLIS as u64;

/// With the tick, a horizon of 102 s.
const SLOTS: usize = 2048;

/// What lies further ahead is looked at again there.
const HORIZON_MILLIS: u32 = 100_000;

/// A slot that was emptied keeps room for this many.
const SLOT_KEPT: usize = 64;

/// Large enough that a busy connection needs few reads, small enough to stay in the cache.
const READ_BUFFER: usize = 128 << 10;

/// A write buffer that has grown larger than this is given back to the allocator.
const WRITE_BUFFER_KEPT: usize = 256 << 10;

const STOP_SLICE: usize = 500;
const STOP_PAUSE: Duration = Duration::from_millis(20);

const WAKE_SLICE: usize = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In the middle of a runtime on which local tasks may be spawned.
    async fn on_a_thread(test: impl FnOnce(u64, &dyn Fn(u64) -> bool, &dyn Fn() -> u32, &Waker)) {
        tokio::task::LocalSet::new()
            .run_until(async {
                let count = Arc::new(Count(AtomicU32::new(0)));
                let now = THREAD.with(Thread::elapsed);
                let turn = |now| THREAD.with(|thread| thread.turn(now));
                test(now, &turn, &|| count.0.load(Ordering::Relaxed), &count.clone().into());
            })
            .await;
    }

    #[tokio::test]
    async fn a_task_is_woken_in_its_time_and_not_before() {
        on_a_thread(|start, turn, woken, waker| {
            let place = enter(waker);
            turn(start);
            assert_eq!(wake_at(place, now().after(120)), now().after(120));
            for at in (0..=120).step_by(7) {
                turn(start + at);
                assert_eq!(woken(), 0, "after {at} ms");
            }
            turn(start + 200);
            assert_eq!(woken(), 1);
            turn(start + 200_000);
            assert_eq!(woken(), 1);
            leave(place);
            assert!(!turn(start + 200_050), "nobody is left");
        })
        .await;
    }

    #[tokio::test]
    async fn what_lies_beyond_the_horizon_is_looked_at_there() {
        on_a_thread(|start, turn, woken, waker| {
            let place = enter(waker);
            turn(start);
            assert_eq!(wake_at(place, now().after(1_000_000)), now().after(HORIZON_MILLIS));
            turn(start + 99_900);
            assert_eq!(woken(), 0);
            turn(start + 100_100);
            assert_eq!(woken(), 1);
            leave(place);
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_runs_need_not_be_woken() {
        on_a_thread(|_, _, woken, waker| {
            let place = enter(waker);
            wake(place);
            assert_eq!(woken(), 1);
            let running = run(place);
            wake(place);
            assert_eq!(woken(), 1);
            drop(running);
            leave(place);
            wake(place);
            assert_eq!(woken(), 1);
        })
        .await;
    }

    #[test]
    fn differences_survive_the_wrap() {
        let before = Tick(u32::MAX - 10);
        let after = before.after(30);
        assert_eq!((after.since(before), before.since(after)), (30, 0));
        assert!(before.is_before(after) && !after.is_before(before) && !before.is_before(before));
    }
}
