//! What is shown of a row: a line of the list, all about it, its bytes.

use std::net::SocketAddr;

use framescope_codec::capture::insight::Finding;
use framescope_codec::capture::{Direction, What};
use framescope_codec::dissect::{Dissection, Inflation};
use framescope_codec::{MessageKind, Opcode, close_code_name};

use super::entry::{Entry, Kind, flag};
use super::objects::{Count, Details, Fragment, MessageInfo, Row};
use super::store::{Extra, Span};
use super::{Capture, fields, preview};

impl Capture {
    /// Everything about one row; `None` if it is not held.
    pub fn details(&mut self, index: u64) -> Option<Details> {
        let row = self.row(index)?;
        let entry = *self.store.get(index)?;
        let [source, destination] = self.ends(&entry).map(|ends| ends.map(|end| end.to_string())).unwrap_or_default();
        let mut details = Details {
            row,
            source,
            destination,
            fields: Vec::new(),
            violations: Vec::new(),
            header_length: 0,
            payload_missing: Count(0),
            message: None,
            handshake: None,
        };
        if let Some(dissection) = self.dissection(index) {
            details.fields = fields::of_frame(&dissection);
            details.violations = fields::violations(&dissection);
            details.header_length = dissection.header.encoded_len();
            details.payload_missing = Count(dissection.payload_missing);
            details.message = self.message_info(index, &entry, &dissection);
        }
        if let Some(Extra::Handshake(handshake)) = self.store.extra(index) {
            details.fields = handshake.fields();
            details.violations = handshake.violations();
            details.header_length = handshake.head().bytes().len();
            details.handshake = Some(handshake.info());
        }
        Some(details)
    }

    /// A row's bytes as they were on the wire, as far as they were captured; none for a gap.
    pub fn wire(&mut self, index: u64) -> Option<Vec<u8>> {
        let entry = self.store.get(index).filter(|entry| entry.kind != Kind::Removed)?;
        if entry.is_frame() {
            return Some(self.bytes_of(entry, WIRE_MAX).unwrap_or_default().into_owned());
        }
        match self.store.extra(index) {
            Some(Extra::Handshake(handshake)) => Some(handshake.head().bytes().to_vec()),
            _ => Some(Vec::new()),
        }
    }

    /// A masked frame's bytes with the payload unmasked; `None` for what is not masked.
    pub fn unmasked(&mut self, index: u64) -> Option<Vec<u8>> {
        let entry = self.store.get(index).filter(|entry| entry.is_frame() && entry.has(flag::MASKED))?;
        let mut bytes = self.bytes_of(entry, WIRE_MAX)?.into_owned();
        let header = self.header(entry)?;
        if let (Some(key), Some(payload)) = (header.masking_key, bytes.get_mut(header.encoded_len()..)) {
            key.apply(payload, 0);
        }
        Some(bytes)
    }

    /// The message that this row completes, inflated; of a control frame, its payload.
    pub fn message(&mut self, index: u64) -> Option<Vec<u8>> {
        message_bytes(&*self.dissection(index)?).map(<[u8]>::to_vec)
    }

    /// That message as JSON in lines, if it is JSON.
    pub fn message_json(&mut self, index: u64) -> Option<String> {
        message_bytes(&*self.dissection(index)?).and_then(preview::pretty_json)
    }

    /// Sender and receiver.
    pub(super) fn ends(&self, entry: &Entry) -> Option<[SocketAddr; 2]> {
        Some(self.connections.get(entry.connection)?.ends(entry.direction()?))
    }

    /// One line of the list, in which each frame has one.
    pub(super) fn row(&self, index: u64) -> Option<Row> {
        let entry = self.store.get(index).filter(|entry| entry.kind != Kind::Removed)?;
        let time_ns = entry.time_ns;
        let mut row = Row {
            index,
            source: self.source_of(entry),
            kind: entry.kind.name(),
            time: (time_ns / 1_000_000_000, u32::try_from(time_ns % 1_000_000_000).unwrap_or_default()),
            since_start: self.since_start(entry),
            since_previous: self.since_previous(index, entry),
            connection: self.connections.get(entry.connection).map(|_| u64::from(entry.connection) + 1),
            direction: entry.direction().map(Direction::name),
            name: entry.kind.name(),
            fin: false,
            rsv: 0,
            masked: false,
            wire: Count(0),
            payload_length: Count(0),
            inflated: None,
            fragment: None,
            preview: String::new(),
            preview_kind: "words",
            violations: Vec::new(),
            findings: self.noticed(index).iter().map(Finding::name).collect(),
            colour: self.colour_of(index),
            found: self.is_found(index),
            round_trip: self.store.round_trip(index),
        };
        match self.store.extra(index) {
            Some(Extra::Handshake(handshake)) => {
                row.name = handshake.name();
                row.wire = Count(handshake.head().bytes().len() as u64);
                row.preview = handshake.start_line_text();
                row.preview_kind = "text";
                row.violations = handshake.findings().iter().map(|finding| finding.rule.name()).collect();
            }
            Some(Extra::Said(what)) => {
                if let What::Gap { missing, .. } = **what {
                    row.wire = Count(missing);
                }
                row.preview = self.words(entry, what);
            }
            Some(Extra::Fault(words)) => row.preview = words.to_string(),
            None => {}
        }
        if entry.is_frame() {
            self.fill(&mut row, index, entry);
        }
        Some(row)
    }

    /// What a row says that is neither a frame nor a head.
    pub(super) fn words(&self, entry: &Entry, what: &What) -> String {
        what.words(self.connections.get(entry.connection).is_some_and(|known| known.in_process))
    }

    fn fill(&self, row: &mut Row, index: u64, entry: &Entry) {
        let length = self.store.length(index, entry);
        row.name = entry.opcode().name();
        row.fin = entry.fin();
        row.rsv = entry.rsv().bits();
        row.masked = entry.has(flag::MASKED);
        row.wire = Count(length.saturating_add(u64::from(entry.header_len)));
        row.payload_length = Count(length);
        row.inflated = self.store.inflated(index, entry).map(Count);
        let span = self.store.span(entry);
        if let Some(span) = span {
            row.fragment = Some(Fragment {
                message: u64::from(span.number) + 1,
                number: entry.fragment + 1,
                of: span.of(),
                first_row: span.first_row.max(self.store.first()),
                last_row: span.of().map(|_| span.latest_row()),
            });
        }
        row.violations = entry.rules().map(framescope_codec::Violation::name).collect();
        (row.preview, row.preview_kind) = self.frame_preview(index, entry, span);
    }

    fn frame_preview(&self, index: u64, entry: &Entry, span: Option<&Span>) -> (String, &'static str) {
        let opcode = entry.opcode();
        if entry.has(flag::COMPRESSED) {
            let dissection = if entry.has(flag::LAST) { self.dissection(index) } else { None };
            return match dissection.as_deref().and_then(message_bytes) {
                Some(inflated) => shown(span.map_or(opcode, |span| span.opcode), inflated),
                None => ("compressed; inflated with its last fragment".into(), "words"),
            };
        }
        let payload = self.payload_of(entry, preview::LOOKED_AT + 1).unwrap_or_default();
        if opcode == Opcode::Close {
            return match payload.split_first_chunk() {
                Some((code, reason)) => (close_preview(u16::from_be_bytes(*code), reason), "text"),
                None => (String::new(), "text"),
            };
        }
        if opcode.is_control() || opcode.is_reserved() {
            return if preview::begins_readable(&payload) {
                (preview::text(&payload), "text")
            } else {
                (preview::bytes(&payload), "hex")
            };
        }
        shown(span.map_or(opcode, |span| span.opcode), &payload)
    }

    /// The row that completes the message of this one.
    fn last_row(&self, index: u64, entry: &Entry) -> Option<u64> {
        match self.store.span(entry) {
            None => Some(index),
            Some(span) => span.of().map(|_| span.latest_row()),
        }
    }

    fn message_info(&self, index: u64, entry: &Entry, dissection: &Dissection) -> Option<MessageInfo> {
        if dissection.header.opcode.is_control() {
            let payload = message_bytes(dissection)?;
            return Some(MessageInfo {
                number: None,
                kind: dissection.header.opcode.name(),
                length: payload.len(),
                compressed: false,
                inflation: inflation_words(Inflation::NotNeeded),
                whole: dissection.payload_missing == 0,
                fragments: 1,
                first_row: Some(index),
                last_row: index,
                is_json: preview::is_json(payload),
                bad_byte: None,
            });
        }
        let fragment = dissection.fragment?;
        let last_row = self.last_row(index, entry)?;
        let last = self.dissection(last_row)?;
        let message = last.message.as_ref()?;
        let payload = message_bytes(&last)?;
        let kind = message.kind.map(|kind| match kind {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        });
        let bad_byte = std::str::from_utf8(payload).err().map(|error| error.valid_up_to());
        let first_row = self.store.span(entry).map_or(index, |span| span.first_row);
        Some(MessageInfo {
            number: Some(fragment.message + 1),
            kind: kind.unwrap_or("binary"),
            length: payload.len(),
            compressed: message.compressed,
            inflation: inflation_words(message.inflation),
            whole: message.payload_is_whole,
            fragments: message.fragments,
            first_row: Some(first_row.max(self.store.first())),
            last_row,
            is_json: preview::is_json(payload),
            bad_byte: bad_byte.filter(|_| message.kind == Some(MessageKind::Text) && message.payload_is_whole),
        })
    }
}

/// The message that a frame completes, or the payload of a control frame.
pub(super) fn message_bytes(dissection: &Dissection) -> Option<&[u8]> {
    match &dissection.message {
        Some(message) => Some(&message.payload),
        None if dissection.header.opcode.is_control() => Some(&dissection.payload),
        None => None,
    }
}

pub(super) fn shown(kind: Opcode, payload: &[u8]) -> (String, &'static str) {
    if kind == Opcode::Text || (kind == Opcode::Continuation && preview::begins_readable(payload)) {
        (preview::text(payload), "text")
    } else {
        (preview::bytes(payload), "hex")
    }
}

const fn inflation_words(inflation: Inflation) -> &'static str {
    match inflation {
        Inflation::NotNeeded => "not compressed",
        Inflation::Done => "inflated",
        Inflation::Failed => "cannot be inflated: not valid DEFLATE data",
        Inflation::HistoryMissing => "cannot be inflated: what it refers back to was not captured",
    }
}

fn close_preview(code: u16, reason: &[u8]) -> String {
    let name = close_code_name(code);
    if reason.is_empty() { format!("{code} {name}") } else { format!("{code} {name}: {}", preview::text(reason)) }
}

/// More than this of one frame is not given out at once.
const WIRE_MAX: usize = 64 << 20;
