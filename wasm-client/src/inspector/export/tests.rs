use framescope_codec::capture::intervention::{Intervention, Original};
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, Origin, pcapng};
use serde_json::Value;

use super::super::ViewSpec;
use super::*;

const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// What the server sends, frame by frame: a text, a text in two fragments with a ping between, a compressed text, a Close.
const FRAMES: [&[u8]; 6] = [
    b"\x81\x05Hello",
    b"\x01\x02on",
    b"\x89\x01p",
    b"\x80\x01e",
    b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
    b"\x88\x02\x03\xe8",
];

/// Two connections, the frames of both in turn. Rows: two heads each, then the frames, then the ends.
fn capture() -> Capture {
    let mut bytes = Vec::new();
    pcapng::write_start(&mut bytes);
    let mut flows = [50_000, 50_001]
        .map(|port| Flow::new(format!("127.0.0.1:{port}").parse().unwrap(), "127.0.0.1:8080".parse().unwrap()));
    let mut time_ns = 1_000_000_000;
    for flow in &mut flows {
        flow.open(time_ns, &mut bytes);
        flow.bytes(Direction::ClientToServer, time_ns, REQUEST, &mut bytes);
        flow.bytes(Direction::ServerToClient, time_ns, RESPONSE, &mut bytes);
    }
    for frame in FRAMES {
        for flow in &mut flows {
            time_ns += 1_000;
            flow.bytes(Direction::ServerToClient, time_ns, frame, &mut bytes);
        }
    }
    opened(&bytes)
}

fn opened(bytes: &[u8]) -> Capture {
    let mut capture = Capture::new();
    capture.add_source("file", "");
    capture.feed(0, bytes);
    capture.finish(0);
    capture
}

fn exported(capture: &mut Capture, format: ExportFormat, rows: ExportRows) -> Vec<u8> {
    capture.export_begin(ExportSpec { format, rows });
    std::iter::from_fn(|| capture.export_next()).flatten().collect()
}

/// What the rows say, without their numbers.
fn said_by(capture: &mut Capture) -> Vec<String> {
    let rows = capture.rows(0, usize::MAX);
    let rows = rows.iter().map(|row| serde_json::to_value(row).unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| {
        format!("{} {} {} {}", row["connection"], text(&row["name"]), text(&row["preview"]), row["violations"])
    })
    .collect()
}

#[test]
fn everything_as_pcapng_is_the_same_capture() {
    let mut capture = capture();
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::All));
    assert_eq!(said_by(&mut again), said_by(&mut capture));
}

#[test]
fn chosen_rows_are_read_again_as_they_were() {
    let mut capture = capture();
    let all: Vec<u64> = (0..capture.end()).collect();
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::Listed(all)));
    assert_eq!(said_by(&mut again), said_by(&mut capture));
    // Only the second connection's first fragment and its compressed text, no handshake, out of order and twice.
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::Listed(vec![13, 7, 7])));
    let said = said_by(&mut again);
    assert_eq!(said.len(), 4, "{said:#?}");
    assert!(said[0].contains("was open already"), "{said:#?}");
    assert_eq!(said[1], "1 text on []");
    assert!(said[2].contains("bytes were not captured"), "{said:#?}");
    assert!(said[3].starts_with("1 text") && said[3].ends_with("[]"), "{said:#?}");
}

#[test]
fn the_view_is_what_is_listed() {
    let mut capture = capture();
    let spec = ViewSpec { connection: Some(2), ..ViewSpec::default() };
    capture.set_view(spec).unwrap();
    while capture.work(&mut || true) {}
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::View));
    let said = said_by(&mut again);
    assert_eq!(said.iter().filter(|row| row.contains("Hello")).count(), 2, "{said:#?}");
    assert_eq!(again.status().connections, 1);
}

#[test]
fn what_was_done_to_frames_and_what_they_were_rebuilt_from_is_exported_too() {
    let original = || Original::new(b"\x81\x01b");
    let mut bytes = Vec::new();
    pcapng::write_start(&mut bytes);
    let mut flow = Flow::in_process(50_000).rebuilt_from(Origin::Har);
    flow.open(1, &mut bytes);
    flow.bytes(Direction::ClientToServer, 1, REQUEST, &mut bytes);
    flow.bytes(Direction::ServerToClient, 1, RESPONSE, &mut bytes);
    for (wire, intervention) in [
        (b"\x81\x01a".as_slice(), Intervention::Edited { millis: 7, original: original() }),
        (b"", Intervention::Dropped { millis: 8, original: original() }),
        (b"\x81\x01c", Intervention::Injected),
    ] {
        flow.intervened(Direction::ServerToClient, 2, wire, &intervention, &mut bytes);
    }
    let mut bare = Flow::in_process(50_001).rebuilt_from(Origin::Bytes);
    bare.join_without_handshake(3, &mut bytes);
    bare.boundary(Direction::ServerToClient);
    bare.bytes(Direction::ServerToClient, 3, b"\x81\x01d", &mut bytes);
    let mut capture = opened(&bytes);
    let said = said_by(&mut capture);
    assert_eq!(said.len(), 11, "{said:#?}");
    let all = (0..capture.end()).collect();
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::Listed(all)));
    assert_eq!(said_by(&mut again), said);
}

#[test]
fn a_request_and_its_frames_are_one_connection() {
    let mut capture = capture();
    let rows = (0..capture.end()).filter(|row| ![1, 3].contains(row)).collect();
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::Listed(rows)));
    assert_eq!(again.status().connections, 2);
    let frames = |capture: &mut Capture| {
        said_by(capture).into_iter().filter(|row| !row.contains("HTTP/1.1")).collect::<Vec<_>>()
    };
    assert_eq!(frames(&mut again), frames(&mut capture));
}

/// However far the list has come, and whatever is listed meanwhile.
#[test]
fn the_view_is_exported_whole_before_it_was_gone_through() {
    let mut bytes = Vec::new();
    pcapng::write_start(&mut bytes);
    let mut flow = Flow::in_process(50_000);
    flow.open(1, &mut bytes);
    flow.bytes(Direction::ClientToServer, 1, REQUEST, &mut bytes);
    flow.bytes(Direction::ServerToClient, 1, RESPONSE, &mut bytes);
    flow.bytes(Direction::ServerToClient, 2, &b"\x81\x01a\x81\x01b".repeat(10_000), &mut bytes);
    let mut capture = opened(&bytes);
    for (format, name) in [(ExportFormat::Lines, "jsonl"), (ExportFormat::Har, "har"), (ExportFormat::Pcapng, "pcapng")]
    {
        let only_b = ViewSpec { filter: "text contains \"b\"".into(), ..ViewSpec::default() };
        capture.set_view(only_b).unwrap();
        capture.export_begin(ExportSpec { format, rows: ExportRows::View });
        let mut out = capture.export_next().unwrap();
        assert!(out.len() < PIECE, "others have their turn");
        capture.set_view(ViewSpec::default()).unwrap();
        out.extend(std::iter::from_fn(|| capture.export_next()).flatten());
        let count = match format {
            ExportFormat::Lines => String::from_utf8(out).unwrap().lines().count(),
            ExportFormat::Har => {
                let har: Value = serde_json::from_slice(&out).unwrap();
                har["log"]["entries"][0]["_webSocketMessages"].as_array().unwrap().len()
            }
            ExportFormat::Pcapng => usize::try_from(opened(&out).status().frames).unwrap(),
        };
        assert_eq!(count, 10_000, "{name}");
    }
}

#[test]
fn a_listed_message_is_exported_with_all_its_frames() {
    let mut capture = capture();
    capture.set_view(ViewSpec { messages: true, ..ViewSpec::default() }).unwrap();
    while capture.work(&mut || true) {}
    let mut again = opened(&exported(&mut capture, ExportFormat::Pcapng, ExportRows::View));
    assert_eq!(said_by(&mut again), said_by(&mut capture));
    // The last fragment stands for its message; the ping between belongs to nobody.
    let last = (0..capture.end()).find(|row| capture.wire(*row).as_deref() == Some(FRAMES[3])).unwrap();
    let lines = exported(&mut capture, ExportFormat::Lines, ExportRows::Listed(vec![last]));
    assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 2);
}

#[test]
fn an_archive_has_each_connection_with_its_messages_inflated() {
    let mut capture = capture();
    let har: Value = serde_json::from_slice(&exported(&mut capture, ExportFormat::Har, ExportRows::All)).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!(entry["request"]["url"], "ws://localhost/echo");
        assert_eq!(entry["response"]["status"], 101);
        let messages = entry["_webSocketMessages"].as_array().unwrap();
        let said: Vec<_> =
            messages.iter().map(|message| (message["opcode"].as_u64(), message["data"].as_str())).collect();
        let expected = [(1, "Hello"), (9, "cA=="), (1, "one"), (1, "Hello"), (8, "A+g=")];
        assert_eq!(said, expected.map(|(opcode, data)| (Some(opcode), Some(data))));
    }
    // A single frame still says where it was sent.
    let har: Value =
        serde_json::from_slice(&exported(&mut capture, ExportFormat::Har, ExportRows::Listed(vec![5]))).unwrap();
    assert_eq!(har["log"]["entries"][0]["request"]["url"], "ws://localhost/echo");
    assert_eq!(har["log"]["entries"][0]["_webSocketMessages"].as_array().unwrap().len(), 1);
}

#[test]
fn each_row_is_a_line_as_the_command_line_prints_it() {
    let mut capture = capture();
    let text = String::from_utf8(exported(&mut capture, ExportFormat::Lines, ExportRows::All)).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let findings = lines.iter().filter(|line| line["event"] == "finding").count();
    assert_eq!((lines.len() - findings) as u64, capture.end());
    assert_eq!(findings, capture.status().findings);
    assert_eq!((&lines[0]["event"], &lines[0]["dir"]), (&"handshake".into(), &"c2s".into()));
    let hello: Vec<_> = lines.iter().filter(|line| line["message"]["hex"] == "48656c6c6f").collect();
    assert_eq!(hello.len(), 4, "two plain and two compressed");
    assert_eq!((&hello[0]["opcode"], &hello[0]["time"]), (&1.into(), &"1.000001000".into()));
}

#[test]
fn a_connection_is_followed_message_by_message() {
    let mut capture = capture();
    let kinds = |messages: &[StreamMessage]| messages.iter().map(|message| message.kind).collect::<Vec<_>>();
    let first = capture.messages_of(1, -1, 3);
    assert_eq!(kinds(&first), ["text", "ping", "text"]);
    let rest = capture.messages_of(1, i64::try_from(first[2].row).unwrap(), 100);
    assert_eq!(kinds(&rest), ["text", "close"]);
    assert_eq!(first[0].hash, rest[0].hash, "the same text, plain and compressed");
    assert_ne!(first[0].hash, first[2].hash);
    assert!(capture.messages_of(0, -1, 10).is_empty() && capture.messages_of(9, -1, 10).is_empty());
}

#[test]
fn a_frame_by_itself_breaks_other_rules_than_in_its_message() {
    let mut capture = capture();
    assert_eq!(capture.rules_alone(4), [""; 0]);
    // The last fragment, with nothing in front of it.
    let row = (0..capture.end()).find(|row| capture.wire(*row).as_deref() == Some(FRAMES[3])).unwrap();
    assert_eq!(capture.rules_alone(row).len(), 1);
}

#[test]
fn what_was_taken_away_does_not_come_out() {
    let mut both = Capture::new();
    let of_first = exported(&mut capture(), ExportFormat::Pcapng, ExportRows::All);
    let secret = |bytes: &[u8], with: &[u8; 5]| {
        let mut bytes = bytes.to_vec();
        while let Some(at) = bytes.windows(5).position(|part| part == b"/echo") {
            bytes[at..at + 5].copy_from_slice(with);
        }
        bytes
    };
    for name in [b"/gone", b"/stay"] {
        let source = both.add_source("file", "");
        both.feed(source, &secret(&of_first, name));
        both.finish(source);
    }
    let rows_of_first = both.end() / 2;
    both.remove_source(0);
    assert!((0..rows_of_first).all(|row| both.wire(row).is_none() && both.event(row).is_none()));
    for format in [ExportFormat::Pcapng, ExportFormat::Har, ExportFormat::Lines] {
        for rows in [ExportRows::All, ExportRows::View, ExportRows::Listed((0..both.end()).collect())] {
            while both.work(&mut || true) {}
            let out = exported(&mut both, format, rows);
            let has = |what: &[u8]| out.windows(what.len()).any(|part| part == what);
            let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
            assert!(!has(b"/gone") && !has(&hex("/gone")), "{format:?}");
            assert!(has(b"/stay") || has(&hex("/stay")), "{format:?}");
        }
    }
    let offered = both.complete_filter("path == ", 8);
    assert!(!serde_json::to_string(&offered).unwrap().contains("/gone"));
}

#[test]
fn rows_that_are_not_held_are_left_out() {
    let mut capture = capture();
    assert!(capture.export_next().is_none(), "no export was begun");
    let none = exported(&mut capture, ExportFormat::Pcapng, ExportRows::Listed(vec![999_999]));
    assert_eq!(said_by(&mut opened(&none)), ["null note There is no packet in this file. []"]);
}
