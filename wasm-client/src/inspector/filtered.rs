//! The same filter finds the same rows here and in `framescope decode --filter`: every example that the language's help
//! gives, and what tends to differ, over the samples.

use framescope_codec::capture::filter::{FIELDS, Field, Filter, Follower, names_of};
use framescope_codec::capture::insight::Insight;
use framescope_codec::capture::{Decoder, Record};

use super::{Capture, ViewSpec};

const SAMPLES: [(&str, &[u8]); 4] = [
    ("broken-client.pcapng", include_bytes!("../../../www/inspector/samples/broken-client.pcapng")),
    ("chat.pcapng", include_bytes!("../../../www/inspector/samples/chat.pcapng")),
    ("socket.io.pcapng", include_bytes!("../../../www/inspector/samples/socket.io.pcapng")),
    ("violations.pcapng", include_bytes!("../../../www/inspector/samples/violations.pcapng")),
];

const MORE: [&str; 22] = [
    "rtt",
    "rtt >= 0ns",
    "not rtt",
    "content",
    "content contains \"TCP\"",
    "kind == end and content contains \"FIN\"",
    "kind == note and content",
    "kind == gap and content",
    "source == \"chat.pcapng\"",
    "source contains \"client\" or source endswith \"io.pcapng\"",
    "finding",
    "not finding",
    "finding != unanswered-ping",
    "violation",
    "violation or finding",
    "message.length > 0 and not compressed",
    "missing",
    "took > 0ns",
    "delta >= 1us",
    "number in 2..9",
    "header.host and not header.origin",
    "payload[0:1] == 7b",
];

/// Numbers of the rows that a filter finds, from 1.
fn decoded(name: &str, bytes: &[u8], filter: &Filter) -> Vec<u64> {
    let (mut decoder, mut follower) = (Decoder::new(), Follower::new().with_source(name));
    decoder.feed(bytes);
    decoder.finish();
    let (mut found, mut insight) = (Vec::new(), Insight::new());
    let mut row = 0;
    while let Some(record) = decoder.next_record() {
        row += 1;
        match record {
            Record::Event(event) if filter.matches(&follower.follow_with(&event, &mut insight)) => found.push(row),
            Record::Event(_) => {}
            Record::Fault(fault) => panic!("{name}: {fault}"),
        }
    }
    found
}

#[test]
fn a_filter_finds_the_same_rows_here_and_on_the_command_line() {
    let examples = FIELDS.iter().map(|info| info.example.to_owned());
    let named = [Field::Violation, Field::Finding].into_iter();
    let named = named.flat_map(|field| names_of(field).map(move |(_, name, _)| format!("{} == {name}", field.name())));
    let filters: Vec<_> = examples.chain(MORE.map(str::to_owned)).chain(named).collect();
    for (name, bytes) in SAMPLES {
        let mut capture = Capture::new();
        capture.add_source("file", name);
        capture.feed(0, bytes);
        capture.finish(0);
        for text in &filters {
            let filter = Filter::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            capture.set_view(ViewSpec { filter: text.clone(), ..ViewSpec::default() }).unwrap();
            while capture.work(&mut || true) {}
            let listed: Vec<_> =
                (0..capture.view_count()).filter_map(|place| capture.view_index(place)).map(|row| row + 1).collect();
            assert_eq!(listed, decoded(name, bytes, &filter), "{name}: {text}");
        }
    }
}

/// What the samples have, `n` goes to, the status counts, and a row says.
#[test]
fn what_was_found_is_told_by_the_list() {
    let mut capture = Capture::new();
    capture.add_source("file", SAMPLES[0].0);
    capture.feed(0, SAMPLES[0].1);
    capture.finish(0);
    let found: Vec<_> = capture.connections().into_iter().flat_map(|info| info.findings).collect();
    assert!(!found.is_empty());
    assert_eq!(capture.status().findings, found.len());
    for finding in &found {
        let row = i64::try_from(finding.row).unwrap();
        assert_eq!(capture.next_violation(row - 1, false), Some(finding.row));
        assert!(capture.rows(finding.row, 1)[0].findings.contains(&finding.name.name()));
    }
    capture.remove_source(0);
    assert_eq!(capture.status().findings, 0);
}
