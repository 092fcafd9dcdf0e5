//! The one thread that writes. It takes whatever is in line, commits it as one transaction, and then tells
//! everybody in order: one wait for the disk serves all.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::queue::{Limits, Queue};
use super::statements::outcome;
use crate::store::{Figures, StoreError};

/// How long a write waits for somebody else who holds the database.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One transaction's worth: few enough that none waits long for the others.
const BATCH: Limits = Limits { count: 1024, bytes: 4 << 20 };

/// Something to write.
pub(super) trait Write: Send {
    /// Does so, within a transaction; from the start again if that had to be given up.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Tells what became of it.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// What the writer is given.
pub(super) enum Job {
    /// To be committed.
    Write(Box<dyn Write>, Instant),
    /// To be read after what was before it in line: where there is no other connection to read from.
    Read(Box<dyn FnOnce(&Connection) + Send>),
}

/// What belongs to the thread.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) jobs: Arc<Queue<Job>>,
    /// Threads that read the same file: they end before the file is tidied up.
    pub(super) readers: Vec<JoinHandle<()>>,
    /// What keeps other servers out; `None` in memory.
    pub(super) lock: Option<File>,
    /// Whether the last transaction failed: the log is told when that changes.
    pub(super) is_failing: bool,
    pub(super) figures: Arc<Figures>,
}

/// A write of the batch at hand.
struct Waiting {
    write: Box<dyn Write>,
    since: Instant,
    /// Why it is not part of the transaction.
    refused: Option<StoreError>,
}

/// How a batch is tried.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// All together: any failure ends it.
    Plain,
    /// Each so that it can fail by itself, which costs a little.
    Guarded,
}

impl Writer {
    /// Works until the line is closed and empty.
    pub(super) fn run(mut self) {
        let (mut jobs, mut batch, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        while self.jobs.take(&mut jobs, BATCH) {
            for job in jobs.drain(..) {
                match job {
                    Job::Write(write, since) => batch.push(Waiting { write, since, refused: None }),
                    Job::Read(read) => reads.push(read),
                }
            }
            self.write(&mut batch);
            for read in reads.drain(..) {
                shielded(|| read(&self.db));
            }
        }
        self.end();
    }

    /// Commits all of the batch that can be, and tells everybody.
    fn write(&mut self, batch: &mut Vec<Waiting>) {
        while !batch.is_empty() {
            let began = Instant::now();
            let done = match self.attempt(batch, Attempt::Plain) {
                Err(error) if outcome(&error) != StoreError::Busy => self.attempt(batch, Attempt::Guarded),
                done => done,
            };
            match done.as_ref().map_err(outcome) {
                Ok(()) => {
                    self.note(None);
                    self.figures.committed(batch.iter().filter(|one| one.refused.is_none()).count(), began.elapsed());
                    batch.drain(..).for_each(|one| one.tell(Ok(())));
                }
                Err(StoreError::Busy) => {
                    let late = batch.partition_point(|one| one.since.elapsed() >= PATIENCE);
                    if late > 0 {
                        tracing::warn!(writes = late, "somebody else holds the database");
                    }
                    batch.drain(..late).for_each(|one| one.tell(Err(StoreError::Busy)));
                }
                Err(failed) => {
                    self.note(done.as_ref().err());
                    self.figures.failed();
                    batch.drain(..).for_each(|one| one.tell(Err(failed)));
                }
            }
        }
    }

    /// One transaction of all that was not refused. If it fails, nothing of it has happened.
    fn attempt(&self, batch: &mut [Waiting], attempt: Attempt) -> rusqlite::Result<()> {
        let waited = batch.first().map_or(Duration::ZERO, |oldest| oldest.since.elapsed());
        self.db.busy_timeout(PATIENCE.saturating_sub(waited))?;
        self.abandon()?;
        self.execute("BEGIN IMMEDIATE")?;
        let ran = batch.iter_mut().filter(|one| one.refused.is_none()).try_for_each(|one| match attempt {
            Attempt::Plain => one.run(&self.db),
            Attempt::Guarded => self.run_guarded(one),
        });
        let done = ran.and_then(|()| self.execute("COMMIT"));
        if done.is_err() {
            self.abandon()?;
        }
        done
    }

    /// Ends a transaction that failed. Some failures do so by themselves.
    fn abandon(&self) -> rusqlite::Result<()> {
        if self.db.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    /// Runs one write so that it takes no other with it, unless it is the disk that fails.
    fn run_guarded(&self, one: &mut Waiting) -> rusqlite::Result<()> {
        self.execute("SAVEPOINT one")?;
        if let Err(error) = one.run(&self.db) {
            if self.db.is_autocommit() {
                return Err(error);
            }
            tracing::error!(%error, "a write was refused");
            one.refused = Some(outcome(&error));
            self.execute("ROLLBACK TO one")?;
        }
        self.execute("RELEASE one")
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached(statement)?.execute([]).map(drop)
    }

    /// Tells the log when failing begins and ends, rather than each time.
    fn note(&mut self, failure: Option<&rusqlite::Error>) {
        match failure {
            Some(error) if !self.is_failing => tracing::error!(%error, "nothing can be stored"),
            None if self.is_failing => tracing::info!("storing works again"),
            _ => {}
        }
        self.is_failing = failure.is_some();
    }

    /// Leaves one file that holds everything.
    fn end(self) {
        for reader in self.readers {
            // A reader that panicked has ended, too.
            let _ = reader.join();
        }
        // Somebody else who holds the database is not waited for: whoever stops the server is waiting, too.
        let copied = self
            .db
            .busy_timeout(Duration::from_secs(1))
            .and_then(|()| self.db.pragma_update(None, "wal_checkpoint", "TRUNCATE"));
        if let Err(error) = copied {
            tracing::warn!(%error, "the log of the database stays beside it, to be read at the next start");
        }
        drop(self.db);
        // Only now may another server have it.
        drop(self.lock);
    }
}

impl Waiting {
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        // What a write leaves half done is rolled back.
        catch_unwind(AssertUnwindSafe(|| self.write.run(db)))
            .unwrap_or_else(|_| Err(rusqlite::Error::ToSqlConversionFailure("a write panicked".into())))
    }

    fn tell(self, outcome: Result<(), StoreError>) {
        let outcome = self.refused.map_or(outcome, Err);
        shielded(|| self.write.finish(outcome));
    }
}

/// Calls what others handed in. A panic of theirs is in the log by itself, and ends nothing here.
pub(super) fn shielded(call: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(call));
}
