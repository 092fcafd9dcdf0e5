//! Whatever happened to the packets, there is never a wrong byte in a frame.

use framescope_codec::capture::packet::Flags;
use framescope_codec::capture::{Record, What};
use proptest::prelude::*;

use crate::records::{MASKED_HELLO, REQUEST, RESPONSE};
use crate::wire::Wire;

const NONE: Flags = Flags { syn: false, fin: false, rst: false, ack: false };
const OPENED: [&str; 2] = ["0 c2s request, 0 findings", "0 s2c response 101, 0 findings"];

fn open() -> Wire {
    let mut wire = Wire::new(50_000, 80);
    wire.segment(0, b"", Flags { syn: true, ..NONE }).segment(1, b"", Flags { syn: true, ..NONE });
    wire.client(REQUEST).server(RESPONSE);
    wire
}

fn check(wire: &Wire, expected: &[&str]) {
    wire.check(&[&OPENED, expected].concat());
}

#[test]
fn a_made_up_reset_ends_nothing() {
    let mut wire = open();
    wire.server(b"\x81\x05He");
    let next = wire.next[1];
    wire.next[1] = next.wrapping_add(0x4000_0000);
    wire.segment(1, b"", Flags { rst: true, ..NONE });
    wire.next[1] = next;
    wire.server(b"llo");
    check(&wire, &["0 s2c text 5 Hello"]);
}

#[test]
fn behind_a_reset_nothing_is_guessed_at() {
    let mut wire = open();
    wire.server(b"\x81\x05He").segment(1, b"", Flags { rst: true, ..NONE }).server(b"\x81\x00\x81\x00");
    let unread = "0 s2c 4 bytes were captured while it was not known where a frame begins";
    check(&wire, &["0 s2c text 2 -3", "0 s2c Reset", unread]);
}

#[test]
fn behind_the_end_there_is_nothing() {
    let mut wire = open();
    wire.segment(1, b"\x81\x02Hi", Flags { fin: true, ..NONE }).server(b"\x81\x02no");
    check(&wire, &["0 s2c text 2 Hi", "0 s2c Finished"]);
}

#[test]
fn the_same_ports_serve_the_next_connection_though_its_beginning_was_missed() {
    let mut wire = open();
    wire.segment(0, b"", Flags { fin: true, ..NONE }).segment(1, b"", Flags { fin: true, ..NONE });
    wire.next = [500_000_000, 900_000_000];
    wire.client(REQUEST).server(RESPONSE).client(MASKED_HELLO);
    let again = ["1 c2s request, 0 findings", "1 s2c response 101, 0 findings", "1 c2s text 5 Hello"];
    check(&wire, &[&["0 c2s Finished", "0 s2c Finished"][..], &again].concat());
}

#[test]
fn a_lost_packet_costs_its_bytes_and_the_frames_around_it() {
    let mut wire = open();
    wire.server(b"\x82\x0a01").lose(1, 3).server(b"56789").server(b"\x81\x02Hi");
    check(&wire, &["0 s2c gap of 3 inside", "0 s2c binary 2 -8 0156789", "0 s2c text 2 Hi"]);
    let mut wire = open();
    wire.server(b"\x82\x0a01").lose(1, 10);
    for _ in 0..4 {
        wire.server(b"\x81\x02Hi");
    }
    let hi = "0 s2c text 2 Hi";
    check(
        &wire,
        &[
            "0 s2c binary 2 -8",
            "0 s2c gap of 10",
            "0 s2c a frame begins here, as the frames that follow say",
            hi,
            hi,
            hi,
            hi,
        ],
    );
}

/// Binary frames whose payloads say which frame they are, so that any wrong byte is known as one.
fn told_apart(count: u8) -> Vec<u8> {
    (0..count).flat_map(|n| [vec![0x82, 40 + n], vec![n; usize::from(40 + n)]].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Lost, repeated, swapped and overlapping packets: every frame that is shown is one that was sent.
    #[test]
    fn no_frame_has_a_wrong_byte(
        chunk in 20usize..90,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        moved in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
        overlap in 0usize..20,
    ) {
        let stream = told_apart(40);
        let mut wire = open();
        let base = wire.next[1];
        let mut packets: Vec<(usize, &[u8])> = (0..stream.len())
            .step_by(chunk)
            .map(|at| (at.saturating_sub(overlap), &stream[at.saturating_sub(overlap)..stream.len().min(at + chunk)]))
            .collect();
        for index in &lost {
            if packets.len() > 1 {
                packets.remove(index.index(packets.len()));
            }
        }
        for (from, to) in &moved {
            let packet = packets[from.index(packets.len())];
            packets.insert(to.index(packets.len()), packet);
        }
        for (at, bytes) in packets {
            wire.next[1] = base.wrapping_add(u32::try_from(at).unwrap());
            wire.server(bytes);
        }
        let mut seen = 0;
        for record in wire.read().0 {
            let Record::Event(event) = record else { panic!("{record:?}") };
            if let What::Frame(frame) = event.what {
                let frame = frame.dissection;
                let n = frame.header.payload_length.get() - 40;
                prop_assert!(frame.header.fin && n < 40, "{frame:?}");
                prop_assert!(frame.violations.is_empty(), "{frame:?}");
                prop_assert!(frame.payload.iter().all(|byte| u64::from(*byte) == n), "{frame:?}");
                seen += 1;
            }
        }
        if lost.is_empty() {
            prop_assert_eq!(seen, 40);
        }
    }
}
