//! The reader of pcapng beside `pcap-parser`, which it has to agree with. The fuzz target `pcapng` uses this file too.

use framescope_codec::capture::pcapng::{BLOCK_MAX, Item, Reader};
use pcap_parser::pcapng::{OptionCode, PcapNGOption};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, InterfaceDescriptionBlock, parse_block_be, parse_block_le};

/// A packet, as both see it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    time_ns: u64,
    link_type: i32,
    data: Vec<u8>,
    original_len: u32,
    comments: Vec<String>,
}

/// What comes behind the packets seen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing.
    Whole,
    /// Something that cannot be read. Where reading goes on behind it is the reader's own affair.
    Fault,
    /// A packet of the obsolete kind, which the library does not know.
    OldPacket,
}

/// Panics if the two disagree on these bytes, up to the first fault.
pub(crate) fn compare(capture: &[u8]) {
    let (expected, end) = judge(capture);
    let mut reader = Reader::new();
    reader.feed(capture);
    reader.finish();
    for (number, expected) in expected.iter().enumerate() {
        match reader.next_item() {
            Some(Item::Packet(packet)) => {
                let seen = Seen {
                    time_ns: packet.time_ns,
                    link_type: i32::from(packet.link_type),
                    data: packet.data.to_vec(),
                    original_len: packet.original_len,
                    comments: packet.comments,
                };
                assert_eq!(&seen, expected, "packet {number}");
            }
            other => panic!("{other:?} in place of packet {number}, {expected:?}"),
        }
    }
    let rest = reader.next_item();
    match end {
        End::Whole => assert_eq!(rest, None),
        End::Fault => assert!(matches!(rest, Some(Item::Fault(_))), "{rest:?}"),
        End::OldPacket => {}
    }
}

/// What the library finds, up to the first fault.
fn judge(mut rest: &[u8]) -> (Vec<Seen>, End) {
    let mut packets = Vec::new();
    let mut interfaces = Vec::new();
    let (mut is_big_endian, mut last_time_ns) = (false, 0);
    let mut is_first = true;
    while !rest.is_empty() {
        let Some(kind) = rest.first_chunk().map(|kind| u32::from_le_bytes(*kind)) else { return (packets, End::Fault) };
        if kind == SECTION_HEADER {
            is_big_endian = rest.get(8..12) == Some(&0x1A2B_3C4D_u32.to_be_bytes());
        } else if is_first {
            return (packets, End::Fault);
        }
        is_first = false;
        let kind = if is_big_endian { kind.swap_bytes() } else { kind };
        let Some(len) = whole_len(rest, is_big_endian) else { return (packets, End::Fault) };
        let (bytes, behind) = rest.split_at(len);
        rest = behind;
        let parsed = if is_big_endian { parse_block_be(bytes) } else { parse_block_le(bytes) };
        let is_read = matches!(kind, SECTION_HEADER | 1 | 3 | 6);
        match parsed {
            _ if kind == 2 => return (packets, End::OldPacket),
            // The library looks into blocks that the reader leaves alone.
            _ if !is_read => {}
            Ok((_, Block::SectionHeader(_))) => interfaces.clear(),
            Ok((_, Block::InterfaceDescription(block))) => interfaces.push(Interface::read(&block, is_big_endian)),
            Ok((_, Block::EnhancedPacket(block))) => {
                let Some(interface) = interfaces.get(block.if_id as usize) else { return (packets, End::Fault) };
                last_time_ns = interface.time_ns(u64::from(block.ts_high) << 32 | u64::from(block.ts_low));
                packets.push(Seen {
                    time_ns: last_time_ns,
                    link_type: interface.link_type,
                    data: block.packet_data().to_vec(),
                    original_len: block.origlen,
                    comments: options(&block.options, OptionCode::Comment)
                        .map(|text| String::from_utf8_lossy(text).into_owned())
                        .collect(),
                });
            }
            Ok((_, Block::SimplePacket(block))) => {
                let Some(interface) = interfaces.first() else { return (packets, End::Fault) };
                let most = if interface.snap_len == 0 { usize::MAX } else { interface.snap_len as usize };
                let data = block.packet_data();
                packets.push(Seen {
                    time_ns: last_time_ns,
                    link_type: interface.link_type,
                    data: data[..data.len().min(most)].to_vec(),
                    original_len: block.origlen,
                    comments: Vec::new(),
                });
            }
            Ok(_) | Err(_) => return (packets, End::Fault),
        }
    }
    (packets, End::Whole)
}

/// The length of a block that is all there and says so twice. The library only looks at it in some kinds of blocks.
fn whole_len(bytes: &[u8], is_big_endian: bool) -> Option<usize> {
    let word = |at: usize| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    let len = word(4)?;
    let is_good = (12..=BLOCK_MAX).contains(&len) && word(len as usize - 4)? == len;
    is_good.then_some(len as usize)
}

struct Interface {
    link_type: i32,
    snap_len: u32,
    resolution: u8,
    offset_ns: i128,
}

impl Interface {
    /// The library takes the offset for little-endian and knows no binary resolution.
    fn read(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Self {
        let resolution = options(&block.options, OptionCode::IfTsresol).next().and_then(|value| value.first().copied());
        let offset = options(&block.options, OptionCode::IfTsoffset).next().and_then(|value| value.try_into().ok());
        let offset = offset.map_or(0, if is_big_endian { i64::from_be_bytes } else { i64::from_le_bytes });
        Self {
            link_type: block.linktype.0,
            snap_len: block.snaplen,
            resolution: resolution.unwrap_or(6),
            offset_ns: i128::from(offset) * 1_000_000_000,
        }
    }

    fn time_ns(&self, ticks: u64) -> u64 {
        let power = u32::from(self.resolution & 0x7F);
        let base: u128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        // What has no such power counts in less than nanoseconds by far.
        let per_second = base.checked_pow(power).unwrap_or(u128::MAX);
        let time = (u128::from(ticks) * 1_000_000_000 / per_second) as i128 + self.offset_ns;
        u64::try_from(time.max(0)).unwrap_or(u64::MAX)
    }
}

/// The values of one kind, up to the end of the options, which the library reads past.
fn options<'a>(options: &'a [PcapNGOption<'_>], code: OptionCode) -> impl Iterator<Item = &'a [u8]> {
    let options = options.iter().take_while(|option| option.code != OptionCode::EndOfOpt);
    options.filter(move |option| option.code == code).filter_map(|option| option.as_bytes().ok())
}

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
