use super::*;
use crate::deflate::Compressor;
use crate::header::{PayloadLength, Rsv};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn dissect(sender: Role, deflate: Option<DeflateParams>, bytes: &[u8]) -> Vec<Dissection> {
    let mut dissector = Dissector::new(sender, deflate);
    dissector.feed(bytes);
    std::iter::from_fn(|| dissector.finish()).collect()
}

/// The rules that each frame of a server's stream breaks.
fn check(wire: &str, expected: &[&[Violation]]) {
    let frames = dissect(Role::Server, None, &hex(wire));
    let found: Vec<Vec<_>> =
        frames.iter().map(|frame| frame.violations.iter().map(|found| found.violation).collect()).collect();
    assert_eq!(found, expected, "{wire}");
}

#[test]
fn it_goes_on_after_each_violation() {
    use Violation as V;
    check("83 00  8B 00  81 00", &[&[V::ReservedDataOpcode], &[V::ReservedControlOpcode], &[]]);
    check("80 01 41  81 01 41", &[&[V::ContinuationWithoutMessage], &[]]);
    check("01 01 41  81 01 42  80 01 43", &[&[], &[V::MessageInterrupted], &[V::ContinuationWithoutMessage]]);
    check("81 01 FF  81 01 41", &[&[V::InvalidUtf8], &[]]);
    check("01 01 F0  80 01 9F", &[&[], &[V::InvalidUtf8]]);
    check("88 01 03", &[&[V::ClosePayloadOfOneByte]]);
    check("88 02 03ED", &[&[V::InvalidCloseCode]]);
    check("88 03 03E8 FF", &[&[V::InvalidCloseReason]]);
    check("88 00  81 00", &[&[], &[V::FrameAfterClose]]);
    check("C1 01 41", &[&[V::Rsv1WithoutExtension]]);
}

#[test]
fn control_frames_between_fragments_leave_the_message_alone() {
    let frames = dissect(Role::Server, None, &hex("01 03 48656C  89 01 21  80 02 6C6F"));
    assert_eq!(frames[0].fragment, Some(Fragment { message: 0, index: 0 }));
    assert_eq!(frames[1].fragment, None);
    assert_eq!(frames[2].fragment, Some(Fragment { message: 0, index: 1 }));
    let message = frames[2].message.as_ref().unwrap();
    assert_eq!((&message.payload[..], message.fragments, message.payload_is_whole), (&b"Hello"[..], 2, true));
}

#[test]
fn a_frame_that_was_cut_off_shows_what_is_there() {
    let frames = dissect(Role::Client, None, &hex("81 85 37fa213d 7f9f4d"));
    assert_eq!((&frames[0].payload[..], frames[0].payload_missing), (&b"Hel"[..], 2));
    assert_eq!(frames[0].message, None);
}

#[test]
fn splitting_the_stream_anywhere_changes_nothing() {
    let wire = hex("01 83 37fa213d 7f9f4d  89 80 01020304  80 82 37fa213d 5B95  88 82 00000000 03E8  81 05");
    let whole = dissect(Role::Client, None, &wire);
    for cut in 0..=wire.len() {
        let mut dissector = Dissector::new(Role::Client, None);
        dissector.feed(&wire[..cut]);
        dissector.feed(&wire[cut..]);
        let parts: Vec<_> = std::iter::from_fn(|| dissector.finish()).collect();
        assert_eq!(parts, whole, "cut at {cut}");
    }
}

fn compressed_frames(messages: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new(DeflateParams::DEFAULT, Role::Server, 6);
    let frames = messages.iter().map(|message| {
        let mut payload = Vec::new();
        compressor.compress(message, &mut payload);
        let mut frame = Vec::new();
        let payload_length = PayloadLength::minimal(payload.len() as u64);
        FrameHeader { rsv: Rsv::RSV1, payload_length, ..FrameHeader::new(Opcode::Text, 0) }.encode(&mut frame);
        frame.extend(payload);
        frame
    });
    frames.collect()
}

#[test]
fn compression_is_followed_across_messages() {
    let wire = compressed_frames(&[b"Hello", b"Hello", b""]).concat();
    let frames = dissect(Role::Server, Some(DeflateParams::DEFAULT), &wire);
    let texts: Vec<_> = frames.iter().map(|frame| frame.message.as_ref().unwrap().payload.clone()).collect();
    assert_eq!(texts, [&b"Hello"[..], b"Hello", b""]);
    assert_eq!(frames[1].inflated_len, Some(5));
    assert!(frames.iter().all(|frame| frame.violations.is_empty()));
}

#[test]
fn what_refers_to_bytes_that_nobody_captured_is_no_violation() {
    let frames = compressed_frames(&[b"Hello", b"Hello"]);
    let mut dissector = Dissector::joining_late(Role::Server, Some(DeflateParams::DEFAULT));
    dissector.feed(&frames[1]);
    let frame = dissector.next_frame().unwrap();
    assert_eq!(frame.violations, []);
    assert_eq!(frame.message.unwrap().inflation, Inflation::HistoryMissing);
}

#[test]
fn a_gap_inside_a_payload_is_survived_and_one_across_frames_is_not() {
    let mut dissector = Dissector::new(Role::Server, None);
    dissector.feed(&hex("81 05 4865"));
    assert!(dissector.skip(2));
    dissector.feed(&hex("6F 81 01 41"));
    let frame = dissector.next_frame().unwrap();
    assert_eq!((&frame.payload[..], frame.payload_missing), (&b"He"[..], 3));
    assert!(!frame.message.unwrap().payload_is_whole);
    assert_eq!(dissector.next_frame().unwrap().payload, b"A");

    assert!(!dissector.skip(100));
    dissector.feed(&hex("81 01 42"));
    assert!(dissector.is_lost() && dissector.next_frame().is_none());
    dissector.resume();
    dissector.feed(&hex("80 01 43  81 01 44"));
    let late = dissector.next_frame().unwrap();
    assert_eq!((late.violations.len(), late.message.unwrap().kind), (0, None));
    assert_eq!(dissector.next_frame().unwrap().message.unwrap().kind, Some(MessageKind::Text));
}
