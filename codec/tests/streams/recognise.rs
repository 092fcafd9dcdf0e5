//! Streams without an opening handshake: frames are found by what they say, or by somebody's word, and nothing else is
//! ever taken for frames.

use framescope_codec::capture::packet::Flags;
use framescope_codec::capture::{Looks, Record, What, Word};
use framescope_codec::{Config, Connection, DeflateParams, MaskingKey};

use crate::records::{CLOSE, COMPRESSED_AGAIN, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE, line};
use crate::wire::Wire;

const RECOGNISED: &str = "no opening handshake was captured, but these are frames of WebSocket by all that they say; \
    whether compression was agreed on is not known";
const UNREADABLE: &str = "bytes were captured while it was not known where a frame begins";
const NO_ANSWER: &str = "the answer was not captured, so what was agreed on is not known";

#[test]
fn frames_are_recognised_by_what_they_say() {
    let mut wire = Wire::new(50_000, 80);
    wire.client(MASKED_HELLO).server(b"\x81\x05Hello").client(MASKED_HELLO).server(b"\x81\x05Hello");
    let c2s = "0 c2s text 5 Hello";
    let s2c = "0 s2c text 5 Hello";
    wire.check(&[&format!("0 c2s {RECOGNISED}"), c2s, c2s, s2c, s2c]);
    assert_eq!(wire.read().1.unread(), []);
}

#[test]
fn who_masks_is_the_client_whatever_the_ports_say() {
    let mut wire = Wire::new(80, 50_000);
    wire.client(MASKED_HELLO).server(b"\x81\x05Hello").client(MASKED_HELLO).server(b"\x89\x00");
    let (records, _) = wire.read();
    let Record::Event(event) = &records[0] else { panic!("{records:?}") };
    assert_eq!((event.src.port(), event.dst.port()), (80, 50_000));
    let lines: Vec<_> = records.iter().map(line).collect();
    let c2s = "0 c2s text 5 Hello";
    assert_eq!(lines, [&format!("0 c2s {RECOGNISED}"), c2s, c2s, "0 s2c text 5 Hello", "0 s2c ping 0"]);
}

#[test]
fn what_is_compressed_is_inflated_as_far_as_it_explains_itself() {
    let mut wire = Wire::new(50_000, 80);
    wire.server(b"of a message that began before").server(COMPRESSED_AGAIN).server(COMPRESSED_HELLO);
    wire.server(COMPRESSED_AGAIN).server(b"\x89\x00").client(MASKED_HELLO).client(MASKED_HELLO);
    wire.check(&[
        &format!("0 s2c {RECOGNISED}"),
        "0 c2s text 5 Hello",
        "0 c2s text 5 Hello",
        &format!("0 s2c 30 {UNREADABLE}"),
        "0 s2c text 5 HistoryMissing",
        "0 s2c text 7 Hello",
        "0 s2c text 5 Hello",
        "0 s2c ping 0",
    ]);
}

#[test]
fn one_direction_is_enough() {
    let mut wire = Wire::new(50_000, 80);
    for _ in 0..3 {
        wire.client(MASKED_HELLO);
    }
    let hello = "0 c2s text 5 Hello";
    wire.check(&[&format!("0 c2s {RECOGNISED}"), hello, hello, hello]);

    let mut wire = Wire::new(50_000, 80);
    wire.client(REQUEST).client(MASKED_HELLO).client(MASKED_CLOSE);
    let no_answer = format!("0 c2s {NO_ANSWER}");
    wire.check(&["0 c2s request, 0 findings", &no_answer, hello, "0 c2s close 2"]);

    let mut wire = Wire::new(50_000, 80);
    wire.server(RESPONSE).server(COMPRESSED_HELLO).server(COMPRESSED_AGAIN);
    wire.check(&["0 s2c response 101, 0 findings", "0 s2c text 7 Hello", "0 s2c text 5 Hello"]);
}

#[test]
fn an_answer_may_be_captured_before_its_request() {
    let mut wire = Wire::new(50_000, 80);
    wire.server(RESPONSE).server(COMPRESSED_HELLO).client(REQUEST).client(MASKED_HELLO);
    wire.check(&[
        "0 c2s request, 0 findings",
        "0 s2c response 101, 0 findings",
        "0 s2c text 7 Hello",
        "0 c2s text 5 Hello",
    ]);
}

#[test]
fn behind_a_gap_frames_are_found_again() {
    let mut wire = Wire::new(50_000, 80);
    wire.client(REQUEST).server(RESPONSE).server(b"\x81\x05Hello").lose(1, 1000);
    wire.server(b"the end of a frame");
    for _ in 0..3 {
        wire.server(b"\x81\x05Hello");
    }
    wire.server(COMPRESSED_AGAIN);
    let hello = "0 s2c text 5 Hello";
    wire.check(&[
        "0 c2s request, 0 findings",
        "0 s2c response 101, 0 findings",
        hello,
        "0 s2c gap of 1000",
        &format!("0 s2c 18 {UNREADABLE}"),
        "0 s2c a frame begins here, as the frames that follow say",
        hello,
        hello,
        hello,
        "0 s2c text 5 HistoryMissing",
    ]);
}

#[test]
fn too_little_is_left_to_the_user() {
    let mut wire = Wire::new(50_000, 8080);
    wire.client(MASKED_HELLO).server(COMPRESSED_HELLO);
    wire.connect(50_001, 8080);
    wire.client(b"\x16\x03\x01\x00\xa5\x01").connect(50_002, 8080);
    wire.client(b"SSH-2.0-OpenSSH\r\n").connect(50_003, 8080);
    wire.client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").connect(50_004, 8080);
    wire.client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").connect(50_005, 8080);
    wire.segment(0, b"", Flags { syn: true, ..Flags::default() }).connect(50_006, 8080);
    wire.server(&[0xFF; 100]);
    let (records, decoder) = wire.read();
    assert_eq!(records, []);
    let unread: Vec<_> = decoder.unread().iter().map(|unread| (unread.stream, unread.bytes, unread.looks)).collect();
    let expected = [
        (0, 20, Looks::Frames),
        (1, 6, Looks::Tls),
        (2, 17, Looks::Ssh),
        (3, 27, Looks::Http),
        (4, 24, Looks::Http2),
        (6, 100, Looks::Unknown),
    ];
    assert_eq!(unread, expected);

    let word = Word { stream: 0, client: "10.0.0.7:50000".parse().unwrap(), deflate: None };
    let (records, decoder) = wire.read_with(&[word]);
    let lines: Vec<_> = records.iter().map(line).collect();
    assert_eq!(lines, ["0 c2s text 5 Hello", "0 s2c text 7 Hello"]);
    assert_eq!(decoder.unread().len(), 5);
}

/// With the first packet there, the user's word holds against whatever the bytes say.
#[test]
fn the_users_word_holds_for_frames_that_break_rules() {
    let mut wire = Wire::new(50_000, 8080);
    wire.segment(0, b"", Flags { syn: true, ..Flags::default() });
    wire.segment(1, b"", Flags { syn: true, ..Flags::default() });
    wire.client(b"GET /x HTTP/1.1\r\nHo").client(b"st: a\r\n\r\n\xb3\x01x").server(b"HTTP/1.1 200 OK\r\n\r\n\x81\x01x");
    let word = Word { stream: 0, client: "10.0.0.7:50000".parse().unwrap(), deflate: Some(DeflateParams::DEFAULT) };
    let lines: Vec<_> = wire.read_with(&[word]).0.iter().map(line).collect();
    let broken = "!rsv2-without-extension !rsv3-without-extension !reserved-data-opcode !unmasked-from-client";
    assert_eq!(
        lines,
        [
            &format!("0 c2s 28 {UNREADABLE}"),
            &format!("0 c2s reserved 0x3 1 {broken}"),
            &format!("0 s2c 19 {UNREADABLE}"),
            "0 s2c text 1 x",
        ]
    );
}

/// Numbers that look random, the same each time (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> usize {
        usize::try_from(self.next() % end).unwrap()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_be_bytes()[0]).collect()
    }
}

/// How many of so many captures are taken for WebSocket.
fn taken(streams: u32, mut payloads: impl FnMut(u32) -> Vec<(bool, Vec<u8>)>) -> usize {
    let mut count = 0;
    for number in 0..streams {
        let mut wire = Wire::new(50_000, 443);
        for (is_client, payload) in payloads(number) {
            wire.segment(usize::from(!is_client), &payload, Flags::default());
        }
        count += usize::from(!wire.read().0.is_empty());
    }
    count
}

#[test]
fn nothing_else_is_taken_for_frames() {
    let mut random = Random(2);
    let noise = taken(600, |_| (0..40).map(|n| (n % 2 == 0, random.bytes(1 + n * 37 % 1448))).collect());
    assert_eq!(noise, 0, "noise");
    let mut random = Random(3);
    let record = |kind: u8, random: &mut Random| {
        let len = 17 + random.below(1400);
        [&[kind, 3, 3], &u16::try_from(len).unwrap().to_be_bytes()[..], &random.bytes(len)].concat()
    };
    // Also cut in the middle of records.
    let tls = taken(300, |n| {
        let stream: Vec<u8> = (0..20).flat_map(|_| record(0x17, &mut random)).skip(n as usize * 7 % 1400).collect();
        stream.chunks(1448).enumerate().map(|(n, chunk)| (n % 3 == 0, chunk.to_vec())).collect()
    });
    assert_eq!(tls, 0, "TLS");
    let mut random = Random(4);
    let text = taken(300, |_| {
        let words =
            ["<div class=\"", "\u{e9}t\u{e9}", "\r\n", " 12345 ", "Content-Length: 9", "\u{1F600}", "AAAA", "BBBB"];
        let body: String = (0..2000).map(|_| words[random.below(8)]).collect();
        body.as_bytes().chunks(700).map(|chunk| (false, chunk.to_vec())).collect()
    });
    assert_eq!(text, 0, "bodies of HTTP");
    let mut random = Random(5);
    let frames = taken(300, |_| {
        let frame = |random: &mut Random| {
            let len = random.below(200);
            let header = [0, 0, u8::try_from(len).unwrap(), u8::try_from(random.below(10)).unwrap(), 0x01, 0, 0, 0, 1];
            [&header, &random.bytes(len)[..]].concat()
        };
        (0..60).map(|n| (n % 2 == 0, frame(&mut random))).collect()
    });
    assert_eq!(frames, 0, "HTTP/2");
    let mut random = Random(6);
    let numbers = taken(300, |_| {
        let word = |random: &mut Random| u32::try_from(random.below(3)).unwrap();
        (0..40)
            .map(|n| {
                let words: Vec<u32> = (0..50).map(|_| word(&mut random)).collect();
                let bytes =
                    words.iter().flat_map(|word| if n % 4 < 2 { word.to_le_bytes() } else { word.to_be_bytes() });
                (n % 2 == 0, bytes.collect())
            })
            .collect()
    });
    assert_eq!(numbers, 0, "small numbers");
}

/// How many packets of a real conversation it takes, joined in its middle.
#[test]
fn real_traffic_is_recognised_soon() {
    let mut random = Random(7);
    for deflate in [None, Some(DeflateParams::DEFAULT)] {
        let mut keys = Random(8);
        let config = Config::default();
        let mut client = Connection::client(config, deflate, move || MaskingKey(*keys.bytes(4).first_chunk().unwrap()));
        let mut server = Connection::server(config, deflate);
        let mut needed = Vec::new();
        for _ in 0..20 {
            let mut wire = Wire::new(50_000, 443);
            wire.server(&[0xA5; 1000]);
            let mut packets = 0;
            while wire.read().0.is_empty() {
                packets += 1;
                assert!(packets < 20);
                let text = format!("{{\"type\":\"message\",\"id\":{packets},\"value\":{}}}", random.next());
                let mut out = Vec::new();
                if packets % 2 == 0 {
                    client.send(text.as_str(), &mut out).unwrap();
                    wire.client(&out);
                } else {
                    server.send(text.as_str(), &mut out).unwrap();
                    wire.server(&out);
                }
            }
            needed.push(packets);
            let (records, _) = wire.read();
            let frames = records
                .iter()
                .filter(|record| matches!(record, Record::Event(event) if matches!(event.what, What::Frame(_))));
            assert_eq!(frames.count(), packets);
        }
        assert!(needed.iter().all(|needed| *needed <= 8), "{deflate:?}: {needed:?}");
    }
}

#[test]
fn a_close_is_part_of_the_evidence() {
    let mut wire = Wire::new(50_000, 80);
    wire.client(MASKED_HELLO).client(MASKED_CLOSE).server(CLOSE);
    let lines: Vec<_> = wire.read().0.iter().map(line).collect();
    assert_eq!(lines[1..], ["0 c2s text 5 Hello", "0 c2s close 2", "0 s2c close 2"]);
}
