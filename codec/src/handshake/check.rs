//! The checks that find broken [`HandshakeRule`]s in a [`Head`].
//!
//! They go through everything and collect. A strict endpoint then stops at the first finding that is fatal.

use std::collections::HashSet;
use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::grammar::{self, Extension};
use super::head::{Head, HeaderLine, without_line_end};
use super::rules::{Finding, HandshakeRule};
use crate::deflate::params::Offer;
use crate::rules::Role;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, rule: HandshakeRule, range: Range<usize>) {
        self.0.push(Finding { rule, range });
    }

    pub(super) fn add_if(&mut self, broken: bool, rule: HandshakeRule, range: &Range<usize>) {
        if broken {
            self.add(rule, range.clone());
        }
    }

    /// The rule for which an endpoint gives up.
    pub(super) fn first_fatal(&self) -> Option<HandshakeRule> {
        self.0.iter().map(|finding| finding.rule).find(|rule| rule.is_fatal())
    }

    /// The only header of that name. If there is none, or more than one, that is a finding.
    pub(super) fn exactly_one<'a>(
        &mut self,
        head: &'a Head,
        name: &'a str,
        missing: HandshakeRule,
        repeated: HandshakeRule,
    ) -> Option<&'a HeaderLine> {
        let mut lines = head.named(name);
        let Some(first) = lines.next() else {
            self.add(missing, head.end());
            return None;
        };
        match lines.next() {
            None => Some(first),
            Some(second) => {
                self.add(repeated, second.line.clone());
                None
            }
        }
    }
}

/// The rules of HTTP's own syntax, which hold for every head.
pub(super) fn check_syntax(head: &Head, sender: Role, findings: &mut Findings) {
    check_start_line(head, sender, findings);
    for line in head.lines() {
        let bytes = head.at(&line.line);
        let name = head.at(&line.name);
        let is_folded = matches!(bytes.first(), Some(b' ' | b'\t'));
        let has_colon = bytes.contains(&b':');
        let trimmed = name.trim_ascii_end();
        findings.add_if(!is_terminated(bytes), HandshakeRule::BareLineFeed, &line.line);
        if is_folded {
            findings.add(HandshakeRule::FoldedHeader, line.line.clone());
        } else if !has_colon {
            findings.add(HandshakeRule::HeaderWithoutColon, line.line.clone());
        } else if !grammar::is_token(trimmed) {
            findings.add(HandshakeRule::InvalidHeaderName, line.name.clone());
        } else if trimmed.len() < name.len() {
            findings.add(HandshakeRule::SpaceBeforeColon, line.name.start + trimmed.len()..line.name.end);
        }
        let value = head.at(&line.value);
        if let Some(at) = value.iter().position(|byte| !grammar::is_value_byte(*byte)) {
            findings.add(HandshakeRule::InvalidHeaderValue, line.value.start + at..line.value.start + at + 1);
        }
    }
    findings.add_if(head.at(&head.end()) == b"\n", HandshakeRule::BareLineFeed, &head.end());
}

fn is_terminated(line: &[u8]) -> bool {
    line.ends_with(b"\r\n") || !line.ends_with(b"\n")
}

fn check_start_line(head: &Head, sender: Role, findings: &mut Findings) {
    let range = head.start_line();
    findings.add_if(!is_terminated(head.at(&range)), HandshakeRule::BareLineFeed, &range);
    let line = without_line_end(head.at(&range));
    let parts = head.start_parts(sender);
    let [first, second, third] = parts.each_ref().map(|part| head.at(part));
    let (version, is_sound, rule) = match sender {
        Role::Client => {
            let is_sound = line.iter().all(|byte| (b' '..0x7F).contains(byte))
                && grammar::is_token(first)
                && !second.is_empty()
                && !second.contains(&b' ')
                && first.len() + second.len() + third.len() + 2 == line.len();
            (third, is_sound, HandshakeRule::MalformedRequestLine)
        }
        Role::Server => {
            let is_status = second.len() == 3 && second.iter().all(u8::is_ascii_digit);
            let is_sound = is_status && third.iter().copied().all(grammar::is_value_byte);
            (first, is_sound, HandshakeRule::MalformedStatusLine)
        }
    };
    match http_version(version) {
        None => findings.add(rule, range),
        Some((1, _)) => findings.add_if(!is_sound, rule, &range),
        Some(_) => {
            let [first, _, third] = parts;
            findings.add(HandshakeRule::UnsupportedHttpVersion, if sender == Role::Client { third } else { first });
        }
    }
}

/// `HTTP/1.1` as `(1, 1)`.
pub(super) fn http_version(bytes: &[u8]) -> Option<(u8, u8)> {
    match bytes.strip_prefix(b"HTTP/")? {
        [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => Some((major - b'0', minor - b'0')),
        _ => None,
    }
}

/// The rules that any request has to keep, handshake or not, and that HTTP libraries are known to let through.
pub(super) fn check_request(head: &Head, findings: &mut Findings) {
    check_syntax(head, Role::Client, findings);
    let [method, target, version] = head.start_parts(Role::Client);
    findings.add_if(!is_target(head.at(&method), head.at(&target)), HandshakeRule::InvalidTarget, &target);

    let is_too_old_for_host = http_version(head.at(&version)).is_some_and(|version| version < (1, 1));
    if !is_too_old_for_host || head.header("host").is_some() {
        let host = findings.exactly_one(head, "host", HandshakeRule::MissingHost, HandshakeRule::RepeatedHost);
        if let Some(host) = host {
            findings.add_if(!is_authority(head.at(&host.value)), HandshakeRule::InvalidHost, &host.value);
        }
    }

    let mut lengths = head.named("content-length");
    if let Some(length) = lengths.next() {
        let digits = head.at(&length.value);
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        findings.add_if(!is_number, HandshakeRule::InvalidContentLength, &length.value);
        if let Some(second) = lengths.next() {
            findings.add(HandshakeRule::InvalidContentLength, second.line.clone());
        }
        if let Some(encoding) = head.named("transfer-encoding").next() {
            findings.add(HandshakeRule::AmbiguousBody, encoding.line.clone());
        }
    }
}

/// What a request asks for, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) key: Option<String>,
    pub(super) protocols: Vec<String>,
    /// The names of all extensions offered.
    pub(super) extensions: Vec<String>,
    /// The legal offers of permessage-deflate.
    pub(super) offers: Vec<Offer>,
}

/// The rules of the opening handshake for the client's side (RFC 6455, 4.1 and 4.2.1).
pub(super) fn check_opening(head: &Head, findings: &mut Findings) -> Asked {
    let mut asked = Asked::default();
    let [method, _, version] = head.start_parts(Role::Client);
    findings.add_if(head.at(&method) != b"GET", HandshakeRule::MethodNotGet, &method);
    let is_too_old = http_version(head.at(&version)).is_some_and(|version| version < (1, 1));
    findings.add_if(is_too_old, HandshakeRule::HttpVersionTooOld, &version);
    for name in ["content-length", "transfer-encoding"] {
        if let Some(line) = head.named(name).next() {
            findings.add(HandshakeRule::BodyInHandshake, line.line.clone());
        }
    }
    let names_websocket = head.headers("upgrade").any(|value| grammar::list_contains(value, "websocket"));
    check_token(head, "upgrade", names_websocket, HandshakeRule::UpgradeNotWebSocket, findings);
    let names_upgrade = head.headers("connection").any(|value| grammar::list_contains(value, "upgrade"));
    check_token(head, "connection", names_upgrade, HandshakeRule::ConnectionNotUpgrade, findings);

    let version = findings.exactly_one(
        head,
        "sec-websocket-version",
        HandshakeRule::MissingVersion,
        HandshakeRule::RepeatedVersion,
    );
    if let Some(line) = version {
        findings.add_if(head.at(&line.value) != b"13", HandshakeRule::UnsupportedVersion, &line.value);
    }
    let key = findings.exactly_one(head, "sec-websocket-key", HandshakeRule::MissingKey, HandshakeRule::RepeatedKey);
    if let Some(line) = key {
        let key = head.at(&line.value);
        findings.add_if(!is_key(key), HandshakeRule::InvalidKey, &line.value);
        asked.key = Some(String::from_utf8_lossy(key).into_owned());
    }
    if let Some(second) = head.named("origin").nth(1) {
        findings.add(HandshakeRule::RepeatedOrigin, second.line.clone());
    }
    check_protocols(head, &mut asked, findings);
    for (extension, range) in read_extensions(head, findings) {
        if extension.name == Offer::EXTENSION {
            match Offer::read(&extension) {
                Some(offer) => asked.offers.push(offer),
                None => findings.add(HandshakeRule::IllegalDeflateOffer, range),
            }
        }
        asked.extensions.push(extension.name);
    }
    asked
}

/// A finding at the header's first line, or at the end of the head if there is no such header.
pub(super) fn check_token(head: &Head, name: &str, is_there: bool, rule: HandshakeRule, findings: &mut Findings) {
    if !is_there {
        findings.add(rule, head.named(name).next().map_or_else(|| head.end(), |line| line.value.clone()));
    }
}

fn check_protocols(head: &Head, asked: &mut Asked, findings: &mut Findings) {
    let mut seen = HashSet::new(); // a list as long as a head may be would take its time to search
    for line in head.named("sec-websocket-protocol") {
        let Some(protocols) = grammar::tokens(head.at(&line.value)) else {
            findings.add(HandshakeRule::MalformedProtocols, line.value.clone());
            continue;
        };
        for protocol in protocols {
            if seen.insert(protocol) {
                asked.protocols.push(protocol.to_owned());
            } else {
                findings.add(HandshakeRule::RepeatedProtocol, line.value.clone());
            }
        }
    }
}

/// Every extension in the head, with its place.
pub(super) fn read_extensions(head: &Head, findings: &mut Findings) -> Vec<(Extension, Range<usize>)> {
    let mut all = Vec::new();
    for line in head.named("sec-websocket-extensions") {
        match grammar::extensions(head.at(&line.value)) {
            None => findings.add(HandshakeRule::MalformedExtensions, line.value.clone()),
            Some(extensions) => all.extend(extensions.into_iter().map(|extension| {
                let range = line.value.start + extension.range.start..line.value.start + extension.range.end;
                (extension, range)
            })),
        }
    }
    all
}

/// The base64 form of 16 bytes, and the one there is: the decoder refuses other padding and stray bits.
fn is_key(key: &[u8]) -> bool {
    let mut nonce = [0; 18];
    key.len() == 24 && BASE64_STANDARD.decode_slice(key, &mut nonce) == Ok(16)
}

/// The target of a request in origin form or absolute form; other methods than GET have two more (RFC 9112, 3.2).
fn is_target(method: &[u8], target: &[u8]) -> bool {
    if !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return false;
    }
    match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => method == b"CONNECT" || split_absolute(target).is_some_and(|(authority, _)| is_authority(authority)),
    }
}

/// `http://authority/path` in two.
pub(super) fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = target.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = target.split_at_checked(colon)?;
    let is_known = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    let rest = rest.strip_prefix(b"://").filter(|_| is_known)?;
    rest.split_at_checked(rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len()))
}

/// A host with an optional port, and no user (RFC 3986, 3.2).
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    split_authority(bytes).is_some()
}

/// `host:port` or `[host]:port` in two; the brackets stay with the host, and the port may be missing or empty.
pub(super) fn split_authority(bytes: &[u8]) -> Option<(&str, Option<u16>)> {
    let authority = std::str::from_utf8(bytes).ok()?;
    let (host, rest) = if authority.starts_with('[') {
        let (host, rest) = authority.split_at_checked(authority.find(']')? + 1)?;
        host.get(1..host.len() - 1)?.parse::<std::net::Ipv6Addr>().ok()?;
        (host, rest)
    } else {
        let (host, rest) = authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_name) {
            return None;
        }
        (host, rest)
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        Some("") => Some((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(port.parse().ok()?))),
        _ => None,
    }
}
