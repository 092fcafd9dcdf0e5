//! What the codec reads out of a capture, as rows.

use framescope_codec::capture::save::Place;
use framescope_codec::capture::{Decoder, End, Event, Record, What as Happened};

use super::handshake::{Handshake, deflate_words};
use super::{Entry, What};

/// A capture's decoder, record by record in the form of rows.
#[derive(Debug, Default)]
pub(super) struct Reader(Decoder);

impl Reader {
    /// Takes one block, or more.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// No more bytes will come.
    pub(super) fn finish(&mut self) {
        self.0.finish();
    }

    /// Where the last packet taken stands in its connection.
    pub(super) const fn last_place(&self) -> Option<Place> {
        self.0.last_place()
    }

    /// What the next row is made of.
    pub(super) fn next(&mut self) -> Option<Record> {
        self.0.next_record()
    }
}

/// A record as a row, with its connection's number among all.
pub(super) fn entry(source: u32, connection: Option<u32>, record: Record) -> Entry {
    match record {
        Record::Event(event) => of_event(source, connection, event),
        Record::Fault(fault) => Entry {
            source,
            time_ns: None,
            since_previous: 0,
            connection,
            direction: None,
            ends: None,
            what: What::Note(fault.to_string()),
        },
    }
}

fn of_event(source: u32, connection: Option<u32>, event: Event) -> Entry {
    let Event { direction, src, dst, in_process, time_ns, what, .. } = event;
    Entry {
        source,
        time_ns: Some(time_ns),
        since_previous: 0,
        connection,
        direction: Some(direction),
        ends: Some([src, dst]),
        what: of_what(what, in_process),
    }
}

fn of_what(what: Happened, in_process: bool) -> What {
    match what {
        Happened::Request(request) => What::Handshake(Handshake::Request(request)),
        Happened::Response(response) => What::Handshake(Handshake::Response(response)),
        Happened::Frame(frame) => What::Frame(Box::new(frame.dissection)),
        Happened::JoinedLate { deflate } => {
            let agreed = deflate.map_or_else(|| "no extension was agreed on".into(), deflate_words);
            let what = if in_process { "in-process connection" } else { "connection" };
            What::Note(format!("The watch began when this {what} was open already: {agreed}."))
        }
        Happened::Gap { missing, inside_payload } => {
            let rest = if inside_payload {
                "all of them payload of one frame"
            } else {
                "frames cannot be told apart until the next known boundary"
            };
            What::Gap(missing, format!("{missing} bytes were not captured; {rest}"))
        }
        Happened::End(End::Finished) => What::End("This side has sent all it had (TCP FIN).".into()),
        Happened::End(End::Reset) => What::End("This side broke the connection off (TCP RST).".into()),
        Happened::Note(note) => What::Note(note.to_string()),
    }
}
