//! Messages in memory: client frames parsed and unmasked, beside tungstenite. See `run.sh`.
//!
//! Both get the bytes as from a socket, by a copy into their read buffer, and both are asked for whole messages, one by
//! one. Rounds of the two alternate, and medians are shown: machines are noisy, and noise comes in stretches.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Instant;

use framescope_codec::{Config, Connection, Event, Input};
use framescope_tests::OutFrame;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

/// What a read from a socket may bring.
const READ: usize = 128 << 10;
/// Bytes of payload in one go.
const VOLUME: usize = 16 << 20;

fn main() {
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    println!("codec: ns per message received by a server, medians of {rounds}, alternating");
    println!("{:>10} {:>8} {:>12} {:>12} {:>8}", "payload", "kind", "framescope", "tungstenite", "ratio");
    for len in [16, 125, 1 << 10, 16 << 10, 1 << 20] {
        for is_text in [false, true] {
            let count = (VOLUME / (len + 24)).max(4);
            let frame = if is_text { OutFrame::text(vec![b'x'; len]) } else { OutFrame::binary(vec![b'x'; len]) };
            let wire = frame.bytes().repeat(count);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                ours.push(time(count, || run_ours(&wire)));
                theirs.push(time(count, || run_theirs(&wire)));
            }
            let (ours, theirs) = (median(ours), median(theirs));
            let kind = if is_text { "text" } else { "binary" };
            println!("{len:>10} {kind:>8} {ours:>12.1} {theirs:>12.1} {:>7.1}x", theirs / ours);
        }
    }
}

fn time(count: usize, run: impl Fn() -> usize) -> f64 {
    let started = Instant::now();
    assert_eq!(run(), count);
    started.elapsed().as_nanos() as f64 / count as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn run_ours(wire: &[u8]) -> usize {
    let mut conn = Connection::server(Config::default(), None);
    let mut buffer = vec![0; READ];
    let mut out = Vec::new();
    let mut count = 0;
    for piece in wire.chunks(READ) {
        let read = &mut buffer[..piece.len()];
        read.copy_from_slice(piece);
        let mut input = Input::new(read);
        while let Some(event) = conn.receive(&mut input, &mut out) {
            if let Event::Message(message) = event {
                black_box(message.as_bytes());
                count += 1;
            }
        }
    }
    count
}

struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run_theirs(wire: &[u8]) -> usize {
    let config = WebSocketConfig::default().read_buffer_size(READ);
    let mut socket = WebSocket::from_raw_socket(Wire(wire), Role::Server, Some(config));
    let mut count = 0;
    while let Ok(message) = socket.read() {
        black_box(message.into_data());
        count += 1;
    }
    count
}
