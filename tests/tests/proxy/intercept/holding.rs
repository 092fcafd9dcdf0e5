//! Hold, forward, edit, drop, inject.

use framescope_codec::capture::intervention::Intervention;
use framescope_codec::capture::{Decoder, Direction, Note, Record, What};
use framescope_codec::{Compressor, DeflateParams, Frame, MaskingKey, Opcode, Role};
use framescope_tests::{OutFrame, ServerProcess, Watch, WireClient, opening_request};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Operator, base64, intercepted, link, stays_silent};
use crate::{Upstream, connect, read};

#[tokio::test]
async fn a_held_frame_waits_with_all_behind_it_and_the_other_way_goes_on() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) =
        intercepted(r#"text contains "hold" and dir == c2s"#).await;
    let sent =
        [OutFrame::text("first"), OutFrame::text("hold me"), OutFrame::text("behind"), OutFrame::text("hold too")];
    let sent = sent.map(|frame| frame.bytes());
    client.send(&sent.concat()).await;
    assert_eq!(read(&mut stream, sent[0].len()).await, sent[0]);
    let (first, direction, bytes) = operator.held().await;
    assert_eq!((direction.as_str(), &bytes), ("c2s", &sent[1]));
    let (second, _, bytes) = operator.held().await;
    assert_eq!(bytes, sent[3]);
    stays_silent(&mut stream).await;
    stream.write_all(b"\x81\x09hold this").await.unwrap();
    assert_eq!(client.text().await, "hold this");
    // What comes later may be decided first.
    operator.say(&json!({ "forward": second })).await;
    operator.say(&json!({ "forward": first })).await;
    assert_eq!(operator.hear("released").await, json!({ "released": first, "how": "forwarded" }));
    assert_eq!(read(&mut stream, sent[1..].concat().len()).await, sent[1..].concat());
    operator.say(&json!({ "drop": first })).await;
    assert_eq!(operator.hear("refused").await["why"], "no frame of that number is held");
}

#[tokio::test]
async fn a_filter_knows_connections_by_the_numbers_of_the_list() {
    let (proxy, upstream, mut operator, mut first, mut first_stream) = intercepted("conn == 2").await;
    let (mut second, mut second_stream) = connect(&proxy, &upstream).await;
    let list = operator.connections(|list| list.len() == 2).await;
    assert_eq!((&list[0]["connection"], &list[1]["connection"]), (&json!(1), &json!(2)));
    let frame = OutFrame::text("whose?").bytes();
    first.send(&frame).await;
    assert_eq!(read(&mut first_stream, frame.len()).await, frame);
    second.send(&frame).await;
    let held = operator.hear("held").await;
    assert_eq!(held["connection"], 2);
    stays_silent(&mut second_stream).await;
    operator.say(&json!({ "forward": held["id"] })).await;
    assert_eq!(read(&mut second_stream, frame.len()).await, frame);
}

#[tokio::test]
async fn what_is_edited_dropped_and_injected_is_in_the_capture_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let upstream = Upstream::new().await;
    let mut proxy = ServerProcess::proxy(&upstream.url(), &["--write", file.to_str().unwrap()], "").await;
    let (addr, token) = link(&proxy);
    let mut watch = Watch::start_at(addr, &format!("/inspect/live?token={token}"), &[]).await;
    let mut operator = Operator::at(&proxy).await;
    operator.hold("opcode == text").await;
    let (mut client, mut stream) = connect(&proxy, &upstream).await;
    let connection = operator.connections(|list| list.len() == 1).await[0]["connection"].as_u64().unwrap();

    client.send_frame(OutFrame::text("edit me")).await;
    let (id, ..) = operator.held().await;
    // Byte for byte as given, whatever it is.
    let wrong = b"\xF1\x03abc";
    operator.say(&json!({ "forward": id, "bytes": base64(wrong) })).await;
    assert_eq!(read(&mut stream, wrong.len()).await, wrong);

    client.send_frame(OutFrame::text("drop me")).await;
    let (id, ..) = operator.held().await;
    operator.say(&json!({ "drop": id })).await;
    assert_eq!(operator.hear("released").await["how"], "dropped");

    let mut ping = Frame::new(Opcode::Ping, b"who?");
    ping.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
    let ping = ping.to_bytes();
    let told = operator.inject(connection, "c2s", &ping, false).await;
    assert_eq!(told, json!({ "injected": { "connection": connection, "direction": "c2s", "tag": 5 } }));
    assert_eq!(read(&mut stream, ping.len()).await, ping);
    operator.inject(connection, "s2c", b"\x82\x02!!", false).await;
    assert_eq!(client.message().await.2, b"!!");

    stream.write_all(b"\x81\x04last").await.unwrap();
    let (id, direction, _) = operator.held().await;
    assert_eq!(direction, "s2c");
    operator.say(&json!({ "forward": id })).await;
    assert_eq!(client.text().await, "last");

    let shown = |what: &What| match what {
        What::Frame(frame) => Some(frame.dissection.payload.clone()),
        What::Note(Note::Intervened(intervention)) => Some(match intervention {
            Intervention::Held { .. } => b"(held)".to_vec(),
            Intervention::Edited { original, .. } | Intervention::Dropped { original, .. } => {
                Frame::load(original.bytes()).unwrap().0.payload().to_vec()
            }
            Intervention::Injected => b"(injected)".to_vec(),
            other => panic!("{other}"),
        }),
        _ => None,
    };
    let expected: [(Direction, &[u8]); 9] = [
        (Direction::ClientToServer, b"edit me"),
        (Direction::ClientToServer, b"abc"),
        (Direction::ClientToServer, b"drop me"),
        (Direction::ClientToServer, b"(injected)"),
        (Direction::ClientToServer, b"who?"),
        (Direction::ServerToClient, b"(injected)"),
        (Direction::ServerToClient, b"!!"),
        (Direction::ServerToClient, b"(held)"),
        (Direction::ServerToClient, b"last"),
    ];
    let live = watch.until(|what| shown(what).is_some_and(|bytes| bytes == b"last")).await;
    let live: Vec<_> = live.iter().filter_map(|(at, what)| Some((*at, shown(what)?))).collect();
    assert_eq!(live, expected.map(|(at, bytes)| (at, bytes.to_vec())));

    drop((client, stream));
    proxy.signal("TERM");
    assert!(proxy.wait().await.success());
    let mut decoder = Decoder::new();
    decoder.feed(&std::fs::read(&file).unwrap());
    decoder.finish();
    let written: Vec<_> = std::iter::from_fn(|| decoder.next_record())
        .filter_map(|record| match record {
            Record::Event(event) => Some((event.direction, shown(&event.what)?)),
            Record::Fault(fault) => panic!("{fault:?}"),
        })
        .collect();
    assert_eq!(written, live);
}

#[tokio::test]
async fn an_operator_who_goes_or_holds_nothing_more_loses_nothing() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("").await;
    let numbered = |number: usize| OutFrame::text(format!("{number:03}")).bytes();
    let frames: Vec<_> = (0..100).map(numbered).collect();
    client.send(&frames[..50].concat()).await;
    for frame in &frames[..50] {
        assert_eq!(&operator.held().await.2, frame);
    }
    operator.say(&json!({ "filter": null })).await;
    assert!(operator.hear("holding").await["holding"].is_null());
    assert_eq!(read(&mut stream, frames[..50].concat().len()).await, frames[..50].concat());
    operator.hold("masked").await;
    // The last is cut in the middle when the page goes away.
    let sent = frames[50..].concat();
    client.send(&sent[..sent.len() - 2]).await;
    for frame in &frames[50..99] {
        assert_eq!(&operator.held().await.2, frame);
    }
    drop(operator);
    assert_eq!(read(&mut stream, sent.len() - 2).await, sent[..sent.len() - 2]);
    client.send(&sent[sent.len() - 2..]).await;
    assert_eq!(read(&mut stream, 2).await, sent[sent.len() - 2..]);
    client.send(&frames[0]).await;
    assert_eq!(read(&mut stream, frames[0].len()).await, frames[0]);
}

#[tokio::test]
async fn forwarding_all_and_two_operators_each_with_their_own() {
    let (proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == text").await;
    let mut other = Operator::at(&proxy).await;
    other.hold("opcode == binary").await;
    let sent = [OutFrame::text("a").bytes(), OutFrame::binary("b").bytes(), OutFrame::text("c").bytes()];
    client.send(&sent.concat()).await;
    let (id, _, bytes) = other.held().await;
    assert_eq!(bytes, sent[1]);
    operator.held().await;
    operator.held().await;
    // Nobody has a say in what somebody else holds.
    operator.say(&json!({ "drop": id })).await;
    assert_eq!(operator.hear("refused").await["id"], id);
    operator.say(&json!({ "forwardAll": true })).await;
    assert_eq!(read(&mut stream, sent[0].len()).await, sent[0]);
    stays_silent(&mut stream).await;
    drop(other);
    assert_eq!(read(&mut stream, sent[1].len() + sent[2].len()).await, sent[1..].concat());
}

#[tokio::test]
async fn nothing_is_injected_inside_a_frame_or_against_the_rules_unless_forced() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == 0xF").await;
    let connection = operator.connections(|list| list.len() == 1).await[0]["connection"].as_u64().unwrap();
    let first = OutFrame::text("begins").unfinished().bytes();
    client.send(&first).await;
    assert_eq!(read(&mut stream, first.len()).await, first);
    let told = operator.inject(connection, "c2s", b"\x81\x01x", false).await;
    let refused = &told["refused"];
    assert_eq!((&refused["what"], &refused["tag"], &refused["canForce"]), (&json!("inject"), &json!(5), &json!(true)));
    assert!(refused["why"].as_str().unwrap().contains("fragmented message"), "{refused}");
    operator.inject(connection, "c2s", b"\x89\x00", false).await;
    operator.inject(connection, "c2s", b"\x81\x01x", true).await;
    assert_eq!(read(&mut stream, 5).await, b"\x89\x00\x81\x01x");
    // A frame is on its way that is too long to be kept.
    let long = OutFrame::binary(vec![7; 2 << 20]).bytes();
    let (before, rest) = long.split_at(1 << 20);
    client.send(before).await;
    assert!(read(&mut stream, before.len()).await == before);
    let inject = json!({ "connection": connection, "direction": "c2s", "bytes": base64(b"\x8A\x00") });
    operator.say(&json!({ "inject": inject })).await;
    stays_silent(&mut stream).await;
    client.send(rest).await;
    assert!(read(&mut stream, rest.len()).await == rest);
    assert_eq!(read(&mut stream, 2).await, b"\x8A\x00");
    assert_eq!(operator.hear("injected").await["direction"], "c2s");
    let told = operator.inject(connection + 1, "c2s", b"\x89\x00", false).await;
    assert_eq!(told["refused"]["why"], "there is no such connection");
}

#[tokio::test]
async fn nobody_but_the_operator_intercepts() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let (addr, token) = link(&proxy);
    let status = async |path: &str, headers: &[(&str, &str)]| {
        let mut client = WireClient::connect(addr).await;
        client.send(&opening_request(addr, path, headers)).await;
        client.response_head().await.status
    };
    assert_eq!(status("/inspect/intercept", &[]).await, 403);
    assert_eq!(status("/inspect/intercept?token=0123456789abcdef", &[]).await, 403);
    assert_eq!(status(&format!("/inspect/intercept?own&token={token}"), &[]).await, 403);
    let at = format!("/inspect/intercept?token={token}");
    assert_eq!(status(&at, &[("Origin", "http://evil.example")]).await, 403);
    assert_eq!(status(&at, &[("Origin", &format!("http://{addr}"))]).await, 101);
    assert_eq!(status("/inspect/intercept", &[("Authorization", &format!("Bearer {token}"))]).await, 101);
    // A server has none, whoever asks.
    let server = ServerProcess::start(&["--operator-token", "0123456789abcdef"]).await;
    let mut client = WireClient::connect(server.addr()).await;
    client.send(&opening_request(server.addr(), "/inspect/intercept?token=0123456789abcdef", &[])).await;
    assert_eq!(client.response_head().await.status, 404);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_and_changes_nothing() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == text").await;
    for (said, why) in [
        ("{", "no JSON"),
        ("[]", "none of filter"),
        (r#"{"filter":7}"#, "invalid type"),
        (r#"{"filter":"fin","directions":["up"]}"#, "a direction is"),
        (r#"{"forward":-1}"#, "invalid value"),
        (r#"{"forward":1,"bites":""}"#, "unknown field"),
        (r#"{"forward":1,"bytes":"***"}"#, "no base64"),
        (r#"{"forwardAll":false}"#, "true, or not said"),
        (r#"{"inject":{"connection":1,"direction":"c2s"}}"#, "missing field"),
        (r#"{"inject":{"connection":1,"direction":"s2c","bytes":""}}"#, "nothing to put in"),
    ] {
        operator.0.send_frame(OutFrame::text(said)).await;
        let refused = operator.hear("refused").await;
        assert!(refused["why"].as_str().unwrap().contains(why), "{said}: {refused}");
    }
    operator.0.send_frame(OutFrame::binary("{}")).await;
    assert!(operator.hear("refused").await["why"].as_str().unwrap().contains("text"));
    // Places count as JavaScript counts.
    operator.say(&json!({ "filter": "text contains \"🦀\" and opcod == text" })).await;
    let problem = operator.hear("problem").await;
    assert_eq!((&problem["from"], &problem["to"]), (&json!(23), &json!(28)), "{problem}");
    // What was held before still is.
    let frame = OutFrame::text("held").bytes();
    client.send(&frame).await;
    assert_eq!(operator.held().await.2, frame);
    stays_silent(&mut stream).await;
}

/// Text messages of a client that takes its context over.
fn compressed(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new(DeflateParams::DEFAULT, Role::Client, 6);
    let frame = |text: &&str| {
        let mut payload = Vec::new();
        compressor.compress(text.as_bytes(), &mut payload);
        OutFrame::text(payload).rsv(4).bytes()
    };
    texts.iter().map(frame).collect()
}

/// A connection that agrees on compression.
pub(super) async fn connect_compressing(
    proxy: &ServerProcess,
    upstream: &Upstream,
    extension: &str,
) -> (WireClient, TcpStream) {
    let offer = [("Sec-WebSocket-Extensions", extension)];
    let answer = crate::switching().replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Extensions: {extension}\r\n\r\n"));
    let switch = async {
        let (mut stream, _) = upstream.accept().await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    let ((client, _), stream) = tokio::join!(WireClient::open_with(proxy.addr(), "/", &offer), switch);
    (client, stream)
}

#[tokio::test]
async fn compressed_text_is_matched_and_what_refers_to_a_dropped_message_is_mended() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let texts =
        ["the first of many words", "the first of many words, to be dropped", "the first of many words, and the last"];
    let sent = compressed(&texts);
    let (mut early, mut early_stream) = connect_compressing(&proxy, &upstream, "permessage-deflate").await;
    early.send(&sent[0]).await;
    assert_eq!(read(&mut early_stream, sent[0].len()).await, sent[0]);
    let mut operator = Operator::at(&proxy).await;
    operator.hold(r#"text contains "dropped""#).await;
    let (mut client, mut stream) = connect_compressing(&proxy, &upstream, "permessage-deflate").await;
    // What the one said before anybody looked is not known, so it cannot be matched, and passes.
    let list = operator.connections(|list| list.len() == 2 && list[0]["compression"]["c2s"]["known"] == false).await;
    assert_eq!(list[1]["compression"]["c2s"], json!({ "takeover": true, "known": true }));
    early.send(&sent[1]).await;
    assert_eq!(read(&mut early_stream, sent[1].len()).await, sent[1]);

    client.send(&sent.concat()).await;
    assert_eq!(read(&mut stream, sent[0].len()).await, sent[0]);
    let held = operator.hear("held").await;
    assert_eq!((&held["inContext"], &held["canMend"]), (&json!(true), &json!(true)));
    assert_eq!(held["inflated"], base64(texts[1].as_bytes()));
    operator.say(&json!({ "drop": held["id"], "mend": true })).await;
    let mended = OutFrame::text(texts[2]).bytes();
    let received = read(&mut stream, mended.len()).await;
    assert_eq!(Frame::load(&received).unwrap().0.payload(), texts[2].as_bytes());
    // It stays so when nobody is there any more.
    drop(operator);
    client.send(&compressed(&["another", "another one"])[0]).await;
    let received = read(&mut stream, OutFrame::text("another").bytes().len()).await;
    assert_eq!(received[0], 0x81, "uncompressed");
}
