//! The public server and client: what each says is heard by the other, and both cope with bad company.

use std::sync::mpsc;
use std::time::Duration;

use framescope_codec::{Opcode, compute_accept};
use framescope_server::{
    ClientOptions, CloseCode, CloseFrame, Closed, Config, ConnectError, Event, Message, Violation, WebSocketClient,
    WebSocketConnection, WebSocketServer,
};
use framescope_tests::{OutFrame, PATIENCE, WireClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server with this handler, and its address as a URL.
fn serve(handler: impl Fn(WebSocketConnection) + Clone + Send + 'static) -> String {
    let mut server = WebSocketServer::new(0, handler);
    let url = format!("ws://{}/", server.bind().expect("a free port"));
    tokio::spawn(server.run());
    url
}

fn echo(connection: WebSocketConnection) {
    connection.on_message(|message, connection| connection.send(message));
}

async fn next(client: &mut WebSocketClient) -> Event {
    timeout(PATIENCE, client.next()).await.expect("an event in time").expect("an event")
}

fn closed(code: u16, reason: &str, was_clean: bool) -> Event {
    Event::Closed(Closed { code, reason: reason.to_owned(), was_clean })
}

#[tokio::test]
async fn text_and_bytes_are_told_apart() {
    let url = serve(|connection| {
        connection.on_message(|message, connection| match message {
            Message::Text(text) => connection.send(text.to_uppercase().as_str()),
            Message::Binary(bytes) => connection.send(&bytes.iter().rev().copied().collect::<Vec<_>>()[..]),
        });
    });
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    client.send("größer").expect("it is open");
    client.send(&[1, 2, 3][..]).expect("it is open");
    assert_eq!(next(&mut client).await, Event::Text("GRÖSSER".to_owned()));
    assert_eq!(next(&mut client).await, Event::Binary(vec![3, 2, 1]));
}

#[tokio::test]
async fn messages_of_any_size_come_back() {
    let url = serve(echo);
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 7 << 20] {
        let text = "0123456789abcdef".repeat(len / 16 + 1);
        client.send(&text[..len]).expect("it is open");
        assert!(next(&mut client).await == Event::Text(text[..len].to_owned()), "{len}");
    }
    client.send_fragmented("in three pieces", 5.try_into().expect("not 0")).expect("it is open");
    assert_eq!(next(&mut client).await, Event::Text("in three pieces".to_owned()));
}

#[tokio::test]
async fn pings_are_answered_by_themselves_on_both_sides() {
    let url = serve(|connection| connection.ping(b"from the server").expect("it is open"));
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    client.ping(b"from the client").expect("it is open");
    assert_eq!(next(&mut client).await, Event::Ping(b"from the server".to_vec()));
    assert_eq!(next(&mut client).await, Event::Pong(b"from the client".to_vec()));
    assert!(client.ping([0; 126]).is_err(), "too long for a ping");
    assert!(client.pong(b"unasked").is_ok());
}

#[tokio::test]
async fn a_close_is_heard_with_code_and_reason_on_both_sides() {
    let (sender, receiver) = mpsc::channel();
    let url = serve(move |connection| {
        let sender = sender.clone();
        connection.on_close(move |connection| sender.send(connection.closed()).expect("the test waits"));
    });
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    client.close(CloseFrame::new(CloseCode::new(4001).expect("private use"), "done")).expect("it is open");
    assert!(client.send("late").is_err());
    assert_eq!(next(&mut client).await, closed(4001, "", true));
    assert_eq!(client.next().await, None);
    let heard =
        tokio::task::spawn_blocking(move || receiver.recv_timeout(PATIENCE)).await.expect("no panic").expect("in time");
    assert_eq!(heard, Some(Closed { code: 4001, reason: "done".to_owned(), was_clean: true }));
}

#[tokio::test]
async fn the_server_may_close_too() {
    let url =
        serve(|connection| connection.close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "busy")).expect("it is open"));
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    assert_eq!(next(&mut client).await, closed(1013, "busy", true));
}

#[tokio::test]
async fn events_can_be_awaited_in_place_of_callbacks() {
    let url = serve(|connection| {
        let events = connection.events();
        tokio::task::spawn_local(async move {
            let mut count = 0;
            while let Some(event) = events.next().await {
                if event.message().is_some() {
                    count += 1;
                    connection.send(format!("message {count}").as_str()).expect("it is open");
                }
            }
        });
    });
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    for count in 1..=3 {
        client.send("x").expect("it is open");
        assert_eq!(next(&mut client).await, Event::Text(format!("message {count}")));
    }
}

#[tokio::test]
async fn a_handler_may_be_replaced_while_it_runs() {
    let url = serve(|connection| {
        connection.on_message(|_, connection| {
            connection.on_message(|_, connection| connection.send("second"));
            connection.send("first")
        });
    });
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    for expected in ["first", "second", "second"] {
        client.send("x").expect("it is open");
        assert_eq!(next(&mut client).await, Event::Text(expected.to_owned()));
    }
}

#[tokio::test]
async fn callbacks_of_the_client_are_called_too() {
    let url = serve(|connection| {
        connection.send("one").expect("it is open");
        connection.close(None).expect("it is open");
    });
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    let (sender, receiver) = mpsc::channel();
    let on_close = sender.clone();
    client.on_message(move |message, _| sender.send(format!("{message:?}")));
    client.on_close(move |closed| on_close.send(closed.code.to_string()).expect("the test waits"));
    let end = timeout(PATIENCE, client.run()).await.expect("an end");
    assert_eq!(end.code, 1005);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["Text(\"one\")", "1005"]);
}

#[tokio::test]
async fn the_target_and_the_peer_are_known() {
    let url = serve(|connection| {
        let about = format!("{} {}", connection.target(), connection.peer().ip());
        connection.send(about.as_str()).expect("it is open");
    });
    let mut client = WebSocketClient::connect(&format!("{url}room?name=x")).await.expect("a connection");
    assert_eq!(next(&mut client).await, Event::Text("/room?name=x 127.0.0.1".to_owned()));
}

#[tokio::test]
async fn a_server_that_stops_says_1001() {
    let mut server = WebSocketServer::new("127.0.0.1:0", echo).with_config(Config { threads: 1, ..Config::default() });
    let url = format!("ws://{}/", server.bind().expect("a free port"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run_until(async { drop(stopped.await) }));
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    drop(stop);
    assert!(matches!(next(&mut client).await, Event::Closed(Closed { code: 1001, was_clean: true, .. })));
    timeout(PATIENCE, running).await.expect("an end").expect("no panic").expect("no failure");
    assert!(matches!(WebSocketClient::connect(&url).await, Err(ConnectError::Io(_))));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    assert!(WebSocketServer::new("not an address", echo).bind().is_err());
    assert!(matches!(WebSocketClient::connect("ftp://127.0.0.1/").await, Err(ConnectError::Url(_))));
    assert!(matches!(WebSocketClient::connect("ws://127.0.0.1/#fragment").await, Err(ConnectError::Url(_))));
    assert!(matches!(WebSocketClient::connect("wss://127.0.0.1/").await, Err(ConnectError::NeedsTls)));
    let headers = vec![("Bad Name".to_owned(), "x".to_owned())];
    let options = ClientOptions { headers, ..ClientOptions::default() };
    assert!(matches!(WebSocketClient::connect_with(&serve(echo), options).await, Err(ConnectError::Header(_))));
}

/// A server that reads the head of one request, answers with `answer`, and hands over the socket.
async fn one_answer(
    answer: impl FnOnce(&str) -> String + Send + 'static,
) -> (String, tokio::task::JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.expect("the head"));
        }
        let head = String::from_utf8(head).expect("text");
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key").to_owned();
        socket.write_all(answer(&compute_accept(&key)).as_bytes()).await.expect("it is taken");
        socket
    });
    (url, task)
}

fn good(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[tokio::test]
async fn the_client_refuses_an_answer_that_is_wrong() {
    let with =
        |line: &'static str| move |accept: &str| good(accept).replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
    type Answer = Box<dyn FnOnce(&str) -> String + Send>;
    let answers: [Answer; 9] = [
        Box::new(|_| good("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
        Box::new(|accept| good(accept).replace("101", "200")),
        Box::new(|accept| good(accept).replace("Upgrade: websocket\r\n", "")),
        Box::new(|accept| good(accept).replace("Connection: Upgrade\r\n", "")),
        Box::new(|_| "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned()),
        Box::new(with("Sec-WebSocket-Protocol: never-asked-for")),
        Box::new(with("Sec-WebSocket-Extensions: never-asked-for")),
        Box::new(with("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7")),
        Box::new(|_| "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned()),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let (url, server) = one_answer(answer).await;
        let result = timeout(PATIENCE, WebSocketClient::connect(&url)).await.expect("an answer");
        assert!(matches!(result, Err(ConnectError::Handshake(_))), "answer {at}: {result:?}");
        drop(server.await);
    }
}

#[tokio::test]
async fn the_client_gives_up_on_a_server_that_says_nothing() {
    let (url, server) = one_answer(|_| String::new()).await;
    let options = ClientOptions { open_deadline: Duration::from_millis(200), ..ClientOptions::default() };
    let result = timeout(PATIENCE, WebSocketClient::connect_with(&url, options)).await.expect("an answer");
    assert!(matches!(result, Err(ConnectError::TimedOut)), "{result:?}");
    drop(server.await);
}

#[tokio::test]
async fn the_client_fails_a_server_that_breaks_a_rule_and_says_which() {
    let masked = OutFrame::text("masked").bytes();
    let (url, server) = one_answer(good).await;
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    let mut socket = server.await.expect("no panic");
    socket.write_all(&masked).await.expect("it is taken");
    assert_eq!(next(&mut client).await, Event::Failed(Violation::MaskedFromServer));
    // Its Close, masked: 1002.
    let mut close = [0; 8];
    let reading = async {
        socket.read_exact(&mut close).await.expect("a Close");
        drop(socket);
    };
    let (_, end) = tokio::join!(reading, next(&mut client));
    assert_eq!((close[0], close[1] & 0x80), (0x88, 0x80));
    assert_eq!([close[6] ^ close[2], close[7] ^ close[3]], 1002u16.to_be_bytes());
    assert!(matches!(end, Event::Closed(Closed { was_clean: false, .. })), "{end:?}");
}

#[tokio::test]
async fn the_client_hears_of_a_stream_that_just_ends() {
    let (url, server) = one_answer(good).await;
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    drop(server.await);
    assert_eq!(next(&mut client).await, closed(1006, "", false));
}

#[tokio::test]
async fn the_client_waits_for_the_other_half_of_a_close_only_so_long() {
    let (url, server) = one_answer(good).await;
    let options = ClientOptions { close_deadline: Duration::from_millis(200), ..ClientOptions::default() };
    let mut client = WebSocketClient::connect_with(&url, options).await.expect("a connection");
    let _socket = server.await.expect("no panic");
    client.close(None).expect("it is open");
    assert_eq!(next(&mut client).await, closed(1006, "", false));
}

#[tokio::test]
async fn frames_right_behind_the_101_are_heard() {
    let (url, server) = one_answer(|accept| good(accept) + "\u{1}\u{2}he").await;
    let mut client = WebSocketClient::connect(&url).await.expect("a connection");
    let mut socket = server.await.expect("no panic");
    socket.write_all(b"\x80\x03llo").await.expect("it is taken");
    assert_eq!(next(&mut client).await, Event::Text("hello".to_owned()));
}

#[tokio::test]
async fn a_queue_that_is_full_says_so_and_recovers() {
    let url = serve(echo);
    let options = ClientOptions { queue_max: 1000, ..ClientOptions::default() };
    let mut client = WebSocketClient::connect_with(&url, options).await.expect("a connection");
    let mut sent = 0;
    while client.send("x".repeat(100).as_str()).is_ok() {
        sent += 1;
        assert!(sent < 100, "the queue has no bound");
    }
    for _ in 0..sent {
        assert_eq!(next(&mut client).await, Event::Text("x".repeat(100)));
    }
    client.send("room again").expect("it is empty");
    assert_eq!(next(&mut client).await, Event::Text("room again".to_owned()));
}

#[tokio::test]
async fn any_client_may_come_to_the_library_s_server() {
    let url = serve(echo);
    let addr = url.trim_start_matches("ws://").trim_end_matches('/').parse().expect("an address");
    let mut client = WireClient::open(addr, "/any/path").await;
    client.send_frame(OutFrame::new(Opcode::Ping, b"raw".to_vec())).await;
    assert_eq!(client.frame().await.payload, b"raw");
    client.assert_echoes("raw").await;
    client.send_frame(OutFrame::text("x").rsv(1)).await;
    client.assert_closed(1002).await;
}
