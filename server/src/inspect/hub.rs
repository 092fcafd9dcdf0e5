//! Who watches what: sessions, their connections and their watchers, and those who watch everything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use framescope_codec::capture::pcapng;
use slab::Slab;
use tokio::sync::watch;

use super::watcher::{Watcher, lock};
use crate::auth::SessionId;

/// Finds the session that belongs to a cookie. One for all threads.
#[derive(Debug)]
pub(crate) struct Hub {
    sessions: Mutex<Sessions>,
    /// That of all connections that came without a cookie of ours: nobody can watch it alone.
    nobody: Arc<Session>,
    count: Arc<Count>,
    /// How many bytes wait for pages, in all.
    waiting: Arc<AtomicUsize>,
    /// Rung for those who cannot be woken one by one: each thread, which wakes its own.
    bell: watch::Sender<()>,
    /// What its captures are of, if that is worth saying.
    about: String,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<SessionId, Weak<Session>>,
    /// How many there may be before those that are gone are looked for.
    sweep_at: usize,
}

/// How many watch, whatever it is.
#[derive(Debug, Default)]
struct Count(AtomicUsize);

/// One browser: shared by its connections, which are tapped, and its watchers.
#[derive(Debug)]
pub(crate) struct Session {
    /// Who watches this session.
    own: Audience,
    /// Who watches everything.
    everything: Arc<Audience>,
    /// It belongs to a cookie.
    is_anybody: bool,
}

/// Those who watch one session, or everything.
#[derive(Debug)]
pub(crate) struct Audience {
    /// How many there are: looked at when a connection opens.
    watching: AtomicUsize,
    /// Counts comings and goings.
    changes: AtomicU32,
    members: Mutex<Members>,
    count: Arc<Count>,
    /// Of those who watch everything: told of each change.
    bell: Option<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct Members {
    watchers: Vec<Arc<Watcher>>,
    /// Of the connections that are open, to be told when somebody comes.
    connections: Slab<Waker>,
}

impl Default for Hub {
    fn default() -> Self {
        let count = Arc::<Count>::default();
        let bell = watch::Sender::new(());
        let everything = Arc::new(Audience { bell: Some(bell.clone()), ..Audience::new(count.clone()) });
        let nobody = Session { own: Audience::new(count.clone()), everything, is_anybody: false };
        Self {
            sessions: Mutex::default(),
            nobody: Arc::new(nobody),
            count,
            waiting: Arc::default(),
            bell,
            about: String::new(),
        }
    }
}

impl Hub {
    /// With a remark about all that is captured.
    pub(crate) fn about(about: String) -> Self {
        Self { about, ..Self::default() }
    }

    /// The start of a capture.
    pub(super) fn write_start(&self, out: &mut Vec<u8>) {
        pcapng::write_start_about(&self.about, out);
    }

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
        let own = Audience::new(self.count.clone());
        let session = Arc::new(Session { own, everything: self.everything().clone(), is_anybody: true });
        sessions.by_id.insert(id, Arc::downgrade(&session));
        session
    }

    /// What connections belong to that came without a cookie of ours.
    pub(super) const fn nobody(&self) -> &Arc<Session> {
        &self.nobody
    }

    /// Those who see all there is to see.
    pub(super) fn everything(&self) -> &Arc<Audience> {
        &self.nobody.everything
    }

    /// How many bytes wait for pages, in all.
    pub(super) const fn waiting(&self) -> &Arc<AtomicUsize> {
        &self.waiting
    }

    /// Whether anybody watches anything: while nobody does, no connection looks any further.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.count.is_any()
    }

    /// Changes whenever somebody comes who watches everything, or goes.
    pub(crate) fn bell(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }
}

impl Count {
    #[inline]
    fn is_any(&self) -> bool {
        // Whoever was woken for a change has synchronised with it by being woken.
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Session {
    /// Whether anybody sees this session's connections.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.own.is_any() || self.everything.is_any()
    }

    /// A number that is another one whenever watchers have come or gone.
    pub(super) fn changes(&self) -> u32 {
        let [own, everything] = [&self.own, &*self.everything].map(|one| one.changes.load(Ordering::Acquire));
        own.wrapping_add(everything)
    }

    pub(super) fn watchers(&self) -> Vec<Arc<Watcher>> {
        let mut watchers = lock(&self.own.members).watchers.clone();
        watchers.extend_from_slice(&lock(&self.everything.members).watchers);
        watchers
    }

    /// Whether there is a cookie whose connections these are.
    pub(super) const fn is_anybody(&self) -> bool {
        self.is_anybody
    }

    /// Those who see this session alone.
    pub(super) const fn own(&self) -> &Audience {
        &self.own
    }

    /// Those who see this one and all others.
    pub(super) fn everything(&self) -> &Audience {
        &self.everything
    }
}

impl Audience {
    fn new(count: Arc<Count>) -> Self {
        Self { watching: AtomicUsize::new(0), changes: AtomicU32::new(0), members: Mutex::default(), count, bell: None }
    }

    pub(super) fn is_any(&self) -> bool {
        self.watching.load(Ordering::Relaxed) > 0
    }

    /// Begins to watch, and has the connections that are open told. False if there are too many already: each byte is
    /// copied for each of them, by the thread that serves the connection and others.
    pub(super) fn join(&self, watcher: Arc<Watcher>) -> bool {
        self.count.0.fetch_add(1, Ordering::Relaxed);
        let is_in = self.change(|watchers| {
            let has_room = watchers.len() < WATCHERS_MAX;
            if has_room {
                watchers.push(watcher);
            }
            has_room
        });
        if !is_in {
            self.count.0.fetch_sub(1, Ordering::Relaxed);
        }
        is_in
    }

    /// Ends watching. Leaving again does nothing.
    pub(super) fn leave(&self, watcher: &Arc<Watcher>) {
        let was_there = self.change(|watchers| {
            let before = watchers.len();
            watchers.retain(|other| !Arc::ptr_eq(other, watcher));
            watchers.len() < before
        });
        if was_there {
            self.count.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Tells everybody if something changes.
    fn change(&self, work: impl FnOnce(&mut Vec<Arc<Watcher>>) -> bool) -> bool {
        let mut members = lock(&self.members);
        if !work(&mut members.watchers) {
            return false;
        }
        self.watching.store(members.watchers.len(), Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
        for (_, waker) in &members.connections {
            waker.wake_by_ref();
        }
        drop(members);
        if let Some(bell) = &self.bell {
            bell.send_replace(());
        }
        true
    }

    /// A connection is open, and wants to be woken when somebody comes. Says by which number it can be taken out.
    pub(super) fn enter(&self, waker: &Waker) -> usize {
        lock(&self.members).connections.insert(waker.clone())
    }

    /// The connection with this number is gone.
    pub(super) fn exit(&self, number: usize) {
        let mut members = lock(&self.members);
        members.connections.try_remove(number);
        if members.connections.is_empty() {
            members.connections = Slab::new();
        }
    }
}

/// So many may watch one session, or everything, at the same time.
const WATCHERS_MAX: usize = 16;

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
    fn who_watches_everything_watches_each_session_and_those_of_nobody() {
        let hub = Hub::default();
        let (one, other) = (hub.session(SessionId::generate()), hub.session(SessionId::generate()));
        let (own, all) = (Arc::new(Watcher::new(1)), Arc::new(Watcher::new(1)));
        let watching = || [&one, &other, hub.nobody()].map(|session| session.watchers().len());
        assert!(one.own().join(own.clone()));
        assert_eq!((watching(), hub.is_watched()), ([1, 0, 0], true));
        assert!(hub.everything().join(all.clone()));
        assert_eq!(watching(), [2, 1, 1]);
        one.own().leave(&own);
        one.own().leave(&own);
        assert_eq!((watching(), hub.is_watched()), ([1, 1, 1], true));
        hub.everything().leave(&all);
        assert_eq!((watching(), hub.is_watched()), ([0, 0, 0], false));
    }

    #[test]
    fn there_is_an_end_to_how_many_watch() {
        let hub = Hub::default();
        let session = hub.session(SessionId::generate());
        let watcher = || Arc::new(Watcher::new(1));
        let one = watcher();
        assert!(session.own().join(one.clone()) && (1..WATCHERS_MAX).all(|_| session.own().join(watcher())));
        assert!(!session.own().join(watcher()) && hub.everything().join(watcher()));
        session.own().leave(&one);
        assert!(session.own().join(watcher()));
    }
}
