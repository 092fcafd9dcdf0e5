//! Logins while they are in use: from a cookie to a user, and how the end of a session reaches everybody who holds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use metrics::Counter;
use tokio_util::sync::CancellationToken;

use super::password::Hasher;
use super::session::Presented;
use super::throttle::{Rule, Throttle};
use super::{Caller, SessionId};
use crate::bus::{Bus, Ear, Note, Subscription, Topic};
use crate::config::Config;
use crate::metrics::{self as names, Metrics};
use crate::store::{Store, StoreError, TokenHash, User, now};

/// Finds out who is asking, signs people in and out. One for all threads.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    logins: Mutex<Logins>,
    pub(super) hasher: Hasher,
    pub(super) throttle: Throttle,
    /// How long a session lasts.
    pub(super) lifetime: Duration,
    ended: Counter,
}

/// Those that somebody holds, so that all who came with one cookie share one.
#[derive(Debug, Default)]
struct Logins {
    by_token: HashMap<TokenHash, Weak<Login>>,
    /// How many there may be before those that are gone are looked for.
    sweep_at: usize,
}

/// Somebody is signed in.
#[derive(Debug)]
pub(crate) struct Login {
    user: User,
    token: TokenHash,
    /// In milliseconds of Unix time.
    expires: i64,
    ended: Arc<Ended>,
    /// For the word that the session is over, from whichever node.
    _listening: Subscription,
}

/// Once set, it stays: a clock that is put back revives nobody.
#[derive(Debug, Default)]
struct Ended {
    /// What everybody looks at, for it is cheap to look at.
    has: AtomicBool,
    /// For those that wait for it.
    news: CancellationToken,
}

impl Accounts {
    pub(crate) fn new(config: &Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, metrics: &Metrics) -> Self {
        let hashes = metrics.counter(names::PASSWORD_HASHES, &[]);
        let rule = Rule { failures: config.login_failures, within: config.login_window };
        Self {
            store,
            bus,
            logins: Mutex::default(),
            hasher: Hasher::new(config.hash_count(), config.hash_queue_max, hashes),
            throttle: Throttle::new(rule),
            lifetime: config.session_lifetime,
            ended: metrics.counter(names::SESSIONS_ENDED, &[]),
        }
    }

    /// Who a request with these `Cookie` header values comes from.
    ///
    /// # Errors
    ///
    /// When the store has to be asked, and does not answer: not knowing is not the same as a guest.
    pub(crate) async fn caller<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Result<Caller, StoreError> {
        let Presented { guest, tokens } = Presented::read(cookies);
        let mut found: Option<Arc<Login>> = None;
        for token in tokens {
            let Some(login) = self.login(token).await? else { continue };
            if found.replace(login).is_some() {
                // Two that hold: somebody other than us set one of them.
                return Ok(Caller::guest());
            }
        }
        Ok(match found {
            Some(login) => Caller { session: Some(SessionId::of_login(login.token)), login: Some(login) },
            None => Caller { session: guest, login: None },
        })
    }

    /// The login by this token, if it holds.
    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        if let Some(login) = self.known(token) {
            return Ok(if self.still_holds(&login).await { Some(login) } else { None });
        }
        // Listening comes first: of a session that ends after the store was asked, word comes.
        let ended = Arc::new(Ended::default());
        let listening = self.bus.subscribe(Topic::Session(token), ended.clone()).await;
        let Some((session, user)) = self.store.session(token).await? else { return Ok(None) };
        let login = Arc::new(Login { user, token, expires: session.expires, ended, _listening: listening });
        let login = lock(&self.logins).share(login);
        Ok(if self.still_holds(&login).await { Some(login) } else { None })
    }

    fn known(&self, token: TokenHash) -> Option<Arc<Login>> {
        lock(&self.logins).by_token.get(&token).and_then(Weak::upgrade)
    }

    /// Whether it holds; when it has just run out, everybody else is told, and the store forgets it, so that no clock
    /// that is put back brings it to life.
    async fn still_holds(&self, login: &Login) -> bool {
        if login.has_run_out() {
            self.announce_end(login.token);
            self.forget(login).await;
        }
        login.holds()
    }

    async fn forget(&self, login: &Login) {
        if let Err(error) = self.store.end_session(login.token).await {
            tracing::warn!(%error, "a session that ran out is still in the store");
        }
    }

    /// Tells everybody who holds this session that it is over.
    pub(super) fn announce_end(&self, token: TokenHash) {
        self.ended.increment(1);
        if let Some(login) = self.known(token) {
            login.ended.set();
        }
        self.bus.publish(Topic::Session(token), Arc::new(Note::bare()));
    }

    /// Ends what runs out, so that open connections hear of it without doing anything. Never returns.
    pub(crate) async fn watch_the_clock(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let held: Vec<_> = lock(&self.logins).by_token.values().filter_map(Weak::upgrade).collect();
            let over: Vec<_> = held.into_iter().filter(|login| login.has_run_out()).collect();
            // First all are told, as a store that is held up must not keep anybody's connections open.
            for login in &over {
                self.announce_end(login.token);
            }
            for login in &over {
                self.forget(login).await;
            }
        }
    }
}

impl Logins {
    /// The login that all share: the one that is known, or else this.
    fn share(&mut self, login: Arc<Login>) -> Arc<Login> {
        if let Some(known) = self.by_token.get(&login.token).and_then(Weak::upgrade) {
            return known;
        }
        if self.by_token.len() >= self.sweep_at {
            self.by_token.retain(|_, login| login.strong_count() > 0);
            self.sweep_at = 2 * self.by_token.len() + 64;
        }
        self.by_token.insert(login.token, Arc::downgrade(&login));
        login
    }
}

impl Login {
    /// Whether the session goes on: nobody signed out, and it has not run out.
    pub(crate) fn holds(&self) -> bool {
        !self.ended.has() && now() < self.expires
    }

    /// Waits until somebody has ended it, or it has run out.
    pub(crate) async fn ended(&self) {
        self.ended.news.cancelled().await;
    }

    /// Whether its time is over, and nobody has been told.
    fn has_run_out(&self) -> bool {
        self.expires <= now() && !self.ended.has()
    }

    /// Whose it is.
    pub(crate) const fn user(&self) -> &User {
        &self.user
    }

    /// What the store and the bus know it by.
    pub(crate) const fn token(&self) -> TokenHash {
        self.token
    }
}

impl Ended {
    fn has(&self) -> bool {
        self.has.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.has.store(true, Ordering::Release);
        self.news.cancel();
    }
}

impl Ear<Topic, Arc<Note>> for Ended {
    fn hear(&self, _about: &Topic, _note: &Arc<Note>) {
        self.set();
    }
}

/// A panic elsewhere leaves the table as whole as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
