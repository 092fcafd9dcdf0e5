//! Values in JSON by their path, found in one walk over the text, without a tree.

use std::borrow::Cow;

use super::scan::is_of_name;

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of this name; in an array, that of each element, or the element of this number.
    Member(String),
    /// The element of this number.
    Index(usize),
    /// Each element, or each member.
    Each,
}

/// Whether `is_it` says so of any value at this path, given as it is written. Where the text stops being JSON, the walk
/// ends; what was found before counts. A message may be several values with the record separator of SignalR between
/// them, and may begin with the packet type of socket.io.
pub(super) fn any(text: &[u8], path: &[Step], is_it: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let mut walk = Walk { text, at: start(text), is_it };
    loop {
        walk.space();
        if !matches!(walk.peek(), Some(b'{' | b'[')) {
            return false;
        }
        match walk.value(path, DEPTH_MAX) {
            Some(true) => return true,
            Some(false) => walk.space(),
            None => return false,
        }
        if walk.peek() != Some(RECORD_SEPARATOR) {
            return false;
        }
        walk.at += 1;
    }
}

/// Tells the values in a message that is JSON, each by what is written behind `json.` to find it, with the value as it
/// is written. Of a few levels, and of the first elements of arrays; names with other letters than names have are left
/// out.
///
/// ```
/// let mut places = Vec::new();
/// let message = br#"{"type":"chat","from":{"id":7},"seen":[{"by":1}]}"#;
/// framescope_codec::capture::filter::json_places(message, &mut |place, value| {
///     places.push(format!("{place}={}", String::from_utf8_lossy(value)));
/// });
/// assert_eq!(places, ["type=\"chat\"", "from={\"id\":7}", "from.id=7", "seen=[{\"by\":1}]", "seen.by=1"]);
/// ```
pub fn json_places(text: &[u8], tell: &mut dyn FnMut(&str, &[u8])) {
    let mut walk = Walk { text, at: start(text), is_it: &mut |_| false };
    walk.space();
    if matches!(walk.peek(), Some(b'{' | b'[')) {
        walk.places(&mut String::new(), PLACES_DEPTH, DEPTH_MAX, tell);
    }
}

/// Whether all of it is JSON, an object or an array, or several as said above.
pub(super) fn is_json(text: &[u8]) -> bool {
    let mut walk = Walk { text, at: start(text), is_it: &mut |_| false };
    loop {
        walk.space();
        if !matches!(walk.peek(), Some(b'{' | b'[')) || walk.skip(DEPTH_MAX).is_none() {
            return false;
        }
        walk.space();
        match walk.next() {
            None => return true,
            Some(RECORD_SEPARATOR) if walk.at == text.len() => return true,
            Some(RECORD_SEPARATOR) => {}
            Some(_) => return false,
        }
    }
}

/// Behind engine.io's and socket.io's packet types, counts, namespace and acknowledgement number: `42/chat,7[..`.
fn start(text: &[u8]) -> usize {
    let digits = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = digits(0);
    if at == 0 {
        return 0;
    }
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    if text.get(at) == Some(&b'/') {
        match text[at..].iter().take(NAMESPACE_MAX).position(|byte| *byte == b',') {
            Some(comma) => at += comma + 1,
            None => return 0,
        }
    }
    digits(at)
}

/// A string as it is written, as what it says; `None` for a value that is no string.
pub(super) fn string(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inside.contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let [escape, behind @ ..] = rest else { break };
        rest = behind;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let character = unicode(&mut rest);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(*other),
        }
    }
    Some(Cow::Owned(out))
}

/// The character of a `\u`, with its second half if it has one.
fn unicode(rest: &mut &[u8]) -> char {
    let hex = |bytes: &[u8]| {
        let digits = std::str::from_utf8(bytes.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = hex(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = &rest[4..];
    if let (0xD800..0xDC00, Some(second)) = (first, rest.strip_prefix(b"\\u").and_then(hex))
        && (0xDC00..0xE000).contains(&second)
    {
        *rest = &rest[6..];
        return char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            .unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Text being walked over. What is no JSON is `None`.
struct Walk<'a, 'f> {
    text: &'a [u8],
    at: usize,
    is_it: &'f mut dyn FnMut(&[u8]) -> bool,
}

impl Walk<'_, '_> {
    /// Goes over a value, and says whether one at this path in it is the one.
    fn value(&mut self, path: &[Step], depth: u8) -> Option<bool> {
        self.space();
        let Some((step, rest)) = path.split_first() else {
            let start = self.at;
            self.skip(depth)?;
            return Some((self.is_it)(&self.text[start..self.at]));
        };
        match (self.peek()?, step) {
            (b'{', Step::Index(_)) => self.skip(depth).map(|()| false),
            (b'{', _) => self.items(b'}', depth, |walk, _, depth| {
                let key = walk.key()?;
                let fits = match step {
                    Step::Member(name) => string(&walk.text[key]).is_some_and(|key| *key == *name.as_bytes()),
                    Step::Index(_) | Step::Each => true,
                };
                if fits { walk.value(rest, depth) } else { walk.skip(depth).map(|()| false) }
            }),
            (b'[', _) => {
                let wanted = match step {
                    Step::Index(index) => Some(*index),
                    Step::Member(name) => name.parse().ok(),
                    Step::Each => None,
                };
                let looks_through = matches!((step, wanted), (Step::Member(_), None));
                self.items(b']', depth, |walk, index, depth| match wanted {
                    _ if looks_through => walk.value(path, depth),
                    Some(wanted) if wanted != index => walk.skip(depth).map(|()| false),
                    _ => walk.value(rest, depth),
                })
            }
            _ => self.skip(depth).map(|()| false),
        }
    }

    /// Goes over a value, and tells what is in it.
    fn places(&mut self, place: &mut String, levels: u8, depth: u8, tell: &mut dyn FnMut(&str, &[u8])) -> Option<()> {
        match self.peek()? {
            b'{' if levels > 0 => {
                self.items(b'}', depth, |walk, _, depth| {
                    let key = walk.key()?;
                    let from = walk.at;
                    walk.skip(depth)?;
                    let to = walk.at;
                    let name = string(&walk.text[key]).unwrap_or_default();
                    let Some(name) = std::str::from_utf8(&name).ok().filter(|name| is_plain(name)) else {
                        return Some(false);
                    };
                    let len = place.len();
                    place.push_str(if len > 0 { "." } else { "" });
                    place.push_str(name);
                    tell(place, &walk.text[from..to]);
                    walk.at = from;
                    walk.places(place, levels - 1, depth, tell)?;
                    place.truncate(len);
                    Some(false)
                })?;
                Some(())
            }
            b'[' => {
                self.items(b']', depth, |walk, index, depth| {
                    match index {
                        0..ELEMENTS_TOLD => walk.places(place, levels, depth, tell)?,
                        _ => walk.skip(depth)?,
                    }
                    Some(false)
                })?;
                Some(())
            }
            _ => self.skip(depth),
        }
    }

    /// Goes over what is between two brackets, until one is the one.
    fn items(
        &mut self,
        end: u8,
        depth: u8,
        mut item: impl FnMut(&mut Self, usize, u8) -> Option<bool>,
    ) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        self.space();
        if self.peek()? == end {
            self.at += 1;
            return Some(false);
        }
        for index in 0.. {
            if item(self, index, depth)? {
                return Some(true);
            }
            self.space();
            match self.next()? {
                b',' => self.space(),
                byte => return (byte == end).then_some(false),
            }
        }
        None
    }

    /// A member's name with its colon; where the name stands.
    fn key(&mut self) -> Option<std::ops::Range<usize>> {
        self.space();
        let start = self.at;
        self.expect(b"\"")?;
        self.string()?;
        let end = self.at;
        self.space();
        self.expect(b":")?;
        self.space();
        Some(start..end)
    }

    /// Goes over a value.
    fn skip(&mut self, depth: u8) -> Option<()> {
        self.space();
        match self.peek()? {
            b'{' => self.items(b'}', depth, |walk, _, depth| {
                walk.key()?;
                walk.skip(depth).map(|()| false)
            })?,
            b'[' => self.items(b']', depth, |walk, _, depth| walk.skip(depth).map(|()| false))?,
            b'"' => {
                self.at += 1;
                return self.string();
            }
            b't' => return self.expect(b"true"),
            b'f' => return self.expect(b"false"),
            b'n' => return self.expect(b"null"),
            _ => return self.number(),
        };
        Some(())
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

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.next()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.next().filter(u8::is_ascii_digit)?;
            self.digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.next().filter(u8::is_ascii_digit)?;
            self.digits();
        }
        Some(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }
}

/// Whether a name can be written behind a dot.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| is_of_name(c) && c != '.')
}

/// So many levels of members are offered.
const PLACES_DEPTH: u8 = 4;
/// Elements of an array are mostly alike.
const ELEMENTS_TOLD: usize = 3;
/// Deeper than anybody nests, and shallow enough for any stack.
const DEPTH_MAX: u8 = 127;
/// Longer than any namespace of socket.io that one would name.
const NAMESPACE_MAX: usize = 256;
/// Ends each message of SignalR.
const RECORD_SEPARATOR: u8 = 0x1E;
