//! Streams of frames for the properties: right ones, wrong ones, and right ones gone wrong.

#![allow(dead_code, reason = "each test file uses its part")]

use framescope_codec::{
    Compressor, DeflateParams, FrameHeader, LengthForm, MaskingKey, Opcode, PayloadLength, Role, Rsv, WindowBits,
};
use proptest::prelude::*;

/// One frame to be: what proptest shrinks.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) header: FrameHeader,
    pub(crate) payload: Vec<u8>,
}

impl Plan {
    fn write(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        let start = out.len();
        out.extend_from_slice(&self.payload);
        if let Some(key) = self.header.masking_key {
            key.apply(&mut out[start..], 0);
        }
    }
}

/// A stream as some peer might send it: mostly whole frames with sound bits, now and then not.
pub(crate) fn stream(sender: Role) -> impl Strategy<Value = Vec<u8>> {
    let frames = prop::collection::vec(frame(sender), 0..8).prop_map(|plans| {
        let mut bytes = Vec::new();
        for plan in plans {
            plan.write(&mut bytes);
        }
        bytes
    });
    let mutated = (
        frames,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut bytes, changes, cut)| {
            for (at, byte) in changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= byte;
                }
            }
            bytes.truncate(cut.index(2 * bytes.len() + 1));
            bytes
        });
    prop_oneof![
        8 => mutated,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn frame(sender: Role) -> impl Strategy<Value = Plan> {
    let opcode = prop_oneof![
        6 => Just(Opcode::Text), 4 => Just(Opcode::Binary), 8 => Just(Opcode::Continuation),
        2 => Just(Opcode::Ping), 2 => Just(Opcode::Pong), 1 => Just(Opcode::Close),
        1 => (0..16u8).prop_map(Opcode::from_bits),
    ];
    let rsv = prop_oneof![6 => Just(0), 4 => Just(4), 1 => 0..8u8];
    let masked = prop::bool::weighted(if sender == Role::Client { 0.98 } else { 0.02 });
    let form = prop_oneof![30 => Just(None), 1 => Just(Some(LengthForm::Bits16)), 1 => Just(Some(LengthForm::Bits64))];
    (opcode, rsv, prop::bool::weighted(0.6), masked, any::<[u8; 4]>(), payload(), form).prop_map(
        |(opcode, rsv, fin, masked, key, payload, form)| {
            let payload = match opcode {
                Opcode::Close if payload.len() > 1 => [&1000u16.to_be_bytes(), &payload[2..]].concat(),
                _ => payload,
            };
            let len = payload.len() as u64;
            let mut header = FrameHeader::new(opcode, len);
            header.fin = fin || opcode.is_control();
            header.rsv =
                Rsv::from_bits(if opcode.is_control() || opcode == Opcode::Continuation { rsv & !4 } else { rsv });
            header.masking_key = masked.then_some(MaskingKey(key));
            if let Some(length) = form.and_then(|form| PayloadLength::in_form(len, form)) {
                header.payload_length = length;
            }
            Plan { header, payload }
        },
    )
}

/// Text, cut text, compressed text, or anything, of lengths around where the header changes its form.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "\\PC{0,20}".prop_map(String::into_bytes),
        2 => "\\PC{1,9}".prop_map(|text| text.as_bytes()[..text.len() - 1].to_vec()),
        3 => "[abc]{0,200}".prop_map(|text| {
            let mut out = Vec::new();
            Compressor::new(DeflateParams::DEFAULT, Role::Client, 6).compress(text.as_bytes(), &mut out);
            out
        }),
        2 => prop::collection::vec(any::<u8>(), 0..140),
        1 => (120..130usize).prop_map(|len| vec![b'x'; len]),
    ]
}

/// Everything the two ends can agree on.
pub(crate) fn agreement() -> impl Strategy<Value = Option<DeflateParams>> {
    prop::option::of((any::<bool>(), any::<bool>(), 8..=15u8, 8..=15u8).prop_map(
        |(server, client, server_bits, client_bits)| DeflateParams {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: WindowBits::new(server_bits).expect("8 to 15"),
            client_max_window_bits: WindowBits::new(client_bits).expect("8 to 15"),
        },
    ))
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}
