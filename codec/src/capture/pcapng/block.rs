//! What stands in a block, in either byte order.
//!
//! Taken apart by hand. The library that used to do it, with parser combinators, was 8 KB of the 150 that the module of
//! the pages may have; it judges this one in the tests and under the fuzzer.

use std::ops::Range;

use super::{
    APPLICATION_NAME, BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, OLD_PACKET, OPT_COMMENT, OPT_END,
    OPT_IF_TSOFFSET, OPT_IF_TSRESOL, OPT_SHB_USERAPPL, SECTION_HEADER, SIMPLE_PACKET,
};

/// A whole block.
#[derive(Debug)]
pub(super) enum Block {
    /// A section begins, and interfaces are counted anew.
    Section { is_from_tap: bool },
    /// What the packets of one interface begin with, and what their times mean.
    Interface(Interface),
    /// A packet.
    Packet(PacketBlock),
    /// Of no interest here.
    Other,
}

/// A packet in its block.
#[derive(Debug)]
pub(super) struct PacketBlock {
    /// The number of its interface.
    pub(super) interface: u32,
    /// When, on the clock of the interface.
    pub(super) ticks: Option<u64>,
    /// Where its bytes are; with padding, perhaps, if the block does not say how many they are.
    pub(super) data: Range<usize>,
    /// How long it was on the wire.
    pub(super) original_len: u32,
    /// Its comments.
    pub(super) comments: Vec<String>,
}

impl Block {
    /// Reads a block of which all is there. `None` if its contents do not fit in it.
    pub(super) fn read(block: &[u8], order: ByteOrder) -> Option<Self> {
        // In front the type and the length, which is repeated at the end.
        let mut fields = Fields { bytes: block.get(..block.len().checked_sub(4)?)?, at: 8, order };
        Some(match order.word(block, 0)? {
            SECTION_HEADER => {
                // The byte order, two halves of a version, and the section's length.
                fields.take(16)?;
                let name = fields.option(OPT_SHB_USERAPPL);
                Self::Section { is_from_tap: name.is_some_and(|name| name.starts_with(APPLICATION_NAME.as_bytes())) }
            }
            INTERFACE_DESCRIPTION => Self::Interface(Interface::read(fields)?),
            ENHANCED_PACKET => {
                let interface = fields.u32()?;
                Self::Packet(PacketBlock::read(interface, fields)?)
            }
            OLD_PACKET => {
                let interface = fields.u16()?;
                // How many packets were lost before it.
                fields.u16()?;
                Self::Packet(PacketBlock::read(u32::from(interface), fields)?)
            }
            SIMPLE_PACKET => {
                let original_len = fields.u32()?;
                let len = fields.rest().len().min(usize::try_from(original_len).unwrap_or(usize::MAX));
                let data = fields.at..fields.at + len;
                Self::Packet(PacketBlock { interface: 0, ticks: None, data, original_len, comments: Vec::new() })
            }
            _ => Self::Other,
        })
    }
}

impl PacketBlock {
    fn read(interface: u32, mut fields: Fields<'_>) -> Option<Self> {
        let ticks = u64::from(fields.u32()?) << 32 | u64::from(fields.u32()?);
        let len = usize::try_from(fields.u32()?).ok()?;
        let original_len = fields.u32()?;
        let data = fields.at..fields.at.checked_add(len)?;
        fields.take_padded(len)?;
        Some(Self { interface, ticks: Some(ticks), data, original_len, comments: fields.comments() })
    }
}

/// What a section says about one of its interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    /// As tcpdump.org numbers them.
    pub(super) link_type: u16,
    /// How much of a packet was captured at most; 0 if all.
    pub(super) snap_len: u32,
    resolution: u8,
    /// When the clock began, in seconds since 1970.
    offset: i64,
}

impl Interface {
    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let link_type = fields.u16()?;
        fields.u16()?;
        let snap_len = fields.u32()?;
        let resolution = fields.option(OPT_IF_TSRESOL).and_then(|value| value.first().copied()).unwrap_or(MICROSECONDS);
        let offset = fields.option(OPT_IF_TSOFFSET).and_then(|value| value.try_into().ok());
        let offset = offset.map_or(0, |bytes| fields.order.u64(bytes).cast_signed());
        Some(Self { link_type, snap_len, resolution, offset })
    }

    /// In nanoseconds since 1970, as far as 64 bits go.
    pub(super) fn time_ns(&self, ticks: u64) -> u64 {
        let [wide, second] = [ticks, NANOSECONDS_PER_SECOND].map(u128::from);
        let power = u32::from(self.resolution & 0x7F);
        let since_offset = if self.resolution & 0x80 != 0 {
            // Negative powers of two.
            (wide * second) >> power
        } else {
            // Negative powers of ten.
            match 9_u32.checked_sub(power) {
                Some(up) => wide * u128::from(10_u64.pow(up)),
                None => u128::from(10_u64.checked_pow(power - 9).map_or(0, |down| ticks / down)),
            }
        };
        let offset = u128::from(self.offset.unsigned_abs()) * second;
        let time = if self.offset < 0 { since_offset.saturating_sub(offset) } else { since_offset + offset };
        u64::try_from(time).unwrap_or(u64::MAX)
    }
}

/// How a section writes its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    /// As the section header in front has it; `None` if it has none, or is none.
    pub(super) fn of_section(block: &[u8]) -> Option<Self> {
        // The type of a section header is the same either way.
        if Self::Little.word(block, 0)? != SECTION_HEADER {
            return None;
        }
        [Self::Little, Self::Big].into_iter().find(|order| order.word(block, 8) == Some(BYTE_ORDER_MAGIC))
    }

    /// The word at this place, if it is there.
    pub(super) fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        Some(self.u32(*bytes.get(at..)?.first_chunk()?))
    }

    const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    const fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// The inside of a block, read from front to back.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    order: ByteOrder,
}

impl<'a> Fields<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..len)?;
        self.at += len;
        Some(taken)
    }

    /// Behind these, padding fills the last four bytes up.
    fn take_padded(&mut self, len: usize) -> Option<&'a [u8]> {
        self.take(len.checked_next_multiple_of(4)?)?.get(..len)
    }

    fn u16(&mut self) -> Option<u16> {
        let order = self.order;
        self.take(2)?.try_into().ok().map(|bytes| order.u16(bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let order = self.order;
        self.take(4)?.try_into().ok().map(|bytes| order.u32(bytes))
    }

    /// The first option of this kind. The options are all that is left to read.
    fn option(self, code: u16) -> Option<&'a [u8]> {
        self.options().find(|option| option.0 == code).map(|option| option.1)
    }

    fn comments(self) -> Vec<String> {
        let comments = self.options().filter(|option| option.0 == OPT_COMMENT);
        comments.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Options up to the one that ends them, or to one that does not fit: what is in front of it is good.
    fn options(mut self) -> impl Iterator<Item = (u16, &'a [u8])> {
        std::iter::from_fn(move || {
            let (code, len) = (self.u16()?, self.u16()?);
            let value = self.take_padded(usize::from(len))?;
            (code != OPT_END).then_some((code, value))
        })
    }
}

/// The resolution of a clock whose interface says nothing about it.
const MICROSECONDS: u8 = 6;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
