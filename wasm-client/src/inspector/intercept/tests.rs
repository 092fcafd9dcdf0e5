use framescope_codec::{Compressor, Frame, MaskingKey, Opcode};

use super::*;

const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const MILLISECOND: u64 = 1_000_000;

fn text(text: &str) -> Vec<u8> {
    let mut frame = Frame::new(Opcode::Text, text);
    frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
    frame.to_bytes()
}

/// What goes on, by direction, and in words what is told.
fn outcome(interception: &mut Interception) -> (Vec<u8>, Vec<u8>, Vec<String>) {
    let (mut c2s, mut s2c, mut told) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(Happened { told: one, bytes, .. }) = interception.next_happened() {
        if let Told::Passed { direction, .. } = &one {
            (if *direction == "c2s" { &mut c2s } else { &mut s2c }).extend_from_slice(&bytes);
        }
        match one {
            Told::Passed { released: None, comment: None, .. } => {}
            Told::Passed { comment, how, .. } => told.push(format!("{how:?} {comment:?}")),
            Told::Held { id, direction, .. } => told.push(format!("held {id} {direction}")),
            Told::Unheld { length, why } => told.push(format!("unheld {length} {why}")),
            Told::Injected { tag, why } => told.push(format!("injected {tag} {why:?}")),
        }
    }
    (c2s, s2c, told)
}

#[test]
fn a_connection_is_followed_from_its_handshake_on_however_it_is_cut() {
    for size in [1, 7, usize::MAX] {
        let mut interception = Interception::new(1);
        assert!(interception.hold(Some("opcod == text"), [true; 2]).is_some());
        assert!(interception.hold(Some(r#"text contains "hold" and path == "/echo""#), [true; 2]).is_none());
        let sent = [REQUEST, &text("passes"), &text("hold this"), &text("behind")].concat();
        let answered = [b"HTTP/1.1 103 Early Hints\r\n\r\n", ANSWER, b"\x81\x02hi"].concat();
        interception.push(Direction::ClientToServer, 0, REQUEST);
        answered
            .chunks(size.min(answered.len()))
            .for_each(|piece| interception.push(Direction::ServerToClient, 0, piece));
        let rest = &sent[REQUEST.len()..];
        rest.chunks(size.min(rest.len())).for_each(|piece| interception.push(Direction::ClientToServer, 0, piece));
        let (c2s, s2c, told) = outcome(&mut interception);
        assert_eq!(c2s, [REQUEST, &text("passes")].concat());
        assert_eq!(s2c, answered);
        assert_eq!(told, ["held 1 c2s"]);
        assert!(interception.holds(Direction::ClientToServer) && !interception.holds(Direction::ServerToClient));
        let edited = Decision::Edit { bytes: text("edited"), mend: false };
        assert!(interception.decide(5 * MILLISECOND, 1, &edited) && !interception.decide(0, 1, &edited));
        let (c2s, _, told) = outcome(&mut interception);
        assert_eq!(c2s, [text("edited"), text("behind")].concat());
        let comment = Intervention::Edited { millis: 5, original: Original::new(&text("hold this")) }.comment();
        assert_eq!(told, [format!("Some(\"edited\") {:?}", Some(comment))]);
        assert_eq!(interception.takeover(), Some([None, None]));
    }
}

#[test]
fn what_is_no_web_socket_goes_by() {
    let mut interception = Interception::new(1);
    interception.hold(Some(""), [true; 2]);
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    interception.push(Direction::ClientToServer, 0, REQUEST);
    interception.push(Direction::ServerToClient, 0, refusal);
    interception.push(Direction::ClientToServer, 0, &text("all the same"));
    let (c2s, s2c, told) = outcome(&mut interception);
    assert_eq!((c2s, s2c.as_slice()), ([REQUEST, &text("all the same")].concat(), &refusal[..]));
    assert!(told.is_empty() && !interception.inject(Direction::ClientToServer, 1, vec![0x89, 0], false));
}

#[test]
fn nothing_is_lost_when_holding_ends_and_what_cannot_be_delivered_is_said() {
    let mut interception = Interception::new(1);
    interception.hold(Some(""), [true; 2]);
    interception.push(Direction::ClientToServer, 0, REQUEST);
    interception.push(Direction::ServerToClient, 0, ANSWER);
    outcome(&mut interception);
    interception.push(Direction::ClientToServer, 0, &[text("a"), text("b")].concat());
    assert!(interception.inject(Direction::ServerToClient, 4, b"\x89\x00".to_vec(), false));
    assert!(interception.inject(Direction::ServerToClient, 5, b"\x01\x00".to_vec(), false));
    interception.hold(None, [true; 2]);
    let (c2s, s2c, told) = outcome(&mut interception);
    assert_eq!((c2s, s2c.as_slice()), ([text("a"), text("b")].concat(), &b"\x89\x00"[..]));
    assert!(
        told.iter().any(|told| told.starts_with("injected 4 None"))
            && told.iter().any(|told| told.contains("does not end"))
    );
    interception.hold(Some(""), [true; 2]);
    interception.push(Direction::ClientToServer, 0, &text("c"));
    interception.finish(Direction::ClientToServer);
    interception.abandon(Direction::ClientToServer, MILLISECOND);
    let (c2s, _, told) = outcome(&mut interception);
    assert!(c2s.is_empty() && told[1].contains("undelivered"), "{told:?}");
}

#[test]
fn interim_answers_may_be_no_longer_than_a_head_however_many_come() {
    for (count, is_open) in [(500, true), (1000, false), (1_000_000, false)] {
        let mut interception = Interception::new(1);
        interception.push(Direction::ClientToServer, 0, REQUEST);
        let answered = [b"HTTP/1.1 100 C\r\n\r\n".repeat(count), ANSWER.to_vec()].concat();
        interception.push(Direction::ServerToClient, 0, &answered);
        assert_eq!(interception.takeover().is_some(), is_open, "{count}");
        assert_eq!(outcome(&mut interception).1, answered);
    }
}

#[test]
fn what_waits_in_the_page_is_bounded_and_nothing_is_lost() {
    let mut interception = Interception::new(1);
    interception.hold(Some("text"), [true; 2]);
    interception.push(Direction::ClientToServer, 0, REQUEST);
    interception.push(Direction::ServerToClient, 0, ANSWER);
    outcome(&mut interception);
    let piece = Frame::new(Opcode::Binary, vec![7; 1 << 20]).to_bytes();
    let sent = [b"\x81\x04held".to_vec(), piece.repeat(15), b"\x81\x03too".to_vec(), piece.repeat(2)].concat();
    let mut received = Vec::new();
    let mut told = Vec::new();
    for bytes in sent.chunks(100_000) {
        interception.push(Direction::ServerToClient, 0, bytes);
        let outcome = outcome(&mut interception);
        received.extend(outcome.1);
        told.extend(outcome.2);
    }
    assert!(received == sent && !interception.holds(Direction::ServerToClient));
    assert_eq!(told.iter().filter(|told| told.starts_with("held")).count(), 2);
    assert_eq!(told.iter().filter(|told| told.contains("forwarded")).count(), 2);
    assert!(told.iter().any(|told| told.contains("all of it went on")), "{told:?}");
    // And then it holds again.
    interception.push(Direction::ServerToClient, 0, b"\x81\x05again");
    assert!(interception.holds(Direction::ServerToClient));
}

#[test]
fn inflated_copies_are_bounded() {
    let answer = String::from_utf8_lossy(ANSWER)
        .replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n");
    let request = String::from_utf8_lossy(REQUEST)
        .replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n");
    let mut interception = Interception::new(1);
    interception.hold(Some("compressed"), [true; 2]);
    interception.push(Direction::ClientToServer, 0, request.as_bytes());
    interception.push(Direction::ServerToClient, 0, answer.as_bytes());
    let params = DeflateParams { server_no_context_takeover: true, ..DeflateParams::default() };
    let mut payload = Vec::new();
    Compressor::new(params, Role::Server, 6).compress(&vec![0; 1 << 20], &mut payload);
    let mut frame = Frame::new(Opcode::Binary, payload).to_bytes();
    frame[0] |= 0x40;
    interception.push(Direction::ServerToClient, 0, &frame.repeat(100));
    let copies = std::iter::from_fn(|| interception.next_happened()).filter_map(|happened| match happened.told {
        Told::Held { .. } => Some(happened.inflated.map_or(0, |copy| copy.len())),
        _ => None,
    });
    let copies: Vec<_> = copies.collect();
    assert_eq!((copies.len(), copies.iter().sum::<usize>()), (100, COPIED_MAX));
    // There is room again for what comes when those are gone.
    interception.forward_all(0);
    interception.push(Direction::ServerToClient, 0, &frame);
    let last = std::iter::from_fn(|| interception.next_happened()).last();
    assert!(last.is_some_and(|happened| happened.inflated.is_some()));
}

#[test]
fn a_connection_goes_by_the_number_it_was_given() {
    for (filter, holds) in [("conn == 5", true), ("conn == 1", false)] {
        let mut interception = Interception::new(5);
        interception.hold(Some(filter), [true; 2]);
        interception.push(Direction::ClientToServer, 0, REQUEST);
        interception.push(Direction::ServerToClient, 0, &[ANSWER, b"\x81\x01a"].concat());
        assert_eq!(interception.holds(Direction::ServerToClient), holds, "{filter}");
    }
}
