//! MQTT 3.1.1 and 5.0 over WebSocket: packets in binary messages, where a message may hold several, or a part of one
//! (MQTT 5.0, 6.0).

mod packets;
mod properties;
mod reader;

use super::Said;
use super::decoded::{Decoded, bytes, hex};
use crate::MessageKind;
use reader::Reader;

/// A packet that begins in one message and ends in a later one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carry {
    /// The front of it.
    head: Vec<u8>,
    /// How much of it came so far.
    len: usize,
}

impl Carry {
    /// What is carried on to the next message, when this one came behind `self`; `None` at a packet's end.
    pub(super) fn on(before: Option<&Self>, payload: &[u8]) -> Option<Self> {
        let (head, earlier) = before.map_or((&[][..], 0), |carry| (&carry.head[..], carry.len));
        let mut at = 0_usize;
        if earlier > 0 {
            let joined: Vec<u8> = head.iter().chain(payload.iter().take(HEADER_MAX)).copied().collect();
            match packet_len(&joined) {
                Length::Is(len) if earlier + payload.len() < len => return Some(Self::more(head, earlier, payload)),
                Length::Is(len) => at = len.saturating_sub(earlier),
                Length::Unknown => return Some(Self::more(head, earlier, payload)),
                Length::Wrong => return None,
            }
        }
        loop {
            let rest = payload.get(at..)?;
            if rest.is_empty() {
                return None;
            }
            match packet_len(rest) {
                Length::Is(len) if len <= rest.len() => at += len,
                Length::Is(_) | Length::Unknown => return Some(Self::more(&[], 0, rest)),
                Length::Wrong => return None,
            }
        }
    }

    /// The front of the packet with what this message adds to it.
    pub(super) fn front(&self, payload: &[u8]) -> Vec<u8> {
        self.head.iter().chain(payload).take(HEAD_MAX).copied().collect()
    }

    fn more(head: &[u8], earlier: usize, payload: &[u8]) -> Self {
        let head = head.iter().chain(payload).take(HEAD_MAX).copied().collect();
        Self { head, len: earlier.saturating_add(payload.len()) }
    }
}

enum Length {
    Is(usize),
    /// More bytes are needed.
    Unknown,
    /// More than four bytes of length.
    Wrong,
}

/// The length of the packet in front, its header included.
fn packet_len(bytes: &[u8]) -> Length {
    let mut reader = Reader::new(bytes.get(1..).unwrap_or_default());
    let before = reader.left();
    match reader.variable() {
        Some(len) => Length::Is(1 + before - reader.left() + usize::try_from(len).unwrap_or(usize::MAX)),
        None if bytes.len() < HEADER_MAX => Length::Unknown,
        None => Length::Wrong,
    }
}

/// A whole CONNECT by its name; nothing else begins like it.
pub(super) fn opens(said: &Said<'_>) -> bool {
    said.kind == MessageKind::Binary && connect_level(said.payload).is_some()
}

/// The level of the protocol that a CONNECT asks for: 4 is 3.1.1, 5 is 5.0.
pub(super) fn connect_level(payload: &[u8]) -> Option<u8> {
    if payload.first() != Some(&0x10) {
        return None;
    }
    let mut reader = Reader::new(payload.get(1..)?);
    reader.variable()?;
    let name = reader.text()?;
    matches!(name.as_str(), "MQTT" | "MQIsdp").then(|| reader.byte()).flatten()
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    if said.kind == MessageKind::Text {
        return Decoded::wrong(NAME, "MQTT is binary: a text message ends the connection.");
    }
    let mut all = Decoded::new(NAME, "");
    let mut rest = said.payload;
    let mut names: Vec<&str> = Vec::new();
    let mut summaries: Vec<String> = Vec::new();
    let joined;
    if let Some(carry) = said.before {
        if carry.head.len() == carry.len {
            joined = [&carry.head, rest].concat();
            all.part(
                "front",
                &hex(&carry.head),
                "Came in an earlier message: packets and messages need not end together.",
                FRAMING,
            );
            rest = &joined;
        } else {
            // Its front is not kept whole; what ends here is told of, and reading goes on behind it.
            let mut front = carry.head.clone();
            front.extend_from_slice(rest.get(..HEADER_MAX).unwrap_or(rest));
            let Length::Is(len) = packet_len(&front) else {
                return Decoded::wrong(NAME, "The length of the packet has more than four bytes.");
            };
            let here = len.saturating_sub(carry.len).min(rest.len());
            all.part("earlier packet", &bytes(here), "Belongs to a packet that began in an earlier message.", FRAMING);
            names.push("part of a packet");
            summaries.push(format!("{} of an earlier packet", bytes(here)));
            rest = rest.get(here..).unwrap_or_default();
        }
    }
    if rest.is_empty() && names.is_empty() {
        return Decoded::wrong(NAME, "An empty message.");
    }
    while !rest.is_empty() {
        if names.len() == PACKETS_MAX {
            summaries.push("…".into());
            break;
        }
        let len = match packet_len(rest) {
            Length::Is(len) => len,
            Length::Unknown => rest.len() + 1,
            Length::Wrong => {
                all.problem("The length of the packet has more than four bytes.");
                break;
            }
        };
        if len > rest.len() {
            names.push("part of a packet");
            summaries.push(format!("{} of a packet", bytes(rest.len())));
            all.part("part", &hex(rest), "The packet goes on in the next message.", FRAMING);
            break;
        }
        let (packet, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = behind;
        let (name, summary) = packets::decode(packet, said, &mut all);
        names.push(name);
        summaries.push(summary);
    }
    all.name = match &names[..] {
        [one] => (*one).into(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
        [] => "malformed".into(),
    };
    all.summary = summaries.join("; ");
    all
}

const NAME: &str = "mqtt";
const FRAMING: &str = "MQTT 5.0, 6";
/// A type and a length.
const HEADER_MAX: usize = 5;
/// Kept of a packet that goes on in a later message.
const HEAD_MAX: usize = 1024;
/// Told of one message.
const PACKETS_MAX: usize = 32;

#[cfg(test)]
mod tests;
