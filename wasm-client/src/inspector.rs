//! The codec's view of a capture as plain objects.
//!
//! A [`Capture`] takes pcapng from several sources as it comes, keeps what it shows within a budget, and
//! answers questions about single rows: a line of the list, all about a frame, its bytes, its message; and about
//! which rows are listed. Nothing in here depends on a browser; `bind.rs` puts it before JavaScript.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use framescope_codec::capture::Direction;
use framescope_codec::capture::insight::Insight;
use framescope_codec::dissect::{Dissection, Inflation};
use framescope_codec::{MessageKind, Opcode, close_code_name};

mod blocks;
mod dissection;
mod export;
mod fields;
mod filters;
mod handshake;
mod insight;
mod json;
mod objects;
mod paged;
mod preview;
mod records;
mod search;
mod sources;
mod time;
mod twins;
mod view;

pub use dissection::{dissect, dissection_json, explain};
pub use export::{ExportFormat, ExportRows, ExportSpec};
pub use filters::{Completion, FieldHelp, FilterCheck};
pub use objects::{Details, Explained, Row, SourceInfo, Status};

use handshake::Handshake;
use objects::{Count, Fragment, MessageInfo};
pub use search::SearchSpec;
pub use view::{ColourRule, ViewSpec};

use search::Search;
use sources::Sources;
use view::View;

/// What came from all sources, row by row.
#[derive(Debug)]
pub struct Capture {
    sources: Sources,
    rows: VecDeque<Entry>,
    /// The index of the row in front.
    first: u64,
    /// Messages of more than one frame that have rows.
    messages: HashMap<MessageKey, Span>,
    tally: Tally,
    budget: usize,
    /// The time of the first row since the capture began or was cleared.
    start_ns: Option<u64>,
    last_ns: u64,
    view: View,
    search: Option<Search>,
    insight: Insight,
    /// What is being taken out.
    export: Option<Box<export::Export>>,
    /// Grows when what was shown before may look different.
    generation: u64,
}

/// One row, and all that is known of it.
#[derive(Debug)]
struct Entry {
    source: u32,
    /// When it was complete; what is wrong with the capture itself has no time of its own.
    time_ns: Option<u64>,
    since_previous: i64,
    connection: Option<u32>,
    direction: Option<Direction>,
    /// Who sent it, and to whom.
    ends: Option<[SocketAddr; 2]>,
    what: What,
}

/// What a row is about.
#[derive(Debug)]
enum What {
    Frame(Box<Dissection>),
    Handshake(Handshake),
    /// So many bytes were not captured.
    Gap(u64, String),
    /// A connection, or one direction of it, is over.
    End(String),
    Note(String),
}

/// The connection, the direction, and the message's number in it.
type MessageKey = (u32, Direction, u64);

/// Where a message of several frames stands in the list.
#[derive(Clone, Copy, Debug)]
struct Span {
    first_row: u64,
    latest_row: u64,
    opcode: Opcode,
    compressed: bool,
    /// How many frames it has, once the last was seen.
    of: Option<u32>,
}

/// Counts over the rows held.
#[derive(Debug, Default)]
struct Tally {
    held: usize,
    dropped: u64,
    frames: u64,
    violations: u64,
    rows_of: HashMap<u32, u64>,
}

impl Capture {
    /// What a page may hold unless it says otherwise: enough for some hundred thousand frames, and little beside
    /// what a browser takes for itself.
    pub const BUDGET: usize = 256 << 20;

    /// An empty capture.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sources: Sources::default(),
            rows: VecDeque::new(),
            first: 0,
            messages: HashMap::new(),
            tally: Tally::default(),
            budget: Self::BUDGET,
            start_ns: None,
            last_ns: 0,
            view: View::default(),
            search: None,
            insight: Insight::new(),
            export: None,
            generation: 0,
        }
    }

    /// Sets how many bytes may be held; the oldest rows go first.
    pub fn set_budget(&mut self, bytes: usize) {
        self.budget = bytes;
        self.keep_within_budget();
    }

    /// The capture as a whole.
    #[must_use]
    pub fn status(&self) -> Status<'_> {
        Status {
            first: self.first,
            end: self.end(),
            dropped: self.tally.dropped,
            held: self.held(),
            budget: self.budget,
            connections: self.tally.rows_of.len(),
            frames: self.tally.frames,
            violations: self.tally.violations,
            trouble: self.sources.trouble(),
            view: self.view_state(),
            search: self.search_state(),
            sources: self.sources.count(),
            start_ns: self.start_ns.unwrap_or_default().to_string(),
            duration_ns: self.last_ns.saturating_sub(self.start_ns.unwrap_or(self.last_ns)),
            generation: self.generation,
        }
    }

    /// The rows from `from` on, `count` at most, as far as they are held.
    pub fn rows(&mut self, from: u64, count: usize) -> Vec<Row> {
        let skipped = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let missing = usize::try_from(self.first.saturating_sub(from)).unwrap_or(usize::MAX);
        let rows = self.rows.iter().enumerate().skip(skipped).take(count.saturating_sub(missing));
        rows.map(|(place, entry)| self.row(self.first + place as u64, entry)).collect()
    }

    /// Everything about one row; `None` if it is not held.
    #[must_use]
    pub fn details(&mut self, index: u64) -> Option<Details> {
        let entry = self.entry(index)?;
        let row = self.row(index, entry);
        let [source, destination] = entry.ends.map(|ends| ends.map(|end| end.to_string())).unwrap_or_default();
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
            decoded: None,
        };
        match &entry.what {
            What::Frame(dissection) => {
                details.fields = fields::of_frame(dissection);
                details.violations = fields::violations(dissection);
                details.header_length = dissection.header.encoded_len();
                details.payload_missing = Count(dissection.payload_missing);
                details.message = self.message_info(index, entry, dissection);
                details.decoded = self.decoded(index, entry, dissection);
            }
            What::Handshake(handshake) => {
                details.fields = handshake.fields();
                details.violations = handshake.violations();
                details.header_length = handshake.head().bytes().len();
                details.handshake = Some(handshake.info());
            }
            What::Gap(..) | What::End(_) | What::Note(_) => {}
        }
        Some(details)
    }

    /// A row's bytes as they were on the wire, as far as they were captured; none for a gap.
    #[must_use]
    pub fn wire(&mut self, index: u64) -> Option<Vec<u8>> {
        match &self.entry(index)?.what {
            What::Frame(dissection) => {
                let mut bytes = frame_bytes(dissection);
                if let Some(key) = dissection.header.masking_key {
                    key.apply(&mut bytes[dissection.header.encoded_len()..], 0);
                }
                Some(bytes)
            }
            What::Handshake(handshake) => Some(handshake.head().bytes().to_vec()),
            What::Gap(..) | What::End(_) | What::Note(_) => Some(Vec::new()),
        }
    }

    /// A masked frame's bytes with the payload unmasked; `None` for what is not masked.
    #[must_use]
    pub fn unmasked(&mut self, index: u64) -> Option<Vec<u8>> {
        match &self.entry(index)?.what {
            What::Frame(dissection) if dissection.header.masking_key.is_some() => Some(frame_bytes(dissection)),
            _ => None,
        }
    }

    /// The message that this row completes, inflated; of a control frame, its payload.
    #[must_use]
    pub fn message(&mut self, index: u64) -> Option<Vec<u8>> {
        self.message_at(index).map(<[u8]>::to_vec)
    }

    fn message_at(&self, index: u64) -> Option<&[u8]> {
        match &self.entry(index)?.what {
            What::Frame(dissection) => message_bytes(dissection),
            _ => None,
        }
    }

    /// That message as JSON in lines, if it is JSON.
    #[must_use]
    pub fn message_json(&mut self, index: u64) -> Option<String> {
        self.message_at(index).and_then(preview::pretty_json)
    }

    /// What is held as a pcapng file: the blocks as they came, behind the section and interfaces they belong to.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.sources.save()
    }

    /// Forgets every row. What is known of the connections stays, so that what comes next is still understood.
    pub fn clear(&mut self) {
        self.first = self.end();
        self.rows.clear();
        self.sources.clear();
        self.messages.clear();
        self.tally = Tally::default();
        self.insight.clear(self.first);
        self.start_ns = None;
        self.restart_view();
        self.restart_search();
        self.generation += 1;
    }

    fn end(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    fn held(&self) -> usize {
        self.tally.held + self.sources.held()
    }

    fn entry(&self, index: u64) -> Option<&Entry> {
        self.rows.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    fn push(&mut self, mut entry: Entry) {
        let index = self.end();
        let time_ns = *entry.time_ns.get_or_insert(self.last_ns);
        let start = *self.start_ns.get_or_insert(time_ns);
        let previous = if self.rows.is_empty() { start } else { self.last_ns };
        entry.since_previous = time_ns.wrapping_sub(previous).cast_signed();
        self.last_ns = time_ns;
        if let What::Frame(dissection) = &mut entry.what {
            share_payload(dissection);
        }
        if let What::Frame(dissection) = &entry.what {
            self.tally.frames += 1;
            if let (Some(key), Some(fragment)) = (entry.message_key(), dissection.fragment) {
                let span = self.messages.entry(key).or_insert_with(|| Span {
                    first_row: index,
                    latest_row: index,
                    opcode: dissection.header.opcode,
                    compressed: dissection.inflated_len.is_some(),
                    of: None,
                });
                span.latest_row = index;
                span.of = dissection.header.fin.then_some(fragment.index + 1);
            }
        }
        self.tally.violations += entry.what.violation_count() as u64;
        self.tally.held += entry.cost();
        if let Some(connection) = entry.connection {
            *self.tally.rows_of.entry(connection).or_default() += 1;
        }
        self.sources.gain_row(entry.source);
        self.rows.push_back(entry);
    }

    fn keep_within_budget(&mut self) {
        // A little more than needed, so that a full capture does not drop with every packet.
        if self.held() <= self.budget {
            return;
        }
        let wanted = self.budget - self.budget / 16;
        while self.held() > wanted {
            let Some(rows_end) = self.sources.drop_oldest() else { break };
            while self.first < rows_end {
                self.drop_row();
            }
        }
        self.forget_dropped();
        self.generation += 1;
    }

    fn drop_row(&mut self) {
        let index = self.first;
        let Some(entry) = self.rows.pop_front() else { return };
        self.sources.lose_row(entry.source);
        self.first += 1;
        self.tally.dropped += 1;
        self.tally.held -= entry.cost();
        self.tally.violations -= entry.what.violation_count() as u64;
        if let Some(connection) = entry.connection
            && let Some(rows) = self.tally.rows_of.get_mut(&connection)
        {
            *rows -= 1;
            if *rows == 0 {
                self.tally.rows_of.remove(&connection);
            }
        }
        if matches!(entry.what, What::Frame(_)) {
            self.tally.frames -= 1;
        }
        if let Some(key) = entry.message_key()
            && self.messages.get(&key).is_some_and(|span| span.latest_row == index)
        {
            self.messages.remove(&key);
        }
    }

    fn row(&self, index: u64, entry: &Entry) -> Row {
        let time_ns = entry.time_ns.unwrap_or_default();
        let mut row = Row {
            index,
            source: entry.source,
            kind: entry.what.kind(),
            time: (time_ns / 1_000_000_000, u32::try_from(time_ns % 1_000_000_000).unwrap_or_default()),
            since_start: time_ns.wrapping_sub(self.start_ns.unwrap_or(time_ns)).cast_signed(),
            since_previous: entry.since_previous,
            connection: entry.connection.map(|number| u64::from(number) + 1),
            direction: entry.direction.map(Direction::name),
            name: entry.what.kind(),
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
            colour: None,
            found: self.is_found(index),
            round_trip: None,
            subprotocol: None,
        };
        match &entry.what {
            What::Frame(dissection) => self.fill(&mut row, entry, dissection),
            What::Handshake(handshake) => {
                row.name = handshake.name();
                row.wire = Count(handshake.head().bytes().len() as u64);
                row.preview = handshake.start_line_text();
                row.preview_kind = "text";
                row.violations = handshake.findings().iter().map(|finding| finding.rule.name()).collect();
            }
            What::Gap(missing, words) => {
                row.wire = Count(*missing);
                row.preview.clone_from(words);
            }
            What::End(words) | What::Note(words) => row.preview.clone_from(words),
        }
        row
    }

    fn fill(&self, row: &mut Row, entry: &Entry, dissection: &Dissection) {
        let index = row.index;
        let header = &dissection.header;
        let length = header.payload_length.get();
        row.name = header.opcode.name();
        row.fin = header.fin;
        row.rsv = header.rsv.bits();
        row.masked = header.masking_key.is_some();
        row.wire = Count(length.saturating_add(header.encoded_len() as u64));
        row.payload_length = Count(length);
        row.inflated = dissection.inflated_len.map(Count);
        let span = self.span(entry);
        if let (Some(fragment), Some(span)) = (dissection.fragment, span) {
            row.fragment = Some(Fragment {
                message: fragment.message + 1,
                number: fragment.index + 1,
                of: span.of,
                first_row: span.first_row.max(self.first),
                last_row: span.of.map(|_| span.latest_row),
            });
        }
        row.violations = dissection.violations.iter().map(|found| found.violation.name()).collect();
        (row.preview, row.preview_kind) = frame_preview(dissection, span);
        row.round_trip = self.round_trip(index, entry, dissection);
        row.subprotocol = self.subprotocol(index, entry, dissection);
    }

    fn span(&self, entry: &Entry) -> Option<Span> {
        self.messages.get(&entry.message_key()?).copied()
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
        let span = self.span(entry);
        let last_row = match span {
            None => index,
            Some(span) => span.of.map(|_| span.latest_row)?,
        };
        let What::Frame(last) = &self.entry(last_row)?.what else { return None };
        let message = last.message.as_ref()?;
        let payload = message_bytes(last)?;
        let kind = message.kind.map(|kind| match kind {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        });
        let bad_byte = std::str::from_utf8(payload).err().map(|error| error.valid_up_to());
        Some(MessageInfo {
            number: Some(fragment.message + 1),
            kind: kind.unwrap_or("binary"),
            length: payload.len(),
            compressed: message.compressed,
            inflation: inflation_words(message.inflation),
            whole: message.payload_is_whole,
            fragments: message.fragments,
            first_row: Some(span.map_or(index, |span| span.first_row).max(self.first)),
            last_row,
            is_json: preview::is_json(payload),
            bad_byte: bad_byte.filter(|_| message.kind == Some(MessageKind::Text) && message.payload_is_whole),
        })
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// The message it has a part in, if that has other parts too.
    fn message_key(&self) -> Option<MessageKey> {
        let What::Frame(dissection) = &self.what else { return None };
        let fragment = dissection.fragment?;
        let is_alone = fragment.index == 0 && dissection.header.fin;
        if is_alone { None } else { Some((self.connection?, self.direction?, fragment.message)) }
    }

    /// The bytes it takes up.
    fn cost(&self) -> usize {
        let content = match &self.what {
            What::Frame(dissection) => {
                let message = dissection.message.as_ref().map_or(0, |message| message.payload.len());
                size_of::<Dissection>() + dissection.payload.len() + message
            }
            What::Handshake(handshake) => 4 * handshake.head().bytes().len(),
            What::Gap(_, words) | What::End(words) | What::Note(words) => words.len(),
        };
        size_of::<Self>() + content
    }
}

impl What {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Frame(_) => "frame",
            Self::Handshake(_) => "handshake",
            Self::Gap(..) => "gap",
            Self::End(_) => "end",
            Self::Note(_) => "note",
        }
    }

    fn violation_count(&self) -> usize {
        match self {
            Self::Frame(dissection) => dissection.violations.len(),
            Self::Handshake(handshake) => handshake.findings().len(),
            Self::Gap(..) | Self::End(_) | Self::Note(_) => 0,
        }
    }
}

/// A message of one plain frame is its payload: held once.
fn share_payload(dissection: &mut Dissection) {
    if let Some(message) = &mut dissection.message
        && message.fragments == 1
        && !message.compressed
        && message.payload == dissection.payload
    {
        message.payload = Vec::new();
    }
    dissection.payload.shrink_to_fit();
}

/// The message that a frame completes, wherever [`share_payload`] left it.
fn message_bytes(dissection: &Dissection) -> Option<&[u8]> {
    match &dissection.message {
        Some(message) if message.fragments == 1 && !message.compressed => Some(&dissection.payload),
        Some(message) => Some(&message.payload),
        None if dissection.header.opcode.is_control() => Some(&dissection.payload),
        None => None,
    }
}

/// Header and unmasked payload.
fn frame_bytes(dissection: &Dissection) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(dissection.header.encoded_len() + dissection.payload.len());
    dissection.header.encode(&mut bytes);
    bytes.extend_from_slice(&dissection.payload);
    bytes
}

fn frame_preview(dissection: &Dissection, span: Option<Span>) -> (String, &'static str) {
    let payload = &dissection.payload[..];
    let opcode = dissection.header.opcode;
    if let Some(close) = &dissection.close {
        return (close_preview(close.code, &close.reason), "text");
    }
    if opcode.is_control() || opcode.is_reserved() {
        return if preview::is_readable(payload) {
            (preview::text(payload), "text")
        } else {
            (preview::bytes(payload), "hex")
        };
    }
    let compressed = dissection.inflated_len.is_some() || span.is_some_and(|span| span.compressed);
    let shown = if compressed {
        match message_bytes(dissection) {
            Some(inflated) => inflated,
            None => return ("compressed; inflated with its last fragment".into(), "words"),
        }
    } else {
        payload
    };
    let kind = span.map_or(opcode, |span| span.opcode);
    if kind == Opcode::Text || (kind == Opcode::Continuation && preview::is_readable(shown)) {
        (preview::text(shown), "text")
    } else {
        (preview::bytes(shown), "hex")
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

fn close_preview(code: Option<u16>, reason: &[u8]) -> String {
    let Some(code) = code else { return String::new() };
    let name = close_code_name(code);
    if reason.is_empty() { format!("{code} {name}") } else { format!("{code} {name}: {}", preview::text(reason)) }
}

#[cfg(test)]
mod explained;
#[cfg(test)]
mod tests;
