//! HAR (HTTP Archive 1.2) with `_webSocketMessages`, as the network panels of browsers and several proxies write it.
//!
//! Each entry with messages becomes a connection. Entries come one after another, however their times overlap.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::tap::Flow;
use super::super::{Direction, Origin};
use super::json::Value;
use super::rebuilt;
use super::{Format, PIECE};
use crate::capture::pcapng::{self, Fault, FaultKind};

/// Writes entries as connections.
#[derive(Debug, Default)]
pub(super) struct Har {
    connections: u32,
    entry: Option<Entry>,
    has_odd_messages: bool,
}

/// An entry of which messages have still to be written.
#[derive(Debug)]
struct Entry {
    text: Vec<u8>,
    /// Where its messages are in the text, and where the next one is among them.
    messages: Range<usize>,
    at: usize,
    offset: u64,
    flow: Flow,
    time_ns: u64,
    is_cut: bool,
}

impl Har {
    /// Takes an entry; its messages follow by and by.
    pub(super) fn entry(&mut self, text: Vec<u8>, offset: u64, is_cut: bool, out: &mut Vec<u8>) {
        let entry = Fields::read(Value(&text));
        let status = entry.response.and_then(|response| response.get("status")).and_then(Value::integer);
        let request_head = entry.request.and_then(request_head);
        if entry.messages.is_none() && (request_head.is_none() || status.is_none()) {
            return;
        }
        if self.connections == 0 {
            pcapng::write_start_about("rebuilt from HAR", out);
        }
        let url = entry.request.and_then(|request| request.get("url")).and_then(Value::text).unwrap_or_default();
        let ip = entry.server_ip.and_then(Value::text);
        let ip = ip.and_then(|ip| ip.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let (client, server) = rebuilt::ends(self.connections, ip, rebuilt::port_and_target(&url).0);
        self.connections += 1;
        let messages = entry.messages.unwrap_or(Value(b""));
        let first = messages.elements().next();
        let first_ns = first.and_then(|message| message.get("time")).and_then(Value::billionths);
        let started_ns = entry.started.and_then(Value::text).and_then(|date| date_ns(&date));
        let time_ns = started_ns.or(first_ns).unwrap_or(0).min(first_ns.unwrap_or(u64::MAX));
        let mut flow = Flow::new(client, server).rebuilt_from(Origin::Har);
        match (request_head, entry.response) {
            (Some(request), Some(response)) if status == Some(101) || first.is_none() => {
                flow.open(time_ns, out);
                flow.bytes(Direction::ClientToServer, time_ns, &request, out);
                flow.bytes(Direction::ServerToClient, time_ns, &response_head(response), out);
            }
            // Without an answer that agrees to it, no handshake leads to messages.
            _ => {
                flow.join_without_handshake(time_ns, out);
                Direction::BOTH.into_iter().for_each(|direction| flow.boundary(direction));
            }
        }
        let at = messages.0.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        let messages = if messages.0.is_empty() { 0..0 } else { at..at + messages.0.len() };
        self.entry = Some(Entry { text, messages, at: 0, offset, flow, time_ns, is_cut });
    }

    /// Whether there was no connection yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.connections == 0
    }

    /// Whether messages have still to be written.
    pub(super) const fn is_busy(&self) -> bool {
        self.entry.is_some()
    }

    /// Writes the next messages of the entry.
    pub(super) fn messages(&mut self, out: &mut Vec<u8>, faults: &mut VecDeque<Fault>) {
        let Some(mut entry) = self.entry.take() else { return };
        let mut frame = Vec::new();
        let mut pause = None;
        let text = std::mem::take(&mut entry.text);
        let messages = &text[entry.messages.clone()];
        for (message, behind) in Value(messages).elements_from(entry.at) {
            let is_read = write_message(message, &mut entry.flow, &mut entry.time_ns, &mut frame, out);
            let is_last_and_cut = entry.is_cut && behind == messages.len();
            if !is_read && !is_last_and_cut && !std::mem::replace(&mut self.has_odd_messages, true) {
                let says = "messages that are neither sent nor received, or have no opcode, are left out";
                faults.push_back(Fault { offset: entry.offset, kind: FaultKind::Within(Format::Har, says) });
            }
            if out.len() >= PIECE {
                pause = Some(behind);
                break;
            }
        }
        if let Some(at) = pause {
            (entry.at, entry.text) = (at, text);
            self.entry = Some(entry);
        }
    }
}

/// What matters of an entry. Messages may be most of a large file, so it is gone through once.
#[derive(Default)]
struct Fields<'a> {
    messages: Option<Value<'a>>,
    request: Option<Value<'a>>,
    response: Option<Value<'a>>,
    server_ip: Option<Value<'a>>,
    started: Option<Value<'a>>,
}

impl<'a> Fields<'a> {
    fn read(entry: Value<'a>) -> Self {
        let mut fields = Self::default();
        for (key, value) in entry.members() {
            let field = match key {
                b"_webSocketMessages" => &mut fields.messages,
                b"request" => &mut fields.request,
                b"response" => &mut fields.response,
                b"serverIPAddress" => &mut fields.server_ip,
                b"startedDateTime" => &mut fields.started,
                _ => continue,
            };
            field.get_or_insert(value);
        }
        fields
    }
}

/// False if it is no message.
fn write_message(
    message: Value<'_>,
    flow: &mut Flow,
    time_ns: &mut u64,
    frame: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> bool {
    let (mut direction, mut opcode, mut data, mut is_encoded) = (None, None, None, false);
    for (key, value) in message.members() {
        match key {
            b"type" if value.0 == b"\"send\"" => direction = Some(Direction::ClientToServer),
            b"type" if value.0 == b"\"receive\"" => direction = Some(Direction::ServerToClient),
            b"time" => *time_ns = value.billionths().unwrap_or(*time_ns),
            b"opcode" => opcode = value.integer().and_then(|opcode| u8::try_from(opcode).ok()),
            b"data" => data = value.text(),
            b"_encoding" => is_encoded = true,
            _ => {}
        }
    }
    let (Some(direction), Some(opcode @ 0..16), Some(data)) = (direction, opcode, data) else { return false };
    frame.clear();
    let decoded = if opcode == 1 && !is_encoded { None } else { BASE64.decode(data.as_bytes()).ok() };
    let payload = decoded.as_deref().unwrap_or(data.as_bytes());
    rebuilt::frame(opcode, direction == Direction::ClientToServer, payload, frame);
    flow.bytes(direction, *time_ns, frame, out);
    true
}

/// The head of a request that asks for WebSocket; `None` if its headers are not recorded.
fn request_head(request: Value<'_>) -> Option<Vec<u8>> {
    let url = request.get("url").and_then(Value::text).unwrap_or_default();
    let method = request.get("method").and_then(Value::text).unwrap_or_default();
    let mut head = Vec::new();
    rebuilt::head_line(&[&method, " ", rebuilt::port_and_target(&url).1, " HTTP/1.1"], &mut head);
    let asks = headers(request, &mut head);
    asks.then_some(head)
}

fn response_head(response: Value<'_>) -> Vec<u8> {
    let status = response.get("status").and_then(Value::integer).unwrap_or_default();
    let reason = response.get("statusText").and_then(Value::text).unwrap_or_default();
    let mut head = Vec::new();
    rebuilt::head_line(&["HTTP/1.1 ", &status.to_string(), " ", &reason], &mut head);
    headers(response, &mut head);
    head
}

/// Appends the headers and an empty line; true if one of them is of WebSocket.
fn headers(side: Value<'_>, head: &mut Vec<u8>) -> bool {
    let mut asks = false;
    for header in side.get("headers").into_iter().flat_map(Value::elements) {
        let (Some(name), Some(value)) =
            (header.get("name").and_then(Value::text), header.get("value").and_then(Value::text))
        else {
            continue;
        };
        // Those of HTTP/2 that stand in for the first line.
        if name.is_empty() || name.starts_with(':') {
            continue;
        }
        asks |= name.eq_ignore_ascii_case("sec-websocket-key") || name.eq_ignore_ascii_case("upgrade");
        rebuilt::head_line(&[&name, ": ", &value], head);
    }
    rebuilt::head_line(&[], head);
    asks
}

/// `2026-11-22T12:00:00.250Z`, or with an offset in place of the `Z`, as nanoseconds since 1970.
fn date_ns(date: &str) -> Option<u64> {
    let number = |range: Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = date.get(19..)?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = fraction.trim_start_matches('.');
    let fraction = fraction.get(..fraction.len().min(9))?;
    let nanos = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? };
    let nanos = nanos * 10_i64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let offset = match zone.as_bytes() {
        [sign @ (b'+' | b'-'), ..] => {
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let minutes =
                digits.get(..2)?.parse::<i64>().ok()? * 60 + digits.get(2..4).unwrap_or("00").parse::<i64>().ok()?;
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => 0,
    };
    // Days since 1970 in the calendar that begins years in March, when leap days come last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    u64::try_from(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_browsers_and_proxies_write_them() {
        let check = |date: &str, ns: Option<u64>| assert_eq!(date_ns(date), ns, "{date}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2023-11-14T22:13:20.250Z", Some(1_700_000_000_250_000_000));
        check("2023-11-15T00:13:20.25+02:00", Some(1_700_000_000_250_000_000));
        check("2023-11-14T20:43:20-0130", Some(1_700_000_000_000_000_000));
        check("2024-02-29T12:00:00.123456789Z", Some(1_709_208_000_123_456_789));
        check("yesterday", None);
        // Nine bytes that end within a letter.
        check("2023-11-14T22:13:20.00000000\u{fffd}Z", None);
        check("1969-12-31T23:59:59Z", None);
    }
}
