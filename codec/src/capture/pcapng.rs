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
//! in place, in the caller's buffer, and copied once.

/// Appends the two blocks that a capture begins with: raw IP packets, times in nanoseconds.
pub fn write_start(out: &mut Vec<u8>) {
    block(SECTION_HEADER, out, |out| {
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes());
        // The section's length, not known in advance.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
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

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const OPT_IF_NAME: u16 = 2;
const OPT_SHB_USERAPPL: u16 = 4;
const OPT_IF_TSRESOL: u16 = 9;
/// As a power of ten.
const NANOSECONDS: u8 = 9;

/// Packets begin with an IP header, of the version that its first four bits say.
const LINKTYPE_RAW: u16 = 101;
/// The longest packet; [`packet::MAX_PAYLOAD`](super::packet::MAX_PAYLOAD) keeps to it.
const SNAP_LEN: u32 = 65_535;
