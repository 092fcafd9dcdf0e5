//! The opening handshake from outside: what is let in, and with which status all else is refused.

#![allow(clippy::cast_possible_truncation, reason = "patterns of bytes, and numbers that are small")]

use std::time::{Duration, Instant};

use framescope_codec::Opcode;
use framescope_tests::{Ending, NONCE, OutFrame, TestServer, WireClient, opening_request};

/// Sends `request` on a connection of its own and demands one of these statuses; where it is not
/// 101, also that the connection ends, and that a bystander is still served.
async fn check(server: &TestServer, request: &[u8], statuses: &[u16]) {
    let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
    let mut client = WireClient::connect(server.addr()).await;
    let _ = client.try_send(request).await;
    let head = client
        .try_response_head()
        .await
        .unwrap_or_else(|ending| panic!("{ending:?} in place of {statuses:?} to:\n{shown}"));
    assert!(statuses.contains(&head.status), "{} in place of {statuses:?} to:\n{shown}", head.status);
    match head.status {
        101 => client.assert_echoes("let in").await,
        426 => {
            assert_eq!(head.header("Upgrade"), Some("websocket"), "{head:?}");
            assert_eq!(head.header("Sec-WebSocket-Version"), Some("13"), "{head:?}");
        }
        _ => assert!(head.header("Sec-WebSocket-Accept").is_none()),
    }
    WireClient::open(server.addr(), "/echo").await.assert_echoes("bystander").await;
}

/// The same for the usual request to /echo, with some lines put in place of the usual ones.
async fn check_lines(server: &TestServer, lines: &[(&str, &str)], statuses: &[u16]) {
    check(server, &opening_request(server.addr(), "/echo", lines), statuses).await;
}

/// The same for a request given as text, `HOST` in it standing for the server's address.
async fn check_text(server: &TestServer, request: &str, statuses: &[u16]) {
    check(server, request.replace("HOST", &server.addr().to_string()).as_bytes(), statuses).await;
}

#[tokio::test]
async fn a_key_is_there_once_and_is_sixteen_bytes_in_base64() {
    let server = TestServer::start().await;
    check_lines(&server, &[("Sec-WebSocket-Key", "")], &[400]).await;
    check_text(&server, "GET /echo HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key:\r\nSec-WebSocket-Version: 13\r\n\r\n", &[400]).await;
    for key in [
        "not base64 at all!",
        "AQIDBAU=",
        "AQIDBAUGBwgJCgsMDQ4PEBE=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=!",
    ] {
        check_lines(&server, &[("Sec-WebSocket-Key", key)], &[400]).await;
    }
    check_lines(&server, &[("Sec-WebSocket-Key", NONCE), ("Sec-WebSocket-Key", NONCE)], &[400]).await;
}

#[tokio::test]
async fn another_version_is_told_the_one_we_speak() {
    let server = TestServer::start().await;
    for version in ["12", "99", "abc", "013", "8"] {
        check_lines(&server, &[("Sec-WebSocket-Version", version)], &[426]).await;
    }
    check_lines(&server, &[("Sec-WebSocket-Version", "")], &[400, 426]).await;
}

#[tokio::test]
async fn only_get_over_http_1_1_opens_a_websocket() {
    let server = TestServer::start().await;
    let rest = "Host: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    check_text(&server, &format!("POST /echo HTTP/1.1\r\n{rest}"), &[405]).await;
    check_text(&server, &format!("GET /echo HTTP/1.0\r\n{rest}"), &[400, 426, 505]).await;
    check_text(&server, &format!("GET /echo HTTP/2.0\r\n{rest}"), &[400, 505]).await;
}

#[tokio::test]
async fn just_one_host_line_with_a_host_in_it() {
    let server = TestServer::start().await;
    check_lines(&server, &[("Host", "")], &[400]).await;
    let addr = server.addr().to_string();
    check_lines(&server, &[("Host", &addr), ("Host", &addr)], &[400]).await;
    check_lines(&server, &[("Host", "a b")], &[400]).await;
}

#[tokio::test]
async fn without_the_upgrade_lines_it_is_told_to_upgrade() {
    let server = TestServer::start().await;
    check_lines(&server, &[("Upgrade", "")], &[400, 426]).await;
    check_lines(&server, &[("Connection", "")], &[400, 426]).await;
    check_lines(&server, &[("Connection", "keep-alive")], &[400, 426]).await;
    check_lines(&server, &[("Upgrade", "h2c")], &[400, 426]).await;
    check_text(&server, "GET /echo HTTP/1.1\r\nHost: HOST\r\n\r\n", &[400, 426]).await;
}

#[tokio::test]
async fn what_the_grammar_allows_is_let_in() {
    let server = TestServer::start().await;
    check_lines(&server, &[("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade")], &[101]).await;
    check_lines(&server, &[("Connection", "upgrade")], &[101]).await;
    check_lines(&server, &[("Connection", "keep-alive"), ("Connection", "\tUPGRADE\t")], &[101]).await;
    check_text(&server, "GET /echo HTTP/1.1\r\nhOST:HOST\r\nUPGRADE:websocket\r\nconnection:\t Upgrade \t\r\nsec-websocket-KEY:dGhlIHNhbXBsZSBub25jZQ==  \r\nSec-WebSocket-Version:13\r\n\r\n", &[101]).await;
    check_text(&server, "GET http://HOST/echo HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", &[101]).await;
    check(&server, &opening_request(server.addr(), "/echo?a=b", &[]), &[101]).await;
}

#[tokio::test]
async fn unknown_extensions_are_passed_over_and_broken_ones_never_agreed() {
    let server = TestServer::start().await;
    for offer in [
        "x-unknown",
        "x-unknown; a=1; b=\"two\"",
        "permessage-deflate;;",
        "; =",
        "permessage-deflate; =3",
        "a b c",
        "permessage-deflate; server_max_window_bits=\"9",
    ] {
        let request = opening_request(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", offer)]);
        let mut client = WireClient::connect(server.addr()).await;
        client.send(&request).await;
        let head = client.response_head().await;
        assert!(head.status == 101 || head.status == 400, "{offer}: {head:?}");
        assert_eq!(head.header("Sec-WebSocket-Extensions"), None, "{offer}");
    }
}

#[tokio::test]
async fn a_subprotocol_nobody_here_speaks_is_not_agreed() {
    let server = TestServer::start().await;
    let (mut client, head) =
        WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Protocol", "chat, superchat")]).await;
    assert_eq!(head.header("Sec-WebSocket-Protocol"), None);
    client.assert_echoes("all the same").await;
}

#[tokio::test]
async fn too_much_head_is_refused() {
    let server = TestServer::start().await;
    let many: String = (0..3000).map(|i| format!("X-{i}: y\r\n")).collect();
    check_text(&server, &format!("GET /echo HTTP/1.1\r\nHost: HOST\r\n{many}\r\n"), &[431]).await;
    check_text(&server, &format!("GET /echo HTTP/1.1\r\nHost: HOST\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)), &[431])
        .await;
    check_text(
        &server,
        &format!("GET /echo?{} HTTP/1.1\r\nHost: HOST\r\n\r\n", "y".repeat(64 << 10)),
        &[414, 400, 431],
    )
    .await;
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    check_text(&server, &format!("GET /echo HTTP/1.1\r\nHost: HOST\r\n{upgrade}{many}\r\n"), &[431]).await;
    check_text(
        &server,
        &format!("GET /echo HTTP/1.1\r\nHost: HOST\r\n{upgrade}X: {}\r\n\r\n", "y".repeat(1 << 20)),
        &[431],
    )
    .await;
    check_text(
        &server,
        &format!("GET /echo?{} HTTP/1.1\r\nHost: HOST\r\n{upgrade}\r\n", "y".repeat(64 << 10)),
        &[414, 400, 431],
    )
    .await;
}

#[tokio::test]
async fn an_endless_head_is_cut_off_early() {
    let server = TestServer::start().await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(b"GET /echo HTTP/1.1\r\nHost: h\r\nX: ").await;
    let mut sent = 0;
    while sent < 20 << 20 && client.try_send(&[b'y'; 4096]).await.is_ok() {
        sent += 4096;
    }
    // What the kernel's buffers took of it was sent too, without having been read.
    assert!(sent < 20 << 20, "all of it was taken");
}

#[tokio::test]
async fn a_head_that_breaks_http_is_refused() {
    let server = TestServer::start().await;
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    for line in ["X : y", "X: a\0b", "X\x01: y", " X: y", "no colon", ": no name", "X: a\rb"] {
        check_text(&server, &format!("GET /echo HTTP/1.1\r\nHost: HOST\r\n{upgrade}{line}\r\n\r\n"), &[400]).await;
        check_text(&server, &format!("GET /healthz HTTP/1.1\r\nHost: HOST\r\n{line}\r\n\r\n"), &[400]).await;
    }
}

#[tokio::test]
async fn an_upgrade_announces_no_body() {
    let server = TestServer::start().await;
    check_lines(&server, &[("Content-Length", "4"), ("Transfer-Encoding", "chunked")], &[400]).await;
    check_lines(&server, &[("Content-Length", "4"), ("Content-Length", "5")], &[400]).await;
    check_lines(&server, &[("Content-Length", "+0")], &[400]).await;
    check_lines(&server, &[("Transfer-Encoding", "chunked")], &[400]).await;
    check_lines(&server, &[("Content-Length", "5")], &[400]).await;
}

#[tokio::test]
async fn frames_right_behind_the_head_are_served() {
    let server = TestServer::start().await;
    let mut client = WireClient::connect(server.addr()).await;
    let mut bytes = opening_request(server.addr(), "/echo", &[]);
    bytes.extend(OutFrame::text("early").bytes());
    let late = OutFrame::text("cut in two").bytes();
    bytes.extend(&late[..5]);
    client.send(&bytes).await;
    assert_eq!(client.response_head().await.status, 101);
    assert_eq!(client.text().await, "early");
    client.send(&late[5..]).await;
    assert_eq!(client.text().await, "cut in two");
}

#[tokio::test]
async fn other_protocols_are_refused_or_dropped() {
    let server = TestServer::start().await;
    let tls_hello = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[0xA5; 500]].concat();
    let noise: Vec<u8> = (0..64u32 << 10).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [&tls_hello[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &noise] {
        let mut client = WireClient::connect(server.addr()).await;
        let _ = client.try_send(bytes).await;
        client.patience = Duration::from_secs(15);
        if let Ok(head) = client.try_response_head().await {
            assert!((400..=505).contains(&head.status), "{head:?}");
        }
        WireClient::open(server.addr(), "/echo").await.assert_echoes("bystander").await;
    }
}

#[tokio::test]
async fn a_head_may_come_byte_by_byte() {
    let server = TestServer::start().await;
    let mut client = WireClient::connect(server.addr()).await;
    for byte in opening_request(server.addr(), "/echo", &[]) {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.response_head().await.status, 101);
    client.assert_echoes("at last").await;
}

#[tokio::test]
async fn a_foreign_origin_is_refused_before_the_101() {
    let server = TestServer::start().await;
    let addr = server.addr();
    for path in ["/echo", "/websocket", "/inspect/live"] {
        for origin in [
            "https://attacker.example".to_owned(),
            "null".to_owned(),
            format!("http://{addr}.attacker.example"),
            format!("http://attacker.example/http://{addr}"),
            format!("http://{}:{}", addr.ip(), addr.port() ^ 1),
            format!("https://{addr}"),
            "not an origin".to_owned(),
        ] {
            let request = opening_request(addr, path, &[("Origin", &origin), ("Cookie", "framescope=stolen")]);
            let mut client = WireClient::connect(addr).await;
            client.send(&request).await;
            assert_eq!(client.response_head().await.status, 403, "{origin} on {path}");
        }
    }
    check_lines(&server, &[("Origin", &format!("http://{addr}"))], &[101]).await;
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_refused_even_with_a_matching_origin() {
    let server = TestServer::start().await;
    let host = format!("attacker.example:{}", server.addr().port());
    let origin = format!("http://{host}");
    for path in ["/inspect/live", "/echo"] {
        check(&server, &opening_request(server.addr(), path, &[("Host", &host), ("Origin", &origin)]), &[403, 421])
            .await;
    }
}

#[tokio::test]
async fn silence_and_slowness_before_the_end_of_the_head_end_the_connection() {
    let server = TestServer::with(|config| config.head_deadline = Duration::from_millis(300)).await;
    for said in ["", "GET /echo HTTP/1.1\r\nHost: h\r\nUpgr", "GET /healthz HTTP/1.1\r\nHost: h\r\n"] {
        let mut client = WireClient::connect(server.addr()).await;
        client.send(said.as_bytes()).await;
        let started = Instant::now();
        if let Ok(head) = client.try_response_head().await {
            assert_eq!(head.status, 408);
            client.ending().await;
        }
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_new_line_now_and_then_does_not_prolong_the_deadline() {
    let server = TestServer::with(|config| config.head_deadline = Duration::from_millis(500)).await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(b"GET /echo HTTP/1.1\r\nHost: h\r\n").await;
    let started = Instant::now();
    // The pace of the attack itself: a line, then nothing for a while.
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    while started.elapsed() < Duration::from_secs(1) && client.try_send(b"X: y\r\n").await.is_ok() {
        pace.tick().await;
    }
    client.patience = Duration::from_secs(1);
    if let Ok(head) = client.try_response_head().await {
        assert_eq!(head.status, 408);
        client.ending().await;
    }
}

#[tokio::test]
async fn half_sent_handshakes_keep_nobody_out() {
    let server = TestServer::with(|config| config.head_deadline = Duration::from_secs(3600)).await;
    let mut halves = Vec::new();
    for _ in 0..300 {
        let mut client = WireClient::connect(server.addr()).await;
        client.send(b"GET /echo HTTP/1.1\r\nHost: h\r\nUpgr").await;
        halves.push(client);
    }
    WireClient::open(server.addr(), "/echo").await.assert_echoes("served").await;
}

#[tokio::test]
async fn an_unknown_path_is_no_websocket() {
    let server = TestServer::start().await;
    check(&server, &opening_request(server.addr(), "/nowhere", &[]), &[404]).await;
}

#[tokio::test]
async fn an_upgrade_may_come_later_on_a_connection_that_was_kept_alive() {
    let server = TestServer::start().await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr()).as_bytes()).await;
    let head = client.response_head().await;
    assert_eq!(head.status, 200);
    client.body(&head).await;
    let mut bytes = opening_request(server.addr(), "/echo", &[]);
    bytes.extend(OutFrame::text("early").bytes());
    client.send(&bytes).await;
    assert_eq!(client.response_head().await.status, 101);
    assert_eq!(client.text().await, "early");
    client.send_frame(OutFrame::new(Opcode::Close, b"".to_vec())).await;
    client.assert_closed(None).await;
}

#[tokio::test]
async fn nothing_is_sent_behind_a_refusal() {
    let server = TestServer::start().await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(&opening_request(server.addr(), "/echo", &[("Sec-WebSocket-Key", "x")])).await;
    let head = client.response_head().await;
    assert_eq!(head.status, 400);
    assert_eq!(head.header("Connection"), Some("close"));
    client.body(&head).await;
    assert_eq!(client.ending().await, Ending::Fin);
    assert_eq!(client.unread(), b"");
}
