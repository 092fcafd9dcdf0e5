//! What each store is held to, written once and run for each.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Barrier, Mutex};

use tokio::sync::oneshot;

use super::sqlite::Sqlite;
use super::*;

/// Where a store is opened.
trait Place: Sync {
    fn open(&self) -> Arc<dyn Store>;

    /// Opens what `store` left behind; in memory that is the store itself.
    async fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store>;
}

struct InFile(tempfile::TempDir);

impl Place for InFile {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(self.0.path()).unwrap())
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store.close().await.unwrap();
        drop(store);
        self.open()
    }
}

struct InMemory;

impl Place for InMemory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Sqlite::in_memory().unwrap())
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }
}

/// Runs each of these for each store there is.
macro_rules! contract {
    ($($name:ident)*) => {
        mod sqlite_in_file {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::InFile(tempfile::tempdir().unwrap())).await;
            })*
        }

        mod sqlite_in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::InMemory).await;
            })*
        }
    };
}

contract! {
    items_are_numbered_from_one_by_stream
    a_reader_sees_what_was_reported_as_stored
    sixty_four_writers_leave_no_hole
    an_id_is_taken_once
    what_is_sent_twice_at_the_same_instant_is_stored_once
    history_is_read_in_pages_both_ways
    text_comes_back_as_it_was
    a_pair_is_the_same_whoever_comes_first
    names_are_unique_whatever_their_case
    twenty_registrations_at_once_make_one_user
    passwords_are_replaced
    sessions_are_found_until_they_expire
    sessions_end_one_by_one_or_all_but_one
    calls_are_listed_by_age_and_use
    a_secret_is_made_once_for_each_name
    a_store_says_that_it_works
    a_done_that_panics_hurts_nobody
    all_is_there_after_reopening
    what_is_in_line_is_stored_before_closing
}

fn room(id: &str) -> Stream {
    Stream::Room(id.into())
}

fn item(stream: &Stream, body: &str) -> Append {
    Append { stream: stream.clone(), author: "ann".into(), body: body.into(), id: None }
}

fn with_id(stream: &Stream, sender: &str, id: &str) -> Append {
    let id = SentId { sender: sender.into(), id: id.into() };
    Append { id: Some(id), ..item(stream, "with an id") }
}

/// Appends without waiting.
fn begin(store: &dyn Store, append: Append) -> oneshot::Receiver<Result<Appended, StoreError>> {
    let (sender, answer) = oneshot::channel();
    let done = move |result| {
        // Not every test waits for it.
        let _ = sender.send(result);
    };
    store.append(append, Box::new(done));
    answer
}

async fn append(store: &dyn Store, append: Append) -> Appended {
    begin(store, append).await.unwrap().unwrap()
}

async fn all(store: &dyn Store, stream: &Stream) -> Page {
    store.read(stream.clone(), Part::After { after: 0, limit: usize::MAX }).await.unwrap()
}

fn seqs(page: &Page) -> Vec<u64> {
    page.items.iter().map(|item| item.seq).collect()
}

async fn register(store: &dyn Store, name: &str) -> User {
    store.create_user(name.into(), format!("hash of {name}'s")).await.unwrap().unwrap()
}

fn session(user: UserId, token: u8, created: i64, expires: i64) -> Session {
    Session { token: TokenHash([token; 32]), user, created, expires, agent: "a browser".into() }
}

async fn items_are_numbered_from_one_by_stream(place: &impl Place) {
    let store = place.open();
    let (one, other) = (room("1"), room("2"));
    assert_eq!(all(&*store, &one).await, Page::default());
    assert_eq!(append(&*store, item(&one, "a")).await, Appended::New(1));
    assert_eq!(append(&*store, item(&other, "b")).await, Appended::New(1));
    assert_eq!(append(&*store, item(&one, "c")).await, Appended::New(2));
    assert_eq!(append(&*store, item(&Stream::Board, "{}")).await, Appended::New(1));
    let page = all(&*store, &one).await;
    assert_eq!(page.head, 2);
    let bodies: Vec<_> = page.items.iter().map(|item| (item.seq, &*item.author, &*item.body)).collect();
    assert_eq!(bodies, [(1, "ann", "a"), (2, "ann", "c")]);
}

async fn a_reader_sees_what_was_reported_as_stored(place: &impl Place) {
    let store = place.open();
    for expected in 1..=200 {
        assert_eq!(append(&*store, item(&Stream::Board, "{}")).await, Appended::New(expected));
        let part = Part::Before { before: None, limit: 1 };
        let page = store.read(Stream::Board, part).await.unwrap();
        assert_eq!((page.head, seqs(&page)), (expected, vec![expected]));
    }
}

async fn sixty_four_writers_leave_no_hole(place: &impl Place) {
    const WRITERS: usize = 64;
    const EACH: usize = 40;
    let store = place.open();
    // What the dones were called with, in the order of the calls.
    let told = Arc::new(Mutex::new(Vec::new()));
    let (finished, mut finish) = tokio::sync::mpsc::unbounded_channel::<()>();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, told, finished) = (&store, told.clone(), finished.clone());
            scope.spawn(move || {
                for number in 0..EACH {
                    let stream = if number % 4 == 0 { Stream::Board } else { room("r") };
                    let (told, finished) = (told.clone(), finished.clone());
                    let body = format!("{writer}/{number}");
                    let done = Box::new(move |result: Result<Appended, StoreError>| {
                        let Ok(Appended::New(seq)) = result else { panic!("{result:?}") };
                        told.lock().unwrap().push((number % 4 == 0, seq, body));
                        drop(finished);
                    });
                    store.append(item(&stream, &format!("{writer}/{number}")), done);
                }
            });
        }
    });
    drop(finished);
    assert_eq!(finish.recv().await, None, "each done was called, or dropped");
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.len(), WRITERS * EACH);
    for (stream, is_board) in [(Stream::Board, true), (room("r"), false)] {
        let page = all(&*store, &stream).await;
        let read: Vec<_> = page.items.iter().map(|item| (item.seq, item.body.clone())).collect();
        let told: Vec<_> = told.iter().filter(|told| told.0 == is_board).map(|told| (told.1, told.2.clone())).collect();
        assert_eq!(read, told, "the dones are called in the order that readers see");
        assert_eq!(seqs(&page), (1..=page.head).collect::<Vec<_>>());
        for writer in 0..WRITERS {
            let own = read.iter().filter_map(|(_, body)| body.strip_prefix(&format!("{writer}/")));
            let own: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
            assert!(own.is_sorted(), "what one writer wrote stays in its order");
        }
    }
}

async fn an_id_is_taken_once(place: &impl Place) {
    let store = place.open();
    let stream = room("r");
    assert_eq!(append(&*store, with_id(&stream, "user:1", "a")).await, Appended::New(1));
    assert_eq!(append(&*store, with_id(&stream, "user:1", "b")).await, Appended::New(2));
    assert_eq!(append(&*store, with_id(&stream, "user:1", "a")).await, Appended::Known(1));
    assert_eq!(append(&*store, with_id(&stream, "user:2", "a")).await, Appended::New(3), "another sender's");
    assert_eq!(append(&*store, with_id(&stream, "user:1", "A")).await, Appended::New(4), "case counts");
    let store = place.reopen(store).await;
    assert_eq!(append(&*store, with_id(&stream, "user:1", "b")).await, Appended::Known(2));
    assert_eq!(append(&*store, with_id(&room("elsewhere"), "user:1", "a")).await, Appended::Known(1));
    assert_eq!(all(&*store, &room("elsewhere")).await.head, 0);
    assert_eq!(append(&*store, item(&stream, "no id")).await, Appended::New(5));
    assert_eq!(all(&*store, &stream).await.items.len(), 5);
}

async fn what_is_sent_twice_at_the_same_instant_is_stored_once(place: &impl Place) {
    let store = place.open();
    let stream = room("r");
    let answers: Vec<_> =
        (0..100).map(|number| begin(&*store, with_id(&stream, "s", &format!("{}", number % 10)))).collect();
    let mut new = 0;
    for (number, answer) in answers.into_iter().enumerate() {
        let seq = u64::try_from(number % 10).unwrap() + 1;
        let appended = answer.await.unwrap().unwrap();
        assert!(appended == Appended::New(seq) || appended == Appended::Known(seq), "{appended:?}");
        new += usize::from(appended == Appended::New(seq));
    }
    assert_eq!(new, 10);
    assert_eq!(all(&*store, &stream).await.items.len(), 10);
}

async fn history_is_read_in_pages_both_ways(place: &impl Place) {
    let store = place.open();
    let stream = room("r");
    for _ in 0..10 {
        append(&*store, item(&stream, "x")).await;
    }
    let cases: &[(Part, &[u64])] = &[
        (Part::After { after: 0, limit: 3 }, &[1, 2, 3]),
        (Part::After { after: 3, limit: 3 }, &[4, 5, 6]),
        (Part::After { after: 8, limit: 3 }, &[9, 10]),
        (Part::After { after: 10, limit: 3 }, &[]),
        (Part::After { after: u64::MAX, limit: 3 }, &[]),
        (Part::After { after: 7, limit: usize::MAX }, &[8, 9, 10]),
        (Part::After { after: 0, limit: 0 }, &[]),
        (Part::Before { before: None, limit: 3 }, &[8, 9, 10]),
        (Part::Before { before: Some(8), limit: 3 }, &[5, 6, 7]),
        (Part::Before { before: Some(3), limit: 5 }, &[1, 2]),
        (Part::Before { before: Some(1), limit: 5 }, &[]),
        (Part::Before { before: Some(0), limit: 5 }, &[]),
        (Part::Before { before: Some(u64::MAX), limit: 2 }, &[9, 10]),
        (Part::Before { before: None, limit: 0 }, &[]),
    ];
    for (part, expected) in cases {
        let page = store.read(stream.clone(), *part).await.unwrap();
        assert_eq!((&*seqs(&page), page.head), (*expected, 10), "{part:?}");
    }
}

async fn text_comes_back_as_it_was(place: &impl Place) {
    let store = place.open();
    let long = "long ".repeat(20_000);
    let texts = ["", " ", "'; DROP TABLE items; --", "\u{feff}BOM", "שלום 👋🏽 \u{202e}", "\r\n\t\u{1}\u{7f}", &*long];
    // Room ids that look like other streams' are rooms' still.
    for stream in [room("direct:1:2"), room("🏠"), room(""), room("a%b_c"), room("A%B_C")] {
        for text in texts {
            let append = Append { author: text.chars().take(64).collect(), ..item(&stream, text) };
            begin(&*store, append).await.unwrap().unwrap();
        }
        let page = all(&*store, &stream).await;
        assert!(page.items.iter().map(|item| &*item.body).eq(texts), "{stream:?}");
        assert_eq!(page.items[4].author, texts[4]);
    }
    assert_eq!(all(&*store, &Stream::Direct(Pair::new(UserId(1), UserId(2)))).await.head, 0);
}

async fn a_pair_is_the_same_whoever_comes_first(place: &impl Place) {
    let store = place.open();
    let direct = |one, other| Stream::Direct(Pair::new(UserId(one), UserId(other)));
    append(&*store, item(&direct(1, 2), "a")).await;
    append(&*store, item(&direct(2, 1), "b")).await;
    append(&*store, item(&direct(1, 1), "to oneself")).await;
    append(&*store, item(&direct(11, 2), "others")).await;
    assert_eq!(all(&*store, &direct(2, 1)).await.head, 2);
    assert_eq!(all(&*store, &direct(1, 1)).await.head, 1);
}

async fn names_are_unique_whatever_their_case(place: &impl Place) {
    let store = place.open();
    let bob = register(&*store, "Bob_1").await;
    assert_eq!(&*bob.name, "Bob_1");
    assert_eq!(store.create_user("bOB_1".into(), "other".into()).await.unwrap(), None);
    for spelling in ["Bob_1", "bob_1", "BOB_1"] {
        let account = store.user(spelling.into()).await.unwrap().unwrap();
        assert_eq!((account.user, &*account.password), (bob.clone(), "hash of Bob_1's"));
    }
    for other in ["bob", "Bob%1", "Bob-1", "", "Bob_1' OR 1=1 --"] {
        assert_eq!(store.user(other.into()).await.unwrap(), None, "{other}");
    }
    for name in ["zoe", "Ann", "carl", "_x", "Zed"] {
        register(&*store, name).await;
    }
    let users = store.users().await.unwrap();
    assert_eq!(users.iter().map(|user| &*user.name).collect::<Vec<_>>(), ["_x", "Ann", "Bob_1", "carl", "Zed", "zoe"]);
    let ids: HashSet<_> = users.iter().map(|user| user.id).collect();
    assert_eq!(ids.len(), users.len());
}

async fn twenty_registrations_at_once_make_one_user(place: &impl Place) {
    let store = place.open();
    let barrier = Arc::new(Barrier::new(20));
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let (store, barrier) = (store.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                store.create_user(if number % 2 == 0 { "bob" } else { "BOB" }.into(), format!("{number}"))
            })
        })
        .collect();
    let mut made = Vec::new();
    for (number, one) in tries.into_iter().enumerate() {
        made.extend(one.join().unwrap().await.unwrap().map(|user| (user, number)));
    }
    let [(user, number)] = &*made else { panic!("{made:?}") };
    let account = store.user("Bob".into()).await.unwrap().unwrap();
    assert_eq!((account.user, account.password), (user.clone(), number.to_string()));
}

async fn passwords_are_replaced(place: &impl Place) {
    let store = place.open();
    let (ann, bob) = (register(&*store, "ann").await, register(&*store, "bob").await);
    store.change_password(ann.id, "new".into()).await.unwrap();
    assert_eq!(store.user("ann".into()).await.unwrap().unwrap().password, "new");
    assert_eq!(store.user("bob".into()).await.unwrap().unwrap().password, "hash of bob's");
    assert_eq!(bob, store.user("bob".into()).await.unwrap().unwrap().user);
}

async fn sessions_are_found_until_they_expire(place: &impl Place) {
    let store = place.open();
    let ann = register(&*store, "ann").await;
    let now = now();
    let lasting = session(ann.id, 1, now, now + 60_000);
    let newer = session(ann.id, 2, now + 1, now + 60_000);
    let expired = session(ann.id, 3, now - 60_000, now - 1);
    for session in [&lasting, &newer, &expired] {
        store.create_session(session.clone()).await.unwrap();
    }
    assert_eq!(store.session(lasting.token).await.unwrap(), Some((lasting.clone(), ann.clone())));
    assert_eq!(store.session(expired.token).await.unwrap(), None);
    assert_eq!(store.session(TokenHash([9; 32])).await.unwrap(), None);
    assert_eq!(store.sessions(ann.id).await.unwrap(), [newer, lasting]);
    assert!(!store.end_session(expired.token).await.unwrap(), "nothing to end");
}

async fn sessions_end_one_by_one_or_all_but_one(place: &impl Place) {
    let store = place.open();
    let (ann, bob) = (register(&*store, "ann").await, register(&*store, "bob").await);
    let expires = now() + 60_000;
    for (user, token) in [(&ann, 1), (&ann, 2), (&ann, 3), (&ann, 4), (&bob, 5)] {
        store.create_session(session(user.id, token, token.into(), expires)).await.unwrap();
    }
    assert!(store.end_session(TokenHash([4; 32])).await.unwrap());
    assert!(!store.end_session(TokenHash([4; 32])).await.unwrap());
    assert_eq!(store.session(TokenHash([4; 32])).await.unwrap(), None);
    let ended = store.end_sessions(ann.id, Some(TokenHash([2; 32]))).await.unwrap();
    assert_eq!(ended.iter().map(|token| token.0[0]).collect::<BTreeSet<_>>(), [1, 3].into());
    let left = store.sessions(ann.id).await.unwrap();
    assert_eq!(left.iter().map(|session| session.token.0[0]).collect::<Vec<_>>(), [2]);
    assert_eq!(store.end_sessions(ann.id, None).await.unwrap(), [TokenHash([2; 32])]);
    assert!(store.session(TokenHash([5; 32])).await.unwrap().is_some(), "somebody else's");
}

async fn calls_are_listed_by_age_and_use(place: &impl Place) {
    let store = place.open();
    let before = now();
    let mut calls = Vec::new();
    for name in ["one", "two", "two", "👋"] {
        calls.push(store.create_call(name.into()).await.unwrap());
    }
    let ids: HashSet<_> = calls.iter().map(|call| call.id.clone()).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')));
    assert_eq!(store.call(calls[3].id.clone()).await.unwrap(), Some(calls[3].clone()));
    assert_eq!(store.call("unknown".into()).await.unwrap(), None);
    assert_eq!(store.calls(before, Vec::new()).await.unwrap(), calls);
    let later = now() + 60_000;
    assert_eq!(store.calls(later, Vec::new()).await.unwrap(), []);
    let besides = vec![calls[2].id.clone(), "unknown\"]".into(), calls[0].id.clone(), calls[0].id.clone()];
    assert_eq!(store.calls(later, besides.clone()).await.unwrap(), [calls[0].clone(), calls[2].clone()]);
    assert_eq!(store.calls(before, besides).await.unwrap(), calls, "each once");
    let created = now();
    while now() == created {
        std::hint::spin_loop();
    }
    let touched = now();
    store.touch_call(calls[1].id.clone()).await.unwrap();
    store.touch_call("unknown".into()).await.unwrap();
    assert_eq!(store.calls(touched, Vec::new()).await.unwrap(), [calls[1].clone()]);
}

async fn a_secret_is_made_once_for_each_name(place: &impl Place) {
    let store = place.open();
    let (one, other) = (store.secret("one").await.unwrap(), store.secret("other").await.unwrap());
    assert_ne!(one, other);
    assert_ne!(one, [0; 32]);
    let store = place.reopen(store).await;
    assert_eq!(store.secret("one").await.unwrap(), one);
}

async fn a_store_says_that_it_works(place: &impl Place) {
    let store = place.open();
    store.check().await.unwrap();
    store.check().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(begin(&*store, item(&Stream::Board, "{}")).await, Ok(Err(StoreError::Failed)));
    assert_eq!(store.users().await, Err(StoreError::Failed));
    store.close().await.unwrap();
}

async fn a_done_that_panics_hurts_nobody(place: &impl Place) {
    let store = place.open();
    for _ in 0..3 {
        store.append(item(&Stream::Board, "{}"), Box::new(|_| panic!("as the test wants it")));
        assert!(begin(&*store, item(&Stream::Board, "{}")).await.unwrap().is_ok());
    }
    assert_eq!(all(&*store, &Stream::Board).await.head, 6);
}

async fn all_is_there_after_reopening(place: &impl Place) {
    let store = place.open();
    let ann = register(&*store, "ann").await;
    let kept = session(ann.id, 1, now(), now() + 60_000);
    store.create_session(kept.clone()).await.unwrap();
    let call = store.create_call("weekly".into()).await.unwrap();
    for number in 0..100 {
        append(&*store, item(&Stream::Board, &format!("{number}"))).await;
    }
    let board = all(&*store, &Stream::Board).await;
    let store = place.reopen(store).await;
    assert_eq!(all(&*store, &Stream::Board).await, board);
    assert_eq!(append(&*store, item(&Stream::Board, "on")).await, Appended::New(101));
    assert_eq!(store.users().await.unwrap(), std::slice::from_ref(&ann));
    assert_eq!(store.session(kept.token).await.unwrap(), Some((kept, ann)));
    assert_eq!(store.call(call.id.clone()).await.unwrap(), Some(call));
    assert_eq!(store.create_user("Ann".into(), "other".into()).await.unwrap(), None);
    store.check().await.unwrap();
}

async fn what_is_in_line_is_stored_before_closing(place: &impl Place) {
    let store = place.open();
    let answers: Vec<_> = (0..5000).map(|_| begin(&*store, item(&Stream::Board, "{}"))).collect();
    store.close().await.unwrap();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await, Ok(Ok(Appended::New(u64::try_from(number).unwrap() + 1))));
    }
}
