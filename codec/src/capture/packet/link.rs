//! What stands in front of an IP packet, as many kinds of interfaces have it.

use super::Skipped;

/// The IP packet inside a packet of this link type.
pub(super) fn ip_packet(link_type: u16, packet: &[u8]) -> Result<&[u8], Skipped> {
    let inside = match link_type {
        LINKTYPE_RAW | LINKTYPE_RAW_BSD | LINKTYPE_RAW_OPENBSD | LINKTYPE_IPV4 | LINKTYPE_IPV6 => Some(packet),
        // Behind both addresses.
        LINKTYPE_ETHERNET => packet.get(12..).and_then(by_ether_type),
        // The family in front is in the byte order of the machine that captured, but IP says its version itself.
        LINKTYPE_NULL | LINKTYPE_LOOP => packet.get(4..),
        LINKTYPE_LINUX_SLL => packet.get(14..).and_then(by_ether_type),
        LINKTYPE_LINUX_SLL2 => packet.get(..2).zip(packet.get(20..)).and_then(|(kind, rest)| behind_type(kind, rest)),
        LINKTYPE_PPP | LINKTYPE_PPP_HDLC => ppp(packet),
        // Version, code, session and length come first (RFC 2516, 4).
        LINKTYPE_PPP_ETHER => packet.get(6..).and_then(ppp),
        _ => return Err(Skipped::LinkType),
    };
    inside.ok_or(Skipped::Other)
}

/// At a type, with what it is about behind it.
fn by_ether_type(bytes: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = bytes.split_at_checked(2)?;
    behind_type(kind, rest)
}

/// Tags may be stacked; none of them matters here.
fn behind_type<'a>(kind: &[u8], mut rest: &'a [u8]) -> Option<&'a [u8]> {
    let mut kind = u16::from_be_bytes(*kind.first_chunk()?);
    while let VLAN | PROVIDER_VLAN | OLD_PROVIDER_VLAN = kind {
        // The tag, and the type of what follows (IEEE 802.1Q, 9.3).
        let tag = rest.first_chunk::<4>()?;
        kind = u16::from_be_bytes([tag[2], tag[3]]);
        rest = &rest[4..];
    }
    match kind {
        IPV4 | IPV6 => Some(rest),
        PPPOE_SESSION => rest.get(6..).and_then(ppp),
        _ => None,
    }
}

/// The address and control bytes may be left out, and the protocol may be one byte (RFC 1661, 6.5 and 6.6).
fn ppp(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_prefix(&[0xFF, 3]).unwrap_or(bytes);
    match bytes {
        [0, PPP_IPV4 | PPP_IPV6, rest @ ..] | [PPP_IPV4 | PPP_IPV6, rest @ ..] => Some(rest),
        _ => None,
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const VLAN: u16 = 0x8100;
const PROVIDER_VLAN: u16 = 0x88A8;
const OLD_PROVIDER_VLAN: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const PPP_IPV4: u8 = 0x21;
const PPP_IPV6: u8 = 0x57;

/// Link types, as tcpdump.org/linktypes numbers them.
pub(super) const LINKTYPE_NULL: u16 = 0;
pub(super) const LINKTYPE_ETHERNET: u16 = 1;
pub(super) const LINKTYPE_PPP: u16 = 9;
const LINKTYPE_RAW_BSD: u16 = 12;
const LINKTYPE_RAW_OPENBSD: u16 = 14;
const LINKTYPE_PPP_HDLC: u16 = 50;
pub(super) const LINKTYPE_PPP_ETHER: u16 = 51;
pub(super) const LINKTYPE_RAW: u16 = 101;
pub(super) const LINKTYPE_LOOP: u16 = 108;
pub(super) const LINKTYPE_LINUX_SLL: u16 = 113;
const LINKTYPE_IPV4: u16 = 228;
pub(super) const LINKTYPE_IPV6: u16 = 229;
pub(super) const LINKTYPE_LINUX_SLL2: u16 = 276;

/// Those that packets without any word on them may be of, the likeliest first.
pub(in super::super) const LINK_TYPES: [u16; 5] =
    [LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_NULL];
