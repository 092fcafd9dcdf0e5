//! A capture as a conversation: one line per event, for people.

use std::io::Write;

use framescope_codec::capture::insight::Findings;
use framescope_codec::capture::{Direction, End, Event, What, visible};
use framescope_codec::dissect::{Dissection, Inflation};
use framescope_codec::{MessageKind, Opcode, Rsv, close_code_name};

/// Knows when the capture began.
#[derive(Debug, Default)]
pub(super) struct Text {
    start_ns: Option<u64>,
}

impl Text {
    /// Appends the lines of an event. Writing to a vector cannot fail.
    pub(super) fn event(&mut self, event: &Event, findings: Findings, out: &mut Vec<u8>) {
        let start = self.pass(event);
        let since = event.time_ns.saturating_sub(start) / 1000;
        let sign = match event.direction {
            Direction::ClientToServer => '>',
            Direction::ServerToClient => '<',
        };
        let _ = write!(out, "{:>6}.{:06} {:>4} {sign} ", since / 1_000_000, since % 1_000_000, event.stream);
        let _ = match &event.what {
            What::Request(request) => {
                let line = request.head().at(&request.head().start_line());
                write!(out, "{}  (from {} to {})", preview(line.trim_ascii_end()), event.src, event.dst)
            }
            What::Response(response) => {
                let line = response.head().at(&response.head().start_line());
                let agreed = ["sec-websocket-protocol", "sec-websocket-extensions"]
                    .into_iter()
                    .filter_map(|name| response.head().header(name))
                    .fold(String::new(), |agreed, value| format!("{agreed}; {}", preview(value)));
                write!(out, "{}{agreed}", preview(line.trim_ascii_end()))
            }
            What::Frame(frame) => write!(out, "{}", frame_words(&frame.dissection)),
            What::JoinedLate { deflate } => {
                let agreed = if deflate.is_some() { "permessage-deflate" } else { "no extension" };
                write!(out, "-- the capture begins when this connection was open already; agreed: {agreed}")
            }
            What::Gap { missing, .. } => write!(out, "-- {missing} bytes were not captured"),
            What::End(End::Finished) => write!(out, "-- has sent all it had (TCP FIN)"),
            What::End(End::Reset) => write!(out, "-- broke the connection off (TCP RST)"),
            What::Note(note) => write!(out, "-- {note}"),
        };
        out.push(b'\n');
        let _ = broken(event)
            .into_iter()
            .chain(findings.iter().map(|found| (found.name(), found.section(), found.says())))
            .try_for_each(|(name, section, says)| writeln!(out, "{:>20} {name}: {says} ({section})", "!!"));
    }

    /// When the capture began, which may be with this event though it is not shown.
    pub(super) fn pass(&mut self, event: &Event) -> u64 {
        *self.start_ns.get_or_insert(event.time_ns)
    }
}

fn broken(event: &Event) -> Vec<(&'static str, &'static str, &'static str)> {
    let findings = match &event.what {
        What::Frame(frame) => {
            let rules = frame.dissection.violations.iter().map(|found| found.violation);
            return rules.map(|rule| (rule.name(), rule.section(), rule.says())).collect();
        }
        What::Request(request) => request.findings(),
        What::Response(response) => response.findings(),
        _ => return Vec::new(),
    };
    findings.iter().map(|found| (found.rule.name(), found.rule.section(), found.rule.says())).collect()
}

/// What a frame is, and what it says.
fn frame_words(frame: &Dissection) -> String {
    let header = &frame.header;
    let mut words = header.opcode.name().to_owned();
    let mut add = |more: &str| words.push_str(more);
    if header.rsv.bits() & !Rsv::RSV1.bits() != 0 {
        add(&format!(" RSV {}", header.rsv.bits()));
    }
    if let Some(fragment) = frame.fragment.filter(|fragment| fragment.index > 0 || !header.fin) {
        add(&format!(", fragment {}{}", fragment.index + 1, if header.fin { " and last" } else { "" }));
    }
    add(&format!(", {} bytes", header.payload_length.get()));
    if frame.payload_missing > 0 {
        add(&format!(", {} of them not captured", frame.payload_missing));
    }
    let Some(message) = &frame.message else {
        match (&frame.close, header.opcode) {
            (Some(close), _) => {
                let code = close.code.map_or_else(String::new, |code| format!(": {code} {}", close_code_name(code)));
                add(&code);
                if !close.reason.is_empty() {
                    add(&format!(" {}", preview(&close.reason)));
                }
            }
            (None, Opcode::Ping | Opcode::Pong) if !frame.payload.is_empty() => {
                add(&format!(": {}", either(&frame.payload)));
            }
            _ => {}
        }
        return words;
    };
    match message.inflation {
        Inflation::NotNeeded => {}
        Inflation::Done => add(&format!(", inflated {}", message.payload.len())),
        Inflation::Failed => add(", cannot be inflated"),
        Inflation::HistoryMissing => add(", cannot be inflated: what it refers to was not captured"),
    }
    if message.kind == Some(MessageKind::Text) {
        add(&format!(": {}", preview(&message.payload)));
    } else {
        add(&format!(": {}", either(&message.payload)));
    }
    words
}

/// Text where it is some, otherwise hex.
fn either(bytes: &[u8]) -> String {
    let is_readable = |text: &str| !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    if std::str::from_utf8(bytes).is_ok_and(is_readable) {
        return preview(bytes);
    }
    let mut hex: String = bytes.iter().take(HEX_SHOWN).map(|byte| format!("{byte:02x} ")).collect();
    hex.pop();
    if bytes.len() > HEX_SHOWN {
        hex.push('…');
    }
    hex
}

/// Text on one line that does nothing to a terminal: what cannot be seen, or would do something, is shown by a sign.
pub(super) fn preview(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(TEXT_SHOWN)];
    let text = String::from_utf8_lossy(shown);
    let is_cut = shown.len() < bytes.len();
    // The cut itself is not shown as bad UTF-8.
    let text = if is_cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        visible::push(character, &mut out);
    }
    if is_cut {
        out.push('…');
    }
    out
}

/// As much of a text as one reads in a list.
const TEXT_SHOWN: usize = 2000;
const HEX_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_capture_reaches_the_terminal_as_it_is() {
        assert_eq!(preview(b"a\x1b[31m\r\nb\x07"), "a␛[31m␍␊b␇");
        assert_eq!(preview("\u{202E}x\u{9b}".as_bytes()), "⟨U+202E⟩x⟨U+009B⟩");
        assert_eq!(either(b"\x00\xff"), "00 ff");
        assert_eq!(either(b"two\nlines"), "two␊lines");
        let long = "é".repeat(TEXT_SHOWN);
        assert_eq!(preview(long.as_bytes()), format!("{}…", "é".repeat(TEXT_SHOWN / 2)));
        assert_eq!(preview(format!("x{long}").as_bytes()), format!("x{}…", "é".repeat(TEXT_SHOWN / 2 - 1)));
    }
}
