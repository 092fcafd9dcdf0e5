//! One conversation, and files of it in every format, written by the few lines that each needs.

use std::net::SocketAddr;

use framescope_codec::capture::open::Opener;
use framescope_codec::capture::packet::{Flags, Segment};
use framescope_codec::capture::{Decoder, Direction, Record, pcapng};
use zlib_rs::{Deflate, DeflateFlush};

use crate::records::{CLOSE, COMPRESSED_AGAIN, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE, line};

/// What a decoder tells of [`packets`], in nanoseconds or in microseconds since 2023.
pub(crate) const TOLD: [&str; 9] = [
    "0 c2s request, 0 findings",
    "0 s2c response 101, 0 findings",
    "0 c2s text 5 Hello",
    "0 s2c text 7 Hello",
    "0 s2c text 5 Hello",
    "0 s2c ping 0",
    "0 c2s close 2",
    "0 s2c close 2",
    "0 s2c Finished",
];

pub(crate) const START_NS: u64 = 1_700_000_000_000_000_000;

/// IP packets of one conversation, a millisecond apart.
pub(crate) fn packets() -> Vec<(u64, Vec<u8>)> {
    use Direction::{ClientToServer, ServerToClient};
    let ends: [SocketAddr; 2] = ["192.168.0.7:50000".parse().unwrap(), "192.168.0.1:8080".parse().unwrap()];
    let mut next = [1000_u32, u32::MAX - 99];
    let said = [
        (ClientToServer, b"".as_slice(), Flags { syn: true, ..Flags::default() }),
        (ServerToClient, b"", Flags { syn: true, ack: true, ..Flags::default() }),
        (ClientToServer, REQUEST, ACK),
        (ServerToClient, RESPONSE, ACK),
        (ClientToServer, MASKED_HELLO, ACK),
        (ServerToClient, COMPRESSED_HELLO, ACK),
        (ServerToClient, &[COMPRESSED_AGAIN, b"\x89\x00"].concat(), ACK),
        (ClientToServer, MASKED_CLOSE, ACK),
        (ServerToClient, CLOSE, Flags { fin: true, ..ACK }),
    ];
    let mut packets = Vec::new();
    for (n, (direction, payload, flags)) in (0..).zip(said) {
        let (from, to) = if direction == ClientToServer { (0, 1) } else { (1, 0) };
        let segment = Segment { src: ends[from], dst: ends[to], seq: next[from], ack: next[to], flags, payload };
        next[from] = next[from].wrapping_add(u32::try_from(payload.len()).unwrap() + u32::from(flags.syn));
        let mut packet = Vec::new();
        segment.write(&mut packet);
        packets.push((START_NS + n * 1_000_000, packet));
    }
    packets
}

const ACK: Flags = Flags { syn: false, fin: false, rst: false, ack: true };

/// Which kind of pcap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) is_big_endian: bool,
    pub(crate) is_in_nanoseconds: bool,
    pub(crate) link_type: u32,
}

pub(crate) const PLAIN: Kind = Kind { is_big_endian: false, is_in_nanoseconds: false, link_type: 101 };

/// A pcap of these packets, each behind `link`.
pub(crate) fn pcap(kind: Kind, link: &[u8], packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let word = |number: u32| if kind.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    out.extend(word(if kind.is_in_nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 }));
    out.extend(if kind.is_big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
    for number in [0, 0, 262_144, kind.link_type] {
        out.extend(word(number));
    }
    for (time_ns, packet) in packets {
        let fraction = time_ns % 1_000_000_000 / if kind.is_in_nanoseconds { 1 } else { 1000 };
        let len = u32::try_from(link.len() + packet.len()).unwrap();
        for number in [u32::try_from(time_ns / 1_000_000_000).unwrap(), u32::try_from(fraction).unwrap(), len, len] {
            out.extend(word(number));
        }
        out.extend(link);
        out.extend(packet);
    }
    out
}

/// A pcapng of these packets, as a tap would write them.
pub(crate) fn pcapng(packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    for (time_ns, packet) in packets {
        pcapng::write_packet(*time_ns, &[], &mut out, |out| out.extend_from_slice(packet));
    }
    out
}

/// One member of gzip, with this much of a header.
pub(crate) fn gzip(bytes: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 3];
    out.extend(fields);
    let mut deflate = Deflate::new(6, false, 15);
    let start = out.len();
    out.resize(start + bytes.len() + 1000, 0);
    deflate.compress(bytes, &mut out[start..], DeflateFlush::Finish).unwrap();
    out.truncate(start + usize::try_from(deflate.total_out()).unwrap());
    out.extend(zlib_rs::crc32::crc32(0, bytes).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out
}

/// Everything that comes of a file, as records and as lines: first the decoder's, then the opener's faults.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Opened {
    pub(crate) records: Vec<Record>,
    pub(crate) faults: Vec<String>,
    pub(crate) formats: Vec<&'static str>,
}

/// Reads a file in pieces of this size.
pub(crate) fn open(file: &[u8], size: usize) -> Opened {
    let mut opener = Opener::new();
    let mut decoder = Decoder::new();
    let mut opened = Opened::default();
    for piece in file.chunks(size.max(1)) {
        opener.feed(piece);
        drain(&mut opener, &mut decoder, &mut opened);
    }
    opener.finish();
    drain(&mut opener, &mut decoder, &mut opened);
    decoder.finish();
    opened.records.extend(std::iter::from_fn(|| decoder.next_record()));
    opened.formats = opener.formats().iter().map(|format| format.name()).collect();
    opened
}

fn drain(opener: &mut Opener, decoder: &mut Decoder, opened: &mut Opened) {
    while let Some(bytes) = opener.next_bytes() {
        decoder.feed(&bytes);
        opened.records.extend(std::iter::from_fn(|| decoder.next_record()));
    }
    opened.faults.extend(std::iter::from_fn(|| opener.next_fault()).map(|fault| fault.to_string()));
}

impl Opened {
    /// Each record on a line, without times, and the opener's faults.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.records.iter().map(line).chain(self.faults.iter().cloned()).collect()
    }
}

/// However it is cut, the file tells this.
pub(crate) fn check(file: &[u8], formats: &[&str], expected: &[&str]) {
    for size in [1, 17, 1000, usize::MAX] {
        let opened = open(file, size.min(file.len()));
        assert_eq!(opened.lines(), expected, "in pieces of {size}");
        assert_eq!(opened.formats, formats);
    }
}
