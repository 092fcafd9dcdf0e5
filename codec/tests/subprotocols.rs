//! Captures of software that speaks a subprotocol, kept in `tests/fixtures/captures/subprotocols` with what is said of
//! each message. The suite `captures` holds them against that software as it talks.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic: that is its message")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use framescope_codec::MessageKind;
use framescope_codec::capture::subprotocol::{Message, Speech};
use framescope_codec::capture::{Decoder, Direction, lines};
use serde_json::Value;

/// The lines that `framescope decode` prints of a pcapng.
fn lines_of(pcapng: &[u8]) -> Vec<Value> {
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    decoder.feed(pcapng);
    decoder.finish();
    while let Some(record) = decoder.next_record() {
        lines::record(&record, &mut out);
    }
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A line for each message, as tests/subprotocols/reading.mjs writes them.
fn meanings(pcapng: &[u8]) -> String {
    let mut speeches: HashMap<u64, Speech> = HashMap::new();
    let mut targets: HashMap<u64, String> = HashMap::new();
    let mut out = String::new();
    for (row, line) in (0..).zip(lines_of(pcapng)) {
        let Some(stream) = line["stream"].as_u64() else { continue };
        match line["half"].as_str() {
            Some("request") => {
                targets.insert(stream, line["target"].as_str().unwrap().into());
            }
            Some("response") => {
                let speech = Speech::new(line["subprotocol"].as_str(), targets.get(&stream).unwrap());
                speeches.insert(stream, speech);
            }
            _ => {}
        }
        let kind = match line["message"]["kind"].as_str() {
            Some("text") => MessageKind::Text,
            Some("binary") => MessageKind::Binary,
            _ => continue,
        };
        let dir = line["dir"].as_str().unwrap();
        let direction = if dir == "c2s" { Direction::ClientToServer } else { Direction::ServerToClient };
        let payload = unhex(line["message"]["hex"].as_str().unwrap());
        let message = Message { direction, kind, payload: &payload };
        let speech = speeches.get_mut(&stream).unwrap();
        speech.hear(&message, row);
        match speech.decode(&message, row) {
            Some(said) => {
                let problem = said.problem.map(|problem| format!(" ! {problem}")).unwrap_or_default();
                writeln!(out, "{dir} {} {}: {}{problem}", said.protocol, said.name, said.summary).unwrap();
            }
            None => writeln!(out, "{dir} ?").unwrap(),
        }
    }
    out
}

#[test]
fn what_software_says_is_known_for_what_it_is() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/captures/subprotocols");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pcapng") {
            let kept = fs::read_to_string(path.with_extension("txt")).unwrap();
            assert_eq!(meanings(&fs::read(&path).unwrap()), kept, "{}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}
