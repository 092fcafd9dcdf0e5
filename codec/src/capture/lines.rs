//! A capture as JSON lines: one object per record, in the order of the capture.
//!
//! A frame is an object with exactly these members: `stream` (number), `src`, `dst` (`"ip:port"`), `dir` (`"c2s"` or
//! `"s2c"`), `time` (seconds since 1970 with nanoseconds, as text), `fin` (0 or 1), `rsv` (0 to 7, RSV1 counting 4),
//! `opcode`, `mask` (0 or 1), `payload_length`, `masking_key` (hex or null), `payload` (hex, unmasked, still
//! compressed, as far as it was captured), `violations` (`{"rule","section","close_code"}` each), and `message` on a
//! control frame and on a frame that completes a message: `{"kind","length","hex"}`, inflated; of a Close with
//! `close_code` and `reason` too. Where a message is not all there, as bytes are missing or could not be inflated, it
//! has `"whole":false`; its kind is null where its first frame was not captured.
//!
//! Everything else has an `event`: `handshake`, `gap`, `joined-late`, `end`, `note`, `finding` behind the line at which
//! something is certain of a connection that no frame shows alone, and `fault` where the file itself
//! cannot be read.
//!
//! ```
//! use framescope_codec::capture::{Decoder, Direction, Record, lines, pcapng, tap::Flow};
//!
//! let mut capture = Vec::new();
//! pcapng::write_start(&mut capture);
//! let mut flow = Flow::in_process(1);
//! flow.join_late(1_000, None, &mut capture);
//! flow.boundary(Direction::ServerToClient);
//! flow.bytes(Direction::ServerToClient, 2_000_000_001, b"\x81\x02Hi", &mut capture);
//!
//! let (mut decoder, mut out) = (Decoder::new(), Vec::new());
//! decoder.feed(&capture);
//! while let Some(record) = decoder.next_record() {
//!     out.clear();
//!     lines::record(&record, &mut out);
//! }
//! let line = String::from_utf8(out).unwrap();
//! assert!(line.contains(r#""time":"2.000000001","fin":1,"rsv":0,"opcode":1,"mask":0,"payload_length":2"#));
//! assert!(line.ends_with("\"message\":{\"kind\":\"text\",\"length\":2,\"hex\":\"4869\"}}\n"));
//! ```

mod object;

use std::fmt::Display;
use std::net::SocketAddr;

use object::Object;

use super::insight::Findings;
use super::pcapng::Fault;
use super::{Direction, End, Event, Record, What};
use crate::deflate::params::DeflateParams;
use crate::dissect::Dissection;
use crate::handshake::{JudgedRequest, JudgedResponse};
use crate::message::MessageKind;
use crate::opcode::Opcode;

/// Where and when something happened: the members that all lines begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of the TCP connection, from 0.
    pub stream: u32,
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// Which way.
    pub direction: Direction,
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
}

impl Place {
    /// That of an event.
    #[must_use]
    pub const fn of(event: &Event) -> Self {
        let Event { stream, direction, src, dst, time_ns, .. } = event;
        Self { stream: *stream, src: *src, dst: *dst, direction: *direction, time_ns: *time_ns }
    }
}

/// Appends the line of a record.
pub fn record(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Event(happened) => event(happened, out),
        Record::Fault(found) => fault(found, out),
    }
}

/// Appends the line of an event.
pub fn event(event: &Event, out: &mut Vec<u8>) {
    let place = &Place::of(event);
    match &event.what {
        What::Request(judged) => request(place, judged, out),
        What::Response(judged) => response(place, judged, out),
        What::Frame(captured) => frame(place, &captured.dissection, out),
        What::JoinedLate { deflate } => joined_late(place, *deflate, out),
        What::Gap { missing, inside_payload } => gap(place, *missing, *inside_payload, out),
        What::End(how) => end(place, *how, out),
        What::Note(what) => note(place, what, out),
    }
}

/// Appends the lines of what is certain at a record, in the record's place.
pub fn findings(place: &Place, findings: Findings, out: &mut Vec<u8>) {
    for finding in findings.iter() {
        let mut object = Object::event("finding", place, out);
        object.text("finding", finding.name());
        object.text("section", finding.section());
        object.text("severity", finding.severity().name());
        object.text("says", finding.says());
        object.end_line();
    }
}

/// Appends the line of a frame.
pub fn frame(place: &Place, frame: &Dissection, out: &mut Vec<u8>) {
    let header = &frame.header;
    let mut object = Object::at(place, out);
    object.number("fin", u8::from(header.fin));
    object.number("rsv", header.rsv.bits());
    object.number("opcode", header.opcode.bits());
    object.number("mask", u8::from(header.masking_key.is_some()));
    object.number("payload_length", header.payload_length.get());
    match header.masking_key {
        Some(key) => object.hex("masking_key", &key.0),
        None => object.raw("masking_key", "null"),
    }
    object.hex("payload", &frame.payload);
    let broken = frame.violations.iter().map(|found| found.violation);
    object.violations(broken.map(|rule| (rule.name(), rule.section(), Some(rule.close_code().get()))));
    if let Some(kind) = control_kind(header.opcode) {
        let payload = frame.payload.as_slice();
        let mut message = object.object("message");
        message.text("kind", kind);
        message.number("length", payload.len());
        message.hex("hex", payload);
        if let Some(close) = &frame.close {
            message.optional("close_code", close.code);
            message.text_lossy("reason", &close.reason);
        } else if header.opcode == Opcode::Close {
            message.raw("close_code", "null");
            message.text("reason", "");
        }
        if frame.payload_missing > 0 {
            message.raw("whole", "false");
        }
        message.end();
    } else if let Some(whole) = &frame.message {
        let mut message = object.object("message");
        match whole.kind {
            Some(MessageKind::Text) => message.text("kind", "text"),
            Some(MessageKind::Binary) => message.text("kind", "binary"),
            None => message.raw("kind", "null"),
        }
        message.number("length", whole.payload.len());
        message.hex("hex", &whole.payload);
        if !whole.payload_is_whole {
            message.raw("whole", "false");
        }
        message.end();
    }
    object.end_line();
}

const fn control_kind(opcode: Opcode) -> Option<&'static str> {
    match opcode {
        Opcode::Close => Some("close"),
        Opcode::Ping => Some("ping"),
        Opcode::Pong => Some("pong"),
        _ => None,
    }
}

/// Appends the line of a request.
pub fn request(place: &Place, judged: &JudgedRequest, out: &mut Vec<u8>) {
    let mut object = Object::event("handshake", place, out);
    object.text("half", "request");
    let [method, target, _] = judged.start_line();
    object.text_lossy("method", judged.head().at(&method));
    object.text_lossy("target", judged.head().at(&target));
    object.head(judged.head());
    object.texts("subprotocols", judged.subprotocols());
    object.findings(judged.findings());
    object.end_line();
}

/// Appends the line of an answer.
pub fn response(place: &Place, judged: &JudgedResponse, out: &mut Vec<u8>) {
    let mut object = Object::event("handshake", place, out);
    object.text("half", "response");
    object.optional("status", judged.status());
    object.head(judged.head());
    match judged.subprotocol() {
        Some(name) => object.text("subprotocol", name),
        None => object.raw("subprotocol", "null"),
    }
    object.deflate(judged.deflate());
    object.findings(judged.findings());
    object.end_line();
}

/// Appends the line of a connection that was open when the capture began.
pub fn joined_late(place: &Place, deflate: Option<DeflateParams>, out: &mut Vec<u8>) {
    let mut object = Object::event("joined-late", place, out);
    object.deflate(deflate);
    object.end_line();
}

/// Appends the line of bytes that were not captured.
pub fn gap(place: &Place, missing: u64, inside_payload: bool, out: &mut Vec<u8>) {
    let mut object = Object::event("gap", place, out);
    object.number("missing", missing);
    object.raw("inside_payload", if inside_payload { "true" } else { "false" });
    object.end_line();
}

/// Appends the line of a direction's end.
pub fn end(place: &Place, how: End, out: &mut Vec<u8>) {
    let mut object = Object::event("end", place, out);
    object.text(
        "how",
        match how {
            End::Finished => "fin",
            End::Reset => "reset",
        },
    );
    object.end_line();
}

/// Appends the line of something to know.
pub fn note(place: &Place, says: &dyn Display, out: &mut Vec<u8>) {
    let mut object = Object::event("note", place, out);
    object.text("says", &says.to_string());
    object.end_line();
}

/// Appends the line of a place that cannot be read.
pub fn fault(fault: &Fault, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.text("event", "fault");
    object.number("offset", fault.offset);
    object.text("says", &fault.kind.to_string());
    object.end_line();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::capture::pcapng::{self, FaultKind};
    use crate::capture::{Decoder, tap::Flow};

    /// The lines of what a tap saw, as values: each has to be JSON, and on a line of its own.
    fn lines(see: impl FnOnce(&mut Flow, &mut Vec<u8>)) -> Vec<Value> {
        let mut capture = Vec::new();
        pcapng::write_start(&mut capture);
        let mut flow = Flow::in_process(1);
        see(&mut flow, &mut capture);
        let mut decoder = Decoder::new();
        decoder.feed(&capture);
        decoder.finish();
        let mut out = Vec::new();
        while let Some(found) = decoder.next_record() {
            record(&found, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn frames(bytes: &[u8]) -> Vec<Value> {
        let mut lines = lines(|flow, out| {
            flow.join_late(1, None, out);
            flow.boundary(Direction::ClientToServer);
            flow.bytes(Direction::ClientToServer, 2, bytes, out);
        });
        assert_eq!((&lines[0]["event"], &lines[0]["deflate"]), (&json!("joined-late"), &Value::Null));
        lines.retain(|line| line.get("event").is_none());
        lines
    }

    #[test]
    fn a_message_is_on_the_frame_that_completes_it() {
        let frames = frames(b"\x01\x82\0\0\0\0He\x80\x83\0\0\0\0llo\x82\x82\x01\x02\x03\x04\xFE\xFD");
        assert_eq!(frames[0].get("message"), None);
        assert_eq!(frames[1]["message"], json!({"kind": "text", "length": 5, "hex": "48656c6c6f"}));
        assert_eq!((&frames[2]["payload"], &frames[2]["masking_key"]), (&json!("ffff"), &json!("01020304")));
        assert_eq!(frames[2]["message"], json!({"kind": "binary", "length": 2, "hex": "ffff"}));
        assert_eq!(
            (&frames[0]["fin"], &frames[0]["mask"], &frames[0]["time"]),
            (&json!(0), &json!(1), &json!("0.000000002"))
        );
    }

    #[test]
    fn a_close_has_its_code_and_reason() {
        let message = |bytes: &[u8]| frames(bytes)[0]["message"].clone();
        let close = json!({"kind": "close", "length": 4, "hex": "03e86f6b", "close_code": 1000, "reason": "ok"});
        assert_eq!(message(b"\x88\x84\0\0\0\0\x03\xE8ok"), close);
        let close = json!({"kind": "close", "length": 0, "hex": "", "close_code": null, "reason": ""});
        assert_eq!(message(b"\x88\x80\0\0\0\0"), close);
        assert_eq!(message(b"\x89\x81\0\0\0\0a"), json!({"kind": "ping", "length": 1, "hex": "61"}));
    }

    #[test]
    fn broken_rules_are_listed() {
        let frames = frames(b"\xB1\x00");
        let rules: Vec<_> =
            frames[0]["violations"].as_array().unwrap().iter().map(|found| found["rule"].clone()).collect();
        assert_eq!(rules, ["rsv2-without-extension", "rsv3-without-extension", "unmasked-from-client"]);
        assert_eq!(
            frames[0]["violations"][2],
            json!({"rule": "unmasked-from-client", "section": "RFC 6455, 5.1", "close_code": 1002})
        );
    }

    #[test]
    fn what_is_no_frame_is_an_event() {
        let lines = lines(|flow, out| {
            flow.bytes(
                Direction::ClientToServer,
                1,
                b"GET /\"x\" HTTP/1.1\r\nUpgrade: websocket\r\nA: \xFF\r\n\r\n",
                out,
            );
            flow.bytes(Direction::ServerToClient, 2, b"HTTP/1.1 403 No\r\n\r\n", out);
        });
        assert_eq!(
            (&lines[0]["event"], &lines[0]["half"], &lines[0]["target"]),
            (&json!("handshake"), &json!("request"), &json!("/\"x\""))
        );
        assert_eq!(lines[0]["headers"], json!([["Upgrade", "websocket"], ["A", "\u{FFFD}"]]));
        assert!(
            lines[0]["violations"].as_array().unwrap().iter().any(|found| found["rule"] == "missing-host"),
            "{}",
            lines[0]
        );
        assert_eq!((&lines[1]["half"], &lines[1]["status"]), (&json!("response"), &json!(403)));
        let mut out = Vec::new();
        fault(&Fault { offset: 7, kind: FaultKind::CutOff }, &mut out);
        assert_eq!(out, b"{\"event\":\"fault\",\"offset\":7,\"says\":\"the capture ends within a block\"}\n");
    }

    #[test]
    fn what_is_not_all_there_says_so() {
        let lines = lines(|flow, out| {
            flow.join_late(1, None, out);
            flow.boundary(Direction::ServerToClient);
            flow.bytes(Direction::ServerToClient, 2, b"\x82\x04ab", out);
            flow.gap(Direction::ServerToClient, 2);
            flow.bytes(Direction::ServerToClient, 3, b"\x81\x00", out);
        });
        let gap = lines.iter().find(|line| line["event"] == "gap").unwrap();
        assert_eq!((&gap["missing"], &gap["inside_payload"]), (&json!(2), &json!(true)));
        let cut = lines.iter().find(|line| line["opcode"] == 2).unwrap();
        assert_eq!(
            (&cut["payload"], &cut["payload_length"], &cut["message"]["whole"]),
            (&json!("6162"), &json!(4), &json!(false))
        );
    }
}
