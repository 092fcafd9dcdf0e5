//! One IP packet with one TCP segment in it, written and read.
//!
//! Reading is [`etherparse`]'s, and what begins a connection; all else is written by a `Front`.

mod front;
mod link;

pub(super) use front::Front;
pub(super) use link::LINK_TYPES;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, LaxNetSlice, LaxSlicedPacket, TcpHeader, TcpOptionElement,
    TransportSlice,
};

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
        if self.flags.syn {
            return self.write_any(payload, out);
        }
        let headers = Front::new(self.src, self.dst).headers(self.seq, self.ack, self.flags, payload);
        out.extend_from_slice(&headers);
        out.extend_from_slice(payload);
    }

    /// With options, if need be.
    fn write_any(&self, payload: &[u8], out: &mut Vec<u8>) {
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

/// A segment as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// The segment, as far as it was captured.
    pub segment: Segment<'a>,
    /// How many bytes at the end of its payload were not.
    pub cut_off: u32,
}

/// Why a packet has no segment to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// Packets of this link type are not known.
    LinkType,
    /// It is a fragment of an IP packet with TCP in it. Fragments are not put together.
    Fragment,
    /// It is something else than TCP, or only a part of its headers.
    Other,
}

impl<'a> Captured<'a> {
    /// Finds the TCP segment in a packet of this link type.
    ///
    /// # Errors
    ///
    /// What it is if there is none.
    pub fn read(link_type: u16, packet: &'a [u8]) -> Result<Self, Skipped> {
        let packet = LaxSlicedPacket::from_ip(link::ip_packet(link_type, packet)?).map_err(|_| Skipped::Other)?;
        let ip_payload = packet.ip_payload().ok_or(Skipped::Other)?;
        if ip_payload.fragmented && ip_payload.ip_number == IpNumber::TCP {
            return Err(Skipped::Fragment);
        }
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return Err(Skipped::Other) };
        let (src, dst, declared) = match packet.net.as_ref().ok_or(Skipped::Other)? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let declared = usize::from(header.total_len()).checked_sub(header.slice().len());
                (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()), declared)
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let declared = usize::from(header.payload_length()).checked_sub(ip.extensions().slice().len());
                (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()), declared)
            }
            LaxNetSlice::Arp(_) => return Err(Skipped::Other),
        };
        let mut cut_off = match declared {
            Some(declared) if ip_payload.incomplete => declared.saturating_sub(ip_payload.payload.len()),
            _ => 0,
        };
        let taken = tcp.payload().len().min(TAKEN_MAX);
        cut_off += tcp.payload().len() - taken;
        let segment = Segment {
            src: SocketAddr::new(src, tcp.source_port()),
            dst: SocketAddr::new(dst, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: Flags { syn: tcp.syn(), fin: tcp.fin(), rst: tcp.rst(), ack: tcp.ack() },
            payload: &tcp.payload()[..taken],
        };
        Ok(Self { segment, cut_off: u32::try_from(cut_off).unwrap_or_default() })
    }
}

/// The most that is taken of one segment: as much as any kernel hands over at a time. All records of a packet
/// are in memory at once, and so many of the smallest frames are enough.
const TAKEN_MAX: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::link::*;
    use super::*;

    const SEGMENT: Segment<'static> = Segment {
        src: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 7)), 50_000),
        dst: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 80),
        seq: u32::MAX,
        ack: 7,
        flags: Flags { syn: false, fin: true, rst: false, ack: true },
        payload: b"\x81\x00",
    };

    fn packet(segment: &Segment<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        segment.write(&mut out);
        out
    }

    /// A segment is read back from its packet behind these bytes of link layer.
    fn check(link_type: u16, link: &[u8], segment: &Segment<'_>) {
        let bytes = [link, &packet(segment)].concat();
        assert_eq!(Captured::read(link_type, &bytes), Ok(Captured { segment: *segment, cut_off: 0 }));
        for len in 0..bytes.len() - segment.payload.len() {
            assert_eq!(Captured::read(link_type, &bytes[..len]), Err(Skipped::Other), "cut to {len}");
        }
    }

    #[test]
    fn segments_are_read_back_behind_every_link_layer() {
        let v6 = Segment { src: "[2001:db8::7]:1".parse().unwrap(), dst: "[::1]:2".parse().unwrap(), ..SEGMENT };
        let mixed = Segment { dst: v6.dst, ..SEGMENT };
        let shown = Segment { src: "[::ffff:192.168.0.7]:50000".parse().unwrap(), ..mixed };
        check(LINKTYPE_RAW, &[], &SEGMENT);
        check(LINKTYPE_RAW, &[], &v6);
        check(LINKTYPE_IPV6, &[], &v6);
        assert_eq!(Captured::read(LINKTYPE_RAW, &packet(&mixed)).map(|captured| captured.segment), Ok(shown));
        check(LINKTYPE_NULL, &[2, 0, 0, 0], &SEGMENT);
        check(LINKTYPE_ETHERNET, b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00", &SEGMENT);
        let vlan = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x81\x00\x00\x05\x86\xdd";
        check(LINKTYPE_ETHERNET, vlan, &v6);
        let stacked = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x88\xa8\x00\x05\x81\x00\x00\x07\x91\x00\0\x09\x81\0\0\x01\x08\x00";
        check(LINKTYPE_ETHERNET, stacked, &SEGMENT);
        let session = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x88\x64\x11\0\0\x07\0\x2a\0\x21";
        check(LINKTYPE_ETHERNET, session, &SEGMENT);
        check(LINKTYPE_PPP_ETHER, b"\x11\0\0\x07\0\x2a\0\x57", &v6);
        for front in [b"\xff\x03\0\x21".as_slice(), b"\0\x21", b"\x21", b"\xff\x03\x21"] {
            check(LINKTYPE_PPP, front, &SEGMENT);
        }
        check(LINKTYPE_NULL, &[0, 0, 0, 30], &v6);
        check(LINKTYPE_LOOP, &[0, 0, 0, 24], &v6);
        check(LINKTYPE_LINUX_SLL, &[[0; 14].as_slice(), b"\x81\0\0\x05\x86\xdd"].concat(), &v6);
        check(LINKTYPE_LINUX_SLL, &[[0; 14].as_slice(), &[8, 0]].concat(), &SEGMENT);
        check(LINKTYPE_LINUX_SLL2, &[[8, 0].as_slice(), &[0; 18]].concat(), &SEGMENT);
    }

    #[test]
    fn a_payload_cut_by_the_snap_length_is_known_to_be_longer() {
        let bytes = packet(&SEGMENT);
        let captured = Captured::read(LINKTYPE_RAW, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!((captured.segment.payload, captured.cut_off), (&b"\x81"[..], 1));
    }

    #[test]
    fn headers_between_ip_and_tcp_are_read_past() {
        let segment = Segment { src: "[2001:db8::7]:1".parse().unwrap(), dst: "[::1]:2".parse().unwrap(), ..SEGMENT };
        let mut bytes = packet(&segment);
        // Hop-by-hop options, a routing header, destination options, a fragment that is all of the packet, TCP.
        let headers = b"\x2b\0\x01\x04\0\0\0\0\x3c\0\0\0\0\0\0\0\x2c\0\x01\x04\0\0\0\0\x06\0\0\0\0\0\0\x05";
        bytes.splice(40..40, headers.iter().copied());
        bytes[5] += 32;
        bytes[6] = 0;
        assert_eq!(Captured::read(LINKTYPE_IPV6, &bytes), Ok(Captured { segment, cut_off: 0 }));
        assert_eq!(Captured::read(LINKTYPE_IPV6, &bytes[..bytes.len() - 2]).unwrap().cut_off, 2);
        for (at, byte) in [(40 + 24 + 3, 1), (40 + 24 + 2, 1)] {
            let mut fragment = bytes.clone();
            fragment[at] |= byte;
            assert_eq!(Captured::read(LINKTYPE_IPV6, &fragment), Err(Skipped::Fragment));
        }
    }

    #[test]
    fn a_fragment_is_called_one() {
        for (at, byte) in [(6, 0x20), (7, 0x01)] {
            let mut bytes = packet(&SEGMENT);
            bytes[at] |= byte;
            assert_eq!(Captured::read(LINKTYPE_RAW, &bytes), Err(Skipped::Fragment));
            bytes[9] = 17;
            assert_eq!(Captured::read(LINKTYPE_RAW, &bytes), Err(Skipped::Other));
        }
        assert_eq!(Captured::read(127, &packet(&SEGMENT)), Err(Skipped::LinkType));
    }

    /// Bytes that fill a short frame up to what Ethernet wants are none of the segment's, and what the card was to cut
    /// up has no length yet.
    #[test]
    fn padding_is_no_payload_and_a_length_may_be_missing() {
        let ethernet = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00".as_slice();
        let padded = [ethernet, &packet(&SEGMENT), &[0; 6]].concat();
        assert_eq!(Captured::read(LINKTYPE_ETHERNET, &padded), Ok(Captured { segment: SEGMENT, cut_off: 0 }));
        let mut unsized_yet = packet(&SEGMENT);
        unsized_yet[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(Captured::read(LINKTYPE_RAW, &unsized_yet), Ok(Captured { segment: SEGMENT, cut_off: 0 }));
    }

    #[test]
    fn checksums_are_right_in_both_families() {
        for src in ["192.168.0.7:50000", "[2001:db8::7]:50000"] {
            let bytes = packet(&Segment { src: src.parse().unwrap(), payload: &[0xA5; 1001], ..SEGMENT });
            let sliced = LaxSlicedPacket::from_ip(&bytes).unwrap();
            let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("no TCP in {sliced:?}") };
            let expected = match sliced.net.as_ref().unwrap() {
                LaxNetSlice::Ipv4(ip) => {
                    assert_eq!(ip.header().to_header().calc_header_checksum(), ip.header().header_checksum());
                    tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
                }
                LaxNetSlice::Ipv6(ip) => tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()),
                LaxNetSlice::Arp(_) => panic!("no IP"),
            };
            assert_eq!(expected, Ok(tcp.checksum()));
        }
    }

    #[test]
    fn the_quick_way_and_the_general_one_write_the_same() {
        use proptest::prelude::*;
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        proptest!(|(src: IpAddr, dst: IpAddr, ports: [u16; 2], seq: u32, flags in flags, payload: Vec<u8>, fill: Option<u8>)| {
            let payload = fill.map_or(payload, |byte| vec![byte; MAX_PAYLOAD]);
            let (ack, fin, rst) = flags;
            let flags = Flags { syn: false, ack, fin, rst };
            let [from, to] = ports;
            let segment =
                Segment { src: (src, from).into(), dst: (dst, to).into(), seq, ack: !seq, flags, payload: &payload };
            let (mut quick, mut general) = (Vec::new(), Vec::new());
            segment.write(&mut quick);
            segment.write_any(&payload, &mut general);
            prop_assert_eq!(quick, general);
        });
    }

    #[test]
    fn addresses_in_ipv6_clothes_are_ipv4() {
        let check = |from: &str, to: &str| assert_eq!(canonical(from.parse().unwrap()).to_string(), to);
        check("[::ffff:1.2.3.4]:5", "1.2.3.4:5");
        check("[2001:db8::1]:5", "[2001:db8::1]:5");
    }
}
