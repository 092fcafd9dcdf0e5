//! Masking keys, fetched from the host by the dozen: each call out of the module costs more than the key.

use framescope_codec::MaskingKey;

/// Where random bytes come from.
pub(super) type Random = fn(&mut [u8]);

const POOL: usize = 256;

/// A source of fresh masking keys. No bytes are handed out twice.
pub(super) fn masking_keys(random: Random) -> impl FnMut() -> MaskingKey + Send + 'static {
    let mut pool = [0; POOL];
    let mut at = POOL;
    move || {
        if at == POOL {
            random(&mut pool);
            at = 0;
        }
        let mut key = [0; MaskingKey::LEN];
        key.copy_from_slice(&pool[at..at + MaskingKey::LEN]);
        at += MaskingKey::LEN;
        MaskingKey(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        fn random(bytes: &mut [u8]) {
            use std::sync::atomic::{AtomicU8, Ordering};
            static CALLS: AtomicU8 = AtomicU8::new(0);
            let call = CALLS.fetch_add(1, Ordering::Relaxed);
            for (byte, place) in bytes.iter_mut().zip(0..=255) {
                *byte = call ^ place;
            }
        }
        let mut keys = masking_keys(random);
        let first: Vec<_> = (0..65).map(|_| keys().0).collect();
        assert_eq!((first[0], first[1], first[64]), ([0, 1, 2, 3], [4, 5, 6, 7], [1, 0, 3, 2]));
    }
}
