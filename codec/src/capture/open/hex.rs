//! Lines of hex dumps, as several tools and people write them.
//!
//! ```text
//! 00000000: 8105 4865 6c6c 6f                        ..Hello          xxd
//! 00000000  81 05 48 65 6c 6c 6f                     |..Hello|        hexdump -C, and * for lines that repeat
//! 0000  81 05 48 65 6c 6c 6f                         ..Hello          tshark -x; 0000 again begins a packet
//!     00000000  81 05 48 65 ..                                        the server, where Wireshark follows a stream
//! 0000000 0581 6548 6c6c 006f                                         hexdump, in numbers of 16 bits
//! 8105 4865 6c6c6f      81:05:48      0x81, 0x05      \x81\x05        without offsets
//! > 8185 37fa213d 7f9f4d5158        # what the client sends: > or c2s or client:, alone for all that follows too
//! < 8105 48656c6c6f                 // and the server: < or s2c or server:
//! ```

use super::super::Direction;

/// What one line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Who sends what follows.
    pub(super) direction: Option<Direction>,
    /// It begins far from the margin.
    pub(super) is_indented: bool,
    /// Where its bytes stand, if it says so.
    pub(super) offset: Option<u64>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or a comment.
    #[default]
    Nothing,
    /// Only who sends what follows.
    Mark,
    Bytes(Vec<u8>),
    /// As the line before, as often as the next offset says.
    Repeat,
    /// What follows is called so: tshark shows several views of one packet.
    Label(String),
    /// Something else.
    Text,
}

/// Reads a line. `expected` is where a dump goes on.
pub(super) fn read(line: &str, expected: u64) -> Line {
    let indent = line.len() - line.trim_start().len();
    let is_indented = line.starts_with('\t') || indent >= 4;
    let text = line.trim();
    let (direction, rest) = mark(text);
    let rest = without_comment(rest.trim());
    let (offset, kind) = match rest {
        "" => (None, if direction.is_some() { Kind::Mark } else { Kind::Nothing }),
        "*" => (None, Kind::Repeat),
        _ => contents(rest, expected),
    };
    Line { direction, is_indented, offset, kind }
}

/// Who sends, and the rest of the line.
pub(super) fn mark(text: &str) -> (Option<Direction>, &str) {
    for (direction, marks) in MARKS {
        for mark in marks {
            let Some((front, rest)) = text.split_at_checked(mark.len()) else { continue };
            if !front.eq_ignore_ascii_case(mark) {
                continue;
            }
            let is_sign = !mark.starts_with(|first: char| first.is_ascii_alphabetic());
            let rest = rest.trim_start_matches(['>', '<']);
            let behind = rest.trim_start_matches(':');
            if is_sign || behind.is_empty() || behind.len() < rest.len() || behind.starts_with(char::is_whitespace) {
                return (Some(direction), behind);
            }
        }
    }
    (None, text)
}

/// The longer ones first, where one begins as another does.
const MARKS: [(Direction, &[&str]); 2] = [
    (Direction::ClientToServer, &["->", ">", "\u{2192}", "c2s", "client", "sent", "send"]),
    (Direction::ServerToClient, &["<-", "<", "\u{2190}", "s2c", "server", "received", "receive"]),
];

fn without_comment(text: &str) -> &str {
    if text.starts_with(['#', ';']) || text.starts_with("//") || text.starts_with("--") {
        return "";
    }
    let ends = [" #", " //", "\t#", "\t//", " ;"].iter().filter_map(|start| text.find(start));
    ends.min().map_or(text, |end| text[..end].trim_end())
}

fn contents(text: &str, expected: u64) -> (Option<u64>, Kind) {
    if let Some((name, len)) = text.split_once(" (")
        && len.ends_with(" bytes):")
    {
        return (None, Kind::Label(name.to_owned()));
    }
    if let Some((offset, rest, style)) = offset(text, expected) {
        return (Some(offset), Kind::Bytes(columns(rest, style)));
    }
    plain(text).map_or((None, Kind::Text), |bytes| (None, Kind::Bytes(bytes)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Two blanks end the bytes.
    Colon,
    /// Sixteen bytes at most, two blanks in their middle.
    Columns,
    /// Numbers of 16 bits, the lower byte first on the machines that there are.
    Words,
}

/// An offset in front of a line.
fn offset(text: &str, expected: u64) -> Option<(u64, &str, Style)> {
    let len = text.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(len);
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| (3..=16).contains(&len))?;
    if let Some(rest) = rest.strip_prefix(':').filter(|rest| rest.starts_with(char::is_whitespace)) {
        return Some((value, rest, Style::Colon));
    }
    let token = rest.trim_start().split(char::is_whitespace).next().unwrap_or_default();
    let gap = rest.len() - rest.trim_start().len();
    // The last line of a dump says where it ends.
    let ends = token.is_empty() && len >= 6 && value >= expected && expected > 0;
    let is_offset = (token.len() == 2 && (gap >= 2 || len > 4) && len >= 4) || ends;
    if is_offset {
        return Some((value, rest, Style::Columns));
    }
    (len == 7 && token.len() == 4).then_some((value, rest, Style::Words))
}

/// The bytes of a line behind its offset, without the characters beside them.
fn columns(text: &str, style: Style) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let gap = rest.len() - trimmed.len();
        let len = trimmed.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(trimmed.len());
        let (token, behind) = trimmed.split_at(len);
        let is_apart = match style {
            Style::Colon => gap >= 2,
            Style::Columns => gap >= 3 || (gap == 2 && bytes.len() != 8) || bytes.len() == 16,
            Style::Words => bytes.len() == 16,
        };
        let is_token = behind.is_empty() || behind.starts_with(char::is_whitespace);
        if (is_apart && !bytes.is_empty()) || !is_token || len == 0 || (style == Style::Columns && len != 2) {
            return bytes;
        }
        let Some(read) = pairs(token) else { return bytes };
        match (style, read.as_slice()) {
            (Style::Words, [high, low]) => bytes.extend([*low, *high]),
            (Style::Words, _) => return bytes,
            _ => bytes.extend(read),
        }
        rest = behind;
    }
}

/// A line of nothing but bytes.
fn plain(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let separators = |sign: char| sign.is_whitespace() || ",:;-{}[]()\"'".contains(sign);
    for token in text.split(separators).filter(|token| !token.is_empty()) {
        for part in token.split("\\x").flat_map(|part| part.split("0x")).filter(|part| !part.is_empty()) {
            if part.len() == 1 && token.starts_with("0x") {
                bytes.push(u8::from_str_radix(part, 16).ok()?);
            } else {
                bytes.extend(pairs(part)?);
            }
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Two digits for each byte.
fn pairs(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |sign: u8| char::from(sign).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"\x81\x05Hello";

    /// The bytes of a line and where they stand.
    fn check(line: &str, offset: Option<u64>, bytes: &[u8]) {
        let read = read(line, 0);
        assert_eq!((read.offset, read.kind), (offset, Kind::Bytes(bytes.to_vec())), "{line}");
    }

    #[test]
    fn lines_with_offsets_are_read_without_what_stands_beside() {
        check("00000000: 8105 4865 6c6c 6f                        ..Hello", Some(0), HELLO);
        check("00000010: 81 05 48 65 6c 6c 6f  ..Hello", Some(16), HELLO);
        check("00000010:  81054865 6c6c6f             ..Hello", Some(16), HELLO);
        check("00000000  81 05 48 65 6c 6c 6f                              |..Hello|", Some(0), HELLO);
        check("0000  81 05 48 65 6c 6c 6f                              ..Hello", Some(0), HELLO);
        check("0010   81 05 48 65 6c 6c 6f", Some(16), HELLO);
        check("000020 81 05 48 65 6c 6c 6f", Some(32), HELLO);
        let sixteen: Vec<u8> = (0xAA..0xBA).collect();
        check("0000  aa ab ac ad ae af b0 b1 b2 b3 b4 b5 b6 b7 b8 b9  ab cd ef", Some(0), &sixteen);
        check("0000  aa ab ac ad ae af b0 b1  b2 b3 b4 b5 b6 b7 b8 b9  |ab cd ef|", Some(0), &sixteen);
        check("0000  aa ab ac ad ae af b0 b1                     ab cd ef", Some(0), &sixteen[..8]);
        check("0000000 0581 6548 6c6c", Some(0), b"\x81\x05Hell");
    }

    #[test]
    fn lines_without_offsets_are_read_in_any_notation() {
        for line in [
            "81 05 48 65 6c 6c 6f",
            "8105 4865 6C6C 6F",
            "810548656c6c6f  # Hello",
            "81:05:48:65:6c:6c:6f // Hello",
            "0x81, 0x5, 0x48, 0x65, 0x6c, 0x6c, 0x6f };",
            r#""\x81\x05\x48\x65\x6c\x6c\x6f""#,
            "{0x81,0x05,0x48,0x65,0x6c,0x6c,0x6f}",
        ] {
            check(line, None, HELLO);
        }
    }

    #[test]
    fn lines_say_who_sends() {
        let check = |line: &str, direction, kind| {
            let line = read(line, 0);
            assert_eq!((line.direction, line.kind), (direction, kind));
        };
        let (client, server) = (Some(Direction::ClientToServer), Some(Direction::ServerToClient));
        check("> 8105", client, Kind::Bytes(vec![0x81, 5]));
        check("c2s: 8105", client, Kind::Bytes(vec![0x81, 5]));
        check("c28105", None, Kind::Bytes(vec![0xC2, 0x81, 5]));
        check("<< 8105", server, Kind::Bytes(vec![0x81, 5]));
        check("\u{2190} 8105", server, Kind::Bytes(vec![0x81, 5]));
        check("Server:", server, Kind::Mark);
        check("servers and so on", None, Kind::Text);
        check("# c2s: 8105", None, Kind::Nothing);
        check("Reassembled TCP (120 bytes):", None, Kind::Label("Reassembled TCP".into()));
        check("*", None, Kind::Repeat);
        check("GET / HTTP/1.1", None, Kind::Text);
    }
}
