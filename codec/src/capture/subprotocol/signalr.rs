//! The SignalR hub protocol of ASP.NET Core: JSON with a record separator behind each message, or MessagePack with a
//! length in front of each.

use super::decoded::Decoded;
use super::json::Json;
use super::msgpack::{self, Value};
use super::{Said, said_text};
use crate::MessageKind;
use crate::capture::Direction;

/// The names of the types of message, from 1.
const TYPES: [(&str, &str); 9] = [
    ("invocation", "Calls a method of the other end. Without an invocationId nothing is answered."),
    ("stream item", "One item of a stream."),
    ("completion", "The call is done: with a result, an error, or nothing."),
    ("stream invocation", "Calls a method that answers with a stream."),
    ("cancel invocation", "No more items of that stream, please."),
    ("ping", "Keeps the connection open; every 15 seconds by default."),
    ("close", "The connection ends after this."),
    ("ack", "So many messages were received, and need not be kept for a reconnect."),
    ("sequence", "After a reconnect: the number of the next message."),
];

/// What a client begins with.
pub(super) fn opens(said: &Said<'_>) -> bool {
    let Some(record) = said.text.and_then(|text| text.split_once(SEPARATOR)).map(|(record, _)| record) else {
        return false;
    };
    let Some(json) = Json::read(record) else { return false };
    json.said("protocol").is_some() && json.member("version").is_some_and(Json::is_number)
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    if said.kind == MessageKind::Binary {
        return decode_binary(said);
    }
    let text = match said_text(said, NAME) {
        Ok(text) => text,
        Err(wrong) => return wrong,
    };
    let mut records = text.split(SEPARATOR);
    let behind = records.next_back().unwrap_or_default();
    let mut all = Collected::default();
    for record in records {
        all.add(one(record, said.direction));
    }
    let mut decoded = all.finish();
    if !behind.is_empty() {
        decoded.problem("The record separator 0x1E is missing behind the last message.");
    }
    decoded
}

fn one(record: &str, direction: Direction) -> Decoded {
    let Some(json) = Json::read(record).filter(|json| json.is_object()) else {
        return Decoded::wrong(NAME, "Every message is a JSON object.");
    };
    let Some(kind) = json.member("type") else { return handshake(json, direction) };
    let Some((name, says)) = kind.integer().and_then(kind_of) else {
        return Decoded::wrong(NAME, format!("{} is no type of message; they are 1 to 9.", kind.text()));
    };
    let mut decoded = Decoded::new(NAME, name);
    decoded.part("type", kind.text(), says, section(name));
    let mut summary = vec![name.to_owned()];
    for (member, value) in json.members().filter(|(member, _)| member != "type") {
        let words = value.string().unwrap_or_else(|| value.text().into());
        if matches!(member.as_str(), "target" | "invocationId" | "error" | "sequenceId") {
            summary.push(words.clone());
        }
        decoded.part(&member, &words, member_says(&member), section(name));
    }
    decoded.summary = summary.join(" ");
    let has = |member: &str| json.member(member).is_some();
    match name {
        "invocation" | "stream invocation" if json.said("target").is_none() => {
            decoded.problem("A call names its target.")
        }
        "invocation" | "stream invocation" if !json.member("arguments").is_some_and(Json::is_array) => {
            decoded.problem("A call has its arguments in an array.");
        }
        "completion" if has("result") && has("error") => {
            decoded.problem("A completion has a result or an error, not both.")
        }
        "stream item" | "completion" | "stream invocation" | "cancel invocation"
            if json.said("invocationId").is_none() =>
        {
            decoded.problem(format!("A {name} names its invocationId, a text."));
        }
        _ => {}
    }
    decoded
}

fn handshake(json: Json<'_>, direction: Direction) -> Decoded {
    const SECTION: &str = "SignalR HubProtocol, Overview";
    if direction == Direction::ClientToServer {
        let mut decoded = Decoded::new(NAME, "handshake request");
        let named = json.said("protocol").unwrap_or_default();
        decoded.summary = format!("handshake request {named}");
        for (member, value) in json.members() {
            let says = match member.as_str() {
                "protocol" => "How messages are written from here on: json or messagepack.",
                "version" => "The version of that.",
                _ => "",
            };
            decoded.part(&member, &value.string().unwrap_or_else(|| value.text().into()), says, SECTION);
        }
        if named.is_empty() || json.member("version").is_none() {
            decoded.problem("A message without a type is a handshake, with a protocol and a version.");
        }
        return decoded;
    }
    let mut decoded = Decoded::new(NAME, "handshake response");
    match json.said("error") {
        Some(error) => {
            decoded.summary = format!("handshake refused: {error}");
            decoded.part("error", &error, "The server does not agree, and closes.", SECTION);
        }
        None => {
            decoded.summary = "handshake response".into();
            decoded.part("{}", json.text(), "The server agrees.", SECTION);
        }
    }
    decoded
}

fn decode_binary(said: &Said<'_>) -> Decoded {
    let mut all = Collected::default();
    let mut rest = said.payload;
    while !rest.is_empty() {
        let Some((len, behind)) = prefix(rest) else {
            all.add(Decoded::wrong(NAME, "The length in front of a message is cut off, or longer than five bytes."));
            break;
        };
        let Some((message, behind)) = behind.split_at_checked(len) else {
            all.add(Decoded::wrong(NAME, format!("{len} bytes should follow, and there are {}.", behind.len())));
            break;
        };
        rest = behind;
        all.add(match msgpack::read(message) {
            Some((Value::Array(items), &[])) => of_items(&items),
            _ => Decoded::wrong(NAME, "Each message is one MessagePack array."),
        });
    }
    all.finish()
}

/// Seven bits a byte, the lowest first.
fn prefix(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut len = 0_usize;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        len |= usize::from(byte & 0x7F).checked_shl(u32::try_from(7 * place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((len, bytes.get(place + 1..)?));
        }
    }
    None
}

fn of_items(items: &[Value]) -> Decoded {
    let kind = match items.first() {
        Some(Value::Integer(kind)) => kind_of(*kind),
        _ => None,
    };
    let Some((name, says)) = kind else { return Decoded::wrong(NAME, "The first item is the type, 1 to 9.") };
    let labels: &[&str] = match name {
        "invocation" | "stream invocation" => &["headers", "invocationId", "target", "arguments", "streamIds"],
        "stream item" => &["headers", "invocationId", "item"],
        "completion" => &["headers", "invocationId", "result kind", "result"],
        "cancel invocation" => &["headers", "invocationId"],
        "close" => &["error", "allowReconnect"],
        "ack" | "sequence" => &["sequenceId"],
        _ => &[],
    };
    let mut decoded = Decoded::new(NAME, name);
    decoded.part("type", &items.first().map_or_else(String::new, Value::words), says, section(name));
    let mut summary = vec![name.to_owned()];
    for (label, item) in labels.iter().zip(items.iter().skip(1)) {
        let words = match item {
            Value::Text(text) => text.clone(),
            other => other.words(),
        };
        let says = match (*label, item) {
            ("result kind", Value::Integer(1)) => "An error follows.",
            ("result kind", Value::Integer(2)) => "Nothing follows.",
            ("result kind", Value::Integer(3)) => "A result follows.",
            ("result kind", _) => {
                decoded.problem("The result kind is 1, 2 or 3.");
                ""
            }
            _ => member_says(label),
        };
        if matches!(*label, "invocationId" | "target" | "sequenceId" | "error") && *item != Value::Nil {
            summary.push(words.clone());
        }
        decoded.part(label, &words, says, section(name));
    }
    let needed = match name {
        "invocation" | "stream invocation" => 5,
        "stream item" | "completion" => 4,
        "cancel invocation" => 3,
        "close" | "ack" | "sequence" => 2,
        _ => 1,
    };
    if items.len() < needed {
        decoded.problem(format!("A {name} has at least {needed} items, and this has {}.", items.len()));
    }
    decoded.summary = summary.join(" ");
    decoded
}

/// Several messages in one.
#[derive(Default)]
struct Collected(Vec<Decoded>);

impl Collected {
    fn add(&mut self, decoded: Decoded) {
        if self.0.len() < MESSAGES_MAX {
            self.0.push(decoded);
        }
    }

    fn finish(self) -> Decoded {
        let count = self.0.len();
        let mut messages = self.0.into_iter();
        let Some(first) = messages.next() else {
            return Decoded::wrong(NAME, "There is no message in here: each ends with the record separator 0x1E.");
        };
        if count == 1 {
            return first;
        }
        let name = first.name.clone();
        let mut decoded = first;
        for next in messages {
            decoded.summary.push_str("; ");
            decoded.summary.push_str(&next.summary);
            decoded.parts.extend(next.parts);
            if let Some(problem) = next.problem {
                decoded.problem(problem);
            }
        }
        decoded.name = format!("{name} and {} more", count - 1);
        decoded
    }
}

fn kind_of(kind: u64) -> Option<(&'static str, &'static str)> {
    TYPES.get(usize::try_from(kind).ok()?.checked_sub(1)?).copied()
}

fn section(name: &str) -> &'static str {
    match name {
        "invocation" | "stream invocation" => "SignalR HubProtocol, Invocations",
        "stream item" => "SignalR HubProtocol, StreamItem Message Encoding",
        "completion" => "SignalR HubProtocol, Completion Message Encoding",
        "cancel invocation" => "SignalR HubProtocol, CancelInvocation Message Encoding",
        "ping" => "SignalR HubProtocol, Ping Message Encoding",
        "close" => "SignalR HubProtocol, Close Message Encoding",
        _ => "SignalR HubProtocol, Ack and Sequence",
    }
}

fn member_says(member: &str) -> &'static str {
    match member {
        "invocationId" => "Ties what comes back to the call.",
        "target" => "The method.",
        "arguments" => "What it is called with.",
        "streamIds" => "Streams that the caller will send for the method to read.",
        "item" => "The item.",
        "result" => "What came of the call.",
        "error" => "What went wrong.",
        "allowReconnect" => "Whether a client may try again by itself.",
        "headers" => "For the application.",
        "sequenceId" => "Counts the messages that are kept for a reconnect.",
        _ => "",
    }
}

const NAME: &str = "signalr";
const SEPARATOR: char = '\u{1E}';
const MESSAGES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::tests::{Spoken, binary, check, client, server};
    use super::super::{Message, Speech};
    use crate::MessageKind;
    use crate::capture::Direction;

    /// Behind a handshake, with which a client begins.
    fn behind_handshake(spoken: Spoken) -> Spoken {
        let mut speech = Speech::default();
        let payload = b"{\"protocol\":\"json\",\"version\":1}\x1e";
        speech.hear(&Message { direction: Direction::ClientToServer, kind: MessageKind::Text, payload }, 0);
        spoken.after(speech)
    }

    #[test]
    fn the_json_examples_of_the_specification() {
        check(
            &client("{\"protocol\":\"messagepack\",\"version\":1}\x1e"),
            "signalr",
            "handshake request",
            "messagepack",
            "",
        );
        let one = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&behind_handshake(server(&format!("{text}\x1e"))), "signalr", name, summary, problem);
        };
        one("{}", "handshake response", "", "");
        one(r#"{"error":"Requested protocol 'x' is not available."}"#, "handshake response", "refused", "");
        one(
            r#"{"type":1,"invocationId":"123","target":"Send","arguments":[42,"Test Message"]}"#,
            "invocation",
            "invocation 123 Send",
            "",
        );
        one(r#"{"type":4,"invocationId":"123","target":"Send","arguments":[42]}"#, "stream invocation", "Send", "");
        one(r#"{"type":2,"invocationId":"123","item":42}"#, "stream item", "123", "");
        one(r#"{"type":3,"invocationId":"123"}"#, "completion", "123", "");
        one(r#"{"type":3,"invocationId":"123","error":"It didn't work!"}"#, "completion", "It didn't work!", "");
        one(r#"{"type":3,"invocationId":"123","result":42,"error":"x"}"#, "completion", "", "not both");
        one(r#"{"type":5,"invocationId":"123"}"#, "cancel invocation", "", "");
        one(r#"{"type":6}"#, "ping", "ping", "");
        one(
            r#"{"type":7,"error":"Connection closed because of an error!","allowReconnect":true}"#,
            "close",
            "Connection closed",
            "",
        );
        one(r#"{"type":8,"sequenceId":1394}"#, "ack", "1394", "");
        one(r#"{"type":9,"sequenceId":1234}"#, "sequence", "1234", "");
        one(r#"{"type":10}"#, "malformed", "", "1 to 9");
        one(r#"{"type":1,"arguments":[]}"#, "invocation", "", "names its target");
        one(r#"{"type":1,"target":"a"}"#, "invocation", "", "arguments");
        one("[]", "malformed", "", "JSON object");
        check(
            &behind_handshake(server("{\"type\":6}\x1e{\"type\":6}\x1e")),
            "signalr",
            "ping and 1 more",
            "ping; ping",
            "",
        );
        check(&behind_handshake(server("{\"type\":6}")), "signalr", "", "", "0x1E");
    }

    #[test]
    fn the_message_pack_examples_of_the_specification() {
        let one = |bytes: &[u8], name: &str, summary: &str, problem: &str| {
            let framed = [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat();
            check(&behind_handshake(binary(false, &framed)), "signalr", name, summary, problem);
        };
        one(b"\x96\x01\x80\xa3xyz\xa6method\x91\x2a\x90", "invocation", "invocation xyz method", "");
        one(b"\x96\x01\x80\xc0\xa6method\x91\x2a\x90", "invocation", "invocation method", "");
        one(b"\x96\x04\x80\xa3xyz\xa6method\x91\x2a\x90", "stream invocation", "xyz method", "");
        one(b"\x94\x02\x80\xa3xyz\x2a", "stream item", "xyz", "");
        one(b"\x95\x03\x80\xa3xyz\x01\xa5Error", "completion", "xyz", "");
        one(b"\x94\x03\x80\xa3xyz\x02", "completion", "xyz", "");
        one(b"\x95\x03\x80\xa3xyz\x03\x2a", "completion", "xyz", "");
        one(b"\x93\x05\x80\xa3xyz", "cancel invocation", "xyz", "");
        one(b"\x91\x06", "ping", "ping", "");
        one(b"\x92\x07\xa3xyz", "close", "close xyz", "");
        one(b"\x94\x03\x80\xa3xyz\x07", "completion", "", "1, 2 or 3");
        one(b"\x92\x01\x80", "invocation", "", "at least 5 items");
        one(b"\x91\x0c", "malformed", "", "1 to 9");
        one(b"\x06", "malformed", "", "MessagePack array");
        check(&behind_handshake(binary(false, b"\x09\x91")), "signalr", "malformed", "", "9 bytes should follow");
        check(&behind_handshake(binary(false, b"\xff")), "signalr", "malformed", "", "cut off");
    }
}
