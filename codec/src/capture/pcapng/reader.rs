//! Blocks taken apart as they arrive.

use std::ops::Range;

use pcap_parser::pcapng::{OptionCode, PcapNGOption};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, InterfaceDescriptionBlock, parse_block_be, parse_block_le};

use super::fault::{Fault, FaultKind};
use super::{APPLICATION_NAME, BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER};

/// Reads a pcapng of either byte order, in whatever pieces it comes, and never fails: what is damaged is
/// reported, and reading goes on at the next thing that looks like a whole block.
///
/// What is kept at a time is one block, or less than [`BLOCK_MAX`] of what may be one.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of `buffer` is done with.
    done: usize,
    /// Where in the capture `buffer` begins.
    offset: u64,
    place: Place,
    is_big_endian: bool,
    is_from_tap: bool,
    interfaces: Vec<Interface>,
    last_time_ns: u64,
    has_ended: bool,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Something that cannot be read.
    Fault(Fault),
}

/// A captured packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The whole block it came in, as it was.
    pub block: &'a [u8],
    /// Nanoseconds since 1970. A block without a time has that of the packet before.
    pub time_ns: u64,
    /// What the bytes begin with, as tcpdump.org numbers link types.
    pub link_type: u16,
    /// Its bytes, as far as captured.
    pub data: &'a [u8],
    /// How long it was on the wire.
    pub original_len: u32,
    /// Its comments.
    pub comments: Vec<String>,
    /// The section says that a tap of ours wrote it. Taps know the order of bytes, so theirs is the packets' too.
    pub is_from_tap: bool,
}

/// Where the next block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the first byte of everything.
    #[default]
    Start,
    /// Right here.
    Block,
    /// Somewhere behind; the block here is damaged.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    snap_len: u32,
    ticks_per_second: u128,
    offset_seconds: i64,
}

/// A packet found, as ranges of the buffer.
struct Found {
    block: Range<usize>,
    data: Range<usize>,
    time_ns: u64,
    link_type: u16,
    original_len: u32,
    comments: Vec<String>,
}

enum Step {
    Packet(Found),
    Fault(Fault),
    /// A block that is of no interest here.
    Other,
    NeedMore,
}

impl Reader {
    /// At the beginning of a capture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.done);
        self.offset += self.done as u64;
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come.
    pub fn finish(&mut self) {
        self.has_ended = true;
    }

    /// The next packet or fault; `None` if more bytes are needed.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        loop {
            return match self.step() {
                Step::Other => continue,
                Step::NeedMore => None,
                Step::Fault(fault) => Some(Item::Fault(fault)),
                Step::Packet(found) => Some(Item::Packet(Packet {
                    block: &self.buffer[found.block],
                    time_ns: found.time_ns,
                    link_type: found.link_type,
                    data: &self.buffer[found.data],
                    original_len: found.original_len,
                    comments: found.comments,
                    is_from_tap: self.is_from_tap,
                })),
            };
        }
    }

    fn step(&mut self) -> Step {
        let rest = &self.buffer[self.done..];
        if rest.is_empty() {
            return Step::NeedMore;
        }
        match self.place {
            Place::Start => match first_fault(rest) {
                None if rest.len() < 4 && !self.has_ended => Step::NeedMore,
                None => {
                    self.place = Place::Block;
                    Step::Other
                }
                Some(kind) => self.fault(kind),
            },
            Place::Lost => self.search(),
            Place::Block => match block_len(rest, self.is_big_endian) {
                Err(kind) => self.fault(kind),
                Ok(None) if self.has_ended => self.fault(FaultKind::CutOff),
                Ok(None) => Step::NeedMore,
                Ok(Some(len)) => self.block(len),
            },
        }
    }

    fn fault(&mut self, kind: FaultKind) -> Step {
        let offset = self.offset + self.done as u64;
        self.place = Place::Lost;
        // Wherever the next block is, it is not here.
        self.done += 1;
        Step::Fault(Fault { offset, kind })
    }

    /// Goes on to the next place that could well be a block.
    fn search(&mut self) -> Step {
        while let rest @ [_, ..] = &self.buffer[self.done..] {
            match candidate_len(rest, self.is_big_endian) {
                Candidate::Block => {
                    self.place = Place::Block;
                    return Step::Other;
                }
                Candidate::NeedsMore if !self.has_ended => return Step::NeedMore,
                Candidate::NeedsMore | Candidate::None => self.done += 1,
            }
        }
        Step::NeedMore
    }

    /// A whole block of this length is at hand.
    fn block(&mut self, len: usize) -> Step {
        let range = self.done..self.done + len;
        let bytes = &self.buffer[range.clone()];
        if let Some(is_big_endian) = section_byte_order(bytes) {
            self.is_big_endian = is_big_endian;
        }
        let parsed = if self.is_big_endian { parse_block_be(bytes) } else { parse_block_le(bytes) };
        // "Incomplete" cannot be mended here: the block is whole, so its contents are at odds with it.
        let Ok((_, block)) = parsed else { return self.fault(FaultKind::MalformedBlock) };
        let found = match block {
            Block::SectionHeader(section) => {
                let application = section.shb_userappl().and_then(Result::ok);
                self.is_from_tap = application.is_some_and(|name| name.starts_with(APPLICATION_NAME));
                self.interfaces.clear();
                None
            }
            Block::InterfaceDescription(description) => {
                if self.interfaces.len() == INTERFACES_MAX {
                    return self.fault(FaultKind::TooManyInterfaces);
                }
                self.interfaces.push(Interface::read(&description, self.is_big_endian));
                None
            }
            Block::EnhancedPacket(packet) => {
                let Some(interface) = usize::try_from(packet.if_id).ok().and_then(|id| self.interfaces.get(id)) else {
                    return self.fault(FaultKind::UnknownInterface);
                };
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                self.last_time_ns = interface.time_ns(ticks);
                Some((28, packet.packet_data().len(), packet.origlen, interface.link_type, comments(&packet.options)))
            }
            Block::SimplePacket(packet) => {
                let Some(interface) = self.interfaces.first() else {
                    return self.fault(FaultKind::UnknownInterface);
                };
                // The block does not say how much was captured: as much as its interface allowed.
                let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
                let captured = packet.packet_data().len().min(usize::try_from(limit).unwrap_or(usize::MAX));
                Some((12, captured, packet.origlen, interface.link_type, Vec::new()))
            }
            _ => None,
        };
        self.done = range.end;
        let Some((data_at, data_len, original_len, link_type, comments)) = found else { return Step::Other };
        let data = range.start + data_at..range.start + data_at + data_len;
        Step::Packet(Found { block: range, data, time_ns: self.last_time_ns, link_type, original_len, comments })
    }
}

impl Interface {
    /// The library takes the offset for little-endian and knows no binary resolution, so both are read here.
    fn read(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Self {
        let option = |code| block.options.iter().find(|option| option.code == code).and_then(|o| o.as_bytes().ok());
        let resolution = option(OptionCode::IfTsresol).and_then(|value| value.first().copied()).unwrap_or(6);
        let ticks_per_second = match resolution {
            binary if binary & 0x80 != 0 => 1 << (binary & 0x7F).min(64),
            decimal => 10u128.pow(u32::from(decimal.min(19))),
        };
        let offset = option(OptionCode::IfTsoffset).and_then(|value| value.try_into().ok());
        let offset_seconds = offset.map_or(0, if is_big_endian { i64::from_be_bytes } else { i64::from_le_bytes });
        let link_type = u16::try_from(block.linktype.0).unwrap_or(u16::MAX);
        Self { link_type, snap_len: block.snaplen, ticks_per_second, offset_seconds }
    }

    fn time_ns(&self, ticks: u64) -> u64 {
        let since_offset = u128::from(ticks) * NANOSECONDS_PER_SECOND / self.ticks_per_second;
        let offset = u128::from(self.offset_seconds.unsigned_abs()) * NANOSECONDS_PER_SECOND;
        let time = if self.offset_seconds < 0 {
            since_offset.saturating_sub(offset)
        } else {
            since_offset.saturating_add(offset)
        };
        u64::try_from(time).unwrap_or(u64::MAX)
    }
}

fn comments(options: &[PcapNGOption<'_>]) -> Vec<String> {
    let comments = options.iter().filter(|option| option.code == OptionCode::Comment);
    comments
        .filter_map(|option| option.as_bytes().ok())
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// The length of the block in front; `None` if it is not all there.
fn block_len(bytes: &[u8], is_big_endian: bool) -> Result<Option<usize>, FaultKind> {
    let Some(kind) = word(bytes, 0, false) else { return Ok(None) };
    let is_big_endian = if kind == SECTION_HEADER {
        if bytes.len() < 12 {
            return Ok(None);
        }
        section_byte_order(bytes).ok_or(FaultKind::NoByteOrder)?
    } else {
        is_big_endian
    };
    let Some(len) = word(bytes, 4, is_big_endian) else { return Ok(None) };
    if len < BLOCK_MIN {
        return Err(FaultKind::BlockTooShort(len));
    }
    if len > BLOCK_MAX {
        return Err(FaultKind::BlockTooLong(len));
    }
    let size = usize::try_from(len).unwrap_or(usize::MAX);
    match word(bytes, size - 4, is_big_endian) {
        None => Ok(None),
        Some(again) if again == len => Ok(Some(size)),
        Some(again) => Err(FaultKind::LengthsDiffer(len, again)),
    }
}

enum Candidate {
    Block,
    NeedsMore,
    None,
}

/// Whether a block that is worth going on with begins here: one that matters, of a likely length, twice the same.
fn candidate_len(bytes: &[u8], is_big_endian: bool) -> Candidate {
    let (Some(kind), Some(len)) = (word(bytes, 0, is_big_endian), word(bytes, 4, is_big_endian)) else {
        return Candidate::NeedsMore;
    };
    let is_likely = kind == SECTION_HEADER
        || (matches!(kind, INTERFACE_DESCRIPTION | ENHANCED_PACKET) && len % 4 == 0 && len < LIKELY_MAX);
    match block_len(bytes, is_big_endian) {
        Ok(Some(_)) if is_likely => Candidate::Block,
        Ok(None) if is_likely => Candidate::NeedsMore,
        _ => Candidate::None,
    }
}

/// Whether a section header is big-endian; `None` if it is none, or broken.
fn section_byte_order(bytes: &[u8]) -> Option<bool> {
    if word(bytes, 0, false)? != SECTION_HEADER {
        return None;
    }
    match word(bytes, 8, false)? {
        BYTE_ORDER_MAGIC => Some(false),
        magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => Some(true),
        _ => None,
    }
}

/// What is wrong with the first bytes of all; `None` if nothing, or if there are too few to say.
fn first_fault(bytes: &[u8]) -> Option<FaultKind> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(FaultKind::Gzip);
    }
    match word(bytes, 0, false)? {
        SECTION_HEADER => None,
        0xA1B2_C3D4 | 0xD4C3_B2A1 | 0xA1B2_3C4D | 0x4D3C_B2A1 => Some(FaultKind::ClassicPcap),
        _ => Some(FaultKind::NotPcapng),
    }
}

fn word(bytes: &[u8], at: usize, is_big_endian: bool) -> Option<u32> {
    let word = *bytes.get(at..)?.first_chunk()?;
    Some(if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

/// Type and both lengths.
const BLOCK_MIN: u32 = 12;
/// The longest block that is read. The longest packets that tools write are 256 KiB.
pub const BLOCK_MAX: u32 = 1 << 24;
/// The longest block that a search stops at.
const LIKELY_MAX: u32 = 1 << 20;
/// Nothing has so many, and each takes memory.
const INTERFACES_MAX: usize = 4096;
const NANOSECONDS_PER_SECOND: u128 = 1_000_000_000;
