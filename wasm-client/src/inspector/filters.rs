//! The filter language for a page: problems with places as JavaScript counts them, completion with what the rows at
//! hand have, and help.

use framescope_codec::capture::filter::{self, FIELDS, Field, Filter, Problem, Type};
use serde::Serialize;
use std::net::SocketAddr;

use super::connections::Heads;
use super::details::message_bytes;
use super::objects::FilterProblem;
use super::{Capture, preview};

/// What there is to say about a text that is to be a filter.
#[derive(Debug, Serialize)]
pub struct FilterCheck {
    problem: Option<FilterProblem>,
    /// The filter in words.
    says: Option<String>,
}

/// What could stand at a place.
#[derive(Debug, Serialize)]
pub struct Completion {
    from: usize,
    to: usize,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    text: String,
    detail: String,
    kind: &'static str,
}

/// What a filter can ask about.
#[derive(Debug, Serialize)]
pub struct FieldHelp {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    says: &'static str,
    example: &'static str,
    values: Vec<&'static str>,
    aliases: &'static [&'static str],
}

impl Capture {
    /// Whether a text is a filter, and what that says.
    #[must_use]
    pub fn check_filter(&self, text: &str) -> FilterCheck {
        match Filter::parse(text) {
            Ok(filter) => FilterCheck { problem: None, says: Some(filter.describe()) },
            Err(problem) => FilterCheck { problem: Some(FilterProblem::new(problem, text)), says: None },
        }
    }

    /// What could stand at a place, in UTF-16 units.
    #[must_use]
    pub fn complete_filter(&self, text: &str, at: u64) -> Completion {
        let at = utf16_to_byte(text, usize::try_from(at).unwrap_or(usize::MAX));
        let filter::Completion { place, items } = filter::complete(text, at, &|field| self.known_values(field));
        let item = |item: filter::Item| Item { text: item.text, detail: item.detail, kind: item.kind.name() };
        Completion {
            from: byte_to_utf16(text, place.start),
            to: byte_to_utf16(text, place.end),
            items: items.into_iter().map(item).collect(),
        }
    }

    /// Everything a filter can ask about.
    #[must_use]
    pub fn filter_fields(&self) -> Vec<FieldHelp> {
        let help = |info: &filter::FieldInfo| {
            let mut values: Vec<_> = match info.kind {
                Type::Rules => filter::names_of(info.field).map(|(_, name, _)| name).collect(),
                _ => info.values.iter().map(|value| value.name).collect(),
            };
            values.dedup();
            FieldHelp {
                name: info.name,
                kind: info.kind.name(),
                says: info.says,
                example: info.example,
                values,
                aliases: info.aliases,
            }
        };
        FIELDS.iter().map(help).collect()
    }

    /// The values that a field has among the rows held, as far as they are cheap to tell.
    fn known_values(&self, field: Field) -> Vec<(String, String)> {
        match field {
            Field::Connection => {
                let numbers = self.connections.iter().filter(|(_, connection)| connection.rows > 0);
                let says = |heads: &Heads| heads.target.to_string();
                let named = |connection: &super::connections::Connection| {
                    connection.heads.as_deref().map_or_else(String::new, says)
                };
                numbers.take(NAMED_MAX).map(|(number, known)| ((number + 1).to_string(), named(known))).collect()
            }
            Field::Source => {
                self.sources().into_iter().map(|source| (source.name.to_owned(), source.kind.to_owned())).collect()
            }
            Field::Json => self.json_places(),
            Field::Host => self.known_heads(|heads| heads.host.as_deref()),
            Field::Origin => self.known_heads(|heads| heads.origin.as_deref()),
            Field::Target => self.known_heads(|heads| Some(&heads.target)),
            Field::Path => self.known_heads(|heads| heads.target.split('?').next()),
            Field::Subprotocol => self.known_heads(|heads| heads.subprotocol.as_deref()),
            Field::Client => self.known_ends(|[client, _]| client.ip().to_string()),
            Field::Server => self.known_ends(|[_, server]| server.ip().to_string()),
            Field::Port => self.known_ends(|[_, server]| server.port().to_string()),
            _ => Vec::new(),
        }
    }

    /// What the opening handshakes said, each thing once.
    fn known_heads(&self, part: fn(&Heads) -> Option<&str>) -> Vec<(String, String)> {
        once(self.connections.iter().filter_map(|(_, known)| part(known.heads.as_deref()?).map(str::to_owned)))
    }

    fn known_ends(&self, part: fn([SocketAddr; 2]) -> String) -> Vec<(String, String)> {
        once(self.connections.iter().map(|(_, known)| part(known.ends)))
    }

    /// The places of values in the latest messages that are JSON, each with a value.
    fn json_places(&self) -> Vec<(String, String)> {
        let mut places: Vec<(String, String)> = Vec::new();
        let first = self.end().saturating_sub(MESSAGES_LOOKED_INTO).max(self.store.first());
        // Forwards, since what is compressed is read on from what is before it.
        for index in first..self.end() {
            let Some(dissection) = self.dissection(index) else { continue };
            let content = message_bytes(&dissection).filter(|content| content.len() <= MESSAGE_LOOKED_INTO);
            filter::json_places(content.unwrap_or_default(), &mut |place, value| {
                if places.len() < NAMED_MAX && !places.iter().any(|(known, _)| known == place) {
                    places.push((place.to_owned(), preview::text(&value[..value.len().min(40)])));
                }
            });
        }
        places
    }
}

/// Each thing once, in order.
fn once(all: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut known: Vec<String> = all.filter(|value| !value.is_empty()).take(CONNECTIONS_LOOKED_AT).collect();
    known.sort_unstable();
    known.dedup();
    known.truncate(NAMED_MAX);
    known.into_iter().map(|value| (value, String::new())).collect()
}

impl FilterProblem {
    /// What is wrong with this text.
    pub(super) fn new(problem: Problem, text: &str) -> Self {
        let place = problem.place();
        let (from, to) = (byte_to_utf16(text, place.start), byte_to_utf16(text, place.end));
        Self { message: problem.message, from, to, hint: problem.hint, rule: None }
    }
}

/// Messages of a connection are mostly alike, so the latest will do; long ones are left out.
const MESSAGES_LOOKED_INTO: u64 = 100;
const MESSAGE_LOOKED_INTO: usize = 64 << 10;
/// A completion is asked for with each letter typed.
const CONNECTIONS_LOOKED_AT: usize = 10_000;
/// More connections than anybody looks through.
const NAMED_MAX: usize = 500;

fn byte_to_utf16(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].encode_utf16().count()
}

fn utf16_to_byte(text: &str, at: usize) -> usize {
    let mut units = 0;
    for (byte, character) in text.char_indices() {
        if units >= at {
            return byte;
        }
        units += character.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use framescope_codec::capture::{Direction, pcapng, tap::Flow};

    use super::*;

    #[test]
    fn places_are_counted_as_javascript_counts_them() {
        let text = "\"\u{1F600}é\" and opcode = x";
        let problem = Capture::new().check_filter(text).problem.unwrap();
        assert_eq!((problem.from, problem.to), (17, 18));
        let completion = Capture::new().complete_filter("\"\u{1F600}\" and opco", 13);
        assert_eq!((completion.from, completion.to, &*completion.items[0].text), (9, 13, "opcode"));
        assert_eq!(utf16_to_byte("\u{1F600}a", 1), 4, "never within a character");
        assert_eq!(utf16_to_byte("a", 9), 1);
    }

    #[test]
    fn what_the_rows_at_hand_have_is_offered() {
        let mut bytes = Vec::new();
        pcapng::write_start(&mut bytes);
        let mut flow = Flow::new("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        let request = b"GET /chat?a=1 HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let response = b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        flow.bytes(Direction::ClientToServer, 1, request, &mut bytes);
        flow.bytes(Direction::ServerToClient, 2, response, &mut bytes);
        flow.bytes(Direction::ServerToClient, 3, b"\x81\x10{\"a\":{\"type\":1}}", &mut bytes);
        let mut capture = Capture::new();
        capture.add_source("tap", "");
        capture.feed(0, &bytes);
        let offered = |text: &str| {
            let items = capture.complete_filter(text, text.len() as u64).items;
            items.into_iter().map(|item| (item.text, item.detail)).next().unwrap_or_default()
        };
        assert_eq!(offered("json.ty"), ("json.a.type".into(), "1".into()));
        assert_eq!(offered("host == ").0, "example.org");
        assert_eq!(offered("path == ").0, "/chat");
        assert_eq!(offered("conn == "), ("1".into(), "/chat?a=1".into()));
    }
}
