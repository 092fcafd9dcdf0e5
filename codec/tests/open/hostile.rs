//! Files that are damaged, cut off, or lie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::files::{Kind, PLAIN, gzip, open, packets, pcap, pcapng};
use crate::har::{HAR_RESPONSE, har, har_entry};
use crate::netlog::Log;
use crate::records::{COMPRESSED_HELLO, MASKED_HELLO, REQUEST, RESPONSE};
use crate::text::{hexdump, tshark, xxd};

/// One of each format.
fn files() -> Vec<Vec<u8>> {
    let capture = pcap(PLAIN, &[], &packets());
    let mut log = Log::new("Everything");
    log.bytes("SOCKET_BYTES_SENT", 3, REQUEST).bytes("SOCKET_BYTES_RECEIVED", 3, RESPONSE);
    log.bytes("SOCKET_BYTES_SENT", 3, MASKED_HELLO).bytes("SOCKET_BYTES_RECEIVED", 3, COMPRESSED_HELLO);
    let mut headers = Log::new("Default");
    headers.frame("WEBSOCKET_SENT_FRAME_HEADER", true, 1, true, 12);
    headers.frame("WEBSOCKET_RECV_FRAME_HEADER", false, 2, false, 70_000);
    vec![
        pcapng(&packets()),
        pcap(Kind { is_big_endian: true, is_in_nanoseconds: true, ..PLAIN }, &[], &packets()),
        gzip(&capture, 0, &[]),
        gzip(&gzip(&capture, 0x18, b"name\0comment\0"), 0, &[]),
        har(&[&har_entry(HAR_RESPONSE), &har_entry("{}")]).into_bytes(),
        log.whole().into_bytes(),
        headers.whole().into_bytes(),
        xxd(&capture).into_bytes(),
        hexdump(&capture).into_bytes(),
        packets().iter().map(|(_, packet)| tshark(packet)).collect::<String>().into_bytes(),
        STANDARD.encode(&capture).into_bytes(),
        [REQUEST, RESPONSE, MASKED_HELLO, COMPRESSED_HELLO].concat(),
        b"> 8185 37fa213d 7f9f4d5158\n< 8105 48656c6c6f\nc2s:\n890a\n".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a file, it is read to its end, and the same comes of it in whatever pieces it is read.
    #[test]
    fn damage_does_no_harm(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        doubled in any::<(prop::sample::Index, prop::sample::Index)>(),
        size in 1usize..2000,
    ) {
        let files = files();
        let mut file = which.get(&files).clone();
        for (at, byte) in flips {
            let at = at.index(file.len());
            file[at] = byte;
        }
        // Something comes twice, or is gone.
        let (from, to) = (doubled.0.index(file.len()), doubled.1.index(file.len()));
        file = [&file[..from], &file[to..]].concat();
        if file.len() > 8192 {
            file.truncate(8192);
        }
        file.truncate(cut.index(file.len().max(1)) + 1);
        prop_assert_eq!(open(&file, size), open(&file, file.len()));
    }

    #[test]
    fn anything_at_all_is_read(bytes in prop::collection::vec(any::<u8>(), 0..300), front in 0usize..13, size in 1usize..100) {
        let file = [&files()[front][..12], &bytes].concat();
        prop_assert_eq!(open(&file, size), open(&file, file.len()));
    }
}

/// Lengths that lie make nothing be allocated, and the next thing that makes sense is found.
#[test]
fn lengths_that_lie_cost_nothing() {
    let mut file = pcap(PLAIN, &[], &packets());
    let at = file.len();
    for len in [u32::MAX, 0x7FFF_FFFF, 1 << 20] {
        file.extend([0; 8]);
        file.extend(len.to_le_bytes());
        file.extend(len.to_le_bytes());
    }
    let lines = open(&file, 1000).lines();
    assert_eq!(lines.last().unwrap(), &format!("byte {at}: pcap: a packet that claims to be longer than any can be"));
    let frame = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffabc";
    let lines = open(&[b"\x81\x00".as_slice(), b"\x81\x00", b"\x81\x00", frame].concat(), 1000).lines();
    assert_eq!(lines.last().unwrap(), "0 s2c binary 3 -9223372036854775804");
}
