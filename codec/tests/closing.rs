//! The closing handshake: from either end, from both at once, and by a broken rule.

#[path = "support/pair.rs"]
mod pair;
#[path = "support/traffic.rs"]
mod traffic;

use framescope_codec::{
    CloseCode, CloseFrame, Closed, Config, ControlPayload, Dissection, Dissector, Opcode, Role, SendError, Violation,
};
use pair::{Got, Pair, hex, receive};
use proptest::prelude::*;
use traffic::{role, stream};

fn pair() -> Pair {
    Pair::new(Config::default(), None)
}

fn frames(sender: Role, bytes: &[u8]) -> Vec<Dissection> {
    let mut dissector = Dissector::new(sender, None);
    dissector.feed(bytes);
    assert!(dissector.at_frame_boundary(), "only whole frames are sent");
    std::iter::from_fn(|| dissector.next_frame()).collect()
}

fn outcome(code: u16, reason: &str, was_clean: bool) -> Closed {
    Closed { code, reason: reason.to_owned(), was_clean }
}

#[test]
fn a_close_is_answered_and_both_ends_know_why() {
    for by in [Role::Client, Role::Server] {
        let mut pair = pair();
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "tab closed");
        match by {
            Role::Client => pair.client.close(Some(frame.clone()), &mut pair.to_server).unwrap(),
            Role::Server => pair.server.close(Some(frame.clone()), &mut pair.to_client).unwrap(),
        }
        pair.drive();
        let (first, second, first_got, second_got) = match by {
            Role::Client => (&mut pair.client, &mut pair.server, &pair.client_got, &pair.server_got),
            Role::Server => (&mut pair.server, &mut pair.client, &pair.server_got, &pair.client_got),
        };
        assert_eq!(second_got, &[Got::Closing(Some(frame))]);
        assert_eq!(first_got, &[Got::Closing(Some(CloseFrame::from(CloseCode::GOING_AWAY)))]);
        assert!(first.wants_shutdown() && second.wants_shutdown());
        assert_eq!(second.receive_eof(), outcome(1001, "tab closed", true));
        assert_eq!(first.receive_eof(), outcome(1001, "", true));
    }
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let mut pair = pair();
    pair.client.close(None, &mut pair.to_server).unwrap();
    let wire = std::mem::take(&mut pair.to_server);
    assert_eq!(receive(&mut pair.server, &wire, &mut pair.to_client), [Got::Closing(None)]);
    assert_eq!(pair.to_client, hex("88 00"));
    assert_eq!(pair.server.receive_eof(), outcome(1005, "", true));
}

#[test]
fn closes_that_cross_are_both_the_answer() {
    let mut pair = pair();
    pair.client.close(Some(CloseCode::NORMAL.into()), &mut pair.to_server).unwrap();
    pair.server.close(Some(CloseCode::GOING_AWAY.into()), &mut pair.to_client).unwrap();
    let (to_server, to_client) = (std::mem::take(&mut pair.to_server), std::mem::take(&mut pair.to_client));
    receive(&mut pair.server, &to_server, &mut pair.to_client);
    receive(&mut pair.client, &to_client, &mut pair.to_server);
    assert!(pair.to_server.is_empty() && pair.to_client.is_empty(), "no third Close");
    assert!(pair.client.wants_shutdown() && pair.server.wants_shutdown());
}

#[test]
fn nothing_is_sent_behind_a_close() {
    let mut pair = pair();
    pair.server.close(None, &mut pair.to_client).unwrap();
    let len = pair.to_client.len();
    let out = &mut pair.to_client;
    assert_eq!(pair.server.send("late", out), Err(SendError));
    assert_eq!(pair.server.send_fragmented("late", 2.try_into().unwrap(), out), Err(SendError));
    assert_eq!(pair.server.ping(ControlPayload::EMPTY, out), Err(SendError));
    assert_eq!(pair.server.pong(ControlPayload::EMPTY, out), Err(SendError));
    assert_eq!(pair.server.close(None, out), Err(SendError));
    // A ping that arrives now stays without its pong.
    assert_eq!(receive(&mut pair.server, &hex("89 80 00000000"), &mut pair.to_client), [Got::Ping(Vec::new())]);
    assert_eq!(pair.to_client.len(), len);
    assert!(!pair.server.wants_shutdown(), "the peer's Close is still to come");
}

#[test]
fn messages_still_arrive_between_our_close_and_the_peers() {
    let mut pair = pair();
    pair.server.close(Some(CloseCode::GOING_AWAY.into()), &mut pair.to_client).unwrap();
    pair.client.send("on its way", &mut pair.to_server).unwrap();
    pair.drive();
    assert_eq!(pair.server_got, [Got::Text("on its way".to_owned()), Got::Closing(Some(CloseCode::GOING_AWAY.into()))]);
}

#[test]
fn a_stream_that_just_ends_is_an_abnormal_closure() {
    let mut pair = pair();
    assert_eq!(pair.server.receive_eof(), outcome(1006, "", false));
    assert!(pair.server.wants_shutdown());
    pair.client.close(Some(CloseCode::NORMAL.into()), &mut pair.to_server).unwrap();
    assert_eq!(pair.client.receive_eof(), outcome(1006, "", false));
}

#[test]
fn what_comes_after_the_end_is_counted_and_thrown_away() {
    let mut pair = Pair::new(Config { linger_max: 10, ..Config::default() }, None);
    let got = receive(&mut pair.server, &hex("88 80 00000000 81 80 00000000"), &mut pair.to_client);
    assert_eq!(got, [Got::Closing(None)]);
    assert!(!pair.server.linger_exhausted());
    assert_eq!(receive(&mut pair.server, &[0xFF; 20], &mut pair.to_client), []);
    assert!(pair.server.linger_exhausted());
    assert_eq!(pair.to_client, hex("88 00"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever arrives: frames that break no rule are sent, at most one Close, and nothing behind it;
    /// and a broken rule is answered with its own code.
    #[test]
    fn whatever_arrives_the_answers_are_sound(
        sender in role(),
        (client, server) in (stream(Role::Client), stream(Role::Server)),
    ) {
        let mut pair = pair();
        let (got, out, ended) = match sender {
            Role::Client => {
                let got = receive(&mut pair.server, &client, &mut pair.to_client);
                (got, frames(Role::Server, &pair.to_client), pair.server.wants_shutdown())
            }
            Role::Server => {
                let got = receive(&mut pair.client, &server, &mut pair.to_server);
                (got, frames(Role::Client, &pair.to_server), pair.client.wants_shutdown())
            }
        };
        for frame in &out {
            prop_assert_eq!(&frame.violations, &[]);
        }
        let closes = out.iter().filter(|frame| frame.header.opcode == Opcode::Close).count();
        let pings = got.iter().filter(|got| matches!(got, Got::Ping(_))).count();
        prop_assert_eq!(out.len(), pings + closes);
        match got.last() {
            Some(Got::Failed(violation)) => {
                prop_assert!(ended);
                let close = out.last().and_then(|frame| frame.close.clone()).expect("a Close at the end");
                prop_assert_eq!(close.code, Some(violation.close_code().get()));
            }
            Some(Got::Closing(frame)) => {
                prop_assert!(ended);
                let close = out.last().and_then(|frame| frame.close.clone()).expect("a Close at the end");
                prop_assert_eq!(close.code, frame.as_ref().map(|frame| frame.code().get()));
            }
            _ => prop_assert!(!ended && closes == 0),
        }
        let ends = got.iter().filter(|got| matches!(got, Got::Failed(_) | Got::Closing(_))).count();
        prop_assert_eq!(ends, usize::from(ended));
    }
}

#[test]
fn every_fatal_rule_has_a_code_that_may_be_sent() {
    for violation in Violation::ALL {
        assert!(CloseCode::new(violation.close_code().get()).is_some(), "{violation}");
        assert!(violation.says().len() <= CloseFrame::MAX_REASON, "{violation}");
    }
}
