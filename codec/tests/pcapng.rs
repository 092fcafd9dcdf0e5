//! Blocks as other programs write them: read as `pcap-parser` reads them, whole or damaged.
#![cfg(feature = "capture")]

#[path = "support/pcapng.rs"]
mod support;

use framescope_codec::capture::pcapng::{Item, Reader};
use proptest::collection::vec;
use proptest::prelude::*;

/// Blocks under construction, in one byte order.
#[derive(Default)]
struct Blocks {
    bytes: Vec<u8>,
    is_big_endian: bool,
}

/// An option of a block: its kind, its value, and whether it is really as long as it says.
type Opt = (u16, Vec<u8>, bool);

/// A block to be written.
#[derive(Clone, Debug)]
enum Written {
    Section {
        is_big_endian: bool,
        options: Vec<Opt>,
    },
    Interface {
        link_type: u16,
        snap_len: u32,
        options: Vec<Opt>,
    },
    Packet {
        interface: u32,
        ticks: u64,
        data: Vec<u8>,
        options: Vec<Opt>,
    },
    Simple {
        data: Vec<u8>,
        padding: usize,
    },
    /// Names, statistics, secrets, or nobody knows what.
    Other {
        kind: u32,
        body: Vec<u8>,
    },
}

impl Blocks {
    fn u16(&mut self, number: u16) {
        self.bytes.extend(if self.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend(if self.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn options(&mut self, options: &[Opt]) {
        for (code, value, is_true) in options {
            self.u16(*code);
            let len = value.len() + if *is_true { 0 } else { 1000 };
            self.u16(u16::try_from(len).unwrap_or(u16::MAX));
            self.padded(value);
        }
    }

    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(kind);
        self.u32(0);
        body(self);
        let len = u32::try_from(self.bytes.len() + 4 - start).unwrap_or(u32::MAX);
        self.u32(len);
        let len_at = self.bytes.len() - 4;
        self.bytes.copy_within(len_at.., start + 4);
    }

    fn write(&mut self, block: &Written) {
        match block {
            Written::Section { is_big_endian, options } => {
                self.is_big_endian = *is_big_endian;
                self.block(0x0A0D_0D0A, |out| {
                    out.u32(0x1A2B_3C4D);
                    out.u16(1);
                    out.u16(0);
                    out.bytes.extend([0xFF; 8]);
                    out.options(options);
                });
            }
            Written::Interface { link_type, snap_len, options } => self.block(1, |out| {
                out.u16(*link_type);
                out.u16(0);
                out.u32(*snap_len);
                out.options(options);
            }),
            Written::Packet { interface, ticks, data, options } => self.block(6, |out| {
                out.u32(*interface);
                for half in [ticks >> 32, ticks & 0xFFFF_FFFF] {
                    out.u32(u32::try_from(half).unwrap_or_default());
                }
                out.u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
                out.u32(1514);
                out.padded(data);
                out.options(options);
            }),
            Written::Simple { data, padding } => self.block(3, |out| {
                out.u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
                out.padded(data);
                out.bytes.resize(out.bytes.len() + 4 * padding, 0);
            }),
            Written::Other { kind, body } => self.block(*kind, |out| out.padded(body)),
        }
    }
}

fn written(blocks: &[Written]) -> Vec<u8> {
    let mut out = Blocks::default();
    for block in blocks {
        out.write(block);
    }
    out.bytes
}

fn options() -> impl Strategy<Value = Vec<Opt>> {
    let code = prop::sample::select(vec![0, 1, 1, 2, 4, 9, 14, 2988]);
    let value = prop_oneof![
        vec(any::<u8>(), 0..9),
        vec(any::<u8>(), 8),
        any::<u8>().prop_map(|resolution| vec![resolution]),
        Just(b"h\xC3\xA9".to_vec()),
    ];
    vec((code, value, prop::bool::weighted(0.95)), 0..4)
}

fn block() -> impl Strategy<Value = Written> {
    let link_type = prop::sample::select(vec![0, 1, 12, 101, 113, 276, 65_535]);
    let snap_len = prop::sample::select(vec![0, 3, 96, 65_535]);
    let ticks = prop_oneof![any::<u64>(), any::<u32>().prop_map(u64::from)];
    prop_oneof![
        1 => (any::<bool>(), options()).prop_map(|(is_big_endian, options)| Written::Section { is_big_endian, options }),
        3 => (link_type, snap_len, options())
            .prop_map(|(link_type, snap_len, options)| Written::Interface { link_type, snap_len, options }),
        4 => (0_u32..3, ticks, vec(any::<u8>(), 0..20), options())
            .prop_map(|(interface, ticks, data, options)| Written::Packet { interface, ticks, data, options }),
        1 => (vec(any::<u8>(), 0..20), 0_usize..3).prop_map(|(data, padding)| Written::Simple { data, padding }),
        1 => (prop::sample::select(vec![4, 5, 9, 10, 0xBAD, 0x4000_0BAD, 77]), vec(any::<u8>(), 0..20))
            .prop_map(|(kind, body)| Written::Other { kind, body }),
    ]
}

fn capture() -> impl Strategy<Value = Vec<Written>> {
    let start = (any::<bool>(), options(), options()).prop_map(|(is_big_endian, section, interface)| {
        vec![
            Written::Section { is_big_endian, options: section },
            Written::Interface { link_type: 1, snap_len: 0, options: interface },
        ]
    });
    (start, vec(block(), 0..12)).prop_map(|(start, more)| [start, more].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whole_blocks_are_read_as_the_library_reads_them(blocks in capture()) {
        support::compare(&written(&blocks));
    }

    #[test]
    fn damaged_blocks_are_too(
        blocks in capture(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = written(&blocks);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        support::compare(&bytes);
    }
}

/// The library does not know these; Wireshark does.
#[test]
fn packets_of_the_obsolete_kind_are_read() {
    for is_big_endian in [false, true] {
        let mut out = Blocks::default();
        out.write(&Written::Section { is_big_endian, options: Vec::new() });
        out.write(&Written::Interface { link_type: 9, snap_len: 0, options: Vec::new() });
        out.write(&Written::Interface { link_type: 1, snap_len: 0, options: Vec::new() });
        out.block(2, |out| {
            out.u16(1);
            out.u16(u16::MAX);
            out.u32(1);
            out.u32(2);
            out.u32(3);
            out.u32(60);
            out.padded(b"abc");
            out.options(&[(1, b"hi".to_vec(), true), (0, Vec::new(), true)]);
        });
        let mut reader = Reader::new();
        reader.feed(&out.bytes);
        let Some(Item::Packet(packet)) = reader.next_item() else { panic!("no packet") };
        assert_eq!(packet.time_ns, ((1 << 32) + 2) * 1_000);
        assert_eq!((packet.link_type, packet.data, packet.original_len), (1, &b"abc"[..], 60));
        assert_eq!(packet.comments, ["hi"]);
        assert_eq!(reader.next_item(), None);
    }
}
