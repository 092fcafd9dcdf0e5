//! Whether text is JSON (RFC 8259), and nothing else about it: serde's reader would be 2 KB of the module for this.

/// Whether this is a JSON object or array, nested no deeper than [`DEPTH_MAX`].
pub(super) fn is_container(text: &[u8]) -> bool {
    let mut json = Json { rest: text };
    json.skip_space();
    matches!(json.rest, [b'{' | b'[', ..]) && json.value(DEPTH_MAX).is_some() && json.rest.is_empty()
}

/// Text being read. What is no JSON is `None`.
struct Json<'a> {
    rest: &'a [u8],
}

impl Json<'_> {
    /// A value, and the white space around it.
    fn value(&mut self, depth: u8) -> Option<()> {
        self.skip_space();
        match self.next()? {
            b'{' => self.items(b'}', depth, |json, depth| {
                json.skip_space();
                json.expect(b"\"")?;
                json.string()?;
                json.skip_space();
                json.expect(b":")?;
                json.value(depth)
            })?,
            b'[' => self.items(b']', depth, Self::value)?,
            b'"' => self.string()?,
            b't' => self.expect(b"rue")?,
            b'f' => self.expect(b"alse")?,
            b'n' => self.expect(b"ull")?,
            b'-' => {
                let first = self.next()?;
                self.number(first)?;
            }
            first => self.number(first)?,
        }
        self.skip_space();
        Some(())
    }

    /// What is between two brackets.
    fn items(&mut self, end: u8, depth: u8, item: fn(&mut Self, u8) -> Option<()>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.skip_space();
        if self.rest.first() == Some(&end) {
            return self.next().map(|_| ());
        }
        loop {
            item(self, depth)?;
            match self.next()? {
                b',' => {}
                byte => return (byte == end).then_some(()),
            }
        }
    }

    /// A string behind its first quotation mark.
    fn string(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.next().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// A number behind its first digit.
    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
            self.digits()?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest;
            if let [b'+' | b'-', rest @ ..] = self.rest {
                self.rest = rest;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        self.next().filter(u8::is_ascii_digit)?;
        self.skip_digits();
        Some(())
    }

    fn skip_digits(&mut self) {
        while let [b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }
}

/// Deeper than anybody nests, and shallow enough for any stack, and for lines that are indented by it.
const DEPTH_MAX: u8 = 127;

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, is_container};

    /// What serde says.
    fn expected(text: &str) -> bool {
        text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    #[test]
    fn each_part_of_the_grammar_is_known() {
        for text in [
            r#"{}"#,
            "[]",
            " [ ] ",
            r#"{"a":1,"a":[true,false,null]}"#,
            r#"["\u00e9\"\\\/\b\f\n\r\t"]"#,
            "[0,-0,1.5,-12e3,1E+2,0.0e-1]",
            r#""a""#,
            "1",
            "",
            " ",
            "[",
            "]",
            "[1,]",
            "[,]",
            "[01]",
            "[-]",
            "[1.]",
            "[.5]",
            "[1e]",
            "[1e+]",
            "[+1]",
            "{1:2}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"["\x"]"#,
            r#"["\u12g4"]"#,
            "[\"\n\"]",
            "[tru]",
            "[nul",
            "[] []",
            "[]x",
            "[NaN]",
            "[\u{a0}]",
            "\u{feff}[]",
        ] {
            assert_eq!(is_container(text.as_bytes()), expected(text), "{text:?}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_container(nested(usize::from(DEPTH_MAX)).as_bytes()));
        assert!(!is_container(nested(usize::from(DEPTH_MAX) + 1).as_bytes()));
        assert!(!is_container(nested(1 << 20).as_bytes()));
    }

    /// All texts of four tokens.
    #[test]
    fn any_text_is_judged_as_serde_judges_it() {
        const TOKENS: [&str; 16] =
            ["", "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "0", "12", "-", ".", "e", "true "];
        for number in 0..TOKENS.len().pow(4) {
            let tokens = [number % 16, number / 16 % 16, number / 256 % 16, number / 4096].map(|token| TOKENS[token]);
            for text in [tokens.concat(), format!("[{}]", tokens.concat())] {
                assert_eq!(is_container(text.as_bytes()), expected(&text), "{text:?}");
            }
        }
    }
}
