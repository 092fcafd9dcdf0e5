//! The two halves of a handshake, some frames, and records on a line each.

use framescope_codec::Inflation;
use framescope_codec::capture::{Event, Record, What};

pub(crate) const REQUEST: &[u8] =
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// `Hello`, masked (RFC 6455, 5.7); compressed (RFC 7692, 7.2.3.1); and compressed again, pointing at the first.
pub(crate) const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
pub(crate) const COMPRESSED_HELLO: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
pub(crate) const COMPRESSED_AGAIN: &[u8] = b"\xc1\x05\xf2\x00\x11\x00\x00";
pub(crate) const MASKED_CLOSE: &[u8] = b"\x88\x82\x01\x02\x03\x04\x02\xea";
pub(crate) const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// A record on one line.
pub(crate) fn line(record: &Record) -> String {
    let event = match record {
        Record::Event(event) => event,
        Record::Fault(fault) => return fault.to_string(),
    };
    format!("{} {} {}", event.stream, event.direction.name(), what(event))
}

/// What an event says.
pub(crate) fn what(event: &Event) -> String {
    match &event.what {
        What::Request(request) => format!("request, {} findings", request.findings().len()),
        What::Response(response) => {
            format!("response {}, {} findings", response.status().unwrap_or_default(), response.findings().len())
        }
        What::JoinedLate { deflate } => format!("joined late, {}", if deflate.is_some() { "deflate" } else { "plain" }),
        What::Frame(frame) => {
            let frame = &frame.dissection;
            let message = frame.message.as_ref().map(|message| match message.inflation {
                Inflation::NotNeeded | Inflation::Done => String::from_utf8_lossy(&message.payload).into_owned(),
                ref other => format!("{other:?}"),
            });
            let missing =
                if frame.payload_missing > 0 { format!(" -{}", frame.payload_missing) } else { String::new() };
            let broken: String = frame.violations.iter().map(|found| format!(" !{}", found.violation.name())).collect();
            let message = message.map(|text| format!(" {text}")).unwrap_or_default();
            format!("{} {}{missing}{message}{broken}", frame.header.opcode.name(), frame.payload.len())
        }
        What::Gap { missing, inside_payload: true } => format!("gap of {missing} inside"),
        What::Gap { missing, inside_payload: false } => format!("gap of {missing}"),
        What::End(end) => format!("{end:?}"),
        What::Note(note) => note.to_string(),
    }
}
