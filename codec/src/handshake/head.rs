//! The head of a request or a response, kept exactly as it was on the wire.
//!
//! As with frames, reading cannot fail: any bytes up to an empty line are a head, with a first line and header lines of
//! some kind. Which of them break a rule is asked afterwards, by [`check`](super::check), so that a strict endpoint and
//! the inspector read alike. That is also why this parser is ours: one for HTTP gives up at the first bad byte, where
//! an inspector has to go on, and is lenient about line ends, where an endpoint must not be.

use std::ops::Range;

use super::{HandshakeError, HandshakeRule};
use crate::rules::Role;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes, the empty line at the end included. Browsers send below 1 KiB, and cookies may be 4 KiB each.
    pub bytes: usize,
    /// The most header lines.
    pub headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1024, headers: 100 }
    }
}

/// Finds the end of a head that arrives in pieces.
///
/// It remembers how far it has looked, so a head that comes byte by byte costs no more than one that comes at once.
///
/// ```
/// use framescope_codec::handshake::{HeadLimits, HeadReader};
/// use framescope_codec::Role;
///
/// let mut reader = HeadReader::new(Role::Client, HeadLimits::default());
/// let mut received = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
/// assert_eq!(reader.find_end(&received), Ok(None)); // more bytes are needed
/// received.extend_from_slice(b"\r\nframes");
/// assert_eq!(reader.find_end(&received), Ok(Some(27))); // the head; what follows it is somebody else's
/// ```
#[derive(Clone, Debug)]
pub struct HeadReader {
    sender: Role,
    limits: HeadLimits,
    scanned: usize,
    line_start: usize,
    /// Lines that have ended; empty ones in front of a request are not counted.
    lines: usize,
}

impl HeadReader {
    /// For the head of a request ([`Role::Client`]) or of a response ([`Role::Server`]).
    #[must_use]
    pub const fn new(sender: Role, limits: HeadLimits) -> Self {
        Self { sender, limits, scanned: 0, line_start: 0, lines: 0 }
    }

    /// The length of the head in front of `received`, which is all that has arrived so far, from the first byte on.
    /// `None` means that more bytes are needed.
    ///
    /// # Errors
    ///
    /// Over a limit, as soon as that is certain; and bytes that cannot become HTTP, such as those of a TLS hello.
    pub fn find_end(&mut self, received: &[u8]) -> Result<Option<usize>, HandshakeError> {
        let within = received.get(..self.limits.bytes).unwrap_or(received);
        while let Some(byte) = within.get(self.scanned).copied() {
            self.scanned += 1;
            if byte == b'\n' {
                let line = within.get(self.line_start..self.scanned).unwrap_or_default();
                self.line_start = self.scanned;
                if !matches!(line, b"\n" | b"\r\n") {
                    self.lines += 1;
                } else if self.lines > 0 {
                    return Ok(Some(self.scanned));
                }
                if self.lines > self.limits.headers.saturating_add(1) {
                    return Err(self.broken(HandshakeRule::TooManyHeaders));
                }
            } else if self.lines == 0 {
                self.check_first_line(byte)?;
            }
        }
        if received.len() < self.limits.bytes {
            return Ok(None);
        }
        Err(self.broken(if self.lines == 0 && self.sender == Role::Client {
            HandshakeRule::RequestLineTooLong
        } else {
            HandshakeRule::HeadTooLarge
        }))
    }

    /// Noise is told from HTTP at its first byte, rather than by waiting for a line to end.
    fn check_first_line(&self, byte: u8) -> Result<(), HandshakeError> {
        let offset = self.scanned - self.line_start - 1;
        match self.sender {
            Role::Client if byte != b'\r' && !(b' '..0x7F).contains(&byte) => {
                Err(self.broken(HandshakeRule::MalformedRequestLine))
            }
            Role::Server if b"HTTP/".get(offset).is_some_and(|expected| *expected != byte) => {
                Err(self.broken(HandshakeRule::MalformedStatusLine))
            }
            _ => Ok(()),
        }
    }

    const fn broken(&self, rule: HandshakeRule) -> HandshakeError {
        match self.sender {
            Role::Client => HandshakeError::Request(rule),
            Role::Server => HandshakeError::Response(rule),
        }
    }
}

/// A head: its bytes, and where in them its parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: Vec<u8>,
    start_line: Range<usize>,
    lines: Vec<HeaderLine>,
    end: Range<usize>,
}

/// One header line, as ranges of its head's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine {
    /// The line with its CR LF.
    pub line: Range<usize>,
    /// What stands before the colon: all of the line if there is none, nothing if the line continues the one before.
    pub name: Range<usize>,
    /// What stands behind the colon, without the white space around it.
    pub value: Range<usize>,
}

impl Head {
    /// Takes the head from the front of `bytes`: as far as the first empty line, or as far as there is anything.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut head = Self { bytes: Vec::new(), start_line: 0..0, lines: Vec::new(), end: 0..0 };
        let mut start = 0;
        let mut is_first = true;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let range = start..start + line.len();
            start = range.end;
            if matches!(line, b"\n" | b"\r\n") {
                if is_first {
                    continue; // RFC 9112, 2.2: empty lines in front of a request are passed over
                }
                head.end = range;
                break;
            }
            if is_first {
                head.start_line = range;
                is_first = false;
            } else {
                head.lines.push(HeaderLine::read(line, range));
            }
        }
        if head.end.is_empty() {
            head.end = start..start;
        }
        head.bytes.extend_from_slice(bytes.get(..start).unwrap_or(bytes));
        head
    }

    /// A head put together from parts that another parser has already taken apart.
    pub(super) fn from_parts<'a>(start_line: &str, headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut bytes = format!("{start_line}\r\n").into_bytes();
        let start_line = 0..bytes.len();
        let mut lines = Vec::new();
        for (name, value) in headers {
            let start = bytes.len();
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            let value = start + name.len() + 2..bytes.len();
            bytes.extend_from_slice(b"\r\n");
            lines.push(HeaderLine { line: start..bytes.len(), name: start..start + name.len(), value });
        }
        bytes.extend_from_slice(b"\r\n");
        let end = bytes.len() - 2..bytes.len();
        Self { bytes, start_line, lines, end }
    }

    /// All bytes of the head, the empty line included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first line with its CR LF.
    #[must_use]
    pub fn start_line(&self) -> Range<usize> {
        self.start_line.clone()
    }

    /// The header lines in order.
    #[must_use]
    pub fn lines(&self) -> &[HeaderLine] {
        &self.lines
    }

    /// The empty line at the end, or an empty range if the bytes ended before it.
    #[must_use]
    pub fn end(&self) -> Range<usize> {
        self.end.clone()
    }

    /// Whether the empty line at the end was there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.end.is_empty()
    }

    /// The bytes in a range of this head; nothing for one that is not.
    #[must_use]
    pub fn at(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The value of the first header called `name`, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The values of all headers called `name`, in any case.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name).map(|line| self.at(&line.value))
    }

    /// The lines of all headers called `name`, in any case. White space before the colon is a finding of its own, and
    /// not the absence of the header.
    pub(super) fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a HeaderLine> {
        self.lines.iter().filter(move |line| self.at(&line.name).trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The first line in three: method, target and version, or version, status and reason.
    ///
    /// A request is cut at its first and its last space and a response at its first two, so that a target or a reason
    /// with spaces in it stays in one piece.
    pub(super) fn start_parts(&self, sender: Role) -> [Range<usize>; 3] {
        let line = without_line_end(self.at(&self.start_line));
        let Range { start, .. } = self.start_line;
        let end = start + line.len();
        let first = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let rest = line.get(first + 1..).unwrap_or_default();
        let second = match sender {
            Role::Client => rest.iter().rposition(|byte| *byte == b' '),
            Role::Server => rest.iter().position(|byte| *byte == b' '),
        };
        let second = second.map_or(line.len(), |at| first + 1 + at);
        [start..start + first, (start + first + 1).min(end)..start + second, (start + second + 1).min(end)..end]
    }
}

impl HeaderLine {
    fn read(line: &[u8], range: Range<usize>) -> Self {
        let at = |start: usize, len: usize| range.start + start..range.start + start + len;
        let content = without_line_end(line);
        let is_folded = matches!(content.first(), Some(b' ' | b'\t'));
        let (name, value) = match content.iter().position(|byte| *byte == b':') {
            _ if is_folded => (0, content),
            Some(colon) => (colon, content.get(colon + 1..).unwrap_or_default()),
            None => (content.len(), &[][..]),
        };
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let before = value.iter().take_while(is_space).count();
        let behind = value.iter().rev().take_while(is_space).count().min(value.len() - before);
        let value = at(content.len() - value.len() + before, value.len() - before - behind);
        Self { line: range.clone(), name: at(0, name), value }
    }
}

pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 64, headers: 3 };

    /// Bytes against what finding their end says, at once and byte by byte.
    fn check(sender: Role, bytes: &[u8], expected: Result<Option<usize>, HandshakeRule>) {
        let broken = |error: HandshakeError| error.rule().expect("a rule");
        assert_eq!(HeadReader::new(sender, LIMITS).find_end(bytes).map_err(broken), expected);
        let mut reader = HeadReader::new(sender, LIMITS);
        let one_by_one = (0..=bytes.len()).map(|len| reader.find_end(&bytes[..len])).find(|found| *found != Ok(None));
        assert_eq!(one_by_one.unwrap_or(Ok(None)).map_err(broken), expected);
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        use Role::{Client, Server};
        check(Client, b"GET / HTTP/1.1\r\n\r\nrest\r\n\r\n", Ok(Some(18)));
        check(Client, b"\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", Ok(Some(28)));
        check(Client, b"GET / HTTP/1.1\nA: b\n\n", Ok(Some(21)));
        check(Client, b"GET / HTTP/1.1\r\nA: b\r\n", Ok(None));
        check(Client, b"", Ok(None));
        check(Server, b"HTTP/1.1 101 \xe9\r\n\r\n\x81", Ok(Some(18)));
    }

    #[test]
    fn a_head_over_a_limit_is_given_up_where_that_is_certain() {
        use Role::{Client, Server};
        let line = [b"GET /".as_slice(), &[b'a'; 60]].concat();
        check(Client, &line, Err(HandshakeRule::RequestLineTooLong));
        check(Server, &[b"HTTP/1.1 101 ".as_slice(), &[b'a'; 60]].concat(), Err(HandshakeRule::HeadTooLarge));
        check(Client, &[b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 60]].concat(), Err(HandshakeRule::HeadTooLarge));
        check(Client, b"G / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\n\r\n", Ok(Some(28)));
        check(Client, b"G / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\nA:\r\n", Err(HandshakeRule::TooManyHeaders));
        check(Client, &[b'\r', b'\n'].repeat(32), Err(HandshakeRule::RequestLineTooLong));
        // Exactly the limit, and what follows the head does not count.
        let exact = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 41], b"\r\n\r\n"].concat();
        check(Client, &exact, Ok(Some(64)));
        check(Client, &[exact, vec![0; 100]].concat(), Ok(Some(64)));
    }

    #[test]
    fn noise_is_not_waited_for() {
        check(Role::Client, b"\x16\x03\x01\x02\x00\x01", Err(HandshakeRule::MalformedRequestLine));
        check(Role::Client, b"GET /\0", Err(HandshakeRule::MalformedRequestLine));
        check(Role::Server, b"SSH-2.0", Err(HandshakeRule::MalformedStatusLine));
        check(Role::Server, b"\r\nHTTP/1.1 101", Err(HandshakeRule::MalformedStatusLine));
    }

    #[test]
    fn the_parts_of_a_head_are_ranges_of_its_bytes() {
        let head = Head::read(b"\r\nGET /x y HTTP/1.1\r\nA :\t b c \r\nno colon\r\n folded: x\r\nB:\r\n\r\nrest");
        let text = |range: &Range<usize>| std::str::from_utf8(head.at(range)).unwrap();
        assert_eq!(head.start_parts(Role::Client).each_ref().map(text), ["GET", "/x y", "HTTP/1.1"]);
        let lines: Vec<_> = head.lines().iter().map(|line| (text(&line.name), text(&line.value))).collect();
        assert_eq!(lines, [("A ", "b c"), ("no colon", ""), ("", "folded: x"), ("B", "")]);
        assert!(head.is_whole() && head.bytes().ends_with(b"B:\r\n\r\n"));
        assert!(!Head::read(b"GET / HTTP/1.1\r\nA: b").is_whole());
        let head = Head::read(b"HTTP/1.1 404 Not Found\r\n\r\n");
        let text = |range: &Range<usize>| std::str::from_utf8(head.at(range)).unwrap();
        assert_eq!(head.start_parts(Role::Server).each_ref().map(text), ["HTTP/1.1", "404", "Not Found"]);
    }
}
