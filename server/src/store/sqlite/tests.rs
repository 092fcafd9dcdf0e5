//! What only a store in a file goes through: files that are not as they should be, disks that are full, others who
//! hold the database.

use std::fs;
use std::time::Instant;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::writer::PATIENCE;
use super::*;

const FILE: &str = "framescope.db";

fn item(body: &str) -> Append {
    Append { stream: Stream::Board, author: String::new(), body: body.into(), id: None }
}

fn begin(store: &Sqlite, body: &str) -> oneshot::Receiver<Result<Appended, StoreError>> {
    let (sender, answer) = oneshot::channel();
    let done = move |result| {
        // Not every test waits for it.
        let _ = sender.send(result);
    };
    store.append(item(body), Box::new(done));
    answer
}

async fn head(store: &Sqlite) -> u64 {
    store.read(Stream::Board, Part::After { after: 0, limit: 0 }).await.unwrap().head
}

/// A folder with a database in which there is something, and nobody at it.
async fn filled(items: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let answers: Vec<_> = (0..items).map(|_| begin(&store, &"x".repeat(200))).collect();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    folder
}

/// Opening has to fail with one line that says `why`, and leave the file as it was.
fn refused(folder: &TempDir, why: &str) {
    let file = folder.path().join(FILE);
    let before = fs::read(&file).ok();
    let error = Sqlite::open(folder.path()).unwrap_err();
    assert!(error.contains(why) && error.starts_with("data-dir: ") && !error.contains('\n'), "{error}");
    assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    assert_eq!(fs::read(&file).ok(), before, "{why}: the file was touched");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = filled(1).await;
    let file = folder.path().join(FILE);
    let whole = fs::read(&file).unwrap();
    for (content, why) in [
        (&b""[..], "is empty"),
        (b"hello\n", "is no SQLite database"),
        (&[0x5a; 10_000], "is no SQLite database"),
        (&[0; 10_000], "is no SQLite database"),
        (&whole[..16], "is no SQLite database"),
    ] {
        fs::write(&file, content).unwrap();
        refused(&folder, why);
    }
    let mut rubbish = whole.clone();
    rubbish[100..].fill(0x5a);
    fs::write(&file, rubbish).unwrap();
    refused(&folder, "is damaged");
    let mut rubbish = whole.clone();
    rubbish[4096..].fill(0);
    fs::write(&file, rubbish).unwrap();
    refused(&folder, "is damaged");
    fs::write(&file, whole).unwrap();
    assert_eq!(head(&Sqlite::open(folder.path()).unwrap()).await, 1, "as it was, it is fine");
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_refused() {
    let folder = filled(1000).await;
    let file = folder.path().join(FILE);
    let whole = fs::read(&file).unwrap();
    for length in [whole.len() - 1, whole.len() - 4096, whole.len() / 2, 4096, 100] {
        fs::write(&file, &whole[..length]).unwrap();
        refused(&folder, "is cut short");
    }
}

#[tokio::test]
async fn what_the_log_still_has_is_not_missed() {
    let folder = filled(1000).await;
    let live = Connection::open(folder.path().join(FILE)).unwrap();
    live.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let insert = "INSERT INTO items SELECT stream, seq + 10000, author, body, created FROM items";
    assert_eq!(live.execute(insert, []).unwrap(), 1000);
    // As kill -9 would leave it: the log was never copied into the file.
    let killed = tempfile::tempdir().unwrap();
    for name in [FILE, "framescope.db-wal"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    for name in [FILE, "framescope.db-wal"] {
        fs::copy(killed.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = Sqlite::open(copy.path()).unwrap();
    let page = store.read(Stream::Board, Part::After { after: 0, limit: 5000 }).await.unwrap();
    assert_eq!(page.items.len(), 2000);
    // And what neither of the two has is.
    let file = killed.path().join(FILE);
    fs::write(&file, &fs::read(&file).unwrap()[..100 * 1024]).unwrap();
    refused(&killed, "is cut short");
    fs::remove_file(&file).unwrap();
    refused(&killed, "its -wal file is");
}

#[tokio::test]
async fn a_database_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    drop(other);
    refused(&folder, "another program");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for change in [
        "INSERT INTO refinery_schema_history VALUES (2, 'later', '2030-01-01T00:00:00Z', '1')",
        "PRAGMA user_version = 2",
    ] {
        let folder = filled(1).await;
        Connection::open(folder.path().join(FILE)).unwrap().execute_batch(change).unwrap();
        refused(&folder, "version 2 of the schema");
        // The same while it stands in the log alone.
        let folder = filled(1).await;
        let live = Connection::open(folder.path().join(FILE)).unwrap();
        live.execute_batch(change).unwrap();
        refused(&folder, "version 2 of the schema");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "a file").unwrap();
    // Even root cannot write here.
    for path in [file.clone(), file.join("below"), "/proc/1/framescope".into(), "/proc".into()] {
        let error = Sqlite::open(&path).unwrap_err();
        assert!(error.starts_with(&format!("data-dir: {}", path.display())) && !error.contains('\n'), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"a file");
}

#[tokio::test]
async fn a_second_server_is_kept_out_while_the_first_is_there() {
    let folder = filled(1).await;
    let store = Sqlite::open(folder.path()).unwrap();
    refused(&folder, "another server is using it");
    begin(&store, "the first goes on").await.unwrap().unwrap();
    store.close().await.unwrap();
    assert_eq!(head(&Sqlite::open(folder.path()).unwrap()).await, 2);
}

#[tokio::test]
async fn only_the_owner_can_read_what_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let store = Sqlite::open(&folder).unwrap();
    begin(&store, "x").await.unwrap().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for path in names {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_crash_at_the_first_start_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["framescope.db.new", "framescope.db.new-journal", "framescope.db.new-wal"] {
        fs::write(folder.path().join(name), "half").unwrap();
    }
    assert_eq!(head(&Sqlite::open(folder.path()).unwrap()).await, 0);
}

#[tokio::test]
async fn a_full_disk_stops_writing_and_nothing_else() {
    let folder = filled(100).await;
    let store = Sqlite::open(folder.path()).unwrap();
    let limit = |pages: u32| {
        store.write_by(move |db| db.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, u32>(0)))
    };
    let pages = limit(1).await.unwrap();
    let long = "x".repeat(100_000);
    for _ in 0..3 {
        // Some that have room among some that have none.
        let answers: Vec<_> = (0..20).map(|_| begin(&store, &long)).collect();
        for answer in answers {
            assert_eq!(answer.await.unwrap(), Err(StoreError::Failed));
        }
        assert_eq!(head(&store).await, 100, "reading goes on, and shows nothing that was refused");
        assert_eq!(store.create_call(long.clone()).await, Err(StoreError::Failed));
        assert_eq!(store.users().await, Ok(Vec::new()));
    }
    limit(pages + 1000).await.unwrap();
    for expected in 101..=105 {
        assert_eq!(begin(&store, &long).await.unwrap(), Ok(Appended::New(expected)), "it recovers by itself");
    }
    store.close().await.unwrap();
    assert_eq!(head(&Sqlite::open(folder.path()).unwrap()).await, 105);
}

/// Holds the database as a backup or a careless shell would.
fn hold(folder: &TempDir) -> Connection {
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

#[tokio::test]
async fn whoever_holds_the_database_is_waited_for_but_not_forever() {
    let folder = filled(1).await;
    let store = Sqlite::open(folder.path()).unwrap();
    let other = hold(&folder);
    let start = Instant::now();
    let (append, user) = (begin(&store, "x"), store.create_user("ann".into(), String::new()));
    assert!(start.elapsed() < PATIENCE / 10, "no caller waits");
    assert_eq!(head(&store).await, 1, "reading goes on");
    assert_eq!(append.await.unwrap(), Err(StoreError::Busy));
    assert_eq!(user.await, Err(StoreError::Busy));
    let waited = start.elapsed();
    assert!(waited >= PATIENCE && waited < PATIENCE * 3, "{waited:?}");
    // Who comes now has their own time.
    let append = begin(&store, "x");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(append.await.unwrap(), Ok(Appended::New(2)));
    assert_eq!(store.user("ann".into()).await, Ok(None));
}

#[tokio::test]
async fn a_full_line_is_told_at_once_and_the_rest_is_stored() {
    let folder = filled(0).await;
    let store = Sqlite::open(folder.path()).unwrap();
    let other = hold(&folder);
    let start = Instant::now();
    let mut answers = Vec::new();
    let refused = loop {
        let mut answer = begin(&store, "x");
        match answer.try_recv() {
            Err(_) => answers.push(answer),
            Ok(told) => break told,
        }
    };
    assert_eq!(refused, Err(StoreError::Busy));
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert!(answers.len() >= WRITES.count);
    other.execute_batch("COMMIT").unwrap();
    let stored = u64::try_from(answers.len()).unwrap();
    for answer in answers {
        assert!(answer.await.unwrap().is_ok());
    }
    assert_eq!(head(&store).await, stored);
}

#[tokio::test]
async fn a_write_that_fails_takes_no_other_with_it() {
    let folder = filled(0).await;
    let store = Sqlite::open(folder.path()).unwrap();
    // While it is held, all that follows comes to stand in one transaction.
    let other = hold(&folder);
    let mut answers = vec![begin(&store, "1")];
    let wrong = store.write_by(|db| {
        statements::append(db, &item("goes with it"), 0)?;
        db.execute("INSERT INTO nowhere VALUES (1)", [])
    });
    answers.push(begin(&store, "2"));
    let panicking = store.write_by::<()>(|db| {
        statements::append(db, &item("goes with it"), 0).unwrap();
        panic!("as the test wants it");
    });
    let unknown = Session { token: TokenHash([1; 32]), user: UserId(77), created: 0, expires: 1, agent: String::new() };
    let unknown = store.create_session(unknown);
    answers.push(begin(&store, "3"));
    other.execute_batch("COMMIT").unwrap();
    for (answer, expected) in answers.into_iter().zip(1..) {
        assert_eq!(answer.await.unwrap(), Ok(Appended::New(expected)));
    }
    assert_eq!(wrong.await, Err(StoreError::Failed));
    assert_eq!(panicking.await, Err(StoreError::Failed));
    assert_eq!(unknown.await, Err(StoreError::Failed), "no session without a user");
    let page = store.read(Stream::Board, Part::After { after: 0, limit: 9 }).await.unwrap();
    assert_eq!(page.items.iter().map(|item| &*item.body).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[tokio::test]
async fn the_log_stays_small_and_goes_with_the_store() {
    let folder = filled(0).await;
    let store = Sqlite::open(folder.path()).unwrap();
    let log = folder.path().join("framescope.db-wal");
    let body = "x".repeat(10_000);
    for _ in 0..40 {
        let answers: Vec<_> = (0..300).map(|_| begin(&store, &body)).collect();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let length = fs::metadata(&log).unwrap().len();
        assert!(length < 24 << 20, "{length}");
    }
    store.close().await.unwrap();
    assert!(!log.exists());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the database and its lock: {left:?}");
}

#[tokio::test]
async fn a_session_that_was_seen_to_be_over_is_gone() {
    let store = Sqlite::in_memory().unwrap();
    let user = store.create_user("ann".into(), String::new()).await.unwrap().unwrap().id;
    let count = || store.read_by(|db| db.query_one("SELECT count(*) FROM sessions", [], |row| row.get::<_, i64>(0)));
    let session =
        |token, expires| Session { token: TokenHash([token; 32]), user, created: 0, expires, agent: "".into() };
    store.create_session(session(1, now() - 1)).await.unwrap();
    assert_eq!(store.session(TokenHash([1; 32])).await, Ok(None));
    assert_eq!(count().await, Ok(0), "whoever asks for it has it deleted");
    store.create_session(session(2, now() - 1)).await.unwrap();
    store.create_session(session(3, now() + 60_000)).await.unwrap();
    assert_eq!(count().await, Ok(1), "and so has whoever comes next");
}
