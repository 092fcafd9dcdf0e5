//! Rows out of the capture again: as pcapng, as HAR, as JSON lines; and message by message, for who follows, compares
//! or replays a connection.
//!
//! An export is made piece by piece, so that a million frames never stand in memory as text, and whoever asked for it
//! can stop.

use framescope_codec::capture::{CapturedFrame, Event, Pieces, What as Happened, lines};
use framescope_codec::{DeflateParams, Dissector};
use serde::Serialize;

mod archive;
mod packets;
mod rows;

use super::Capture;
use super::entry::Kind;
use super::handshake::Handshake;
use super::sources::Saved;
use super::store::Extra;
use archive::Archive;
use packets::Packets;
use rows::{Rows, Step};

/// An export under way.
#[derive(Debug)]
pub(super) struct Export {
    rows: Rows,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// The blocks as they came.
    Saved(Saved),
    Packets(Packets),
    Archive(Box<Archive>),
    Lines,
}

/// What is to be exported as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSpec {
    /// As which kind of file.
    pub format: ExportFormat,
    /// Which rows.
    pub rows: ExportRows,
}

/// The kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Every byte as it was on the wire.
    Pcapng,
    /// Handshakes and messages.
    Har,
    /// An object for each row, as `framescope decode` prints them.
    Lines,
}

impl ExportFormat {
    /// By the name that the page has for it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "pcapng" => Some(Self::Pcapng),
            "har" => Some(Self::Har),
            "jsonl" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// The rows that are exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportRows {
    /// All that are held.
    All,
    /// What is listed.
    View,
    /// These.
    Listed(Vec<u64>),
}

/// A message or control frame of a connection.
#[derive(Debug, Serialize)]
pub struct StreamMessage {
    row: u64,
    direction: &'static str,
    kind: &'static str,
    length: usize,
    /// Nanoseconds since the earliest row.
    at: u64,
    /// The same for the same content.
    hash: String,
}

impl Capture {
    /// Begins an export, in place of one that may be under way.
    pub fn export_begin(&mut self, spec: ExportSpec) {
        let is_all = spec.rows == ExportRows::All;
        let rows = Rows::new(spec.rows, self);
        let form = match spec.format {
            ExportFormat::Pcapng if is_all => Form::Saved(Saved::default()),
            ExportFormat::Pcapng => Form::Packets(Packets::default()),
            ExportFormat::Har => Form::Archive(Box::default()),
            ExportFormat::Lines => Form::Lines,
        };
        self.export = Some(Box::new(Export { rows, form }));
    }

    /// The next piece of the export, which may be empty; `None` once it is whole.
    pub fn export_next(&mut self) -> Option<Vec<u8>> {
        let mut export = self.export.take()?;
        let mut out = Vec::new();
        let is_done = match &mut export.form {
            Form::Saved(saved) => !self.sources.save(saved, &self.connections, self.store.first(), &mut out),
            Form::Packets(packets) => packets.write(self, &mut export.rows, &mut out),
            Form::Archive(archive) => archive.write(self, &mut export.rows, &mut out),
            Form::Lines => self.write_lines(&mut export.rows, &mut out),
        };
        if !is_done {
            self.export = Some(export);
        }
        if out.is_empty() && is_done { None } else { Some(out) }
    }

    /// The messages and control frames of a connection, in order, that stand behind the row `after`; from the first if
    /// that is -1.
    pub fn messages_of(&mut self, connection: u32, after: i64, count: usize) -> Vec<StreamMessage> {
        let Some(connection) = connection.checked_sub(1) else { return Vec::new() };
        let Some(known) = self.connections.get(connection) else { return Vec::new() };
        let from = u64::try_from(after.saturating_add(1)).unwrap_or(0).max(self.store.first()).max(known.first_row);
        let mut messages = Vec::new();
        for row in from..=known.last_row {
            if messages.len() >= count {
                break;
            }
            if self.connection_of(row) == Some(connection)
                && let Some(message) = self.stream_message(row)
            {
                messages.push(message);
            }
        }
        messages
    }

    fn stream_message(&mut self, row: u64) -> Option<StreamMessage> {
        let event = self.event(row)?;
        let Happened::Frame(frame) = &event.what else { return None };
        let (kind, payload) = said(frame)?;
        Some(StreamMessage {
            row,
            direction: event.direction.name(),
            kind,
            length: payload.len(),
            at: self.span.since(event.time_ns),
            hash: format!("{:016x}", fnv(payload)),
        })
    }

    /// The rules that a frame breaks by itself, as if nothing had been said before it.
    pub fn rules_alone(&mut self, index: u64) -> Vec<&'static str> {
        let Some(Event { direction, what: Happened::Frame(frame), .. }) = self.event(index) else { return Vec::new() };
        let has_rsv1 = frame.dissection.header.rsv.bits() & 4 != 0;
        let mut dissector = Dissector::new(direction.sender(), has_rsv1.then_some(DeflateParams::DEFAULT));
        dissector.feed(&self.wire(index).unwrap_or_default());
        let alone = dissector.finish();
        alone.iter().flat_map(|frame| &frame.violations).map(|found| found.violation.name()).collect()
    }

    /// True once all rows are written.
    fn write_lines(&mut self, rows: &mut Rows, out: &mut Vec<u8>) -> bool {
        while out.len() < PIECE {
            let row = match rows.next(self) {
                Step::Row(row) => row,
                step => return step == Step::End,
            };
            if let Some(event) = self.event(row) {
                lines::event(&event, out);
                lines::findings(&lines::Place::of(&event), self.noticed(row), out);
            }
        }
        false
    }

    fn connection_of(&self, index: u64) -> Option<u32> {
        Some(self.store.get(index)?.connection).filter(|connection| *connection != super::entry::NONE)
    }

    fn is_handshake(&self, index: u64) -> bool {
        self.store.get(index).is_some_and(|entry| matches!(entry.kind, Kind::Request | Kind::Response))
    }

    /// What the codec said when it read this row.
    pub(super) fn event(&mut self, index: u64) -> Option<Event> {
        let entry = self.store.get(index).copied().filter(|entry| entry.kind != Kind::Removed)?;
        let connection = self.connections.get(entry.connection)?;
        let in_process = connection.in_process;
        let [src, dst] = self.ends(&entry)?;
        let what = match self.store.extra(index) {
            Some(Extra::Handshake(Handshake::Request(request))) => Happened::Request(request.clone()),
            Some(Extra::Handshake(Handshake::Response(response))) => Happened::Response(response.clone()),
            Some(Extra::Said(what)) => (**what).clone(),
            Some(Extra::Fault(_)) => return None,
            None => {
                let dissection = (*self.dissection(index)?).clone();
                let began_ns = entry.time_ns.saturating_sub(self.store.took(&entry));
                let (pieces, checkpoint) = (Pieces::default(), None);
                Happened::Frame(Box::new(CapturedFrame { dissection, began_ns, pieces, checkpoint }))
            }
        };
        Some(Event {
            stream: entry.connection,
            direction: entry.direction()?,
            src,
            dst,
            in_process,
            time_ns: entry.time_ns,
            what,
        })
    }

    /// What a connection agreed on about compression, if it is known to be open.
    pub(super) fn agreed(&self, connection: u32) -> Option<Option<DeflateParams>> {
        self.connections.get(connection)?.agreed
    }
}

/// What a frame says as a whole: the message that it completes, or its own payload if it is a control frame.
fn said(frame: &CapturedFrame) -> Option<(&'static str, &[u8])> {
    let dissection = &frame.dissection;
    if dissection.header.opcode.is_control() {
        return Some((dissection.header.opcode.name(), &dissection.payload));
    }
    let message = dissection.message.as_ref()?;
    let kind = match message.kind {
        Some(framescope_codec::MessageKind::Text) => "text",
        _ => "binary",
    };
    Some((kind, &message.payload))
}

/// FNV-1a: tells contents apart for whoever compares, and is nothing to trust.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// About so much is written before the worker hears other questions again.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests;
