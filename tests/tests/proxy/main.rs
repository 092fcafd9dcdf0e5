//! The proxy from outside: what a client and an upstream see of it, byte for byte.
#![allow(clippy::unwrap_used, reason = "in a test that is a failure like any other")]

mod answers;
mod capture;
mod ends;
mod intercept;
mod passing;
mod tls;
mod watching;

use std::net::SocketAddr;
use std::time::Duration;

use framescope_tests::{ACCEPT, PATIENCE, ServerProcess, WireClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// An upstream that does what the test says.
pub(crate) struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.addr())
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection, and the head of its request.
    pub(crate) async fn accept(&self) -> (TcpStream, String) {
        let (mut stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("a connection").unwrap();
        stream.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.expect("a head").unwrap());
        }
        (stream, String::from_utf8(head).unwrap())
    }

    /// The next connection, switched.
    pub(crate) async fn switch(&self) -> TcpStream {
        let (mut stream, _) = self.accept().await;
        stream.write_all(switching().as_bytes()).await.unwrap();
        stream
    }
}

/// The answer to the opening handshake of [`framescope_tests::opening_request`].
pub(crate) fn switching() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
}

/// A proxy without an inspector.
pub(crate) async fn proxy(to: &str, flags: &[&str]) -> ServerProcess {
    ServerProcess::proxy(to, &[&["--no-inspect"], flags].concat(), "").await
}

/// A proxy, and a connection through it.
pub(crate) async fn relayed() -> (ServerProcess, WireClient, TcpStream) {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &[]).await;
    let (client, stream) = connect(&proxy, &upstream).await;
    (proxy, client, stream)
}

/// A connection through a proxy.
pub(crate) async fn connect(proxy: &ServerProcess, upstream: &Upstream) -> (WireClient, TcpStream) {
    let (client, stream) = tokio::join!(WireClient::open(proxy.addr(), "/"), upstream.switch());
    (client, stream)
}

/// So many bytes that are no frames, nor anything else.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Exactly so many bytes, in time.
pub(crate) async fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("bytes in time").expect("bytes");
    bytes
}

/// Waits until something holds.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it comes to hold");
}
