//! Signals and failures: the end is said to everyone, and one who fails takes nobody along.

use std::time::{Duration, Instant};

use framescope_codec::Opcode;
use framescope_server::{WebSocketConnection, WebSocketServer};
use framescope_tests::{OutFrame, ServerProcess, WireClient, opening_request};

async fn open_all(server: &ServerProcess) -> Vec<WireClient> {
    let mut clients = Vec::new();
    for at in 0..40 {
        let mut client = WireClient::open(server.addr(), if at % 2 == 0 { "/echo" } else { "/websocket" }).await;
        if at % 2 == 0 {
            client.assert_echoes("hello").await;
        }
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn sigterm_and_ctrl_c_close_every_connection_with_1001_and_end_with_status_0() {
    for signal in ["TERM", "INT"] {
        let mut server = ServerProcess::start(&[]).await;
        let mut clients = open_all(&server).await;
        // One of them is in the middle of a message.
        clients[0].send_frame(OutFrame::text("never fini").unfinished()).await;
        let started = Instant::now();
        server.signal(signal);
        for client in &mut clients {
            let close = client.close_frame().await;
            assert_eq!(close.close_code(), Some(1001));
            client.send_frame(OutFrame::new(Opcode::Close, close.payload)).await;
        }
        for client in &mut clients {
            client.assert_ended().await;
        }
        assert!(server.wait().await.success());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn what_was_asked_before_the_signal_is_answered_before_the_close() {
    let mut server = ServerProcess::start(&[]).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let big = vec![b'x'; 8 << 20];
    client.send_frame(OutFrame::text(big.clone())).await;
    // The echo has begun: the server has all of the message.
    assert_eq!(client.peek_header().await.opcode, Opcode::Text);
    server.signal("TERM");
    assert!(client.message().await.2 == big, "the echo is whole");
    let close = client.close_frame().await;
    assert_eq!(close.close_code(), Some(1001));
    client.send_frame(OutFrame::new(Opcode::Close, close.payload)).await;
    assert!(server.wait().await.success());
}

#[tokio::test]
async fn clients_that_do_not_answer_do_not_hold_the_server_up() {
    let mut server = ServerProcess::start(&["--shutdown-deadline", "4s"]).await;
    let mut clients = open_all(&server).await;
    // Nor does one that reads nothing at all.
    let mut deaf = WireClient::open(server.addr(), "/echo").await;
    deaf.patience = Duration::from_millis(500);
    for _ in 0..64 {
        if deaf.try_send(&OutFrame::binary(vec![0; 1 << 20]).bytes()).await.is_err() {
            break;
        }
    }
    let started = Instant::now();
    server.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.close_frame().await.close_code(), Some(1001));
    }
    assert!(server.wait().await.success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn nobody_new_is_let_in_while_stopping() {
    let mut server = ServerProcess::start(&[]).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    server.signal("TERM");
    let close = client.close_frame().await;
    // What the kernel still takes for it is not served.
    if let Ok(mut late) = WireClient::try_connect(server.addr()).await {
        let _ = late.try_send(&opening_request(server.addr(), "/echo", &[])).await;
        if let Ok(head) = late.try_response_head().await {
            assert_eq!(head.status, 503);
        }
    }
    client.send_frame(OutFrame::new(Opcode::Close, close.payload)).await;
    assert!(server.wait().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let forever = ["--shutdown-deadline", "1h", "--close-deadline", "1h"];
    let mut server = ServerProcess::start(&forever).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    server.signal("TERM");
    client.close_frame().await;
    server.signal("TERM");
    server.wait().await;
}

#[tokio::test]
async fn hang_up_and_broken_pipes_are_harmless() {
    let server = ServerProcess::start(&[]).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    for signal in ["HUP", "PIPE"] {
        server.signal(signal);
        client.assert_echoes("still here").await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_one_line_and_a_failure() {
    let server = ServerProcess::start(&[]).await;
    let output = ServerProcess::run(&["serve", "--listen", &server.addr().to_string()]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot listen on"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_flag_that_makes_no_sense_is_refused_before_listening() {
    for flags in [
        &["--message-max", "much"][..],
        &["--listen", "nowhere"],
        &["--idle-deadline", "soon"],
        &["--no-such-flag"],
        &["--queue-max", "0"],
        &["--inspect-queue-max", "0"],
    ] {
        let output = ServerProcess::run(flags).await;
        assert!(!output.status.success(), "{flags:?}");
        assert!(!output.stderr.is_empty(), "{flags:?}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_closes_its_own_connection_with_1011() {
    let mut server = WebSocketServer::new(0, |connection: WebSocketConnection| {
        connection.on_message(|message, connection| {
            assert_ne!(message.as_bytes(), b"panic", "as the client wished");
            connection.send(message)
        });
    });
    let addr = server.bind().expect("a free port");
    tokio::spawn(server.run());
    let mut bystander = WireClient::open(addr, "/").await;
    for _ in 0..3 {
        let mut client = WireClient::open(addr, "/").await;
        client.assert_echoes("fine so far").await;
        client.send_frame(OutFrame::text("panic")).await;
        client.assert_closed(1011).await;
        bystander.assert_echoes("nothing happened").await;
    }
    WireClient::open(addr, "/").await.assert_echoes("nor to those who come later").await;
}

#[tokio::test]
async fn a_panic_at_the_first_sight_of_a_connection_is_its_own_affair_too() {
    let mut server = WebSocketServer::new(0, |connection: WebSocketConnection| {
        assert_ne!(connection.target(), "/panic", "as the client wished");
        connection.on_message(|message, connection| connection.send(message));
        connection.on_close(|connection| assert_ne!(connection.target(), "/panic-at-the-end", "as the client wished"));
    });
    let addr = server.bind().expect("a free port");
    tokio::spawn(server.run());
    let mut client = WireClient::open(addr, "/panic").await;
    client.assert_closed(1011).await;
    let mut client = WireClient::open(addr, "/panic-at-the-end").await;
    client.send_frame(OutFrame::close(1000, "")).await;
    client.assert_closed(1000).await;
    WireClient::open(addr, "/").await.assert_echoes("fine").await;
}
