//! gzip (RFC 1952).

use bytes::Bytes;
use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

/// `bytes` as gzip, or `None` where that is no smaller.
pub(super) fn compress(bytes: &[u8]) -> Option<Bytes> {
    let config = DeflateConfig { level: 9, window_bits: WINDOW, ..DeflateConfig::default() };
    let mut out = vec![0; compress_bound(bytes.len()) + FRAME];
    let (made, code) = compress_slice(&mut out, bytes, config);
    let len = made.len();
    out.truncate(len);
    (code == ReturnCode::Ok && len < bytes.len()).then(|| out.into())
}

/// The largest window, and 16 for "in gzip's format".
const WINDOW: i32 = 15 + 16;

/// What gzip's header and trailer take beyond zlib's.
const FRAME: usize = 32;

#[cfg(test)]
pub(crate) fn decompress(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let config = zlib_rs::InflateConfig { window_bits: WINDOW };
    let (plain, code) = zlib_rs::decompress_slice(&mut out, bytes, config);
    assert_eq!(code, ReturnCode::Ok);
    plain.to_vec()
}
