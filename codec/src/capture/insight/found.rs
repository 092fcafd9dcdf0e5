//! What is found of connections, and at which row.

use super::tests::Told;
use super::*;
use crate::mask::MaskingKey;
use crate::opcode::Opcode;
use Direction::{ClientToServer as C, ServerToClient as S};

/// `name row` of all that is found, as connections have it and as events are told of it.
fn check(told: &Told, expected: &[&str]) {
    let (insight, all) = told.insight();
    let found = insight.info(1).unwrap().findings;
    let found: Vec<_> = found.iter().map(|found| format!("{} {}", found.name.name(), found.row)).collect();
    let told = (0..).zip(&all).flat_map(|(row, taken)| taken.findings.iter().map(move |name| (row, name)));
    assert_eq!(told.map(|(row, name)| format!("{} {row}", name.name())).collect::<Vec<_>>(), found);
    assert_eq!(found, expected);
}

fn texts(keys: &[u32]) -> Told {
    let mut told = Told::opened();
    for key in keys {
        told.frame(C, Opcode::Text, b"a", |frame| frame.set_masking_key(Some(MaskingKey(key.to_be_bytes()))));
    }
    told
}

#[test]
fn masking_keys_are_told_of_where_it_is_certain() {
    check(&texts(&[0x1234_5678, 0x9ABC_DEF0, 0x0F1E_2D3C]), &[]);
    check(&texts(&[0x1234_5678, 0x1234_5678, 0x1234_5678, 0x1234_5678]), &["repeated-masking-key 3"]);
    check(&texts(&[0x1234_5678, 0x9ABC_DEF0, 0x1234_5678]), &["repeated-masking-key 4"]);
    // Zeros are zeros; that they come again is no more news.
    check(&texts(&[0, 0, 0]), &["zero-masking-key 2"]);
    check(&texts(&[7, 8, 9, 10, 11]), &["predictable-masking-key 5"]);
    // Between two looks, at the end.
    let mut told = texts(&[0x7000_0000, 0x1100_5A00, 0x1100_5A01, 0x1100_5A02, 0x1100_5A03, 0x1100_5A04]);
    check(&told, &[]);
    for key in [0x1100_5A05_u32, 0x1100_5A06, 0x1100_5A07, 0x1100_5A08, 0x1100_5A09, 0x1100_5A0A] {
        told.frame(C, Opcode::Text, b"a", |frame| frame.set_masking_key(Some(MaskingKey(key.to_be_bytes()))));
    }
    told.end(C);
    check(&told, &["predictable-masking-key 14"]);
}

#[test]
fn pings_without_a_pong_are_told_of_once_there_was_time() {
    let ping = |told: &mut Told, direction, after_ns, payload: &[u8]| {
        told.now_ns += after_ns;
        told.frame(direction, Opcode::Ping, payload, |_| {});
    };
    let second = 1_000_000_000;
    let mut told = Told::opened();
    ping(&mut told, S, 0, b"a");
    ping(&mut told, S, second, b"b");
    check(&told, &[]);
    ping(&mut told, S, second, b"c");
    check(&told, &["unanswered-ping 4"]);
    // So many at once, and then the answer to the latest, which is enough.
    let mut told = Told::opened();
    for payload in [b"a", b"b", b"c"] {
        ping(&mut told, S, 0, payload);
    }
    told.frame(C, Opcode::Pong, b"c", |_| {});
    ping(&mut told, S, 9 * second, b"d");
    told.frame(C, Opcode::Close, b"\x03\xE8", |_| {});
    check(&told, &[]);
    // Four in a row, however quickly.
    let mut told = Told::opened();
    for payload in [b"a", b"b", b"c", b"d"] {
        ping(&mut told, C, 0, payload);
    }
    check(&told, &["unanswered-ping 5"]);
    // One, and the other end had all the time until the Close.
    let mut told = Told::opened();
    ping(&mut told, S, 0, b"a");
    told.now_ns += 3 * second;
    told.frame(C, Opcode::Close, b"\x03\xE8", |_| {});
    check(&told, &["unanswered-ping 3"]);
}

#[test]
fn what_was_not_captured_is_nobodys_fault() {
    let mut told = Told::opened();
    told.frame(S, Opcode::Ping, b"a", |_| {});
    told.flow.gap(C, 7);
    told.now_ns += 9_000_000_000;
    told.frame(C, Opcode::Text, b"a", |_| {});
    told.frame(C, Opcode::Close, b"\x03\xE8", |_| {});
    check(&told, &[]);
}

#[test]
fn of_one_way_alone_nobody_can_tell_what_is_answered() {
    for (is_tap, expected) in [(false, &[][..]), (true, &["unanswered-ping 2"])] {
        let mut told = Told::unseen();
        if is_tap {
            told.flow.join_late(1_000, None, &mut told.capture);
        } else {
            told.flow.join_without_handshake(1_000, &mut told.capture);
        }
        told.flow.boundary(S);
        for _ in 0..2 {
            told.frame(S, Opcode::Ping, b"a", |_| {});
            told.now_ns += 3_000_000_000;
        }
        told.frame(S, Opcode::Close, b"\x03\xE8", |_| {});
        check(&told, expected);
    }
}

#[test]
fn keys_of_handshakes_that_are_not_random_are_told_of() {
    let with = |key: &str| {
        let mut told = Told::new();
        let request = tests::REQUEST.replace("x3JJHMbDL1EzLkh9GBhXDw==", key);
        told.say(C, format!("{request}\r\n").as_bytes());
        told
    };
    check(&with("x3JJHMbDL1EzLkh9GBhXDw=="), &[]);
    check(&with("dGhlIHNhbXBsZSBub25jZQ=="), &["predictable-handshake-key 0"]);
    check(&with("AAAAAAAAAAAAAAAAAAAAAA=="), &["predictable-handshake-key 0"]);
    check(&with("QUFBQUFBQUFBQUFBQUFBQQ=="), &["predictable-handshake-key 0"]);
}

#[test]
fn each_finding_has_a_name_of_its_own_and_words() {
    for (place, finding) in (0..).zip(Finding::ALL) {
        assert_eq!(finding as u8, place);
        assert!(finding.section().starts_with("RFC 6455, ") && !finding.says().is_empty());
        assert_eq!(Finding::ALL.iter().filter(|other| other.name() == finding.name()).count(), 1);
    }
}
