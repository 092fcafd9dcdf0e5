use proptest::prelude::*;

use super::*;
use crate::capture::Direction;
use crate::capture::intervention::{Intervention, Original};
use crate::mask::MaskingKey;
use crate::{Compressor, Frame};

/// Holds frames of these opcodes, numbered from 1.
struct Holding(&'static [Opcode], u64, Vec<u64>);

impl Judge for Holding {
    fn holds(&mut self, frame: Candidate<'_>) -> Option<u64> {
        self.0.contains(&frame.dissection.header.opcode).then(|| {
            self.1 += 1;
            self.1
        })
    }

    fn passes(&mut self, header: &FrameHeader) {
        self.2.push(header.payload_length.get());
    }
}

fn holding(opcodes: &'static [Opcode]) -> Holding {
    Holding(opcodes, 0, Vec::new())
}

fn judging(deflate: Option<DeflateParams>) -> Gate {
    let mut gate = Gate::new(Role::Server, deflate, &FrameCursor::default(), true);
    gate.judge();
    gate
}

fn drain(gate: &mut Gate) -> Vec<u8> {
    std::iter::from_fn(|| gate.next()).flat_map(|passed| passed.bytes).collect()
}

/// What came out, with what was done to it: `a` as it was, `h` held, `e` edited, `d` dropped, `i` injected, `u` unfit,
/// `z` inflated.
fn shown(gate: &mut Gate) -> Vec<(char, Vec<u8>)> {
    let kind = |how: &How| match how {
        How::AsItWas => 'a',
        How::Held { .. } => 'h',
        How::Edited { .. } => 'e',
        How::Dropped { .. } => 'd',
        How::Injected { .. } => 'i',
        How::Unfit { .. } => 'u',
        How::Inflated { .. } => 'z',
    };
    std::iter::from_fn(|| gate.next()).map(|passed| (kind(&passed.how), passed.bytes)).collect()
}

#[test]
fn what_is_behind_a_held_frame_waits_and_order_is_kept() {
    let (mut gate, mut judge) = (judging(None), holding(&[Opcode::Ping]));
    gate.push(b"\x81\x01a\x89\x01p\x81\x01b\x89\x01q\x81\x01c", &mut judge);
    assert_eq!(shown(&mut gate), [('a', b"\x81\x01a".to_vec())]);
    assert!(gate.decide(2, Decision::Edit { bytes: b"\x8A\x00".to_vec(), mend: false }));
    assert!(gate.next().is_none(), "it is not its turn");
    assert!(!gate.decide(2, Decision::Forward) && !gate.decide(3, Decision::Forward));
    assert!(gate.decide(1, Decision::Drop { mend: false }));
    assert_eq!(
        shown(&mut gate),
        [('d', Vec::new()), ('a', b"\x81\x01b".to_vec()), ('e', b"\x8A\x00".to_vec()), ('a', b"\x81\x01c".to_vec())]
    );
    assert_eq!((gate.kept(), gate.holds()), (0, false));
}

#[test]
fn a_frame_that_is_too_long_streams_through_and_the_judge_is_told() {
    let (mut gate, mut judge) = (judging(None), holding(&[Opcode::Binary]));
    gate.set_frame_max(100);
    gate.push(b"\x82\x7E\x01", &mut judge);
    gate.push(b"\x00abc", &mut judge);
    assert_eq!(drain(&mut gate), b"\x82\x7E\x01\x00abc");
    gate.push(&[7; 253], &mut judge);
    gate.push(b"\x82\x01x", &mut judge);
    assert_eq!((drain(&mut gate).len(), judge.2.as_slice(), gate.holds()), (253, &[256][..], true));
    // Behind one that is held it waits, and too much of it is too much.
    gate.push(b"\x82\x7E\x10\x00", &mut judge);
    gate.push(&[7; 1000], &mut judge);
    assert!(gate.is_full(1000) && !gate.is_full(2000) && gate.next().is_none());
    gate.decide(1, Decision::Forward);
    assert_eq!((drain(&mut gate).len(), gate.kept()), (3 + 4 + 1000, 0));
}

#[test]
fn resting_lets_everything_go_and_what_follows_is_not_judged() {
    let (mut gate, mut judge) = (judging(None), holding(&[Opcode::Text]));
    gate.push(b"\x81\x01a\x81\x01b\x81\x05par", &mut judge);
    assert!(gate.next().is_none());
    gate.rest();
    assert_eq!(drain(&mut gate), b"\x81\x01a\x81\x01b\x81\x05par");
    assert!(!gate.cursor().at_boundary());
    gate.push(b"ts\x81\x01c", &mut judge);
    assert_eq!((drain(&mut gate).as_slice(), judge.1), (&b"ts\x81\x01c"[..], 2));
    gate.judge();
    gate.push(b"\x81\x01d", &mut judge);
    assert!(gate.next().is_none() && gate.holds());
}

#[test]
fn a_gate_that_comes_in_the_middle_of_a_frame_finds_the_next() {
    let mut cursor = FrameCursor::default();
    cursor.advance(b"\x81\x05he");
    let mut gate = Gate::new(Role::Server, None, &cursor, false);
    gate.judge();
    let mut judge = holding(&[Opcode::Text]);
    gate.push(b"llo\x81\x01a", &mut judge);
    assert_eq!(shown(&mut gate), [('a', b"llo".to_vec())]);
    assert!(gate.holds());
}

#[test]
fn nothing_is_put_in_inside_a_frame() {
    let (mut gate, mut judge) = (judging(None), holding(&[]));
    gate.rest();
    gate.push(b"\x81\x05he", &mut judge);
    gate.inject(1, b"\x89\x00".to_vec(), true);
    assert_eq!(drain(&mut gate), b"\x81\x05he");
    gate.push(b"llo\x81\x01", &mut judge);
    assert_eq!(shown(&mut gate), [('a', b"llo".to_vec()), ('i', b"\x89\x00".to_vec()), ('a', b"\x81\x01".to_vec())]);
    // In front of what is held.
    let (mut gate, mut judge) = (judging(None), holding(&[Opcode::Text]));
    gate.push(b"\x81\x01a\x81\x05he", &mut judge);
    gate.inject(2, b"\x89\x00".to_vec(), false);
    assert_eq!(shown(&mut gate), [('i', b"\x89\x00".to_vec())]);
}

#[test]
fn inside_a_message_only_control_frames_are_put_in_unless_forced() {
    let (mut gate, mut judge) = (judging(None), holding(&[]));
    gate.push(b"\x01\x01a", &mut judge);
    gate.inject(1, b"\x89\x00".to_vec(), false);
    gate.inject(2, b"\x81\x01x".to_vec(), false);
    gate.inject(3, b"\x81\x01x".to_vec(), true);
    let kinds: String = shown(&mut gate).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, "aiui");
    for (bytes, in_message, expected) in [
        (&b""[..], false, Err(Unfit::Empty)),
        (b"\x81", false, Err(Unfit::NotWhole)),
        (b"\x81\x02a", false, Err(Unfit::NotWhole)),
        (b"\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFa", false, Err(Unfit::NotWhole)),
        (b"\x80\x00", false, Err(Unfit::NoMessage)),
        (b"\x01\x00", false, Err(Unfit::Unfinished)),
        (b"\x01\x00\x81\x00", false, Err(Unfit::InMessage)),
        (b"\x01\x00\x89\x00\x80\x00\x82\x00", false, Ok(())),
        (b"\x80\x00", true, Err(Unfit::InMessage)),
        (b"\x8A\x00\x88\x00", true, Ok(())),
    ] {
        assert_eq!(Unfit::check(bytes, in_message), expected, "{bytes:x?}");
    }
}

/// Some compressed messages of a server that takes its context over.
fn compressed(texts: &[&str]) -> Vec<Vec<u8>> {
    let params = DeflateParams::DEFAULT;
    let mut compressor = Compressor::new(params, Role::Server, 6);
    texts
        .iter()
        .map(|text| {
            let mut payload = Vec::new();
            compressor.compress(text.as_bytes(), &mut payload);
            let mut frame = Frame::new(Opcode::Text, payload);
            frame.set_rsv(Rsv::RSV1);
            frame.to_bytes()
        })
        .collect()
}

#[test]
fn what_refers_to_a_dropped_message_goes_on_inflated() {
    let texts = ["the same words again", "the same words again, and more", "the same words again, and more of them"];
    let frames = compressed(&texts);
    for takes in 0..2 {
        let mut gate = judging(Some(DeflateParams::DEFAULT));
        let mut judge = First::default();
        gate.push(&frames[0], &mut judge);
        assert!(judge.can_mend && gate.knows_context());
        // What is behind it may be there already, or come later.
        frames[1..1 + takes].iter().for_each(|frame| gate.push(frame, &mut judge));
        gate.decide(1, Decision::Drop { mend: true });
        frames[1 + takes..].iter().for_each(|frame| gate.push(frame, &mut judge));
        gate.push(b"\x89\x00", &mut judge);
        let mut expected = vec![('d', Vec::new())];
        expected.extend(texts[1..].iter().map(|text| ('z', Frame::new(Opcode::Text, *text).to_bytes())));
        expected.push(('a', b"\x89\x00".to_vec()));
        assert_eq!(shown(&mut gate), expected);
        gate.rest();
        assert!(gate.is_mending());
        gate.push(&compressed(&["x", "the end"])[0], &mut judge);
        assert_eq!(shown(&mut gate), [('z', b"\x81\x01x".to_vec())]);
    }
}

/// Holds the first frame it sees.
#[derive(Default)]
struct First {
    count: u64,
    can_mend: bool,
}

impl Judge for First {
    fn holds(&mut self, frame: Candidate<'_>) -> Option<u64> {
        self.count += 1;
        self.can_mend |= frame.can_mend;
        (self.count == 1).then_some(1)
    }
}

#[test]
fn a_gate_that_came_late_cannot_mend_what_it_has_not_seen() {
    let mut cursor = FrameCursor::default();
    let frames = compressed(&["the same words again", "the same words again"]);
    cursor.advance(&frames[0]);
    let mut gate = Gate::new(Role::Server, Some(DeflateParams::DEFAULT), &cursor, false);
    gate.judge();
    let mut judge = First::default();
    gate.push(&frames[1], &mut judge);
    assert!(gate.holds() && !judge.can_mend && !gate.knows_context());
    // Without takeover there is nothing to know.
    let alone = DeflateParams { server_no_context_takeover: true, ..DeflateParams::DEFAULT };
    assert!(Gate::new(Role::Server, Some(alone), &cursor, false).knows_context());
}

/// Frames of all sorts.
fn stream() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let frame =
        (0u8..16, any::<bool>(), prop::option::of(any::<[u8; 4]>()), prop::collection::vec(any::<u8>(), 0..400));
    prop::collection::vec(frame, 0..20).prop_map(|frames| {
        let bytes = |(opcode, fin, key, payload): (u8, bool, Option<[u8; 4]>, Vec<u8>)| {
            let mut frame = Frame::new(Opcode::from_bits(opcode), payload);
            frame.set_fin(fin);
            frame.set_masking_key(key.map(MaskingKey));
            frame.to_bytes()
        };
        frames.into_iter().map(bytes).collect()
    })
}

proptest! {
    /// Whatever is held, in whatever order it is forwarded, and however the stream is cut: what comes out is what went in.
    #[test]
    fn forwarding_is_always_right(
        frames in stream(),
        cut in 1usize..500,
        frame_max in 0usize..500,
        order in any::<u64>(),
        from in 0usize..3,
        rests in any::<bool>(),
    ) {
        let sent: Vec<u8> = frames.concat();
        let mut gate = Gate::new(Role::Server, None, &FrameCursor::default(), true);
        let mut judge = holding(&[Opcode::Text, Opcode::Ping, Opcode::Continuation]);
        gate.set_frame_max(frame_max);
        let mut received = Vec::new();
        let mut state = order | 1;
        for (number, piece) in sent.chunks(cut).enumerate() {
            if number == from {
                gate.judge();
            }
            gate.push(piece, &mut judge);
            state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7);
            gate.decide(state % (judge.1 + 1), Decision::Forward);
            received.extend(drain(&mut gate));
        }
        if rests {
            gate.rest();
        } else {
            (0..=judge.1).rev().for_each(|id| { gate.decide(id, Decision::Forward); });
            received.extend(drain(&mut gate));
            prop_assert!(!gate.holds());
            // Only what is cut off at the end may be there.
            gate.rest();
        }
        received.extend(drain(&mut gate));
        prop_assert!(received == sent);
        prop_assert_eq!(gate.kept(), 0);
    }

    /// Frames that are put in come out whole, and nowhere but between two of the sender's.
    #[test]
    fn what_is_put_in_stands_between_frames(
        frames in stream(),
        cut in 1usize..50,
        times in prop::collection::vec(0usize..40, 0..5),
        judges in any::<bool>(),
    ) {
        let sent: Vec<u8> = frames.concat();
        let (mut gate, mut judge) = (Gate::new(Role::Server, None, &FrameCursor::default(), true), holding(&[]));
        if judges {
            gate.judge();
        }
        let (mut received, mut cursor) = (Vec::new(), FrameCursor::default());
        for (number, piece) in sent.chunks(cut).enumerate() {
            gate.push(piece, &mut judge);
            if times.contains(&number) {
                gate.inject(0, b"\x89\x00".to_vec(), false);
            }
            while let Some(passed) = gate.next() {
                if passed.how == How::AsItWas {
                    let next_frame = cursor.advance(&passed.bytes);
                    prop_assert_eq!(next_frame, passed.next_frame);
                    received.extend(passed.bytes);
                } else {
                    prop_assert!(cursor.at_boundary());
                    prop_assert_eq!(passed.bytes, b"\x89\x00");
                }
            }
        }
        gate.rest();
        received.extend(drain(&mut gate));
        prop_assert!(received == sent);
    }
}

/// What is written of a frame that was tampered with is read as it is meant.
#[test]
fn a_capture_says_what_was_done() {
    use crate::capture::{Decoder, Note, Record, What, pcapng, tap::Flow};
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::in_process(50_001);
    let direction = Direction::ServerToClient;
    flow.join_late(1, None, &mut capture);
    flow.boundary(direction);
    flow.bytes(direction, 2, b"\x81\x01a", &mut capture);
    let dropped = Intervention::Dropped { millis: 5, original: Original::new(b"\x81\x02Hi") };
    flow.intervened(direction, 3, b"", &dropped, &mut capture);
    flow.intervened(direction, 4, b"\x81\x01b", &Intervention::Injected, &mut capture);
    let mut decoder = Decoder::new();
    decoder.feed(&capture);
    let seen = std::iter::from_fn(|| decoder.next_record()).map(|record| match record {
        Record::Event(event) => match event.what {
            What::Frame(frame) => String::from_utf8(frame.dissection.payload).unwrap(),
            What::Note(Note::Intervened(what)) => what.to_string(),
            other => format!("{other:?}"),
        },
        Record::Fault(fault) => panic!("{fault:?}"),
    });
    assert_eq!(
        seen.skip(1).collect::<Vec<_>>(),
        ["a", "held for 5 ms, then dropped; it was text, 2 bytes: Hi", "injected: nobody sent this", "b"]
    );
}
