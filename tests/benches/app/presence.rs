//! People who come and go: `BENCH_PEOPLE` (1000) signed in, four of five of them there, `BENCH_CHANGES` (200) a second
//! coming or going for `BENCH_SECONDS` (15), every other leaver without a Close. Everybody there receives every list.
//! `BENCH_DEFLATE=1` has them offer compression, as browsers do.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::client::{Ear, Mouth, Wishes, open};
use super::measure::{cores, quantiles};
use super::measured::number;
use super::people;
use super::server::Server;

/// What the one who looks closely knows.
#[derive(Default)]
struct Observer {
    /// Who was in the last list.
    listed: RefCell<Vec<bool>>,
    /// Changes that no list has shown yet.
    unseen: RefCell<HashMap<usize, (bool, Instant)>>,
    staleness: RefCell<Vec<Duration>>,
    lists: Cell<usize>,
}

impl Observer {
    fn changed(&self, person: usize, is_there: bool) {
        let mut unseen = self.unseen.borrow_mut();
        if self.listed.borrow()[person] == is_there {
            // Gone and back between two lists: there is nothing to be seen.
            unseen.remove(&person);
        } else {
            unseen.insert(person, (is_there, Instant::now()));
        }
    }

    fn list(&self, text: &str) {
        let now = Instant::now();
        self.lists.set(self.lists.get() + 1);
        let mut listed = self.listed.borrow_mut();
        listed.fill(false);
        for (at, _) in text.match_indices("person-") {
            listed[text[at + 7..at + 12].parse::<usize>().unwrap()] = true;
        }
        self.unseen.borrow_mut().retain(|&person, &mut (is_there, since)| {
            let is_seen = listed[person] == is_there;
            if is_seen {
                self.staleness.borrow_mut().push(now - since);
            }
            !is_seen
        });
    }
}

pub(crate) async fn run() {
    let (count, changes, seconds) =
        (number("BENCH_PEOPLE", 1000), number("BENCH_CHANGES", 200), number("BENCH_SECONDS", 15));
    let deflate = number("BENCH_DEFLATE", 0) != 0;
    println!("presence: {count} people, {changes} a second coming and going for {seconds} s");
    let (folder, cookies) = people::signed_in(count).await;
    let server = Server::start(folder.path());
    server.ready().await;

    let observer = Rc::new(Observer { listed: RefCell::new(vec![false; count]), ..Observer::default() });
    let (mut ear, _mouth) = open(server.addr, "/websocket", Wishes::default()).await;
    let observing = Rc::clone(&observer);
    tokio::task::spawn_local(async move {
        while ear
            .hear(|text| {
                if text.contains("active_users_list") {
                    observing.list(text);
                }
            })
            .await
            > 0
        {}
    });

    let bytes = Rc::new(Cell::new(0u64));
    let mut there: VecDeque<(usize, Mouth, JoinHandle<()>)> = VecDeque::new();
    let mut away: VecDeque<usize> = VecDeque::new();
    for person in 0..count {
        if person % 5 == 4 {
            away.push_back(person);
        } else {
            there.push_back(come(&server, person, &cookies, deflate, &bytes).await);
        }
    }
    // The crowd is in; what counts is what follows.
    wait_for(&observer, &there, count).await;
    let (cpu, began, bytes_before, lists_before) = (server.cpu(), Instant::now(), bytes.get(), observer.lists.get());
    observer.unseen.borrow_mut().clear();
    observer.staleness.borrow_mut().clear();

    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / changes as f64));
    for change in 0..changes * seconds {
        tick.tick().await;
        if change % 2 == 0 {
            let (person, mouth, hearing) = there.pop_front().unwrap();
            if change % 4 == 0 {
                mouth.close().await;
            } else {
                hearing.abort();
            }
            observer.changed(person, false);
            away.push_back(person);
        } else {
            let person = away.pop_front().unwrap();
            there.push_back(come(&server, person, &cookies, deflate, &bytes).await);
            observer.changed(person, true);
        }
    }
    let (elapsed, cpu) = (began.elapsed(), server.cpu() - cpu);
    let (lists, sent) = (observer.lists.get() - lists_before, bytes.get() - bytes_before);
    let last = Instant::now();
    wait_for(&observer, &there, count).await;
    println!("  {:.1} changes a second", (changes * seconds) as f64 / elapsed.as_secs_f64());
    println!(
        "  {:.1} lists a second to {} connections, {:.1} MiB/s in all{}",
        lists as f64 / elapsed.as_secs_f64(),
        there.len() + 1,
        sent as f64 / elapsed.as_secs_f64() / 1048576.0,
        if deflate { ", compressed" } else { "" }
    );
    println!("  from a change to the list that shows it: {}", quantiles(observer.staleness.take()));
    println!("  the last state arrived {:.1} s after the last change", last.elapsed().as_secs_f64());
    println!("  server: {}, {:.0} MiB at most", cores(cpu, elapsed), server.peak_rss());
}

/// Waits until a list says who is really there.
async fn wait_for(observer: &Observer, there: &VecDeque<(usize, Mouth, JoinHandle<()>)>, count: usize) {
    let mut wanted = vec![false; count];
    for (person, ..) in there {
        wanted[*person] = true;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while *observer.listed.borrow() != wanted {
        let wrong = observer.listed.borrow().iter().zip(&wanted).filter(|(one, other)| one != other).count();
        assert!(Instant::now() < deadline, "no list is right after a minute; {wrong} are wrong");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Somebody comes, and hears.
async fn come(
    server: &Server,
    person: usize,
    cookies: &[String],
    deflate: bool,
    bytes: &Rc<Cell<u64>>,
) -> (usize, Mouth, JoinHandle<()>) {
    let wishes = Wishes { cookie: &cookies[person], deflate };
    let (ear, mouth) = open(server.addr, "/websocket", wishes).await;
    let bytes = Rc::clone(bytes);
    (person, mouth, tokio::task::spawn_local(hear(ear, bytes)))
}

async fn hear(mut ear: Ear, bytes: Rc<Cell<u64>>) {
    loop {
        let heard = ear.hear(|_| {}).await;
        if heard == 0 {
            return;
        }
        bytes.set(bytes.get() + heard as u64);
    }
}
