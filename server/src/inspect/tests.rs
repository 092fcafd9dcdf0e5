//! Watching over real sockets, and reading what was seen with the codec, as the page does.

use std::sync::LazyLock;
use std::time::Duration;

use framescope_codec::capture::{CapturedFrame, Decoder, Direction, End, Record, What};
use framescope_codec::{DeflateParams, Dissection, Frame, MaskingKey, Opcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::auth::SessionId;
use crate::{ClientOptions, Config, ConnectError, Event, Offer, Server, WebSocketClient};

/// The cookies of two browsers.
static ALICE: LazyLock<String> = LazyLock::new(cookie);
static BOB: LazyLock<String> = LazyLock::new(cookie);

fn cookie() -> String {
    let set = SessionId::generate().to_cookie(false);
    set.split(';').next().unwrap().to_owned()
}

const PLAIN: &str = "/echo?plain";

/// A server that runs until the test ends.
struct Site {
    address: String,
    _stop: oneshot::Sender<()>,
}

impl Site {
    async fn new(config: Config) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let server = Server::bind(Config { listen, threads: 2, in_memory: true, ..config }).await.unwrap();
        let address = server.local_addr().to_string();
        let (stop, stopping) = oneshot::channel::<()>();
        tokio::spawn(server.run(async move { drop(stopping.await) }));
        Self { address, _stop: stop }
    }

    async fn connect(&self, path: &str, cookie: &str) -> WebSocketClient {
        let headers = vec![("Cookie".to_owned(), cookie.to_owned())];
        let limits = framescope_codec::Config { message_max: 64 << 20, ..framescope_codec::Config::default() };
        // Compressed with a context, nothing could be read behind a gap.
        let compression = if path == PLAIN { vec![] } else { vec![Offer::BROWSER] };
        let options = ClientOptions { headers, limits, compression, ..ClientOptions::default() };
        WebSocketClient::connect_with(&format!("ws://{}{path}", self.address), options).await.unwrap()
    }

    async fn watch(&self, cookie: &str) -> Watch {
        Watch { client: self.connect("/inspect/live", cookie).await, decoder: Decoder::new() }
    }
}

/// A page that watches.
struct Watch {
    client: WebSocketClient,
    decoder: Decoder,
}

impl Watch {
    /// What has come in until `is_enough` says so.
    async fn until(&mut self, mut is_enough: impl FnMut(&What) -> bool) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            while let Some(record) = self.decoder.next_record() {
                let Record::Event(event) = record else { panic!("{record:?}") };
                let is_last = is_enough(&event.what);
                seen.push(Seen { stream: event.stream, direction: event.direction, what: event.what });
                if is_last {
                    return seen;
                }
            }
            let event = tokio::time::timeout(Duration::from_secs(10), self.client.next()).await.expect("more to see");
            match event {
                Some(Event::Binary(blocks)) => self.decoder.feed(&blocks),
                Some(Event::Ping(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Until a text message from the server says `text`.
    async fn until_echo(&mut self, text: &str) -> Vec<Seen> {
        self.until(|what| is_text(what, text) && frame(what).is_some_and(|d| d.header.masking_key.is_none())).await
    }
}

struct Seen {
    stream: u32,
    direction: Direction,
    what: What,
}

fn frame(what: &What) -> Option<&Dissection> {
    match what {
        What::Frame(frame) => {
            let CapturedFrame { dissection, .. } = &**frame;
            Some(dissection)
        }
        _ => None,
    }
}

fn is_text(what: &What, text: &str) -> bool {
    frame(what).and_then(|frame| frame.message.as_ref()).is_some_and(|message| message.payload == text.as_bytes())
}

/// Every message and who sent it; panics at a broken rule.
fn messages(seen: &[Seen]) -> Vec<(Direction, String)> {
    let frames = seen.iter().filter_map(|seen| Some((seen.direction, frame(&seen.what)?)));
    frames
        .inspect(|(_, frame)| assert!(frame.violations.is_empty(), "{frame:?}"))
        .filter_map(|(direction, frame)| {
            let message = frame.message.as_ref()?;
            Some((direction, String::from_utf8_lossy(&message.payload).into_owned()))
        })
        .collect()
}

fn both_ways(text: &str) -> [(Direction, String); 2] {
    Direction::BOTH.map(|direction| (direction, text.to_owned()))
}

async fn say(client: &mut WebSocketClient, text: &str) {
    client.send(text).unwrap();
    assert_eq!(client.next().await, Some(Event::Text(text.to_owned())));
}

#[tokio::test]
async fn one_s_own_connections_are_seen_from_their_first_byte_and_nobody_else_s() {
    let site = Site::new(Config::default()).await;
    let mut watch = site.watch(&ALICE).await;
    let mut bob = site.connect("/echo", &BOB).await;
    say(&mut bob, "Bob's secret").await;
    let mut alice = site.connect("/echo?token=abc", &ALICE).await;
    say(&mut alice, "Hello").await;
    say(&mut bob, "Bob's other secret").await;
    say(&mut alice, "the end").await;

    let seen = watch.until_echo("the end").await;
    assert!(seen.iter().all(|seen| seen.stream == 0), "one connection, and not the watch itself");
    assert_eq!(messages(&seen), [both_ways("Hello"), both_ways("the end")].concat());
    let What::Request(request) = &seen[0].what else { panic!("{:?}", seen[0].what) };
    let head = String::from_utf8(request.head().bytes().to_vec()).unwrap();
    assert!(head.starts_with("GET /echo?token=*** HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("Cookie: {}\r\n", "*".repeat(ALICE.len()))), "{head}");
    assert!(matches!(&seen[1].what, What::Response(_)));
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_watch() {
    let site = Site::new(Config::default()).await;
    let made_up = "framescope_session=00112233445566778899aabbccddeeff";
    for cookie in [
        "",
        "framescope_session=guess",
        "framescope_session=*",
        made_up,
        &made_up.replace('=', "=00112233445566778899aabbccddeeff"),
    ] {
        let headers = vec![("Cookie".to_owned(), cookie.to_owned())];
        let options = ClientOptions { headers, ..ClientOptions::default() };
        let refused = WebSocketClient::connect_with(&format!("ws://{}/inspect/live", site.address), options).await;
        let Err(ConnectError::Handshake(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.to_string(), "The server answered 403 Forbidden.");
    }
}

#[tokio::test]
async fn a_watch_that_begins_late_says_so_and_what_was_agreed() {
    let site = Site::new(Config::default()).await;
    let mut alice = site.connect("/websocket", &ALICE).await;
    let said = r#"{"messageType":"echo_client","text":"hi"}"#;
    let echo = r#"{"messageType":"echo_server","text":"hi"}"#;
    // What it is told unasked comes first.
    let mut exchange = async || {
        alice.send(said).unwrap();
        while alice.next().await.unwrap() != Event::Text(echo.to_owned()) {}
    };
    exchange().await;
    let mut first = site.watch(&ALICE).await;
    exchange().await;
    let agreed = DeflateParams { server_no_context_takeover: true, ..DeflateParams::DEFAULT };
    let seen = first.until_echo(echo).await;
    assert!(matches!(seen[0].what, What::JoinedLate { deflate: Some(deflate), .. } if deflate == agreed));
    assert_eq!(messages(&seen).last(), Some(&(Direction::ServerToClient, echo.to_owned())));

    let mut second = site.watch(&ALICE).await;
    exchange().await;
    let seen = second.until_echo(echo).await;
    assert!(matches!(seen[0].what, What::JoinedLate { .. }));
    let seen = first.until_echo(echo).await;
    assert!(!seen.iter().any(|seen| matches!(seen.what, What::JoinedLate { .. })), "that was not for the first");
}

#[tokio::test]
async fn a_watch_that_begins_within_a_frame_finds_the_next_one() {
    let site = Site::new(Config::default()).await;
    let mut stream = TcpStream::connect(&site.address).await.unwrap();
    let request = format!(
        "GET /echo HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: {}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        site.address, *ALICE
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let masked = |opcode, payload: &[u8]| {
        let mut frame = Frame::new(opcode, payload);
        frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
        frame.to_bytes()
    };
    let (frame, short) = (masked(Opcode::Text, &[b'x'; 1000]), masked(Opcode::Text, b"the end"));
    // Its pong shows that what came with it was read.
    let ping = masked(Opcode::Ping, b"");
    stream.write_all(&[&ping[..], &frame[..500]].concat()).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(&[0x8A, 0]) {
        received.push(stream.read_u8().await.unwrap());
    }
    let mut watch = site.watch(&ALICE).await;
    stream.write_all(&[&frame[500..], &short[..]].concat()).await.unwrap();
    let seen = watch.until_echo("the end").await;
    let from_client = messages(&seen).into_iter().filter(|(direction, _)| *direction == Direction::ClientToServer);
    assert_eq!(from_client.map(|(_, text)| text).collect::<Vec<_>>(), ["the end"]);
}

#[tokio::test]
async fn a_slow_watcher_gets_gaps_and_the_connection_does_not_notice() {
    let site = Site::new(Config { inspect_queue_max: 256 << 10, ..Config::default() }).await;
    let mut watch = site.watch(&ALICE).await;
    let mut alice = site.connect(PLAIN, &ALICE).await;
    // Much more than the queue and all buffers of the network, while nobody reads what is seen.
    for n in 0..800_u32 {
        let noise: Vec<u8> = (0..16 << 10).map(|at: u32| (at.wrapping_mul(n | 1) >> 3).to_le_bytes()[0]).collect();
        alice.send(&noise[..]).unwrap();
        assert_eq!(alice.next().await, Some(Event::Binary(noise)));
    }
    // Now it reads again, and in time finds its way.
    let mut gaps = 0;
    let chatter = async {
        loop {
            say(&mut alice, "here again").await;
        }
    };
    let found = watch.until(|what| {
        gaps += u32::from(matches!(what, What::Gap { .. }));
        if let Some(frame) = frame(what) {
            assert!(frame.violations.is_empty(), "a gap, and never wrong bytes: {frame:?}");
        }
        is_text(what, "here again")
    });
    tokio::select! {
        () = chatter => {}
        _ = found => {}
    }
    assert!(gaps > 0);
}

#[tokio::test]
async fn a_client_that_tears_its_connection_down_is_seen_to_have_done_so() {
    let site = Site::new(Config::default()).await;
    let mut watch = site.watch(&ALICE).await;
    let mut socket = TcpStream::connect(&site.address).await.unwrap();
    let request = format!(
        "GET {PLAIN} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: {}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        site.address, *ALICE
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.readable().await.unwrap();
    socket.set_zero_linger().unwrap();
    drop(socket);
    let seen = watch.until(|what| matches!(what, What::End(_))).await;
    let end = seen.last().unwrap();
    assert_eq!(end.direction, Direction::ClientToServer);
    assert!(matches!(end.what, What::End(End::Reset)), "{:?}", end.what);
}

#[tokio::test]
async fn an_upgrade_on_a_kept_alive_connection_is_seen_as_it_was_on_the_wire_and_nothing_before_it() {
    let site = Site::new(Config::default()).await;
    // Names in a case that no library would make up, and an odd order.
    let plain = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let upgrade = format!(
        "GET /echo HTTP/1.1\r\nsec-WEBSOCKET-key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-a:  1 \r\nHost: {}\r\nupgrade: WebSocket\r\n\
         x-A: 2\r\nCookie: {}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
        site.address, *ALICE
    );
    let mut frame = Frame::new(Opcode::Text, b"hello");
    frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
    // One after the other, the second in pieces, and both at once, where it is put together again.
    for (pieces, is_raw) in [
        (vec![plain.to_owned(), upgrade.clone()], true),
        (vec![plain.to_owned(), upgrade[..30].to_owned(), upgrade[30..].to_owned()], true),
        (vec![plain.to_owned() + &upgrade], false),
    ] {
        let mut watch = site.watch(&ALICE).await;
        let mut stream = TcpStream::connect(&site.address).await.unwrap();
        let mut received = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            stream.write_all(piece.as_bytes()).await.unwrap();
            while number == 0 && !received.ends_with(b"ok\n") {
                received.push(stream.read_u8().await.unwrap());
            }
        }
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&frame.to_bytes()).await.unwrap();
        let mut seen = watch.until_echo("hello").await;
        // The one before may not be over yet.
        let stream = seen.last().unwrap().stream;
        seen.retain(|seen| seen.stream == stream);
        let [What::Request(request), What::Response(response), ..] = [&seen[0].what, &seen[1].what] else {
            panic!("{:?}", seen[0].what)
        };
        let masked = upgrade.replace(&*ALICE, &"*".repeat(ALICE.len()));
        assert_eq!(request.head().bytes() == masked.as_bytes(), is_raw, "{pieces:?}");
        assert_eq!(response.head().bytes(), answer);
        assert_eq!(messages(&seen), both_ways("hello"));
    }
}
