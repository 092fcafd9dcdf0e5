//! Conversations as HAR, the format of browsers' network panels (HTTP Archive 1.2), in the shape that Chromium writes
//! and reads: one entry for each connection, with its messages as `_webSocketMessages`.
//!
//! HAR knows messages, not frames: what is left out is fragments, masks, compression, and whatever broke a rule.
//! Control frames go in as messages with their own opcodes, as Chromium's panel shows them.
//!
//! ```
//! use framescope_codec::capture::{Direction, har::{Connection, Writer}};
//!
//! let (mut writer, mut out) = (Writer::new(), Vec::new());
//! let at = 1_700_000_000_250_000_000;
//! let server = "192.0.2.7:80".parse()?;
//! writer.connection(&Connection { started_ns: at, ended_ns: at, server, number: 1, request: None, response: None }, &mut out);
//! writer.message(Direction::ServerToClient, at, 1, b"hi", &mut out);
//! writer.finish(&mut out);
//! let text = String::from_utf8(out)?;
//! assert!(text.contains(r#"{"type":"receive","time":1700000000.250000000,"opcode":1,"data":"hi"}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::Write as _;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Direction;
use crate::handshake::{Head, JudgedRequest, JudgedResponse};

/// Writes an archive from its beginning to its end.
#[derive(Debug, Default)]
pub struct Writer {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Empty,
    /// Behind a connection's head, and so many messages.
    Connection { is_first_message: bool },
}

/// What an entry says of a connection, besides its messages.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// When it began, in nanoseconds since 1970.
    pub started_ns: u64,
    /// When the last was heard of it.
    pub ended_ns: u64,
    /// The server's address.
    pub server: SocketAddr,
    /// Its number in the capture.
    pub number: u32,
    /// The opening handshake, if it was captured.
    pub request: Option<&'a JudgedRequest>,
    /// The answer, if it was captured.
    pub response: Option<&'a JudgedResponse>,
}

impl Writer {
    /// In front of everything.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Empty }
    }

    /// Begins a connection; its messages follow.
    pub fn connection(&mut self, connection: &Connection<'_>, out: &mut Vec<u8>) {
        if self.state == State::Empty {
            out.extend_from_slice(BEGINNING.as_bytes());
            string(env!("CARGO_PKG_VERSION").as_bytes(), out);
            out.extend_from_slice(br#"},"pages":[],"entries":["#);
        } else {
            out.extend_from_slice(b"]},");
        }
        self.state = State::Connection { is_first_message: true };
        let Connection { started_ns, ended_ns, server, number, request, response } = *connection;
        out.extend_from_slice(br#"{"startedDateTime":""#);
        date(started_ns, out);
        let lasted = ended_ns.saturating_sub(started_ns);
        let _ = write!(out, r#"","time":{}.{:06},"request":"#, lasted / 1_000_000, lasted % 1_000_000);
        write_request(request, server, out);
        out.extend_from_slice(br#","response":"#);
        write_response(response, out);
        let timings =
            r#""cache":{},"timings":{"blocked":-1,"dns":-1,"connect":-1,"ssl":-1,"send":0,"wait":0,"receive":0}"#;
        let _ = write!(
            out,
            r#",{timings},"serverIPAddress":"{}","connection":"{}","_connectionId":"{number}","_resourceType":"websocket","_webSocketMessages":["#,
            server.ip(),
            // The server's port, as Chromium has it, and shows it behind the address.
            server.port()
        );
    }

    /// A message of the connection begun last: text (opcode 1), binary (2), or a control frame's payload.
    pub fn message(&mut self, direction: Direction, time_ns: u64, opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
        let State::Connection { is_first_message } = self.state else { return };
        if !is_first_message {
            out.push(b',');
        }
        self.state = State::Connection { is_first_message: false };
        let kind = match direction {
            Direction::ClientToServer => "send",
            Direction::ServerToClient => "receive",
        };
        let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
        let _ = write!(out, r#"{{"type":"{kind}","time":{seconds}.{nanos:09},"opcode":{opcode},"data":"#);
        if opcode == TEXT && std::str::from_utf8(payload).is_ok() {
            string(payload, out);
        } else {
            // A text that is none is kept to the byte as well, and says that it is not as Chromium has it.
            let _ = write!(out, r#""{}""#, BASE64.encode(payload));
            if opcode == TEXT {
                out.extend_from_slice(br#","_encoding":"base64""#);
            }
        }
        out.push(b'}');
    }

    /// Ends the archive.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Empty {
            out.extend_from_slice(BEGINNING.as_bytes());
            string(env!("CARGO_PKG_VERSION").as_bytes(), out);
            out.extend_from_slice(br#"},"pages":[],"entries":["#);
        } else {
            out.extend_from_slice(b"]}");
        }
        out.extend_from_slice(b"]}}\n");
        self.state = State::Empty;
    }
}

fn write_request(request: Option<&JudgedRequest>, server: SocketAddr, out: &mut Vec<u8>) {
    let [method, target, version] =
        request.map_or([&b""[..]; 3], |request| request.start_line().each_ref().map(|range| request.head().at(range)));
    out.extend_from_slice(br#"{"method":"#);
    string(if method.is_empty() { b"GET" } else { method }, out);
    out.extend_from_slice(br#","url":"#);
    let authority = server.to_string();
    let host = request.and_then(|request| request.head().header("host")).unwrap_or(authority.as_bytes());
    let scheme: &[u8] = if is_secure(host, server) { b"wss://" } else { b"ws://" };
    let url = match target {
        // Whoever imports this wants a whole address.
        [] => [scheme, host, b"/"].concat(),
        [b'/', ..] => [scheme, host, target].concat(),
        _ => target.to_vec(),
    };
    string(&url, out);
    out.extend_from_slice(br#","httpVersion":"#);
    string(version, out);
    out.extend_from_slice(br#","cookies":[],"headers":"#);
    write_headers(request.map(JudgedRequest::head), out);
    out.extend_from_slice(br#","queryString":[],"headersSize":-1,"bodySize":0}"#);
}

/// Whether the client meant `wss`: the host is named without a port, and its port is that scheme's own. Else the address
/// would lead to another port. Of a port that is named, nobody can tell.
fn is_secure(host: &[u8], server: SocketAddr) -> bool {
    let names_port = host.iter().rfind(|byte| !byte.is_ascii_digit()) == Some(&b':');
    server.port() == 443 && !names_port
}

fn write_response(response: Option<&JudgedResponse>, out: &mut Vec<u8>) {
    let [version, _, reason] = response
        .map_or([&b""[..]; 3], |response| response.start_line().each_ref().map(|range| response.head().at(range)));
    let _ = write!(out, r#"{{"status":{},"statusText":"#, response.and_then(JudgedResponse::status).unwrap_or(0));
    string(reason, out);
    out.extend_from_slice(br#","httpVersion":"#);
    string(version, out);
    out.extend_from_slice(br#","cookies":[],"headers":"#);
    write_headers(response.map(JudgedResponse::head), out);
    let content = r#""content":{"size":0,"mimeType":"x-unknown"},"redirectURL":"","headersSize":-1,"bodySize":-1}"#;
    let _ = write!(out, ",{content}");
}

fn write_headers(head: Option<&Head>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, line) in head.into_iter().flat_map(Head::lines).enumerate() {
        let head = head.map_or(&[][..], Head::bytes);
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"name":"#);
        string(head.get(line.name.clone()).unwrap_or_default(), out);
        out.extend_from_slice(br#","value":"#);
        string(head.get(line.value.clone()).unwrap_or_default(), out);
        out.push(b'}');
    }
    out.push(b']');
}

/// A JSON string. What is not UTF-8 becomes U+FFFD.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, &*String::from_utf8_lossy(bytes));
}

/// A moment as ISO 8601 in UTC, with milliseconds, which is as much as HAR's readers take.
fn date(time_ns: u64, out: &mut Vec<u8>) {
    let (days, second) = (time_ns / 86_400_000_000_000, time_ns / 1_000_000_000 % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let millis = time_ns / 1_000_000 % 1000;
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
}

/// Year, month and day of a day since 1970, counted in eras of 400 years that begin in March, so that the leap day
/// comes last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

const BEGINNING: &str = r#"{"log":{"version":"1.2","creator":{"name":"Framescope","version":"#;
const TEXT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{judge_request, judge_response};

    fn archive(write: impl FnOnce(&mut Writer, &mut Vec<u8>)) -> serde_json::Value {
        let (mut writer, mut out) = (Writer::new(), Vec::new());
        write(&mut writer, &mut out);
        writer.finish(&mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    fn connection(started_ns: u64) -> Connection<'static> {
        let server = "[2001:db8::7]:8080".parse().unwrap();
        Connection { started_ns, ended_ns: started_ns + 1_500_000, server, number: 3, request: None, response: None }
    }

    #[test]
    fn an_archive_without_a_connection_is_valid() {
        let archive = archive(|_, _| ());
        assert_eq!(archive["log"]["entries"], serde_json::json!([]));
        assert_eq!(archive["log"]["version"], "1.2");
    }

    #[test]
    fn messages_stand_in_their_connections() {
        let archive = archive(|writer, out| {
            for started in [1_000_000_000, 951_782_400_123_000_000] {
                writer.connection(&connection(started), out);
                writer.message(Direction::ClientToServer, 1_500_000_000, 1, "a \"b\"\n\u{1}é".as_bytes(), out);
                writer.message(Direction::ServerToClient, 1_500_000_007, 2, &[0, 255], out);
                writer.message(Direction::ServerToClient, 1_500_000_007, 1, &[0x61, 255], out);
                writer.message(Direction::ServerToClient, 1_500_000_008, 9, b"", out);
            }
        });
        let entries = archive["log"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        let dates: Vec<_> = entries.iter().map(|entry| entry["startedDateTime"].as_str().unwrap()).collect();
        assert_eq!(dates, ["1970-01-01T00:00:01.000Z", "2000-02-29T00:00:00.123Z"]);
        assert_eq!(entries[0]["time"], 1.5);
        assert_eq!(entries[0]["request"]["url"], "ws://[2001:db8::7]:8080/");
        assert_eq!((&entries[0]["connection"], &entries[0]["_connectionId"]), (&"8080".into(), &"3".into()));
        let messages = entries[0]["_webSocketMessages"].as_array().unwrap();
        let said: Vec<_> =
            messages.iter().map(|message| (&message["type"], &message["opcode"], &message["data"])).collect();
        let expected = serde_json::json!([
            ["send", 1, "a \"b\"\n\u{1}é"],
            ["receive", 2, "AP8="],
            ["receive", 1, "Yf8="],
            ["receive", 9, ""]
        ]);
        assert_eq!(serde_json::json!(said), expected);
        assert_eq!(messages[2]["_encoding"], "base64");
    }

    #[test]
    fn a_url_leads_to_the_port_that_was_talked_to() {
        for (host, server, url) in [
            ("example.com", "192.0.2.7:443", "wss://example.com/chat"),
            ("[::1]", "[::1]:443", "wss://[::1]/chat"),
            ("192.0.2.7", "192.0.2.7:443", "wss://192.0.2.7/chat"),
            ("example.com:443", "192.0.2.7:443", "ws://example.com:443/chat"),
            ("example.com", "192.0.2.7:80", "ws://example.com/chat"),
            ("example.com:8443", "192.0.2.7:8443", "ws://example.com:8443/chat"),
        ] {
            let request = judge_request(format!("GET /chat HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
            let archive = archive(|writer, out| {
                let server = server.parse().unwrap();
                writer.connection(&Connection { server, request: Some(&request), ..connection(0) }, out);
            });
            assert_eq!(archive["log"]["entries"][0]["request"]["url"], url);
        }
    }

    #[test]
    fn the_handshake_is_in_the_entry() {
        let request =
            judge_request(b"GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nX: \xff\r\n\r\n");
        let response =
            judge_response(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", Some(&request));
        let archive = archive(|writer, out| {
            let heads = Connection { request: Some(&request), response: Some(&response), ..connection(0) };
            writer.connection(&heads, out);
        });
        let entry = &archive["log"]["entries"][0];
        assert_eq!(entry["request"]["url"], "ws://example.com/chat?x=1");
        assert_eq!(entry["request"]["headers"][1], serde_json::json!({"name": "Upgrade", "value": "websocket"}));
        assert_eq!(entry["request"]["headers"][2]["value"], "\u{fffd}");
        assert_eq!(entry["response"]["status"], 101);
        assert_eq!(entry["response"]["statusText"], "Switching Protocols");
        assert_eq!(entry["request"]["httpVersion"], "HTTP/1.1");
    }
}
