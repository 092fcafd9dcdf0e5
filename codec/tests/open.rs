//! Files of every format: the same conversation comes out of each, and whatever is wrong with one is said.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is its message")]

#[path = "support/files.rs"]
mod files;
#[path = "support/records.rs"]
mod records;

use files::{Kind, PLAIN, START_NS, TOLD, check, gzip, open, packets, pcap, pcapng};
use framescope_codec::capture::{Pieces, Record, What};

#[test]
fn a_pcapng_is_read_as_it_is() {
    check(&pcapng(&packets()), &["pcapng"], &TOLD);
}

#[test]
fn a_pcap_is_read_in_either_byte_order_and_resolution() {
    let expected = elsewhere(open(&pcapng(&packets()), usize::MAX).records);
    for is_big_endian in [false, true] {
        for is_in_nanoseconds in [false, true] {
            let kind = Kind { is_big_endian, is_in_nanoseconds, ..PLAIN };
            let file = pcap(kind, &[], &packets());
            check(&file, &["pcap"], &TOLD);
            assert_eq!(elsewhere(open(&file, 100).records), expected, "{kind:?}");
        }
    }
    // The upper half of the link type says how long the checksum behind packets is.
    let file = pcap(
        Kind { link_type: 0x2400_0001, ..PLAIN },
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00",
        &packets(),
    );
    check(&file, &["pcap"], &TOLD);
}

#[test]
fn damage_in_a_pcap_costs_what_was_damaged() {
    let packets = packets();
    let file = pcap(PLAIN, &[], &packets);
    let with = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        file
    };
    check(&with(0, 7), &["pcap"], &[&TOLD[..], &["byte 0: pcap: the magic number in front is damaged"]].concat());
    let fifth = 24 + packets[..5].iter().map(|(_, packet)| 16 + packet.len()).sum::<usize>();
    let without_hello: Vec<_> = TOLD.iter().filter(|line| **line != "0 s2c text 7 Hello").copied().collect();
    let claims = format!("byte {fifth}: pcap: a packet that claims to be longer than any can be");
    let lines = open(&with(fifth + 11, 0x7F), 100).lines();
    assert_eq!(lines.last(), Some(&claims));
    assert!(lines.len() > without_hello.len() - 2, "{lines:?}");
    let cut = file.len() - 3;
    let last = file.len() - packets[8].1.len() - 16;
    let lines = open(&file[..cut], 100).lines();
    assert_eq!(lines.last().unwrap(), &format!("byte {last}: pcap: the file ends within a packet"));
    let lines = open(&file[..last + 5], 100).lines();
    assert_eq!(lines.last().unwrap(), &format!("byte {last}: pcap: the file ends within the header of a packet"));
    check(&file[..20], &["pcap"], &["byte 0: pcap: the file ends within its header"]);
}

#[test]
fn gzip_is_inflated_whatever_is_in_it() {
    let file = pcap(PLAIN, &[], &packets());
    check(&gzip(&file, 0, &[]), &["gzip", "pcap"], &TOLD);
    check(&gzip(&file, 0x1E, b"\x03\0abca name\0a comment\0\x12\x34"), &["gzip", "pcap"], &TOLD);
    check(&gzip(&pcapng(&packets()), 0, &[]), &["gzip", "pcapng"], &TOLD);
    check(&gzip(&gzip(&file, 0, &[]), 0, &[]), &["gzip", "gzip", "pcap"], &TOLD);
    let members = [gzip(&file[..100], 0, &[]), gzip(&file[100..], 0, &[]), vec![0; 500]].concat();
    check(&members, &["gzip", "pcap"], &TOLD);
}

#[test]
fn damage_in_gzip_is_told_behind_what_could_be_read() {
    let file = pcap(PLAIN, &[], &packets());
    let whole = gzip(&file, 0, &[]);
    let at = whole.len() - 8;
    let mut wrong = whole.clone();
    wrong[at] ^= 1;
    let damaged = format!("byte {at}: gzip: the checksum does not match: something in it was damaged");
    check(&wrong, &["gzip", "pcap"], &told(&damaged));
    let ends = format!("byte {at}: gzip: the file ends before the checksum");
    check(&whole[..at + 2], &["gzip", "pcap"], &told(&ends));
    let end = whole.len();
    let more = format!("byte {end}: gzip: bytes behind the end that are no gzip");
    check(&[&whole, b"more".as_slice()].concat(), &["gzip", "pcap"], &told(&more));
    let lines = open(&whole[..at - 20], 100).lines();
    assert_eq!(lines[0], TOLD[0]);
    assert!(lines.iter().any(|line| line.ends_with("gzip: the file ends within the compressed data")), "{lines:?}");
    let mut deep = file;
    for _ in 0..5 {
        deep = gzip(&deep, 0, &[]);
    }
    check(&deep, &["gzip"; 3], &["byte 0: gzip: compressed too many times over to be a capture"]);
}

/// All of it, and this.
fn told(more: &str) -> Vec<&str> {
    [&TOLD[..], &[more]].concat()
}

/// A thousand times its size of zeros is not even inflated to its end, and a capture full of them comes in pieces.
#[test]
fn what_inflates_to_much_comes_in_bounded_pieces() {
    use framescope_codec::capture::open::Opener;
    let zeros = gzip(&vec![0; 64 << 20], 0, &[]);
    check_pieces(&zeros, 0);
    let mut bomb = pcap(PLAIN, &[], &[]);
    bomb.resize(16 << 20, 0);
    check_pieces(&gzip(&bomb, 0, &[]), 16 << 20);

    fn check_pieces(file: &[u8], at_least: usize) {
        let mut opener = Opener::new();
        opener.feed(file);
        opener.finish();
        let mut total = 0;
        while let Some(bytes) = opener.next_bytes() {
            assert!(bytes.len() < 1 << 19, "a piece of {}", bytes.len());
            total += bytes.len();
        }
        assert!(total >= at_least, "{total}");
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    check(b"", &[], &["byte 0: the file is empty"]);
    check(b"PK\x03\x04 and so on", &[], &["byte 0: this looks like a ZIP archive; unpack it first"]);
    check(&gzip(b"\x89PNG\r\n\x1a\n", 0, &[]), &["gzip"], &["byte 0: this looks like a PNG image"]);
    check(&[0xFF; 5000], &[], &["byte 0: this is no format that is known here"]);
}

/// The same records wherever their bytes lie: blocks of one format are longer than those of another.
fn elsewhere(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Event(event) = record
            && let What::Frame(frame) = &mut event.what
        {
            frame.pieces = Pieces::default();
        }
    }
    records
}

/// A HAR as Chromium's panel exports it: the messages come before the request.
fn har(entries: &[&str]) -> String {
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

fn har_entry(response: &str) -> String {
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

const HAR_RESPONSE: &str = r#"{"status": 101, "statusText": "Switching Protocols", "headers": [
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
