//! The examples that the RFCs give, byte for byte.

mod support;

use framescope_codec::{
    Config, Connection, ControlPayload, DeflateParams, Dissector, Frame, Message, Opcode, Role, generate_ws_frame,
    parse_ws_frame,
};
use support::{Saw, listener, receive};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex")).collect()
}

/// An example of `sender`: what it is to the other end, and to the dissector.
fn check(sender: Role, deflate: Option<DeflateParams>, wire: &str, expected: &[Saw]) {
    let wire = hex(wire);
    assert_eq!(receive(&mut listener(sender, deflate), [&wire[..]], &mut Vec::new()), expected);
    let mut dissector = Dissector::new(sender, deflate);
    dissector.feed(&wire);
    assert!(std::iter::from_fn(|| dissector.next_frame()).all(|frame| frame.violations.is_empty()));
    assert!(dissector.at_frame_boundary());
}

fn hello() -> Saw {
    Saw::Text("Hello".to_owned())
}

#[test]
fn rfc_6455_section_5_7() {
    check(Role::Server, None, "81 05 48656c6c6f", &[hello()]);
    check(Role::Client, None, "81 85 37fa213d 7f9f4d5158", &[hello()]);
    check(Role::Server, None, "01 03 48656c  80 02 6c6f", &[hello()]);
    check(Role::Server, None, "89 05 48656c6c6f", &[Saw::Ping(b"Hello".to_vec())]);
    check(Role::Client, None, "8a 85 37fa213d 7f9f4d5158", &[Saw::Pong(b"Hello".to_vec())]);
    for (len, head) in [(256, "82 7E 0100"), (65_536, "82 7F 0000000000010000")] {
        let payload = vec![0xA5; len];
        let mut wire = hex(head);
        wire.extend(&payload);
        assert_eq!(Frame::new(Opcode::Binary, payload.clone()).to_bytes(), wire);
        let mut out = Vec::new();
        Connection::server(Config::DEFAULT, None).send(Message::Binary(&payload), &mut out).unwrap();
        assert_eq!(out, wire);
        assert_eq!(receive(&mut listener(Role::Server, None), [&wire[..]], &mut Vec::new()), [Saw::Binary(payload)]);
    }
}

#[test]
fn rfc_7692_section_7_2_3() {
    let deflate = Some(DeflateParams::DEFAULT);
    check(Role::Server, deflate, "c1 07 f248cdc9c90700", &[hello()]);
    check(Role::Server, deflate, "41 03 f248cd  80 04 c9c90700", &[hello()]);
    check(Role::Server, deflate, "c1 07 f248cdc9c90700  c1 05 f200110000", &[hello(), hello()]);
    check(Role::Server, deflate, "c1 0b 000500faff48656c6c6f00", &[hello()]);
    check(Role::Server, deflate, "c1 08 f348cdc9c9070000", &[hello()]);
    check(Role::Server, deflate, "c1 0d f248050000 00ffffcac9c90700", &[hello()]);
    check(Role::Server, deflate, "c1 01 00", &[Saw::Text(String::new())]);
}

#[test]
fn the_assignments_frames() {
    let unmasked = parse_ws_frame(&hex("81 05 48656c6c6f")).unwrap();
    let masked = parse_ws_frame(&hex("81 85 37fa213d 7f9f4d5158")).unwrap();
    assert_eq!(unmasked, masked);
    assert_eq!((masked.fin_bit, masked.opcode, masked.payload_length), (1, 1, 5));
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        let frame = generate_ws_frame("x".repeat(len));
        let parsed = parse_ws_frame(&frame).unwrap();
        assert_eq!((parsed.payload.len(), parsed.payload_length), (len, len as u64));
    }
}

#[test]
fn a_ping_is_answered_with_the_same_bytes() {
    for payload in [&b""[..], b"Hello", &[0xFF; 125]] {
        let mut client = Connection::client(Config::DEFAULT, None, || framescope_codec::MaskingKey([1, 2, 3, 4]));
        let mut server = Connection::server(Config::DEFAULT, None);
        let (mut there, mut back) = (Vec::new(), Vec::new());
        client.ping(ControlPayload::try_from(payload).unwrap(), &mut there).unwrap();
        assert_eq!(receive(&mut server, [&there[..]], &mut back), [Saw::Ping(payload.to_vec())]);
        assert_eq!(receive(&mut client, [&back[..]], &mut Vec::new()), [Saw::Pong(payload.to_vec())]);
    }
}
