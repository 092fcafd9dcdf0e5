//! Packets that others captured, written as blocks.
//!
//! The section does not name us as its writer: only of a tap's own packets is their order that of the bytes.

use super::{
    BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, OPT_END, OPT_IF_TSRESOL, SECTION_HEADER, block, option,
    pad,
};

/// Begins a section with one interface. A tick of its clock is `10^-ticks` seconds.
pub(in super::super) fn write_foreign_start(link_type: u16, snap_len: u32, ticks: u8, out: &mut Vec<u8>) {
    block(SECTION_HEADER, out, |out| {
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(&u64::MAX.to_le_bytes());
    });
    block(INTERFACE_DESCRIPTION, out, |out| {
        out.extend_from_slice(&link_type.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&snap_len.to_le_bytes());
        option(OPT_IF_TSRESOL, &[ticks], out);
        option(OPT_END, &[], out);
    });
}

/// A packet, as far as it was captured.
pub(in super::super) fn write_captured(ticks: u64, data: &[u8], original_len: u32, out: &mut Vec<u8>) {
    block(ENHANCED_PACKET, out, |out| {
        let [l0, l1, l2, l3, h0, h1, h2, h3] = ticks.to_le_bytes();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[h0, h1, h2, h3, l0, l1, l2, l3]);
        out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&original_len.to_le_bytes());
        let data_at = out.len();
        out.extend_from_slice(data);
        pad(data_at, out);
    });
}
