//! What the benchmarks share: a program in a process of its own and what it uses up, connections to it, medians.
#![allow(dead_code, reason = "each benchmark has its own use for it")]

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use framescope_tests::opening_request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A program that prints where it listens, ended when this is dropped. On the core that `BENCH_SERVER_CORE` names, if
/// it names one.
pub(crate) struct Measured {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) addr: SocketAddr,
}

impl Measured {
    pub(crate) fn start(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = match std::env::var("BENCH_SERVER_CORE") {
            Ok(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", &core]).arg(program);
                taskset
            }
            Err(_) => Command::new(program),
        };
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addr = addr_in(&mut lines).expect("its address");
        Self { child, lines, addr }
    }

    /// It, once it has compressed its pages, which nobody here asks for.
    pub(crate) fn idle(self) -> Self {
        let is_compressing = || {
            let mut tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
            tasks.any(|task| {
                std::fs::read_to_string(task.unwrap().path().join("comm")).is_ok_and(|name| name == "brotli\n")
            })
        };
        while is_compressing() {
            std::thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// The address in the next line that it prints.
    pub(crate) fn next_addr(&mut self) -> Option<SocketAddr> {
        addr_in(&mut self.lines)
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        // schedstat counts in nanoseconds what stat counts in ticks.
        let nanoseconds = std::fs::read_dir(format!("/proc/{}/task", self.child.id()))
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    /// Memory held now, in bytes.
    pub(crate) fn rss(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most it ever held, in bytes.
    pub(crate) fn peak_rss(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn addr_in(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<SocketAddr> {
    let line = lines.next()?.ok()?;
    line.split_once("://")?.1.split('/').next()?.parse().ok()
}

/// The program to measure.
pub(crate) fn program() -> OsString {
    std::env::var_os("BENCH_SERVER").expect("run.sh says which program")
}

/// A WebSocket, of which the test writes and reads the bytes.
pub(crate) async fn open(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&opening_request(addr, path, &[])).await.unwrap();
    let mut head = Vec::new();
    // Byte by byte: what comes behind it is not the head's.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A number from the environment.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
