//! A board that is full: `BENCH_STROKES` (100000) are drawn, and then people come.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::client::{Wishes, open};
use super::measure::{numbered, quantiles};
use super::measured::number;
use super::server::{Folder, Server};
use super::strokes::stroke;

/// How many come at once.
const CROWD: usize = 50;

/// What one who fills may be ahead of what was shown.
const AHEAD: usize = 2000;

pub(crate) async fn run() {
    let count = number("BENCH_STROKES", 100_000);
    println!("board: {count} strokes, and people who come then");
    let folder = Folder::new();
    let mut server = Server::start(folder.path());
    server.ready().await;
    let began = Instant::now();
    draw(&server, count).await;
    println!("  drawn and shown at {:.0} a second", count as f64 / began.elapsed().as_secs_f64());
    for again in [false, true] {
        if again {
            drop(server);
            server = Server::start(folder.path());
            server.ready().await;
            println!("  after a restart:");
        }
        let (first, len) = come(&server, count).await;
        println!(
            "  the first to come has all {:.1} MiB after {:.0} ms",
            len as f64 / 1048576.0,
            first.as_secs_f64() * 1e3
        );
        let mut alone = Vec::new();
        for _ in 0..10 {
            alone.push(come(&server, count).await.0);
        }
        println!("  10 who come one by one: {}", quantiles(alone));
        let (before, cpu) = (server.rss(), server.cpu());
        let server = Rc::new(&server);
        let crowd = std::iter::repeat_with(|| come(&server, count)).take(CROWD);
        let times = futures_util::future::join_all(crowd).await.into_iter().map(|(time, _)| time).collect();
        println!(
            "  {CROWD} at once: {}; server: {:.0} ms of processor time, memory {before:.0} MiB before, {:.0} at most",
            quantiles(times),
            (server.cpu() - cpu).as_secs_f64() * 1e3,
            server.peak_rss()
        );
    }
}

/// From the first byte sent to the history complete, and how long that is.
async fn come(server: &Server, count: usize) -> (Duration, usize) {
    let began = Instant::now();
    let (mut ear, _mouth) = open(server.addr, "/websocket", Wishes::default()).await;
    let mut len = 0;
    let mut last = None;
    let is_there = ear
        .hear_until(|text| {
            // What may come with it is not the history.
            if len == 0 {
                len = text.len();
                last = numbered(text);
            }
            true
        })
        .await;
    let time = began.elapsed();
    assert!(is_there && len > count * 50, "{len} bytes, the last stroke {last:?}");
    (time, len)
}

/// Draws so many strokes, as fast as they are stored and shown.
pub(crate) async fn draw(server: &Server, count: usize) {
    const DRAWERS: usize = 4;
    let drawing = (0..DRAWERS).map(|drawer| async move {
        let (mut ear, mouth) = open(server.addr, "/websocket", Wishes::default()).await;
        let shown = Cell::new(0);
        let mine = count / DRAWERS + usize::from(drawer < count % DRAWERS);
        let mut sent = 0;
        while shown.get() < mine {
            while sent < mine && sent < shown.get() + AHEAD {
                mouth.say(&stroke(sent * DRAWERS + drawer));
                sent += 1;
            }
            mouth.write();
            let heard = ear
                .hear(|text| {
                    if text.starts_with(r#"{"messageType":"drawing""#) {
                        let is_mine = numbered(text).is_some_and(|number| number % DRAWERS == drawer);
                        shown.set(shown.get() + usize::from(is_mine));
                    } else {
                        assert!(!text.contains("\"error\""), "{text}");
                    }
                })
                .await;
            assert!(heard > 0, "the server hung up after {} strokes", shown.get());
        }
    });
    futures_util::future::join_all(drawing).await;
}
