//! Opening handshakes as an inspector sees them: everything that is on the wire, and everything that is wrong with it.
//!
//! Judging never fails and never stops. A head that is cut off, two requests' worth of headers, bytes that are not HTTP
//! at all: each comes out as what it is, with findings that point at the bytes.

use std::ops::Range;

use super::check::{self, Asked, Findings};
use super::head::{Head, HeadLimits, HeadReader};
use super::response::{self, Answered};
use super::{Finding, compute_accept};
use crate::deflate::params::{DeflateParams, Offer};
use crate::rules::Role;

/// Judges the bytes of a request, up to its empty line or as far as they go.
///
/// ```
/// use framescope_codec::handshake::{judge_request, judge_response};
///
/// let request = judge_request(b"GET / HTTP/1.1\r\nHost : h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
/// let found: Vec<_> = request.findings().iter().map(|found| (found.rule.name(), found.range.clone())).collect();
/// assert_eq!(found, [("space-before-colon", 20..21)]);
///
/// let response = judge_response(b"HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", Some(&request));
/// assert_eq!((response.status(), response.accept_matches()), (Some(101), Some(true)));
/// assert!(response.findings().is_empty());
/// ```
#[must_use]
pub fn judge_request(bytes: &[u8]) -> JudgedRequest {
    let head = Head::read(bytes);
    let mut findings = Findings::default();
    check::check_request(&head, &mut findings);
    let asked = check::check_opening(&head, &mut findings);
    JudgedRequest { findings: about_what_is_there(findings, &head, Role::Client), head, asked }
}

/// Judges the bytes of a response, up to its empty line or as far as they go, as an answer to `request`. Without that,
/// as when a capture began too late, whatever fits some request is right.
#[must_use]
pub fn judge_response(bytes: &[u8], request: Option<&JudgedRequest>) -> JudgedResponse {
    let head = Head::read(bytes);
    let mut findings = Findings::default();
    let answered = response::check_answer(&head, request.map(|request| &request.asked), &mut findings);
    JudgedResponse { findings: about_what_is_there(findings, &head, Role::Server), head, answered }
}

/// Of a head that is cut off, nobody knows what is missing, nor how its last line would have gone on.
fn about_what_is_there(findings: Findings, head: &Head, sender: Role) -> Vec<Finding> {
    let Findings(mut findings) = findings;
    if head.is_whole() {
        return findings;
    }
    let is_open = |line: &Range<usize>| !head.at(line).ends_with(b"\n");
    if is_open(&head.start_line()) {
        // Noise is noise from its first byte on; half of a sound first line is not.
        let no_limits = HeadLimits { bytes: usize::MAX, headers: usize::MAX };
        if HeadReader::new(sender, no_limits).find_end(head.bytes()).is_ok() {
            findings.clear();
        }
    } else {
        let whole = head.lines().last().map(|last| &last.line).filter(|line| is_open(line));
        let whole = whole.map_or_else(|| head.end().start, |line| line.start);
        findings.retain(|finding| finding.range.start < whole);
    }
    findings
}

/// A request, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRequest {
    head: Head,
    findings: Vec<Finding>,
    asked: Asked,
}

impl JudgedRequest {
    /// The head: all its lines, with their places in the captured bytes.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Where method, target and version stand.
    #[must_use]
    pub fn start_line(&self) -> [Range<usize>; 3] {
        self.head.start_parts(Role::Client)
    }

    /// Everything that is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The key, if there is just one, sound or not.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.asked.key.as_deref()
    }

    /// The `Sec-WebSocket-Accept` that the key calls for.
    #[must_use]
    pub fn accept(&self) -> Option<String> {
        self.key().map(compute_accept)
    }

    /// The subprotocols offered.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.asked.protocols
    }

    /// The names of the extensions offered, in order, also of those that nobody here knows.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.asked.extensions
    }

    /// The legal offers of permessage-deflate.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.asked.offers
    }
}

/// A response, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedResponse {
    head: Head,
    findings: Vec<Finding>,
    answered: Answered,
}

impl JudgedResponse {
    /// The head: all its lines, with their places in the captured bytes.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Where version, status and reason stand.
    #[must_use]
    pub fn start_line(&self) -> [Range<usize>; 3] {
        self.head.start_parts(Role::Server)
    }

    /// Everything that is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The status, if it is a number of three digits. With 101, what follows are frames.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.answered.status
    }

    /// The value of `Sec-WebSocket-Accept`, if there is just one.
    #[must_use]
    pub fn accept(&self) -> Option<&str> {
        self.answered.accept.as_deref()
    }

    /// Whether that follows from the request's key; `None` if one of the two is not known.
    #[must_use]
    pub const fn accept_matches(&self) -> Option<bool> {
        self.answered.accept_matches
    }

    /// The subprotocol chosen.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.answered.protocol.as_deref()
    }

    /// What the two agreed on about compression; `None` too where the answer does not fit the offers.
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.answered.deflate
    }
}
