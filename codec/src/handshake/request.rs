//! A request as a server sees it: HTTP's syntax first, then whether it opens a WebSocket.

use std::borrow::Cow;
use std::ops::Range;

use super::check::{self, Findings};
use super::head::{Head, HeadLimits, HeadReader};
use super::server::Opening;
use super::{HandshakeError, grammar};
use crate::rules::Role;

/// The head of an HTTP request.
///
/// ```
/// use framescope_codec::handshake::{HeadLimits, Request};
///
/// let received = b"GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x80....";
/// let (request, len) = Request::parse(received, &HeadLimits::default())?.expect("a whole head");
/// assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
/// assert_eq!(received.len() - len, 6); // the first frame came with it, and waits for the connection
/// let opening = request.check()?;
/// assert_eq!(opening.accept_value(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), framescope_codec::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    head: Head,
    method: Range<usize>,
    target: Range<usize>,
    version: Range<usize>,
}

impl Request {
    /// Reads a request from the front of `bytes`, and says how many bytes its head takes up. `None` means that more
    /// bytes are needed; whoever expects many pieces keeps a [`HeadReader`] and calls [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Over a limit, or not HTTP as it should be: broken syntax, no valid Host or several, a body of unclear length.
    /// Any request has to pass, a handshake or not.
    pub fn parse(bytes: &[u8], limits: &HeadLimits) -> Result<Option<(Self, usize)>, HandshakeError> {
        let Some(len) = HeadReader::new(Role::Client, *limits).find_end(bytes)? else { return Ok(None) };
        Ok(Some((Self::read(bytes.get(..len).unwrap_or(bytes))?, len)))
    }

    /// Reads a request from the bytes of its head, as a [`HeadReader`] found them.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), limits aside.
    pub fn read(head: &[u8]) -> Result<Self, HandshakeError> {
        let request = Self::from_head(Head::read(head));
        request.check_http()?;
        Ok(request)
    }

    /// A request that an HTTP library has read. [`check`](Self::check) will judge it like any other.
    pub fn from_parts<'a>(
        method: &str,
        target: &str,
        (major, minor): (u8, u8),
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        Self::from_head(Head::from_parts(&format!("{method} {target} HTTP/{major}.{minor}"), headers))
    }

    fn from_head(head: Head) -> Self {
        let [method, target, version] = head.start_parts(Role::Client);
        Self { head, method, target, version }
    }

    /// The head, byte for byte.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The method; case matters.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text(&self.method)
    }

    /// The target as it was sent: a path and query, or a whole URL.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text(&self.target)
    }

    /// The version of HTTP; `(1, 1)`, or `(1, 0)` in a request that is no handshake.
    #[must_use]
    pub fn version(&self) -> (u8, u8) {
        check::http_version(self.head.at(&self.version)).unwrap_or((0, 9))
    }

    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.path_and_query();
        match target.split_once('?').map_or(target, |(path, _)| path) {
            "" => "/", // in absolute form it may be missing
            path => path,
        }
    }

    /// What stands behind the question mark, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// The host and port that the request is for: the target's in absolute form, else the Host header's
    /// (RFC 9112, 3.2.2).
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let authority = match check::split_absolute(self.head.at(&self.target)) {
            Some((authority, _)) => authority,
            None => self.header("host")?,
        };
        std::str::from_utf8(authority).ok()
    }

    /// The Origin header: which site's page asks, where the client is a browser. One that is not UTF-8 comes out with
    /// replacement characters, and so equals no real one.
    #[must_use]
    pub fn origin(&self) -> Option<Cow<'_, str>> {
        self.header("origin").map(String::from_utf8_lossy)
    }

    /// The value of the first header called `name`, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.header(name)
    }

    /// The values of all headers called `name`, in any case.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.head.headers(name)
    }

    /// Whether this means to be an opening handshake, good or bad. Everything else, an upgrade to HTTP/2 too, is plain
    /// HTTP's affair.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.headers("upgrade").any(|value| grammar::list_contains(value, "websocket"))
            || ["sec-websocket-key", "sec-websocket-version"].iter().any(|name| self.header(name).is_some())
    }

    /// Judges the request as an opening handshake, by all rules of RFC 6455, 4.2.1 that need no knowledge of the
    /// application. Whether the Origin and the path are welcome, it does not know.
    ///
    /// # Errors
    ///
    /// The first rule that is broken. A plain GET lacks an Upgrade, so it gets 426.
    pub fn check(&self) -> Result<Opening, HandshakeError> {
        let mut findings = Findings::default();
        check::check_request(&self.head, &mut findings);
        let asked = check::check_opening(&self.head, &mut findings);
        match findings.first_fatal() {
            None => Ok(Opening::new(asked)),
            Some(rule) => Err(HandshakeError::Request(rule)),
        }
    }

    /// Judges the request as plain HTTP: what an HTTP library is known to let through.
    ///
    /// # Errors
    ///
    /// The first rule that is broken. A request from [`parse`](Self::parse) has passed already.
    pub fn check_http(&self) -> Result<(), HandshakeError> {
        let mut findings = Findings::default();
        check::check_request(&self.head, &mut findings);
        findings.first_fatal().map_or(Ok(()), |rule| Err(HandshakeError::Request(rule)))
    }

    fn path_and_query(&self) -> &str {
        let target = self.head.at(&self.target);
        let rest = check::split_absolute(target).map_or(target, |(_, rest)| rest);
        std::str::from_utf8(rest).unwrap_or_default()
    }

    fn text(&self, range: &Range<usize>) -> &str {
        std::str::from_utf8(self.head.at(range)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
