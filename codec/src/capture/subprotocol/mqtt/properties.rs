//! The properties of MQTT 5.0, in one table (MQTT 5.0, 2.2.2.2).

use super::reader::Reader;
use crate::capture::subprotocol::decoded::{Decoded, content};

#[derive(Clone, Copy)]
enum Kind {
    Byte,
    Two,
    Four,
    Variable,
    Text,
    Data,
    Pair,
}

#[rustfmt::skip] // a table
const ALL: [(u32, &str, Kind, &str); 27] = [
    (0x01, "payload format indicator", Kind::Byte, "0: bytes of any kind; 1: UTF-8."),
    (0x02, "message expiry interval", Kind::Four, "Seconds."),
    (0x03, "content type", Kind::Text, "What the payload is; MQTT does not look."),
    (0x08, "response topic", Kind::Text, "Where an answer is awaited."),
    (0x09, "correlation data", Kind::Data, "Ties an answer to its question."),
    (0x0B, "subscription identifier", Kind::Variable, "Which subscription this is for."),
    (0x11, "session expiry interval", Kind::Four, "Seconds that the session outlives the connection; 4294967295 for ever."),
    (0x12, "assigned client identifier", Kind::Text, "The server chose it, as the client named none."),
    (0x13, "server keep alive", Kind::Two, "Seconds; it overrules the client's."),
    (0x15, "authentication method", Kind::Text, ""),
    (0x16, "authentication data", Kind::Data, ""),
    (0x17, "request problem information", Kind::Byte, "Whether reasons in words are wanted."),
    (0x18, "will delay interval", Kind::Four, "Seconds to wait before the will is sent."),
    (0x19, "request response information", Kind::Byte, ""),
    (0x1A, "response information", Kind::Text, ""),
    (0x1C, "server reference", Kind::Text, "Another server to use."),
    (0x1F, "reason string", Kind::Text, "For people."),
    (0x21, "receive maximum", Kind::Two, "Messages of QoS 1 and 2 that may be under way at once."),
    (0x22, "topic alias maximum", Kind::Two, "The most aliases that this end keeps."),
    (0x23, "topic alias", Kind::Two, "A number that stands for the topic from here on."),
    (0x24, "maximum QoS", Kind::Byte, "The most that the server takes."),
    (0x25, "retain available", Kind::Byte, "Whether the server keeps retained messages."),
    (0x26, "user property", Kind::Pair, "The application's own."),
    (0x27, "maximum packet size", Kind::Four, "The largest packet that this end takes."),
    (0x28, "wildcard subscription available", Kind::Byte, ""),
    (0x29, "subscription identifiers available", Kind::Byte, ""),
    (0x2A, "shared subscription available", Kind::Byte, ""),
];

/// The properties in front of `reader`, with their length; `None` where they are cut off.
pub(super) fn read(reader: &mut Reader<'_>, decoded: &mut Decoded) -> Option<()> {
    let len = usize::try_from(reader.variable()?).ok()?;
    let mut inside = Reader::new(reader.take(len)?);
    while inside.left() > 0 {
        let id = inside.variable()?;
        let Some((_, name, kind, says)) = ALL.iter().find(|(known, ..)| *known == id) else {
            decoded.problem(format!("0x{id:02X} is no property."));
            return Some(());
        };
        let value = match kind {
            Kind::Byte => inside.byte()?.to_string(),
            Kind::Two => inside.two()?.to_string(),
            Kind::Four => inside.four()?.to_string(),
            Kind::Variable => inside.variable()?.to_string(),
            Kind::Text => inside.text()?,
            Kind::Data => content(inside.data()?),
            Kind::Pair => format!("{} = {}", inside.text()?, inside.text()?),
        };
        decoded.part(name, &value, says, "MQTT 5.0, 2.2.2.2");
    }
    Some(())
}
