//! JSON as far as the decoders look into it: no tree, but the text of a value, and the texts in it.

/// A value, as it is written. It was read to its end once, so what is in it is sound too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The one value that `text` is.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (value, rest) = Self::split(text)?;
        rest.trim_ascii_start().is_empty().then_some(value)
    }

    /// The value in front, and what follows.
    fn split(text: &'a str) -> Option<(Self, &'a str)> {
        let text = text.trim_ascii_start();
        let len = value_len(text.as_bytes(), DEPTH_MAX)?;
        let (value, rest) = text.split_at_checked(len)?;
        Some((Self(value), rest))
    }

    /// As it is written.
    pub(super) const fn text(self) -> &'a str {
        self.0
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(super) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(super) fn is_number(self) -> bool {
        self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// What a string says.
    pub(super) fn string(self) -> Option<String> {
        let inside = self.0.strip_prefix('"')?.strip_suffix('"')?;
        let mut out = String::with_capacity(inside.len());
        let mut rest = inside.chars();
        while let Some(character) = rest.next() {
            if character != '\\' {
                out.push(character);
                continue;
            }
            match rest.next()? {
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'u' => out.push(unicode(&mut rest)),
                other => out.push(other),
            }
        }
        Some(out)
    }

    pub(super) fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// A whole number that is not negative.
    pub(super) fn integer(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The elements of an array; of anything else, none.
    pub(super) fn items(self) -> impl Iterator<Item = Json<'a>> {
        let mut rest = if self.is_array() { self.0.get(1..).unwrap_or_default() } else { "" };
        std::iter::from_fn(move || {
            let (value, behind) = Json::split(rest)?;
            rest = behind.trim_ascii_start().strip_prefix(',').unwrap_or_default();
            Some(value)
        })
    }

    /// The members of an object, in order; of anything else, none.
    pub(super) fn members(self) -> impl Iterator<Item = (String, Json<'a>)> {
        let mut rest = if self.is_object() { self.0.get(1..).unwrap_or_default() } else { "" };
        std::iter::from_fn(move || {
            let (name, behind) = Json::split(rest)?;
            let (value, behind) = Json::split(behind.trim_ascii_start().strip_prefix(':')?)?;
            rest = behind.trim_ascii_start().strip_prefix(',').unwrap_or_default();
            Some((name.string()?, value))
        })
    }

    /// The first member of that name.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        self.members().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// What the member of that name says, if it is a string.
    pub(super) fn said(self, name: &str) -> Option<String> {
        self.member(name)?.string()
    }
}

/// The character of a `\u`, with its second half if it has one.
fn unicode(rest: &mut std::str::Chars<'_>) -> char {
    let hex = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let Some(first) = hex(rest.as_str()) else { return char::REPLACEMENT_CHARACTER };
    *rest = rest.as_str().get(4..).unwrap_or_default().chars();
    if let (0xD800..0xDC00, Some(second)) = (first, rest.as_str().strip_prefix("\\u").and_then(hex))
        && (0xDC00..0xE000).contains(&second)
    {
        *rest = rest.as_str().get(6..).unwrap_or_default().chars();
        let both = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// How long the value in front of `text` is; `None` for what is no JSON (RFC 8259).
fn value_len(text: &[u8], depth: u8) -> Option<usize> {
    let mut at = 1;
    match text.first()? {
        open @ (b'{' | b'[') => {
            let depth = depth.checked_sub(1)?;
            let end = if *open == b'{' { b'}' } else { b']' };
            at = skip_space(text, at);
            if text.get(at) == Some(&end) {
                return Some(at + 1);
            }
            loop {
                if *open == b'{' {
                    at = skip_space(text, at);
                    text.get(at).filter(|byte| **byte == b'"')?;
                    at = skip_space(text, at + value_len(text.get(at..)?, depth)?);
                    text.get(at).filter(|byte| **byte == b':')?;
                    at += 1;
                }
                at = skip_space(text, at);
                at = skip_space(text, at + value_len(text.get(at..)?, depth)?);
                match text.get(at)? {
                    b',' => at += 1,
                    byte => return (*byte == end).then_some(at + 1),
                }
            }
        }
        b'"' => loop {
            match text.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => match text.get(at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                    b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                    _ => return None,
                },
                0..0x20 => return None,
                _ => at += 1,
            }
        },
        b't' => text.starts_with(b"true").then_some(4),
        b'f' => text.starts_with(b"false").then_some(5),
        b'n' => text.starts_with(b"null").then_some(4),
        _ => number_len(text),
    }
}

fn number_len(text: &[u8]) -> Option<usize> {
    let digits =
        |at: usize| at + text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    at = match text.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(at),
        _ => return None,
    };
    if text.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        at = (end > at + 1).then_some(end)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        at = (end > at + 1 + sign).then_some(end)?;
    }
    Some(at)
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}

/// Deeper than anybody nests, and shallow enough for any stack.
const DEPTH_MAX: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_found_by_name_and_place() {
        let json = Json::read(r#" {"a":[1, "x\n\u00e9\ud83d\ude00" ,{"b":null}], "a":2 , "c":-1.5e3}"#).unwrap();
        let items: Vec<_> = json.member("a").unwrap().items().collect();
        assert_eq!(
            items.iter().map(|item| item.text()).collect::<Vec<_>>(),
            ["1", r#""x\n\u00e9\ud83d\ude00""#, r#"{"b":null}"#]
        );
        assert_eq!(items[1].string().unwrap(), "x\né😀");
        assert_eq!(json.members().map(|(name, value)| name + value.text()).skip(1).collect::<String>(), "a2c-1.5e3");
        assert!(items[2].member("b").unwrap().is_null() && json.member("b").is_none());
        assert_eq!(Json::read("[]").unwrap().items().count(), 0);
        assert_eq!(Json::read("{ }").unwrap().members().count(), 0);
    }

    proptest! {
        #[test]
        fn a_text_is_json_where_serde_says_so(text in r#"([\[\]{},:]|"a"|"\\u12"|-?[0-9]|1e5|\.5|true|nul|null| ){0,12}"#) {
            let expected = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(Json::read(&text).is_some(), expected, "{}", text);
        }
    }
}
