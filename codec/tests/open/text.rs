//! Captures, packets and frames written as text: the same conversation comes out.

use std::fmt::Write as _;

use crate::files::{PLAIN, TOLD, check, gzip, open, packets, pcap, pcapng};
use crate::records::{CLOSE, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use framescope_codec::capture::Record;

const ETHERNET: &[u8] = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00";
const REBUILT: &str = "0 c2s rebuilt from bytes without addresses and times; others stand in for them";
const BARE: &str = "0 c2s there is no opening handshake; whether compression was agreed on is not known";

/// Printable characters, and dots.
fn beside(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

pub(crate) fn xxd(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (n, line) in bytes.chunks(16).enumerate() {
        let groups: Vec<String> =
            line.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        writeln!(text, "{:08x}: {:39}  {}", 16 * n, groups.join(" "), beside(line)).unwrap();
    }
    text
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// As `tshark -x` shows a packet.
pub(crate) fn tshark(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).enumerate();
    lines.map(|(n, line)| format!("{:04x}  {:47}   {}\n", 16 * n, spaced(line), beside(line))).collect::<String>()
        + "\n"
}

pub(crate) fn hexdump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut last: &[u8] = &[];
    let mut repeats = false;
    for (n, line) in bytes.chunks(16).enumerate() {
        if line == last {
            text.push_str(if repeats { "" } else { "*\n" });
            repeats = true;
            continue;
        }
        (last, repeats) = (line, false);
        let (left, right) = line.split_at(line.len().min(8));
        writeln!(text, "{:08x}  {:23}  {:23}  |{}|", 16 * n, spaced(left), spaced(right), beside(line)).unwrap();
    }
    writeln!(text, "{:08x}", bytes.len()).unwrap();
    text
}

fn in_lines(text: &str, len: usize) -> String {
    text.as_bytes().chunks(len).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect()
}

#[test]
fn a_capture_may_be_written_as_text() {
    let plain = pcap(PLAIN, &[], &packets());
    for (file, inner) in [
        (plain.clone(), vec!["pcap"]),
        (pcapng(&packets()), vec!["pcapng"]),
        (gzip(&plain, 0, &[]), vec!["gzip", "pcap"]),
    ] {
        let expected: Vec<Record> = open(&file, usize::MAX).records;
        let hex = file.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let texts = [
            ("hex", xxd(&file)),
            ("hex", format!("# as xxd has it\r\n\r\n{}", xxd(&file).replace('\n', "\r\n"))),
            ("hex", hexdump(&file)),
            ("hex", hex.clone()),
            ("hex", in_lines(&hex, 60)),
            ("hex", in_lines(&spaced(&file), 48)),
            ("base64", STANDARD.encode(&file)),
            ("base64", in_lines(&STANDARD.encode(&file), 76)),
            ("base64", URL_SAFE_NO_PAD.encode(&file)),
            ("base64", format!("data:application/octet-stream;base64,{}", STANDARD.encode(&file))),
        ];
        for (format, text) in texts {
            check(text.as_bytes(), &[&[format], &inner[..]].concat(), &TOLD);
            assert_eq!(open(text.as_bytes(), 1000).records, expected);
        }
    }
}

#[test]
fn repeated_lines_of_hexdump_are_put_in() {
    let frame = [b"\x82\x7e\x01\x00".as_slice(), &[7; 256]].concat();
    let text = "\u{7}".repeat(256);
    check(hexdump(&frame).as_bytes(), &["hex"], &[REBUILT, BARE, &format!("0 s2c binary 256 {text}")]);
    let lies = "00000000  81 05 48 65 6c 6c 6f 81  05 48 65 6c 6c 6f 81 00\n*\nffffffff0  00\n";
    let lines = open(lies.as_bytes(), 100).lines();
    assert_eq!(lines.last().unwrap(), "byte 61: hex: more repeated lines than are read");
}

#[test]
fn packets_may_be_dumped_one_after_another() {
    let text: String = packets().iter().map(|(_, packet)| tshark(&[ETHERNET, packet].concat())).collect();
    check(text.as_bytes(), &["hex"], &TOLD);
    let text: String = packets().iter().map(|(_, packet)| xxd(packet)).collect();
    check(text.as_bytes(), &["hex"], &TOLD);
    // Other views of a packet are no packets.
    let text: String = packets()
        .iter()
        .map(|(_, packet)| {
            let frame = [ETHERNET, packet].concat();
            format!(
                "Frame ({} bytes):\n\n{}Unmasked data (5 bytes):\n\n{}",
                frame.len(),
                tshark(&frame),
                tshark(b"Hello")
            )
        })
        .collect();
    check(text.as_bytes(), &["hex"], &TOLD);
    let verbose: String =
        packets().iter().map(|(_, packet)| format!("Frame 1: 74 bytes\n    Time: 0\n{}", tshark(packet))).collect();
    check(verbose.as_bytes(), &["hex"], &TOLD);
}

#[test]
fn a_stream_as_wireshark_follows_it_has_two_sides() {
    let indented = |text: String, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let at = |text: String, offset: usize| {
        text.lines()
            .map(|line| {
                let (number, rest) = line.split_at(8);
                format!("{:08x}{rest}\n", usize::from_str_radix(number, 16).unwrap() + offset)
            })
            .collect::<String>()
    };
    let dump = |bytes: &[u8]| {
        xxd(bytes)
            .replace(": ", "  ")
            .lines()
            .map(|line| {
                let bytes: String = line.get(10..49).unwrap().split_whitespace().collect();
                let bytes: Vec<_> = bytes.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
                format!("{}  {}\n", &line[..8], bytes.join(" "))
            })
            .collect::<String>()
    };
    for by in ["    ", "\t"] {
        let text = [
            "\n====\nFollow: tcp,hex\nFilter: tcp.stream eq 0\nNode 0: 127.0.0.1:50000\nNode 1: 127.0.0.1:80\n"
                .to_owned(),
            dump(REQUEST),
            indented(dump(RESPONSE), by),
            at(dump(MASKED_HELLO), REQUEST.len()),
            indented(at(dump(COMPRESSED_HELLO), RESPONSE.len()), by),
            at(dump(MASKED_CLOSE), REQUEST.len() + MASKED_HELLO.len()),
            indented(at(dump(CLOSE), RESPONSE.len() + COMPRESSED_HELLO.len()), by),
            "====\n".to_owned(),
        ]
        .concat();
        let expected = [
            REBUILT,
            "0 c2s request, 0 findings",
            "0 s2c response 101, 0 findings",
            "0 c2s text 5 Hello",
            "0 s2c text 7 Hello",
            "0 c2s close 2",
            "0 s2c close 2",
        ];
        check(text.as_bytes(), &["hex"], &expected);
    }
    let array = |name: &str, bytes: &[u8]| {
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
        format!("char {name}[] = {{ /* Packet 4 */\n{} }};\n", bytes.join(", "))
    };
    let text = [array("peer0_0", MASKED_HELLO), array("peer1_0", b"\x81\x05Hello")].concat();
    check(text.as_bytes(), &["hex"], &[REBUILT, BARE, "0 c2s text 5 Hello", "0 s2c text 5 Hello"]);
}

#[test]
fn frames_may_be_pasted_in_any_notation() {
    let both = [REBUILT, BARE, "0 s2c text 5 Hello", "0 c2s text 5 Hello"];
    // Whole frames on each line: who masks is the client.
    check(b"81 05 48 65 6c 6c 6f\n81 85 37 fa 21 3d 7f 9f 4d 51 58\n", &["hex"], &both);
    check(b"gQVIZWxsbw==\ngYU3+iE9f59NUVg=\n", &["base64"], &both);
    check(b"s2c: 8105 4865\ns2c: 6c6c 6f\n\nc2s:\n8185 37fa213d\n7f9f4d5158 // masked\n", &["hex"], &both);
    check(b"< gQVIZWxsbw==\n> gYU3+iE9f59NUVg=\n", &["base64"], &both);
    // Lines that are no whole frames are one stream.
    check(b"0x81, 0x05, 0x48,\n0x65, 0x6c, 0x6c, 0x6f", &["hex"], &both[..3]);
    check(xxd(b"\x81\x05Hello\x89\x00").as_bytes(), &["hex"], &[&both[..3], &["0 s2c ping 0"]].concat());
    check(MASKED_HELLO, &["frames"], &[REBUILT, BARE, "0 c2s text 5 Hello"]);
    let exchange = [REQUEST, RESPONSE, MASKED_HELLO, COMPRESSED_HELLO, MASKED_CLOSE, CLOSE].concat();
    let expected = [
        REBUILT,
        "0 c2s request, 0 findings",
        "0 s2c response 101, 0 findings",
        "0 c2s text 5 Hello",
        "0 s2c text 7 Hello",
        "0 c2s close 2",
        "0 s2c close 2",
    ];
    check(&exchange, &["frames"], &expected);
    check(spaced(&exchange).as_bytes(), &["hex"], &expected);
    check(&[RESPONSE, COMPRESSED_HELLO].concat(), &["frames"], &[REBUILT, expected[2], expected[4]]);
}

#[test]
fn frames_that_break_rules_are_shown_with_them() {
    let broken = "!rsv2-without-extension !rsv3-without-extension !reserved-data-opcode";
    check(b"b3 01 78", &["hex"], &[REBUILT, BARE, &format!("0 s2c reserved 0x3 1 {broken}")]);
    check(b"81 05 48 65", &["hex"], &[REBUILT, BARE, "0 s2c text 2 -3"]);
}

#[test]
fn other_texts_are_called_what_they_are() {
    check(b"Hello, this is a letter.\nIt has lines.\n", &[], &["byte 0: this is no format that is known here"]);
    let noise: String = (0..200_u32).map(|n| format!("{:02x} ", (n * 37 + 0x54) & 0x7F | 0x70)).collect();
    check(noise.as_bytes(), &["hex"], &["byte 0: hex: these bytes are no capture, no packets, and no frames"]);
    let damaged = format!("{}\n!!!\n", xxd(&pcap(PLAIN, &[], &packets())));
    check(damaged.as_bytes(), &["hex", "pcap"], &TOLD);
    let text = xxd(&pcap(PLAIN, &[], &packets()));
    let missing: String =
        text.lines().enumerate().filter(|(n, _)| *n != 50).map(|(_, line)| format!("{line}\n")).collect();
    let lines = open(missing.as_bytes(), 100).lines();
    assert!(lines.iter().any(|line| line.ends_with("hex: lines are missing in front of this one")), "{lines:?}");
}
