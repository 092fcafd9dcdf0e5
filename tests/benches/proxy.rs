//! What a proxy costs: round trips and throughput at `/echo`, straight and through `framescope proxy`, that with nobody
//! watching, with a page that watches, and with a file. See `run.sh`.
//!
//! The four alternate, round by round. Wall time is what a user notices and what a busy machine spoils; beside it stands
//! the processor time of the proxy's process for each message, there and back.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::time::{Duration, Instant};

use framescope_tests::OutFrame;
use measured::{Measured, median, number, open, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

mod measured;

/// How long one round of one case lasts.
const ROUND: Duration = Duration::from_millis(700);

/// Payload length, connections, messages in flight on each.
const CASES: [(usize, usize, usize); 4] = [(125, 1, 1), (125, 64, 16), (16 << 10, 64, 1), (1 << 20, 8, 1)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Straight,
    Unwatched,
    Page,
    File,
}

const WAYS: [(Way, &str); 4] =
    [(Way::Straight, "straight"), (Way::Unwatched, "proxy"), (Way::Page, "proxy, page"), (Way::File, "proxy, file")];

/// What one round came to.
#[derive(Clone, Copy)]
struct Round {
    rate: f64,
    round_trip_us: f64,
    proxy_us: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds = number("BENCH_ROUNDS", 5);
    println!("proxy: echoes through it, medians of {rounds}, alternating");
    println!(
        "{:>10} {:>5} {:>4} {:<12} {:>12} {:>8} {:>14} {:>16}",
        "payload", "conns", "P", "way", "messages/s", "ratio", "round trip µs", "proxy's µs each"
    );
    for (len, connections, in_flight) in CASES {
        let mut seen: [Vec<Round>; 4] = Default::default();
        for _ in 0..rounds {
            for ((way, _), seen) in WAYS.into_iter().zip(&mut seen) {
                seen.push(round(way, len, connections, in_flight).await);
            }
        }
        let mut straight = 0.0;
        for ((way, name), seen) in WAYS.into_iter().zip(seen) {
            let of = |what: fn(&Round) -> f64| median(seen.iter().map(what).collect());
            let rate = of(|round| round.rate);
            if way == Way::Straight {
                straight = rate;
            }
            println!(
                "{len:>10} {connections:>5} {in_flight:>4} {name:<12} {rate:>12.0} {:>8.2} {:>14.1} {:>16.2}",
                rate / straight,
                of(|round| round.round_trip_us),
                of(|round| round.proxy_us)
            );
        }
    }
}

fn start(args: &[&str]) -> Measured {
    Measured::start(program(), args.iter().chain(&["--listen", "127.0.0.1:0", "--threads", "1", "--log", "error"]))
        .idle()
}

/// Keeps so many connections busy for a while, this way.
async fn round(way: Way, len: usize, connections: usize, in_flight: usize) -> Round {
    let server = start(&["serve", "--in-memory"]);
    let to = format!("ws://{}", server.addr);
    let flags: &[&str] = match way {
        Way::Straight => &[],
        Way::Unwatched => &["--no-inspect"],
        Way::Page => &["--inspect", "127.0.0.1:0", "--operator-token", "0123456789abcdef"],
        Way::File => &["--no-inspect", "--write", "/dev/null"],
    };
    let mut proxy = (way != Way::Straight).then(|| start(&[&["proxy", "--to", &to], flags].concat()));
    let addr = proxy.as_ref().map_or(server.addr, |proxy| proxy.addr);
    let mut watching = JoinSet::new();
    if way == Way::Page {
        let inspector = proxy.as_mut().and_then(Measured::next_addr).expect("the inspector's address");
        let mut page = open(inspector, "/inspect/live?token=0123456789abcdef").await;
        watching.spawn(async move {
            let mut discarded = vec![0; 1 << 20];
            while page.read(&mut discarded).await.is_ok_and(|len| len > 0) {}
        });
    }
    let frame = OutFrame::binary(vec![b'x'; len]);
    let batch = frame.bytes().repeat(in_flight);
    let reply_len = frame.unmasked().bytes().len() * in_flight;
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(open(addr, "/echo").await);
    }
    let cpu = || proxy.as_ref().map_or(Duration::ZERO, Measured::cpu);
    let (cpu_before, began) = (cpu(), Instant::now());
    let mut tasks = JoinSet::new();
    for stream in streams {
        let batch = batch.clone();
        tasks.spawn(async move {
            let (mut reader, mut writer) = stream.into_split();
            let mut buffer = vec![0; 256 << 10];
            let mut trips = Vec::new();
            while began.elapsed() < ROUND {
                let sent = Instant::now();
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
                trips.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            trips
        });
    }
    let trips = tasks.join_all().await.concat();
    let count = (trips.len() * in_flight) as f64;
    Round {
        rate: count / began.elapsed().as_secs_f64(),
        proxy_us: (cpu() - cpu_before).as_secs_f64() * 1e6 / count,
        round_trip_us: median(trips),
    }
}
