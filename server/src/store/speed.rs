//! How fast a store takes and gives, for the example `store_speed`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Append, Pair, Part, SentId, Stream, UserId};
use crate::config::Config;

/// What is written.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// Strokes of the drawing board.
    Strokes,
    /// Messages with ids among a hundred users.
    Messages,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Speed {
    /// Opening the store, as it was found.
    pub opening: Duration,
    /// Items stored and reported a second.
    pub appended: f64,
    /// From handing an item over to hearing that it is on the disk: the middle one, and that of the slowest hundredth.
    pub latency: [Duration; 2],
    /// Items a second read in one piece.
    pub read: f64,
    /// Items in the stream that was read.
    pub items: usize,
    /// Closing the store.
    pub closing: Duration,
}

/// Writes `items` into the store of `config` with `in_flight` of them on their way at any time, and reads the
/// stream that they went into.
///
/// # Errors
///
/// What the store says.
pub fn measure(config: &Config, load: Load, items: usize, in_flight: usize) -> Result<Speed, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    let start = Instant::now();
    let store = super::open(config)?;
    let opening = start.elapsed();
    let run = rand::random::<u64>();
    let (permits, permit) = std::sync::mpsc::sync_channel(in_flight);
    for _ in 0..in_flight {
        permits.send(()).map_err(|e| e.to_string())?;
    }
    let latencies = Arc::new(Mutex::new(Vec::with_capacity(items)));
    let start = Instant::now();
    for number in 0..items {
        permit.recv().map_err(|e| e.to_string())?;
        let (permits, latencies, handed_over) = (permits.clone(), latencies.clone(), Instant::now());
        let done = move |_| {
            latencies.lock().unwrap_or_else(PoisonError::into_inner).push(handed_over.elapsed());
            // At the end nobody waits for it.
            let _ = permits.send(());
        };
        store.append(load.item(run, number), Box::new(done));
    }
    for _ in 0..in_flight {
        permit.recv().map_err(|e| e.to_string())?;
    }
    let rate = |count: usize, since: Instant| count as f64 / since.elapsed().as_secs_f64();
    let appended = rate(items, start);
    let mut latencies = std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner));
    latencies.sort_unstable();
    let latency =
        [latencies.len() / 2, latencies.len() * 99 / 100].map(|at| latencies.get(at).copied().unwrap_or_default());
    let stream = load.item(run, 0).stream;
    let start = Instant::now();
    let page =
        runtime.block_on(store.read(stream, Part::After { after: 0, limit: usize::MAX })).map_err(|e| e.to_string())?;
    let read = rate(page.items.len(), start);
    let start = Instant::now();
    runtime.block_on(store.close()).map_err(|e| e.to_string())?;
    Ok(Speed { opening, appended, latency, read, items: page.items.len(), closing: start.elapsed() })
}

impl Load {
    fn item(self, run: u64, number: usize) -> Append {
        match self {
            Self::Strokes => Append {
                stream: Stream::Board,
                author: String::new(),
                body: format!(
                    r##"{{"startX":{number},"startY":{number},"endX":12.5,"endY":17.25,"color":"#1f77b4"}}"##
                ),
                id: None,
            },
            Self::Messages => {
                let (from, to) = ((number % 100).cast_signed() as i64, (number / 100 % 100).cast_signed() as i64);
                let id = SentId { sender: format!("user:{from}"), id: format!("{run:x}-{number}") };
                let stream = Stream::Direct(Pair::new(UserId(from), UserId(to)));
                Append { stream, author: format!("user{from}"), body: format!("message number {number}"), id: Some(id) }
            }
        }
    }
}
