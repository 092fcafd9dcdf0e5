//! What a decoder says of a message.

use std::fmt::Write as _;

use serde::Serialize;

use crate::capture::visible;

/// A message in the terms of its subprotocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// The subprotocol, as `socket.io`.
    pub protocol: &'static str,
    /// What this is in it, as `event`.
    pub name: String,
    /// The same in a line.
    pub summary: String,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is called.
    pub label: String,
    /// What it says, cut where it is long.
    pub value: String,
    /// What that means.
    pub says: String,
    /// Where that is written.
    pub section: &'static str,
}

impl Decoded {
    pub(super) fn new(protocol: &'static str, name: impl Into<String>) -> Self {
        Self { protocol, name: name.into(), summary: String::new(), parts: Vec::new(), problem: None }
    }

    /// What is not even begun as it should be.
    pub(super) fn wrong(protocol: &'static str, problem: impl Into<String>) -> Self {
        let mut decoded = Self::new(protocol, "malformed");
        decoded.problem(problem);
        decoded.summary = "malformed".into();
        decoded
    }

    pub(super) fn part(&mut self, label: &str, value: &str, says: &str, section: &'static str) {
        match self.parts.len() {
            PARTS_MAX => self.parts.push(Part {
                label: "…".into(),
                value: String::new(),
                says: "Further parts are left out.".into(),
                section: "",
            }),
            0..PARTS_MAX => {
                self.parts.push(Part { label: label.into(), value: shown(value), says: says.into(), section });
            }
            _ => {}
        }
    }

    /// The first problem is the one to mend; others mostly follow from it.
    pub(super) fn problem(&mut self, problem: impl Into<String>) {
        self.problem.get_or_insert_with(|| problem.into());
    }
}

/// Text for one line: cut, and what would break the line, turn its direction or not be seen shown by a sign of its own.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(VALUE_MAX) + 4);
    for (at, character) in text.char_indices() {
        if at >= VALUE_MAX {
            out.push('…');
            break;
        }
        visible::push(character, &mut out);
    }
    out
}

/// Bytes as text where they are, else in hex.
pub(super) fn content(bytes: &[u8]) -> String {
    let looked_at = bytes.get(..VALUE_MAX + 4).unwrap_or(bytes);
    let is_cut = looked_at.len() < bytes.len();
    match std::str::from_utf8(looked_at) {
        Ok(text) if !text.contains('\0') => return text.into(),
        Err(error) if is_cut && error.error_len().is_none() => {
            return String::from_utf8_lossy(looked_at).into_owned();
        }
        _ => {}
    }
    hex(bytes)
}

/// The first bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (place, byte) in bytes.iter().take(HEX_MAX).enumerate() {
        let space = if place == 0 { "" } else { " " };
        let _ = write!(out, "{space}{byte:02x}");
    }
    if bytes.len() > HEX_MAX {
        out.push_str(" …");
    }
    out
}

/// `1 byte`, `2 bytes`.
pub(super) fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}

const VALUE_MAX: usize = 240;
const HEX_MAX: usize = 48;
const PARTS_MAX: usize = 96;
