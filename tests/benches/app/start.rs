//! Starting on a full store: `BENCH_ITEMS` (1000000), half of them strokes and half messages in a hundred rooms. It is
//! filled once and kept under `target/load`; `BENCH_FRESH=1` fills it anew.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::board;
use super::client::{Wishes, open};
use super::measure::quantiles;
use super::measured::number;
use super::server::{Folder, Server, kept};

const ROOMS: usize = 100;

/// What one who fills may be ahead of what was stored.
const AHEAD: usize = 2000;

pub(crate) async fn run() {
    let count = number("BENCH_ITEMS", 1_000_000);
    println!("start: with {count} items stored");
    let path = kept(&format!("items-{count}"));
    if number("BENCH_FRESH", 0) != 0 || !path.exists() {
        let folder = Folder::new();
        let server = Server::start(folder.path());
        server.ready().await;
        let began = Instant::now();
        board::draw(&server, count / 2).await;
        let half = began.elapsed();
        println!("  {:.0} strokes a second stored and shown", (count / 2) as f64 / half.as_secs_f64());
        let say = (0..4).map(|part| talk(&server, part, count / 8));
        futures_util::future::join_all(say).await;
        println!("  {:.0} messages a second stored", (count / 2) as f64 / (began.elapsed() - half).as_secs_f64());
        drop(server);
        folder.keep_as(&path);
    }
    let mut ready = Vec::new();
    let mut listening = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let server = Server::launch(&path);
        listening.push(began.elapsed());
        server.ready().await;
        ready.push(began.elapsed());
    }
    println!("  from exec to listening: {}", quantiles(listening));
    println!("  from exec to ready: {}", quantiles(ready));
    let server = Server::start(&path);
    server.ready().await;
    let began = Instant::now();
    let (mut ear, mouth) = open(server.addr, "/chat", Wishes::default()).await;
    mouth.say(r#"{"type":"room-connect","roomId":"room-7","name":"late"}"#);
    mouth.flush().await;
    let mut len = 0;
    let is_there = ear.hear_until(|text| {
        len = text.len();
        true
    });
    assert!(is_there.await && len > count / 2 / ROOMS * 30, "{len} bytes of history");
    println!("  a room's {} messages after {:.0} ms", count / 2 / ROOMS, began.elapsed().as_secs_f64() * 1e3);
    println!("  server: {:.0} MiB", server.rss());
}

/// Says so many things, in one room after the other.
async fn talk(server: &Server, part: usize, count: usize) {
    let mut said = 0;
    let rooms = ROOMS / 4;
    for room in 0..rooms {
        let (mut ear, mouth) = open(server.addr, "/chat", Wishes::default()).await;
        mouth.say(&format!(r#"{{"type":"room-connect","roomId":"room-{}","name":"filler"}}"#, part * rooms + room));
        let end = count * (room + 1) / rooms;
        let first = said;
        let stored = Cell::new(first);
        while stored.get() < end {
            while said < end && said < stored.get() + AHEAD {
                mouth.say(&format!(
                    r#"{{"type":"send-message","message":"Message {said} of a long conversation.","id":"{said}"}}"#
                ));
                said += 1;
            }
            mouth.write();
            let hear = ear.hear(|text| {
                if text.starts_with(r#"{"type":"stored""#) {
                    stored.set(stored.get() + 1);
                } else {
                    assert!(!text.contains("\"error\""), "{text}");
                }
            });
            let heard = tokio::time::timeout(Duration::from_secs(20), hear).await.expect("an answer");
            assert!(heard > 0, "the server hung up after {} messages", stored.get());
        }
        mouth.close().await;
    }
}
