//! The headers of packets that carry bytes: all that one packet of a direction has in common with the next is made once.
//!
//! A connection pays for this with each chunk of bytes while it is watched, so a packet costs its numbers, its length
//! and its checksums, and of the latter only what is new in it is added up.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use etherparse::IpNumber;

use super::{Flags, HOPS, MAX_PAYLOAD, WINDOW, to_ipv6};

/// What packets from one address to another begin with.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Front {
    headers: Headers,
    /// Sums of what counts for the checksums of each packet.
    ip_sum: u64,
    tcp_sum: u64,
}

/// An IP header, of either version, and a TCP header without options.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Headers {
    bytes: [u8; IPV6_LEN + TCP_LEN],
    ip_len: usize,
}

impl Front {
    /// IPv4 if both addresses are of that family, else IPv6.
    pub(in crate::capture) fn new(src: SocketAddr, dst: SocketAddr) -> Self {
        let mut bytes = [0; IPV6_LEN + TCP_LEN];
        let (ip_len, addresses) = match (src.ip(), dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                bytes[0] = 0x45;
                // Do not fragment.
                bytes[6] = 0x40;
                bytes[8..10].copy_from_slice(&[HOPS, IpNumber::TCP.0]);
                bytes[12..16].copy_from_slice(&src.octets());
                bytes[16..20].copy_from_slice(&dst.octets());
                (IPV4_LEN, 12..20)
            }
            (src, dst) => {
                bytes[0] = 0x60;
                bytes[6..8].copy_from_slice(&[IpNumber::TCP.0, HOPS]);
                bytes[8..24].copy_from_slice(&to_ipv6(src).octets());
                bytes[24..40].copy_from_slice(&to_ipv6(dst).octets());
                (IPV6_LEN, 8..40)
            }
        };
        let tcp = &mut bytes[ip_len..ip_len + TCP_LEN];
        tcp[..2].copy_from_slice(&src.port().to_be_bytes());
        tcp[2..4].copy_from_slice(&dst.port().to_be_bytes());
        // The header's length, in words of 32 bits.
        tcp[12] = 5 << 4;
        tcp[14..16].copy_from_slice(&WINDOW.to_be_bytes());
        // The addresses count as well, and the protocol (RFC 9293, 3.1).
        let tcp_sum = sum(tcp) + sum(&bytes[addresses]) + word([0, IpNumber::TCP.0, 0, 0]);
        Self { ip_sum: sum(&bytes[..IPV4_LEN]), tcp_sum, headers: Headers { bytes, ip_len } }
    }

    /// How long a packet with so much payload is.
    pub(in crate::capture) const fn packet_len(&self, payload_len: usize) -> usize {
        self.headers.ip_len + TCP_LEN + payload_len
    }

    /// The headers of a packet that carries this much at most: [`MAX_PAYLOAD`]. It has no options, so it is no SYN.
    #[inline]
    pub(in crate::capture) fn headers(&self, seq: u32, ack: u32, flags: Flags, payload: &[u8]) -> Headers {
        debug_assert!(payload.len() <= MAX_PAYLOAD && !flags.syn, "{flags:?}, {} bytes", payload.len());
        let mut headers = self.headers;
        let tcp_len = u16::try_from(TCP_LEN + payload.len()).unwrap_or(u16::MAX - 20);
        let (ip, tcp) = headers.bytes.split_at_mut(headers.ip_len);
        if ip.len() == IPV4_LEN {
            let total_len = (tcp_len + 20).to_be_bytes();
            ip[2..4].copy_from_slice(&total_len);
            ip[10..12].copy_from_slice(&checksum(self.ip_sum + word([0, 0, total_len[0], total_len[1]])));
        } else {
            ip[4..6].copy_from_slice(&tcp_len.to_be_bytes());
        }
        let Flags { syn: _, ack: acknowledges, fin, rst } = flags;
        let flags =
            u8::from(fin) | u8::from(rst) << 2 | u8::from(!payload.is_empty()) << 3 | u8::from(acknowledges) << 4;
        let (seq, ack, [high, low]) = (seq.to_be_bytes(), ack.to_be_bytes(), tcp_len.to_be_bytes());
        tcp[4..8].copy_from_slice(&seq);
        tcp[8..12].copy_from_slice(&ack);
        tcp[13] = flags;
        let own = word(seq) + word(ack) + word([0, flags, high, low]);
        tcp[16..18].copy_from_slice(&checksum(self.tcp_sum + own + sum(payload)));
        headers
    }
}

impl Deref for Headers {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.ip_len + TCP_LEN]
    }
}

/// Bytes as numbers of 32 bits, added up as this machine reads them: which end comes first makes no difference to a
/// checksum but for the order of its own two bytes (RFC 1071, 2B).
fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    pairs.iter().copied().map(pair).sum::<u64>() + pair(last)
}

/// Two numbers added up. In this shape the compiler adds many at a time.
fn pair(bytes: [u8; 8]) -> u64 {
    let both = u64::from_ne_bytes(bytes);
    (both & u64::from(u32::MAX)) + (both >> 32)
}

fn word(bytes: [u8; 4]) -> u64 {
    u64::from(u32::from_ne_bytes(bytes))
}

/// The complement of a sum, folded, as its bytes stand in a header.
fn checksum(sum: u64) -> [u8; 2] {
    let sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    (!u16::try_from(sum).unwrap_or_default()).to_ne_bytes()
}

const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const TCP_LEN: usize = 20;
