use super::super::tests::{Spoken, binary, check, client};
use super::super::{Message, Speech};
use super::*;
use crate::capture::Direction;

const CONNECT_4: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
const CONNECT_5: &[u8] = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x00\x0a\x00\x01a";

fn speech(first: &[u8]) -> Speech {
    let mut speech = Speech::new(Some("mqtt"), "/mqtt");
    speech.hear(&Message { direction: Direction::ClientToServer, kind: MessageKind::Binary, payload: first }, 0);
    speech
}

fn v4(bytes: &[u8]) -> Spoken {
    binary(true, bytes).after(speech(CONNECT_4))
}

fn from_v4(bytes: &[u8]) -> Spoken {
    binary(false, bytes).after(speech(CONNECT_4))
}

fn v5(bytes: &[u8]) -> Spoken {
    binary(true, bytes).after(speech(CONNECT_5))
}

fn from_v5(bytes: &[u8]) -> Spoken {
    binary(false, bytes).after(speech(CONNECT_5))
}

#[test]
fn each_packet_of_version_3_1_1() {
    let check = |spoken: Spoken, name, summary| check(&spoken, "mqtt", name, summary, "");
    check(binary(true, CONNECT_4), "connect", "connect 4 a");
    // With a will, a user name and a password: the variable header of the specification's example.
    let connect = b"\x10\x1f\x00\x04MQTT\x04\xce\x00\x0a\x00\x02id\x00\x01t\x00\x02\x01\x02\x00\x02us\x00\x04pass";
    check(binary(true, connect), "connect", "connect 4 id");
    check(from_v4(b"\x20\x02\x00\x00"), "connack", "accepted");
    check(from_v4(b"\x20\x02\x00\x05"), "connack", "not authorized");
    check(v4(b"\x30\x05\x00\x03a/b"), "publish", "publish a/b, 0 bytes");
    check(v4(b"\x3b\x09\x00\x03a/b\x00\x0ahi"), "publish", "publish a/b 10, 2 bytes");
    check(from_v4(b"\x40\x02\x00\x0a"), "puback", "puback 10");
    check(from_v4(b"\x50\x02\x00\x0a"), "pubrec", "10");
    check(v4(b"\x62\x02\x00\x0a"), "pubrel", "10");
    check(from_v4(b"\x70\x02\x00\x0a"), "pubcomp", "10");
    check(v4(b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02"), "subscribe", "subscribe 10 a/b c/d");
    check(from_v4(b"\x90\x05\x00\x0a\x00\x02\x80"), "suback", "suback 10: failed");
    check(v4(b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d"), "unsubscribe", "a/b c/d");
    check(from_v4(b"\xb0\x02\x00\x0a"), "unsuback", "10");
    check(v4(b"\xc0\x00"), "pingreq", "pingreq");
    check(from_v4(b"\xd0\x00"), "pingresp", "pingresp");
    check(v4(b"\xe0\x00"), "disconnect", "disconnect");
}

#[test]
fn each_packet_of_version_5_has_its_properties() {
    let check = |spoken: Spoken, name, summary, problem| check(&spoken, "mqtt", name, summary, problem);
    check(binary(true, CONNECT_5), "connect", "connect 5 a", "");
    check(from_v5(b"\x20\x06\x00\x00\x03\x21\x00\x0a"), "connack", "accepted", "");
    check(from_v5(b"\x20\x03\x00\x87\x00"), "connack", "not authorized", "");
    check(v5(b"\x30\x0d\x00\x00\x03\x23\x00\x07payload"), "publish", "7 bytes", "");
    check(v5(b"\x30\x10\x00\x01t\x08\x26\x00\x01k\x00\x02vwhey!"), "publish", "publish t", "");
    check(from_v5(b"\x40\x03\x00\x0a\x10"), "puback", "puback 10", "");
    check(from_v5(b"\x50\x03\x00\x0a\x91"), "pubrec", "packet identifier in use", "");
    check(v5(b"\x82\x09\x00\x0a\x00\x00\x03a/b\x2d"), "subscribe", "a/b", "");
    check(from_v5(b"\x90\x04\x00\x0a\x00\x87"), "suback", "not authorized", "");
    check(from_v5(b"\xb0\x04\x00\x0a\x00\x11"), "unsuback", "10", "");
    check(from_v5(b"\xe0\x02\x8e\x00"), "disconnect", "session taken over", "");
    check(v5(b"\xf0\x07\x18\x05\x15\x00\x02ab"), "auth", "auth", "");
    check(v5(b"\x30\x06\x00\x01t\x02\x7f\x00"), "publish", "", "no property");
    check(v5(b"\x30\x06\x00\x01t\x09\x23\x00"), "publish", "", "cut off");
}

#[test]
fn what_is_wrong_is_said() {
    let wrong = |spoken: Spoken, problem| check(&spoken, "mqtt", "", "", problem);
    wrong(v4(b"\x00\x00"), "no type of packet");
    wrong(v4(b"\xf0\x00"), "AUTH came");
    wrong(v4(b"\xd0\x00"), "Only a server");
    wrong(v4(b"\x80\x08\x00\x0a\x00\x03a/b\x01"), "flags of subscribe");
    wrong(v4(b"\x36\x05\x00\x01t\x00\x0a"), "QoS 3");
    wrong(v4(b"\x38\x03\x00\x01t"), "DUP");
    wrong(v4(b"\x30\x03\x00\x01#"), "wildcards");
    wrong(v4(b"\x32\x05\x00\x01t\x00\x00"), "not 0");
    wrong(v4(b"\x40\x03\x00\x0a\x00"), "1 byte behind the end");
    wrong(v4(b"\x40\x01\x00"), "cut off");
    wrong(v4(b"\x30\xff\xff\xff\xff\x01"), "more than four");
    wrong(v4(b""), "empty");
    wrong(v4(b"\x82\x02\x00\x0a"), "no topic");
    wrong(from_v4(b"\xe0\x00"), "Before version 5");
    wrong(binary(true, b"\x10\x0d\x00\x04MQTT\x09\x02\x00\x3c\x00\x01a").after(speech(CONNECT_4)), "9 is no version");
    wrong(client("x").after(speech(CONNECT_4)), "MQTT is binary");
}

#[test]
fn packets_and_messages_need_not_end_together() {
    let whole = [b"\x30\x07\x00\x03a/bhi".as_slice(), b"\xc0\x00", b"\x30\x07\x00\x03c/dho"].concat();
    check(&v4(&whole), "mqtt", "publish and 2 more", "publish a/b, 2 bytes; pingreq; publish c/d, 2 bytes", "");
    for cut in 1..whole.len() {
        let mut speech = speech(CONNECT_4);
        let (front, back) = whole.split_at(cut);
        let said = |payload| Message { direction: Direction::ClientToServer, kind: MessageKind::Binary, payload };
        speech.hear(&said(front), 1);
        speech.hear(&said(back), 2);
        let [first, second] = [(front, 1), (back, 2)].map(|(part, row)| speech.decode(&said(part), row).unwrap());
        assert_eq!((first.problem, second.problem), (None, None), "{cut}");
        assert!(second.summary.ends_with("publish c/d, 2 bytes"), "{cut}: {}", second.summary);
    }
    // A packet longer than what is kept of it.
    let long = [b"\x30\x87\x68\x00\x03a/b".as_slice(), &[b'x'; 13_314], b"\xc0\x00"].concat();
    let mut speech = speech(CONNECT_4);
    let said = |payload| Message { direction: Direction::ClientToServer, kind: MessageKind::Binary, payload };
    for (row, part) in (1..).zip(long.chunks(4000)) {
        speech.hear(&said(part), row);
    }
    let last = speech.decode(&said(&long[12_000..]), 4).unwrap();
    assert_eq!(last.name, "part of a packet and 1 more");
    assert!(last.summary.ends_with("of an earlier packet; pingreq"), "{}", last.summary);
}
