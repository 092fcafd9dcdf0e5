//! Opening the database: made whole or not at all, and never touched where it is not ours.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use refinery::{Migration, Runner};
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::writer::PATIENCE;

mod header;

/// The database in its folder. SQLite keeps two files beside it while it is open.
const NAME: &str = "framescope.db";

/// Says in the file's header whose it is: "Fscp".
const APPLICATION: i32 = 0x4673_6370;

/// From these changes on, each change of the schema is one more file here.
const MIGRATIONS: [(&str, &str); 1] =
    [("V1__streams_users_sessions_calls", include_str!("../migrations/sqlite/V1__streams_users_sessions_calls.sql"))];

/// A database that is ours alone.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) db: Connection,
    /// Holds until it is dropped, or the process ends in whichever way.
    pub(super) lock: File,
    pub(super) path: PathBuf,
}

/// Opens the database in `folder`; makes both if they are not there.
pub(super) fn open(folder: &Path) -> Result<Opened, String> {
    let line = |path: &Path, what: &dyn std::fmt::Display| format!("data-dir: {}: {what}", path.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| line(folder, &e))?;
    let lock = lock(folder).map_err(|e| line(folder, &e))?;
    let path = folder.join(NAME);
    if !path.try_exists().map_err(|e| line(&path, &e))? {
        create(folder, &path).map_err(|e| line(&path, &e))?;
    }
    header::check(&path).map_err(|e| line(&path, &e))?;
    check_schema(&path).map_err(|e| line(&path, &e))?;
    let db = writer(&path).map_err(|e| line(&path, &e))?;
    Ok(Opened { db, lock, path })
}

/// Keeps a second server out. The lock goes with the process, also when that is killed.
fn lock(folder: &Path) -> Result<File, String> {
    let path = folder.join("framescope.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| format!("cannot be written to: {e}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another server is using it".to_owned()),
        Err(TryLockError::Error(error)) => Err(format!("cannot be locked: {error}")),
    }
}

/// Makes the database under another name first, so that what bears its name is always whole.
fn create(folder: &Path, path: &Path) -> Result<(), String> {
    let log = beside(path, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        return Err("is not there, but its -wal file is".to_owned());
    }
    let draft = beside(path, ".new");
    for leftover in [draft.clone(), beside(&draft, "-journal"), beside(&draft, "-wal"), beside(&draft, "-shm")] {
        match std::fs::remove_file(leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.to_string()),
            _ => {}
        }
    }
    // Passwords' hashes and what people wrote to each other are nobody else's to read. SQLite gives the files
    // beside it the same mode.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(|e| e.to_string())?;
    let fill = || -> Result<(), Box<dyn std::error::Error>> {
        let mut db = Connection::open_with_flags(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "application_id", APPLICATION)?;
        migrate(&mut db)?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        db.close().map_err(|(_, error)| error)?;
        Ok(())
    };
    fill().map_err(|e| format!("cannot be made: {e}"))?;
    let publish = || -> io::Result<()> {
        std::fs::rename(&draft, path)?;
        File::open(folder)?.sync_all()
    };
    publish().map_err(|e| format!("cannot be made: {e}"))?;
    tracing::info!(path = %path.display(), "made a new database");
    Ok(())
}

/// Refuses what another program made, or a newer one of ours. Writes nothing.
fn check_schema(path: &Path) -> Result<(), String> {
    let look = || -> rusqlite::Result<i64> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(PATIENCE)?;
        let stated: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let applied: i64 =
            db.query_one("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))?;
        // The first page of each table: what is rubbish there shows now, not at the first request.
        for table in ["streams", "items", "sent", "users", "sessions", "calls", "trial"] {
            db.query_one(&format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT 1)"), [], |_| Ok(()))?;
        }
        Ok(stated.max(applied))
    };
    let version = look().map_err(|e| format!("is damaged, or no database of Framescope's: {e}"))?;
    let known = MIGRATIONS.len();
    if version > i64::try_from(known).unwrap_or(i64::MAX) {
        return Err(format!(
            "has version {version} of the schema; this program knows up to {known}. Run a newer one, or move the file away"
        ));
    }
    Ok(())
}

/// The connection that writes.
fn writer(path: &Path) -> Result<Connection, String> {
    let prepare = || -> Result<Connection, Box<dyn std::error::Error>> {
        let mut db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(PATIENCE)?;
        if db.is_readonly(MAIN_DB)? {
            return Err("cannot be written to".into());
        }
        let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err(format!("has journal_mode {mode}, and does not take WAL").into());
        }
        configure(&db)?;
        migrate(&mut db)?;
        // That the folder takes the files beside it, too.
        db.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
        Ok(db)
    };
    prepare().map_err(|e| e.to_string().lines().collect::<Vec<_>>().join(" "))
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    settle_in(db)?;
    // A commit is on the disk when it returns.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    // The log is copied into the database every 16 MiB, and cut back should a long read have made it grow. What is
    // written all over the database, as messages of many people are, gets dearer the more often that happens.
    db.pragma_update(None, "wal_autocheckpoint", 4096)?;
    db.pragma_update(None, "journal_size_limit", 32 << 20)
}

/// What holds for each connection.
fn settle_in(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    // No other files, which might not be to be had when they are wanted.
    db.pragma_update(None, "temp_store", "MEMORY")
}

fn migrate(db: &mut Connection) -> Result<(), refinery::Error> {
    let migrations: Vec<Migration> =
        MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect::<Result<_, _>>()?;
    Runner::new(&migrations).run(db).map(drop)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle_in(&db)?;
    // Readers wait only while somebody recovers or tidies up the log.
    db.busy_timeout(PATIENCE)?;
    Ok(db)
}

/// A database in memory, for the one who writes and reads.
pub(super) fn in_memory() -> Result<Connection, Box<dyn std::error::Error>> {
    let mut db = Connection::open_in_memory()?;
    configure(&db)?;
    db.busy_timeout(Duration::ZERO)?;
    migrate(&mut db)?;
    Ok(db)
}

/// The path with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
