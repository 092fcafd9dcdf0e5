//! Socket.IO over Engine.IO, versions 3 and 4 of the latter: a digit for the packet of the one, then a digit for that of
//! the other, then a namespace, a number and JSON.

use super::decoded::{Decoded, bytes, content};
use super::json::Json;
use super::{Said, said_text};
use crate::MessageKind;
use crate::capture::Direction;

/// The path under which both wait unless told otherwise, and the version in the query.
pub(super) fn by_target(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    version_of(query).is_some() || target.starts_with("/socket.io/") || target.starts_with("/engine.io/")
}

/// `EIO=4` as 4.
pub(super) fn version_of(query: &str) -> Option<u8> {
    query.split('&').find_map(|pair| pair.strip_prefix("EIO=")?.parse().ok())
}

/// The packet that a server begins with.
pub(super) fn opens(said: &Said<'_>) -> bool {
    let json = said.text.and_then(|text| text.strip_prefix('0')).and_then(Json::read);
    json.is_some_and(|json| json.said("sid").is_some() && json.member("pingInterval").is_some())
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    if said.kind == MessageKind::Binary {
        return decode_binary(said);
    }
    let text = match said_text(said, NAME) {
        Ok(text) => text,
        Err(wrong) => return wrong,
    };
    let mut characters = text.chars();
    let kind = characters.next();
    let rest = characters.as_str();
    let (name, says) = match kind {
        Some('0') => ("open", "The server begins, and says how the connection is to be kept."),
        Some('1') => ("close", "The connection is to be closed."),
        Some('2') => ("ping", "Is the other end there? Not a ping frame, but a message of Engine.IO."),
        Some('3') => ("pong", "Answers a ping."),
        Some('4') => return message(rest, said),
        Some('5') => ("upgrade", "The client moves over to this WebSocket from long polling."),
        Some('6') => ("noop", "Does nothing; it ends a request of long polling."),
        Some('b') => {
            let mut decoded = Decoded::new(NAME, "binary in base64");
            decoded.summary = "binary in base64".into();
            decoded.part("data", rest, "An attachment of the packet before, in base64.", ENGINE);
            return decoded;
        }
        Some(_) => return Decoded::wrong(NAME, "An Engine.IO packet begins with a digit from 0 to 6."),
        None => return Decoded::wrong(NAME, "An empty message: an Engine.IO packet begins with a digit from 0 to 6."),
    };
    let mut decoded = Decoded::new(NAME, name);
    decoded.summary = format!("engine.io {name}");
    decoded.part("engine.io packet", name, says, ENGINE);
    match name {
        "open" => open(&mut decoded, rest, said),
        "ping" | "pong" if rest == "probe" => {
            decoded.summary.push_str(" probe");
            decoded.part(
                "data",
                rest,
                "Tries out this WebSocket before moving over from long polling.",
                ENGINE_UPGRADE,
            );
        }
        "ping" | "pong" => {
            if !rest.is_empty() {
                decoded.part("data", rest, "Comes back with the pong.", ENGINE);
            }
            // The one who asks changed with version 4, so that browsers do not stop it in background tabs.
            let from_server = said.direction == Direction::ServerToClient;
            match said.version {
                4 if from_server == (name == "pong") => {
                    decoded.problem("In Engine.IO 4 the server sends pings and the client pongs.")
                }
                3 if from_server == (name == "ping") => {
                    decoded.problem("In Engine.IO 3 the client sends pings and the server pongs.")
                }
                _ => {}
            }
        }
        _ if !rest.is_empty() => decoded.part("data", rest, "", ENGINE),
        _ => {}
    }
    decoded
}

fn open(decoded: &mut Decoded, rest: &str, said: &Said<'_>) {
    let Some(json) = Json::read(rest).filter(|json| json.is_object()) else {
        return decoded.problem("The data of open is a JSON object.");
    };
    for (name, value) in json.members() {
        let says = match name.as_str() {
            "sid" => "Names the session.",
            "upgrades" => "Other ways of transport that the server offers; none over a WebSocket.",
            "pingInterval" => "Milliseconds between pings.",
            "pingTimeout" => "Milliseconds after which a missing pong ends the connection.",
            "maxPayload" => "The most bytes in one message.",
            _ => "",
        };
        decoded.part(&name, &value.string().unwrap_or_else(|| value.text().into()), says, ENGINE_HANDSHAKE);
    }
    if json.member("sid").is_none() {
        decoded.problem("open names the session in sid.");
    }
    if said.direction == Direction::ClientToServer {
        decoded.problem("Only a server sends open.");
    }
}

/// `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`
fn message(packet: &str, said: &Said<'_>) -> Decoded {
    let (kind, mut rest) = packet.split_at_checked(1).unwrap_or_default();
    let (name, says) = match kind {
        "0" => ("connect", "Joins a namespace; the server's answer has the session."),
        "1" => ("disconnect", "Leaves a namespace."),
        "2" => ("event", "A named event with arguments."),
        "3" => ("ack", "Answers the event with the same id."),
        "4" if said.version == 3 => ("error", "The namespace was not joined."),
        "4" => ("connect error", "The namespace was not joined."),
        "5" => ("binary event", "An event with attachments; they follow as binary messages."),
        "6" => ("binary ack", "An answer with attachments; they follow as binary messages."),
        _ => {
            let mut decoded = Decoded::new(NAME, "message");
            decoded.summary = "engine.io message".into();
            decoded.part(
                "engine.io packet",
                "message",
                "Carries a packet of Socket.IO, or whatever runs over Engine.IO.",
                ENGINE,
            );
            decoded.part("data", packet, "Not a packet of Socket.IO: those begin with a digit from 0 to 6.", "");
            return decoded;
        }
    };
    let mut decoded = Decoded::new(NAME, name);
    decoded.part("engine.io packet", "message", "Carries a packet of Socket.IO.", ENGINE);
    decoded.part("socket.io packet", name, says, SOCKET);
    let mut attachments = None;
    if name.starts_with("binary") {
        match rest.split_once('-').and_then(|(count, behind)| Some((count.parse::<u64>().ok()?, behind))) {
            Some((count, behind)) => {
                decoded.part("attachments", &count.to_string(), "So many binary messages belong to this.", SOCKET);
                attachments = Some(count);
                rest = behind;
            }
            None => decoded.problem("A binary packet says how many attachments it has, and a hyphen."),
        }
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        match rest.split_once(',') {
            Some((named, behind)) => (namespace, rest) = (named, behind),
            None => (namespace, rest) = (rest, ""),
        }
    }
    decoded.part(
        "namespace",
        namespace,
        if namespace == "/" { "The main one, which is not written." } else { "" },
        SOCKET,
    );
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, json) = rest.split_at_checked(digits).unwrap_or_default();
    if !id.is_empty() {
        let says =
            if name.ends_with("ack") { "The event that this answers." } else { "Asks for an ack with this number." };
        decoded.part("id", id, says, SOCKET);
    } else if name.ends_with("ack") {
        decoded.problem("An ack has the id of its event.");
    }
    let data = (!json.is_empty()).then(|| Json::read(json));
    let data = match data {
        Some(None) => {
            decoded.part("data", json, "", SOCKET);
            decoded.problem("The data is not JSON.");
            None
        }
        Some(data) => data,
        None => None,
    };
    decoded.summary = name.into();
    if namespace != "/" {
        decoded.summary.push_str(&format!(" {namespace}"));
    }
    if !id.is_empty() {
        decoded.summary.push_str(&format!(" #{id}"));
    }
    if decoded.problem.is_none() {
        look_into(&mut decoded, name, data, attachments, said);
    }
    decoded
}

fn look_into(
    decoded: &mut Decoded,
    name: &'static str,
    data: Option<Json<'_>>,
    attachments: Option<u64>,
    said: &Said<'_>,
) {
    match (name, data) {
        ("event" | "binary event", Some(data)) if data.is_array() => {
            let mut items = data.items();
            match items.next() {
                Some(event) => {
                    let named = event.string().unwrap_or_else(|| event.text().into());
                    decoded.summary.push_str(&format!(" {named}"));
                    let says = match named.as_str() {
                        "connect" | "connect_error" | "disconnect" | "disconnecting" | "newListener"
                        | "removeListener" => "A name that is reserved: it must not be sent.",
                        _ => "The name of the event.",
                    };
                    decoded.part("event", &named, says, SOCKET_EVENT);
                    if !event.is_string() && !event.is_number() {
                        decoded.problem("The first element is the event's name, a text.");
                    }
                }
                None => decoded.problem("An event is an array with a name in front, not an empty one."),
            }
            for (number, argument) in (1..).zip(items) {
                decoded.part(&format!("argument {number}"), argument.text(), argument_says(argument), SOCKET_EVENT);
            }
        }
        ("event" | "binary event", _) => decoded.problem("An event is an array with a name in front."),
        ("ack" | "binary ack", Some(data)) if data.is_array() => {
            for (number, argument) in (1..).zip(data.items()) {
                decoded.part(&format!("argument {number}"), argument.text(), argument_says(argument), SOCKET_ACK);
            }
        }
        ("ack" | "binary ack", _) => decoded.problem("The data of an ack is an array."),
        ("connect error", Some(data)) if data.is_object() => {
            let message = data.said("message").unwrap_or_default();
            decoded.summary.push_str(&format!(": {message}"));
            decoded.part("data", data.text(), "Why.", SOCKET_CONNECT);
        }
        ("connect error", _) => decoded.problem("The data of connect error is an object with a message."),
        ("disconnect", Some(_)) => decoded.problem("disconnect has no data."),
        ("connect", Some(data)) => {
            let says = if said.direction == Direction::ServerToClient {
                "The session in this namespace."
            } else {
                "Whatever the client has to show, often a token."
            };
            decoded.part("data", data.text(), says, SOCKET_CONNECT);
            if !data.is_object() {
                decoded.problem("The data of connect is an object.");
            }
        }
        (_, Some(data)) => decoded.part("data", data.text(), "", SOCKET),
        (_, None) => {}
    }
    if let (Some(count), Some(data)) = (attachments, data) {
        let placeholders = placeholders(data, 32);
        if placeholders != count {
            decoded.problem(format!(
                "{count} attachments are announced, and {placeholders} placeholders stand in the data."
            ));
        }
    }
}

fn argument_says(argument: Json<'_>) -> &'static str {
    if is_placeholder(argument) {
        "Stands for an attachment: the binary message of that number behind this one."
    } else {
        ""
    }
}

fn is_placeholder(json: Json<'_>) -> bool {
    json.member("_placeholder").is_some_and(|value| value.text() == "true")
}

/// Values that stand for an attachment.
fn placeholders(json: Json<'_>, depth: u8) -> u64 {
    let Some(depth) = depth.checked_sub(1) else { return 0 };
    if is_placeholder(json) {
        return 1;
    }
    let in_items: u64 = json.items().map(|item| placeholders(item, depth)).sum();
    in_items + json.members().map(|(_, value)| placeholders(value, depth)).sum::<u64>()
}

/// In version 3 a byte stands in front, 4 for a message.
fn decode_binary(said: &Said<'_>) -> Decoded {
    let mut decoded = Decoded::new(NAME, "attachment");
    let data = match (said.version, said.payload) {
        (3, [4, data @ ..]) => {
            decoded.part("engine.io packet", "message", "One byte in front, in version 3 only.", ENGINE);
            data
        }
        (3, [kind, ..]) => {
            decoded.problem(format!("In Engine.IO 3 a binary message begins with the byte 4, not {kind}."));
            said.payload
        }
        (_, data) => data,
    };
    decoded.summary = format!("attachment, {}", bytes(data.len()));
    decoded.part("data", &content(data), "Stands in for a placeholder of the binary packet before.", SOCKET);
    decoded
}

const NAME: &str = "socket.io";
const ENGINE: &str = "Engine.IO protocol, Packet encoding";
const ENGINE_HANDSHAKE: &str = "Engine.IO protocol, Handshake";
const ENGINE_UPGRADE: &str = "Engine.IO protocol, Upgrade";
const SOCKET: &str = "Socket.IO protocol, Packet encoding";
const SOCKET_EVENT: &str = "Socket.IO protocol, Sending and receiving data";
const SOCKET_ACK: &str = "Socket.IO protocol, Acknowledgement";
const SOCKET_CONNECT: &str = "Socket.IO protocol, Connection to a namespace";

#[cfg(test)]
mod tests {
    use super::super::tests::{Spoken, binary, check, client, server};

    fn v4(spoken: Spoken) -> Spoken {
        spoken.at("/socket.io/?EIO=4&transport=websocket")
    }

    #[test]
    fn the_examples_of_the_specification() {
        let check = |spoken, name, summary| check(&v4(spoken), "socket.io", name, summary, "");
        check(
            server(
                r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":[],"pingInterval":25000,"pingTimeout":5000,"maxPayload":1000000}"#,
            ),
            "open",
            "open",
        );
        check(client("40"), "connect", "connect");
        check(server(r#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#), "connect", "connect");
        check(client("40/admin,"), "connect", "connect /admin");
        check(client(r#"40/admin,{"token":"123"}"#), "connect", "/admin");
        check(server(r#"44{"message":"Not authorized"}"#), "connect error", "Not authorized");
        check(client(r#"42["foo"]"#), "event", "event foo");
        check(server(r#"42/admin,["bar"]"#), "event", "event /admin bar");
        check(client(r#"451-["baz",{"_placeholder":true,"num":0}]"#), "binary event", "binary event baz");
        check(
            client(r#"452-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#),
            "binary event",
            "/admin baz",
        );
        check(binary(true, &[1, 2, 3, 4]), "attachment", "4 bytes");
        check(client(r#"4212["foo"]"#), "event", "event #12 foo");
        check(server("4312[]"), "ack", "ack #12");
        check(server(r#"42/admin,13["foo"]"#), "event", "event /admin #13 foo");
        check(client(r#"461-15["bar",{"_placeholder":true,"num":0}]"#), "binary ack", "#15");
        check(client("41"), "disconnect", "");
        check(client("41/admin,"), "disconnect", "/admin");
        check(server("2"), "ping", "");
        check(client("3"), "pong", "");
        check(client("2probe"), "ping", "probe");
        check(server("3probe"), "pong", "probe");
        check(client("5"), "upgrade", "");
        check(server("6"), "noop", "");
        check(server("4hello"), "message", "");
    }

    #[test]
    fn version_3_is_known_by_the_query() {
        let check = |spoken: Spoken, name, problem| {
            check(&spoken.at("/socket.io/?EIO=3&transport=websocket"), "socket.io", name, "", problem)
        };
        check(client("2"), "ping", "");
        check(server("2"), "ping", "the client sends pings");
        check(binary(true, &[4, 1, 2]), "attachment", "");
        check(binary(true, &[1, 2]), "attachment", "begins with the byte 4");
        check(server(r#"44"Not authorized""#), "error", "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |spoken, problem| check(&v4(spoken), "socket.io", "", "", problem);
        wrong(client(""), "begins with a digit");
        wrong(client("x"), "begins with a digit");
        wrong(server("0"), "JSON object");
        wrong(server("0{}"), "sid");
        wrong(client(r#"42{"a":1}"#), "array with a name");
        wrong(client("42[]"), "empty");
        wrong(client("42[{}]"), "a text");
        wrong(client("42["), "not JSON");
        wrong(client("43[]"), "has the id");
        wrong(client("431{}"), "is an array");
        wrong(client(r#"45["a"]"#), "hyphen");
        wrong(client(r#"452-["a",{"_placeholder":true,"num":0}]"#), "2 attachments");
        wrong(client("41{}"), "no data");
        wrong(client("2"), "the server sends pings");
    }
}
