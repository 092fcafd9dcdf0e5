//! UTF-8 checked piece by piece, failing on the first impossible byte (RFC 6455, 8.1; RFC 3629).
//!
//! A text message may be cut anywhere, also inside a character. What is left of a character at
//! the end of a piece, three bytes at most, is carried over to the next.

use simdutf8::compat::from_utf8;

/// The state of a check that goes on over several pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Validator {
    carry: [u8; 4],
    carried: u8,
}

/// The text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8Error {
    /// How many bytes of the piece at hand could still be part of valid text: the next is the
    /// first impossible one.
    pub valid_up_to: usize,
}

impl Utf8Validator {
    /// A check at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { carry: [0; 4], carried: 0 }
    }

    /// Checks the next piece.
    ///
    /// # Errors
    ///
    /// When a byte cannot stand where it stands, whatever would follow. Nothing may be pushed afterwards.
    ///
    /// ```
    /// use framescope_codec::Utf8Validator;
    ///
    /// let mut utf8 = Utf8Validator::new();
    /// assert!(utf8.push(b"\xf0\x9f").is_ok()); // the first half of an emoji
    /// assert_eq!(utf8.push(b"\x8e\xff").unwrap_err().valid_up_to, 1);
    /// ```
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Utf8Error> {
        self.check(piece, |_| {})
    }

    /// Checks the next piece and appends to `text` whatever characters it completes.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); `text` then holds what was valid before.
    pub fn push_to(&mut self, piece: &[u8], text: &mut String) -> Result<(), Utf8Error> {
        self.check(piece, |valid| text.push_str(valid))
    }

    fn check(&mut self, piece: &[u8], mut whole: impl FnMut(&str)) -> Result<(), Utf8Error> {
        let mut used = 0;
        while self.carried > 0 {
            let Some(&byte) = piece.get(used) else { return Ok(()) };
            let end = usize::from(self.carried) + 1;
            self.carry[end - 1] = byte;
            match std::str::from_utf8(&self.carry[..end]) {
                Ok(character) => {
                    whole(character);
                    self.carried = 0;
                }
                Err(error) if error.error_len().is_some() => return Err(Utf8Error { valid_up_to: used }),
                Err(_) => self.carried += 1,
            }
            used += 1;
        }
        let rest = &piece[used..];
        let error = match from_utf8(rest) {
            Ok(text) => {
                whole(text);
                return Ok(());
            }
            Err(error) => error,
        };
        let (valid, tail) = rest.split_at(error.valid_up_to());
        if let Ok(text) = std::str::from_utf8(valid) {
            whole(text);
        }
        if error.error_len().is_some() {
            return Err(Utf8Error { valid_up_to: used + valid.len() + possible_prefix(tail) });
        }
        self.carry[..tail.len()].copy_from_slice(tail);
        self.carried = u8::try_from(tail.len()).unwrap_or_default();
        Ok(())
    }

    /// Whether the text may end here: no character is half done.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.carried == 0
    }
}

/// How many bytes at the front of `tail`, which starts a character that goes wrong, could still
/// have become a character.
fn possible_prefix(tail: &[u8]) -> usize {
    (1..tail.len().min(4))
        .take_while(|&len| std::str::from_utf8(&tail[..len]).is_err_and(|error| error.error_len().is_none()))
        .last()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the first impossible byte stands, however the text is cut; `None` for valid text.
    fn check(text: &[u8], expected: Option<usize>) {
        for cut in 0..=text.len() {
            let mut utf8 = Utf8Validator::new();
            let found = match utf8.push(&text[..cut]) {
                Err(error) => Some(error.valid_up_to),
                Ok(()) => match utf8.push(&text[cut..]) {
                    Err(error) => Some(cut + error.valid_up_to),
                    Ok(()) if !utf8.is_complete() => Some(text.len()),
                    Ok(()) => None,
                },
            };
            assert_eq!(found, expected, "{text:x?} cut at {cut}");
        }
    }

    #[test]
    fn the_first_impossible_byte_is_found_whatever_the_cut() {
        check(b"", None);
        check("Grüße 🎉 \u{feff}\u{ffff}\u{10ffff}".as_bytes(), None);
        check(b"abc\xff", Some(3));
        check(b"\xc0\x80", Some(0));
        check(b"\xed\xa0\x80", Some(1));
        check(b"\xf4\x90\x80\x80", Some(1));
        check(b"\x80", Some(0));
        check(b"\xf0\x9f\x8e", Some(3));
        check(b"a\xf0\x9f\x8ex", Some(4));
        check(b"\xe2\x82(", Some(2));
    }
}
