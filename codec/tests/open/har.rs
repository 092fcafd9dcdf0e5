//! HTTP archives: messages as frames.

use framescope_codec::capture::Record;

use crate::files::{START_NS, check, gzip, open};

/// A HAR as Chromium's panel exports it: the messages come before the request.
pub(crate) fn har(entries: &[&str]) -> String {
    format!(
        "{{\n  \"log\": {{\"version\": \"1.2\", \"creator\": {{\"name\": \"WebInspector\"}}, \"pages\": [], \
         \"entries\": [{}]}}}}",
        entries.join(", ")
    )
}

const HAR_MESSAGES: &str = r#""_webSocketMessages": [
    {"type": "send", "time": 1700000000.25, "opcode": 1, "data": "caf\u00e9"},
    {"type": "receive", "time": 1700000000.250000001, "opcode": 2, "data": "AQID"},
    {"type": "error", "time": 1700000001, "opcode": -1, "data": "gone"},
    {"type": "receive", "time": 1700000002, "opcode": 9, "data": ""}]"#;

pub(crate) fn har_entry(response: &str) -> String {
    let header = |name: &str, value: &str| format!(r#"{{"name": "{name}", "value": "{value}"}}"#);
    let headers = [
        header("Host", "localhost"),
        header("Upgrade", "websocket"),
        header("Connection", "Upgrade"),
        header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        header("Sec-WebSocket-Version", "13"),
    ]
    .join(",");
    format!(
        r#"{{"_resourceType": "websocket", {HAR_MESSAGES}, "startedDateTime": "2023-11-14T22:13:20.000Z", "time": 3,
        "request": {{"method": "GET", "url": "wss://localhost/chat?x=1", "headers": [{headers}]}},
        "response": {response}, "serverIPAddress": "[::1]"}}"#
    )
}

pub(crate) const HAR_RESPONSE: &str = r#"{"status": 101, "statusText": "Switching Protocols", "headers": [
    {"name": "Upgrade", "value": "websocket"}, {"name": "Connection", "value": "Upgrade"},
    {"name": "Sec-WebSocket-Accept", "value": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}]}"#;
const FROM_HAR: &str = "c2s rebuilt from HAR, which records messages as they were meant: how they were fragmented, compressed and \
     masked is not known, and keys of zeros stand in for those of the client";

#[test]
fn messages_of_har_become_frames_behind_their_handshake() {
    let other = r#"{"request": {"method": "GET", "url": "http://a/", "headers": []}, "response": {"status": 200}}"#;
    let entry = har_entry(HAR_RESPONSE);
    let file = har(&[other, &entry, &har_entry("{}"), r#"{"_webSocketMessages": []}"#]);
    let odd = file.find(r#"{"_resourceType"#).unwrap();
    let frames = ["c2s text 5 caf\u{e9}", "s2c binary 3 \u{1}\u{2}\u{3}", "s2c ping 0"];
    let mut expected =
        vec![format!("0 {FROM_HAR}"), "0 c2s request, 0 findings".into(), "0 s2c response 101, 0 findings".into()];
    expected.extend(frames.map(|frame| format!("0 {frame}")));
    expected.push(format!("1 {FROM_HAR}"));
    expected.push("1 c2s there is no opening handshake; whether compression was agreed on is not known".into());
    expected.extend(frames.map(|frame| format!("1 {frame}")));
    expected.push(format!("2 {FROM_HAR}"));
    expected.push("2 c2s there is no opening handshake; whether compression was agreed on is not known".into());
    expected
        .push(format!("byte {odd}: HAR: messages that are neither sent nor received, or have no opcode, are left out"));
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    check(file.as_bytes(), &["HAR"], &expected);
    check(&gzip(file.as_bytes(), 0, &[]), &["gzip", "HAR"], &expected);

    let opened = open(file.as_bytes(), 1000);
    let events: Vec<_> = opened
        .records
        .iter()
        .filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None })
        .collect();
    assert_eq!(
        (events[1].time_ns, events[3].time_ns, events[4].time_ns),
        (START_NS, START_NS + 250_000_000, START_NS + 250_000_001)
    );
    assert_eq!(
        (events[4].src.to_string().as_str(), events[4].dst.to_string().as_str()),
        ("[::1]:443", "[2001:db8::1]:49152")
    );
}

#[test]
fn a_har_that_is_cut_off_gives_what_is_there() {
    let file = har(&[&har_entry(HAR_RESPONSE)]);
    let cut = file.find(r#"opcode": 9"#).unwrap();
    let lines = open(&file.as_bytes()[..cut], 100).lines();
    let end = format!("byte {cut}: HAR: the file ends too early");
    let expected = [
        &format!("0 {FROM_HAR}"),
        "0 c2s there is no opening handshake; whether compression was agreed on is not known",
        "0 c2s text 5 caf\u{e9}",
        "0 s2c binary 3 \u{1}\u{2}\u{3}",
        "byte 92: HAR: messages that are neither sent nor received, or have no opcode, are left out",
        &end,
    ];
    assert_eq!(lines, expected);
    let empty = har(&[r#"{"request": {"method": "GET", "url": "http://a/", "headers": []}}"#]);
    let says = format!("byte {}: HAR: no entry in it has messages of WebSocket", empty.len());
    check(empty.as_bytes(), &["HAR"], &[&says]);
    check(b"{\"messages\": []}", &[], &["byte 16: this looks like JSON, but neither HAR nor a NetLog of Chromium"]);
}

/// What is exported as HAR comes back in.
#[test]
fn har_of_our_own_is_read_back_to_the_nanosecond() {
    use framescope_codec::capture::Direction::{ClientToServer, ServerToClient};
    use framescope_codec::capture::har::{Connection, Writer};
    let (mut writer, mut file) = (Writer::new(), Vec::new());
    let server = "192.0.2.7:8080".parse().unwrap();
    let connection =
        Connection { started_ns: START_NS, ended_ns: START_NS, server, number: 1, request: None, response: None };
    writer.connection(&connection, &mut file);
    writer.message(ClientToServer, START_NS + 123_456_789, 1, "\u{1F600}\"\n".as_bytes(), &mut file);
    writer.message(ServerToClient, START_NS + 123_456_790, 1, b"\xff", &mut file);
    writer.message(ServerToClient, START_NS + 123_456_791, 8, b"\x03\xe8bye", &mut file);
    writer.finish(&mut file);
    let opened = open(&file, 50);
    let lines = opened.lines();
    assert_eq!(lines[2..], ["0 c2s text 6 \u{1F600}\"\n", "0 s2c text 1 \u{FFFD} !invalid-utf8", "0 s2c close 5"]);
    let Some(Record::Event(event)) = opened.records.last() else { panic!("{lines:?}") };
    assert_eq!(event.time_ns, START_NS + 123_456_791);
}

#[test]
fn keys_that_stand_in_for_others_are_not_judged() {
    use framescope_codec::capture::insight::{Insight, Place};
    let mut insight = Insight::new();
    for (row, record) in (0..).zip(open(har(&[&har_entry(HAR_RESPONSE)]).as_bytes(), 1000).records) {
        if let Record::Event(event) = record {
            insight.take(Place { connection: 0, source: 0, row }, &event);
        }
    }
    let masking = insight.conversation(0).unwrap().masking;
    assert_eq!(masking.says, "The keys are not recorded in this file; zeros stand in for them.");
}
