//! One IP packet with one TCP segment in it, written and read.
//!
//! Reading and the checksums are [`etherparse`]'s.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader, TcpOptionElement};

/// The most payload that [`Segment::write`] takes. The whole packet then fits in 65 535 bytes in both
/// families, which is what tools take for the longest there is.
pub const MAX_PAYLOAD: usize = 65_535 - Ipv6Header::LEN - TcpHeader::MIN_LEN;

/// The flags of a TCP header that matter here (RFC 9293, 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// The first segment of a direction.
    pub syn: bool,
    /// The sender has no more data.
    pub fin: bool,
    /// The connection is torn down.
    pub rst: bool,
    /// The acknowledgment number counts.
    pub ack: bool,
}

/// A TCP segment and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// The number of the first payload byte; with SYN, one less than that.
    pub seq: u32,
    /// The number that the sender expects next from the other side, where `flags.ack`.
    pub ack: u32,
    /// What kind of segment it is.
    pub flags: Flags,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Segment<'_> {
    /// Appends the segment as an IPv4 packet if both addresses are of that family, else as IPv6. The
    /// payload must not be longer than [`MAX_PAYLOAD`]; what is beyond is left out.
    pub fn write(&self, out: &mut Vec<u8>) {
        let payload = &self.payload[..self.payload.len().min(MAX_PAYLOAD)];
        let mut tcp = TcpHeader::new(self.src.port(), self.dst.port(), self.seq, WINDOW);
        tcp.acknowledgment_number = self.ack;
        tcp.ack = self.flags.ack;
        tcp.syn = self.flags.syn;
        tcp.fin = self.flags.fin;
        tcp.rst = self.flags.rst;
        tcp.psh = !payload.is_empty();
        if self.flags.syn {
            // The two fit in the header's option space, so this cannot fail.
            let _ = tcp.set_options(&SYN_OPTIONS);
        }
        // At most 60 bytes of header and MAX_PAYLOAD, and a SYN has no payload: 16 bits hold it.
        let tcp_len = u16::try_from(tcp.header_len() + payload.len()).unwrap_or(u16::MAX);
        match (self.src.ip(), self.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let (src, dst) = (src.octets(), dst.octets());
                let mut ip = Ipv4Header {
                    total_len: Ipv4Header::MIN_LEN_U16 + tcp_len,
                    dont_fragment: true,
                    time_to_live: HOPS,
                    protocol: IpNumber::TCP,
                    source: src,
                    destination: dst,
                    ..Ipv4Header::default()
                };
                ip.header_checksum = ip.calc_header_checksum();
                out.extend_from_slice(&ip.to_bytes());
                // It fails for payloads that no IP packet can hold, and ours are capped above.
                tcp.checksum = tcp.calc_checksum_ipv4_raw(src, dst, payload).unwrap_or_default();
            }
            (src, dst) => {
                let (src, dst) = (to_ipv6(src).octets(), to_ipv6(dst).octets());
                let ip = Ipv6Header {
                    traffic_class: 0,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: tcp_len,
                    next_header: IpNumber::TCP,
                    hop_limit: HOPS,
                    source: src,
                    destination: dst,
                };
                out.extend_from_slice(&ip.to_bytes());
                tcp.checksum = tcp.calc_checksum_ipv6_raw(src, dst, payload).unwrap_or_default();
            }
        }
        out.extend_from_slice(&tcp.to_bytes());
        out.extend_from_slice(payload);
    }
}

/// The window, scaled by 2^14 as [`SYN_OPTIONS`] says: 1 GiB, the most there is. A tap shows no
/// acknowledgment of its own for each packet, and tools warn when more is under way than a window allows.
const WINDOW: u16 = u16::MAX;
const SYN_OPTIONS: [TcpOptionElement; 2] =
    [TcpOptionElement::MaximumSegmentSize(65_475), TcpOptionElement::WindowScale(14)];
const HOPS: u8 = 64;

fn to_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The address as people know it: an IPv4 one that a dual-stack socket shows as `::ffff:a.b.c.d` is
/// IPv4 again.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Documentation addresses (RFC 5737) for a connection inside the process, told apart by `port`.
#[must_use]
pub const fn in_process(port: u16) -> (SocketAddr, SocketAddr) {
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let server = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    (SocketAddr::new(client, port), SocketAddr::new(server, 80))
}
