//! Who is online: the signed-in users that have a connection open, each once.
//!
//! A thousand people who come at once would be a thousand lists for a thousand people. So a list is made once for the
//! whole process when somebody asks for it, and each thread sends the first change at once and later ones together:
//! [`Presence::pause`] says how long to wait. A connection that reads too slowly for a list gets a later one in its place.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use framescope_codec::Broadcast;
use serde::Serialize;
use tokio::sync::{Notify, OnceCell};

use super::peer::Peer;
use super::shard::{LIST_PAUSE, Letter, Mailbox};
use crate::bus::{Change, Ear, Leases, Space, Subscription};

/// Who is online, for all threads.
pub(crate) struct Presence {
    roster: Arc<Roster>,
    watching: OnceCell<Subscription>,
    codec: framescope_codec::Config,
    /// How many are told.
    receivers: AtomicUsize,
    /// Bytes a second that lists may take up.
    budget: usize,
}

struct Roster {
    inner: Mutex<Inner>,
    /// Somebody came or went.
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    /// By name regardless of case: the name as registered, and how many connections.
    users: BTreeMap<String, (String, usize)>,
    /// Of the last change taken into account.
    revision: u64,
    /// Counts the changes of who is in the list.
    version: u64,
    encoded: Option<(u64, Arc<Broadcast>)>,
    /// Changes that were heard before the first listing.
    early: Vec<Change>,
    is_read: bool,
    mailboxes: Vec<Arc<Mailbox>>,
}

/// The list as clients see it.
#[derive(Serialize)]
#[serde(tag = "messageType", rename = "active_users_list")]
struct ActiveUsersList<'a> {
    users: Vec<Named<'a>>,
}

/// A user in a list.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    pub(super) username: &'a str,
}

impl Presence {
    pub(crate) fn new(codec: framescope_codec::Config, budget: usize) -> Self {
        let inner = Mutex::new(Inner { version: FIRST_VERSION, ..Inner::default() });
        let roster = Arc::new(Roster { inner, changed: Notify::new() });
        let (watching, receivers) = (OnceCell::new(), AtomicUsize::new(0));
        Self { roster, watching, codec, receivers, budget }
    }

    /// Has a thread hear of changes.
    pub(super) fn tell(&self, mailbox: Arc<Mailbox>) {
        self.roster.lock().mailboxes.push(mailbox);
    }

    /// Waits until the list takes change `revision` of [`Space::Presence`] into account.
    pub(super) async fn up_to(&self, revision: u64, leases: &dyn Leases) {
        let watch = || async {
            let (listing, subscription) = leases.watch(Space::Presence, self.roster.clone()).await;
            let mut inner = self.roster.lock();
            for claim in &listing.claims {
                inner.count(&claim.value, true);
            }
            inner.revision = listing.revision;
            inner.is_read = true;
            for change in std::mem::take(&mut inner.early) {
                inner.apply(&change);
            }
            subscription
        };
        self.watching.get_or_init(watch).await;
        loop {
            let changed = self.roster.changed.notified();
            if self.roster.lock().revision >= revision {
                return;
            }
            changed.await;
        }
    }

    /// Who is online, in order: `{"users":[{"username"},..]}`.
    pub(crate) fn names_as_json(&self) -> String {
        #[derive(Serialize)]
        struct Online<'a> {
            users: Vec<Named<'a>>,
        }
        let inner = self.roster.lock();
        let users = inner.users.values().map(|(username, _)| Named { username }).collect();
        // Nothing in it can fail to be JSON.
        serde_json::to_string(&Online { users }).unwrap_or_default()
    }

    /// The list of now, and its version.
    pub(super) fn list(&self) -> (u64, Arc<Broadcast>) {
        let mut inner = self.roster.lock();
        let version = inner.version;
        if let Some((of, list)) = &inner.encoded
            && *of == version
        {
            return (version, list.clone());
        }
        let users = inner.users.values().map(|(username, _)| Named { username }).collect();
        // Nothing in it can fail to be JSON.
        let json = serde_json::to_string(&ActiveUsersList { users }).unwrap_or_default();
        let list = Arc::new(Broadcast::new(json.as_str(), &self.codec));
        inner.encoded = Some((version, list.clone()));
        (version, list)
    }

    /// How long to wait after this list before the next: so long that all the receivers' lists fit into the budget, but
    /// never so long that a list is stale.
    pub(super) fn pause(&self, list: &Broadcast) -> Duration {
        let bytes = list.len().saturating_mul(self.receivers.load(Ordering::Relaxed));
        let millis = bytes.saturating_mul(1000) / self.budget.max(1);
        Duration::from_millis(millis as u64).clamp(LIST_PAUSE, STALE_AFTER)
    }
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that is done under the lock is left half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear<Space, Change> for Roster {
    fn hear(&self, _about: &Space, change: &Change) {
        let mut inner = self.lock();
        if !inner.is_read {
            inner.early.push(change.clone());
            return;
        }
        if inner.apply(change) {
            for mailbox in &inner.mailboxes {
                mailbox.post(Letter::Presence);
            }
        }
        drop(inner);
        self.changed.notify_waiters();
    }
}

impl Inner {
    /// True if somebody is in the list now who was not, or the other way round.
    fn apply(&mut self, change: &Change) -> bool {
        if change.revision <= self.revision {
            return false;
        }
        self.revision = change.revision;
        self.count(&change.claim.value, change.is_new)
    }

    fn count(&mut self, name: &str, is_new: bool) -> bool {
        let key = name.to_ascii_lowercase();
        let is_changed = if is_new {
            let (_, count) = self.users.entry(key).or_insert_with(|| (name.to_owned(), 0));
            *count += 1;
            *count == 1
        } else {
            let Some((_, count)) = self.users.get_mut(&key) else { return false };
            *count -= 1;
            *count == 0 && self.users.remove(&key).is_some()
        };
        self.version += u64::from(is_changed);
        is_changed
    }
}

/// The connection has been sent the board: it is shown the list, and from now on each later one.
pub(super) fn greet(peer: &Peer) {
    let (version, list) = peer.shard().presence().list();
    peer.is_greeted.set(true);
    show_now(peer, version, &list);
}

/// Shows a list, unless the connection has seen it, or waits for the first.
pub(super) fn show(peer: &Peer, version: u64, list: &Broadcast) {
    if peer.is_greeted.get() && peer.presence_seen.get() != version {
        show_now(peer, version, list);
    }
}

fn show_now(peer: &Peer, version: u64, list: &Broadcast) {
    // Where there is no room, `has_more` sees to it later.
    if peer.outbox().send_broadcast(list).is_ok() {
        peer.presence_seen.set(version);
    }
}

/// Whether the connection missed a list for lack of room.
pub(super) fn has_more(peer: &Peer) -> bool {
    peer.is_greeted.get() && peer.presence_seen.get() < peer.shard().presence_shown()
}

/// Shows the newest list in place of the one that was missed.
pub(super) fn send_more(peer: &Peer) {
    let (version, list) = peer.shard().presence().list();
    show(peer, version, &list);
}

/// Somebody who is told who is online.
#[derive(Debug)]
pub(super) struct Receiver(Rc<super::shard::Shard>);

impl Receiver {
    pub(super) fn new(shard: &Rc<super::shard::Shard>) -> Self {
        shard.presence().receivers.fetch_add(1, Ordering::Relaxed);
        Self(shard.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.presence().receivers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("users", &self.roster.lock().users.len()).finish_non_exhaustive()
    }
}

/// The version of the list that nobody is in yet. 0 is that of those who have seen none.
pub(super) const FIRST_VERSION: u64 = 1;

/// However many have to be told, no list is older than this.
const STALE_AFTER: Duration = Duration::from_secs(5);
