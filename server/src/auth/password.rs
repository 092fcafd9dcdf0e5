//! Passwords: hashed with Argon2id, a few at a time, away from the threads that serve connections.
//!
//! A hash takes tens of milliseconds of a core and 19 MiB. So there is a limit on how many are made at once, a limit on
//! how many wait for that, and whoever comes after them is told to come again.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Makes and compares hashes. One for all threads.
#[derive(Debug)]
pub(crate) struct Hasher {
    at_once: Arc<Semaphore>,
    places: Arc<Semaphore>,
    made: Counter,
}

/// The right to wait for a hash.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

/// The server stops, or is out of memory or threads.
#[derive(Debug)]
pub(crate) struct HashFailed;

impl Hasher {
    /// `at_once` are made at a time, and no more than `waiting` wait. `made` counts them.
    pub(crate) fn new(at_once: usize, waiting: usize, made: Counter) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Self { at_once: semaphore(at_once), places: semaphore(at_once.saturating_add(waiting)), made }
    }

    /// A place in the line for one hash; `None` when it is full.
    pub(crate) fn place(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok().map(Place)
    }

    /// Hashes a password, as text that has the salt and the cost in it.
    pub(crate) async fn hash(&self, place: Place, password: String) -> Result<String, HashFailed> {
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.work(place, hash).await?.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            HashFailed
        })
    }

    /// Whether this is the password that was hashed. Where there is no hash, as much work is done for nothing: how long
    /// the answer takes must not tell who is registered.
    pub(crate) async fn is_right(
        &self,
        place: Place,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, HashFailed> {
        let compare = move || {
            let Ok(parsed) = PasswordHash::new(hash.as_deref().unwrap_or(NOBODY)) else {
                tracing::error!("a stored password hash cannot be read");
                return false;
            };
            Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
        };
        self.work(place, compare).await
    }

    /// Runs `work` when it is its turn. Permit and place are given back when it has ended, whether or not anybody still
    /// waits for it: who hangs up must not make room for more than the cores can do.
    async fn work<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashFailed> {
        let permit = self.at_once.clone().acquire_owned().await.map_err(|_| HashFailed)?;
        self.made.increment(1);
        let work = move || {
            let (_permit, _place) = (permit, place);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HashFailed)
    }
}

/// What the password of somebody who is not registered is compared with: no password's hash, at the usual cost.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgb3duIHNhbHQ$bm9ib2R5J3Mgb3duIGhhc2ggb2YgMzIgYnl0ZXMhISE";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let hasher = Hasher::new(2, 4, Counter::noop());
        let hash = hasher.hash(hasher.place().unwrap(), "correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        for (password, hash, expected) in [
            ("correct horse", Some(hash.clone()), true),
            ("correct horsE", Some(hash.clone()), false),
            ("correct horse", None, false),
            ("correct horse", Some("no hash".to_owned()), false),
        ] {
            assert_eq!(hasher.is_right(hasher.place().unwrap(), password.to_owned(), hash).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn nobody_s_password_costs_what_anybody_s_does() {
        let hasher = Hasher::new(1, 1, Counter::noop());
        let hash = hasher.hash(hasher.place().unwrap(), "correct horse".to_owned()).await.unwrap();
        let (ours, nobody) = (PasswordHash::new(&hash).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!((ours.algorithm, ours.version, ours.params), (nobody.algorithm, nobody.version, nobody.params));
        assert_eq!(ours.hash.unwrap().as_bytes().len(), nobody.hash.unwrap().as_bytes().len());
    }

    #[tokio::test]
    async fn the_line_is_bounded_and_moves_on() {
        let hasher = Hasher::new(1, 2, Counter::noop());
        let places: Vec<_> = (0..3).map(|_| hasher.place().unwrap()).collect();
        assert!(hasher.place().is_none());
        for place in places {
            hasher.is_right(place, "12345678".to_owned(), None).await.unwrap();
        }
        assert!(hasher.place().is_some());
    }

    #[tokio::test]
    async fn who_hangs_up_makes_no_room_before_the_work_is_done() {
        let hasher = Hasher::new(1, 0, Counter::noop());
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, ending) = std::sync::mpsc::channel::<()>();
        let work = hasher.work(hasher.place().unwrap(), move || {
            begun.send(()).unwrap();
            ending.recv().unwrap();
        });
        tokio::select! {
            _ = work => panic!("the work is not done"),
            _ = has_begun => {}
        }
        assert!(hasher.place().is_none());
        end.send(()).unwrap();
        drop(hasher.places.acquire().await.unwrap());
        assert!(hasher.place().is_some());
    }
}
