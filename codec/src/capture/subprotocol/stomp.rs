//! STOMP 1.0 to 1.2: frames of text with headers, a body, and a NUL at the end.

use std::borrow::Cow;

use super::Said;
use super::decoded::{Decoded, content};
use crate::capture::Direction;

struct Command {
    name: &'static str,
    from: Direction,
    section: &'static str,
    says: &'static str,
    /// Headers that it has to have.
    needs: &'static [&'static str],
    may_have_body: bool,
}

const C: Direction = Direction::ClientToServer;
const S: Direction = Direction::ServerToClient;

const fn command(
    name: &'static str,
    from: Direction,
    needs: &'static [&'static str],
    may_have_body: bool,
    says: &'static str,
) -> Command {
    Command { name, from, section: "STOMP 1.2", says, needs, may_have_body }
}

const COMMANDS: [Command; 15] = [
    command(
        "CONNECT",
        C,
        &["accept-version", "host"],
        false,
        "Asks to begin, with the versions that the client speaks.",
    ),
    command(
        "STOMP",
        C,
        &["accept-version", "host"],
        false,
        "CONNECT by another name, so that STOMP can be told from HTTP.",
    ),
    command("CONNECTED", S, &["version"], false, "The server agrees, and says which version."),
    command("SEND", C, &["destination"], true, "A message to a destination."),
    command("SUBSCRIBE", C, &["destination", "id"], false, "Asks for the messages of a destination."),
    command("UNSUBSCRIBE", C, &["id"], false, "Ends a subscription."),
    command("ACK", C, &["id"], false, "A message was handled."),
    command("NACK", C, &["id"], false, "A message was not handled."),
    command("BEGIN", C, &["transaction"], false, "Begins a transaction."),
    command("COMMIT", C, &["transaction"], false, "What was sent in the transaction takes effect."),
    command("ABORT", C, &["transaction"], false, "What was sent in the transaction does not take effect."),
    command("DISCONNECT", C, &[], false, "The client is done; with a receipt header it waits for the answer first."),
    command("MESSAGE", S, &["destination", "message-id", "subscription"], true, "A message of a subscription."),
    command("RECEIPT", S, &["receipt-id"], false, "The server has handled the frame that asked for this receipt."),
    command("ERROR", S, &[], true, "Something went wrong; the server closes the connection after this."),
];

/// A frame from its command to its NUL, of a kind that begins a connection.
pub(super) fn opens(said: &Said<'_>) -> bool {
    let Some(text) = said.text.filter(|text| text.contains('\0')) else { return false };
    let begins = |command: &str| text.strip_prefix(command).is_some_and(|rest| rest.starts_with(['\n', '\r']));
    (begins("CONNECT") || begins("STOMP")) && (text.contains("accept-version:") || text.contains("login:"))
        || begins("CONNECTED") && text.contains("version:")
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !said.payload.is_empty() && said.payload.iter().all(is_line_end) {
        let mut decoded = Decoded::new(NAME, "heartbeat");
        decoded.summary = "heartbeat".into();
        let says = "A sign of life between frames, as agreed on in the heart-beat headers.";
        decoded.part("line end", &content(said.payload), says, "STOMP 1.2, Heart-beating");
        return decoded;
    }
    let mut rest = said.payload;
    let mut all: Option<Decoded> = None;
    for _ in 0..FRAMES_MAX {
        while let [b'\n' | b'\r', behind @ ..] = rest {
            rest = behind;
        }
        if rest.is_empty() {
            break;
        }
        let (next, behind) = frame(rest, said.direction, said.version);
        rest = behind;
        match &mut all {
            None => all = Some(next),
            Some(first) => {
                first.summary.push_str("; ");
                first.summary.push_str(&next.summary);
                first.parts.extend(next.parts);
                if let Some(problem) = next.problem {
                    first.problem(problem);
                }
            }
        }
    }
    all.unwrap_or_else(|| Decoded::wrong(NAME, "There is no frame in this message."))
}

/// The frame in front, and what follows it.
fn frame(text: &[u8], direction: Direction, version: u8) -> (Decoded, &[u8]) {
    let (line, mut rest) = line_of(text);
    let line = &*line;
    let known = COMMANDS.iter().find(|command| command.name == line);
    let mut decoded = Decoded::new(NAME, if known.is_some() { line.to_ascii_lowercase() } else { "malformed".into() });
    let section = known.map_or("STOMP 1.2, STOMP Frames", |command| command.section);
    decoded.part("command", line, known.map_or("", |command| command.says), section);
    match known {
        None => decoded.problem("This is no command of STOMP."),
        Some(command) if command.from != direction => {
            decoded.problem(format!("Only a {} sends {line}.", if command.from == C { "client" } else { "server" }));
        }
        Some(_) => {}
    }
    let escapes = !matches!(line, "CONNECT" | "CONNECTED");
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut is_whole = false;
    while !rest.is_empty() && headers.len() < HEADERS_MAX {
        let (line, behind) = line_of(rest);
        rest = behind;
        if line.is_empty() {
            is_whole = true;
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            decoded.problem(format!("A header is a name, a colon and a value: {line}"));
            continue;
        };
        let [name, value] =
            [name, value].map(|part| if escapes { unescape(part, version) } else { Ok(part.to_owned()) });
        match (name, value) {
            (Ok(name), Ok(value)) => {
                let is_again = headers.iter().any(|(earlier, _)| *earlier == name);
                let shown = if name == "passcode" { "•".repeat(value.chars().count().min(8)) } else { value.clone() };
                let says = if is_again { "Again: the first one counts." } else { header_says(&name) };
                decoded.part(&name, &shown, says, "STOMP 1.2, Standard Headers");
                headers.push((name, value));
            }
            (Err(escape), _) | (_, Err(escape)) => {
                decoded.problem(format!("{escape} is no escape in a header of this version."))
            }
        }
    }
    let header = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let target =
        header("destination").or_else(|| header("id")).or_else(|| header("receipt-id")).or_else(|| header("message"));
    decoded.summary = [Some(line), target].into_iter().flatten().collect::<Vec<_>>().join(" ");
    if !is_whole {
        decoded.problem("No empty line behind the headers: the frame goes on in the next message, or is cut off.");
    }
    let (body, rest) = body(&mut decoded, rest, header("content-length"));
    if !body.is_empty() {
        let kind = header("content-type").unwrap_or("bytes of any kind");
        decoded.part("body", &content(body), kind, "STOMP 1.2, Body");
        if known.is_some_and(|command| !command.may_have_body) {
            decoded.problem(format!("{line} has no body; only SEND, MESSAGE and ERROR have one."));
        }
    }
    // 1.0 asks for less, and its frames do not say that they are 1.0.
    if let Some(command) = known.filter(|_| version >= 11) {
        for needed in command.needs {
            // In 1.1 a message is acknowledged by its message-id.
            let is_there =
                header(needed).is_some() || matches!(*needed, "id") && version < 12 && header("message-id").is_some();
            if !is_there {
                decoded.problem(format!("{line} needs the header {needed}."));
            }
        }
    }
    (decoded, rest)
}

fn body<'a>(decoded: &mut Decoded, rest: &'a [u8], length: Option<&str>) -> (&'a [u8], &'a [u8]) {
    let length = length.map(|length| length.trim().parse::<usize>());
    match length {
        Some(Err(_)) => decoded.problem("content-length is a whole number."),
        Some(Ok(length)) => {
            if let Some((body, [0, behind @ ..])) = rest.split_at_checked(length) {
                return (body, behind);
            }
            decoded.problem(format!("content-length says {length}, and there is no NUL behind so many bytes."));
        }
        None => {}
    }
    if let Some((body, [0, behind @ ..])) =
        rest.iter().position(|byte| *byte == 0).and_then(|at| rest.split_at_checked(at))
    {
        return (body, behind);
    }
    decoded.problem("No NUL at the end: the frame goes on in the next message, or is cut off.");
    (rest, &[])
}

fn line_of(text: &[u8]) -> (Cow<'_, str>, &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (String::from_utf8_lossy(line), rest.get(1..).unwrap_or_default())
}

/// The escapes of a version, of the latest where it is not known; that which is none.
fn unescape(text: &str, version: u8) -> Result<String, String> {
    if version == 10 || !text.contains('\\') {
        return Ok(text.into());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('c') => out.push(':'),
            Some('\\') => out.push('\\'),
            Some('r') if version != 11 => out.push('\r'),
            other => return Err(other.map_or_else(|| "\\".into(), |other| format!("\\{other}"))),
        }
    }
    Ok(out)
}

fn header_says(name: &str) -> &'static str {
    match name {
        "accept-version" => "The versions that the client speaks.",
        "version" => "The version from here on.",
        "host" => "The virtual host that is meant.",
        "login" => "Who asks.",
        "passcode" => "Hidden here.",
        "heart-beat" => {
            "Milliseconds: how often this end will send at least, and how often it wants to hear; 0 for never."
        }
        "destination" => "Where it goes, or comes from; what the text means is up to the server.",
        "id" => "Names the subscription, or the message that is acknowledged.",
        "ack" => {
            "How messages are acknowledged (auto, client, client-individual); in a MESSAGE, what to name in the ACK."
        }
        "transaction" => "The transaction that it belongs to.",
        "receipt" => "Asks for a RECEIPT that names this text.",
        "receipt-id" => "What the receipt header said.",
        "message-id" => "Names the message.",
        "subscription" => "The id of the subscription that it answers.",
        "content-length" => "Bytes in the body; with it, the body may have a NUL in it.",
        "content-type" => "What the body is.",
        "server" => "The program that answers.",
        "session" => "Names the session.",
        "message" => "What went wrong, in short.",
        _ => "The application's own.",
    }
}

/// The version that a subprotocol's name stands for, as `v12.stomp`.
pub(super) fn version_of(subprotocol: &str) -> Option<u8> {
    subprotocol.strip_prefix('v')?.strip_suffix(".stomp")?.parse().ok()
}

const NAME: &str = "stomp";
const FRAMES_MAX: usize = 16;
const HEADERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::tests::{check, client, server};

    #[test]
    fn frames_of_the_specification() {
        let from_client = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&client(text).speaking("v12.stomp"), "stomp", name, summary, problem);
        };
        let from_server = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&server(text).speaking("v12.stomp"), "stomp", name, summary, problem);
        };
        from_client("CONNECT\naccept-version:1.0,1.1,2.0\nhost:stomp.github.org\n\n\0", "connect", "CONNECT", "");
        from_server("CONNECTED\nversion:1.1\n\n\0", "connected", "CONNECTED", "");
        from_client(
            "SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a\n\0",
            "send",
            "SEND /queue/a",
            "",
        );
        from_client("SUBSCRIBE\nid:0\ndestination:/queue/foo\nack:client\n\n\0", "subscribe", "/queue/foo", "");
        from_client("ACK\nid:12345\ntransaction:tx1\n\n\0", "ack", "ACK 12345", "");
        from_client("BEGIN\ntransaction:tx1\n\n\0", "begin", "", "");
        from_client("DISCONNECT\nreceipt:77\n\n\0", "disconnect", "", "");
        from_server("RECEIPT\nreceipt-id:77\n\n\0", "receipt", "RECEIPT 77", "");
        from_server(
            "MESSAGE\r\nsubscription:0\r\nmessage-id:007\r\ndestination:/queue/a\r\n\r\nhello\0\r\n",
            "message",
            "/queue/a",
            "",
        );
        from_server(
            "ERROR\nmessage:malformed frame received\n\nThe message:\n\0",
            "error",
            "ERROR malformed frame received",
            "",
        );
        from_client("\n", "heartbeat", "", "");
        from_client("SEND\ndestination:/q\ncontent-length:3\n\na\0b\0\n", "send", "", "");
        from_client("SEND\ndestination:a\\cb\\r\n\n\0", "send", "SEND a:b", "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |version: &str, text: &str, problem: &str| {
            check(&client(text).speaking(version), "stomp", "", "", problem);
        };
        wrong("v12.stomp", "HELLO\n\n\0", "no command");
        wrong("v12.stomp", "MESSAGE\nsubscription:0\nmessage-id:1\ndestination:a\n\n\0", "Only a server");
        wrong("v12.stomp", "SEND\n\nx\0", "needs the header destination");
        wrong("v12.stomp", "SEND\ndestination:a\n\nx", "No NUL");
        wrong("v12.stomp", "SEND\ndestination:a", "No empty line");
        wrong("v12.stomp", "SEND\ndestination:a\\t\n\n\0", "\\t is no escape");
        wrong("v11.stomp", "SEND\ndestination:a\\r\n\n\0", "\\r is no escape");
        wrong("v12.stomp", "SEND\ndestination:a\ncontent-length:9\n\nx\0", "content-length says 9");
        wrong("v12.stomp", "SEND\ndestination:a\nno colon\n\nx\0", "a colon");
        wrong("v12.stomp", "BEGIN\ntransaction:1\n\nx\0", "has no body");
        wrong("v12.stomp", "", "no frame");
        check(&client("SEND\ndestination:a\\t\n\nx\0").speaking("v10.stomp"), "stomp", "send", "a\\t", "");
    }
}
