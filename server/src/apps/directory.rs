//! Who is registered, as often as anybody wants to know.
//!
//! Nobody is ever renamed or removed, so who was found once need not be looked up again. The list of all is encoded
//! once, and made anew when somebody has registered since.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framescope_codec::Broadcast;
use serde::Serialize;
use tokio::sync::OnceCell;

use super::presence::Named;
use crate::bus::{Bus, Ear, Note, Subscription, Topic};
use crate::store::{Store, StoreError, User};

/// Everybody who is registered. One for all threads.
pub(crate) struct Directory {
    known: Mutex<HashMap<String, User>>,
    edition: Arc<Newest>,
    listening: OnceCell<Subscription>,
    codec: framescope_codec::Config,
}

/// The list as it is until somebody registers.
#[derive(Default)]
struct Newest(Mutex<Arc<OnceCell<Arc<Broadcast>>>>);

/// The list as clients see it.
#[derive(Serialize)]
#[serde(tag = "messageType", rename = "all_users_list")]
struct AllUsersList<'a> {
    users: Vec<Named<'a>>,
}

impl Directory {
    pub(crate) fn new(codec: framescope_codec::Config) -> Self {
        Self { known: Mutex::default(), edition: Arc::default(), listening: OnceCell::new(), codec }
    }

    /// A user who has been asked for before, by a name in whichever case.
    pub(super) fn known(&self, name: &str) -> Option<User> {
        lock(&self.known).get(&name.to_ascii_lowercase()).cloned()
    }

    /// A user by name, in whichever case.
    pub(super) async fn find(&self, name: &str, store: &dyn Store) -> Result<Option<User>, StoreError> {
        // What nobody can be called need not be looked up, nor be told to a database.
        if name.len() > USERNAME_MAX || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        {
            return Ok(None);
        }
        if let Some(user) = self.known(name) {
            return Ok(Some(user));
        }
        let Some(account) = store.user(name.to_owned()).await? else { return Ok(None) };
        let mut known = lock(&self.known);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(name.to_ascii_lowercase(), account.user.clone());
        Ok(Some(account.user))
    }

    /// `all_users_list`, encoded once for all who ask before somebody else registers.
    pub(super) async fn list(&self, store: &dyn Store, bus: &dyn Bus) -> Result<Arc<Broadcast>, StoreError> {
        // Heard first, read then: nobody can register unnoticed in between.
        self.listening.get_or_init(|| bus.subscribe(Topic::Users, self.edition.clone())).await;
        let edition = lock(&self.edition.0).clone();
        let read = || async {
            let users = store.users().await?;
            let users = users.iter().map(|user| Named { username: &user.name }).collect();
            // Nothing in it can fail to be JSON.
            let json = serde_json::to_string(&AllUsersList { users }).unwrap_or_default();
            Ok(Arc::new(Broadcast::new(json.as_str(), &self.codec)))
        };
        edition.get_or_try_init(read).await.cloned()
    }
}

impl Ear<Topic, Arc<Note>> for Newest {
    /// Somebody registered. Who is reading the old list keeps it; who asks from now on has it read anew.
    fn hear(&self, _about: &Topic, _note: &Arc<Note>) {
        *lock(&self.0) = Arc::default();
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("known", &lock(&self.known).len()).finish_non_exhaustive()
    }
}

/// Nothing that is done under these locks is left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The longest name of a user.
const USERNAME_MAX: usize = 32;

/// More than these are not remembered.
const KNOWN_MAX: usize = 100_000;
