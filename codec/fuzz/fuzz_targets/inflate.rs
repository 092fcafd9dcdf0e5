//! The inflater takes anything, stops where its taker says, and gives the same however its input is
//! cut; what the compressor writes, it reads.
#![no_main]

use framescope_codec::{Compressor, Decompressor, DeflateParams, InvalidDeflate, Role};
use framescope_codec_fuzz::{Case, Chunks};
use libfuzzer_sys::fuzz_target;

/// Stands for "the taker has had enough".
#[derive(Debug, PartialEq)]
enum Stop {
    Invalid,
    Enough,
}

impl From<InvalidDeflate> for Stop {
    fn from(_: InvalidDeflate) -> Self {
        Self::Invalid
    }
}

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some(case) = Case::from_bytes(bytes) else { return };
    let params = case.deflate.unwrap_or(DeflateParams::DEFAULT);
    // Messages are told apart by a byte that stands for nothing else here.
    let messages: Vec<&[u8]> = case.stream.split(|&byte| byte == 0xA7).take(8).collect();

    let whole = inflate(params, case.sender, &messages, Chunks(0));
    let cut = inflate(params, case.sender, &messages, case.chunks);
    assert_eq!(whole, cut);

    let mut compressor = Compressor::new(params, case.sender, 1 + i32::from(bytes[2] % 9));
    let compressed: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| {
            let mut out = Vec::new();
            compressor.compress(message, &mut out);
            out
        })
        .collect();
    let again = inflate(params, case.sender, &compressed, case.chunks);
    let expected: Vec<(Vec<u8>, Result<(), Stop>)> =
        messages.iter().map(|message| (message.to_vec(), Ok(()))).collect();
    assert_eq!(again, expected);
});

/// What each message inflates to, up to the first that does not.
fn inflate(
    params: DeflateParams,
    sender: Role,
    messages: &[impl AsRef<[u8]>],
    mut chunks: Chunks,
) -> Vec<(Vec<u8>, Result<(), Stop>)> {
    let mut decompressor = Decompressor::new(params, sender);
    let mut results = Vec::new();
    for message in messages {
        let mut out = Vec::new();
        let mut take = |part: &[u8]| {
            if part.len() > LIMIT - out.len() {
                return Err(Stop::Enough);
            }
            out.extend_from_slice(part);
            Ok(())
        };
        let mut rest = message.as_ref();
        let mut result = Ok(());
        while result.is_ok() && !rest.is_empty() {
            let (piece, later) = rest.split_at(chunks.next_len().min(rest.len()));
            result = decompressor.inflate(piece, &mut take);
            rest = later;
        }
        if result.is_ok() {
            result = decompressor.finish_message().map_err(Stop::from);
        }
        let done = result.is_err();
        if result == Err(Stop::Enough) {
            out.clear(); // how much was taken before depends on the cuts
        }
        results.push((out, result));
        if done {
            break;
        }
        if results.len() % 3 == 0 {
            decompressor.release();
        }
    }
    results
}
