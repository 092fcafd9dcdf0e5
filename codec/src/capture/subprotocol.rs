//! What the messages of a connection mean in the terms of their subprotocol: small decoders in one table.
//!
//! A decoder is chosen by the subprotocol that was agreed on, by the path, or by what a connection begins with, if
//! nothing else begins so; where none of that helps, single messages are told by their shape, if it is beyond doubt.
//! JSON that might be anything is left alone. What is malformed comes out with a `problem`, and nothing panics.
//!
//! ```
//! use framescope_codec::MessageKind;
//! use framescope_codec::capture::Direction;
//! use framescope_codec::capture::subprotocol::{Message, Speech};
//!
//! let speech = Speech::new(None, "/socket.io/?EIO=4&transport=websocket");
//! let payload = br#"42/chat,7["said",{"text":"Hi"}]"#;
//! let message = Message { direction: Direction::ClientToServer, kind: MessageKind::Text, payload };
//! let decoded = speech.decode(&message, 0).unwrap();
//! assert_eq!((decoded.protocol, decoded.name.as_str()), ("socket.io", "event"));
//! assert_eq!(decoded.summary, "event /chat #7 said");
//! ```

mod decoded;
mod graphql;
mod json;
mod json_rpc;
mod mqtt;
mod msgpack;
mod phoenix;
mod signalr;
mod socket_io;
mod stomp;

use std::collections::VecDeque;

pub use decoded::{Decoded, Part};

use super::Direction;
use crate::message::MessageKind;
use mqtt::Carry;

/// A message, whole and inflated.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which way.
    pub direction: Direction,
    /// Text or binary.
    pub kind: MessageKind,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// What a decoder gets to see.
struct Said<'a> {
    direction: Direction,
    kind: MessageKind,
    payload: &'a [u8],
    /// The payload of a text message, if it is UTF-8.
    text: Option<&'a str>,
    /// Of the protocol, where it has several: 3 or 4 of Engine.IO, 4 or 5 of MQTT, 10 to 12 of STOMP; 0 for unknown.
    version: u8,
    /// What an earlier message left unfinished.
    before: Option<&'a Carry>,
}

struct Decoder {
    name: &'static str,
    subprotocols: &'static [&'static str],
    /// Whether the path and query of a request are of this protocol.
    by_target: fn(&str) -> bool,
    /// Whether a connection that says this speaks it from here on.
    opens: fn(&Said<'_>) -> bool,
    /// Whether this single message is surely of it.
    fits: fn(&Said<'_>) -> bool,
    decode: fn(&Said<'_>) -> Decoded,
}

const NEVER: fn(&Said<'_>) -> bool = |_| false;
const NOWHERE: fn(&str) -> bool = |_| false;

static TABLE: [Decoder; 8] = [
    Decoder {
        name: "socket.io",
        subprotocols: &[],
        by_target: socket_io::by_target,
        opens: socket_io::opens,
        fits: NEVER,
        decode: socket_io::decode,
    },
    Decoder {
        name: "graphql-transport-ws",
        subprotocols: &["graphql-transport-ws"],
        by_target: NOWHERE,
        opens: NEVER,
        fits: graphql::transport_fits,
        decode: graphql::decode_transport,
    },
    Decoder {
        name: "graphql-ws",
        subprotocols: &["graphql-ws"],
        by_target: NOWHERE,
        opens: NEVER,
        fits: graphql::legacy_fits,
        decode: graphql::decode_legacy,
    },
    Decoder {
        name: "mqtt",
        subprotocols: &["mqtt", "mqttv3.1", "mqttv3.1.1", "mqttv5", "mqttv5.0"],
        by_target: NOWHERE,
        opens: mqtt::opens,
        fits: NEVER,
        decode: mqtt::decode,
    },
    Decoder {
        name: "stomp",
        subprotocols: &["v10.stomp", "v11.stomp", "v12.stomp", "stomp"],
        by_target: NOWHERE,
        opens: stomp::opens,
        fits: NEVER,
        decode: stomp::decode,
    },
    Decoder {
        name: "json-rpc",
        subprotocols: &["jsonrpc", "json-rpc", "jsonrpc2.0", "jsonrpc-2.0"],
        by_target: NOWHERE,
        opens: NEVER,
        fits: json_rpc::fits,
        decode: json_rpc::decode,
    },
    Decoder {
        name: "signalr",
        subprotocols: &[],
        by_target: NOWHERE,
        opens: signalr::opens,
        fits: NEVER,
        decode: signalr::decode,
    },
    Decoder {
        name: "phoenix",
        subprotocols: &["phoenix"],
        by_target: phoenix::by_target,
        opens: phoenix::opens,
        fits: NEVER,
        decode: phoenix::decode,
    },
];

/// What is spoken on one connection.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    /// The place of the decoder in the table.
    chosen: Option<usize>,
    version: u8,
    /// Messages heard while nothing was chosen.
    heard: u8,
    /// By direction, a packet of MQTT that goes on in the next message.
    carried: [Option<Carry>; 2],
    /// Rows of messages that began within a packet.
    behind: VecDeque<(u64, Carry)>,
}

impl Speech {
    /// For a connection that agreed on this subprotocol, or none, and asked for this path and query.
    #[must_use]
    pub fn new(subprotocol: Option<&str>, target: &str) -> Self {
        let by_name = subprotocol.and_then(|name| {
            TABLE.iter().position(|decoder| decoder.subprotocols.iter().any(|known| known.eq_ignore_ascii_case(name)))
        });
        // Another subprotocol than those known here says that it is something else, whatever the path.
        let by_target = || TABLE.iter().position(|decoder| (decoder.by_target)(target));
        let chosen = if subprotocol.is_some() { by_name } else { by_target() };
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let version = subprotocol.and_then(stomp::version_of).or_else(|| socket_io::version_of(query)).unwrap_or(0);
        Self { chosen, version, ..Self::default() }
    }

    /// What is spoken, as far as it is known.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        Some(TABLE.get(self.chosen?)?.name)
    }

    /// Hears a whole message, in order, and remembers what later ones need; `row` is its place with whoever counts.
    pub fn hear(&mut self, message: &Message<'_>, row: u64) {
        if self.chosen.is_none() && self.heard < HEARD_MAX {
            self.heard += 1;
            let said = self.said(message, None);
            self.chosen = TABLE.iter().position(|decoder| (decoder.opens)(&said));
        }
        if self.chosen != Some(MQTT) || message.kind != MessageKind::Binary {
            return;
        }
        let before = self.carried.get_mut(message.direction.index()).and_then(Option::take);
        // Clients write a CONNECT in as many messages as it has fields.
        let front = before.as_ref().map(|carry| carry.front(message.payload));
        if let Some(level) = mqtt::connect_level(front.as_deref().unwrap_or(message.payload)) {
            self.version = level;
        }
        let carried = Carry::on(before.as_ref(), message.payload);
        if let Some(carry) = before {
            if self.behind.len() == BEHIND_MAX {
                self.behind.pop_front();
            }
            self.behind.push_back((row, carry));
        }
        if let Some(place) = self.carried.get_mut(message.direction.index()) {
            *place = carried;
        }
    }

    /// Says what a message is, if it is known. Messages are asked about in any order, once they were heard.
    #[must_use]
    pub fn decode(&self, message: &Message<'_>, row: u64) -> Option<Decoded> {
        if message.payload.len() > PAYLOAD_MAX {
            return None;
        }
        let before = self.behind.binary_search_by_key(&row, |(row, _)| *row).ok();
        let before = before.and_then(|place| self.behind.get(place)).map(|(_, carry)| carry);
        let said = self.said(message, before);
        let decoder = match self.chosen {
            Some(chosen) => TABLE.get(chosen)?,
            None => TABLE.iter().find(|decoder| (decoder.fits)(&said) || (decoder.opens)(&said))?,
        };
        Some((decoder.decode)(&said))
    }

    /// The same in two words, for a list: `socket.io event`. What is long is not looked into for that.
    #[must_use]
    pub fn label(&self, message: &Message<'_>, row: u64) -> Option<String> {
        if message.payload.len() > LABELLED_MAX {
            return self.name().map(str::to_owned);
        }
        let decoded = self.decode(message, row)?;
        Some(format!("{} {}", decoded.protocol, decoded.name))
    }

    fn said<'a>(&self, message: &Message<'a>, before: Option<&'a Carry>) -> Said<'a> {
        let Message { direction, kind, payload } = *message;
        let text = match kind {
            MessageKind::Text => std::str::from_utf8(payload).ok(),
            MessageKind::Binary => None,
        };
        Said { direction, kind, payload, text, version: self.version, before }
    }
}

/// The text of a message that has to be text.
fn said_text<'a>(said: &Said<'a>, protocol: &'static str) -> Result<&'a str, Decoded> {
    said.text.ok_or_else(|| {
        Decoded::wrong(
            protocol,
            match said.kind {
                MessageKind::Text => "The text is not UTF-8.",
                MessageKind::Binary => "This protocol is text, and the message is binary.",
            },
        )
    })
}

/// The place of MQTT in the table.
const MQTT: usize = 3;
/// Messages that may show what is spoken.
const HEARD_MAX: u8 = 16;
/// Rows remembered as beginning within a packet.
const BEHIND_MAX: usize = 1024;
/// Longer messages are not decoded.
const PAYLOAD_MAX: usize = 4 << 20;
/// Longer messages get no word of their own in a list.
const LABELLED_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
