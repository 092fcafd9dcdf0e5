//! `ws://` and `wss://` addresses (RFC 6455, 3).

use std::fmt;

use super::check;

/// Where a client connects to, and what it asks for there.
///
/// ```
/// use framescope_codec::handshake::Url;
///
/// let url = Url::parse("ws://[::1]:8080/echo?size=1")?;
/// assert_eq!((url.host(), url.port(), url.resource()), ("::1", 8080, "/echo?size=1"));
/// assert_eq!(url.host_header(), "[::1]:8080");
/// assert_eq!(Url::parse("wss://example.com")?.host_header(), "example.com"); // 443 goes without saying
/// # Ok::<(), framescope_codec::handshake::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    is_secure: bool,
    /// With the brackets of an IPv6 address.
    host: String,
    port: u16,
    resource: String,
}

/// Why a text is no address of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidUrl {
    /// It does not begin with `ws://` or `wss://`.
    Scheme,
    /// It names no host, or one that cannot be, or a port that is no number up to 65 535. Names outside ASCII are
    /// written in punycode.
    Authority,
    /// It carries a user name, which the handshake has no place for.
    User,
    /// It ends in a `#fragment`, which means nothing to a WebSocket.
    Fragment,
}

impl Url {
    /// Reads an address. `http://` and `https://` mean `ws://` and `wss://`, as they do to browsers.
    ///
    /// What cannot stand in a request line is percent-encoded.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] says which part is wrong.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(InvalidUrl::Scheme),
        };
        if rest.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(InvalidUrl::User);
        }
        let (host, port) = check::split_authority(authority.as_bytes()).ok_or(InvalidUrl::Authority)?;
        let default_port = if is_secure { 443 } else { 80 };
        Ok(Self {
            is_secure,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(default_port),
            resource: encode_resource(resource),
        })
    }

    /// Whether the connection goes through TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The name or address to connect to, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query; at least `/`.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The value of the Host header: with the port only if it is not the scheme's own.
    #[must_use]
    pub fn host_header(&self) -> String {
        match (self.is_secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// The address in full.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.resource)
    }
}

fn encode_resource(resource: &str) -> String {
    let mut encoded = String::with_capacity(resource.len() + 1);
    if !resource.starts_with('/') {
        encoded.push('/');
    }
    for byte in resource.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for half in [byte >> 4, byte & 0xF] {
                encoded.push(char::from_digit(half.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase()));
            }
        }
    }
    encoded
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the address of a WebSocket begins with ws:// or wss://",
            Self::Authority => "the address names no valid host and port",
            Self::User => "the address of a WebSocket cannot carry a user name",
            Self::Fragment => "the address of a WebSocket cannot have a #fragment",
        })
    }
}

impl std::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), InvalidUrl>) {
        let url = Url::parse(text).map(|url| (url.host_header(), url.resource));
        assert_eq!(url, expected.map(|(host, resource)| (host.to_owned(), resource.to_owned())), "{text}");
    }

    #[test]
    fn addresses_are_taken_apart() {
        check("ws://example.com", Ok(("example.com", "/")));
        check("WS://Example.COM:80/", Ok(("example.com", "/")));
        check("wss://h:443?q", Ok(("h", "/?q")));
        check("wss://h:80/a", Ok(("h:80", "/a")));
        check("http://127.0.0.1:8080/a/b?c=d", Ok(("127.0.0.1:8080", "/a/b?c=d")));
        check("ws://[2001:db8::1]/x", Ok(("[2001:db8::1]", "/x")));
        check("ws://h/a b\u{e9}\r\n\"", Ok(("h", "/a%20b%C3%A9%0D%0A%22")));
    }

    #[test]
    fn what_is_no_address_says_why() {
        check("example.com", Err(InvalidUrl::Scheme));
        check("ftp://h", Err(InvalidUrl::Scheme));
        check("ws:h", Err(InvalidUrl::Scheme));
        check("ws://", Err(InvalidUrl::Authority));
        check("ws:///path", Err(InvalidUrl::Authority));
        check("ws://h:99999", Err(InvalidUrl::Authority));
        check("ws://a b/", Err(InvalidUrl::Authority));
        check("ws://b\u{fc}cher.example/", Err(InvalidUrl::Authority));
        check("ws://h\r\nX: y/", Err(InvalidUrl::Authority));
        check("ws://user:pass@h/", Err(InvalidUrl::User));
        check("ws://h/#top", Err(InvalidUrl::Fragment));
    }
}
