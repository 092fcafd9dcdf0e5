//! The server's side: answering a request that passed [`Request::check`](super::Request::check), or refusing one.

use std::fmt::Write as _;

use super::check::Asked;
use super::{compute_accept, grammar};
use crate::connection::{Config, Connection};
use crate::deflate::params::{DeflateParams, DeflatePolicy, Offer};

/// An opening handshake that keeps every rule, and waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    asked: Asked,
}

/// What a server says to an opening handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acceptance<'a> {
    /// The subprotocol to speak, most often from [`Opening::select_subprotocol`]. One that was not offered is left
    /// out: the client would fail the connection.
    pub subprotocol: Option<&'a str>,
    /// Whether to compress, and with which wishes.
    pub deflate: Option<DeflatePolicy>,
    /// Further headers, such as `Set-Cookie`.
    pub headers: Option<&'a ExtraHeaders>,
}

impl Opening {
    pub(super) const fn new(asked: Asked) -> Self {
        Self { asked }
    }

    /// The value of `Sec-WebSocket-Key`.
    #[must_use]
    pub fn key(&self) -> &str {
        self.asked.key.as_deref().unwrap_or_default()
    }

    /// The value of `Sec-WebSocket-Accept` that answers it.
    #[must_use]
    pub fn accept_value(&self) -> String {
        compute_accept(self.key())
    }

    /// The subprotocols that the client offers, the one it likes best first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.asked.protocols
    }

    /// The first subprotocol of the client's that is among those spoken here. `None` is no error: the connection then
    /// has no subprotocol, and the client decides whether it can do without.
    #[must_use]
    pub fn select_subprotocol(&self, spoken: &[&str]) -> Option<&str> {
        self.asked.protocols.iter().map(String::as_str).find(|offered| spoken.contains(offered))
    }

    /// The client's legal offers of permessage-deflate, the one it likes best first.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.asked.offers
    }

    /// Appends the 101 response, and hands over the connection that it opens. There is no other way to come by one from
    /// a request, so nothing can be sent ahead of the response.
    ///
    /// The first three lines are written just as the RFC prints them: there are clients that compare them literally.
    ///
    /// ```
    /// use framescope_codec::handshake::{Acceptance, Request};
    /// use framescope_codec::Config;
    ///
    /// # let head = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    /// let opening = Request::read(head)?.check()?;
    /// let mut out = Vec::new();
    /// let mut connection = opening.accept(&Acceptance::default(), Config::default(), &mut out);
    /// connection.send("Hello", &mut out).expect("an open connection");
    /// assert!(out.ends_with(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello"));
    /// # Ok::<(), framescope_codec::handshake::HandshakeError>(())
    /// ```
    pub fn accept(self, acceptance: &Acceptance<'_>, config: Config, out: &mut Vec<u8>) -> Connection {
        Connection::server(config, self.respond(acceptance, out))
    }

    fn respond(self, acceptance: &Acceptance<'_>, out: &mut Vec<u8>) -> Option<DeflateParams> {
        let agreement = acceptance.deflate.and_then(|policy| policy.accept(&self.asked.offers));
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            self.accept_value()
        );
        let protocol = acceptance.subprotocol.filter(|chosen| self.asked.protocols.iter().any(|p| p == chosen));
        if let Some(protocol) = protocol {
            push_header(&mut head, "Sec-WebSocket-Protocol", protocol);
        }
        if let Some(agreement) = &agreement {
            push_header(&mut head, "Sec-WebSocket-Extensions", &agreement.answer);
        }
        for (name, value) in acceptance.headers.into_iter().flat_map(ExtraHeaders::iter) {
            push_header(&mut head, name, value);
        }
        head.push_str("\r\n");
        out.extend_from_slice(head.as_bytes());
        agreement.map(|agreement| agreement.params)
    }
}

/// Appends a whole response that ends the HTTP connection: `reason` for people, as plain text, under `status`.
///
/// An extra header that cannot stand in a head, as one with a line end in it, is left out.
pub fn refuse(status: u16, reason: &str, extra_headers: &[(&str, &str)], out: &mut Vec<u8>) {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status));
    let mut connection = "close";
    for (name, value) in extra_headers {
        if is_header(name, value) {
            push_header(&mut head, name, value);
        }
        if name.eq_ignore_ascii_case("upgrade") {
            connection = "Upgrade, close"; // RFC 9110, 7.8: Upgrade is named there, too
        }
    }
    push_header(&mut head, "Connection", connection);
    push_header(&mut head, "Content-Type", "text/plain; charset=utf-8");
    push_header(&mut head, "X-Content-Type-Options", "nosniff");
    let _ = write!(head, "Content-Length: {}\r\n\r\n{reason}\n", reason.len() + 1);
    out.extend_from_slice(head.as_bytes());
}

/// Headers of the application's own, in a request or a response. What is in here can stand in a head: no value ends
/// its line, and none of the handshake's own headers is said twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraHeaders(Vec<(String, String)>);

/// A header that must not be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHeader {
    /// Its name.
    pub name: String,
}

impl ExtraHeaders {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header behind the others.
    ///
    /// # Errors
    ///
    /// The name is not a token, the value holds control bytes or is not trimmed, or the header is the handshake's own
    /// (`Host`, `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` and `Sec-WebSocket-…`).
    ///
    /// ```
    /// use framescope_codec::handshake::ExtraHeaders;
    ///
    /// let mut headers = ExtraHeaders::new();
    /// assert!(headers.push("Cookie", "session=1").is_ok());
    /// assert!(headers.push("Cookie", "session=1\r\nAdmin: yes").is_err());
    /// assert!(headers.push("Connection", "close").is_err());
    /// ```
    pub fn push(&mut self, name: &str, value: &str) -> Result<&mut Self, InvalidHeader> {
        const OWN: [&str; 5] = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
        const OWN_PREFIX: &str = "sec-websocket-";
        let is_own = OWN.iter().any(|own| name.eq_ignore_ascii_case(own))
            || name.get(..OWN_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(OWN_PREFIX));
        if is_own || !is_header(name, value) {
            return Err(InvalidHeader { name: name.to_owned() });
        }
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl std::fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the header {:?} cannot be added to a handshake", self.name)
    }
}

impl std::error::Error for InvalidHeader {}

pub(super) fn push_header(head: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.push_str(part);
    }
}

fn is_header(name: &str, value: &str) -> bool {
    grammar::is_token(name.as_bytes()) && value.bytes().all(grammar::is_value_byte) && value.trim_ascii() == value
}

/// The words behind a status.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::Request;

    /// The lines behind `Sec-WebSocket-Accept` in the answer to a sound request with these lines more.
    fn check(more: &str, acceptance: &Acceptance<'_>, expected: &[&str]) {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        );
        let opening = Request::read(request.as_bytes()).and_then(|request| request.check()).unwrap();
        let mut out = Vec::new();
        let connection = opening.accept(acceptance, Config::default(), &mut out);
        let answer = String::from_utf8(out).unwrap();
        let lines = answer
            .strip_prefix(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            )
            .and_then(|rest| rest.strip_suffix("\r\n"))
            .unwrap();
        assert_eq!(lines.split_terminator("\r\n").collect::<Vec<_>>(), expected);
        assert_eq!(connection.deflate().is_some(), answer.contains("permessage-deflate"));
    }

    #[test]
    fn the_answer_says_what_was_agreed_and_no_more() {
        let nothing = Acceptance::default();
        check("", &nothing, &[]);
        check("Sec-WebSocket-Protocol: chat\r\n", &nothing, &[]);
        check("Sec-WebSocket-Extensions: permessage-deflate\r\n", &nothing, &[]);
        let chat = Acceptance { subprotocol: Some("chat"), ..nothing };
        check("Sec-WebSocket-Protocol: superchat, chat\r\n", &chat, &["Sec-WebSocket-Protocol: chat"]);
        check("Sec-WebSocket-Protocol: other\r\n", &chat, &[]);
        check("", &chat, &[]);
        let policy = DeflatePolicy { server_no_context_takeover: true, ..DeflatePolicy::default() };
        let deflate = Acceptance { deflate: Some(policy), ..nothing };
        const ANSWER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover";
        check("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", &deflate, &[ANSWER]);
        check("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n", &deflate, &[]);
        check("", &deflate, &[]);
        let mut headers = ExtraHeaders::new();
        headers.push("Set-Cookie", "a=b").and_then(|headers| headers.push("Server", "framescope")).unwrap();
        let extra = Acceptance { headers: Some(&headers), ..nothing };
        check("", &extra, &["Set-Cookie: a=b", "Server: framescope"]);
    }

    #[test]
    fn the_clients_order_decides_between_subprotocols() {
        let asked = Asked { protocols: vec!["b".into(), "a".into()], ..Asked::default() };
        let opening = Opening::new(asked);
        assert_eq!(opening.select_subprotocol(&["a", "b"]), Some("b"));
        assert_eq!(opening.select_subprotocol(&["a"]), Some("a"));
        assert_eq!(opening.select_subprotocol(&["A", "c"]), None);
    }

    #[test]
    fn a_refusal_is_a_whole_response() {
        let mut out = Vec::new();
        refuse(503, "Busy.", &[("Retry-After", "1"), ("X", "a\r\nb")], &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
             Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 6\r\n\r\nBusy.\n"
        );
    }

    #[test]
    fn extra_headers_cannot_break_out_of_their_line_or_repeat_the_handshakes_own() {
        for (name, value) in [
            ("X", "a\r\nb"),
            ("X", "a\nb"),
            ("X", "\0"),
            ("X", " a"),
            ("X Y", "a"),
            ("", "a"),
            ("X:", "a"),
            ("HOST", "h"),
            ("upgrade", "h2c"),
            ("sec-websocket-key", "k"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert!(ExtraHeaders::new().push(name, value).is_err(), "{name}: {value}");
        }
    }
}
