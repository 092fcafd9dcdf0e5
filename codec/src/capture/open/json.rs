//! JSON that is far larger than memory should be: found piece by piece, and read where it stands.
//!
//! A [`Scanner`] goes through the text as it comes and cuts out what is wanted, one element at a time; a [`Value`] is
//! such a piece of text, taken apart by need. Neither calls itself, so nesting costs nothing, and both make the best of
//! text that is cut off.

use std::borrow::Cow;

/// What is wanted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An element of `log.entries`: HAR.
    Entry,
    /// `constants`: NetLog.
    Constants,
    /// An element of `events`: NetLog.
    Event,
}

/// An element, and where in the file it begins.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) wanted: Wanted,
    pub(super) offset: u64,
    pub(super) text: Vec<u8>,
}

/// Cuts a file into what is wanted of it.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// How many arrays and objects are open.
    depth: usize,
    /// Of the outermost: whether it is an object, and under which key reading is.
    outer: [Outer; OUTER],
    is_in_string: bool,
    is_escaped: bool,
    /// What was read last of a string among the outermost.
    string: Vec<u8>,
    item: Option<(Item, usize)>,
    offset: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outer {
    is_object: bool,
    key: Key,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Log,
    Entries,
    Constants,
    Events,
}

impl Key {
    fn of(key: &[u8]) -> Self {
        match key {
            b"log" => Self::Log,
            b"entries" => Self::Entries,
            b"constants" => Self::Constants,
            b"events" => Self::Events,
            _ => Self::Other,
        }
    }
}

impl Scanner {
    /// Reads on, up to the end of the next element; says how much of the text was read.
    pub(super) fn scan(&mut self, text: &[u8]) -> (usize, Option<Item>) {
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            if self.is_in_string {
                at += self.string(&text[at..]);
                continue;
            }
            at += 1;
            match byte {
                b'"' => {
                    self.is_in_string = true;
                    self.string.clear();
                }
                b'{' | b'[' => {
                    if self.item.is_none()
                        && let Some(wanted) = self.wanted()
                    {
                        from = at - 1;
                        let offset = self.offset + from as u64;
                        self.item = Some((Item { wanted, offset, text: Vec::new() }, self.depth));
                    }
                    if let Some(outer) = self.outer.get_mut(self.depth) {
                        *outer = Outer { is_object: byte == b'{', key: Key::Other };
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.item.as_ref().is_some_and(|(_, depth)| *depth == self.depth)
                        && let Some((mut item, _)) = self.item.take()
                    {
                        item.text.extend_from_slice(&text[from..at]);
                        self.offset += at as u64;
                        return (at, Some(item));
                    }
                }
                b':' | b',' if self.depth <= OUTER => {
                    let key = if byte == b':' { Key::of(&self.string) } else { Key::Other };
                    if let Some(outer) = self.depth.checked_sub(1).and_then(|at| self.outer.get_mut(at)) {
                        outer.key = key;
                    }
                }
                _ => {}
            }
        }
        if let Some((item, _)) = &mut self.item {
            item.text.extend_from_slice(&text[from..]);
        }
        self.offset += text.len() as u64;
        (text.len(), None)
    }

    /// Reads on within a string; says how much was read.
    fn string(&mut self, text: &[u8]) -> usize {
        if self.is_escaped {
            self.is_escaped = false;
            return 1;
        }
        let len = text.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(text.len());
        if self.depth <= OUTER {
            let room = KEY_MAX.saturating_sub(self.string.len());
            self.string.extend_from_slice(&text[..len.min(room)]);
        }
        match text.get(len) {
            None => return len,
            Some(b'"') => self.is_in_string = false,
            Some(_) => self.is_escaped = true,
        }
        len + 1
    }

    /// What begins here.
    fn wanted(&self) -> Option<Wanted> {
        let keys = self.outer.map(|outer| outer.is_object.then_some(outer.key));
        match (self.depth, keys) {
            (1, [Some(Key::Constants), ..]) => Some(Wanted::Constants),
            (2, [Some(Key::Events), None, _]) => Some(Wanted::Event),
            (3, [Some(Key::Log), Some(Key::Entries), None]) => Some(Wanted::Entry),
            _ => None,
        }
    }

    /// The text ends: whether that is too early, and what is there of the element under way.
    pub(super) fn finish(&mut self) -> (bool, Option<Item>) {
        (self.depth > 0, self.item.take().map(|(item, _)| item))
    }
}

/// Of so many arrays and objects around it, it is known where an element is.
const OUTER: usize = 3;
/// No key that matters is longer.
const KEY_MAX: usize = 16;

/// A JSON value as it stands in the text. Of what is cut off, or no JSON, there is as much as makes sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a>(pub(super) &'a [u8]);

impl<'a> Value<'a> {
    /// The members of an object: keys as they are written, without the quotes.
    pub(super) fn members(self) -> impl Iterator<Item = (&'a [u8], Self)> {
        let mut rest = self.0.strip_prefix(b"{").unwrap_or_default();
        std::iter::from_fn(move || {
            let key = next(&mut rest)?.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            Some((key, next(&mut rest)?))
        })
    }

    /// The elements of an array.
    pub(super) fn elements(self) -> impl Iterator<Item = Self> {
        let mut elements = self.elements_from(0);
        std::iter::from_fn(move || elements.next().map(|(element, _)| element))
    }

    /// Those from this place in the text on, 0 for the first, each with the place behind it.
    pub(super) fn elements_from(self, at: usize) -> impl Iterator<Item = (Self, usize)> {
        let len = self.0.len();
        let at = if self.0.starts_with(b"[") { at.clamp(1, len) } else { len };
        let mut rest = &self.0[at..];
        std::iter::from_fn(move || Some((next(&mut rest)?, len - rest.len())))
    }

    /// A member of an object.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.members().find(|(found, _)| *found == key.as_bytes()).map(|(_, value)| value)
    }

    /// A string, as it was meant. What is no Unicode becomes U+FFFD.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let written = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if !written.contains(&b'\\') {
            return Some(String::from_utf8_lossy(written));
        }
        Some(Cow::Owned(unescape(&String::from_utf8_lossy(written))))
    }

    /// A whole number, or one in a string.
    pub(super) fn integer(self) -> Option<u64> {
        self.digits().parse().ok()
    }

    /// A number, or one in a string, without what stands behind its point.
    pub(super) fn whole(self) -> Option<u64> {
        self.digits().split('.').next()?.parse().ok()
    }

    /// A decimal number, or one in a string, in billionths.
    pub(super) fn billionths(self) -> Option<u64> {
        let digits = self.digits();
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: u64 = whole.parse().ok()?;
        let fraction = fraction.get(..fraction.len().min(9))?;
        let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        let part = part * 10_u64.pow(9 - u32::try_from(fraction.len()).ok()?);
        whole.checked_mul(1_000_000_000)?.checked_add(part)
    }

    /// A number as it is written.
    fn digits(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default().trim_matches('"')
    }
}

/// The next value of an array or object, behind whatever separates it; `None` behind the last, and in front of one that
/// is cut off, unless it is an array or object itself.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let text = rest.trim_ascii_start();
    let text = text.strip_prefix(b",").or_else(|| text.strip_prefix(b":")).unwrap_or(text).trim_ascii_start();
    let len = match text.first()? {
        b'"' => string_len(text)?,
        b'{' | b'[' => container_len(text),
        b'}' | b']' | b',' | b':' => return None,
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b':') || byte.is_ascii_whitespace())?,
    };
    let (value, behind) = text.split_at(len);
    *rest = behind;
    Some(Value(value))
}

/// The length of a string with its quotes.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The length of an array or object, or of what there is of it.
fn container_len(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let Some(len) = string_len(&text[at..]) else { return text.len() };
                at += len;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn unescape(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = behind.chars();
        let escaped = chars.next();
        rest = chars.as_str();
        match escaped {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let first = take_unit(&mut rest);
                let second = rest.strip_prefix("\\u").filter(|_| matches!(first, Some(0xD800..=0xDBFF)));
                let pair = second.and_then(|mut behind| Some((take_unit(&mut behind)?, behind)));
                match (first, pair) {
                    (Some(high), Some((low @ 0xDC00..=0xDFFF, behind))) => {
                        rest = behind;
                        let point = 0x1_0000 + ((u32::from(high) & 0x3FF) << 10 | u32::from(low) & 0x3FF);
                        text.push(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    (unit, _) => {
                        let point = unit.and_then(|unit| char::from_u32(u32::from(unit)));
                        text.push(point.unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                }
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    text.push_str(rest);
    text
}

/// Four hexadecimal digits.
fn take_unit(rest: &mut &str) -> Option<u16> {
    let (digits, behind) = rest.split_at_checked(4)?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    *rest = behind;
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wanted of a text, cut into pieces of every size.
    fn check(text: &str, expected: &[(Wanted, u64, &str)], is_cut: bool) {
        for size in 1..=text.len() {
            let mut scanner = Scanner::default();
            let mut items = Vec::new();
            for mut piece in text.as_bytes().chunks(size) {
                while !piece.is_empty() {
                    let (read, item) = scanner.scan(piece);
                    items.extend(item);
                    piece = &piece[read..];
                }
            }
            let (cut, rest) = scanner.finish();
            items.extend(rest);
            let items: Vec<_> =
                items.iter().map(|item| (item.wanted, item.offset, std::str::from_utf8(&item.text).unwrap())).collect();
            assert_eq!((items.as_slice(), cut), (expected, is_cut), "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_wanted_is_cut_out() {
        let har = r#"{"x":{"log":[{}]},"log":{"entries ":[{}],"e\"ntries":1,"entries":[{"a":"]}\\"}, {"b":[{}]}],"pages":[{}]}}"#;
        check(har, &[(Wanted::Entry, 66, r#"{"a":"]}\\"}"#), (Wanted::Entry, 80, r#"{"b":[{}]}"#)], false);
        let log = r#"{"constants":{"a":{}},"events":[{"b":1},{"c":"{"#;
        let expected = [
            (Wanted::Constants, 13, r#"{"a":{}}"#),
            (Wanted::Event, 32, r#"{"b":1}"#),
            (Wanted::Event, 40, r#"{"c":"{"#),
        ];
        check(log, &expected, true);
        check("]]}}:,\"", &[], false);
    }

    #[test]
    fn values_are_read_where_they_stand() {
        let value = Value(br#"{"a" : "x\n\ud83d\ude00\ud83d\u0041\q", "b":[1, {"c":[]},"2"] ,"c":-1.5,"d":true,"time":1700000000.25,"cut":[1,{"#);
        assert_eq!(value.get("a").unwrap().text().unwrap(), "x\n\u{1F600}\u{FFFD}Aq");
        let elements: Vec<_> = value.get("b").unwrap().elements().map(|element| element.0).collect();
        assert_eq!(elements, [b"1".as_slice(), br#"{"c":[]}"#, br#""2""#]);
        assert_eq!(value.get("d").unwrap().0, b"true");
        assert_eq!(value.get("time").unwrap().billionths(), Some(1_700_000_000_250_000_000));
        assert_eq!(value.get("c").unwrap().billionths(), None);
        // Nine bytes that end within a letter.
        assert_eq!(Value("\"1.00000000\u{fffd}\"".as_bytes()).billionths(), None);
        assert_eq!(value.get("cut").unwrap().elements().count(), 2);
        assert_eq!(Value(b"\"12\"").integer(), Some(12));
        assert!(Value(b"{{{").get("a").is_none());
        assert_eq!(Value(b"[1 2").elements().count(), 1);
    }
}
