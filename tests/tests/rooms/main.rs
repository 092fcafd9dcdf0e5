//! Chat rooms, as the contract has them, and what hostile clients try in them.

mod order;

use std::time::Duration;

use framescope_codec::{LengthForm, Opcode};
use framescope_tests::{OutFrame, Talker, TestServer, WireClient, frames, opening_request};
use serde_json::{Value, json};

/// What it takes to enter a room.
fn connect(room: &str, name: &str) -> Value {
    json!({"type": "room-connect", "roomId": room, "name": name})
}

fn message(text: &str) -> Value {
    json!({"type": "send-message", "message": text})
}

fn members(names: &[&str]) -> Value {
    json!({"type": "members-changed", "names": names})
}

fn received(text: &str, name: &str) -> Value {
    json!({"type": "receive-message", "message": text, "name": name})
}

fn connected(room: &str, members: &[&str], messages: &[(&str, &str)]) -> Value {
    let messages: Vec<_> =
        messages.iter().map(|(sender, message)| json!({"sender": sender, "message": message})).collect();
    json!({"type": "room-connected", "roomId": room, "members": members, "messages": messages})
}

/// Enters a room as the last of these members.
async fn enter(talker: &mut Talker, room: &str, names: &[&str], messages: &[(&str, &str)]) {
    let name = names.last().expect("a name");
    let answer = talker.ask(&connect(room, name)).await;
    assert_eq!(answer, connected(room, names, messages));
}

#[tokio::test]
async fn people_come_talk_and_go() {
    let server = TestServer::start().await;
    for path in ["/", "/chat", "/websocket"] {
        let open = async || match path {
            "/websocket" => Talker::guest(server.addr()).await,
            _ => Talker::in_rooms(server.addr(), path).await,
        };
        let (mut ann, mut bob, mut eve) = (open().await, open().await, open().await);
        enter(&mut ann, path, &["ann"], &[]).await;
        ann.say(&json!({"type": "send-message", "message": "nobody is here", "id": path})).await;
        ann.expect(&json!({"type": "stored", "id": path})).await;
        enter(&mut bob, path, &["ann", "bob"], &[("ann", "nobody is here")]).await;
        ann.expect(&members(&["ann", "bob"])).await;
        enter(&mut eve, path, &["ann", "bob", "eve"], &[("ann", "nobody is here")]).await;
        for talker in [&mut ann, &mut bob] {
            talker.expect(&members(&["ann", "bob", "eve"])).await;
        }
        bob.say(&message("hello, \"all\" <b>&</b>\n😀\u{200f}")).await;
        for talker in [&mut ann, &mut eve] {
            talker.expect(&received("hello, \"all\" <b>&</b>\n😀\u{200f}", "bob")).await;
        }
        // The list is in the order of joining, and who comes back comes last.
        ann.say(&json!({"type": "room-leave"})).await;
        for talker in [&mut bob, &mut eve] {
            talker.expect(&members(&["bob", "eve"])).await;
        }
        let messages = [("ann", "nobody is here"), ("bob", "hello, \"all\" <b>&</b>\n😀\u{200f}")];
        enter(&mut ann, path, &["bob", "eve", "ann"], &messages).await;
        for talker in [&mut bob, &mut eve] {
            talker.expect(&members(&["bob", "eve", "ann"])).await;
        }
        // By the leaver's own words nobody left: whoever said something hears nothing of it.
        bob.say(&message("again")).await;
        ann.expect(&received("again", "bob")).await;
        ann.say(&message("yes")).await;
        bob.expect(&received("yes", "ann")).await;
        eve.expect(&received("again", "bob")).await;
        eve.expect(&received("yes", "ann")).await;
    }
}

#[tokio::test]
async fn however_a_connection_ends_its_member_is_gone_and_the_name_free() {
    let server = TestServer::start().await;
    let mut ann = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "r", &["ann"], &[]).await;
    for (place, path) in ["/", "/chat", "/"].into_iter().cycle().take(7).enumerate() {
        let mut bob = Talker::in_rooms(server.addr(), path).await;
        enter(&mut bob, "r", &["ann", "bob"], &[]).await;
        ann.expect(&members(&["ann", "bob"])).await;
        match place {
            0 => {
                // An empty Close gets an empty Close.
                bob.wire.send_frame(OutFrame::new(Opcode::Close, [])).await;
                bob.wire.assert_closed(None).await;
            }
            1 => {
                bob.wire.send_frame(OutFrame::close(1000, "bye")).await;
                bob.wire.assert_closed(1000).await;
            }
            // Malformed Closes: one byte, a reserved code, unmasked, a long way of writing the length.
            2 => bob.wire.send_frame(OutFrame::new(Opcode::Close, [3])).await,
            3 => bob.wire.send_frame(OutFrame::new(Opcode::Close, []).unmasked()).await,
            4 => bob.wire.send_frame(OutFrame::close(1000, "").length_form(LengthForm::Bits16)).await,
            5 => bob.wire.shut_down().await,
            _ => {
                bob.wire.reset();
                ann.expect(&members(&["ann"])).await;
                continue;
            }
        }
        drop(bob);
        ann.expect(&members(&["ann"])).await;
    }
}

#[tokio::test]
async fn what_somebody_said_comes_before_their_leaving() {
    let server = TestServer::start().await;
    let mut ann = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "r", &["ann"], &[]).await;
    let mut said = Vec::new();
    for turn in 0..10 {
        let mut bob = Talker::in_rooms(server.addr(), "/").await;
        let past: Vec<_> = said.iter().map(|text: &String| ("bob", text.as_str())).collect();
        enter(&mut bob, "r", &["ann", "bob"], &past).await;
        ann.expect(&members(&["ann", "bob"])).await;
        let texts: Vec<_> = (0..5).map(|at| format!("{turn} {at}")).collect();
        let mut all: Vec<_> = texts.iter().map(|text| OutFrame::text(message(text).to_string())).collect();
        if turn % 2 == 0 {
            all.push(OutFrame::text(r#"{"type":"room-leave"}"#));
            // The name is free at once for the one who had it.
            all.push(OutFrame::text(connect("elsewhere", "bob").to_string()));
            all.push(OutFrame::text(r#"{"type":"room-leave"}"#));
        }
        all.push(OutFrame::close(1000, ""));
        bob.wire.send(&frames(&all)).await;
        for text in &texts {
            ann.expect(&received(text, "bob")).await;
        }
        ann.expect(&members(&["ann"])).await;
        said.extend(texts);
    }
}

#[tokio::test]
async fn who_is_elsewhere_hears_nothing() {
    let server = TestServer::start().await;
    let mut ann = Talker::in_rooms(server.addr(), "/").await;
    let mut bob = Talker::guest(server.addr()).await;
    let mut eve = Talker::in_rooms(server.addr(), "/chat").await;
    let mut out = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "one", &["ann"], &[]).await;
    enter(&mut bob, "one", &["ann", "bob"], &[]).await;
    ann.expect(&members(&["ann", "bob"])).await;
    enter(&mut eve, "two", &["eve"], &[]).await;
    enter(&mut out, "one", &["ann", "bob", "out"], &[]).await;
    for talker in [&mut ann, &mut bob] {
        talker.expect(&members(&["ann", "bob", "out"])).await;
    }
    out.say(&json!({"type": "room-leave"})).await;
    for talker in [&mut ann, &mut bob] {
        talker.expect(&members(&["ann", "bob"])).await;
    }
    ann.say(&message("secret")).await;
    bob.expect(&received("secret", "ann")).await;
    // What everybody hears last shows that they heard nothing before.
    for talker in [&mut eve, &mut out] {
        talker.expect_refusal(&json!({"type": "nothing of the kind"})).await;
    }
    enter(&mut out, "two", &["eve", "out"], &[]).await;
    eve.expect(&members(&["eve", "out"])).await;
    eve.say(&message("x")).await;
    out.expect(&received("x", "eve")).await;
}

#[tokio::test]
async fn what_is_out_of_order_or_malformed_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    for path in ["/", "/websocket"] {
        let open = async || match path {
            "/websocket" => Talker::guest(server.addr()).await,
            _ => Talker::in_rooms(server.addr(), path).await,
        };
        let (mut ann, mut bob) = (open().await, open().await);
        ann.expect_refusal(&message("nowhere")).await;
        ann.expect_refusal(&json!({"type": "room-leave"})).await;
        enter(&mut ann, path, &["ann"], &[]).await;
        ann.expect_refusal(&connect(path, "ann")).await;
        ann.expect_refusal(&connect("another", "ann")).await;
        bob.expect_refusal(&connect(path, "ann")).await;
        bob.expect_refusal(&message("still nowhere")).await;
        for bad in [
            json!({"type": "room-connect"}),
            json!({"type": "room-connect", "roomId": path}),
            json!({"type": "room-connect", "name": "bob"}),
            json!({"type": "room-connect", "roomId": null, "name": "bob"}),
            json!({"type": "room-connect", "roomId": path, "name": 7}),
            json!({"type": "room-connect", "roomId": [path], "name": "bob"}),
            json!({"type": "room-connect", "roomId": path, "name": {"a": 1}}),
            connect("", "bob"),
            connect(path, ""),
            connect(path, "b\0b"),
            connect("r\0m", "bob"),
            connect(path, &"n".repeat(65)),
            connect(&"r".repeat(65), "bob"),
            json!({"type": "members-changed", "names": ["eve"]}),
            json!({"type": "receive-message", "message": "x", "name": "ann"}),
            json!({"type": "room-connected", "roomId": path}),
            json!({"type": "Room-Connect", "roomId": path, "name": "bob"}),
            json!({"type": 7}),
        ] {
            bob.expect_refusal(&bad).await;
        }
        // Characters, not bytes.
        let long = "😀".repeat(64);
        enter(&mut bob, &long, &[&long], &[]).await;
        bob.say(&json!({"type": "room-leave"})).await;
        enter(&mut bob, path, &["ann", "bob"], &[]).await;
        ann.expect(&members(&["ann", "bob"])).await;
        for bad in [
            json!({"type": "send-message"}),
            json!({"type": "send-message", "message": null}),
            json!({"type": "send-message", "message": 7}),
            json!({"type": "send-message", "message": ["x"]}),
            json!({"type": "send-message", "message": "x", "id": 7}),
            json!({"type": "send-message", "message": "x", "id": "i".repeat(65)}),
            message("a\0b"),
            message(&"x".repeat((64 << 10) + 1)),
        ] {
            bob.expect_refusal(&bad).await;
        }
        for bad in
            [r#"{"type":"send-message","message":"\ud800"}"#, r#"{"type":"send-message","message":"x""#, "[]", ""]
        {
            bob.wire.send_frame(OutFrame::text(bad)).await;
            let error = bob.hear().await;
            // Of what is no object nobody knows which family it means.
            let tag = if path == "/" || bad.ends_with('}') { "type" } else { "messageType" };
            assert_eq!(error[tag], "error", "{error} to {bad}");
        }
        let largest = "é".repeat(32 << 10);
        bob.say(&message(&largest)).await;
        ann.expect(&received(&largest, "bob")).await;
        bob.say(&message("")).await;
        ann.expect(&received("", "bob")).await;
        ann.say(&json!({"type": "send-message", "message": "x", "name": "bob", "sender": "bob", "roomId": "another"}))
            .await;
        bob.expect(&received("x", "ann")).await;
    }
}

#[tokio::test]
async fn an_endpoint_of_the_rooms_knows_no_other_family() {
    let server = TestServer::start().await;
    for path in ["/", "/chat"] {
        let mut talker = Talker::in_rooms(server.addr(), path).await;
        for said in
            [r#"{"messageType":"echo_client","text":"x"}"#, r#"{"messageType":"get_calls"}"#, "{}", "", "null", "{"]
        {
            talker.wire.send_frame(OutFrame::text(said)).await;
            let error = talker.hear().await;
            assert_eq!(error["type"], "error", "{error}");
            assert!(error.get("messageType").is_none());
        }
        talker.wire.send_frame(OutFrame::binary(connect(path, "ann").to_string())).await;
        talker.expect(&connected(path, &["ann"], &[])).await;
        talker.wire.send_frame(OutFrame::binary([0xFF])).await;
        assert_eq!(talker.hear().await["type"], "error");
    }
}

#[tokio::test]
async fn the_answer_to_the_handshake_is_alone_and_to_the_letter() {
    let server = TestServer::start().await;
    for path in ["/", "/chat"] {
        let extra = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")];
        let (mut client, head) = WireClient::open_with(server.addr(), path, &extra).await;
        assert_eq!(head.header("Connection"), Some("Upgrade"));
        assert_eq!(head.header("Sec-WebSocket-Extensions"), None, "nothing is compressed here");
        // Nothing was sent by itself: the pong is first.
        client.send_frame(OutFrame::new(Opcode::Ping, b"first".to_vec())).await;
        let frame = client.frame().await;
        assert_eq!((frame.header.opcode, &*frame.payload), (Opcode::Pong, &b"first"[..]));
        // What comes with the handshake is answered, in its order.
        let mut client = WireClient::connect(server.addr()).await;
        let mut bytes = opening_request(server.addr(), path, &[]);
        bytes.extend(OutFrame::text(connect(path, "x").to_string()).bytes());
        bytes.extend(OutFrame::new(Opcode::Ping, b"second".to_vec()).bytes());
        client.send(&bytes).await;
        assert_eq!(client.response_head().await.status, 101);
        // Each by itself, but which comes first is not said: to enter takes a while.
        let mut opcodes = [client.frame().await.header.opcode, client.frame().await.header.opcode];
        opcodes.sort_by_key(|opcode| opcode.bits());
        assert_eq!(opcodes, [Opcode::Text, Opcode::Pong]);
    }
    // A plain GET is for the pages.
    let mut client = WireClient::connect(server.addr()).await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.addr()).as_bytes()).await;
    assert_eq!(client.response_head().await.status, 200);
}

#[tokio::test]
async fn nobody_is_dropped_or_pinged_for_being_silent() {
    let server = TestServer::with(|config| config.idle_deadline = Duration::from_millis(200)).await;
    let mut silent = Talker::in_rooms(server.addr(), "/").await;
    let mut other = WireClient::open(server.addr(), "/websocket").await;
    // Long after its own deadline this one is dropped.
    other.assert_closed(1001).await;
    let mut third = WireClient::open(server.addr(), "/websocket").await;
    third.assert_closed(1001).await;
    enter(&mut silent, "r", &["still here"], &[]).await;
    assert!(silent.wire.unread().is_empty());
}

#[tokio::test]
async fn pings_are_answered_with_the_same_bytes_also_between_fragments() {
    let server = TestServer::start().await;
    for path in ["/", "/chat"] {
        let mut client = WireClient::open(server.addr(), path).await;
        let text = connect(path, "x").to_string();
        let (front, back) = text.as_bytes().split_at(7);
        for payload in [vec![], vec![0, 255, 10], vec![7; 125]] {
            client.send_frame(OutFrame::new(Opcode::Ping, payload.clone())).await;
            assert_eq!(client.frame().await.payload, payload);
        }
        client.send_frame(OutFrame::text(front).unfinished()).await;
        client.send_frame(OutFrame::new(Opcode::Ping, b"between".to_vec())).await;
        let pong = client.frame().await;
        assert_eq!((pong.header.opcode, &*pong.payload), (Opcode::Pong, &b"between"[..]));
        client.send_frame(OutFrame::continuation(back)).await;
        assert!(client.text().await.contains("room-connected"));
        // What follows a Close is ignored.
        let bytes = [OutFrame::close(1000, "").bytes(), OutFrame::text(message("late").to_string()).bytes()].concat();
        client.send(&bytes).await;
        client.assert_closed(1000).await;
    }
}

#[tokio::test]
async fn text_is_escaped_for_pages_that_ask_for_it() {
    let server = TestServer::with(|config| config.escape_html = Some(true)).await;
    let (mut ann, mut bob) = (Talker::in_rooms(server.addr(), "/").await, Talker::in_rooms(server.addr(), "/").await);
    let answer = ann.ask(&connect("<r>", "<ann>")).await;
    assert_eq!(answer["members"], json!(["&lt;ann&gt;"]));
    bob.say(&connect("<r>", "b'o\"b")).await;
    assert_eq!(bob.hear().await["members"], json!(["&lt;ann&gt;", "b&#39;o&quot;b"]));
    ann.expect(&members(&["&lt;ann&gt;", "b&#39;o&quot;b"])).await;
    ann.say(&message("<script>&amp;")).await;
    bob.expect(&received("&lt;script&gt;&amp;amp;", "&lt;ann&gt;")).await;
    let mut eve = Talker::in_rooms(server.addr(), "/").await;
    let history = eve.ask(&connect("<r>", "eve")).await;
    assert_eq!(history["messages"], json!([{"sender": "&lt;ann&gt;", "message": "&lt;script&gt;&amp;amp;"}]));
}
