//! Each rule by itself: a `Connection` and a `Dissector` find it, the same one, however the bytes are cut;
//! and both go through damaged compressed text alike. Only the limits are the `Connection`'s own.

#[path = "support/pair.rs"]
mod pair;
#[path = "support/traffic.rs"]
mod traffic;

use framescope_codec::{Compressor, Config, Connection, DeflateParams, Dissector, Opcode, Role, Violation};
use pair::{Got, hex, keys, receive_in};
use proptest::prelude::*;
use traffic::{agreement, role, stream};

/// The most a `Connection` takes here: no honest header is over it.
const NO_LIMIT: usize = 1 << 50;

/// What the engine says of a stream: the rule at which it failed, and the messages before.
fn engine(
    sender: Role,
    deflate: Option<DeflateParams>,
    bytes: &[u8],
    lengths: &[usize],
) -> (Option<Violation>, Vec<Got>) {
    let config = Config { message_max: NO_LIMIT, fragments_max: u32::MAX, ..Config::default() };
    let mut conn = match sender {
        Role::Client => Connection::server(config, deflate),
        Role::Server => Connection::client(config, deflate, keys()),
    };
    let mut got = receive_in(&mut conn, bytes, lengths, &mut Vec::new());
    let failed = match got.last() {
        Some(&Got::Failed(violation)) => {
            got.pop();
            Some(violation)
        }
        _ => None,
    };
    (failed, got)
}

/// What the explainer says of it, up to the first broken rule or the first proper Close.
fn explainer(sender: Role, deflate: Option<DeflateParams>, bytes: &[u8]) -> (Option<Violation>, Vec<Got>) {
    let mut dissector = Dissector::new(sender, deflate);
    dissector.feed(bytes);
    let mut heard = Vec::new();
    while let Some(frame) = dissector.finish() {
        if let Some(found) = frame.violations.iter().find(|found| found.violation.is_fatal()) {
            return (Some(found.violation), heard);
        }
        let whole = frame.payload_missing == 0;
        match frame.header.opcode {
            Opcode::Close if whole => {
                heard.push(Got::Closing(
                    framescope_codec::CloseFrame::decode(&frame.payload).expect("no rule is broken"),
                ));
                return (None, heard);
            }
            Opcode::Ping if whole => heard.push(Got::Ping(frame.payload)),
            Opcode::Pong if whole => heard.push(Got::Pong(frame.payload)),
            _ => {}
        }
        if let Some(message) = frame.message {
            assert!(message.payload_is_whole);
            heard.push(match message.kind.expect("seen from the start") {
                framescope_codec::MessageKind::Text => {
                    Got::Text(String::from_utf8(message.payload).expect("no rule is broken"))
                }
                framescope_codec::MessageKind::Binary => Got::Binary(message.payload),
            });
        }
    }
    (None, heard)
}

fn check(sender: Role, deflate: Option<DeflateParams>, bytes: &[u8], expected: Option<Violation>) {
    assert_eq!(engine(sender, deflate, bytes, &[usize::MAX]).0, expected, "{bytes:02x?}");
    assert_eq!(explainer(sender, deflate, bytes).0, expected, "{bytes:02x?}");
    for cut in 1..6 {
        assert_eq!(engine(sender, deflate, bytes, &[cut]), explainer(sender, deflate, bytes), "{bytes:02x?}");
    }
}

#[test]
fn each_rule_is_found_by_both() {
    use Violation as V;
    let plain = |wire: &str, violation| check(Role::Server, None, &hex(wire), Some(violation));
    let deflate =
        |wire: &str, violation| check(Role::Server, Some(DeflateParams::DEFAULT), &hex(wire), Some(violation));
    plain("c1 00", V::Rsv1WithoutExtension);
    deflate("c9 00", V::Rsv1OnControl);
    deflate("01 00 c0 00", V::Rsv1OnContinuation);
    plain("a1 00", V::Rsv2WithoutExtension);
    plain("91 00", V::Rsv3WithoutExtension);
    plain("83 00", V::ReservedDataOpcode);
    plain("8b 00", V::ReservedControlOpcode);
    plain("09 00", V::FragmentedControl);
    plain("89 7e 007e", V::LongControl);
    check(Role::Client, None, &hex("81 00"), Some(V::UnmaskedFromClient));
    plain("81 80 00000000", V::MaskedFromServer);
    plain("81 7e 0005", V::LengthNotMinimal);
    plain("82 7f 8000000000000000", V::LengthTopBit);
    plain("80 00", V::ContinuationWithoutMessage);
    plain("01 00 81 00", V::MessageInterrupted);
    plain("81 01 ff", V::InvalidUtf8);
    plain("01 01 ce 80 00", V::InvalidUtf8);
    deflate("c1 01 ff", V::InvalidDeflate);
    plain("88 01 03", V::ClosePayloadOfOneByte);
    plain("88 02 03ec", V::InvalidCloseCode);
    plain("88 03 03e8 ff", V::InvalidCloseReason);
}

#[test]
fn a_broken_rule_is_found_as_early_by_both() {
    // The rest of the frame never comes.
    check(Role::Server, None, &hex("81 7e 1000 6869 ff"), Some(Violation::InvalidUtf8));
    check(Role::Server, None, &hex("81 7e 1000 6869"), None);
    check(Role::Server, None, &hex("83 05"), Some(Violation::ReservedDataOpcode));
}

#[test]
fn what_follows_a_close_fails_nothing() {
    check(Role::Server, None, &hex("88 02 03e8 83 00 ff"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn on_any_stream_both_say_the_same(
        sender in role(),
        (client, server) in (stream(Role::Client), stream(Role::Server)),
        deflate in agreement(),
        lengths in prop::collection::vec(1..40usize, 1..6),
    ) {
        let bytes = if sender == Role::Client { client } else { server };
        let (failed, heard) = engine(sender, deflate, &bytes, &lengths);
        if matches!(failed, Some(Violation::MessageTooBig | Violation::TooManyFragments)) {
            return Ok(()); // a limit of the engine's own
        }
        prop_assert_eq!((failed, heard), explainer(sender, deflate, &bytes));
    }

    /// Compressed text with a byte changed: where inflating and UTF-8 are both at stake.
    #[test]
    fn on_damaged_compressed_text_both_say_the_same(
        texts in prop::collection::vec("\\PC{0,60}|[abé]{0,300}", 1..5),
        deflate in agreement(),
        (at, change) in (any::<prop::sample::Index>(), 1..=255u8),
        lengths in prop::collection::vec(1..40usize, 1..6),
    ) {
        let params = deflate.unwrap_or_default();
        let mut compressor = Compressor::new(params, Role::Server, 6);
        let mut bytes = Vec::new();
        for text in &texts {
            let mut payload = Vec::new();
            compressor.compress(text.as_bytes(), &mut payload);
            let mut header = framescope_codec::FrameHeader::new(Opcode::Text, payload.len() as u64);
            header.rsv = framescope_codec::Rsv::RSV1;
            header.encode(&mut bytes);
            bytes.extend_from_slice(&payload);
        }
        let (failed, heard) = engine(Role::Server, Some(params), &bytes, &lengths);
        prop_assert_eq!(failed, None);
        prop_assert_eq!(heard, texts.into_iter().map(Got::Text).collect::<Vec<_>>());

        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let (failed, heard) = engine(Role::Server, Some(params), &bytes, &lengths);
        if matches!(failed, Some(Violation::MessageTooBig)) {
            return Ok(());
        }
        prop_assert_eq!((failed, heard), explainer(Role::Server, Some(params), &bytes));
    }
}
