//! The byte tunnel from outside, to this server itself: what comes through is served like anything else, for whoever
//! opened it, and for nobody else.

use std::net::SocketAddr;
use std::time::Duration;

use framescope_codec::Opcode;
use framescope_codec::capture::{Decoder, Record, What};
use framescope_server::{Event, WebSocketClient};
use framescope_tests::{
    AppClient, OutFrame, PASSWORD, Talker, TestServer, TunnelClient, WireClient, Word, guest, hex, http, names,
    opening_request, person, post_form,
};
use serde_json::json;

/// A port that leads through a tunnel to the server itself, for one connection.
async fn through(server: &TestServer, cookie: &str) -> SocketAddr {
    TunnelClient::open(server.addr(), "self", cookie).await.bridge().await.0
}

#[tokio::test]
async fn what_goes_in_is_served_like_what_comes_over_a_socket() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let mut client = WireClient::open(through(&server, &cookie).await, "/echo").await;
    client.assert_echoes("through and back").await;
    let big = vec![7; 1 << 20];
    client.send_frame(OutFrame::binary(big.clone())).await;
    let (opcode, _, payload) = client.message().await;
    assert!(opcode == Opcode::Binary && payload == big);
    client.send_frame(OutFrame::text("frag").unfinished()).await;
    client.send_frame(OutFrame::new(Opcode::Ping, "between")).await;
    client.send_frame(OutFrame::continuation("mented")).await;
    let pong = client.frame().await;
    assert_eq!((pong.header.opcode, &*pong.payload), (Opcode::Pong, &b"between"[..]));
    assert_eq!(client.text().await, "fragmented");
    client.send_frame(OutFrame::close(1000, "done")).await;
    client.assert_closed(1000).await;
}

#[tokio::test]
async fn compression_is_agreed_on_inside() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let inner = through(&server, &cookie).await;
    let mut client = WebSocketClient::connect(&format!("ws://{inner}/echo")).await.unwrap();
    assert!(client.deflate().is_some());
    let text = "again and ".repeat(50_000);
    for _ in 0..2 {
        client.send(&*text).unwrap();
        assert_eq!(client.next().await, Some(Event::Text(text.clone())));
    }
}

#[tokio::test]
async fn what_is_wrong_inside_gets_its_close_code_inside() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    for (frames, code) in [
        (OutFrame::text("a").rsv(1).bytes(), 1002),
        (OutFrame::text("a").unmasked().bytes(), 1002),
        (OutFrame::text(hex("ff")).bytes(), 1007),
        (OutFrame::text(hex("ed a0")).unfinished().bytes(), 1007),
        (OutFrame::new(Opcode::Ping, "").unfinished().bytes(), 1002),
        (OutFrame::continuation("a").bytes(), 1002),
        (OutFrame::binary("").claiming(1 << 40).bytes(), 1009),
        (OutFrame::close(1005, "").bytes(), 1002),
        // Much is still on its way when the verdict is out.
        ([OutFrame::text("a").rsv(4).bytes(), vec![0; 100 << 10]].concat(), 1002),
    ] {
        let tunnel = TunnelClient::open(server.addr(), "self", &cookie).await;
        let (inner, ended) = tunnel.bridge().await;
        let mut client = WireClient::open_with(inner, "/echo", &[("Sec-WebSocket-Extensions", "")]).await.0;
        client.send(&frames).await;
        client.assert_closed(code).await;
        client.shut_down().await;
        assert_eq!(ended.await.unwrap(), None, "both have said all, and so has the tunnel");
    }
}

#[tokio::test]
async fn whoever_comes_through_is_who_opened_it_whatever_the_cookies_inside() {
    let server = TestServer::start().await;
    let (alice, bob) = (person(server.addr(), "alice").await, person(server.addr(), "bob").await);
    let inner = through(&server, &alice).await;
    let mut client = AppClient::open(inner, "/websocket", &bob).await;
    assert_eq!(names(&client.hear_a("active_users_list").await), ["alice"]);
    client.say(&json!({"messageType": "direct_message", "targetUser": "bob", "text": "from inside"}));
    let message = client.hear_a("direct_message").await;
    assert_eq!((&message["fromUser"], &message["text"]), (&json!("alice"), &json!("from inside")));

    // Over plain HTTP, too, on a connection that goes on and becomes a WebSocket.
    let host = server.addr().to_string();
    let mut client = WireClient::connect(through(&server, &alice).await).await;
    for (path, expected) in [("/api/users/@me", "\"alice\""), ("/login", "<html"), ("/api/users/online", "alice")] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {bob}\r\n\r\n").as_bytes()).await;
        let head = client.response_head().await;
        assert_eq!((head.status, head.header("Set-Cookie")), (200, None), "{path}");
        assert!(client.body(&head).await.contains(expected), "{path}");
    }
    client.send(&opening_request(server.addr(), "/echo", &[])).await;
    assert_eq!(client.response_head().await.status, 101);
    client.assert_echoes("on the same connection").await;

    // And what a script could not see outside it does not see here.
    let mut client = WireClient::connect(through(&server, &guest(server.addr()).await).await).await;
    let form = format!("username=bob&password={}", PASSWORD.replace(' ', "+"));
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}",
        form.len()
    );
    client.send(format!("{head}\r\n\r\n{form}").as_bytes()).await;
    let head = client.response_head().await;
    assert_eq!((head.status, head.header("Set-Cookie")), (200, None));
}

#[tokio::test]
async fn rooms_work_through_tunnels() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let mut one = Talker::in_rooms(through(&server, &cookie).await, "/chat").await;
    let mut other = Talker::in_rooms(server.addr(), "/chat").await;
    one.say(&json!({"type": "room-connect", "roomId": "r", "name": "One"})).await;
    assert_eq!(one.hear().await["members"], json!(["One"]));
    other.say(&json!({"type": "room-connect", "roomId": "r", "name": "Other"})).await;
    assert_eq!(other.hear().await["members"], json!(["One", "Other"]));
    assert_eq!(one.hear().await["names"], json!(["One", "Other"]));
    one.say(&json!({"type": "send-message", "message": "hello"})).await;
    let heard = other.hear().await;
    assert_eq!((&heard["message"], &heard["name"]), (&json!("hello"), &json!("One")));
    // The tunnel is lost, and with it what was inside.
    one.wire.reset();
    assert_eq!(other.hear().await["names"], json!(["Other"]));
}

#[tokio::test]
async fn a_tunnel_wants_a_session_our_page_and_our_name() {
    let server = TestServer::with(|config| config.allow_origin = vec!["http://app.example".to_owned()]).await;
    let cookie = guest(server.addr()).await;
    let ours = format!("http://{}", server.addr());
    for (extra, status) in [
        (&[][..], 403),
        (&[("Cookie", "framescope_session=00112233445566778899aabbccddeeff")], 403),
        (&[("Cookie", &*cookie)], 101),
        (&[("Cookie", &*cookie), ("Origin", &*ours)], 101),
        (&[("Cookie", &*cookie), ("Origin", "http://app.example")], 101),
        (&[("Cookie", &*cookie), ("Origin", "http://evil.example")], 403),
        (&[("Cookie", &*cookie), ("Origin", "null")], 403),
        (&[("Cookie", &*cookie), ("Host", "evil.example")], 403),
        (&[("Cookie", &*cookie), ("Host", "evil.example"), ("Origin", "http://evil.example")], 403),
        (&[("Cookie", &*cookie), ("Upgrade", ""), ("Connection", "")], 426),
    ] {
        for path in ["/tunnel", "/tunnel?to=self", "/tunnel?to=127.0.0.1:5432"] {
            let mut client = WireClient::connect(server.addr()).await;
            client.send(&opening_request(server.addr(), path, extra)).await;
            assert_eq!(client.response_head().await.status, status, "{path} with {extra:?}");
        }
    }
}

#[tokio::test]
async fn neither_tunnels_nor_taps_are_reached_through_one_and_foreign_pages_are_foreign_inside() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let plain: &[(&str, &str)] = &[("Upgrade", ""), ("Connection", ""), ("Sec-WebSocket-Key", "")];
    let plain = [plain, &[("Sec-WebSocket-Version", "")]].concat();
    let foreign: &[(&str, &str)] = &[("Origin", "http://evil.example")];
    let ours = format!("http://{}", server.addr());
    for (path, extra, status) in [
        ("/tunnel", &[][..], 403),
        ("/tunnel?to=self", &[], 403),
        ("/inspect/live", &[("Cookie", &*cookie)], 403),
        ("/inspect/live?token=x", &[("Authorization", "Bearer x")], 403),
        ("/tunnel", &plain, 403),
        ("/inspect/live", &plain, 403),
        ("/echo", foreign, 403),
        ("/echo", &[("Origin", &*ours)], 101),
        ("/nowhere", &[], 404),
    ] {
        let mut client = WireClient::connect(through(&server, &cookie).await).await;
        client.send(&opening_request(server.addr(), path, extra)).await;
        assert_eq!(client.response_head().await.status, status, "{path} with {extra:?}");
    }
    // In absolute form, it is the same path.
    let mut client = WireClient::connect(through(&server, &cookie).await).await;
    let absolute = format!("http://{}/tunnel?to=self", server.addr());
    client.send(&opening_request(server.addr(), &absolute, &[])).await;
    assert_eq!(client.response_head().await.status, 403);
}

#[tokio::test]
async fn what_is_inside_is_tapped_and_the_tunnel_is_not() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let (mut watch, _) = WireClient::open_with(server.addr(), "/inspect/live", &[("Cookie", &cookie)]).await;
    let mut client = WireClient::open(through(&server, &cookie).await, "/echo").await;
    client.assert_echoes("in there").await;
    client.send_frame(OutFrame::close(1000, "")).await;
    client.assert_closed(1000).await;
    let (mut decoder, mut capture, mut closes) = (Decoder::new(), Vec::new(), 0);
    while closes < 2 {
        let (_, _, blocks) = watch.message().await;
        decoder.feed(&blocks);
        capture.extend(blocks);
        while let Some(record) = decoder.next_record() {
            let Record::Event(event) = record else { panic!("{record:?}") };
            assert_eq!(event.stream, 0, "one connection, and not the one around it: {event:?}");
            if let What::Frame(frame) = &event.what {
                assert!(frame.dissection.violations.is_empty(), "{frame:?}");
                closes += usize::from(frame.dissection.close.is_some());
            }
        }
    }
    let text = String::from_utf8_lossy(&capture);
    assert!(text.contains("in-process"), "a comment says that there was no socket");
    for address in [[192, 0, 2, 1], [198, 51, 100, 1]] {
        assert!(capture.windows(4).any(|four| four == address), "{address:?} is for documentation");
    }
    assert!(!capture.windows(4).any(|four| four == [127, 0, 0, 1]), "and nobody's own address is in there");
}

#[tokio::test]
async fn signing_out_ends_what_is_inside_and_then_the_tunnel() {
    let server = TestServer::start().await;
    for path in ["/websocket", "/echo", "/chat"] {
        let name = path.trim_start_matches('/');
        let cookie = person(server.addr(), name).await;
        let (inner, ended) = TunnelClient::open(server.addr(), "self", &cookie).await.bridge().await;
        let mut client = WireClient::open(inner, path).await;
        // So that it is there when it is to end.
        client.send_frame(OutFrame::new(Opcode::Ping, "")).await;
        while client.frame().await.header.opcode != Opcode::Pong {}
        assert_eq!(http(server.addr(), "GET", "/logout", &[("Cookie", &cookie)], "").await.status(), 302);
        client.assert_closed(1008).await;
        assert_eq!(ended.await.unwrap(), Some(json!({"error": "signed out"})), "{path}");
    }
    // A login that is over opens none.
    let cookie = person(server.addr(), "late").await;
    http(server.addr(), "GET", "/logout", &[("Cookie", &cookie)], "").await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(&opening_request(server.addr(), "/tunnel", &[("Cookie", &cookie)])).await;
    assert_eq!(client.response_head().await.status, 403);
}

#[tokio::test]
async fn changing_the_password_elsewhere_ends_it_with_1008_outside() {
    let server = TestServer::start().await;
    let cookie = person(server.addr(), "alice").await;
    let other = framescope_tests::sign_in(server.addr(), "alice").await;
    let mut tunnel = TunnelClient::open(server.addr(), "self", &cookie).await;
    let fields = [("current", PASSWORD), ("new", "another long password")];
    assert_eq!(post_form(server.addr(), "/api/account/password", &other, &fields).await.status(), 200);
    assert_eq!(tunnel.assert_closed(1008).await, Some(json!({"error": "signed out"})));
}

#[tokio::test]
async fn a_page_is_sent_what_it_has_given_credit_for_and_no_more() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let mut tunnel = TunnelClient::open(server.addr(), "self", &cookie).await;
    tunnel.control(&json!({"credit": 10})).await;
    tunnel.send(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr()).as_bytes()).await;
    assert_eq!(tunnel.bytes(10).await, b"HTTP/1.1 2");
    for piece in [&b"0"[..], b"0 OK"] {
        tunnel.control(&json!({"credit": piece.len()})).await;
        assert_eq!(tunnel.bytes(piece.len()).await, piece);
        assert_eq!(tunnel.unread(), b"");
    }
    // All that is left, and the end of it, needs no more than that.
    tunnel.control(&json!({"eof": true})).await;
    tunnel.control(&json!({"credit": u64::MAX})).await;
    assert_eq!(tunnel.assert_closed(1000).await, Some(json!({"eof": true})));
    assert!(String::from_utf8(tunnel.unread()).unwrap().ends_with("\r\n\r\nok\n"));
}

#[tokio::test]
async fn what_is_neither_bytes_nor_control_ends_a_tunnel_with_1008() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    for text in
        ["", "hello", "{}", "[]", "null", r#"{"eof":false}"#, r#"{"credit":-1}"#, r#"{"credit":1,"eof":true}"#, "\u{1}"]
    {
        let mut tunnel = TunnelClient::open(server.addr(), "self", &cookie).await;
        tunnel.text(text).await;
        let word = tunnel.assert_closed(1008).await.unwrap();
        assert!(word["error"].as_str().is_some_and(|why| why.contains("credit")), "{text}: {word}");
    }
}

#[tokio::test]
async fn stopping_ends_tunnels_and_what_is_inside_and_does_not_take_long() {
    let mut server = TestServer::with(|config| config.shutdown_deadline = Duration::from_secs(3600)).await;
    let cookie = guest(server.addr()).await;
    let mut idle = TunnelClient::open(server.addr(), "self", &cookie).await;
    let mut polite = WireClient::open(through(&server, &cookie).await, "/echo").await;
    polite.assert_echoes("still there").await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut client = WireClient::open(through(&server, &cookie).await, "/websocket").await;
        client.frame().await;
        waiting.push(client);
    }
    server.begin_stop();
    idle.assert_closed(1001).await;
    // Inside, too, and whoever answers is heard.
    assert_eq!(polite.close_frame().await.close_code(), Some(1001));
    polite.send_frame(OutFrame::close(1001, "")).await;
    polite.assert_ended().await;
    server.stop().await;
}

#[tokio::test]
async fn a_tunnel_counts_twice() {
    let server = TestServer::with(|config| config.connections_max = 3).await;
    let cookie = guest(server.addr()).await;
    let mut first = TunnelClient::open(server.addr(), "self", &cookie).await;
    let mut second = TunnelClient::open(server.addr(), "self", &cookie).await;
    assert_eq!(second.assert_closed(1013).await, Some(json!({"error": "too many connections; try again"})));
    first
        .send(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.addr()).as_bytes())
        .await;
    assert_eq!(first.news().await, Word::Control(json!({"eof": true})));
    assert!(first.unread().ends_with(b"ok\n"));
}
