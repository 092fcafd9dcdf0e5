//! A page's end of `/tunnel`: raw, or as a port of this machine that leads through it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use framescope_codec::Closed;
use framescope_server::{ClientOptions, Event, WebSocketClient};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{PATIENCE, http};

/// The cookie of a browser that has just opened a page.
///
/// # Panics
/// When the page sets none.
pub async fn guest(addr: SocketAddr) -> String {
    let cookie = http(addr, "GET", "/", &[], "").await.cookie();
    assert!(!cookie.is_empty());
    cookie
}

/// A tunnel, spoken by hand.
#[derive(Debug)]
pub struct TunnelClient {
    client: WebSocketClient,
    /// Bytes that have come and were not asked for yet.
    bytes: Vec<u8>,
}

/// What comes out of a tunnel besides bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A text message.
    Control(Value),
    /// The end.
    Closed(Closed),
}

impl TunnelClient {
    /// Opens one to `to`, which goes into the query as it is.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn open(addr: SocketAddr, to: &str, cookie: &str) -> Self {
        let headers = vec![("Cookie".to_owned(), cookie.to_owned())];
        let limits = framescope_codec::Config { message_max: 1 << 30, ..framescope_codec::Config::default() };
        let options = ClientOptions { headers, limits, compression: Vec::new(), ..ClientOptions::default() };
        let socket = TcpSocket::new_v4().expect("a socket");
        // Who does not read is to be noticed before long.
        socket.set_recv_buffer_size(128 << 10).expect("its buffer can be set");
        let stream = socket.connect(addr).await.expect("a connection");
        let client = WebSocketClient::over(stream, &format!("ws://{addr}/tunnel?to={to}"), options).await;
        let mut tunnel = Self { client: client.unwrap_or_else(|error| panic!("{error}")), bytes: Vec::new() };
        assert_eq!(tunnel.word().await, Word::Control(json!({"credit": 131_072})), "what it begins with");
        tunnel
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the connection is closing, or much already waits.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.queue(bytes);
        self.client.flush().await;
    }

    /// Has bytes sent when something is waited for.
    ///
    /// # Panics
    /// When the connection is closing, or much already waits.
    pub fn queue(&self, bytes: &[u8]) {
        self.client.send(bytes).expect("it is taken");
    }

    /// Sends control.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn control(&mut self, control: &Value) {
        self.text(&control.to_string()).await;
    }

    /// Sends a text as it is.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn text(&mut self, text: &str) {
        self.client.send(text).expect("it is taken");
        self.client.flush().await;
    }

    /// Begins to close.
    pub async fn close(&mut self) {
        let _ = self.client.close(None);
        self.client.flush().await;
    }

    /// The next that is no bytes.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn word(&mut self) -> Word {
        loop {
            if let Some(word) = self.step().await {
                return word;
            }
        }
    }

    /// The next that is neither bytes nor credit.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn news(&mut self) -> Word {
        loop {
            match self.word().await {
                Word::Control(control) if !control["credit"].is_null() => {}
                word => return word,
            }
        }
    }

    /// Exactly so many bytes; credit is passed over.
    ///
    /// # Panics
    /// When something else comes before.
    pub async fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.bytes.len() < len {
            match self.step().await {
                None => {}
                Some(Word::Control(control)) if !control["credit"].is_null() => {}
                Some(word) => panic!("{word:?} behind {} bytes of {len}", self.bytes.len()),
            }
        }
        self.bytes.drain(..len).collect()
    }

    /// All bytes that have come and were not asked for.
    pub fn unread(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Reads up to the end, which must be with this code; what was said last comes back.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub async fn assert_closed(&mut self, code: u16) -> Option<Value> {
        let mut last = None;
        loop {
            match self.news().await {
                Word::Control(control) => last = Some(control),
                Word::Closed(closed) => {
                    assert_eq!(closed.code, code, "{closed:?} behind {last:?}");
                    return last;
                }
            }
        }
    }

    /// Sends whatever the credit, and reads little, until nothing was taken for so long.
    pub async fn push(&mut self, stopped: Duration) {
        loop {
            while self.client.has_room() {
                self.queue(&[1; 16 << 10]);
            }
            let waiting = self.client.waiting();
            // What comes in meanwhile is kept up to a limit, and then not read.
            let _ = timeout(stopped, self.client.flush()).await;
            if self.client.waiting() == waiting {
                return;
            }
        }
    }

    /// Sends what waits and takes in the next thing, bytes or not.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn step(&mut self) -> Option<Word> {
        match timeout(PATIENCE, self.client.next()).await.expect("something in time") {
            Some(Event::Binary(bytes)) => self.bytes.extend(bytes),
            Some(Event::Text(text)) => return Some(Word::Control(serde_json::from_str(&text).expect("JSON"))),
            Some(Event::Closed(closed)) => return Some(Word::Closed(closed)),
            Some(Event::Ping(_) | Event::Pong(_)) => {}
            other => panic!("{other:?}"),
        }
        None
    }

    /// Gives the one who connects to the address that comes back what is at the other end, as a page's client would:
    /// with credit both ways. How it ended comes from the task.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn bridge(self) -> (SocketAddr, JoinHandle<Option<Value>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.expect("a connection");
            carry(self.client, socket).await
        });
        (addr, task)
    }
}

/// Carries bytes both ways; the last word of the tunnel comes back, if it was an error.
async fn carry(mut client: WebSocketClient, mut socket: TcpStream) -> Option<Value> {
    const WINDOW: usize = 128 << 10;
    let (mut credit, mut has_ended, mut error) = (WINDOW as u64, false, None);
    client.send(&*json!({"credit": WINDOW}).to_string()).expect("it is open");
    let mut piece = vec![0; 16 << 10];
    loop {
        let len = usize::try_from(credit).unwrap_or(usize::MAX).min(piece.len());
        tokio::select! {
            event = client.next() => match event {
                Some(Event::Binary(bytes)) => {
                    if socket.write_all(&bytes).await.is_ok() {
                        let _ = client.send(&*json!({"credit": bytes.len()}).to_string());
                    }
                }
                Some(Event::Text(text)) => {
                    let control: Value = serde_json::from_str(&text).expect("JSON");
                    credit += control["credit"].as_u64().unwrap_or(0);
                    if control["eof"] == true {
                        let _ = socket.shutdown().await;
                    }
                    if !control["error"].is_null() {
                        error = Some(control);
                    }
                }
                Some(Event::Closed(_)) | None => return error,
                Some(_) => {}
            },
            read = socket.read(&mut piece[..len]), if len > 0 && !has_ended => match read {
                Ok(0) => {
                    has_ended = true;
                    let _ = client.send(r#"{"eof":true}"#);
                }
                Ok(len) => {
                    credit -= len as u64;
                    client.send(&piece[..len]).expect("it is open");
                }
                Err(_) => {
                    has_ended = true;
                    let _ = client.send(r#"{"error":"reset"}"#);
                }
            },
        }
    }
}
