//! Phoenix channels: an object in version 1, an array in version 2, and binary pushes, replies and broadcasts.

use super::decoded::{Decoded, bytes, content};
use super::json::Json;
use super::{Said, said_text};
use crate::MessageKind;
use crate::capture::Direction;

/// The path and query of a socket that says its version.
pub(super) fn by_target(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path.ends_with("/websocket") && query.split('&').any(|pair| pair.starts_with("vsn="))
}

/// A join or a heartbeat: with these a client begins.
pub(super) fn opens(said: &Said<'_>) -> bool {
    let Some(message) = said.text.and_then(Json::read).and_then(Message::read) else { return false };
    match message.event.as_str() {
        "phx_join" | "phx_reply" | "phx_close" | "phx_error" | "phx_leave" => true,
        "heartbeat" => message.topic == "phoenix",
        _ => false,
    }
}

struct Message<'a> {
    join_ref: Option<Json<'a>>,
    reference: Option<Json<'a>>,
    topic: String,
    event: String,
    payload: Json<'a>,
    section: &'static str,
}

const V1: &str = "Phoenix.Socket.V1.JSONSerializer";
const V2: &str = "Phoenix.Socket.V2.JSONSerializer";

impl<'a> Message<'a> {
    fn read(json: Json<'a>) -> Option<Self> {
        let given = |value: Json<'a>| if value.is_null() { None } else { Some(value) };
        if json.is_array() {
            let mut items = json.items();
            let (join_ref, reference, topic, event, payload) =
                (items.next()?, items.next()?, items.next()?, items.next()?, items.next()?);
            if items.next().is_some() {
                return None;
            }
            let (join_ref, reference) = (given(join_ref), given(reference));
            return Some(Self {
                join_ref,
                reference,
                topic: topic.string()?,
                event: event.string()?,
                payload,
                section: V2,
            });
        }
        Some(Self {
            join_ref: json.member("join_ref").and_then(given),
            reference: json.member("ref").and_then(given),
            topic: json.said("topic")?,
            event: json.said("event")?,
            payload: json.member("payload")?,
            section: V1,
        })
    }
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    if said.kind == MessageKind::Binary {
        return decode_binary(said);
    }
    let text = match said_text(said, NAME) {
        Ok(text) => text,
        Err(wrong) => return wrong,
    };
    let Some(json) = Json::read(text) else { return Decoded::wrong(NAME, "This is not JSON.") };
    let Some(message) = Message::read(json) else {
        return Decoded::wrong(
            NAME,
            if json.is_array() {
                "Version 2 is an array of five: join_ref, ref, topic, event, payload."
            } else {
                "Version 1 is an object with topic, event, payload and ref."
            },
        );
    };
    let Message { join_ref, reference, topic, event, payload, section } = message;
    let mut decoded = Decoded::new(NAME, event.as_str());
    decoded.summary = format!("{event} {topic}");
    if let Some(join_ref) = join_ref {
        decoded.part("join_ref", join_ref.text(), JOIN_REF, section);
    }
    if let Some(reference) = reference {
        decoded.part("ref", reference.text(), REF, section);
    }
    decoded.part("topic", &topic, topic_says(&topic), section);
    decoded.part("event", &event, event_says(&event), section);
    decoded.part("payload", payload.text(), "", section);
    if event == "phx_reply" {
        match payload.said("status") {
            Some(status) => decoded.summary.push_str(&format!(" {status}")),
            None => decoded.problem("The payload of phx_reply has a status."),
        }
        if said.direction == Direction::ClientToServer {
            decoded.problem("Only a server sends phx_reply.");
        }
    }
    if matches!(event.as_str(), "phx_join" | "phx_leave" | "heartbeat") && said.direction == Direction::ServerToClient {
        decoded.problem(format!("Only a client sends {event}."));
    }
    if event == "phx_join" && join_ref.is_none() && section == V2 {
        decoded.problem("phx_join has a join_ref: what follows in the channel names it.");
    }
    decoded
}

/// One byte for the kind, one for each length, then the texts, then the data.
fn decode_binary(said: &Said<'_>) -> Decoded {
    let from_client = said.direction == Direction::ClientToServer;
    let (name, labels): (_, &[&str]) = match said.payload.first() {
        Some(0) if from_client => ("push", &["join_ref", "ref", "topic", "event"]),
        Some(0) => ("push", &["join_ref", "topic", "event"]),
        Some(1) if !from_client => ("reply", &["join_ref", "ref", "topic", "status"]),
        Some(2) if !from_client => ("broadcast", &["topic", "event"]),
        Some(1 | 2) => return Decoded::wrong(NAME, "Only a server replies and broadcasts; a client pushes (0)."),
        Some(kind) => {
            return Decoded::wrong(NAME, format!("{kind} is no kind of binary message: 0 push, 1 reply, 2 broadcast."));
        }
        None => return Decoded::wrong(NAME, "An empty message."),
    };
    let mut decoded = Decoded::new(NAME, name);
    decoded.part("kind", name, "Payload that is bytes, with its fields in front.", V2);
    let lengths = said.payload.get(1..=labels.len());
    let Some(lengths) = lengths else {
        decoded.problem("Cut off within the lengths.");
        return decoded;
    };
    let mut rest = said.payload.get(1 + labels.len()..).unwrap_or_default();
    let mut named = Vec::new();
    for (label, length) in labels.iter().zip(lengths) {
        let Some((field, behind)) = rest.split_at_checked(usize::from(*length)) else {
            decoded.problem(format!("Cut off: {label} should have {}.", bytes(usize::from(*length))));
            break;
        };
        rest = behind;
        let value = String::from_utf8_lossy(field).into_owned();
        let says = match *label {
            "join_ref" => JOIN_REF,
            "ref" => REF,
            "topic" => topic_says(&value),
            "event" => event_says(&value),
            _ => "How it went: ok or error.",
        };
        decoded.part(label, &value, says, V2);
        if matches!(*label, "topic" | "event" | "status") {
            named.push(value);
        }
    }
    decoded.summary = format!("{name} {}, {}", named.join(" "), bytes(rest.len()));
    decoded.part("payload", &content(rest), &bytes(rest.len()), V2);
    decoded
}

fn topic_says(topic: &str) -> &'static str {
    if topic == "phoenix" { "The connection itself." } else { "The channel." }
}

fn event_says(event: &str) -> &'static str {
    match event {
        "phx_join" => "Asks to join the channel.",
        "phx_leave" => "Leaves the channel.",
        "phx_reply" => "Answers the message with the same ref.",
        "phx_error" => "The channel crashed on the server.",
        "phx_close" => "The channel was closed.",
        "heartbeat" => "A sign of life, by default every 30 seconds; without it the server closes the connection.",
        "presence_state" => "Who is there.",
        "presence_diff" => "Who came and who left.",
        _ => "The application's own.",
    }
}

const NAME: &str = "phoenix";
const JOIN_REF: &str = "The ref of the phx_join that this belongs to.";
const REF: &str = "Ties a reply to its message.";

#[cfg(test)]
mod tests {
    use super::super::tests::{binary, check, client, server};

    #[test]
    fn both_versions_of_text() {
        let check = |said, name, summary, problem| check(&said, "phoenix", name, summary, problem);
        check(client(r#"["1","1","room:lobby","phx_join",{}]"#), "phx_join", "phx_join room:lobby", "");
        check(server(r#"["1","1","room:lobby","phx_reply",{"response":{},"status":"ok"}]"#), "phx_reply", "ok", "");
        check(client(r#"[null,"2","phoenix","heartbeat",{}]"#), "heartbeat", "heartbeat phoenix", "");
        check(client(r#"{"topic":"a","event":"phx_join","payload":{},"ref":"1"}"#), "phx_join", "phx_join a", "");
        let v2 = |said: super::super::tests::Spoken| said.at("/socket/websocket?vsn=2.0.0");
        check(v2(client(r#"["1","3","room:lobby","new_msg",{"body":"x"}]"#)), "new_msg", "", "");
        check(v2(client(r#"[1,2,3]"#)), "malformed", "", "array of five");
        check(v2(client(r#"{"a":1}"#)), "malformed", "", "an object with topic");
        check(v2(client("x")), "malformed", "", "not JSON");
        check(v2(server(r#"["1","1","a","phx_reply",{}]"#)), "phx_reply", "", "has a status");
        check(v2(server(r#"["1","1","a","phx_join",{}]"#)), "phx_join", "", "Only a client");
        check(v2(client(r#"[null,"1","a","phx_join",{}]"#)), "phx_join", "", "has a join_ref");
    }

    #[test]
    fn binary_as_the_serializer_of_the_client_writes_and_reads_it() {
        let check = |said: super::super::tests::Spoken, name, summary, problem| {
            check(&said.at("/socket/websocket?vsn=2.0.0"), "phoenix", name, summary, problem);
        };
        check(binary(true, b"\x00\x01\x01\x01\x0112te\x01\x65\x66"), "push", "push t e, 3 bytes", "");
        check(binary(false, b"\x00\x03\x03\x0a123topsome-event\x01\x01"), "push", "push top some-event, 2 bytes", "");
        check(binary(false, b"\x01\x03\x02\x03\x02100\x31\x32topok\x01\x01"), "reply", "reply top ok, 2 bytes", "");
        check(
            binary(false, b"\x02\x03\x0atopsome-event\x01\x01"),
            "broadcast",
            "broadcast top some-event, 2 bytes",
            "",
        );
        check(binary(false, b"\x02\x03"), "broadcast", "", "Cut off within the lengths");
        check(binary(false, b"\x02\x03\x0ato"), "broadcast", "", "topic should have 3 bytes");
        check(binary(true, b"\x02\x00\x00"), "malformed", "", "Only a server");
        check(binary(true, b"\x09"), "malformed", "", "no kind");
        check(binary(true, b""), "malformed", "", "empty");
    }
}
