//! Bytes in bytes, in time that grows with both and never with their product.

/// A needle, prepared (Knuth, Morris and Pratt).
#[derive(Clone, Debug)]
pub(super) struct Finder {
    needle: Box<[u8]>,
    /// For each place in the needle, where to go on when the next byte does not fit.
    back: Box<[u32]>,
    ignore_case: bool,
}

impl Finder {
    /// With `ignore_case`, ASCII letters are alike in either case.
    pub(super) fn new(needle: &[u8], ignore_case: bool) -> Self {
        let mut needle: Box<[u8]> = needle.into();
        if ignore_case {
            needle.make_ascii_lowercase();
        }
        let mut back = vec![0_u32; needle.len()].into_boxed_slice();
        let mut matched = 0_u32;
        for at in 1..needle.len() {
            while matched > 0 && needle[at] != needle[matched as usize] {
                matched = back[matched as usize - 1];
            }
            if needle[at] == needle[matched as usize] {
                matched += 1;
            }
            back[at] = matched;
        }
        Self { needle, back, ignore_case }
    }

    /// Where the needle first stands in these bytes.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        if self.ignore_case { self.run(bytes, |byte| byte.to_ascii_lowercase()) } else { self.run(bytes, |byte| byte) }
    }

    fn run(&self, bytes: &[u8], fold: impl Fn(u8) -> u8) -> Option<usize> {
        let Some(&first) = self.needle.first() else { return Some(0) };
        let mut matched = 0;
        let mut at = 0;
        while at < bytes.len() {
            if matched == 0 {
                // Most bytes are not the needle's first.
                at += bytes[at..].iter().position(|byte| fold(*byte) == first)?;
            }
            let byte = fold(bytes[at]);
            while matched > 0 && byte != self.needle[matched] {
                matched = self.back[matched - 1] as usize;
            }
            if byte == self.needle[matched] {
                matched += 1;
            }
            at += 1;
            if matched == self.needle.len() {
                return Some(at - matched);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Finder;

    proptest! {
        #[test]
        fn what_is_there_is_found_at_its_first_place(hay in "[abA]{0,40}", needle in "[abA]{0,5}") {
            prop_assert_eq!(Finder::new(needle.as_bytes(), false).find(hay.as_bytes()), hay.find(&needle));
            let (low_hay, low_needle) = (hay.to_lowercase(), needle.to_lowercase());
            prop_assert_eq!(Finder::new(needle.as_bytes(), true).find(hay.as_bytes()), low_hay.find(&low_needle));
        }
    }

    #[test]
    fn a_needle_that_nearly_fits_everywhere_takes_no_longer() {
        let hay = vec![b'a'; 4 << 20];
        let mut needle = vec![b'a'; 1 << 20];
        needle.push(b'b');
        assert_eq!(Finder::new(&needle, false).find(&hay), None); // 4 million steps, not 4 billion
    }
}
