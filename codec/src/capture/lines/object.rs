//! How an object is written: a member after the other, straight into the line.

use std::fmt::Display;
use std::io::Write;

use super::Place;
use crate::deflate::params::DeflateParams;
use crate::handshake::{Finding, Head};

/// An object being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    pub(super) fn at(place: &Place, out: &'a mut Vec<u8>) -> Self {
        let mut object = Self::new(out);
        object.place(place);
        object
    }

    pub(super) fn event(name: &str, place: &Place, out: &'a mut Vec<u8>) -> Self {
        let mut object = Self::new(out);
        object.text("event", name);
        object.place(place);
        object
    }

    fn place(&mut self, place: &Place) {
        self.number("stream", place.stream);
        for (name, end) in [("src", place.src), ("dst", place.dst)] {
            self.name(name);
            self.display(format_args!("\"{end}\""));
        }
        self.text("dir", place.direction.name());
        self.name("time");
        self.display(format_args!("\"{}.{:09}\"", place.time_ns / 1_000_000_000, place.time_ns % 1_000_000_000));
    }

    /// Names are ours, and need no escapes.
    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn display(&mut self, value: impl Display) {
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{value}");
    }

    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn number(&mut self, name: &str, number: impl Display) {
        self.name(name);
        self.display(number);
    }

    pub(super) fn optional(&mut self, name: &str, number: Option<u16>) {
        match number {
            Some(number) => self.number(name, number),
            None => self.raw(name, "null"),
        }
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        string(text, self.out);
    }

    pub(super) fn text_lossy(&mut self, name: &str, text: &[u8]) {
        self.text(name, &String::from_utf8_lossy(text));
    }

    pub(super) fn texts(&mut self, name: &str, texts: &[String]) {
        self.name(name);
        self.out.push(b'[');
        for (number, text) in texts.iter().enumerate() {
            self.out.extend_from_slice(if number > 0 { b"," } else { b"" });
            string(text, self.out);
        }
        self.out.push(b']');
    }

    pub(super) fn hex(&mut self, name: &str, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.name(name);
        self.out.reserve(2 * bytes.len() + 2);
        self.out.push(b'"');
        for byte in bytes {
            self.out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xF)]]);
        }
        self.out.push(b'"');
    }

    pub(super) fn violations(&mut self, broken: impl Iterator<Item = (&'static str, &'static str, Option<u16>)>) {
        self.name("violations");
        self.out.push(b'[');
        for (number, (rule, section, close_code)) in broken.enumerate() {
            self.out.extend_from_slice(if number > 0 { b"," } else { b"" });
            let mut violation = Object::new(self.out);
            violation.text("rule", rule);
            violation.text("section", section);
            violation.optional("close_code", close_code);
            violation.end();
        }
        self.out.push(b']');
    }

    /// Of a handshake: no code closes what is not open.
    pub(super) fn findings(&mut self, findings: &[Finding]) {
        self.violations(findings.iter().map(|finding| (finding.rule.name(), finding.rule.section(), None)));
    }

    /// The first line and the headers, in pairs, since a name may come twice.
    pub(super) fn head(&mut self, head: &Head) {
        self.text_lossy("start_line", head.at(&head.start_line()).trim_ascii_end());
        self.name("headers");
        self.out.push(b'[');
        for (number, line) in head.lines().iter().enumerate() {
            self.out.extend_from_slice(if number > 0 { b",[" } else { b"[" });
            string(&String::from_utf8_lossy(head.at(&line.name)), self.out);
            self.out.push(b',');
            string(&String::from_utf8_lossy(head.at(&line.value)), self.out);
            self.out.push(b']');
        }
        self.out.push(b']');
        if !head.is_whole() {
            self.raw("whole", "false");
        }
    }

    pub(super) fn deflate(&mut self, deflate: Option<DeflateParams>) {
        let Some(params) = deflate else { return self.raw("deflate", "null") };
        let mut object = self.object("deflate");
        let flag = |is_set| if is_set { "true" } else { "false" };
        object.raw("server_no_context_takeover", flag(params.server_no_context_takeover));
        object.raw("client_no_context_takeover", flag(params.client_no_context_takeover));
        object.number("server_max_window_bits", params.server_max_window_bits.get());
        object.number("client_max_window_bits", params.client_max_window_bits.get());
        object.end();
    }

    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        self.name(name);
        Object::new(self.out)
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    pub(super) fn end_line(self) {
        self.out.extend_from_slice(b"}\n");
    }
}

/// Text as JSON has it.
fn string(text: &str, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, nor can a text be other than a string.
    let _ = serde_json::to_writer(out, text);
}
