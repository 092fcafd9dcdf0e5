//! The two halves of the opening handshake.

use std::net::SocketAddr;

/// The `Sec-WebSocket-Key` of [`opening_request`], the one of RFC 6455, 1.3.
pub const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What [`NONCE`] must be answered with.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The opening handshake as a browser would send it, without `Origin`, the lines in `extra` at its end.
///
/// A line in `extra` takes the place of the line with the same name, and an empty value removes it.
#[must_use]
pub fn opening_request(addr: SocketAddr, path: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let host = addr.to_string();
    let mut lines = vec![
        ("Host", host.as_str()),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", NONCE),
        ("Sec-WebSocket-Version", "13"),
    ];
    lines.retain(|(name, _)| !extra.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    lines.extend(extra.iter().filter(|(_, value)| !value.is_empty()));
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in lines {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// The head of an HTTP response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The header lines in order, as they came.
    pub headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// The value of the one line with this name; `None` where there is none.
    ///
    /// # Panics
    /// When there are two.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = found.next();
        assert!(found.next().is_none(), "two {name} lines in {:?}", self.headers);
        first.map(|(_, value)| value.as_str())
    }

    pub(super) fn parse(head: &str) -> Self {
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status_line:?}"));
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a header line: {line:?}"));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Self { status, headers }
    }
}
