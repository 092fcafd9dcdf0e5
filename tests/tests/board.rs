//! The drawing board and who is online, as the contract has them.

use framescope_codec::Opcode;
use framescope_tests::{Greeted, OutFrame, ServerProcess, TestServer, WireClient, frames, greeted};
use serde_json::{Value, json};

const STROKE: &str = r##""startX":1,"startY":2.50,"endX":-3e2,"endY":0,"color":"#f00""##;

fn drawing(extra: &str) -> OutFrame {
    OutFrame::text(format!(r#"{{"messageType":"drawing",{STROKE}{extra}}}"#))
}

async fn heard(client: &mut WireClient) -> Value {
    serde_json::from_str(&client.text().await).expect("JSON")
}

#[tokio::test]
async fn a_stroke_reaches_everybody_its_sender_too_and_all_who_come_later() {
    let server = TestServer::start().await;
    let Greeted { client: mut artist, strokes, online } = greeted(server.addr(), &[]).await;
    assert!(strokes.is_empty() && online.is_empty());
    let mut watcher = greeted(server.addr(), &[]).await.client;
    artist.send_frame(drawing(r#","width":4.0,"deep":[{"a":null}]"#)).await;
    for client in [&mut artist, &mut watcher] {
        let text = client.text().await;
        assert!(text.contains(r#""startY":2.50"#) && text.contains(r#""width":4.0"#), "{text} is as it was written");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["messageType"], "drawing");
        assert_eq!(value["deep"], json!([{"a": null}]));
    }
    let late = greeted(server.addr(), &[]).await;
    let expected = json!({"startX": 1, "startY": 2.5, "endX": -300.0, "endY": 0, "color": "#f00", "width": 4.0, "deep": [{"a": null}]});
    assert_eq!(late.strokes, [expected]);
}

#[tokio::test]
async fn what_is_no_stroke_is_neither_shown_nor_stored() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let mut watcher = greeted(server.addr(), &[]).await.client;
    let long = format!(r#","note":"{}""#, "x".repeat(1024));
    let deep = format!(r#","note":{}{}"#, "[".repeat(300), "]".repeat(300));
    let extras = [r#","startX":1"#, &*long, &*deep, r#","note":"\u0000""#, r#","note":"\ud800""#, r#","id":7"#];
    let mut bad: Vec<String> =
        extras.iter().map(|extra| format!("{{\"messageType\":\"drawing\",{STROKE}{extra}}}")).collect();
    for (field, value) in [
        ("startX", r#""1""#),
        ("startX", "1e400"),
        ("endY", "null"),
        ("endX", "[1]"),
        ("color", "7"),
        ("color", r#""<b>red</b>""#),
        ("color", r#""url(javascript:alert(1))""#),
    ] {
        let mut stroke: serde_json::Map<String, Value> =
            serde_json::from_str(&format!(r#"{{"messageType":"drawing",{STROKE}}}"#)).unwrap();
        stroke.remove(field);
        let rest = serde_json::to_string(&stroke).unwrap();
        bad.push(rest.clone());
        bad.push(format!(r#"{},"{field}":{value}}}"#, rest.trim_end_matches('}')));
    }
    bad.push(format!(r#"{{"messageType":"drawing",{STROKE},"color":"{}"}}"#, "x".repeat(100_000)));
    for bad in bad {
        client.send_frame(OutFrame::text(bad.clone())).await;
        let value = heard(&mut client).await;
        assert_eq!(value["messageType"], "error", "to {bad:.200}");
    }
    client.send_frame(drawing("")).await;
    assert_eq!(heard(&mut watcher).await["messageType"], "drawing", "the first thing that anybody else hears of");
    assert_eq!(greeted(server.addr(), &[]).await.strokes.len(), 1);
}

#[tokio::test]
async fn a_stroke_with_an_id_is_taken_once_and_only_its_sender_hears_of_the_id() {
    let server = TestServer::start().await;
    let (page, cookie) = guest(&server).await;
    drop(page);
    let headers = [("Cookie", cookie.as_str())];
    let mut client = greeted(server.addr(), &headers).await.client;
    let mut other = greeted(server.addr(), &[]).await.client;
    for round in 0..2 {
        client.send_frame(drawing(r#","id":"a""#)).await;
        if round == 0 {
            let shown = heard(&mut client).await;
            assert!(shown["messageType"] == "drawing" && shown.get("id").is_none(), "{shown}");
        }
        assert_eq!(heard(&mut client).await, json!({"messageType": "stored", "id": "a"}));
    }
    // The same browser, on another connection.
    let mut again = greeted(server.addr(), &headers).await.client;
    again.send_frame(drawing(r#","id":"a""#)).await;
    assert_eq!(heard(&mut again).await, json!({"messageType": "stored", "id": "a"}));
    // Somebody else's ids are their own.
    other.send_frame(drawing(r#","id":"a""#)).await;
    for expected in ["drawing", "drawing", "stored"] {
        assert_eq!(heard(&mut other).await["messageType"], expected);
    }
    assert_eq!(greeted(server.addr(), &[]).await.strokes.len(), 2);
}

/// A page was looked at: its response, and the session cookie it came with.
async fn guest(server: &TestServer) -> (WireClient, String) {
    let mut client = WireClient::connect(server.addr()).await;
    client.send(format!("GET /inspector HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr()).as_bytes()).await;
    let head = client.response_head().await;
    let cookie = head.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    (client, cookie)
}

#[tokio::test]
async fn a_board_of_many_strokes_comes_as_one_message_in_fragments_and_what_is_drawn_meanwhile_behind_it() {
    let server = TestServer::start().await;
    let mut artist = greeted(server.addr(), &[]).await.client;
    const STROKES: usize = 20_000;
    let draw = async |artist: &mut WireClient, range: std::ops::Range<usize>| {
        for from in range.clone().step_by(500) {
            let some: Vec<_> = (from..range.end.min(from + 500)).map(|n| drawing(&format!(r#","n":{n}"#))).collect();
            artist.send(&frames(&some)).await;
            for frame in some {
                drop(frame);
                assert_eq!(heard(artist).await["messageType"], "drawing");
            }
        }
    };
    draw(&mut artist, 0..STROKES).await;
    // One that connects and does not read, while the drawing goes on.
    let mut slow = WireClient::open(server.addr(), "/websocket").await;
    draw(&mut artist, STROKES..STROKES + 1000).await;
    let first = slow.peek_header().await;
    assert!(!first.fin && first.opcode == Opcode::Text && first.payload_length.get() <= 1 << 20, "{first:?}");
    let board = heard(&mut slow).await;
    let strokes = board["strokes"].as_array().unwrap();
    assert!(strokes.len() >= STROKES, "{}", strokes.len());
    let mut next = 0;
    for stroke in strokes {
        assert_eq!(stroke["n"], next);
        next += 1;
    }
    assert_eq!(heard(&mut slow).await["messageType"], "active_users_list");
    while next < STROKES + 1000 {
        let stroke = heard(&mut slow).await;
        assert_eq!((&stroke["messageType"], &stroke["n"]), (&json!("drawing"), &json!(next)));
        next += 1;
    }
}

#[tokio::test]
async fn a_ping_is_answered_in_the_middle_of_a_long_board() {
    let server = TestServer::start().await;
    let mut artist = greeted(server.addr(), &[]).await.client;
    let note = format!(r#","note":"{}""#, "x".repeat(800));
    // More than the buffers of both sockets hold: the server cannot have written all of it by the time it reads.
    for _ in 0..40 {
        artist.send(&frames(&vec![drawing(&note); 500])).await;
        for _ in 0..500 {
            heard(&mut artist).await;
        }
    }
    let mut client = WireClient::open(server.addr(), "/websocket").await;
    client.send_frame(OutFrame::new(Opcode::Ping, b"?".to_vec())).await;
    client.send_frame(OutFrame::text(r#"{"messageType":"echo_client","text":"behind"}"#)).await;
    let mut is_answered = false;
    loop {
        let frame = client.frame().await;
        is_answered |= frame.header.opcode == Opcode::Pong;
        if frame.header.fin && frame.header.opcode == Opcode::Continuation {
            break;
        }
    }
    assert!(is_answered);
    let mut kinds =
        vec![heard(&mut client).await["messageType"].clone(), heard(&mut client).await["messageType"].clone()];
    kinds.sort_by_key(ToString::to_string);
    assert_eq!(kinds, ["active_users_list", "echo_server"]);
}

#[tokio::test]
async fn those_who_do_not_read_a_long_board_cost_no_memory() {
    let server = ServerProcess::start(&[]).await;
    let mut artist = greeted(server.addr(), &[]).await.client;
    let note = format!(r#","note":"{}""#, "x".repeat(800));
    for _ in 0..40 {
        artist.send(&frames(&vec![drawing(&note); 500])).await;
        for _ in 0..500 {
            heard(&mut artist).await;
        }
    }
    let before = server.rss();
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(WireClient::open(server.addr(), "/websocket").await);
    }
    artist.send_frame(drawing("")).await;
    heard(&mut artist).await;
    let grown = server.rss().saturating_sub(before);
    assert!(grown < 64 << 20, "{} KiB for 50 who do not read 18 MiB", grown >> 10);
}
