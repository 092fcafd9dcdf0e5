//! Blocks taken apart as they arrive.

use std::ops::Range;

use super::block::{Block, ByteOrder, Interface};
use super::fault::{Fault, FaultKind};
use super::{ENHANCED_PACKET, INTERFACE_DESCRIPTION, OLD_PACKET, SECTION_HEADER, SIMPLE_PACKET};

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
    order: ByteOrder,
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
    /// Where its block begins in the capture.
    pub offset: u64,
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

impl Packet<'_> {
    /// Where a part of the packet lies in the capture.
    #[must_use]
    pub fn place_of(&self, part: &[u8]) -> u64 {
        self.offset + part.as_ptr().addr().saturating_sub(self.block.as_ptr().addr()) as u64
    }
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

    /// Where in the capture the first byte stands that was not read yet.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.offset + self.done as u64
    }

    /// The bytes from [`position`](Self::position) on will not be completed: others come in their place, and begin a
    /// section of their own.
    pub fn restart(&mut self) {
        self.offset = self.position();
        self.buffer.clear();
        self.done = 0;
        self.place = Place::Start;
    }

    /// The next packet or fault; `None` if more bytes are needed.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        loop {
            return match self.step() {
                Step::Other => continue,
                Step::NeedMore => None,
                Step::Fault(fault) => Some(Item::Fault(fault)),
                Step::Packet(found) => Some(Item::Packet(Packet {
                    offset: self.offset + found.block.start as u64,
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
            Place::Block => match block_len(rest, self.order) {
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
            match candidate_len(rest, self.order) {
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
        self.order = ByteOrder::of_section(bytes).unwrap_or(self.order);
        let step = match Block::read(bytes, self.order) {
            None => return self.fault(FaultKind::MalformedBlock),
            Some(Block::Section { is_from_tap }) => {
                self.is_from_tap = is_from_tap;
                self.interfaces.clear();
                Step::Other
            }
            Some(Block::Interface(_)) if self.interfaces.len() == INTERFACES_MAX => {
                return self.fault(FaultKind::TooManyInterfaces);
            }
            Some(Block::Interface(interface)) => {
                self.interfaces.push(interface);
                Step::Other
            }
            Some(Block::Packet(found)) => {
                let number = usize::try_from(found.interface).unwrap_or(usize::MAX);
                let Some(interface) = self.interfaces.get(number) else {
                    return self.fault(FaultKind::UnknownInterface);
                };
                let mut data = range.start + found.data.start..range.start + found.data.end;
                match found.ticks {
                    Some(ticks) => self.last_time_ns = interface.time_ns(ticks),
                    // A block without a time does not say either how much was captured: as much as its interface allowed.
                    None if interface.snap_len != 0 => {
                        let most = usize::try_from(interface.snap_len).unwrap_or(usize::MAX);
                        data.end = data.end.min(data.start.saturating_add(most));
                    }
                    None => {}
                }
                Step::Packet(Found {
                    block: range.clone(),
                    data,
                    time_ns: self.last_time_ns,
                    link_type: interface.link_type,
                    original_len: found.original_len,
                    comments: found.comments,
                })
            }
            Some(Block::Other) => Step::Other,
        };
        self.done = range.end;
        step
    }
}

/// The length of the block in front; `None` if it is not all there.
fn block_len(bytes: &[u8], order: ByteOrder) -> Result<Option<usize>, FaultKind> {
    let Some(kind) = order.word(bytes, 0) else { return Ok(None) };
    let order = if kind == SECTION_HEADER {
        if bytes.len() < 12 {
            return Ok(None);
        }
        ByteOrder::of_section(bytes).ok_or(FaultKind::NoByteOrder)?
    } else {
        order
    };
    let Some(len) = order.word(bytes, 4) else { return Ok(None) };
    if len < BLOCK_MIN {
        return Err(FaultKind::BlockTooShort(len));
    }
    if len > BLOCK_MAX {
        return Err(FaultKind::BlockTooLong(len));
    }
    let size = usize::try_from(len).unwrap_or(usize::MAX);
    match order.word(bytes, size - 4) {
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
fn candidate_len(bytes: &[u8], order: ByteOrder) -> Candidate {
    let (Some(kind), Some(len)) = (order.word(bytes, 0), order.word(bytes, 4)) else {
        return Candidate::NeedsMore;
    };
    let matters = matches!(kind, INTERFACE_DESCRIPTION | OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
    let is_likely = kind == SECTION_HEADER || (matters && len.is_multiple_of(4) && len < LIKELY_MAX);
    match block_len(bytes, order) {
        Ok(Some(_)) if is_likely => Candidate::Block,
        Ok(None) if is_likely => Candidate::NeedsMore,
        _ => Candidate::None,
    }
}

/// What is wrong with the first bytes of all; `None` if nothing, or if there are too few to say.
fn first_fault(bytes: &[u8]) -> Option<FaultKind> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(FaultKind::Gzip);
    }
    match ByteOrder::Little.word(bytes, 0)? {
        SECTION_HEADER => None,
        0xA1B2_C3D4 | 0xD4C3_B2A1 | 0xA1B2_3C4D | 0x4D3C_B2A1 => Some(FaultKind::ClassicPcap),
        _ => Some(FaultKind::NotPcapng),
    }
}

/// Type and both lengths.
const BLOCK_MIN: u32 = 12;
/// The longest block that is read. The longest packets that tools write are 256 KiB.
pub const BLOCK_MAX: u32 = 1 << 24;
/// The longest block that a search stops at.
const LIKELY_MAX: u32 = 1 << 20;
/// Nothing has so many, and each takes memory.
const INTERFACES_MAX: usize = 4096;
