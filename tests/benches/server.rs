//! `/echo` beside an echo server on tokio-tungstenite: messages per second of the server's processor time, and what an
//! idle connection takes up. See `run.sh`.
//!
//! Wall time says little on a machine that does other things too, so the processor time of the server's process is
//! what counts, user and system, as the kernel books it. Each server has one thread.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::time::{Duration, Instant};

use framescope_tests::OutFrame;
use futures_util::{SinkExt, StreamExt};
use measured::{Measured, median, number, open, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

mod measured;

/// How long one round of one case lasts.
const ROUND: Duration = Duration::from_millis(700);

/// Payload length, connections, messages in flight on each.
const CASES: [(usize, usize, usize); 5] =
    [(16, 64, 1), (125, 64, 16), (1 << 10, 64, 16), (16 << 10, 64, 1), (1 << 20, 8, 1)];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("opponent") {
        return opponent().await;
    }
    let rounds = number("BENCH_ROUNDS", 5);
    println!("server: messages per second of its processor time, medians of {rounds}, alternating");
    println!("{:>10} {:>5} {:>4} {:>12} {:>12} {:>8}", "payload", "conns", "P", "framescope", "tungstenite", "ratio");
    for (len, connections, in_flight) in CASES {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (kind, rates) in [Kind::Ours, Kind::Opponent].into_iter().zip(&mut rates) {
                rates.push(echo_rate(&kind.start(), len, connections, in_flight).await);
            }
        }
        let [ours, theirs] = rates.map(median);
        println!("{len:>10} {connections:>5} {in_flight:>4} {ours:>12.0} {theirs:>12.0} {:>7.2}x", ours / theirs);
    }
    let count = number("BENCH_IDLE", 5000);
    for (name, when) in [("fresh", 0), ("after 16 KiB each way", 16 << 10)] {
        let mut each = Vec::new();
        for kind in [Kind::Ours, Kind::Opponent] {
            each.push(idle_bytes(&kind.start(), count, when).await);
        }
        println!(
            "idle connection, {name}: framescope {} bytes, tungstenite {} bytes ({count} of them)",
            each[0], each[1]
        );
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ours,
    Opponent,
}

impl Kind {
    fn start(self) -> Measured {
        match self {
            Self::Ours => Measured::start(
                program(),
                ["--listen", "127.0.0.1:0", "--in-memory", "--threads", "1", "--log", "warn"],
            )
            .idle(),
            Self::Opponent => Measured::start(std::env::current_exe().unwrap(), ["opponent"]),
        }
    }
}

/// Keeps so many connections busy for a while.
async fn echo_rate(server: &Measured, len: usize, connections: usize, in_flight: usize) -> f64 {
    let frame = OutFrame::binary(vec![b'x'; len]);
    let batch = frame.bytes().repeat(in_flight);
    let reply_len = frame.unmasked().bytes().len() * in_flight;
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(open(server.addr, "/echo").await);
    }
    let (cpu, end) = (server.cpu(), Instant::now() + ROUND);
    let mut tasks = JoinSet::new();
    for stream in streams {
        let batch = batch.clone();
        tasks.spawn(async move {
            let (mut reader, mut writer) = stream.into_split();
            let mut buffer = vec![0; 256 << 10];
            let mut count = 0;
            while Instant::now() < end {
                // Both at once: a message larger than the socket's buffers comes back while it is still going out.
                let read = async {
                    let mut left = reply_len;
                    while left > 0 {
                        let wanted = left.min(buffer.len());
                        let read = reader.read(&mut buffer[..wanted]).await.unwrap();
                        assert!(read > 0, "the server has gone");
                        left -= read;
                    }
                };
                let (written, ()) = tokio::join!(writer.write_all(&batch), read);
                written.unwrap();
                count += in_flight;
            }
            count
        });
    }
    let count: usize = tasks.join_all().await.into_iter().sum();
    count as f64 / (server.cpu() - cpu).as_secs_f64()
}

/// What each of `count` connections adds to the server's memory, after an echo of `len` bytes.
async fn idle_bytes(server: &Measured, count: usize, len: usize) -> usize {
    let frame = OutFrame::binary(vec![b'x'; len]);
    let reply_len = frame.clone().unmasked().bytes().len();
    open(server.addr, "/echo").await;
    let before = server.rss();
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = open(server.addr, "/echo").await;
        if len > 0 {
            stream.write_all(&frame.bytes()).await.unwrap();
            stream.read_exact(&mut vec![0; reply_len]).await.unwrap();
        }
        streams.push(stream);
    }
    server.rss().saturating_sub(before) / count
}

/// An echo server as tokio-tungstenite's own examples have it.
async fn opponent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}
