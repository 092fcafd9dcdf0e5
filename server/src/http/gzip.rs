//! Files, smaller. Each is compressed once and kept, by its ETag: compressing the wasm module takes longer than
//! anything else that is asked of a thread here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, header};
use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

/// What was compressed so far.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    by_etag: Mutex<HashMap<String, Option<Bytes>>>,
}

impl Cache {
    /// `bytes` as gzip, or `None` where that is no smaller.
    pub(crate) async fn compressed(&self, etag: &str, bytes: &Bytes) -> Option<Bytes> {
        if bytes.len() < WORTHWHILE || bytes.len() > TOO_LARGE {
            return None;
        }
        if let Some(known) = self.lock().get(etag) {
            return known.clone();
        }
        let plain = bytes.clone();
        let made = tokio::task::spawn_blocking(move || gzip(&plain)).await.ok()?;
        let mut cache = self.lock();
        if cache.len() >= ENTRIES_MAX {
            // Files in a folder that somebody keeps editing; begin anew.
            cache.clear();
        }
        cache.insert(etag.to_owned(), made.clone());
        made
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Bytes>>> {
        self.by_etag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the client takes gzip (RFC 9110, 12.5.3).
pub(crate) fn is_welcome(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=").trim();
        let is_refused = !weight.is_empty() && weight.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// Whether files of this type shrink.
pub(crate) fn is_compressible(mime: &[u8]) -> bool {
    const OTHERS: [&[u8]; 4] =
        [b"application/json", b"application/wasm", b"application/manifest+json", b"image/svg+xml"];
    mime.starts_with(b"text/") || OTHERS.contains(&mime)
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let config = DeflateConfig { level: 9, window_bits: GZIP_WINDOW, ..DeflateConfig::default() };
    let mut out = vec![0; compress_bound(bytes.len()) + GZIP_FRAME];
    let (made, code) = compress_slice(&mut out, bytes, config);
    let len = made.len();
    out.truncate(len);
    (code == ReturnCode::Ok && len < bytes.len()).then(|| out.into())
}

/// The largest window, and 16 for "in gzip's format".
const GZIP_WINDOW: i32 = 15 + 16;

/// What gzip's header and trailer take beyond zlib's.
const GZIP_FRAME: usize = 32;

/// Below this, one packet carries it anyway.
const WORTHWHILE: usize = 1 << 10;

/// Above this, keeping it would cost more than it saves.
const TOO_LARGE: usize = 8 << 20;

const ENTRIES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use zlib_rs::{InflateConfig, decompress_slice};

    use super::*;

    #[tokio::test]
    async fn what_shrinks_is_kept_and_inflates_to_the_same() {
        let cache = Cache::default();
        let plain = Bytes::from("a page of some kind\n".repeat(500));
        let gzip = cache.compressed("1", &plain).await.unwrap();
        assert!(gzip.starts_with(&[0x1F, 0x8B]) && gzip.len() < 200);
        let mut out = vec![0; plain.len()];
        let (inflated, _) = decompress_slice(&mut out, &gzip, InflateConfig { window_bits: GZIP_WINDOW });
        assert_eq!(inflated, &plain[..]);
        assert_eq!(cache.compressed("1", &plain).await.unwrap().as_ptr(), gzip.as_ptr());
        let noise: Bytes = (0..4096).map(|_| rand::random::<u8>()).collect();
        assert_eq!(cache.compressed("2", &noise).await, None);
    }

    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        let asks = |text: &'static str| {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(text))].into_iter().collect();
            is_welcome(&headers)
        };
        for text in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.5"] {
            assert!(asks(text), "{text}");
        }
        for text in ["", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"] {
            assert!(!asks(text), "{text}");
        }
        assert!(!is_welcome(&HeaderMap::new()));
    }
}
