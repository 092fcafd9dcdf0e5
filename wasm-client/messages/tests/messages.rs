//! What is found, however the stream is cut.

use framescope_codec::capture::Direction::{self, ClientToServer, ServerToClient};
use framescope_codec::{Config, Connection, DeflateParams, Event, Input, MaskingKey, Message};
use framescope_messages::Messages;

/// Opcodes in order, from a stream in reads of this size, and the rule that was broken.
fn read(direction: Direction, deflate: Option<DeflateParams>, stream: &[u8], size: usize) -> (Vec<usize>, String) {
    let mut messages = Messages::new(direction, deflate, 1000);
    let mut all = Vec::new();
    for piece in stream.chunks(size) {
        messages.feed(piece.to_vec());
        loop {
            let found = messages.find();
            if found.is_empty() {
                break;
            }
            all.extend(found.iter().flat_map(|found| [found.opcode, found.end - found.start]));
        }
    }
    (all, messages.violation().map(|violation| violation.name().to_owned()).unwrap_or_default())
}

fn check(direction: Direction, deflate: Option<DeflateParams>, stream: &[u8], expected: &[usize], violation: &str) {
    for size in [1, 2, 3, 7, 20, 10_000] {
        let expected = (expected.to_vec(), violation.to_owned());
        assert_eq!(read(direction, deflate, stream, size), expected, "in reads of {size}");
    }
}

#[test]
fn messages_are_found_with_pings_and_pongs_between_them() {
    let stream = b"\x81\x05Hello\x01\x02ab\x89\x01x\x80\x01c\x82\x00\x8a\x00\x81\x02\xc3\xa9\x88\x02\x03\xe8\x81\x01x";
    check(ServerToClient, None, stream, &[1, 5, 9, 1, 1, 3, 2, 0, 10, 0, 1, 2], "");
}

#[test]
fn compressed_ones_are_inflated() {
    // RFC 7692, 7.2.3.2.
    let stream = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00";
    check(ServerToClient, Some(DeflateParams::DEFAULT), stream, &[1, 5, 1, 5], "");
}

#[test]
fn nothing_is_found_behind_a_broken_rule() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".as_slice();
    let stream = |bad: &[u8]| [hello, bad, hello].concat();
    check(ClientToServer, None, &stream(hello), &[1, 5, 1, 5, 1, 5], "");
    check(ClientToServer, None, &stream(b"\x81\x01x"), &[1, 5], "unmasked-from-client");
    check(ClientToServer, None, &stream(b"\x81\x81\0\0\0\0\xff"), &[1, 5], "invalid-utf8");
    check(ClientToServer, None, &stream(b"\x82\xfe\x03\xe9\0\0\0\0"), &[1, 5], "message-too-big");
}

/// The places are addresses: in an input of one's own they can be looked up without trust in anything.
#[test]
fn what_is_found_is_where_it_is_said_to_be() {
    let mut stream = Vec::new();
    let mut client = Connection::client(Config::default(), None, || MaskingKey([1, 2, 3, 4]));
    for length in [0, 1, 125, 126, 900] {
        client.send(Message::Binary(&vec![7; length]), &mut stream).unwrap();
    }
    let begins = stream.as_ptr().addr();
    let mut messages = Messages::new(ClientToServer, None, 1000);
    let mut copy = stream.clone();
    messages.feed(stream);
    let found = messages.find().to_vec();
    let mut server = Connection::server(Config::default(), None);
    let (mut input, mut answers, mut seen) = (Input::new(&mut copy), Vec::new(), Vec::new());
    while let Some(event) = server.receive(&mut input, &mut answers) {
        if let Event::Message(message) = event {
            seen.push(message.as_bytes().len());
        }
    }
    assert_eq!(found.iter().map(|found| found.end - found.start).collect::<Vec<_>>(), seen);
    // Behind headers of 6, 6, 6, 8 and 8 bytes.
    let starts: Vec<_> = found.iter().map(|found| found.start - begins).collect();
    assert_eq!(starts, [6, 12, 19, 152, 286]);
}
