//! Captures from end to end: what a tap writes, and what a decoder tells of it.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is its message")]

mod any;
mod foreign;
#[path = "../support/records.rs"]
#[expect(dead_code, reason = "a record is worded with its time here")]
mod records;

use std::net::SocketAddr;

use framescope_codec::DeflateParams;
use framescope_codec::capture::Direction::{self, ClientToServer, ServerToClient};
use framescope_codec::capture::save::{Place, save};
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, Record, What, pcapng};
use records::{CLOSE, COMPRESSED_AGAIN, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE, what};

/// Every record of a capture that comes in pieces of this size.
fn decode(capture: &[u8], size: usize) -> Vec<Record> {
    let mut decoder = Decoder::new();
    let mut records = Vec::new();
    for piece in capture.chunks(size) {
        decoder.feed(piece);
        records.extend(std::iter::from_fn(|| decoder.next_record()));
    }
    decoder.finish();
    records.extend(std::iter::from_fn(|| decoder.next_record()));
    records
}

/// A record on one line.
fn line(record: &Record) -> String {
    let event = match record {
        Record::Event(event) => event,
        Record::Fault(fault) => return fault.to_string(),
    };
    format!("{} {} {}: {}", event.stream, event.direction.name(), event.time_ns, what(event))
}

/// However it is cut, the capture tells this.
fn check(capture: &[u8], expected: &[&str]) {
    for size in [1, 17, 1000, usize::MAX] {
        let lines: Vec<_> = decode(capture, size.min(capture.len().max(1))).iter().map(line).collect();
        assert_eq!(lines, expected, "in pieces of {size}");
    }
}

fn ends() -> (SocketAddr, SocketAddr) {
    ("192.168.0.7:50000".parse().unwrap(), "192.168.0.1:8080".parse().unwrap())
}

/// A tap's capture under way, and its clock.
struct Tap {
    out: Vec<u8>,
    flow: Flow,
    now: u64,
}

impl Tap {
    fn new() -> Self {
        let mut out = Vec::new();
        pcapng::write_start(&mut out);
        let (client, server) = ends();
        Self { out, flow: Flow::new(client, server), now: 0 }
    }

    /// From the first byte on, with the handshake.
    fn open() -> Self {
        let mut tap = Self::new();
        tap.flow.open(0, &mut tap.out);
        tap.bytes(ClientToServer, REQUEST);
        tap.bytes(ServerToClient, RESPONSE);
        tap
    }

    fn late(deflate: Option<DeflateParams>) -> Self {
        let mut tap = Self::new();
        tap.flow.join_late(0, deflate, &mut tap.out);
        tap
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        self.now += 1;
        self.flow.bytes(direction, self.now, bytes, &mut self.out);
    }

    fn end(&mut self, direction: Direction) {
        self.now += 1;
        self.flow.end(direction, self.now, &mut self.out);
    }
}

const OPENED: [&str; 2] = ["0 c2s 1: request, 0 findings", "0 s2c 2: response 101, 0 findings"];

fn check_open(tap: &Tap, expected: &[&str]) {
    check(&tap.out, &[&OPENED, expected].concat());
}

/// All there is to a short connection.
fn whole_connection() -> Vec<u8> {
    let mut tap = Tap::open();
    tap.bytes(ClientToServer, MASKED_HELLO);
    tap.bytes(ServerToClient, COMPRESSED_HELLO);
    tap.bytes(ServerToClient, &[COMPRESSED_AGAIN, b"\x89\x00"].concat());
    tap.bytes(ClientToServer, MASKED_CLOSE);
    tap.bytes(ServerToClient, CLOSE);
    tap.end(ServerToClient);
    tap.end(ClientToServer);
    tap.out
}

#[test]
fn a_connection_is_told_from_handshake_to_end() {
    check(
        &whole_connection(),
        &[
            "0 c2s 1: request, 0 findings",
            "0 s2c 2: response 101, 0 findings",
            "0 c2s 3: text 5 Hello",
            "0 s2c 4: text 7 Hello",
            "0 s2c 5: text 5 Hello",
            "0 s2c 5: ping 0",
            "0 c2s 6: close 2",
            "0 s2c 7: close 2",
            "0 s2c 8: Finished",
            "0 c2s 9: Finished",
        ],
    );
}

/// `tshark -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE` reads this very file without a complaint, and finds
/// the same frames in it. If what taps write changes, it has to be asked again.
#[test]
fn what_taps_write_is_what_wireshark_was_shown() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/captures/tap.pcapng");
    if std::env::var_os("WRITE_FIXTURES").is_some() {
        std::fs::write(path, fixture()).unwrap();
    }
    assert!(std::fs::read(path).unwrap() == fixture(), "the fixture is not what taps write");
}

/// IPv4 and IPv6, a message in three packets, a gap, a late start.
fn fixture() -> Vec<u8> {
    let start = 1_800_000_000_000_000_000;
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    let mut flow = Flow::new("[2001:db8::7]:50000".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap());
    flow.open(start, &mut out);
    flow.bytes(ClientToServer, start + 1, REQUEST, &mut out);
    flow.bytes(ServerToClient, start + 2, RESPONSE, &mut out);
    flow.bytes(ClientToServer, start + 3, MASKED_HELLO, &mut out);
    flow.bytes(ServerToClient, start + 4, COMPRESSED_HELLO, &mut out);
    let long = [b"\x82\x7f\0\0\0\0\0\x02\0\0".as_slice(), &[7; 0x2_0000]].concat();
    flow.bytes(ServerToClient, start + 5, &long, &mut out);
    flow.end(ServerToClient, start + 6, &mut out);
    flow.end(ClientToServer, start + 7, &mut out);
    let mut flow = Flow::in_process(50_007);
    flow.join_late(start + 8, Some(DeflateParams::DEFAULT), &mut out);
    flow.boundary(ClientToServer);
    flow.bytes(ClientToServer, start + 9, MASKED_HELLO, &mut out);
    flow.gap(ClientToServer, 1000);
    flow.boundary(ClientToServer);
    flow.bytes(ClientToServer, start + 10, MASKED_CLOSE, &mut out);
    flow.reset(ServerToClient, start + 11, &mut out);
    out
}

#[test]
fn a_frame_has_the_times_of_its_first_and_its_last_byte() {
    let mut tap = Tap::open();
    for byte in [b"\x81\x02H".as_slice(), b"i\x81", b"\x00"] {
        tap.bytes(ServerToClient, byte);
    }
    let times: Vec<_> = decode(&tap.out, 64)
        .into_iter()
        .filter_map(|record| match record {
            Record::Event(event) => match event.what {
                What::Frame(frame) => Some((frame.began_ns, event.time_ns)),
                _ => None,
            },
            Record::Fault(_) => None,
        })
        .collect();
    assert_eq!(times, [(3, 4), (4, 5)]);
}

#[test]
fn frames_that_come_with_the_answer_or_before_it_are_not_lost() {
    let mut tap = Tap::new();
    tap.flow.open(0, &mut tap.out);
    tap.bytes(ClientToServer, &[REQUEST, MASKED_HELLO].concat());
    tap.bytes(ServerToClient, &[RESPONSE, b"\x81\x02Hi"].concat());
    check_open(&tap, &["0 c2s 1: text 5 Hello", "0 s2c 2: text 2 Hi"]);
}

#[test]
fn a_gap_inside_a_payload_costs_these_bytes_only() {
    let mut tap = Tap::open();
    tap.bytes(ServerToClient, b"\x82\x05ab");
    tap.flow.gap(ServerToClient, 2);
    tap.bytes(ServerToClient, b"e\x89\x00");
    check_open(&tap, &["0 s2c 4: gap of 2 inside", "0 s2c 4: binary 2 -3 abe", "0 s2c 4: ping 0"]);
}

#[test]
fn behind_any_other_gap_reading_goes_on_at_the_next_boundary() {
    let mut tap = Tap::open();
    tap.bytes(ServerToClient, b"\x81\x05ab");
    tap.flow.gap(ServerToClient, 70_000);
    tap.bytes(ServerToClient, b"xyz");
    tap.flow.boundary(ServerToClient);
    tap.bytes(ServerToClient, b"\x81\x02Hi");
    tap.flow.gap(ServerToClient, 5_000_000_000);
    tap.flow.boundary(ServerToClient);
    tap.bytes(ServerToClient, b"\x89\x00");
    tap.flow.gap(ServerToClient, 9);
    tap.end(ServerToClient);
    check_open(
        &tap,
        &[
            "0 s2c 4: text 2 -3",
            "0 s2c 4: gap of 70000",
            "0 s2c 5: 3 bytes were captured while it was not known where a frame begins",
            "0 s2c 5: text 2 Hi",
            "0 s2c 6: gap of 5000000000",
            "0 s2c 6: ping 0",
            "0 s2c 7: gap of 9",
            "0 s2c 7: Finished",
        ],
    );
}

/// The flow goes on for others while one watcher's queue is full: nothing but the numbers says so.
#[test]
fn what_a_slow_watcher_did_not_get_is_a_gap_at_once() {
    let mut tap = Tap::open();
    let before = tap.out.len();
    tap.bytes(ServerToClient, b"\x82\x7e\x01\x00");
    tap.out.truncate(before);
    tap.bytes(ServerToClient, &[7; 256]);
    tap.flow.boundary(ServerToClient);
    tap.bytes(ServerToClient, b"\x81\x02Hi");
    let before = tap.out.len();
    tap.bytes(ServerToClient, CLOSE);
    tap.out.truncate(before);
    tap.end(ServerToClient);
    check_open(
        &tap,
        &[
            "0 s2c 4: gap of 4",
            "0 s2c 5: 256 bytes were captured while it was not known where a frame begins",
            "0 s2c 5: text 2 Hi",
            "0 s2c 7: gap of 4",
            "0 s2c 7: Finished",
        ],
    );
}

#[test]
fn a_late_watch_reads_from_the_first_boundary_and_says_what_history_is_missing() {
    let mut tap = Tap::late(Some(DeflateParams::DEFAULT));
    tap.bytes(ClientToServer, b"end of a frame");
    tap.flow.boundary(ClientToServer);
    tap.bytes(ClientToServer, MASKED_HELLO);
    tap.flow.boundary(ServerToClient);
    tap.bytes(ServerToClient, COMPRESSED_AGAIN);
    check(
        &tap.out,
        &[
            "0 c2s 0: joined late, deflate",
            "0 c2s 2: 14 bytes were captured while it was not known where a frame begins",
            "0 c2s 2: text 5 Hello",
            "0 s2c 3: text 5 HistoryMissing",
        ],
    );
}

#[test]
fn a_capture_that_stops_gives_what_it_has() {
    let mut tap = Tap::open();
    tap.bytes(ServerToClient, b"\x81\x05ab");
    tap.bytes(ClientToServer, b"\x81\x85\x01");
    check_open(&tap, &["0 c2s 4: the stream ends within a header, after 3 bytes of it", "0 s2c 4: text 2 -3"]);
    let whole = tap.out.len();
    check(
        &tap.out[..whole - 4],
        &[&OPENED[..], &[&format!("byte {}: the capture ends within a block", whole - 76), "0 s2c 3: text 2 -3"]]
            .concat(),
    );
}

#[test]
fn a_reset_ends_both_directions() {
    let mut tap = Tap::open();
    tap.bytes(ServerToClient, b"\x81\x05ab");
    tap.flow.reset(ClientToServer, 9, &mut tap.out);
    check_open(&tap, &["0 s2c 9: text 2 -3", "0 c2s 9: Reset"]);
}

#[test]
fn connections_without_a_socket_say_so() {
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    Flow::in_process(7).join_late(0, None, &mut out);
    let Some(Record::Event(event)) = decode(&out, 64).into_iter().next() else { panic!("no event") };
    assert!(event.in_process);
    assert_eq!((event.src.to_string(), event.dst.to_string()), ("192.0.2.1:7".into(), "198.51.100.1:80".into()));
}

/// The last packets of a capture of ours, saved as by someone who kept only so many.
fn save_last(capture: &[u8], kept: usize) -> Vec<u8> {
    let mut blocks: Vec<(&[u8], Option<Place>)> = Vec::new();
    let mut decoder = Decoder::new();
    let mut rest = capture;
    while let Some(len) = rest.get(4..8) {
        let len = u32::from_le_bytes(len.try_into().unwrap());
        let (block, behind) = rest.split_at(usize::try_from(len).unwrap());
        rest = behind;
        decoder.feed(block);
        while decoder.next_record().is_some() {}
        blocks.push((block, decoder.last_place()));
    }
    let packets = blocks.split_off(2);
    let kept = &packets[packets.len() - kept..];
    let mut saved = Vec::new();
    save(blocks.iter().chain(kept).copied(), &mut saved);
    saved
}

#[test]
fn a_capture_whose_beginning_was_dropped_still_makes_sense() {
    let whole = whole_connection();
    // Three packets of TCP's own handshake, two of WebSocket's, and seven more.
    assert_eq!(save_last(&whole, 12), whole);
    let all = [
        "0 c2s 3: text 5 Hello",
        "0 s2c 4: text 7 Hello",
        "0 s2c 5: text 5 Hello",
        "0 s2c 5: ping 0",
        "0 c2s 6: close 2",
        "0 s2c 7: close 2",
        "0 s2c 8: Finished",
        "0 c2s 9: Finished",
    ];
    check(&save_last(&whole, 7), &[&["0 c2s 3: joined late, deflate"], &all[..]].concat());
    check(&save_last(&whole, 6), &[&["0 s2c 4: joined late, deflate"], &all[1..]].concat());
    let without_history = ["0 s2c 5: joined late, deflate", "0 s2c 5: text 5 HistoryMissing"];
    check(&save_last(&whole, 5), &[&without_history, &all[3..]].concat());
    let answer = "0 s2c 4: 175 bytes were captured while it was not known where a frame begins";
    check(&save_last(&whole, 8), &[&["0 s2c 2: joined late, deflate", all[0], answer], &all[1..]].concat());
}

#[test]
fn a_frame_whose_beginning_was_dropped_is_not_guessed_at() {
    let mut tap = Tap::open();
    for bytes in [b"\x82\x06ab".as_slice(), b"\x81\x00", b"\x81\x00", b"\x89\x00"] {
        tap.bytes(ServerToClient, bytes);
    }
    let unread = "0 s2c 6: 4 bytes were captured while it was not known where a frame begins";
    check(&save_last(&tap.out, 3), &["0 s2c 4: joined late, deflate", unread, "0 s2c 6: ping 0"]);
}

/// Even at the same time, and so with the same numbers: as two sources in one file, or behind a restart.
#[test]
fn a_tap_that_opens_a_connection_never_repeats_another() {
    let mut tap = Tap::open();
    tap.bytes(ServerToClient, b"\x81\x02Hi");
    let twice = [&OPENED[..], &["0 s2c 3: text 2 Hi", "1 c2s 1: request, 0 findings"]].concat();
    let twice = [&twice[..], &["1 s2c 2: response 101, 0 findings", "1 s2c 3: text 2 Hi"]].concat();
    check(&tap.out.repeat(2), &twice);
}

/// Whoever reads the file elsewhere knows a new connection between the same ends by its number alone.
#[test]
fn connections_at_other_times_count_from_elsewhere() {
    let (client, server) = ends();
    let first = |time_ns| {
        let mut out = Vec::new();
        pcapng::write_start(&mut out);
        let start = out.len();
        Flow::new(client, server).open(time_ns, &mut out);
        // Behind the block's head, and the IPv4 header: the ports, and the sequence number.
        out[start + 28 + 20 + 4..][..4].to_vec()
    };
    assert_ne!(first(1_800_000_000_000_000_000), first(1_800_000_000_000_010_000));
}

/// Whatever number a connection of that moment would count from, the flow goes on where it is.
#[test]
fn who_joins_a_flow_that_others_watch_is_told_of_no_gap() {
    let began = 1_800_000_000_000_000_000;
    let (client, server) = ends();
    let mut opened = Flow::new(client, server);
    opened.open(began, &mut Vec::new());
    let mut joined = Flow::new(client, server);
    joined.join_late(began, None, &mut Vec::new());
    // The numbers wrap within five hours.
    for minutes in (0..300).step_by(4) {
        let now = began + minutes * 60_000_000_000;
        for mut flow in [opened.clone(), joined.clone(), Flow::new(client, server)] {
            let mut out = Vec::new();
            pcapng::write_start(&mut out);
            flow.join_late(now, None, &mut out);
            for (direction, frame) in [(ClientToServer, MASKED_HELLO), (ServerToClient, b"\x81\x02Hi")] {
                flow.boundary(direction);
                flow.bytes(direction, now, frame, &mut out);
            }
            let [late, hello, hi] = ["c2s", "c2s", "s2c"].map(|direction| format!("0 {direction} {now}: "));
            check(&out, &[&(late + "joined late, plain"), &(hello + "text 5 Hello"), &(hi + "text 2 Hi")]);
        }
    }
}
