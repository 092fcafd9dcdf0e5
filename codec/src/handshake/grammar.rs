//! What stands in the values of the handshake's headers: tokens, lists of them, extensions with their parameters
//! (RFC 6455, 9.1; RFC 9110, 5.6).
//!
//! One tiny cursor walks over the bytes. It never indexes, so it cannot run past the end; whoever asks it for
//! something that is not there gets `None`, and the value is outside its grammar.

use std::ops::Range;

/// Whether a byte may stand in a token (RFC 9110, 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// Whether `bytes` are one token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Whether a byte may stand in a header's value: no control byte but the tab (RFC 9110, 5.5).
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

/// Whether the comma-separated `value` has `token` in it, in any case.
///
/// Elements that are no tokens are passed over: `Connection` and `Upgrade` belong to HTTP, and others may add to them.
pub(crate) fn list_contains(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|element| element.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// A list of tokens, at least one; `None` outside the grammar.
pub(crate) fn tokens(value: &[u8]) -> Option<Vec<&str>> {
    let mut cursor = Cursor::new(value);
    let mut tokens = Vec::new();
    cursor.list(|cursor| {
        tokens.push(cursor.token()?);
        Some(())
    })?;
    Some(tokens)
}

/// One element of `Sec-WebSocket-Extensions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) name: String,
    /// In order, doubled ones too; a quoted value without its quotes.
    pub(crate) params: Vec<(String, Option<String>)>,
    /// Where in the header's value it stands.
    pub(crate) range: Range<usize>,
}

/// The elements of a `Sec-WebSocket-Extensions` header, at least one; `None` outside the grammar.
///
/// ```text
/// extension = token *( ";" token [ "=" ( token | quoted-string ) ] )
/// ```
pub(crate) fn extensions(value: &[u8]) -> Option<Vec<Extension>> {
    let mut cursor = Cursor::new(value);
    let mut extensions = Vec::new();
    cursor.list(|cursor| {
        let start = cursor.at;
        let name = cursor.token()?.to_owned();
        let mut params = Vec::new();
        let mut end = cursor.at;
        while cursor.skip_space_then(b';') {
            cursor.skip_space();
            params.push(cursor.param()?);
            end = cursor.at;
        }
        extensions.push(Extension { name, params, range: start..end });
        Some(())
    })?;
    Some(extensions)
}

/// A place in a header's value.
struct Cursor<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    const fn new(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes `byte` and the white space before it. If something else is there, stays where it is.
    fn skip_space_then(&mut self, byte: u8) -> bool {
        let start = self.at;
        self.skip_space();
        if self.peek() == Some(byte) {
            self.at += 1;
            true
        } else {
            self.at = start;
            false
        }
    }

    /// Elements between commas up to the end of the value. Empty ones are allowed, but not alone (RFC 9110, 5.6.1).
    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut is_empty = true;
        loop {
            self.skip_space();
            match self.peek() {
                None => break,
                Some(b',') => {}
                Some(_) => {
                    element(self)?;
                    is_empty = false;
                    self.skip_space();
                }
            }
            match self.next() {
                None => break,
                Some(b',') => {}
                Some(_) => return None,
            }
        }
        (!is_empty).then_some(())
    }

    fn token(&mut self) -> Option<&'a str> {
        let rest = self.value.get(self.at..)?;
        let len = rest.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(rest.len());
        let (token, _) = rest.split_at_checked(len)?;
        self.at += len;
        if token.is_empty() { None } else { std::str::from_utf8(token).ok() }
    }

    fn param(&mut self) -> Option<(String, Option<String>)> {
        let name = self.token()?.to_owned();
        if !self.skip_space_then(b'=') {
            return Some((name, None));
        }
        self.skip_space();
        let value = if self.peek() == Some(b'"') { self.quoted()? } else { self.token()?.to_owned() };
        Some((name, Some(value)))
    }

    /// A quoted string; what is in it must be a token too, once unescaped (RFC 6455, 9.1).
    fn quoted(&mut self) -> Option<String> {
        let mut token = String::new();
        self.next().filter(|byte| *byte == b'"')?;
        loop {
            let byte = match self.next()? {
                b'"' => break,
                b'\\' => self.next()?,
                byte => byte,
            };
            if !is_token_byte(byte) {
                return None;
            }
            token.push(char::from(byte));
        }
        if token.is_empty() { None } else { Some(token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_tokens(value: &str, expected: Option<&[&str]>) {
        assert_eq!(tokens(value.as_bytes()).as_deref(), expected, "{value:?}");
    }

    #[test]
    fn a_list_of_tokens_may_have_empty_elements_but_not_alone() {
        check_tokens("chat", Some(&["chat"]));
        check_tokens("chat,superchat", Some(&["chat", "superchat"]));
        check_tokens("\tchat ,\t superchat ", Some(&["chat", "superchat"]));
        check_tokens(",chat,,superchat,", Some(&["chat", "superchat"]));
        check_tokens("", None);
        check_tokens(" , ,", None);
        check_tokens("two words", None);
        check_tokens("chat;x", None);
        check_tokens("\"chat\"", None);
        check_tokens("caf\u{e9}", None);
    }

    /// Extensions are written back in the plainest form, to compare.
    fn check_extensions(value: &str, expected: Option<&str>) {
        let written = extensions(value.as_bytes()).map(|extensions| {
            let one = |extension: Extension| {
                let params = extension.params.into_iter().map(|(name, value)| match value {
                    Some(value) => format!(";{name}={value}"),
                    None => format!(";{name}"),
                });
                extension.name + &params.collect::<String>()
            };
            extensions.into_iter().map(one).collect::<Vec<_>>().join(",")
        });
        assert_eq!(written.as_deref(), expected, "{value:?}");
    }

    #[test]
    fn extensions_are_read_as_rfc_6455_9_1_writes_them() {
        check_extensions("foo", Some("foo"));
        check_extensions("foo, bar; baz=2", Some("foo,bar;baz=2"));
        check_extensions(
            "deflate-stream,mux ; max-channels = 4 ;flow-control",
            Some("deflate-stream,mux;max-channels=4;flow-control"),
        );
        check_extensions("a;b=\"10\"", Some("a;b=10"));
        check_extensions("a;b=\"1\\0\"", Some("a;b=10"));
        check_extensions("a;b;b", Some("a;b;b"));
        check_extensions(",a,,", Some("a"));
    }

    #[test]
    fn what_is_outside_the_grammar_is_not_read() {
        for value in [
            "",
            ",",
            "a b",
            "a;",
            "a;;b",
            "a;=1",
            "a;b=",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"x y\"",
            "a;b=\"x\\",
            "=",
            "\"a\"",
            "a;b=c d",
            "a/b",
            "é",
        ] {
            check_extensions(value, None);
        }
    }

    #[test]
    fn each_extension_knows_where_it_stands() {
        let value = "foo , bar; baz = 2 ;q , end";
        let places: Vec<_> = extensions(value.as_bytes()).unwrap().into_iter().map(|e| &value[e.range]).collect();
        assert_eq!(places, ["foo", "bar; baz = 2 ;q", "end"]);
    }

    #[test]
    fn upgrade_is_found_among_others_in_any_case() {
        assert!(list_contains(b"keep-alive, Upgrade", "upgrade"));
        assert!(list_contains(b"\tUPGRADE\t", "upgrade"));
        assert!(!list_contains(b"upgrades", "upgrade"));
        assert!(!list_contains(b"h2c", "websocket"));
        assert!(!list_contains(b"", "upgrade"));
    }
}
