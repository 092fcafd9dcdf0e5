//! Any bytes may be a capture: the decoder says the same however they are cut. And what a tap wrote is
//! read without a fault, its frames those that a dissector finds in the bytes themselves.
#![no_main]

use framescope_codec::Dissector;
use framescope_codec::capture::insight::{Insight, Place};
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, Direction, Record, What, pcapng};
use framescope_codec_fuzz::{Case, Chunks};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, rest)) = bytes.split_first() else { return };
    match mode % 2 {
        0 => {
            let chunks = Chunks(u32::from(mode / 2));
            let told = records(rest, Chunks(0));
            assert_eq!(told, records(rest, chunks));
            sum_up(&told);
        }
        _ => {
            if let Some(case) = Case::from_bytes(rest) {
                tap(case, mode & 2 != 0);
            }
        }
    }
});

fn records(mut rest: &[u8], mut chunks: Chunks) -> Vec<Record> {
    let mut decoder = Decoder::new();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(chunks.next_len().min(rest.len()));
        decoder.feed(piece);
        records.extend(std::iter::from_fn(|| decoder.next_record()));
        rest = later;
    }
    decoder.finish();
    records.extend(std::iter::from_fn(|| decoder.next_record()));
    records
}

/// Whatever happened, it can be summed up.
fn sum_up(told: &[Record]) {
    let mut insight = Insight::new();
    for (row, record) in (0..).zip(told) {
        if let Record::Event(event) = record {
            insight.take(Place { connection: event.stream, source: 0, row }, event);
        }
    }
    for info in insight.connections() {
        let about = insight.conversation(info.connection).expect("it is listed");
        assert!(about.masking.distinct <= about.masking.judged && !about.closing.says.is_empty());
        assert!(insight.handshake(info.connection).is_some());
    }
}

/// Writes the stream as a tap that joins late, with or without gaps, and reads it again.
fn tap(mut case: Case<'_>, with_gaps: bool) {
    let direction = match case.sender {
        framescope_codec::Role::Client => Direction::ClientToServer,
        framescope_codec::Role::Server => Direction::ServerToClient,
    };
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::in_process(50_000);
    flow.join_late(1, case.deflate, &mut capture);
    flow.boundary(direction);
    let mut watched = Dissector::joining_late(case.sender, case.deflate);
    let mut rest = case.stream;
    let mut time = 2;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(case.chunks.next_len().min(rest.len()));
        if with_gaps && time % 5 == 0 {
            flow.gap(direction, piece.len() as u64);
        } else {
            flow.bytes(direction, time, piece, &mut capture);
            watched.feed(piece);
        }
        rest = later;
        time += 1;
    }
    flow.end(direction, time, &mut capture);
    let mut frames = Vec::new();
    for record in records(&capture, Chunks(0)) {
        match record {
            Record::Event(event) => {
                if let What::Frame(frame) = event.what {
                    assert!(frame.began_ns <= event.time_ns);
                    frames.push(frame.dissection);
                }
            }
            Record::Fault(fault) => panic!("a tap's own capture: {fault:?}"),
        }
    }
    if !with_gaps {
        let expected: Vec<_> = std::iter::from_fn(|| watched.finish()).collect();
        assert_eq!(frames, expected);
    }
}
