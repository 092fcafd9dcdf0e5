//! The dissector takes any stream, with any holes, and never loses count.
#![no_main]

use framescope_codec::{Dissection, Dissector};
use framescope_codec_fuzz::Case;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(mut case) = Case::from_bytes(bytes) else { return };
    let holes = case.stream.first().is_some_and(|byte| byte & 0x40 != 0);
    let mut dissector = match holes && bytes[0] & 0x80 != 0 {
        true => Dissector::joining_late(case.sender, case.deflate),
        false => Dissector::new(case.sender, case.deflate),
    };
    let mut rest = case.stream;
    let mut turn = 0u32;
    let mut end = 0;
    let mut number = 0;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(case.chunks.next_len().min(rest.len()));
        turn += 1;
        match turn % 7 {
            3 if holes => {
                // These bytes were not captured.
                if !dissector.skip(piece.len() as u64) {
                    assert!(dissector.is_lost());
                }
            }
            5 if holes && dissector.is_lost() => {
                dissector.resume();
                assert!(dissector.at_frame_boundary());
                dissector.feed(piece);
            }
            _ => dissector.feed(piece),
        }
        rest = later;
        while let Some(frame) = dissector.next_frame() {
            check(&frame, &mut number, &mut end);
        }
    }
    while let Some(frame) = dissector.finish() {
        check(&frame, &mut number, &mut end);
    }
    if !holes {
        let seen = end.min(case.stream.len() as u64) + dissector.partial_header().len() as u64;
        assert_eq!(seen, case.stream.len() as u64, "every byte belongs to a frame");
    }
});

fn check(frame: &Dissection, number: &mut u64, end: &mut u64) {
    assert_eq!(frame.number, *number);
    *number += 1;
    assert!(frame.offset >= *end, "frames do not overlap");
    *end = frame.offset + frame.header.encoded_len() as u64 + frame.payload.len() as u64;
    assert_eq!(frame.payload.len() as u64 + frame.payload_missing, frame.header.payload_length.get());
    if frame.header.fin && frame.fragment.is_some() && frame.payload_missing == 0 {
        assert!(frame.message.is_some());
    }
    if let Some(message) = &frame.message {
        let index = frame.fragment.expect("it belongs to a message").index;
        assert_eq!(message.fragments, index + 1);
    }
}
