//! What the properties of the codec share: streams to try, and one end of a connection to feed.

#![allow(dead_code, reason = "each test file uses its part")]

use framescope_codec::{
    CloseFrame, Compressor, Config, Connection, DeflateParams, Event, Frame, Input, LengthForm, MaskingKey, Message,
    Opcode, Role, Rsv, Violation,
};
use proptest::prelude::*;

/// What a connection made of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saw {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closing(Option<CloseFrame>),
    Failed(Violation),
}

impl From<Event<'_>> for Saw {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Closing(frame) => Self::Closing(frame),
            Event::Failed(violation) => Self::Failed(violation),
        }
    }
}

/// Feeds `chunks` one after the other.
pub(crate) fn receive<'c>(
    conn: &mut Connection,
    chunks: impl IntoIterator<Item = &'c [u8]>,
    out: &mut Vec<u8>,
) -> Vec<Saw> {
    let mut saw = Vec::new();
    for chunk in chunks {
        let mut bytes = chunk.to_vec();
        let mut input = Input::new(&mut bytes);
        while let Some(event) = conn.receive(&mut input, out) {
            saw.push(Saw::from(event));
        }
        assert!(input.is_empty(), "whatever comes is worked off");
    }
    saw
}

/// The end that hears `sender`, with no limit that a test would run into.
pub(crate) fn listener(sender: Role, deflate: Option<DeflateParams>) -> Connection {
    // A random header may announce any length, and only limits would say no to it.
    let config =
        Config { message_max: usize::MAX / 2, fragments_max: u32::MAX, linger_max: u64::MAX, ..Config::DEFAULT };
    match sender {
        Role::Client => Connection::server(config, deflate),
        Role::Server => Connection::client(config, deflate, || MaskingKey([0; 4])),
    }
}

/// Cuts `bytes` at `cuts`, which are taken modulo its length.
pub(crate) fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

/// One frame to come, right or wrong.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    opcode: u8,
    fin: bool,
    rsv: u8,
    wrong_mask: bool,
    form: Option<LengthForm>,
    payload: Payload,
}

#[derive(Clone, Debug)]
enum Payload {
    Text(String),
    Bytes(Vec<u8>),
    /// To be compressed, with RSV1 set, and then perhaps damaged at a place.
    Compressed(String, Option<usize>),
    Close(u16, Vec<u8>),
}

/// Frames that are mostly right, so that a stream gets somewhere before it goes wrong.
pub(crate) fn frames() -> impl Strategy<Value = Vec<Spec>> {
    prop::collection::vec(frame(), 1..12)
}

fn frame() -> impl Strategy<Value = Spec> {
    let opcode =
        prop_oneof![8 => Just(1), 6 => Just(2), 8 => Just(0), 3 => Just(9), 2 => Just(10), 1 => Just(8), 1 => 0..16_u8];
    let rsv = prop_oneof![20 => Just(0), 1 => 0..8_u8];
    let form = prop_oneof![
        20 => Just(None),
        1 => Just(Some(LengthForm::Bits16)),
        1 => Just(Some(LengthForm::Bits64)),
    ];
    let payload = prop_oneof![
        6 => ".{0,40}".prop_map(Payload::Text),
        3 => prop::collection::vec(any::<u8>(), 0..140).prop_map(Payload::Bytes),
        6 => ("[a-f€🎉]{0,60}", prop_oneof![4 => Just(None), 1 => any::<usize>().prop_map(Some)])
            .prop_map(|(text, damage)| Payload::Compressed(text, damage)),
        1 => (prop_oneof![3 => Just(1000), 1 => 0..6000_u16], prop::collection::vec(any::<u8>(), 0..5))
            .prop_map(|(code, reason)| Payload::Close(code, reason)),
    ];
    (opcode, prop::bool::weighted(0.7), rsv, prop::bool::weighted(0.02), form, payload)
        .prop_map(|(opcode, fin, rsv, wrong_mask, form, payload)| Spec { opcode, fin, rsv, wrong_mask, form, payload })
}

/// The frames as bytes of `sender`.
pub(crate) fn encode(specs: &[Spec], sender: Role, deflate: Option<DeflateParams>) -> Vec<u8> {
    let mut compressor = Compressor::new(deflate.unwrap_or_default(), sender, 6);
    let mut wire = Vec::new();
    for spec in specs {
        let mut rsv = spec.rsv;
        let payload = match &spec.payload {
            Payload::Text(text) => text.as_bytes().to_vec(),
            Payload::Bytes(bytes) => bytes.clone(),
            Payload::Close(code, reason) => [&code.to_be_bytes()[..], reason].concat(),
            Payload::Compressed(text, damage) => {
                if deflate.is_some() && matches!(spec.opcode, 1 | 2) {
                    rsv |= 4;
                }
                let mut payload = Vec::new();
                compressor.compress(text.as_bytes(), &mut payload);
                if let Some(place) = damage.filter(|_| !payload.is_empty()) {
                    let len = payload.len();
                    payload[place % len] ^= 0x55;
                }
                payload
            }
        };
        let mut frame = Frame::new(Opcode::from_bits(spec.opcode), payload);
        frame.set_fin(spec.fin || (spec.opcode >= 8 && spec.rsv != 1));
        frame.set_rsv(Rsv::from_bits(rsv));
        let masks = (sender == Role::Client) != spec.wrong_mask;
        frame.set_masking_key(masks.then_some(MaskingKey([0x37, 0xfa, 0x21, 0x3d])));
        if let Some(form) = spec.form {
            frame.set_length_form(form);
        }
        frame.encode(&mut wire);
    }
    wire
}

/// Either end, and what it may have agreed on.
pub(crate) fn setting() -> impl Strategy<Value = (Role, Option<DeflateParams>)> {
    let sender = prop_oneof![Just(Role::Client), Just(Role::Server)];
    let params = (any::<bool>(), any::<bool>()).prop_map(|(server, client)| DeflateParams {
        server_no_context_takeover: server,
        client_no_context_takeover: client,
        ..DeflateParams::DEFAULT
    });
    (sender, prop::option::weighted(0.7, params))
}
