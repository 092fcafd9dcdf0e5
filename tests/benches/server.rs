//! `/echo` beside an echo server on tokio-tungstenite: messages per second of the server's processor time, and what an
//! idle connection takes up. See `run.sh`.
//!
//! Wall time says little on a machine that does other things too, so the processor time of the server's process is
//! what counts, user and system, as the kernel books it. Each server has one thread.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use framescope_tests::{OutFrame, opening_request};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
                rates.push(echo_rate(&Server::start(kind), len, connections, in_flight).await);
            }
        }
        let [ours, theirs] = rates.map(median);
        println!("{len:>10} {connections:>5} {in_flight:>4} {ours:>12.0} {theirs:>12.0} {:>7.2}x", ours / theirs);
    }
    let count = number("BENCH_IDLE", 5000);
    for (name, when) in [("fresh", 0), ("after 16 KiB each way", 16 << 10)] {
        let mut each = Vec::new();
        for kind in [Kind::Ours, Kind::Opponent] {
            each.push(idle_bytes(&Server::start(kind), count, when).await);
        }
        println!(
            "idle connection, {name}: framescope {} bytes, tungstenite {} bytes ({count} of them)",
            each[0], each[1]
        );
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(Clone, Copy)]
enum Kind {
    Ours,
    Opponent,
}

/// A server in a process of its own, ended when this is dropped.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(kind: Kind) -> Self {
        let (program, args) = match kind {
            Kind::Ours => {
                let program = std::env::var_os("BENCH_SERVER").expect("run.sh says which program");
                (program, vec!["--listen", "127.0.0.1:0", "--in-memory", "--threads", "1", "--log", "warn"])
            }
            Kind::Opponent => (std::env::current_exe().unwrap().into_os_string(), vec!["opponent"]),
        };
        let mut command = match std::env::var("BENCH_SERVER_CORE") {
            Ok(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", &core]).arg(program);
                taskset
            }
            Err(_) => Command::new(program),
        };
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, addr) = line.trim_end().trim_end_matches('/').split_once("http://").expect("its address");
        Self { child, addr: addr.parse().unwrap() }
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        // schedstat counts in nanoseconds what stat counts in ticks.
        let nanoseconds = std::fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    fn rss(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn open(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&opening_request(addr, "/echo", &[])).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut head).await.unwrap();
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Keeps so many connections busy for a while.
async fn echo_rate(server: &Server, len: usize, connections: usize, in_flight: usize) -> f64 {
    let frame = OutFrame::binary(vec![b'x'; len]);
    let batch = frame.bytes().repeat(in_flight);
    let reply_len = frame.unmasked().bytes().len() * in_flight;
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(open(server.addr).await);
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
async fn idle_bytes(server: &Server, count: usize, len: usize) -> usize {
    let frame = OutFrame::binary(vec![b'x'; len]);
    let reply_len = frame.clone().unmasked().bytes().len();
    open(server.addr).await;
    let before = server.rss();
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = open(server.addr).await;
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
