//! What an idle connection costs: opens many to a server that runs already, and reads its memory from /proc.
//!
//! `cargo build --release -p framescope-server --bins --example idle_memory`, start `framescope --threads 1`, then
//! `idle_memory PID ADDRESS [COUNT] [PATH]`. Both ends need a limit on open files above COUNT (`ulimit -n`). Linux only.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pid), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: idle_memory PID ADDRESS [COUNT] [PATH]".into());
    };
    let count: usize = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    let path = arguments.next().unwrap_or_else(|| "/echo".into());
    // The first few pay for what all share.
    let warm_up = open(&address, &path, 100)?;
    exchange(&warm_up)?;
    let before = resident(&pid)?;
    let connections = open(&address, &path, count)?;
    let opened = resident(&pid)?;
    exchange(&connections)?;
    let used = resident(&pid)?;
    // After a while of silence, what an idle connection need not hold is given back.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let settled = resident(&pid)?;
    println!("{count} idle connections to {path}, resident bytes each:");
    for (name, now) in [("opened", opened), ("after a message each", used), ("5 s later", settled)] {
        println!("{:>8} {name}", now.saturating_sub(before) / count as u64);
    }
    drop(connections);
    Ok(())
}

fn open(address: &str, path: &str, count: usize) -> std::io::Result<Vec<TcpStream>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(request.as_bytes())?;
            let mut answer = [0; 1024];
            let len = stream.read(&mut answer)?;
            assert!(answer[..len].starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer[..len]));
            Ok(stream)
        })
        .collect()
}

/// One message there and back on each.
fn exchange(connections: &[TcpStream]) -> std::io::Result<()> {
    for mut stream in connections {
        stream.write_all(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")?;
        let mut echo = [0; 2];
        stream.read_exact(&mut echo)?;
        let mut payload = vec![0; usize::from(echo[1])];
        stream.read_exact(&mut payload)?;
    }
    Ok(())
}

/// VmRSS in bytes.
fn resident(pid: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}
