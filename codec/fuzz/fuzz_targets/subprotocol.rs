//! Any messages may come on a connection of any subprotocol: each is decoded or left alone, in bounded words, whatever
//! came before it.
#![no_main]

use framescope_codec::MessageKind;
use framescope_codec::capture::Direction;
use framescope_codec::capture::subprotocol::{Message, Speech};
use libfuzzer_sys::fuzz_target;

const NAMES: [Option<&str>; 8] = [
    None,
    Some("mqtt"),
    Some("v12.stomp"),
    Some("v10.stomp"),
    Some("graphql-transport-ws"),
    Some("graphql-ws"),
    Some("jsonrpc"),
    Some("phoenix"),
];
const TARGETS: [&str; 3] = ["/", "/socket.io/?EIO=4", "/socket.io/?EIO=3"];

// A byte for the protocol; then messages, each behind a byte for its way and kind and one for its length.
fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, mut rest)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(seed) % NAMES.len()];
    let mut speech = Speech::new(name, TARGETS[usize::from(seed / 8) % TARGETS.len()]);
    let mut messages = Vec::new();
    while let [kind, len, behind @ ..] = rest {
        let (payload, later) = behind.split_at(usize::from(*len).min(behind.len()));
        rest = later;
        let direction = Direction::BOTH[usize::from(kind & 1)];
        let kind = if kind & 2 == 0 { MessageKind::Text } else { MessageKind::Binary };
        let message = Message { direction, kind, payload };
        speech.hear(&message, messages.len() as u64);
        messages.push(message);
    }
    for (row, message) in (0..).zip(&messages) {
        let Some(decoded) = speech.decode(message, row) else { continue };
        assert!(!decoded.name.is_empty() && decoded.parts.len() < 4096);
        assert!(decoded.parts.iter().all(|part| part.value.len() < 4096));
        assert!(speech.label(message, row).is_some());
    }
});
