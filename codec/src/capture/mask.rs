//! Credentials in an opening handshake, starred out at equal length before a capture leaves the process.
//!
//! ```text
//! GET /echo?room=7&token=s3cr3t HTTP/1.1        GET /echo?room=7&token=****** HTTP/1.1
//! Cookie: session=5ba1; theme=dark        ->    Cookie: ************* **********
//! Sec-WebSocket-Protocol: chat, eyJhbGci..      Sec-WebSocket-Protocol: chat, **********
//! ```
//!
//! Lengths stay as they are, so offsets and sequence numbers do too. What is secret is judged by its name,
//! before the first byte of its value; subprotocols, where the name itself may be a token, are judged as
//! wholes, and one that a chunk cuts in two is starred out unseen; two of one length stay two (`****, ***2`). In doubt it hides too much.

mod names;
mod subprotocols;
#[cfg(test)]
mod tests;

use names::{is_credential_name, percent_decode};
use subprotocols::{Hidden, Protocols};

use super::Direction;

/// The two heads of one connection on their way to a watcher. One for both directions, since a server
/// echoes the subprotocol that the client named.
#[derive(Clone, Debug, Default)]
pub struct HeadMask {
    heads: [Head; 2],
    hidden: Hidden,
    hides_nothing: bool,
}

impl HeadMask {
    /// Both heads yet to come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows everything, for those who have asked for that, and still knows when both heads have passed.
    #[must_use]
    pub fn hiding_nothing() -> Self {
        Self { hides_nothing: true, ..Self::default() }
    }

    /// Stars out what is secret in the next `chunk` of a direction, in place. Bytes behind the head are
    /// left alone. True once the whole head of this direction has passed.
    ///
    /// ```
    /// use framescope_codec::capture::{mask::HeadMask, Direction};
    ///
    /// let mut mask = HeadMask::new();
    /// let mut head = *b"GET /?key=abc HTTP/1.1\r\nAuthorization: Basic dTpw\r\n\r\n\x81\x85";
    /// assert!(mask.apply(Direction::ClientToServer, &mut head));
    /// assert_eq!(&head, b"GET /?key=*** HTTP/1.1\r\nAuthorization: ***** ****\r\n\r\n\x81\x85");
    /// ```
    pub fn apply(&mut self, direction: Direction, chunk: &mut [u8]) -> bool {
        let head = &mut self.heads[direction.index()];
        for at in 0..chunk.len() {
            if head.place == Place::Behind {
                break;
            }
            if head.step(chunk[at]) == Secret::Yes && !self.hides_nothing {
                chunk[at] = b'*';
            }
            if self.hides_nothing {
                continue;
            }
            if head.kind == Kind::Protocols && matches!(head.place, Place::Value | Place::LineStart) {
                head.protocols.step(chunk, at, direction, &mut self.hidden);
            }
        }
        if !self.hides_nothing {
            head.protocols.end_chunk(chunk, &mut self.hidden);
        }
        head.place == Place::Behind
    }

    /// Whether both heads have passed, and nothing is left to hide.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.heads.iter().all(|head| head.place == Place::Behind)
    }
}

/// How far a head has come.
#[derive(Clone, Debug, Default)]
struct Head {
    place: Place,
    /// Of the header whose value this is.
    kind: Kind,
    url: Url,
    protocols: Protocols,
    /// The name under way, of a header or a query parameter.
    name: Vec<u8>,
    has_start_line: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    /// The method, or all of a status line up to its first space.
    Method,
    Target,
    Name,
    Value,
    /// The rest of a line that holds nothing of interest.
    Rest,
    /// The head is over.
    Behind,
}

/// What a header's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Plain,
    Secret,
    Url,
    Protocols,
}

/// Where in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Url {
    #[default]
    Path,
    ParameterName,
    PlainValue,
    SecretValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    Yes,
    No,
}

impl Head {
    /// Takes in one byte and says whether it is part of a secret.
    fn step(&mut self, byte: u8) -> Secret {
        if byte == b'\n' {
            let is_empty_line = self.place == Place::LineStart && self.has_start_line;
            self.place = if is_empty_line { Place::Behind } else { Place::LineStart };
            return Secret::No;
        }
        match self.place {
            Place::LineStart => self.start_line(byte),
            Place::Method if byte == b' ' => {
                (self.place, self.url) = (Place::Target, Url::Path);
                self.name.clear();
                Secret::No
            }
            Place::Target if byte == b' ' => {
                self.place = Place::Rest;
                Secret::No
            }
            Place::Target => self.step_url(byte),
            Place::Name if byte == b':' => {
                self.kind = Kind::of_header(self.name.trim_ascii());
                (self.place, self.url) = (Place::Value, Url::Path);
                self.name.clear();
                Secret::No
            }
            Place::Name => {
                self.push_name(byte);
                Secret::No
            }
            Place::Value => match self.kind {
                Kind::Secret if !byte.is_ascii_whitespace() => Secret::Yes,
                Kind::Url => self.step_url(byte),
                _ => Secret::No,
            },
            Place::Method | Place::Rest | Place::Behind => Secret::No,
        }
    }

    fn start_line(&mut self, byte: u8) -> Secret {
        match byte {
            b'\r' => Secret::No,
            // A line that begins with white space goes on with the value before (RFC 9112, 5.2).
            b' ' | b'\t' if self.has_start_line => {
                self.place = Place::Value;
                Secret::No
            }
            _ if self.has_start_line => {
                self.place = Place::Name;
                self.name.clear();
                self.push_name(byte);
                Secret::No
            }
            _ => {
                (self.place, self.has_start_line) = (Place::Method, true);
                Secret::No
            }
        }
    }

    fn step_url(&mut self, byte: u8) -> Secret {
        let starts_name = match self.url {
            Url::Path => matches!(byte, b'?' | b'#'),
            // A fragment may hold parameters, and so may a URL that is itself a parameter.
            Url::ParameterName | Url::PlainValue => matches!(byte, b'&' | b';' | b'?' | b'#'),
            Url::SecretValue => matches!(byte, b'&' | b'#'),
        };
        match self.url {
            _ if starts_name => {
                self.url = Url::ParameterName;
                self.name.clear();
            }
            Url::ParameterName if byte == b'=' => {
                let is_secret = self.name.len() == NAME_MAX || is_credential_name(&percent_decode(&self.name));
                self.url = if is_secret { Url::SecretValue } else { Url::PlainValue };
            }
            Url::ParameterName => self.push_name(byte),
            Url::SecretValue if byte != b'\r' => return Secret::Yes,
            Url::Path | Url::PlainValue | Url::SecretValue => {}
        }
        Secret::No
    }

    fn push_name(&mut self, byte: u8) {
        if self.name.len() < NAME_MAX {
            self.name.push(byte.to_ascii_lowercase());
        }
    }
}

impl Kind {
    /// Of the header with this name, in small letters.
    fn of_header(name: &[u8]) -> Self {
        match name {
            b"sec-websocket-protocol" => Self::Protocols,
            b"sec-websocket-key" | b"sec-websocket-accept" => Self::Plain,
            b"referer" | b"location" | b"content-location" => Self::Url,
            b"cookie" | b"set-cookie" => Self::Secret,
            name if name.len() == NAME_MAX || is_credential_name(name) => Self::Secret,
            _ => Self::Plain,
        }
    }
}

/// Longer names are not told apart, and what they name is starred out.
const NAME_MAX: usize = 64;
