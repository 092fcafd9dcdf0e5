//! WebSocket clients, thousands to a thread: the codec on a socket, and nothing else.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use framescope_codec::deflate::params::Offer;
use framescope_codec::handshake::{ClientHandshake, ClientOptions, ExtraHeaders, Url};
use framescope_codec::{CloseCode, CloseFrame, Config, Event, Input, MaskingKey, Message, Receiver, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What to connect with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wishes<'a> {
    /// A session's.
    pub(crate) cookie: &'a str,
    /// Offers compression, as browsers do.
    pub(crate) deflate: bool,
}

/// Opens a WebSocket; its two halves can be used by different tasks.
pub(crate) async fn open(addr: SocketAddr, path: &str, wishes: Wishes<'_>) -> (Ear, Mouth) {
    let url = Url::parse(&format!("ws://{addr}{path}")).unwrap();
    let mut headers = ExtraHeaders::new();
    if !wishes.cookie.is_empty() {
        headers.push("Cookie", wishes.cookie).unwrap();
    }
    let offers: &[Offer] = if wishes.deflate { &[Offer::BROWSER] } else { &[] };
    let options = ClientOptions { offers, headers: Some(&headers), ..ClientOptions::default() };
    let mut handshake = ClientHandshake::new(&url, *b"the sample nonce", &options).unwrap();
    let mut bytes = Vec::new();
    handshake.request(&mut bytes);
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&bytes).await.unwrap();
    bytes.clear();
    let (response, len) = loop {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "hung up in the handshake: {}", String::from_utf8_lossy(&bytes));
        if let Some(answer) = handshake.receive(&bytes).unwrap_or_else(|error| panic!("{error}")) {
            break answer;
        }
    };
    // A board's history is one message. Keys need not be unpredictable where nobody is between.
    let limits = Config { message_max: 1 << 30, ..Config::default() };
    let (receiver, sender) = response.accept(limits, || MaskingKey([0x37, 0xfa, 0x21, 0x3d])).into_halves();
    let line = Rc::new(Line { stream, sender: RefCell::new(sender), out: RefCell::default() });
    let behind = bytes.split_off(len);
    (Ear { line: Rc::clone(&line), receiver, behind }, Mouth(line))
}

struct Line {
    stream: TcpStream,
    sender: RefCell<Sender>,
    out: RefCell<Vec<u8>>,
}

impl Line {
    /// Writes what it can now; true if that is all there is.
    fn write(&self) -> bool {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.stream.try_write(&out) {
                Ok(len) => drop(out.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => panic!("writing fails: {error}"),
            }
        }
        true
    }
}

/// The half that hears.
pub(crate) struct Ear {
    line: Rc<Line>,
    receiver: Receiver,
    /// What came with the handshake's answer.
    behind: Vec<u8>,
}

thread_local! {
    /// One buffer for all: a connection keeps only what is cut off.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 << 10]);
}

impl Ear {
    /// Waits for something and hears it: each text of one read. Says how many bytes there were; 0 once it is over.
    pub(crate) async fn hear(&mut self, mut text: impl FnMut(&str)) -> usize {
        if !self.behind.is_empty() {
            let mut behind = std::mem::take(&mut self.behind);
            self.work_off(&mut behind, &mut text);
            return behind.len();
        }
        loop {
            self.line.stream.readable().await.unwrap();
            let read = BUFFER.with_borrow_mut(|buffer| match self.line.stream.try_read(buffer) {
                Ok(len) => {
                    self.work_off(&mut buffer[..len], &mut text);
                    Some(len)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Err(_) => Some(0),
            });
            if let Some(len) = read {
                return len;
            }
        }
    }

    /// Hears until a text `ends` it; false if the connection ended before that.
    pub(crate) async fn hear_until(&mut self, mut ends: impl FnMut(&str) -> bool) -> bool {
        let mut has_ended = false;
        while !has_ended {
            if self.hear(|text| has_ended |= ends(text)).await == 0 {
                return false;
            }
        }
        true
    }

    fn work_off(&mut self, bytes: &mut [u8], text: &mut impl FnMut(&str)) {
        let mut input = Input::new(bytes);
        loop {
            let (mut sender, mut out) = (self.line.sender.borrow_mut(), self.line.out.borrow_mut());
            match self.receiver.receive(&mut sender, &mut input, &mut out) {
                Some(Event::Message(Message::Text(said))) => {
                    drop((sender, out));
                    text(said);
                }
                Some(Event::Failed(violation)) => panic!("the server broke a rule: {violation:?}"),
                Some(_) => {}
                None => break,
            }
        }
        // Pongs.
        self.line.write();
    }
}

/// The half that speaks.
#[derive(Clone)]
pub(crate) struct Mouth(Rc<Line>);

impl Mouth {
    /// Puts a text in line.
    pub(crate) fn say(&self, text: &str) {
        self.0.sender.borrow_mut().send(text, &mut self.0.out.borrow_mut()).unwrap();
    }

    /// Writes what the socket takes at once.
    pub(crate) fn write(&self) {
        self.0.write();
    }

    /// Writes everything.
    pub(crate) async fn flush(&self) {
        while !self.0.write() {
            self.0.stream.writable().await.unwrap();
        }
    }

    /// Sends a Close.
    pub(crate) async fn close(&self) {
        let frame = CloseFrame::from(CloseCode::NORMAL);
        // It may be closing already.
        let _ = self.0.sender.borrow_mut().close(Some(frame), &mut self.0.out.borrow_mut());
        self.flush().await;
    }
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The `Cookie` header that goes with what it set.
    pub(crate) fn cookies(&self) -> String {
        let lines = self.text.lines().take_while(|line| !line.is_empty());
        let set = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim())
        });
        set.collect::<Vec<_>>().join("; ")
    }
}

/// One request on a connection of its own; `body` is a form.
pub(crate) async fn http(addr: SocketAddr, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    let form = if method == "POST" {
        format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len())
    } else {
        String::new()
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{cookie}{form}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, text }
}
