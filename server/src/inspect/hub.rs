//! Sessions that have connections or watchers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use crate::auth::SessionId;

/// Finds the session that belongs to a cookie. One for all threads.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<SessionId, Weak<Session>>,
    /// How many there may be before those that are gone are looked for.
    sweep_at: usize,
}

/// One browser: shared by its connections, which are tapped, and its watchers.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// How many watch: the one thing that a tapped connection looks at each time.
    watching: AtomicUsize,
    /// Counts comings and goings of watchers.
    changes: AtomicU32,
    watchers: Mutex<Vec<Arc<Watcher>>>,
}

/// A bounded queue of pcapng blocks on their way to one page.
#[derive(Debug)]
pub(crate) struct Watcher {
    max: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    waker: Option<Waker>,
    /// It was full, and takes nothing until it is half empty: one gap is easier to read than many.
    is_dropping: bool,
    dropped: u64,
}

impl Hub {
    /// The session of this cookie, new or known.
    pub(crate) fn session(&self, id: SessionId) -> Arc<Session> {
        let mut sessions = lock(&self.sessions);
        if let Some(session) = sessions.by_id.get(&id).and_then(Weak::upgrade) {
            return session;
        }
        if sessions.by_id.len() >= sessions.sweep_at {
            sessions.by_id.retain(|_, session| session.strong_count() > 0);
            sessions.sweep_at = 2 * sessions.by_id.len() + 64;
        }
        let session = Arc::new(Session::default());
        sessions.by_id.insert(id, Arc::downgrade(&session));
        session
    }
}

impl Session {
    /// Whether anybody watches.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Relaxed) > 0
    }

    /// A number that is another one whenever watchers have come or gone.
    #[inline]
    pub(super) fn changes(&self) -> u32 {
        self.changes.load(Ordering::Acquire)
    }

    pub(super) fn watchers(&self) -> Vec<Arc<Watcher>> {
        lock(&self.watchers).clone()
    }

    pub(super) fn join(&self, watcher: Arc<Watcher>) {
        let mut watchers = lock(&self.watchers);
        watchers.push(watcher);
        self.changed(watchers.len());
    }

    pub(super) fn leave(&self, watcher: &Arc<Watcher>) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        self.changed(watchers.len());
    }

    fn changed(&self, watching: usize) {
        self.watching.store(watching, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl Watcher {
    pub(super) fn new(max: usize) -> Self {
        Self { max, queue: Mutex::default() }
    }

    /// Puts whole blocks into the queue, or, if that is full, nowhere: then false.
    pub(super) fn push(&self, blocks: &[u8]) -> bool {
        let mut queue = lock(&self.queue);
        let room = self.max.saturating_sub(queue.bytes.len());
        if room < blocks.len() || (queue.is_dropping && room < self.max / 2) {
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
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.queue).bytes.is_empty()
    }

    /// All that waits.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.queue).bytes)
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
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_shared_while_anybody_has_it_and_forgotten_after() {
        let hub = Hub::default();
        let id = SessionId::generate();
        let session = hub.session(id);
        assert!(Arc::ptr_eq(&session, &hub.session(id)));
        assert!(!Arc::ptr_eq(&session, &hub.session(SessionId::generate())));
        for _ in 0..1000 {
            hub.session(SessionId::generate());
        }
        assert!(lock(&hub.sessions).by_id.len() < 200);
        assert!(Arc::ptr_eq(&session, &hub.session(id)));
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
}
