//! A connection takes any stream in any pieces: it fails exactly when the dissector reports a broken
//! rule, and with the same one, and what it says itself breaks none.
#![no_main]

use framescope_codec::{
    CloseFrame, Config, Connection, Dissector, Event, Input, MaskingKey, Message, MessageKind, Opcode, Role, Violation,
};
use framescope_codec_fuzz::Case;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
enum Got {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closing(Option<CloseFrame>),
    Failed(Violation),
}

/// More than any input inflates to, so that no limit is met but where a header announces too much.
const MESSAGE_MAX: usize = 256 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some(case) = Case::from_bytes(bytes) else { return };
    let (got, out) = engine(case);
    let Some(case) = Case::from_bytes(bytes) else { return };
    check_answers(&case, &got, &out);
    if matches!(got.last(), Some(Got::Failed(Violation::MessageTooBig | Violation::TooManyFragments))) {
        return;
    }
    assert_eq!(got, explainer(&case));
});

fn engine(mut case: Case<'_>) -> (Vec<Got>, Vec<u8>) {
    let config = Config { message_max: MESSAGE_MAX, ..Config::default() };
    let mut conn = match case.sender {
        Role::Client => Connection::server(config, case.deflate),
        Role::Server => Connection::client(config, case.deflate, || MaskingKey([1, 2, 3, 4])),
    };
    let mut stream = case.stream.to_vec();
    let mut rest = &mut stream[..];
    let (mut got, mut out) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at_mut(case.chunks.next_len().min(rest.len()));
        let mut input = Input::new(piece);
        while let Some(event) = conn.receive(&mut input, &mut out) {
            got.push(match event {
                Event::Message(message) => {
                    if let Message::Text(text) = message {
                        assert!(std::str::from_utf8(text.as_bytes()).is_ok());
                    }
                    Got::Message(message.kind(), message.as_bytes().to_vec())
                }
                Event::Ping(payload) => Got::Ping(payload.to_vec()),
                Event::Pong(payload) => Got::Pong(payload.to_vec()),
                Event::Closing(frame) => Got::Closing(frame),
                Event::Failed(violation) => Got::Failed(violation),
            });
        }
        assert!(input.is_empty());
        rest = later;
    }
    (got, out)
}

fn explainer(case: &Case<'_>) -> Vec<Got> {
    let mut dissector = Dissector::new(case.sender, case.deflate);
    dissector.feed(case.stream);
    let mut got = Vec::new();
    while let Some(frame) = dissector.finish() {
        if let Some(found) = frame.violations.iter().find(|found| found.violation.is_fatal()) {
            got.push(Got::Failed(found.violation));
            return got;
        }
        if frame.payload_missing > 0 {
            return got;
        }
        match frame.header.opcode {
            Opcode::Close => {
                got.push(Got::Closing(CloseFrame::decode(&frame.payload).expect("no rule is broken")));
                return got;
            }
            Opcode::Ping => got.push(Got::Ping(frame.payload)),
            Opcode::Pong => got.push(Got::Pong(frame.payload)),
            _ => {
                if let Some(message) = frame.message {
                    assert!(message.payload_is_whole);
                    got.push(Got::Message(message.kind.expect("seen from its start"), message.payload));
                }
            }
        }
    }
    got
}

/// Every frame of the answer is sound; pongs carry what was asked; one Close at the end, if at all.
fn check_answers(case: &Case<'_>, got: &[Got], out: &[u8]) {
    let mut dissector = Dissector::new(case.sender.peer(), case.deflate);
    dissector.feed(out);
    assert!(dissector.at_frame_boundary());
    for event in got {
        let expected = match event {
            Got::Ping(payload) => (Opcode::Pong, payload.clone()),
            Got::Closing(frame) => {
                let mut payload = Vec::new();
                if let Some(frame) = frame {
                    CloseFrame::from(frame.code()).encode(&mut payload);
                }
                (Opcode::Close, payload)
            }
            Got::Failed(violation) => {
                let mut payload = Vec::new();
                CloseFrame::new(violation.close_code(), violation.says()).encode(&mut payload);
                (Opcode::Close, payload)
            }
            Got::Message(..) | Got::Pong(_) => continue,
        };
        let frame = dissector.next_frame().expect("an answer");
        assert!(frame.violations.is_empty());
        assert_eq!((frame.header.opcode, frame.payload), expected);
    }
    assert!(!dissector.has_frame());
}
