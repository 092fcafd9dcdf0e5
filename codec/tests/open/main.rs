//! Files of every format: the same conversation comes out of each, and whatever is wrong with one is said.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is its message")]

#[path = "../support/files.rs"]
mod files;
mod har;
mod hostile;
mod netlog;
#[path = "../support/records.rs"]
mod records;
mod text;

use files::{Kind, PLAIN, START_NS, TOLD, check, gzip, open, packets, pcap, pcapng};
use framescope_codec::capture::{Pieces, Record, What};

#[test]
fn a_pcapng_is_read_as_it_is() {
    check(&pcapng(&packets()), &["pcapng"], &TOLD);
}

#[test]
fn a_pcap_is_read_in_either_byte_order_and_resolution() {
    let expected = elsewhere(open(&pcapng(&packets()), usize::MAX).records);
    for is_big_endian in [false, true] {
        for is_in_nanoseconds in [false, true] {
            let kind = Kind { is_big_endian, is_in_nanoseconds, ..PLAIN };
            let file = pcap(kind, &[], &packets());
            check(&file, &["pcap"], &TOLD);
            assert_eq!(elsewhere(open(&file, 100).records), expected, "{kind:?}");
        }
    }
    // The upper half of the link type says how long the checksum behind packets is.
    let file = pcap(
        Kind { link_type: 0x2400_0001, ..PLAIN },
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00",
        &packets(),
    );
    check(&file, &["pcap"], &TOLD);
}

#[test]
fn damage_in_a_pcap_costs_what_was_damaged() {
    let packets = packets();
    let file = pcap(PLAIN, &[], &packets);
    let with = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        file
    };
    check(&with(0, 7), &["pcap"], &[&TOLD[..], &["byte 0: pcap: the magic number in front is damaged"]].concat());
    let fifth = 24 + packets[..5].iter().map(|(_, packet)| 16 + packet.len()).sum::<usize>();
    let without_hello: Vec<_> = TOLD.iter().filter(|line| **line != "0 s2c text 7 Hello").copied().collect();
    let claims = format!("byte {fifth}: pcap: a packet that claims to be longer than any can be");
    let lines = open(&with(fifth + 11, 0x7F), 100).lines();
    assert_eq!(lines.last(), Some(&claims));
    assert!(lines.len() > without_hello.len() - 2, "{lines:?}");
    let cut = file.len() - 3;
    let last = file.len() - packets[8].1.len() - 16;
    let lines = open(&file[..cut], 100).lines();
    assert_eq!(lines.last().unwrap(), &format!("byte {last}: pcap: the file ends within a packet"));
    let lines = open(&file[..last + 5], 100).lines();
    assert_eq!(lines.last().unwrap(), &format!("byte {last}: pcap: the file ends within the header of a packet"));
    check(&file[..20], &["pcap"], &["byte 0: pcap: the file ends within its header"]);
}

#[test]
fn gzip_is_inflated_whatever_is_in_it() {
    let file = pcap(PLAIN, &[], &packets());
    check(&gzip(&file, 0, &[]), &["gzip", "pcap"], &TOLD);
    check(&gzip(&file, 0x1E, b"\x03\0abca name\0a comment\0\x12\x34"), &["gzip", "pcap"], &TOLD);
    check(&gzip(&pcapng(&packets()), 0, &[]), &["gzip", "pcapng"], &TOLD);
    check(&gzip(&gzip(&file, 0, &[]), 0, &[]), &["gzip", "gzip", "pcap"], &TOLD);
    let members = [gzip(&file[..100], 0, &[]), gzip(&file[100..], 0, &[]), vec![0; 500]].concat();
    check(&members, &["gzip", "pcap"], &TOLD);
}

#[test]
fn damage_in_gzip_is_told_behind_what_could_be_read() {
    let file = pcap(PLAIN, &[], &packets());
    let whole = gzip(&file, 0, &[]);
    let at = whole.len() - 8;
    let mut wrong = whole.clone();
    wrong[at] ^= 1;
    let damaged = format!("byte {at}: gzip: the checksum does not match: something in it was damaged");
    check(&wrong, &["gzip", "pcap"], &told(&damaged));
    let ends = format!("byte {at}: gzip: the file ends before the checksum");
    check(&whole[..at + 2], &["gzip", "pcap"], &told(&ends));
    let end = whole.len();
    let more = format!("byte {end}: gzip: bytes behind the end that are no gzip");
    check(&[&whole, b"more".as_slice()].concat(), &["gzip", "pcap"], &told(&more));
    let lines = open(&whole[..at - 20], 100).lines();
    assert_eq!(lines[0], TOLD[0]);
    assert!(lines.iter().any(|line| line.ends_with("gzip: the file ends within the compressed data")), "{lines:?}");
    let mut deep = file;
    for _ in 0..5 {
        deep = gzip(&deep, 0, &[]);
    }
    check(&deep, &["gzip"; 3], &["byte 0: gzip: compressed too many times over to be a capture"]);
}

/// All of it, and this.
fn told(more: &str) -> Vec<&str> {
    [&TOLD[..], &[more]].concat()
}

/// A thousand times its size of zeros is not even inflated to its end, and a capture full of them comes in pieces.
#[test]
fn what_inflates_to_much_comes_in_bounded_pieces() {
    use framescope_codec::capture::open::Opener;
    let zeros = gzip(&vec![0; 64 << 20], 0, &[]);
    check_pieces(&zeros, 0);
    let mut bomb = pcap(PLAIN, &[], &[]);
    bomb.resize(16 << 20, 0);
    check_pieces(&gzip(&bomb, 0, &[]), 16 << 20);

    fn check_pieces(file: &[u8], at_least: usize) {
        let mut opener = Opener::new();
        opener.feed(file);
        opener.finish();
        let mut total = 0;
        while let Some(bytes) = opener.next_bytes() {
            assert!(bytes.len() < 1 << 19, "a piece of {}", bytes.len());
            total += bytes.len();
        }
        assert!(total >= at_least, "{total}");
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    check(b"", &[], &["byte 0: the file is empty"]);
    check(b"PK\x03\x04 and so on", &[], &["byte 0: this looks like a ZIP archive; unpack it first"]);
    check(&gzip(b"\x89PNG\r\n\x1a\n", 0, &[]), &["gzip"], &["byte 0: this looks like a PNG image"]);
    check(&[0xFF; 5000], &[], &["byte 0: this is no format that is known here"]);
}

/// The same records wherever their bytes lie: blocks of one format are longer than those of another.
fn elsewhere(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Event(event) = record
            && let What::Frame(frame) = &mut event.what
        {
            frame.pieces = Pieces::default();
        }
    }
    records
}

/// A block of pcapng, big-endian.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let len = u32::try_from(12 + body.len() + padding).unwrap().to_be_bytes();
    [&kind.to_be_bytes(), &len[..], body, &[0; 3][..padding], &len].concat()
}

/// Client and server on an interface each, with link types and clocks of their own, and packets without a time.
#[test]
fn interfaces_of_one_capture_may_differ() {
    let mut file = block(0x0A0D_0D0A, &[&0x1A2B_3C4D_u32.to_be_bytes()[..], &[0, 1, 0, 0], &[0xFF; 8]].concat());
    let cooked = [&[0; 14][..], &[8, 0]].concat();
    let tagged = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x88\xa8\x00\x05\x81\x00\x00\x07\x08\x00";
    // Linux cooked in microseconds since 1970, Ethernet in 2^-30 seconds since an hour before the start.
    file.extend(block(1, b"\x00\x71\x00\x00\x00\x00\x00\x00"));
    let offset_s = START_NS / 1_000_000_000 - 3600;
    let options = [&b"\x00\x09\x00\x01\x9e\x00\x00\x00\x00\x0e\x00\x08"[..], &offset_s.to_be_bytes(), &[0; 4]].concat();
    file.extend(block(1, &[&b"\x00\x01\x00\x00\x00\x00\x00\x00"[..], &options].concat()));
    for (time_ns, packet) in packets() {
        let is_client = packet[12..16] == [192, 168, 0, 7];
        let since_offset = u128::from(time_ns - offset_s * 1_000_000_000);
        let ticks =
            if is_client { time_ns / 1000 } else { u64::try_from((since_offset << 30) / 1_000_000_000).unwrap() };
        let data = if is_client { [&cooked[..], &packet].concat() } else { [&tagged[..], &packet].concat() };
        let len = u32::try_from(data.len()).unwrap().to_be_bytes();
        let is_close = packet.ends_with(b"\x02\xea");
        if is_close {
            // A simple packet is always one of the first interface.
            file.extend(block(3, &[&len[..], &data].concat()));
            continue;
        }
        let time = [&ticks.to_be_bytes()[..], &len, &len].concat();
        file.extend(block(6, &[&u32::from(!is_client).to_be_bytes()[..], &time, &data].concat()));
    }
    check(&file, &["pcapng"], &TOLD);
    let opened = open(&file, 1000);
    let times: Vec<_> = opened
        .records
        .iter()
        .filter_map(|record| if let Record::Event(event) = record { Some(event.time_ns) } else { None })
        .collect();
    let expected = [2, 3, 4, 5, 6, 6, 6, 8, 8].map(|ms| START_NS + ms * 1_000_000);
    for (time, expected) in times.iter().zip(expected) {
        // A 2^-30th of a second is not quite a nanosecond.
        assert!(time.abs_diff(expected) <= 1, "{time} for {expected}");
    }
}
