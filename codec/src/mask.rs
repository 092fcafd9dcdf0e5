//! Masking (RFC 6455, 5.3): XOR with four bytes, round and round.
//!
//! A client masks every frame it sends, a server none; the same operation masks and unmasks.

/// The four bytes that payload data is masked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskingKey(pub [u8; Self::LEN]);

impl MaskingKey {
    /// The bytes a masking key takes up in a header.
    pub const LEN: usize = 4;

    /// Masks or unmasks `data`, the part of a payload that begins `offset` bytes into it.
    ///
    /// A payload can be cut anywhere and done piece by piece:
    ///
    /// ```
    /// use framescope_codec::MaskingKey;
    ///
    /// let key = MaskingKey([0x37, 0xfa, 0x21, 0x3d]);
    /// let mut masked = *b"\x7f\x9f\x4d\x51\x58";
    /// let (front, back) = masked.split_at_mut(3);
    /// key.apply(front, 0);
    /// key.apply(back, 3);
    /// assert_eq!(&masked, b"Hello");
    /// ```
    #[inline]
    pub fn apply(self, data: &mut [u8], offset: u64) {
        let key = self.rotated(offset);
        if cfg!(target_arch = "wasm32") {
            return key.apply_by_words(data);
        }
        let mut wide = [0; WIDTH];
        for four in wide.as_chunks_mut::<{ Self::LEN }>().0 {
            *four = key.0;
        }
        let (chunks, rest) = data.as_chunks_mut::<WIDTH>();
        for chunk in chunks {
            for (byte, key) in chunk.iter_mut().zip(wide) {
                *byte ^= key;
            }
        }
        let (words, rest) = rest.as_chunks_mut::<8>();
        for word in words {
            for (byte, key) in word.iter_mut().zip(wide) {
                *byte ^= key;
            }
        }
        for (byte, key) in rest.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }

    /// The same from a compiler that is told to keep a module small: it leaves loops over bytes as they are, at thirty
    /// times the time.
    #[inline]
    fn apply_by_words(self, data: &mut [u8]) {
        let Self([a, b, c, d]) = self;
        let key = [a, b, c, d, a, b, c, d];
        let xor = |word: &mut [u8; 8]| *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(key)).to_ne_bytes();
        let (words, rest) = data.as_chunks_mut::<8>();
        let (blocks, words) = words.as_chunks_mut::<4>();
        for [a, b, c, d] in blocks {
            xor(a);
            xor(b);
            xor(c);
            xor(d);
        }
        for word in words {
            xor(word);
        }
        for (byte, key) in rest.iter_mut().zip(key) {
            *byte ^= key;
        }
    }

    /// The key as it stands `offset` bytes into the payload.
    #[must_use]
    #[inline]
    pub const fn rotated(self, offset: u64) -> Self {
        let [a, b, c, d] = self.0;
        match offset % 4 {
            0 => self,
            1 => Self([b, c, d, a]),
            2 => Self([c, d, a, b]),
            _ => Self([d, a, b, c]),
        }
    }
}

/// Wide enough for the largest vector registers in common use, and a multiple of the key and of 8.
const WIDTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::MaskingKey;

    /// What RFC 6455, 5.3 says, byte by byte.
    fn naive(key: MaskingKey, data: &mut [u8], offset: u64) {
        for (i, byte) in (offset..).zip(data) {
            *byte ^= key.0[usize::try_from(i % 4).unwrap()];
        }
    }

    #[test]
    fn masking_equals_its_naive_twin_at_every_length_and_offset() {
        let key = MaskingKey([0x37, 0xfa, 0x21, 0x3d]);
        for len in 0..150 {
            for offset in (0..8).chain([u64::MAX - 200]) {
                let mut ours: Vec<u8> = (0..=255).cycle().take(len).collect();
                let mut theirs = ours.clone();
                key.apply(&mut ours, offset);
                naive(key, &mut theirs, offset);
                assert_eq!(ours, theirs, "{len} bytes at {offset}");
                key.rotated(offset).apply_by_words(&mut ours);
                naive(key, &mut theirs, offset);
                assert_eq!(ours, theirs, "{len} bytes at {offset} by words");
            }
        }
    }

    #[test]
    fn masking_can_stop_and_resume_anywhere() {
        let key = MaskingKey([1, 2, 3, 4]);
        let mut whole = [0x55; 100];
        key.apply(&mut whole, 0);
        for cut in 0..=100 {
            let mut parts = [0x55; 100];
            let (front, back) = parts.split_at_mut(cut);
            key.apply(front, 0);
            key.apply(back, cut as u64);
            assert_eq!(parts, whole);
        }
    }
}
