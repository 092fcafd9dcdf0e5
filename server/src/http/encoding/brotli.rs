//! Brotli (RFC 7932): a sixth smaller than gzip, and a second's work for a large file.

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;

/// `bytes` as Brotli, or `None` where that is no smaller.
pub(super) fn compress(bytes: &[u8]) -> Option<Bytes> {
    let parameters = BrotliEncoderParams {
        quality: QUALITY,
        lgwin: window(bytes.len()),
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut out, &parameters).ok()?;
    (out.len() < bytes.len()).then(|| out.into())
}

/// The window that sees all of a file, in bits: the tables are as large as the window, not as the file.
fn window(len: usize) -> i32 {
    let bits = usize::BITS - len.saturating_add(MARGIN).leading_zeros();
    i32::try_from(bits).map_or(WINDOW_MAX, |bits| bits.clamp(WINDOW_MIN, WINDOW_MAX))
}

/// The best there is. Most of the library is generic and so compiled with us, and in a debug build that takes some six times
/// as long: a server that a test starts would compress longer than the test takes.
const QUALITY: i32 = if cfg!(debug_assertions) { 5 } else { 11 };

/// What a window cannot reach of its size (RFC 7932, 9.1).
const MARGIN: usize = 16;

const WINDOW_MIN: i32 = 16;

const WINDOW_MAX: i32 = 22;

#[cfg(test)]
pub(crate) fn decompress(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::BrotliDecompress(&mut &*bytes, &mut out).unwrap();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_as_large_as_the_file_within_limits() {
        for (len, bits) in [(0, 16), (65_519, 16), (65_520, 17), (700_000, 20), (8 << 20, 22), (usize::MAX, 22)] {
            assert_eq!(window(len), bits, "{len}");
        }
    }

    #[test]
    fn what_shrinks_inflates_to_the_same() {
        let page = "a page of some kind\n".repeat(500);
        let made = compress(page.as_bytes()).unwrap();
        assert!(made.len() < 100, "{}", made.len());
        assert_eq!(decompress(&made), page.as_bytes());
        let noise: Vec<u8> = (0..70_000).map(|_| rand::random::<u8>()).collect();
        assert_eq!(compress(&noise), None);
    }
}
