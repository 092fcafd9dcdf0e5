//! What a proxy costs: round trips and throughput at `/echo`, straight and through `framescope proxy`, that with nobody
//! watching, with a page that watches, and with a file. See `run.sh`.
//!
//! The four alternate, round by round. Wall time is what a user notices and what a busy machine spoils; beside it stands
//! the processor time of the proxy's process for each message, there and back.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use framescope_tests::{OutFrame, opening_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

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
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|value| value.parse().ok()).unwrap_or(5);
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A process with an address, ended when this is dropped.
struct Process {
    child: Child,
    addr: SocketAddr,
    /// The inspector's.
    inspector: Option<SocketAddr>,
}

impl Process {
    fn start(args: &[&str]) -> Self {
        let program = std::env::var_os("BENCH_SERVER").expect("run.sh says which program");
        let mut child = Command::new(program)
            .args(args)
            .args(["--listen", "127.0.0.1:0", "--threads", "1", "--log", "error"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = || {
            let line = lines.next()?.ok()?;
            line.split_once("://")?.1.split('/').next()?.parse::<SocketAddr>().ok()
        };
        let addr = address().expect("its address");
        let inspector = if args.contains(&"--no-inspect") { None } else { address() };
        Self { child, addr, inspector }
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        let nanoseconds = std::fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Duration::from_nanos(nanoseconds)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn open(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&opening_request(addr, path, &[])).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Keeps so many connections busy for a while, this way.
async fn round(way: Way, len: usize, connections: usize, in_flight: usize) -> Round {
    let server = Process::start(&["serve", "--in-memory"]);
    let to = format!("ws://{}", server.addr);
    let flags: &[&str] = match way {
        Way::Straight => &[],
        Way::Unwatched => &["--no-inspect"],
        Way::Page => &["--inspect", "127.0.0.1:0", "--operator-token", "0123456789abcdef"],
        Way::File => &["--no-inspect", "--write", "/dev/null"],
    };
    let proxy = (way != Way::Straight).then(|| Process::start(&[&["proxy", "--to", &to], flags].concat()));
    let addr = proxy.as_ref().map_or(server.addr, |proxy| proxy.addr);
    let mut watching = JoinSet::new();
    if let Some(inspector) = proxy.as_ref().and_then(|proxy| proxy.inspector) {
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
    let cpu = || proxy.as_ref().map_or(Duration::ZERO, Process::cpu);
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
