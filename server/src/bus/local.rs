//! The bus and the leases of a server by itself: tables under a lock, and ears called while it is held, so that
//! everybody hears things in one order.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::{Bus, Change, Claim, Ear, Later, Lease, Leases, Listing, Note, Space, Subscription, Topic};

/// Fan-out within this process.
#[derive(Debug, Default)]
pub(crate) struct LocalBus {
    ears: Arc<RwLock<Ears<Topic, Arc<Note>>>>,
}

impl Bus for LocalBus {
    fn publish(&self, topic: Topic, note: Arc<Note>) {
        self.ears.read().unwrap_or_else(PoisonError::into_inner).tell(&topic, &note);
    }

    fn subscribe(&self, topic: Topic, ear: Arc<dyn Ear<Topic, Arc<Note>>>) -> Later<Subscription> {
        let number = self.ears.write().unwrap_or_else(PoisonError::into_inner).add(topic.clone(), ear);
        let ears = self.ears.clone();
        let subscription = Subscription::new(move || {
            ears.write().unwrap_or_else(PoisonError::into_inner).remove(&topic, number);
        });
        Box::pin(std::future::ready(subscription))
    }
}

/// Claims within this process.
#[derive(Debug, Default)]
pub(crate) struct LocalLeases {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    /// Of the last change, whichever space it was in.
    revision: u64,
    /// Spaces in which something is claimed, in the order of claims.
    spaces: HashMap<Space, Vec<Claim>>,
    ears: Ears<Space, Change>,
}

impl Leases for LocalLeases {
    fn claim(&self, space: Space, name: String, value: String) -> Later<Option<Lease>> {
        let mut book = lock(&self.book);
        if book.spaces.get(&space).is_some_and(|claims| claims.iter().any(|claim| claim.name == name)) {
            return Box::pin(std::future::ready(None));
        }
        let claim = Claim { name, value };
        book.spaces.entry(space.clone()).or_default().push(claim.clone());
        let revision = book.announce(&space, claim.clone(), true);
        drop(book);
        let book = self.book.clone();
        let end = Subscription::new(move || lock(&book).give_back(&space, claim));
        Box::pin(std::future::ready(Some(Lease::new(revision, end))))
    }

    fn list(&self, space: Space) -> Later<Listing> {
        Box::pin(std::future::ready(lock(&self.book).list(&space)))
    }

    fn watch(&self, space: Space, ear: Arc<dyn Ear<Space, Change>>) -> Later<(Listing, Subscription)> {
        let mut book = lock(&self.book);
        let listing = book.list(&space);
        let number = book.ears.add(space.clone(), ear);
        drop(book);
        let book = self.book.clone();
        let watch = Subscription::new(move || lock(&book).ears.remove(&space, number));
        Box::pin(std::future::ready((listing, watch)))
    }
}

impl Book {
    fn list(&self, space: &Space) -> Listing {
        Listing { revision: self.revision, claims: self.spaces.get(space).cloned().unwrap_or_default() }
    }

    fn give_back(&mut self, space: &Space, claim: Claim) {
        let Some(claims) = self.spaces.get_mut(space) else { return };
        claims.retain(|other| other.name != claim.name);
        if claims.is_empty() {
            self.spaces.remove(space);
        }
        self.announce(space, claim, false);
    }

    fn announce(&mut self, space: &Space, claim: Claim, is_new: bool) -> u64 {
        self.revision += 1;
        self.ears.tell(space, &Change { revision: self.revision, claim, is_new });
        self.revision
    }
}

/// Who listens to what.
struct Ears<A, T> {
    by_topic: HashMap<A, Vec<Numbered<A, T>>>,
    next: u64,
}

/// An ear, and what its subscription knows it by.
type Numbered<A, T> = (u64, Arc<dyn Ear<A, T>>);

impl<A: Clone + Eq + Hash, T> Ears<A, T> {
    fn tell(&self, about: &A, what: &T) {
        for (_, ear) in self.by_topic.get(about).into_iter().flatten() {
            ear.hear(about, what);
        }
    }

    fn add(&mut self, topic: A, ear: Arc<dyn Ear<A, T>>) -> u64 {
        self.next += 1;
        self.by_topic.entry(topic).or_default().push((self.next, ear));
        self.next
    }

    fn remove(&mut self, topic: &A, number: u64) {
        let Some(ears) = self.by_topic.get_mut(topic) else { return };
        ears.retain(|(other, _)| *other != number);
        if ears.is_empty() {
            self.by_topic.remove(topic);
        }
    }
}

impl<A, T> Default for Ears<A, T> {
    fn default() -> Self {
        Self { by_topic: HashMap::new(), next: 0 }
    }
}

impl<A, T> fmt::Debug for Ears<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ears").field("topics", &self.by_topic.len()).finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves the tables as whole as they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
