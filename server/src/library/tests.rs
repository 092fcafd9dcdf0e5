//! Both ends of the library against each other, over real sockets.

use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use framescope_codec::{CloseCode, CloseFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::Config;
use crate::ws::SendError;

/// A server on a free port, which runs until the test ends.
fn serve(config: Config, handler: impl Fn(WebSocketConnection) + Clone + Send + 'static) -> String {
    let mut server = WebSocketServer::new(0, handler).with_config(Config { threads: 1, ..config });
    let address: SocketAddr = server.bind().unwrap();
    tokio::spawn(server.run());
    format!("ws://{address}/chat?room=1")
}

fn echo(connection: WebSocketConnection) {
    connection.on_message(|message, connection| connection.send(message));
}

async fn connect(url: &str) -> WebSocketClient {
    WebSocketClient::connect(url).await.unwrap()
}

/// How the connection ended, past whatever came before.
async fn end(client: &mut WebSocketClient) -> Closed {
    tokio::time::timeout(Duration::from_secs(10), client.run()).await.unwrap()
}

fn text(text: &str) -> Option<Event> {
    Some(Event::Text(text.to_owned()))
}

#[tokio::test]
async fn messages_of_both_kinds_and_any_size_come_back() {
    let mut client = connect(&serve(Config::default(), echo)).await;
    assert!(client.deflate().is_some());
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let (text, bytes) = ("x".repeat(len), vec![7; len]);
        client.send(text.as_str()).unwrap();
        client.send(&bytes[..]).unwrap();
        client.send_fragmented(text.as_str(), NonZeroUsize::new(50_000).unwrap()).unwrap();
        assert_eq!(client.next().await, Some(Event::Text(text.clone())));
        assert_eq!(client.next().await, Some(Event::Binary(bytes)));
        assert_eq!(client.next().await, Some(Event::Text(text)));
    }
}

#[tokio::test]
async fn callbacks_and_events_tell_the_same_story() {
    let (told, heard) = mpsc::channel();
    let url = serve(Config::default(), move |connection| {
        let (on_message, on_close, on_event) = (told.clone(), told.clone(), told.clone());
        connection.on_message(move |message, _| on_message.send(format!("message {message:?}")));
        connection.on_close(move |connection| {
            let _ = on_close.send(format!("close {} {:?}", connection.target(), connection.closed().unwrap().code));
        });
        let events = connection.events();
        tokio::task::spawn_local(async move {
            while let Some(event) = events.next().await {
                on_event.send(format!("event {event:?}")).unwrap();
            }
            on_event.send("no more".to_owned()).unwrap();
        });
    });
    let mut client = connect(&url).await;
    client.send("hi").unwrap();
    client.ping("p").unwrap();
    client.close(CloseFrame::new(CloseCode::NORMAL, "bye")).unwrap();
    assert_eq!(client.next().await, Some(Event::Pong(b"p".to_vec())));
    assert_eq!(end(&mut client).await, Closed { code: 1000, reason: String::new(), was_clean: true });
    assert_eq!(client.next().await, None);
    let mut all: Vec<String> = (0..6).map(|_| heard.recv_timeout(Duration::from_secs(5)).unwrap()).collect();
    all.sort();
    assert_eq!(
        all,
        [
            "close /chat?room=1 1000",
            r#"event Closed(Closed { code: 1000, reason: "bye", was_clean: true })"#,
            "event Ping([112])",
            r#"event Text("hi")"#,
            r#"message Text("hi")"#,
            "no more",
        ]
    );
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_connection_1011_and_no_other() {
    let url = serve(Config::default(), |connection| {
        connection.on_message(|message, connection| {
            assert_ne!(message, "panic".into(), "as asked");
            connection.send(message)
        });
    });
    let (mut bystander, mut unlucky) = (connect(&url).await, connect(&url).await);
    unlucky.send("panic").unwrap();
    assert_eq!(end(&mut unlucky).await.code, 1011);
    bystander.send("still here").unwrap();
    assert_eq!(bystander.next().await, text("still here"));
}

#[tokio::test]
async fn a_handler_that_panics_at_once_does_no_more_harm() {
    let url = serve(Config::default(), |_| panic!("as planned"));
    assert_eq!(end(&mut connect(&url).await).await.code, 1011);
}

/// Says when it is dropped.
struct Held(mpsc::Sender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[tokio::test]
async fn what_a_handler_holds_is_let_go_with_its_connection() {
    let (told, heard) = mpsc::channel();
    let url = serve(Config::default(), move |connection| {
        // Each holds the connection that it hangs on.
        let (held, keeper) = (Held(told.clone()), connection.clone());
        connection.on_message(move |_, _| (&held, &keeper).1.is_open());
        let (held, keeper) = (Held(told.clone()), connection.clone());
        connection.on_close(move |_| drop((&held, &keeper).1.closed()));
    });
    for _ in 0..3 {
        let mut client = connect(&url).await;
        client.close(None).unwrap();
        assert_eq!(end(&mut client).await.code, 1005);
        for _ in 0..2 {
            heard.recv_timeout(Duration::from_secs(5)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_handler_may_send_later_and_replace_itself() {
    let url = serve(Config::default(), |connection| {
        let count = Rc::new(Cell::new(0));
        connection.on_message(move |_, connection: &WebSocketConnection| {
            count.set(count.get() + 1);
            connection.send("first").unwrap();
            connection.on_message(|_, connection| connection.send("second"));
        });
        tokio::task::spawn_local(async move {
            tokio::task::yield_now().await;
            connection.send("unasked").unwrap();
        });
    });
    let mut client = connect(&url).await;
    assert_eq!(client.next().await, text("unasked"));
    for expected in ["first", "second", "second"] {
        client.send("x").unwrap();
        assert_eq!(client.next().await, text(expected));
    }
}

#[tokio::test]
async fn the_queue_is_bounded_and_says_so() {
    let (told, heard) = mpsc::channel();
    let config = Config { queue_max: 100_000, ..Config::default() };
    let url = serve(config, move |connection| {
        let mut sent = 0;
        let refused = loop {
            match connection.send(&[0; 10_000][..]) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        told.send((sent, refused)).unwrap();
    });
    let options = ClientOptions { compression: vec![], ..Default::default() };
    let mut client = WebSocketClient::connect_with(&url, options).await.unwrap();
    let (sent, refused) = heard.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!((sent, refused), (10, SendError::QueueFull));
    for _ in 0..sent {
        assert_eq!(client.next().await, Some(Event::Binary(vec![0; 10_000])));
    }
    assert_eq!(client.ping([0; 126]), Err(SendError::ControlTooLong));
    client.close(None).unwrap();
    assert_eq!(client.send("late"), Err(SendError::Closed));
}

#[tokio::test]
async fn whoever_takes_no_events_is_sent_no_more_and_loses_none() {
    const COUNT: usize = 5_000;
    let url = serve(Config { message_rate: 0, ..Config::default() }, |connection| {
        let events = connection.events();
        tokio::task::spawn_local(async move {
            // Nothing is taken until the client has long been stopped.
            while connection.closed().is_none() {
                match events.next().await {
                    Some(Event::Binary(bytes)) => connection.send(&bytes[..4]).unwrap(),
                    _ => break,
                }
            }
        });
    });
    let mut client = connect(&url).await;
    let payload = |n: usize| [&u32::try_from(n).unwrap().to_be_bytes()[..], &[0; 2_000]].concat();
    let (mut sent, mut received) = (0, 0);
    while received < COUNT {
        while sent < COUNT && client.send(&payload(sent)[..]).is_ok() {
            sent += 1;
        }
        let event = client.next().await.unwrap();
        assert_eq!(event, Event::Binary(payload(received)[..4].to_vec()));
        received += 1;
    }
}

#[tokio::test]
async fn silence_is_asked_after_and_then_ended_with_1001() {
    let config = Config { idle_deadline: Duration::from_secs(1), ..Config::default() };
    let url = serve(config, echo);
    let mut client = connect(&url).await;
    // Its pongs keep it alive, although it says nothing.
    for _ in 0..3 {
        assert_eq!(client.next().await, Some(Event::Ping(vec![])));
    }
    client.send("x").unwrap();
    let answer = loop {
        match client.next().await {
            // It was slow to say anything, and was asked once more.
            Some(Event::Ping(_)) => {}
            other => break other,
        }
    };
    assert_eq!(answer, text("x"));
    // A peer that does not answer sees the question, the reason, and the end.
    let mut silent = tokio::net::TcpStream::connect(url[5..].split('/').next().unwrap()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    silent.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    silent.read_to_end(&mut received).await.unwrap();
    assert!(received.ends_with(b"\x89\0\x88\x20\x03\xe9nothing was heard for too long"), "{received:?}");
}

#[tokio::test]
async fn stopping_says_1001_to_everyone() {
    let mut server = WebSocketServer::new(0, echo);
    let url = format!("ws://{}", server.bind().unwrap());
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run_until(async move { drop(stopping.await) }));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(connect(&url).await);
    }
    stop.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(end(client).await.code, 1001);
    }
    running.await.unwrap().unwrap();
    assert!(matches!(WebSocketClient::connect(&url).await, Err(ConnectError::Io(_))));
}

#[tokio::test]
async fn the_client_says_why_there_is_no_connection() {
    let url = serve(Config::default(), echo);
    assert!(matches!(WebSocketClient::connect("http:/x").await, Err(ConnectError::Url(_))));
    assert!(matches!(WebSocketClient::connect("wss://localhost/").await, Err(ConnectError::NeedsTls)));
    let headers = vec![("Origin".to_owned(), "http://evil.example".to_owned())];
    let foreign = WebSocketClient::connect_with(&url, ClientOptions { headers, ..Default::default() }).await;
    assert_eq!(foreign.unwrap_err().to_string(), "The server answered 403 Forbidden.");
    let headers = vec![("Upgrade".to_owned(), "x".to_owned())];
    let own = WebSocketClient::connect_with(&url, ClientOptions { headers, ..Default::default() }).await;
    assert!(matches!(own, Err(ConnectError::Header(_))));
}

#[tokio::test]
async fn the_client_runs_on_callbacks_and_over_any_stream() {
    let (ours, theirs) = tokio::io::duplex(16);
    let server = tokio::spawn(async move {
        let mut theirs = theirs;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(theirs.read_u8().await.unwrap());
        }
        let request = framescope_codec::handshake::Request::read(&head).unwrap();
        let mut out = Vec::new();
        let mut connection =
            request.check().unwrap().accept(&Default::default(), framescope_codec::Config::default(), &mut out);
        connection.send("one", &mut out).unwrap();
        connection.send("two", &mut out).unwrap();
        connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "so long").into(), &mut out).unwrap();
        theirs.write_all(&out).await.unwrap();
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        rest.len()
    });
    let mut client = WebSocketClient::over(ours, "ws://memory/", ClientOptions::default()).await.unwrap();
    let (told, heard) = mpsc::channel();
    let on_close = told.clone();
    client.on_message(move |message, _| told.send(format!("{message:?}")));
    client.on_close(move |closed| on_close.send(closed.reason.clone()).unwrap());
    assert_eq!(client.run().await.code, 1001);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [r#"Text("one")"#, r#"Text("two")"#, "so long"]);
    assert_eq!(server.await.unwrap(), 8, "a masked Close with a status");
}
