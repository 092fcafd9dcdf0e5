//! Any bytes may be a file: it is read to its end, in bounded pieces, and the same comes of it however it is cut.
#![no_main]

use framescope_codec::capture::open::Opener;
use framescope_codec::capture::{Decoder, Record, Unread};
use framescope_codec_fuzz::Chunks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, file)) = bytes.split_first() else { return };
    assert_eq!(read(file, Chunks(0)), read(file, Chunks(u32::from(seed))));
});

#[derive(Debug, Default, PartialEq)]
struct Told {
    records: Vec<Record>,
    faults: Vec<String>,
    unread: Vec<Unread>,
    /// How much came out, as far as that is looked at.
    len: usize,
}

fn read(mut rest: &[u8], mut chunks: Chunks) -> Told {
    let (mut opener, mut decoder, mut told) = (Opener::new(), Decoder::new(), Told::default());
    loop {
        let (piece, later) = rest.split_at(chunks.next_len().min(rest.len()));
        opener.feed(piece);
        rest = later;
        if rest.is_empty() {
            opener.finish();
        }
        while let Some(bytes) = opener.next_bytes() {
            assert!(!bytes.is_empty() && bytes.len() < 1 << 21);
            if told.len < LEN_MAX {
                told.len += bytes.len();
                decoder.feed(&bytes);
                told.records.extend(std::iter::from_fn(|| decoder.next_record()));
            }
        }
        told.faults.extend(std::iter::from_fn(|| opener.next_fault()).map(|fault| fault.to_string()));
        if rest.is_empty() {
            break;
        }
    }
    if told.len >= LEN_MAX {
        // Where it stops depends on the pieces.
        return Told::default();
    }
    decoder.finish();
    told.records.extend(std::iter::from_fn(|| decoder.next_record()));
    told.unread = decoder.unread();
    told
}

/// Bombs are followed so far: each input has to be quick.
const LEN_MAX: usize = 4 << 20;
