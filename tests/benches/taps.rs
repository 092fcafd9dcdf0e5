//! What being watched costs a connection of `/echo`, and what not being watched does. See `run.sh`.
//!
//! A steady 50 000 frames a second in all, both directions, each message a frame there and a frame back, so that a
//! watcher can keep up and nothing is saved by its gaps; with nobody watching and with the operator watching,
//! alternating, on the same server. What counts is the processor time of the server's process, the sending of what is
//! seen included, in the same units as a target is: per message. A decoder then reads what was seen, and must find
//! every frame. The processor's clock and caches make each figure vary by some percent; medians vary less.
//!
//! With `BENCH_BEFORE`, the path of another build of the program, also: as fast as it goes, unwatched, beside that.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use framescope_codec::capture::{Decoder, Record, What};
use framescope_tests::{OutFrame, WireClient};
use measured::{Measured, median, number, open, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

mod measured;

/// How long one round of one case lasts.
const ROUND: Duration = Duration::from_millis(1500);

/// In all, each way.
const MESSAGES_PER_SECOND: u32 = 25_000;

/// Payload length, connections, messages at a time on each.
const CASES: [(usize, usize, usize); 4] = [(16, 64, 1), (125, 64, 16), (1 << 10, 64, 1), (1 << 10, 64, 16)];

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds = number("BENCH_ROUNDS", 5);
    println!("taps: nanoseconds of the server's processor time per message, medians of {rounds}, alternating");
    println!("{:>8} {:>5} {:>3} {:>10} {:>10} {:>8}   seen", "payload", "conns", "at", "unwatched", "watched", "more");
    for (len, connections, at_a_time) in CASES {
        let server = start(program(), &["--operator-token", TOKEN]);
        let mut costs = [Vec::new(), Vec::new()];
        let (mut sent, mut seen) = (0, 0);
        // The first round of each is to warm up.
        for round in 0..=rounds {
            for is_watched in [false, true] {
                let watch = if is_watched { Some(Watch::start(server.addr).await) } else { None };
                let (cost, count) = echo(&server, len, connections, at_a_time, Pace::Steady).await;
                if round > 0 {
                    costs[usize::from(is_watched)].push(cost);
                }
                if let Some(watch) = watch {
                    sent += 2 * count;
                    seen += watch.end(2 * count).await;
                }
            }
        }
        let [unwatched, watched] = costs.map(median);
        let more = (watched / unwatched - 1.0) * 100.0;
        println!(
            "{len:>8} {connections:>5} {at_a_time:>3} {unwatched:>10.0} {watched:>10.0} {more:>7.1}%   {seen} of {sent} frames"
        );
    }
    let Some(before) = std::env::var_os("BENCH_BEFORE") else { return };
    println!("unwatched, as fast as it goes: nanoseconds per message, beside the build before");
    for (len, connections, at_a_time) in CASES {
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (program, costs) in [&before, &program()].into_iter().zip(&mut costs) {
                let server = start(program, &[]);
                costs.push(echo(&server, len, connections, at_a_time, Pace::Fast).await.0);
            }
        }
        let [before, now] = costs.map(median);
        println!(
            "{len:>8} {connections:>5} {at_a_time:>3} {before:>10.0} {now:>10.0} {:>7.1}%",
            (now / before - 1.0) * 100.0
        );
    }
}

/// The program, with one thread.
fn start(program: impl AsRef<OsStr>, flags: &[&str]) -> Measured {
    let args = ["--listen", "127.0.0.1:0", "--in-memory", "--threads", "1", "--log", "warn"];
    Measured::start(program, args.iter().chain(flags)).idle()
}

/// The operator's page, which takes everything as it comes and looks at it later.
struct Watch {
    stop: oneshot::Sender<usize>,
    reading: tokio::task::JoinHandle<usize>,
}

impl Watch {
    async fn start(addr: SocketAddr) -> Self {
        let path = format!("/inspect/live?token={TOKEN}");
        let (mut client, _) = WireClient::open_with(addr, &path, &[]).await;
        let (_, _, mut capture) = client.message().await;
        let (stop, mut stopping) = oneshot::channel();
        let reading = tokio::spawn(async move {
            let expected = loop {
                tokio::select! {
                    (_, _, blocks) = client.message() => capture.extend(blocks),
                    expected = &mut stopping => break expected.unwrap(),
                }
            };
            let mut seen = Seen::default();
            seen.look(&capture);
            // What was lost does not come; what was not, comes within a tick or two.
            while seen.frames < expected
                && let Ok((_, _, blocks)) = tokio::time::timeout(Duration::from_millis(500), client.message()).await
            {
                seen.look(&blocks);
            }
            seen.frames
        });
        Self { stop, reading }
    }

    /// How many frames were seen, of so many.
    async fn end(self, expected: usize) -> usize {
        self.stop.send(expected).unwrap();
        self.reading.await.unwrap()
    }
}

#[derive(Default)]
struct Seen {
    decoder: Decoder,
    frames: usize,
}

impl Seen {
    fn look(&mut self, blocks: &[u8]) {
        self.decoder.feed(blocks);
        while let Some(record) = self.decoder.next_record() {
            let Record::Event(event) = record else { panic!("{record:?}") };
            self.frames += usize::from(matches!(event.what, What::Frame(_)));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Steady,
    Fast,
}

/// Keeps so many connections busy for a while: what a message costs, and how many there were.
async fn echo(server: &Measured, len: usize, connections: usize, at_a_time: usize, pace: Pace) -> (f64, usize) {
    let frame = OutFrame::binary(vec![b'x'; len]);
    let batch = frame.bytes().repeat(at_a_time);
    let reply_len = frame.unmasked().bytes().len() * at_a_time;
    let period = Duration::from_secs(1) * u32::try_from(connections * at_a_time).unwrap() / MESSAGES_PER_SECOND;
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(open(server.addr, "/echo").await);
    }
    let (cpu, begun) = (server.cpu(), Instant::now());
    let mut tasks = JoinSet::new();
    for (number, mut stream) in (0_u32..).zip(streams) {
        let batch = batch.clone();
        tasks.spawn(async move {
            let mut reply = vec![0; reply_len];
            let mut count = 0;
            // Not all at once.
            let mut turn = begun + period * number / u32::try_from(connections).unwrap();
            while begun.elapsed() < ROUND {
                if pace == Pace::Steady {
                    tokio::time::sleep_until(turn.into()).await;
                    turn += period;
                }
                stream.write_all(&batch).await.unwrap();
                stream.read_exact(&mut reply).await.unwrap();
                count += at_a_time;
            }
            count
        });
    }
    let count: usize = tasks.join_all().await.into_iter().sum();
    ((server.cpu() - cpu).as_nanos() as f64 / count as f64, count)
}
