//! Captures of other people's software, kept in `tests/fixtures/captures/foreign` with what was read in each. That the
//! reading is right, the suite `captures` says, with Wireshark and Python's `websockets`; here it stays as it is, however
//! the file comes, and whatever it is written into.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is its message")]

use std::fs;
use std::path::PathBuf;

use framescope_codec::capture::filter::Follower;
use framescope_codec::capture::insight::Insight;
use framescope_codec::capture::open::{Format, Opener};
use framescope_codec::capture::{Decoder, Record, lines};

/// The captures, each with the lines that `framescope decode` prints of it.
fn fixtures() -> Vec<(PathBuf, Vec<u8>, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/captures/foreign");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "jsonl"))
        .map(|path| {
            let mut lines = path.clone().into_os_string();
            lines.push(".jsonl");
            (path.clone(), fs::read(&path).unwrap(), fs::read_to_string(lines).unwrap())
        })
        .collect();
    found.sort();
    assert_eq!(found.len(), 5);
    found
}

/// The pcapng that a file is as, fed in pieces of these sizes.
fn opened(file: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<Format>) {
    let mut opener = Opener::new();
    let mut out = Vec::new();
    let mut rest = file;
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(*piece));
        rest = later;
        opener.feed(now);
        if rest.is_empty() {
            opener.finish();
        }
        while let Some(bytes) = opener.next_bytes() {
            out.extend(bytes);
        }
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(opener.next_fault(), None);
    (out, opener.format())
}

/// What is in a pcapng, and what is found in it.
fn read(pcapng: &[u8], piece: usize) -> String {
    let mut decoder = Decoder::new();
    let (mut follower, mut insight) = (Follower::new(), Insight::new());
    let mut out = Vec::new();
    let mut take = |decoder: &mut Decoder| {
        while let Some(record) = decoder.next_record() {
            lines::record(&record, &mut out);
            if let Record::Event(event) = &record {
                let findings = follower.follow_with(event, &mut insight).findings();
                lines::findings(&lines::Place::of(event), findings, &mut out);
            }
        }
    };
    for bytes in pcapng.chunks(piece) {
        decoder.feed(bytes);
        take(&mut decoder);
    }
    decoder.finish();
    take(&mut decoder);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn assert_same(name: &str, found: &str, expected: &str) {
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
}

#[test]
fn strangers_are_read_as_before() {
    for (path, file, expected) in fixtures() {
        let name = path.display().to_string();
        let (pcapng, format) = opened(&file, &[usize::MAX]);
        assert_eq!(format, Some(Format::Pcap), "{name}");
        assert_same(&name, &read(&pcapng, usize::MAX), &expected);
    }
}

#[test]
fn however_a_file_is_cut_the_reading_is_the_same() {
    for (path, file, expected) in fixtures() {
        for pieces in [&[1][..], &[7, 1, 64], &[1000, 3]] {
            let (pcapng, _) = opened(&file, pieces);
            assert_same(&path.display().to_string(), &read(&pcapng, 3 * pieces[0] + 1), &expected);
        }
    }
}

/// Whatever a file was, it is pcapng behind the opener, and that opened again is the same bytes.
#[test]
fn what_was_opened_opens_again() {
    for (path, file, expected) in fixtures() {
        let (pcapng, _) = opened(&file, &[4096]);
        let (again, format) = opened(&pcapng, &[100]);
        assert_eq!(format, Some(Format::Pcapng));
        assert!(again == pcapng, "{}", path.display());
        assert_same(&path.display().to_string(), &read(&again, 100), &expected);
    }
}
