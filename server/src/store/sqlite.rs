//! The store in one SQLite file, or in memory.
//!
//! One thread [writes](writer), all that is in line in one transaction; a few others read, each through its own
//! connection, from the last thing that was committed. In memory there is one connection for both. Both lines are
//! bounded, and the file is [locked](file) against a second server.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use std::{fmt, thread};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Account, Answer, Append, Appended, Call, Done, Figures, Page, Part, Session, Store, StoreError, Stream, TokenHash,
    User, UserId, now,
};
use queue::{Limits, Queue};
use writer::{Job, Write, Writer, shielded};

mod file;
mod queue;
mod statements;
#[cfg(test)]
mod tests;
mod writer;

/// Writes in line. At the rate that is promised they are worth about a second.
const WRITES: Limits = Limits { count: 32_768, bytes: 64 << 20 };

/// Questions in line.
const READS: Limits = Limits { count: 4096, bytes: usize::MAX };

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// SQLite, as a store.
pub(crate) struct Sqlite {
    jobs: Arc<Queue<Job>>,
    /// `None` in memory, where the writer reads as well.
    reads: Option<Arc<Queue<Read>>>,
    /// Ready when the writer has ended; taken by whoever waits for that.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
    /// When writing was last seen to work, in milliseconds since `start`.
    last_success: Arc<AtomicU64>,
    start: Instant,
    figures: Arc<Figures>,
}

impl Sqlite {
    /// Opens the database in `folder`, and makes both if they are not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let file::Opened { db, lock, path } = file::open(folder)?;
        let reads = Arc::new(Queue::new(READS));
        let mut readers = Vec::new();
        for number in 0..thread::available_parallelism().map_or(2, usize::from).clamp(2, 4) {
            let db = file::reader(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let reads: Arc<Queue<Read>> = reads.clone();
            let reader = thread::Builder::new().name(format!("store-reader-{number}")).spawn(move || {
                let mut taken = Vec::new();
                while reads.take(&mut taken, Limits { count: 1, bytes: 1 }) {
                    for read in taken.drain(..) {
                        shielded(|| read(&db));
                    }
                }
            });
            readers.push(reader.map_err(|e| format!("cannot start a thread: {e}"))?);
        }
        Self::start(Some(reads), |jobs, figures| {
            let (lock, is_failing) = (Some(lock), false);
            Writer { db, jobs, readers, lock, is_failing, figures }
        })
    }

    /// Opens a database that goes when this goes.
    pub(crate) fn in_memory() -> Result<Self, String> {
        let db = file::in_memory().map_err(|e| format!("in memory: {e}"))?;
        Self::start(None, |jobs, figures| {
            let (readers, lock, is_failing) = (Vec::new(), None, false);
            Writer { db, jobs, readers, lock, is_failing, figures }
        })
    }

    fn start(
        reads: Option<Arc<Queue<Read>>>,
        make: impl FnOnce(Arc<Queue<Job>>, Arc<Figures>) -> Writer,
    ) -> Result<Self, String> {
        let jobs = Arc::new(Queue::new(WRITES));
        let figures = Arc::new(Figures::default());
        let writer = make(jobs.clone(), figures.clone());
        let (end, ended) = oneshot::channel();
        let run = move || {
            writer.run();
            // Nobody has to wait for it.
            let _ = end.send(());
        };
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(run)
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        let ended = Mutex::new(Some(ended));
        Ok(Self { jobs, reads, ended, last_success: Arc::default(), start: Instant::now(), figures })
    }

    /// Has something read.
    fn read_by<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            let result = question(db).map_err(|error| {
                let outcome = statements::outcome(&error);
                tracing::warn!(%error, "reading failed");
                outcome
            });
            // Whoever asked may have left.
            let _ = sender.send(result);
        });
        let pushed = match &self.reads {
            Some(reads) => reads.push(read, 0).map_err(|(_, error)| error),
            None => self.jobs.push(Job::Read(read), 0).map_err(|(_, error)| error),
        };
        later(pushed, answer)
    }

    /// Has something written; `change` may be called again if it could not be committed.
    fn write_by<T: Send + 'static>(
        &self,
        change: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        let task = Task { change, value: None, sender };
        let pushed = self.jobs.push(Job::Write(Box::new(task), Instant::now()), 0).map_err(|(_, error)| error);
        later(pushed, answer)
    }
}

impl Store for Sqlite {
    fn append(&self, append: Append, done: Done) {
        let bytes = append.author.len() + append.body.len();
        let entry = Box::new(Entry { append, appended: None, done });
        if let Err((Job::Write(entry, _), error)) = self.jobs.push(Job::Write(entry, Instant::now()), bytes) {
            entry.finish(Err(error));
        }
    }

    fn read(&self, stream: Stream, part: Part) -> Answer<Page> {
        self.read_by(move |db| statements::read(db, &stream, part))
    }

    fn create_user(&self, name: String, password: String) -> Answer<Option<User>> {
        self.write_by(move |db| statements::create_user(db, &name, &password, now()))
    }

    fn user(&self, name: String) -> Answer<Option<Account>> {
        self.read_by(move |db| statements::account(db, &name))
    }

    fn users(&self) -> Answer<Vec<User>> {
        self.read_by(statements::users)
    }

    fn change_password(&self, user: UserId, password: String) -> Answer<()> {
        self.write_by(move |db| statements::change_password(db, user, &password))
    }

    fn create_session(&self, session: Session) -> Answer<()> {
        self.write_by(move |db| statements::create_session(db, &session, now()))
    }

    fn session(&self, token: TokenHash) -> Answer<Option<(Session, User)>> {
        let jobs = self.jobs.clone();
        self.read_by(move |db| {
            let found = statements::session(db, token)?;
            if found.as_ref().is_some_and(|(session, _)| session.expires <= now()) {
                // Gone for good: a clock that is set back does not revive it. Should the line be full, the next
                // who asks gets it deleted.
                let _ = jobs.push(Job::Write(Box::new(Expired(token)), Instant::now()), 0);
                return Ok(None);
            }
            Ok(found)
        })
    }

    fn sessions(&self, user: UserId) -> Answer<Vec<Session>> {
        self.read_by(move |db| statements::sessions(db, user, now()))
    }

    fn end_session(&self, token: TokenHash) -> Answer<bool> {
        self.write_by(move |db| statements::end_session(db, token, now()))
    }

    fn end_sessions(&self, user: UserId, kept: Option<TokenHash>) -> Answer<Vec<TokenHash>> {
        self.write_by(move |db| statements::end_sessions(db, user, kept))
    }

    fn create_call(&self, name: String) -> Answer<Call> {
        let call = Call { id: format!("{:032x}", rand::random::<u128>()), name };
        self.write_by(move |db| statements::create_call(db, &call, now()).map(|()| call.clone()))
    }

    fn call(&self, id: String) -> Answer<Option<Call>> {
        self.read_by(move |db| statements::call(db, &id))
    }

    fn calls(&self, since: i64, besides: Vec<String>) -> Answer<Vec<Call>> {
        let besides = serde_json::Value::from(besides).to_string();
        self.read_by(move |db| statements::calls(db, since, &besides))
    }

    fn touch_call(&self, id: String) -> Answer<()> {
        self.write_by(move |db| statements::touch_call(db, &id, now()))
    }

    fn secret(&self, name: &'static str) -> Answer<[u8; 32]> {
        let fresh: [u8; 32] = rand::random();
        self.write_by(move |db| statements::secret(db, name, &fresh))
    }

    /// By writing something, at most once a second while that works.
    fn figures(&self) -> &Figures {
        &self.figures
    }

    fn check(&self) -> Answer<()> {
        let since_start = |start: Instant| u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last_success = self.last_success.load(Ordering::Relaxed);
        if last_success != 0 && since_start(self.start) < last_success + 1000 {
            return Box::pin(std::future::ready(Ok(())));
        }
        let written = self.write_by(|db| statements::try_writing(db, now()));
        let (success, start) = (self.last_success.clone(), self.start);
        Box::pin(async move {
            written.await?;
            success.store(since_start(start).max(1), Ordering::Relaxed);
            Ok(())
        })
    }

    fn close(&self) -> Answer<()> {
        self.close_lines();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            match ended {
                Some(ended) => ended.await.map_err(|_| StoreError::Failed),
                None => Ok(()),
            }
        })
    }
}

impl Sqlite {
    fn close_lines(&self) {
        self.jobs.close();
        if let Some(reads) = &self.reads {
            reads.close();
        }
    }
}

impl Drop for Sqlite {
    /// What is in line is still done, but nobody waits for it.
    fn drop(&mut self) {
        self.close_lines();
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("in_memory", &self.reads.is_none()).finish_non_exhaustive()
    }
}

/// An item to be stored.
struct Entry {
    append: Append,
    appended: Option<Appended>,
    done: Done,
}

impl Write for Entry {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.appended = Some(statements::append(db, &self.append, now())?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        (self.done)(outcome.and_then(|()| self.appended.ok_or(StoreError::Failed)));
    }
}

/// Any other change.
struct Task<T, F> {
    change: F,
    value: Option<T>,
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection) -> rusqlite::Result<T> + Send> Write for Task<T, F> {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.value = Some((self.change)(db)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, sender, .. } = *self;
        // Whoever asked may have left.
        let _ = sender.send(outcome.and_then(|()| value.ok_or(StoreError::Failed)));
    }
}

/// A session that somebody asked for too late.
struct Expired(TokenHash);

impl Write for Expired {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        statements::end_session(db, self.0, now()).map(drop)
    }

    fn finish(self: Box<Self>, _outcome: Result<(), StoreError>) {}
}

/// The answer to what was put in line, or why it was not.
fn later<T: Send + 'static>(
    pushed: Result<(), StoreError>,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> Answer<T> {
    Box::pin(async move {
        pushed?;
        answer.await.unwrap_or(Err(StoreError::Failed))
    })
}
