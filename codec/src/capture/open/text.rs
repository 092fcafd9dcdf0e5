//! Bytes written as text: hex dumps and base64, of captures, of packets, or of frames.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::Direction;
use super::super::packet::{Captured, LINK_TYPES};
use super::super::pcapng::{self, Fault, FaultKind};
use super::bare::{Bare, Fit};
use super::hex::{self, Kind};
use super::input::Input;
use super::{Format, Opener, PIECE, Step, sniff};

/// Reads lines.
#[derive(Debug)]
pub(super) struct Text {
    format: Format,
    /// How many others this one is in.
    depth: u8,
    /// How much of the input was searched for the end of a line.
    searched: usize,
    /// Who sends what follows, by a mark that stands alone.
    sticky: Option<Direction>,
    /// Where each dump goes on: of the client, the server, or of whom nobody knows.
    expected: [u64; 3],
    was_unindented: bool,
    /// The next dump is another view of what was seen already.
    skips_next: bool,
    skips: bool,
    last_line: Vec<u8>,
    repeats: bool,
    chunk: Chunk,
    chunks: Vec<Chunk>,
    chunks_len: usize,
    mode: Mode,
    has_ended: bool,
    was_damaged: bool,
}

/// Bytes that belong together: a packet, a line, or what one side says at a time.
#[derive(Debug, Default)]
struct Chunk {
    direction: Option<Direction>,
    missing: u64,
    bytes: Vec<u8>,
    has_offsets: bool,
}

#[derive(Debug)]
enum Mode {
    Undecided,
    /// The bytes are a file themselves.
    File(Box<Opener>),
    /// Each chunk is a packet.
    Packets,
    Stream(Box<Bare>),
    Refused,
}

impl Text {
    pub(super) fn new(format: Format, depth: u8) -> Self {
        Self {
            format,
            depth,
            searched: 0,
            sticky: None,
            expected: [0; 3],
            was_unindented: false,
            skips_next: false,
            skips: false,
            last_line: Vec::new(),
            repeats: false,
            chunk: Chunk::default(),
            chunks: Vec::new(),
            chunks_len: 0,
            mode: Mode::Undecided,
            has_ended: false,
            was_damaged: false,
        }
    }

    pub(super) const fn inner(&self) -> Option<&Opener> {
        match &self.mode {
            Mode::File(inner) => Some(inner),
            _ => None,
        }
    }

    pub(super) fn step(&mut self, input: &mut Input, faults: &mut VecDeque<Fault>) -> Step {
        if let Mode::File(inner) = &mut self.mode {
            let bytes = inner.next_bytes();
            while let Some(fault) = inner.next_fault() {
                faults.push_back(fault);
            }
            if let Some(bytes) = bytes {
                return Step::Bytes(bytes);
            }
        }
        if matches!(self.mode, Mode::Refused) {
            return Step::Over;
        }
        let mut out = Vec::new();
        let mut work = 0;
        while out.len() < PIECE && work < PIECE {
            let rest = input.rest();
            let end = rest[self.searched..].iter().position(|byte| *byte == b'\n');
            let len = match end {
                Some(end) => self.searched + end + 1,
                None if !input.has_ended => {
                    self.searched = rest.len();
                    break;
                }
                None if rest.is_empty() => {
                    if !self.has_ended {
                        self.has_ended = true;
                        self.finish(input.offset(), &mut out, faults);
                        work = PIECE;
                    }
                    break;
                }
                None => rest.len(),
            };
            self.searched = 0;
            let line = String::from_utf8_lossy(&rest[..len]);
            let offset = input.offset();
            if self.format == Format::Base64 {
                self.base64(&line)
            } else {
                self.hex(&line, offset, &mut out, faults)
            }
            input.advance(len);
            work += len;
            self.flush(&mut out, faults, offset);
        }
        match out.is_empty() {
            false => Step::Bytes(out),
            true if work > 0 => Step::Again,
            true => Step::Wait,
        }
    }

    fn base64(&mut self, line: &str) {
        let (direction, data) = hex::mark(line.trim());
        let data = data.trim();
        let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
        if data.is_empty() || data.starts_with("-----") {
            self.sticky = direction.or(self.sticky);
            return;
        }
        let direction = direction.or(self.sticky);
        // Lines that tools broke are a multiple of four long, and any that is padded is whole by itself.
        match decode(data) {
            Some(bytes) => self.add(direction, 0, &bytes, None),
            None => self.was_damaged = true,
        }
        self.end_chunk();
    }

    fn hex(&mut self, line: &str, at: u64, out: &mut Vec<u8>, faults: &mut VecDeque<Fault>) {
        // As Wireshark writes the two sides of a stream as arrays of C.
        let peers = [("peer0_", Direction::ClientToServer), ("peer1_", Direction::ServerToClient)];
        if let Some((_, direction)) = peers.iter().find(|(name, _)| line.contains(name)) {
            self.end_chunk();
            self.sticky = Some(*direction);
            return;
        }
        let side = |direction: Option<Direction>| direction.map_or(2, Direction::index);
        let read = hex::read(line, self.expected[side(self.chunk.direction)]);
        let is_server_beside = read.is_indented && self.was_unindented && read.offset.is_some();
        match read.kind {
            Kind::Nothing | Kind::Text => {}
            Kind::Mark => {
                self.end_chunk();
                self.sticky = read.direction;
            }
            Kind::Label(name) => self.skips_next = name != "Frame",
            Kind::Repeat => self.repeats = true,
            Kind::Bytes(bytes) => {
                let mut direction = read.direction.or(self.sticky);
                if is_server_beside && direction.is_none() {
                    direction = Some(Direction::ServerToClient);
                }
                self.was_unindented |= !read.is_indented;
                let Some(offset) = read.offset else {
                    // A line for itself.
                    self.end_chunk();
                    self.add(direction, 0, &bytes, None);
                    self.end_chunk();
                    return;
                };
                let expected = self.expected[side(direction)];
                if std::mem::take(&mut self.repeats) && offset > expected {
                    if offset - expected > REPEATED_MAX || self.last_line.is_empty() {
                        faults.push_back(Fault {
                            offset: at,
                            kind: FaultKind::Within(self.format, "more repeated lines than are read"),
                        });
                        return;
                    }
                    let len = usize::try_from(offset - expected).unwrap_or_default();
                    let repeated: Vec<u8> = self.last_line.iter().copied().cycle().take(len).collect();
                    self.add(direction, 0, &repeated, Some(expected));
                    self.expected[side(direction)] = offset;
                    self.flush(out, faults, at);
                }
                let expected = self.expected[side(direction)];
                if offset == 0 && !bytes.is_empty() && (expected > 0 || self.skips_next || self.skips) {
                    self.end_chunk();
                    self.expected[side(direction)] = 0;
                    self.skips = std::mem::take(&mut self.skips_next);
                } else if offset < expected {
                    self.end_chunk();
                    self.expected[side(direction)] = offset;
                }
                let is_first = self.expected[side(direction)] == 0;
                let missing = if is_first { 0 } else { offset.saturating_sub(expected) };
                if missing > 0 && !std::mem::replace(&mut self.was_damaged, true) {
                    let kind = FaultKind::Within(self.format, "lines are missing in front of this one");
                    faults.push_back(Fault { offset: at, kind });
                }
                if !self.skips {
                    self.add(direction, missing.min(MISSING_MAX), &bytes, Some(offset));
                }
                self.expected[side(direction)] = offset + bytes.len() as u64;
                if !bytes.is_empty() {
                    self.last_line = bytes;
                }
            }
        }
    }

    /// Goes on with the chunk, or begins one.
    fn add(&mut self, direction: Option<Direction>, missing: u64, bytes: &[u8], offset: Option<u64>) {
        if bytes.is_empty() {
            return;
        }
        if missing > 0 || direction != self.chunk.direction {
            self.end_chunk();
            self.chunk = Chunk { direction, missing, ..Chunk::default() };
        }
        self.chunk.has_offsets |= offset.is_some();
        self.chunk.bytes.extend_from_slice(bytes);
    }

    fn end_chunk(&mut self) {
        let direction = self.chunk.direction;
        let chunk = std::mem::replace(&mut self.chunk, Chunk { direction, ..Chunk::default() });
        if !chunk.bytes.is_empty() {
            self.chunks_len += chunk.bytes.len();
            self.chunks.push(chunk);
        }
    }

    /// Hands on what is there, once it is known what it is.
    fn flush(&mut self, out: &mut Vec<u8>, faults: &mut VecDeque<Fault>, at: u64) {
        if matches!(self.mode, Mode::Undecided) {
            if self.chunks_len + self.chunk.bytes.len() < DECIDED {
                return;
            }
            let is_under_way = !self.chunk.bytes.is_empty();
            self.end_chunk();
            self.decide(out, faults, at);
            if is_under_way && matches!(self.mode, Mode::Packets) {
                // The dump of this packet goes on.
                self.chunk = self.chunks.pop().unwrap_or_default();
            }
        }
        let is_packets = matches!(self.mode, Mode::Packets);
        if !is_packets && self.chunk.bytes.len() >= FLUSHED {
            self.end_chunk();
        } else if is_packets && self.chunk.bytes.len() > PACKET_MAX {
            self.chunk.bytes.clear();
        }
        self.chunks_len = 0;
        for chunk in std::mem::take(&mut self.chunks) {
            match &mut self.mode {
                Mode::File(inner) => inner.feed(&chunk.bytes),
                Mode::Packets => write_packet(&chunk.bytes, out),
                Mode::Stream(bare) => bare.bytes(chunk.direction, chunk.missing, &chunk.bytes, out),
                Mode::Undecided | Mode::Refused => {}
            }
        }
    }

    fn finish(&mut self, at: u64, out: &mut Vec<u8>, faults: &mut VecDeque<Fault>) {
        self.end_chunk();
        if matches!(self.mode, Mode::Undecided) {
            self.decide(out, faults, at);
        }
        self.flush(out, faults, at);
        match &mut self.mode {
            Mode::File(inner) => inner.finish(),
            Mode::Stream(bare) => bare.finish(out),
            Mode::Undecided | Mode::Packets | Mode::Refused => {}
        }
        if self.format == Format::Base64 && self.was_damaged && !matches!(self.mode, Mode::Refused) {
            let kind = FaultKind::Within(self.format, "lines that are no base64 are left out");
            faults.push_back(Fault { offset: at, kind });
        }
    }

    /// Finds out what the bytes are.
    fn decide(&mut self, out: &mut Vec<u8>, faults: &mut VecDeque<Fault>, at: u64) {
        let chunks = &self.chunks;
        let is_marked = chunks.iter().any(|chunk| chunk.direction.is_some());
        let whole: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.bytes.iter().copied()).take(SAMPLE).collect();
        if !is_marked && self.depth < super::DEPTH_MAX && sniff::has_magic(&whole) {
            self.mode = Mode::File(Box::new(Opener::at_depth(self.depth + 1)));
            return;
        }
        let has_offsets = chunks.iter().any(|chunk| chunk.has_offsets);
        if let Some(link_type) = has_offsets.then(|| link_type(chunks)).flatten() {
            pcapng::write_foreign_start(link_type, 0, 9, out);
            self.mode = Mode::Packets;
            return;
        }
        let fit = Fit::of(&whole);
        let each_fits = || chunks.iter().all(|chunk| Fit::of(&chunk.bytes).is_exact);
        if !chunks.is_empty() && (fit.will_do() || is_marked || each_fits()) {
            let chunks = chunks.iter().map(|chunk| (chunk.direction, chunk.bytes.as_slice()));
            self.mode = Mode::Stream(Box::new(Bare::new(chunks, out)));
            return;
        }
        self.mode = Mode::Refused;
        let kind = FaultKind::Within(self.format, "these bytes are no capture, no packets, and no frames");
        faults.push_back(Fault { offset: if chunks.is_empty() { at } else { 0 }, kind });
    }
}

/// The kind of packets that most of the chunks are.
fn link_type(chunks: &[Chunk]) -> Option<u16> {
    let read = |link_type: u16| {
        let is_read = |chunk: &&Chunk| chunk.direction.is_none() && Captured::read(link_type, &chunk.bytes).is_ok();
        chunks.iter().filter(is_read).count()
    };
    LINK_TYPES
        .into_iter()
        .map(|link_type| (link_type, read(link_type)))
        .filter(|(_, count)| *count > 0)
        .rev()
        .max_by_key(|(_, count)| *count)
        .map(|(link_type, _)| link_type)
}

fn write_packet(bytes: &[u8], out: &mut Vec<u8>) {
    pcapng::write_captured(0, bytes, u32::try_from(bytes.len()).unwrap_or(u32::MAX), out);
}

/// With either alphabet, padded or not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let is_of_urls = text.contains(['-', '_']);
    let alphabet = if is_of_urls { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config).decode(text.as_bytes()).ok()
}

/// What a text seems to be, by its first lines.
pub(super) fn sniff(text: &str, is_all: bool) -> Option<Format> {
    let mut lines: Vec<&str> = text.lines().collect();
    if !is_all && lines.len() > 1 {
        // It may be cut off.
        lines.pop();
    }
    let lines: Vec<&str> = lines.into_iter().map(str::trim).filter(|line| !line.is_empty()).collect();
    let read: Vec<_> = lines.iter().map(|line| hex::read(line, 0)).collect();
    let with_bytes = read.iter().filter(|line| matches!(line.kind, Kind::Bytes(_))).count();
    let with_offset = read.iter().filter(|line| line.offset.is_some()).count();
    let text = read.iter().filter(|line| line.kind == Kind::Text).count();
    if with_offset > 0 || (with_bytes > 0 && text <= with_bytes) {
        return Some(Format::Hex);
    }
    let is_base64 = |line: &&str| {
        let (_, data) = hex::mark(line);
        let data = data.trim();
        let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
        data.is_empty()
            || data.starts_with("-----")
            || decode(data).is_some()
            || (!is_all && lines.len() == 1 && data.bytes().all(is_base64_digit))
    };
    (!lines.is_empty() && lines.iter().all(is_base64)).then_some(Format::Base64)
}

fn is_base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// So many bytes tell what they are.
const DECIDED: usize = 1 << 17;
/// So much is looked at.
const SAMPLE: usize = 1 << 16;
/// A chunk without an end is handed on in pieces of this size.
const FLUSHED: usize = 1 << 15;
/// No packet is longer.
const PACKET_MAX: usize = 1 << 18;
/// So much may stand behind one `*`.
const REPEATED_MAX: u64 = 1 << 24;
/// So many bytes may be missing between two lines.
const MISSING_MAX: u64 = 1 << 30;
