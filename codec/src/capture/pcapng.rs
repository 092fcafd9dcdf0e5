//! pcapng: the blocks that a capture is made of (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! +------------+--------------+------------------------+--------------+
//! | block type | total length | body, padded to 4      | total length |
//! +------------+--------------+------------------------+--------------+
//! ```
//!
//! A capture opens with a section header, which settles the byte order, and an interface description,
//! which says what packets begin with and what a tick of their clock is. Then each packet has a block of
//! its own, with its time and any comments.
//!
//! Blocks are written by the few lines here rather than by a library, since a packet's bytes are thus made
//! in place, in the caller's buffer, and copied once. The [`Reader`] takes them apart by hand too: the module that
//! pages load has to be small.

mod block;
mod fault;
mod foreign;
mod reader;

pub use fault::{Fault, FaultKind};
pub(super) use foreign::{write_captured, write_foreign_start};
pub use reader::{BLOCK_MAX, Item, Packet, Reader};

/// Appends the two blocks that a capture begins with: raw IP packets, times in nanoseconds.
pub fn write_start(out: &mut Vec<u8>) {
    write_start_about("", out);
}

/// The same for a capture about which there is something to say, as a comment on all of it.
pub fn write_start_about(comment: &str, out: &mut Vec<u8>) {
    block(SECTION_HEADER, out, |out| {
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes());
        // The section's length, not known in advance.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        if !comment.is_empty() {
            option(OPT_COMMENT, &comment.as_bytes()[..comment.floor_char_boundary(usize::from(u16::MAX))], out);
        }
        option(OPT_SHB_USERAPPL, APPLICATION.as_bytes(), out);
        option(OPT_END, &[], out);
    });
    block(INTERFACE_DESCRIPTION, out, |out| {
        out.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes());
        out.extend_from_slice(&SNAP_LEN.to_le_bytes());
        option(OPT_IF_NAME, b"tap", out);
        option(OPT_IF_TSRESOL, &[NANOSECONDS], out);
        option(OPT_END, &[], out);
    });
}

/// Appends one packet with its comments; `packet` writes its bytes, an IP packet from the first byte on.
///
/// ```
/// use framescope_codec::capture::pcapng;
///
/// let mut capture = Vec::new();
/// pcapng::write_start(&mut capture);
/// pcapng::write_packet(1_700_000_000_000_000_000, &["odd".into()], &mut capture, |out| out.push(0x45));
/// assert_eq!(capture.len() % 4, 0);
/// ```
pub fn write_packet(time_ns: u64, comments: &[String], out: &mut Vec<u8>, packet: impl FnOnce(&mut Vec<u8>)) {
    block(ENHANCED_PACKET, out, |out| {
        let interface = 0u32;
        out.extend_from_slice(&interface.to_le_bytes());
        let [low, high] = [time_ns & u64::from(u32::MAX), time_ns >> 32];
        out.extend_from_slice(&low_u32(high).to_le_bytes());
        out.extend_from_slice(&low_u32(low).to_le_bytes());
        let lengths_at = out.len();
        out.extend_from_slice(&[0; 8]);
        let packet_at = out.len();
        packet(out);
        let captured = low_u32((out.len() - packet_at) as u64).to_le_bytes();
        out[lengths_at..lengths_at + 4].copy_from_slice(&captured);
        out[lengths_at + 4..lengths_at + 8].copy_from_slice(&captured);
        pad(packet_at, out);
        for comment in comments {
            // An option's length has sixteen bits; ours are far shorter.
            option(OPT_COMMENT, &comment.as_bytes()[..comment.floor_char_boundary(usize::from(u16::MAX))], out);
        }
        if !comments.is_empty() {
            option(OPT_END, &[], out);
        }
    });
}

/// Appends one packet without comments, of two parts: the same bytes as [`write_packet`] makes, and less work.
pub(super) fn write_plain_packet(time_ns: u64, headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let packet_len = headers.len() + payload.len();
    let total = low_u32(plain_len(packet_len) as u64).to_le_bytes();
    let captured = low_u32(packet_len as u64).to_le_bytes();
    let mut front = [0; PLAIN_FRONT];
    front[..4].copy_from_slice(&ENHANCED_PACKET.to_le_bytes());
    front[4..8].copy_from_slice(&total);
    front[12..16].copy_from_slice(&low_u32(time_ns >> 32).to_le_bytes());
    front[16..20].copy_from_slice(&low_u32(time_ns & u64::from(u32::MAX)).to_le_bytes());
    front[20..24].copy_from_slice(&captured);
    front[24..].copy_from_slice(&captured);
    let padding = packet_len.next_multiple_of(4) - packet_len;
    let mut end = [0; 3 + 4];
    end[padding..padding + 4].copy_from_slice(&total);
    out.reserve(plain_len(packet_len));
    out.extend_from_slice(&front);
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&end[..padding + 4]);
}

/// How long the block of a packet of this length is that has no comments.
pub(super) const fn plain_len(packet_len: usize) -> usize {
    PLAIN_FRONT + packet_len.next_multiple_of(4) + 4
}

/// What stands in front of a packet's bytes.
const PLAIN_FRONT: usize = 28;

/// Writes a packet that was read once more, with further comments. False, and nothing is written, if its block
/// is of a kind that cannot have any.
pub(super) fn write_commented(packet: &Packet<'_>, further: &[String], out: &mut Vec<u8>) -> bool {
    let (is_little_endian, header) = match packet.block.split_first_chunk::<28>() {
        Some((header, _)) if header.starts_with(&ENHANCED_PACKET.to_le_bytes()) => (true, header),
        Some((header, _)) if header.starts_with(&ENHANCED_PACKET.to_be_bytes()) => (false, header),
        _ => return false,
    };
    let start = out.len();
    out.extend_from_slice(header);
    let packet_at = out.len();
    out.extend_from_slice(packet.data);
    pad(packet_at, out);
    let mut write = |code: u16, value: &str| {
        let value = &value.as_bytes()[..value.floor_char_boundary(usize::from(u16::MAX))];
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        for number in [code, len] {
            out.extend(if is_little_endian { number.to_le_bytes() } else { number.to_be_bytes() });
        }
        let value_at = out.len();
        out.extend_from_slice(value);
        pad(value_at, out);
    };
    for comment in packet.comments.iter().chain(further) {
        write(OPT_COMMENT, comment);
    }
    write(OPT_END, "");
    let len = low_u32((out.len() - start + 4) as u64);
    let len = if is_little_endian { len.to_le_bytes() } else { len.to_be_bytes() };
    out[start + 4..start + 8].copy_from_slice(&len);
    out.extend_from_slice(&len);
    true
}

/// Frames a body: type in front, length on both sides.
fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = low_u32((out.len() - start + 4) as u64).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&len);
    out.extend_from_slice(&len);
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    let value_at = out.len();
    out.extend_from_slice(value);
    pad(value_at, out);
}

/// Zeros up to a multiple of four bytes from `start`.
fn pad(start: usize, out: &mut Vec<u8>) {
    let len = (out.len() - start).next_multiple_of(4);
    out.resize(start + len, 0);
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a time, and lengths of single packets")]
const fn low_u32(value: u64) -> u32 {
    value as u32
}

/// How section headers of ours name their writer.
pub const APPLICATION: &str = concat!("framescope ", env!("CARGO_PKG_VERSION"));
const APPLICATION_NAME: &str = "framescope ";

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
/// As packets were written before there were enhanced ones.
const OLD_PACKET: u32 = 2;
/// No time, no comments, and always the first interface.
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const OPT_IF_NAME: u16 = 2;
const OPT_SHB_USERAPPL: u16 = 4;
const OPT_IF_TSRESOL: u16 = 9;
const OPT_IF_TSOFFSET: u16 = 14;
/// As a power of ten.
const NANOSECONDS: u8 = 9;

/// Packets begin with an IP header, of the version that its first four bits say.
const LINKTYPE_RAW: u16 = 101;
/// The longest packet; [`packet::MAX_PAYLOAD`](super::packet::MAX_PAYLOAD) keeps to it.
const SNAP_LEN: u32 = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    /// A big-endian capture with one interface that counts in 2^-10 seconds from one hour on, and a packet.
    fn big_endian() -> Vec<u8> {
        let hex = "0a0d0d0a 0000001c 1a2b3c4d 00010000 ffffffffffffffff 0000001c
                   00000001 0000002c 0001 0000 00000000 0009 0001 8a000000 000e 0008 0000000000000e10 00000000 0000002c
                   00000006 0000002c 00000000 00000000 00000600 00000002 00000040 abcd0000 0001 0002 68690000 0000002c";
        let hex: String = hex.split_whitespace().collect();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Everything in `bytes`, fed in pieces of this size, as text.
    fn read(bytes: &[u8], size: usize) -> Vec<String> {
        let mut reader = Reader::new();
        let mut items = Vec::new();
        for piece in bytes.chunks(size) {
            reader.feed(piece);
            drain(&mut reader, &mut items);
        }
        reader.finish();
        drain(&mut reader, &mut items);
        items
    }

    fn drain(reader: &mut Reader, items: &mut Vec<String>) {
        while let Some(item) = reader.next_item() {
            items.push(match item {
                Item::Packet(packet) => format!(
                    "{} ns, link {}, {:02x?} of {}, {:?}",
                    packet.time_ns, packet.link_type, packet.data, packet.original_len, packet.comments
                ),
                Item::Fault(fault) => fault.to_string(),
            });
        }
    }

    fn check(bytes: &[u8], items: &[&str]) {
        for size in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(read(bytes, size), items, "in pieces of {size}");
        }
    }

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        write_start(&mut out);
        write_packet(u64::MAX, &[], &mut out, |out| out.push(0x45));
        write_packet(1, &["a".into(), "bé".into()], &mut out, |out| out.extend([1, 2, 3, 4]));
        out
    }

    const WRITTEN: [&str; 2] =
        ["18446744073709551615 ns, link 101, [45] of 1, []", "1 ns, link 101, [01, 02, 03, 04] of 4, [\"a\", \"bé\"]"];

    #[test]
    fn what_is_written_is_read_back() {
        check(&written(), &WRITTEN);
        check(&[written(), written()].concat(), &[WRITTEN, WRITTEN].concat());
    }

    #[test]
    fn a_plain_packet_is_the_same_in_less_work() {
        for len in 0..9u8 {
            let payload: Vec<u8> = (0..len).collect();
            let (mut plain, mut general) = (vec![1], vec![1]);
            write_plain_packet(u64::MAX / 7, &[0x45, 1, 2], &payload, &mut plain);
            write_packet(u64::MAX / 7, &[], &mut general, |out| {
                out.extend_from_slice(&[0x45, 1, 2]);
                out.extend_from_slice(&payload);
            });
            assert_eq!(plain, general);
            assert_eq!(plain.len() - 1, plain_len(3 + payload.len()));
        }
    }

    #[test]
    fn either_byte_order_and_any_clock_is_read() {
        let packet = "3601500000000 ns, link 1, [ab, cd] of 64, [\"hi\"]";
        check(&big_endian(), &[packet]);
        check(&[written(), big_endian()].concat(), &[WRITTEN[0], WRITTEN[1], packet]);
    }

    #[test]
    fn a_damaged_block_is_named_and_reading_goes_on_behind_it() {
        let whole = written();
        let second = whole.len() - 56;
        let first = second - 36;
        let with = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            bytes
        };
        let at = |at: usize, what: &str| format!("byte {at}: {what}");
        check(&with(first + 4, 40), &[&at(first, "a block's two lengths differ: 40 and 6"), WRITTEN[1]]);
        check(&with(first + 4, 3), &[&at(first, "a block of 3 bytes, less than there can be"), WRITTEN[1]]);
        check(&with(first + 7, 9), &[&at(first, "a block of 150994980 bytes, more than is read"), WRITTEN[1]]);
        check(&with(first + 8, 1), &[&at(first, "a packet of an interface that was not described"), WRITTEN[1]]);
        check(&with(first + 20, 99), &[&at(first, "a block whose contents do not fit in it"), WRITTEN[1]]);
        check(&whole[..second + 20], &[WRITTEN[0], &at(second, "the capture ends within a block")]);
    }

    #[test]
    fn what_is_no_pcapng_is_called_by_its_name_if_known() {
        check(b"\x1f\x8b\x08\x00 and so on", &["byte 0: this is gzip, not pcapng"]);
        check(b"\xd4\xc3\xb2\xa1 and so on", &["byte 0: this is an old-style pcap file, not pcapng"]);
        check(b"GET / HTTP/1.1\r\n", &["byte 0: this is not pcapng"]);
        check(b"", &[]);
    }

    #[test]
    fn hostile_bytes_do_no_harm() {
        use proptest::prelude::*;
        let whole = [written(), big_endian()].concat();
        proptest!(|(flips in prop::collection::vec((0..whole.len(), any::<u8>()), 1..8), size in 1usize..80)| {
            let mut bytes = whole.clone();
            for (at, byte) in flips {
                bytes[at] = byte;
            }
            prop_assert_eq!(read(&bytes, size), read(&bytes, bytes.len()));
        });
    }
}
