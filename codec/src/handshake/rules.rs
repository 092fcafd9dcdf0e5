//! Every rule that an opening handshake can break, each written once.
//!
//! [`Request::check`](super::Request::check) and [`ClientHandshake`](super::ClientHandshake) stop at the first broken
//! one; [`judge_request`](super::judge_request) and [`judge_response`](super::judge_response) list them all. They run
//! the same checks, so what the server refuses is what the inspector marks.

use std::fmt;
use std::ops::Range;

/// A rule for the head of a request or of a response, or for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HandshakeRule {
    /// More bytes than the receiver takes.
    HeadTooLarge,
    /// More header lines than the receiver takes.
    TooManyHeaders,
    /// A request line longer than the receiver takes.
    RequestLineTooLong,
    /// A first line that is no request line.
    MalformedRequestLine,
    /// A first line that is no status line.
    MalformedStatusLine,
    /// A major version of HTTP other than 1.
    UnsupportedHttpVersion,
    /// A line that ends with LF alone.
    BareLineFeed,
    /// A header line that goes on in the next one.
    FoldedHeader,
    /// A header line without a colon.
    HeaderWithoutColon,
    /// White space between a header's name and its colon.
    SpaceBeforeColon,
    /// A header name that is no token.
    InvalidHeaderName,
    /// A control byte in a header's value.
    InvalidHeaderValue,
    /// A request target in no form that GET may have.
    InvalidTarget,
    /// No Host.
    MissingHost,
    /// More than one Host.
    RepeatedHost,
    /// A Host that names no host.
    InvalidHost,
    /// A Content-Length that is no number, or more than one.
    InvalidContentLength,
    /// Both Content-Length and Transfer-Encoding.
    AmbiguousBody,
    /// A method other than GET.
    MethodNotGet,
    /// HTTP/1.0, which has no Upgrade.
    HttpVersionTooOld,
    /// A handshake with a body.
    BodyInHandshake,
    /// No `Upgrade: websocket`.
    UpgradeNotWebSocket,
    /// No `Connection: Upgrade`.
    ConnectionNotUpgrade,
    /// No Sec-WebSocket-Version.
    MissingVersion,
    /// More than one Sec-WebSocket-Version.
    RepeatedVersion,
    /// A Sec-WebSocket-Version other than 13.
    UnsupportedVersion,
    /// No Sec-WebSocket-Key.
    MissingKey,
    /// More than one Sec-WebSocket-Key.
    RepeatedKey,
    /// A Sec-WebSocket-Key that does not hold 16 bytes.
    InvalidKey,
    /// More than one Origin.
    RepeatedOrigin,
    /// A Sec-WebSocket-Protocol that is no list of tokens.
    MalformedProtocols,
    /// The same subprotocol twice in one offer.
    RepeatedProtocol,
    /// A Sec-WebSocket-Extensions outside its grammar.
    MalformedExtensions,
    /// An offer of permessage-deflate that a server must decline.
    IllegalDeflateOffer,
    /// No Sec-WebSocket-Accept.
    MissingAccept,
    /// More than one Sec-WebSocket-Accept.
    RepeatedAccept,
    /// A Sec-WebSocket-Accept that does not follow from the key.
    AcceptMismatch,
    /// A subprotocol that was not offered, or more than one.
    ProtocolNotOffered,
    /// An extension that was not offered.
    ExtensionNotOffered,
    /// An extension agreed to twice.
    RepeatedExtension,
    /// An answer about permessage-deflate that does not fit the offer.
    IllegalDeflateAnswer,
    /// A 101 that announces a body.
    BodyInSwitch,
}

/// A broken rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Which rule.
    pub rule: HandshakeRule,
    /// The bytes of the head that break it; where something is missing, the empty line at the end, before which it
    /// should have stood.
    pub range: Range<usize>,
}

/// What there is to say about a rule.
struct Rule {
    name: &'static str,
    section: &'static str,
    status: u16,
    says: &'static str,
}

impl HandshakeRule {
    /// Every rule, roughly in the order in which a head is checked against them.
    pub const ALL: [Self; 42] = [
        Self::HeadTooLarge,
        Self::TooManyHeaders,
        Self::RequestLineTooLong,
        Self::MalformedRequestLine,
        Self::MalformedStatusLine,
        Self::UnsupportedHttpVersion,
        Self::BareLineFeed,
        Self::FoldedHeader,
        Self::HeaderWithoutColon,
        Self::SpaceBeforeColon,
        Self::InvalidHeaderName,
        Self::InvalidHeaderValue,
        Self::InvalidTarget,
        Self::MissingHost,
        Self::RepeatedHost,
        Self::InvalidHost,
        Self::InvalidContentLength,
        Self::AmbiguousBody,
        Self::MethodNotGet,
        Self::HttpVersionTooOld,
        Self::BodyInHandshake,
        Self::UpgradeNotWebSocket,
        Self::ConnectionNotUpgrade,
        Self::MissingVersion,
        Self::RepeatedVersion,
        Self::UnsupportedVersion,
        Self::MissingKey,
        Self::RepeatedKey,
        Self::InvalidKey,
        Self::RepeatedOrigin,
        Self::MalformedProtocols,
        Self::RepeatedProtocol,
        Self::MalformedExtensions,
        Self::IllegalDeflateOffer,
        Self::MissingAccept,
        Self::RepeatedAccept,
        Self::AcceptMismatch,
        Self::ProtocolNotOffered,
        Self::ExtensionNotOffered,
        Self::RepeatedExtension,
        Self::IllegalDeflateAnswer,
        Self::BodyInSwitch,
    ];

    /// The rule's name in kebab case, for objects, files and style sheets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.rule().name
    }

    /// Where it is written, as `RFC 6455, 4.2.1`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        self.rule().section
    }

    /// The HTTP status with which a server refuses a request that breaks it. For the rules that only a response can
    /// break it is 502, which a gateway would pass on.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.rule().status
    }

    /// The rule in one sentence.
    #[must_use]
    pub const fn says(self) -> &'static str {
        self.rule().says
    }

    /// Whether the handshake fails for it. A server only declines an illegal offer of compression, and goes on to the
    /// next; a client need not care what a 101 says of a body it cannot have.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(self, Self::IllegalDeflateOffer | Self::BodyInSwitch)
    }

    #[rustfmt::skip] // one rule, one or two lines
    const fn rule(self) -> Rule {
        const fn rule(name: &'static str, section: &'static str, status: u16, says: &'static str) -> Rule {
            Rule { name, section, status, says }
        }
        match self {
            Self::HeadTooLarge => rule("head-too-large", "RFC 6585, 5", 431,
                "The head is larger than this endpoint takes."),
            Self::TooManyHeaders => rule("too-many-headers", "RFC 6585, 5", 431,
                "The head has more header lines than this endpoint takes."),
            Self::RequestLineTooLong => rule("request-line-too-long", "RFC 9112, 3", 414,
                "The request line is longer than this endpoint takes."),
            Self::MalformedRequestLine => rule("malformed-request-line", "RFC 9112, 3", 400,
                "A request begins with a method, a target and an HTTP version, with one space between each."),
            Self::MalformedStatusLine => rule("malformed-status-line", "RFC 9112, 4", 502,
                "A response begins with an HTTP version, a status of three digits and a reason."),
            Self::UnsupportedHttpVersion => rule("unsupported-http-version", "RFC 9110, 15.6.6", 505,
                "The opening handshake is written in HTTP/1.1."),
            Self::BareLineFeed => rule("bare-line-feed", "RFC 9112, 2.2", 400,
                "Each line of a head ends with CR LF."),
            Self::FoldedHeader => rule("folded-header", "RFC 9112, 5.2", 400,
                "A header must not go on in the next line."),
            Self::HeaderWithoutColon => rule("header-without-colon", "RFC 9112, 5", 400,
                "A header line is a name, a colon and a value."),
            Self::SpaceBeforeColon => rule("space-before-colon", "RFC 9112, 5.1", 400,
                "No white space may stand between a header's name and its colon."),
            Self::InvalidHeaderName => rule("invalid-header-name", "RFC 9110, 5.1", 400,
                "A header's name is a token: letters, digits and !#$%&'*+-.^_`|~."),
            Self::InvalidHeaderValue => rule("invalid-header-value", "RFC 9110, 5.5", 400,
                "A header's value holds no control bytes but the tab."),
            Self::InvalidTarget => rule("invalid-target", "RFC 9112, 3.2", 400,
                "The target is a path with an optional query, or a whole URL, without a fragment."),
            Self::MissingHost => rule("missing-host", "RFC 9112, 3.2", 400,
                "An HTTP/1.1 request names its Host."),
            Self::RepeatedHost => rule("repeated-host", "RFC 9112, 3.2", 400,
                "A request has one Host, not several."),
            Self::InvalidHost => rule("invalid-host", "RFC 9112, 3.2", 400,
                "Host is a name or an address, and after a colon a port."),
            Self::InvalidContentLength => rule("invalid-content-length", "RFC 9112, 6.3", 400,
                "Content-Length is one decimal number."),
            Self::AmbiguousBody => rule("ambiguous-body", "RFC 9112, 6.1", 400,
                "Content-Length and Transfer-Encoding exclude each other."),
            Self::MethodNotGet => rule("method-not-get", "RFC 6455, 4.2.1", 405,
                "The opening handshake is a GET request."),
            Self::HttpVersionTooOld => rule("http-version-too-old", "RFC 6455, 4.1", 426,
                "The opening handshake needs HTTP/1.1: HTTP/1.0 has no Upgrade."),
            Self::BodyInHandshake => rule("body-in-handshake", "RFC 6455, 4.1", 400,
                "The opening handshake has no body: what follows its head are frames."),
            Self::UpgradeNotWebSocket => rule("upgrade-not-websocket", "RFC 6455, 4.1", 426,
                "The Upgrade header names websocket."),
            Self::ConnectionNotUpgrade => rule("connection-not-upgrade", "RFC 6455, 4.1", 426,
                "The Connection header names Upgrade."),
            Self::MissingVersion => rule("missing-version", "RFC 6455, 4.2.1", 426,
                "The request names its Sec-WebSocket-Version, which is 13."),
            Self::RepeatedVersion => rule("repeated-version", "RFC 6455, 11.3.5", 400,
                "A request has one Sec-WebSocket-Version, not several."),
            Self::UnsupportedVersion => rule("unsupported-version", "RFC 6455, 4.4", 426,
                "Sec-WebSocket-Version is 13."),
            Self::MissingKey => rule("missing-key", "RFC 6455, 4.2.1", 400,
                "The request has a Sec-WebSocket-Key."),
            Self::RepeatedKey => rule("repeated-key", "RFC 6455, 11.3.1", 400,
                "A request has one Sec-WebSocket-Key, not several."),
            Self::InvalidKey => rule("invalid-key", "RFC 6455, 4.2.1", 400,
                "Sec-WebSocket-Key is the base64 form of 16 bytes."),
            Self::RepeatedOrigin => rule("repeated-origin", "RFC 6454, 7.3", 400,
                "A request has one Origin, not several."),
            Self::MalformedProtocols => rule("malformed-protocols", "RFC 6455, 11.3.4", 400,
                "Sec-WebSocket-Protocol is a list of tokens; in a response, one."),
            Self::RepeatedProtocol => rule("repeated-protocol", "RFC 6455, 4.1", 400,
                "A subprotocol is offered once."),
            Self::MalformedExtensions => rule("malformed-extensions", "RFC 6455, 9.1", 400,
                "Sec-WebSocket-Extensions is a list of tokens, each with its parameters."),
            Self::IllegalDeflateOffer => rule("illegal-deflate-offer", "RFC 7692, 7.1", 400,
                "An offer of permessage-deflate has known parameters, once each, with values in their range; any other is declined."),
            Self::MissingAccept => rule("missing-accept", "RFC 6455, 4.1", 502,
                "The response has a Sec-WebSocket-Accept."),
            Self::RepeatedAccept => rule("repeated-accept", "RFC 6455, 11.3.3", 502,
                "A response has one Sec-WebSocket-Accept, not several."),
            Self::AcceptMismatch => rule("accept-mismatch", "RFC 6455, 4.2.2", 502,
                "Sec-WebSocket-Accept is the SHA-1 digest of the request's key and the protocol's GUID, in base64."),
            Self::ProtocolNotOffered => rule("protocol-not-offered", "RFC 6455, 4.1", 502,
                "The response names at most one subprotocol, out of those offered."),
            Self::ExtensionNotOffered => rule("extension-not-offered", "RFC 6455, 4.1", 502,
                "The response names only extensions that the request offered."),
            Self::RepeatedExtension => rule("repeated-extension", "RFC 7692, 5.1", 502,
                "An extension is agreed to once."),
            Self::IllegalDeflateAnswer => rule("illegal-deflate-answer", "RFC 7692, 7.1", 502,
                "The answer about permessage-deflate has known parameters, once each, in their range, and fits the offer."),
            Self::BodyInSwitch => rule("body-in-switch", "RFC 9110, 8.6", 502,
                "A 101 response has neither Content-Length nor Transfer-Encoding."),
        }
    }
}

impl fmt::Display for HandshakeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.says(), self.section())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_place() {
        let rules: BTreeSet<_> = HandshakeRule::ALL.into_iter().collect();
        let names: BTreeSet<_> = HandshakeRule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!((rules.len(), names.len()), (HandshakeRule::ALL.len(), HandshakeRule::ALL.len()));
        for rule in HandshakeRule::ALL {
            assert!(rule.section().starts_with("RFC "), "{rule:?}");
            assert!(rule.says().ends_with('.'), "{rule:?}");
            assert!(matches!(rule.status(), 400 | 405 | 414 | 426 | 431 | 502 | 505), "{rule:?}");
        }
    }
}
