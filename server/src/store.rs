//! The record: everything that must still be there after the power went.
//!
//! [`Store`] is what the rest of the server knows; which database is behind it, only [`open`] knows. Its
//! promises, held by one contract suite that each implementation passes:
//!
//! - What [`Store::append`] reports as stored is on the disk. Whoever shows an item to anybody does so from
//!   its [`Done`], and never earlier.
//! - Items of one [`Stream`] are numbered from 1 without a hole, in the order in which their `Done`s are
//!   called, so a reader that has seen everything up to n knows that n + 1 comes next.
//! - An item that carries a [`SentId`] is taken once, however often its sender sends it.
//! - Nothing waits on the caller's thread: a write is put in line, and refused when the line is full.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use sqlite::Sqlite;

#[cfg(test)]
mod contract;
pub(crate) mod speed;
mod sqlite;

/// Opens the store that is configured, and waits for it: not on a runtime's thread.
///
/// # Errors
///
/// One line for the operator. Nothing has been touched then that is not ours, or not whole.
pub(crate) fn open(config: &Config) -> Result<Arc<dyn Store>, String> {
    Ok(if config.in_memory { Arc::new(Sqlite::in_memory()?) } else { Arc::new(Sqlite::open(&config.data_dir)?) })
}

/// The time as all records have it: milliseconds of Unix time.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What the store answers, later.
pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Called once an append was committed, or will never be; on a thread of the store's, in the order of
/// commits. That the line is full is told at once, on the caller's thread. It must be quick and must not panic.
pub(crate) type Done = Box<dyn FnOnce(Result<Appended, StoreError>) + Send>;

/// Streams of items, accounts, sessions, calls.
pub(crate) trait Store: fmt::Debug + Send + Sync + 'static {
    /// Puts an item at the end of its stream.
    fn append(&self, append: Append, done: Done);

    /// Reads a part of a stream, oldest first, together with how long the stream was at that moment. Reads see
    /// all that was reported as done before they were asked for.
    fn read(&self, stream: Stream, part: Part) -> Answer<Page>;

    /// Registers a user; `None` if the name is taken, in whichever case it is written.
    fn create_user(&self, name: String, password: String) -> Answer<Option<User>>;

    /// Finds a user by name, in whichever case it is written, with the password's hash.
    fn user(&self, name: String) -> Answer<Option<Account>>;

    /// Everybody who is registered, in the order of their names regardless of case.
    fn users(&self) -> Answer<Vec<User>>;

    /// Replaces a password's hash.
    fn change_password(&self, user: UserId, password: String) -> Answer<()>;

    /// Begins a session.
    fn create_session(&self, session: Session) -> Answer<()>;

    /// Finds a session that has not expired.
    fn session(&self, token: TokenHash) -> Answer<Option<(Session, User)>>;

    /// A user's sessions that have not expired, the newest first.
    fn sessions(&self, user: UserId) -> Answer<Vec<Session>>;

    /// Ends a session; false if there was none.
    fn end_session(&self, token: TokenHash) -> Answer<bool>;

    /// Ends a user's sessions but for `kept`, and says which.
    fn end_sessions(&self, user: UserId, kept: Option<TokenHash>) -> Answer<Vec<TokenHash>>;

    /// Creates a call, with a new id nobody can guess.
    fn create_call(&self, name: String) -> Answer<Call>;

    /// Finds a call.
    fn call(&self, id: String) -> Answer<Option<Call>>;

    /// The calls in which there was somebody at `since` or later (milliseconds of Unix time), or which were created
    /// then, and those in `besides`; the oldest first.
    fn calls(&self, since: i64, besides: Vec<String>) -> Answer<Vec<Call>>;

    /// Notes that somebody is in a call now.
    fn touch_call(&self, id: String) -> Answer<()>;

    /// Random bytes to keep under a name, made when they are first asked for.
    fn secret(&self, name: &'static str) -> Answer<[u8; 32]>;

    /// What was written so far.
    fn figures(&self) -> &Figures;

    /// Whether a write would be taken now.
    fn check(&self) -> Answer<()>;

    /// Takes nothing more, does what is in line, and leaves everything in order.
    fn close(&self) -> Answer<()>;
}

/// What a store has written since it was opened, for whoever keeps an eye on it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Transactions that are on the disk, and those that came to nothing.
    pub(crate) commits: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// What was in those that are.
    pub(crate) writes: AtomicU64,
    /// How long they took, in microseconds.
    pub(crate) busy: AtomicU64,
}

impl Figures {
    /// Adds a transaction of so many writes.
    pub(crate) fn committed(&self, writes: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes as u64, Ordering::Relaxed);
        self.busy.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Adds one that failed.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// A sequence of items with one order for all who read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// The strokes of the drawing board.
    Board,
    /// The messages of a chat room.
    Room(Arc<str>),
    /// The messages between two users.
    Direct(Pair),
}

/// Two users, or one with themself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// The same whichever comes first.
    pub(crate) fn new(one: UserId, other: UserId) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// Both, the smaller first.
    pub(crate) const fn ids(self) -> (UserId, UserId) {
        (self.low, self.high)
    }
}

/// An item on its way into a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Append {
    pub(crate) stream: Stream,
    /// Who wrote it, as shown: a user's name, or a display name. Empty for strokes.
    pub(crate) author: String,
    /// A text, or a stroke's JSON. No NUL.
    pub(crate) body: String,
    pub(crate) id: Option<SentId>,
}

/// Makes sending again safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SentId {
    /// Whoever numbers their items: a user, a browser session, or a connection; told apart by a prefix.
    pub(crate) sender: String,
    pub(crate) id: String,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is number n of its stream.
    New(u64),
    /// It was number n already: nothing is to be shown again.
    Known(u64),
}

/// Which items of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first `limit` items after number `after`, 0 being before the first.
    After { after: u64, limit: usize },
    /// The last `limit` items before number `before`; `None`: of the whole stream.
    Before { before: Option<u64>, limit: usize },
}

/// Items of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The number of the stream's last item when this was read; 0 if there was none.
    pub(crate) head: u64,
}

/// An item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its number, from 1.
    pub(crate) seq: u64,
    pub(crate) author: String,
    pub(crate) body: String,
}

/// Stands for a registered user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct UserId(pub(crate) i64);

/// A registered user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// As registered.
    pub(crate) name: Arc<str>,
}

/// A user with what a login is checked against.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: User,
    /// In PHC string format.
    pub(crate) password: String,
}

/// SHA-256 of a session's token: all the store ever sees of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

/// Somebody is signed in somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) token: TokenHash,
    pub(crate) user: UserId,
    /// Both in milliseconds of Unix time.
    pub(crate) created: i64,
    pub(crate) expires: i64,
    /// What the browser called itself at login, for people to recognise; cut to 256 bytes.
    pub(crate) agent: String,
}

/// A video call that people can join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Why the store did not do what it was asked. The log has the cause; the outside hears [`StoreError`]'s text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// The disk is full, or writing to it fails.
    #[error("this could not be stored")]
    Failed,
    /// Somebody else holds the database, or the line of writes is full.
    #[error("the store is busy; try again")]
    Busy,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenHash {
    /// Enough to tell two apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "{a:02x}{b:02x}…")
    }
}
