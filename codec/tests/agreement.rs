//! The engine that runs the protocol and the dissector that explains it cannot disagree.

mod support;

use framescope_codec::{DeflateParams, Dissection, Dissector, Inflation, Role, Violation};
use proptest::prelude::*;
use support::{Saw, cut, encode, frames, listener, receive, setting};

fn dissect<'c>(
    sender: Role,
    deflate: Option<DeflateParams>,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Vec<Dissection> {
    let mut dissector = Dissector::new(sender, deflate);
    chunks.into_iter().for_each(|chunk| dissector.feed(chunk));
    std::iter::from_fn(|| dissector.finish()).collect()
}

/// The violation that ends the connection, as the dissector has it: the first before a Close.
fn first_violation(frames: &[Dissection]) -> Option<Violation> {
    let end = frames.iter().position(|frame| frame.close.is_some()).map_or(frames.len(), |close| close + 1);
    frames[..end].iter().flat_map(|frame| &frame.violations).map(|found| found.violation).find(|rule| rule.is_fatal())
}

/// What the connection must have seen, if the dissector is right.
fn expected(frames: &[Dissection]) -> Vec<Saw> {
    let mut saw = Vec::new();
    for frame in frames {
        if let Some(found) = frame.violations.iter().find(|found| found.violation.is_fatal()) {
            saw.push(Saw::Failed(found.violation));
            return saw;
        }
        if frame.payload_missing > 0 {
            return saw;
        }
        match (frame.header.opcode.bits(), &frame.message) {
            (8, _) => {
                saw.push(Saw::Closing(framescope_codec::CloseFrame::decode(&frame.payload).expect("no violation")));
                return saw;
            }
            (9, _) => saw.push(Saw::Ping(frame.payload.clone())),
            (10, _) => saw.push(Saw::Pong(frame.payload.clone())),
            (_, Some(message)) if message.kind == Some(framescope_codec::MessageKind::Text) => {
                saw.push(Saw::Text(String::from_utf8(message.payload.clone()).expect("no violation")));
            }
            (_, Some(message)) => saw.push(Saw::Binary(message.payload.clone())),
            (_, None) => {}
        }
    }
    saw
}

fn check(sender: Role, deflate: Option<DeflateParams>, wire: &[u8], cuts: &[usize]) {
    let chunks = cut(wire, cuts);
    let frames = dissect(sender, deflate, chunks.iter().copied());
    let saw = receive(&mut listener(sender, deflate), chunks.iter().copied(), &mut Vec::new());
    assert_eq!(saw, expected(&frames), "{wire:02x?}");
    let mut idle = listener(sender, deflate);
    let with_pauses: Vec<_> = chunks
        .into_iter()
        .flat_map(|chunk| {
            idle.release_idle();
            receive(&mut idle, [chunk], &mut Vec::new())
        })
        .collect();
    assert_eq!(with_pauses, saw, "what an idle connection gives back is not missed: {wire:02x?}");
    let failed = saw.iter().find_map(|saw| if let Saw::Failed(violation) = saw { Some(*violation) } else { None });
    assert_eq!(failed, first_violation(&frames));
    assert_eq!(frames, dissect(sender, deflate, [wire]), "cutting the stream changes nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_connection_sees_what_the_dissector_shows((sender, deflate) in setting(), specs in frames(),
                                                 cuts in prop::collection::vec(any::<usize>(), 0..6), keep in 0.0..1.2_f64) {
        let mut wire = encode(&specs, sender, deflate);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
        wire.truncate((wire.len() as f64 * keep) as usize);
        check(sender, deflate, &wire, &cuts);
    }

    #[test]
    fn and_so_it_is_for_random_bytes((sender, deflate) in setting(), wire in prop::collection::vec(any::<u8>(), 0..200),
                                     cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        check(sender, deflate, &wire, &cuts);
    }
}

/// A property over streams says nothing about rules that no stream ever breaks.
#[test]
fn the_streams_tried_break_every_rule_and_keep_them_too() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let (mut messages, mut compressed) = (0, 0);
    for _ in 0..4000 {
        let (sender, deflate) = setting().new_tree(&mut runner).expect("a setting").current();
        let specs = frames().new_tree(&mut runner).expect("frames").current();
        for frame in dissect(sender, deflate, [&encode(&specs, sender, deflate)[..]]) {
            seen.extend(frame.violations.iter().map(|found| found.violation));
            messages += usize::from(frame.message.is_some());
            compressed += usize::from(frame.message.is_some_and(|message| message.inflation == Inflation::Done));
        }
    }
    let limits = [Violation::MessageTooBig, Violation::TooManyFragments];
    let missed: Vec<_> = Violation::ALL.iter().filter(|rule| !seen.contains(rule) && !limits.contains(rule)).collect();
    assert_eq!(missed, [&Violation::LengthTopBit], "of a header alone, and tried in rules.rs");
    assert!(messages > 4000 && compressed > 500, "{messages} messages, {compressed} compressed");
}
