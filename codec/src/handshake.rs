//! The opening handshake (RFC 6455, 4): an HTTP request and its answer, after which the bytes are frames.
//!
//! ```text
//! GET /chat HTTP/1.1                                   HTTP/1.1 101 Switching Protocols
//! Host: server.example.com                             Upgrade: websocket
//! Upgrade: websocket                                   Connection: Upgrade
//! Connection: Upgrade                                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//! Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==          Sec-WebSocket-Protocol: chat
//! Sec-WebSocket-Version: 13
//! Sec-WebSocket-Protocol: chat, superchat
//! ```
//!
//! The key proves nothing about the client. It makes sure that the server answers *this* request and knows WebSocket:
//! no cache and no server for anything else comes up with the digest of [`compute_accept`].
//!
//! - A **server** hands what it received to [`Request::parse`], asks [`Request::check`] whether it is an opening
//!   handshake, and answers through the [`Opening`] it gets, or with [`refuse`].
//! - A **client** makes a [`ClientHandshake`], sends its request, and hands it what comes back.
//! - An **inspector** asks [`judge_request`] and [`judge_response`], which never give up.
//!
//! All three read with [`Head`] and judge by the rules of [`HandshakeRule`], so they cannot disagree. Nothing here
//! waits, sends, or knows the time: a deadline for slow clients is the caller's.

mod check;
mod client;
pub(crate) mod grammar;
mod head;
mod judge;
mod request;
mod response;
mod rules;
mod server;
mod url;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

pub use client::{ClientHandshake, ClientOptions, Response};
pub use head::{Head, HeadLimits, HeadReader, HeaderLine};
pub use judge::{JudgedRequest, JudgedResponse, judge_request, judge_response};
pub use request::Request;
pub use rules::{Finding, HandshakeRule};
pub use server::{Acceptance, ExtraHeaders, InvalidHeader, Opening, reason_phrase, refuse};
pub use url::{InvalidUrl, Url};

/// The value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455, 4.2.2): the SHA-1 digest of the
/// key, as it stands in the header, and a fixed GUID.
///
/// ```
/// use framescope_codec::handshake::compute_accept;
///
/// assert_eq!(compute_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn compute_accept(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    BASE64_STANDARD.encode(digest)
}

/// The one version of the protocol.
pub const VERSION: &str = "13";

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why an opening handshake came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The request breaks a rule; [`status`](Self::status) is what to refuse it with.
    Request(HandshakeRule),
    /// The response breaks a rule.
    Response(HandshakeRule),
    /// The server answered with another status than 101, for reasons of its own.
    Refused {
        /// The status.
        status: u16,
        /// The whole head of its answer; the body, if any, follows it.
        head: Box<Head>,
    },
}

impl HandshakeError {
    /// The HTTP status that tells the client of it: its own for a bad request, and 502 from a gateway whose upstream
    /// answered badly.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Request(rule) => rule.status(),
            Self::Response(_) | Self::Refused { .. } => 502,
        }
    }

    /// The broken rule, if it was one.
    #[must_use]
    pub const fn rule(&self) -> Option<HandshakeRule> {
        match self {
            Self::Request(rule) | Self::Response(rule) => Some(*rule),
            Self::Refused { .. } => None,
        }
    }

    /// The headers that have to go with the status: which method is allowed, which protocol and version to upgrade to
    /// (RFC 9110, 15.5.6 and 15.5.22; RFC 6455, 4.4).
    #[must_use]
    pub const fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.status() {
            405 => &[("Allow", "GET")],
            426 => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION)],
            _ => &[],
        }
    }

    /// Appends the whole response that refuses the request.
    ///
    /// ```
    /// use framescope_codec::handshake::{HandshakeError, HandshakeRule};
    ///
    /// let mut out = Vec::new();
    /// HandshakeError::Request(HandshakeRule::UnsupportedVersion).refuse(&mut out);
    /// assert!(out.starts_with(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    /// ```
    pub fn refuse(&self, out: &mut Vec<u8>) {
        refuse(self.status(), &self.to_string(), self.headers(), out);
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(rule) | Self::Response(rule) => rule.fmt(f),
            Self::Refused { status, .. } => write!(f, "The server answered {status} {}.", reason_phrase(*status)),
        }
    }
}

impl std::error::Error for HandshakeError {}
