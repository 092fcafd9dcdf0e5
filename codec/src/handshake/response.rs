//! The checks of a response against the request it answers (RFC 6455, 4.1; RFC 7692, 7.1).

use std::ops::Range;

use super::check::{self, Asked, Findings};
use super::grammar::{self, Extension};
use super::head::Head;
use super::{HandshakeRule, compute_accept};
use crate::deflate::params::{ClientWindow, DeflateParams, Offer};
use crate::rules::Role;

/// What a response says, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: Option<u16>,
    pub(super) accept: Option<String>,
    /// `None` where there is nothing to compare.
    pub(super) accept_matches: Option<bool>,
    pub(super) protocol: Option<String>,
    pub(super) deflate: Option<DeflateParams>,
}

/// The rules for a response. Of one that is not a 101, only the syntax is judged: it says no, and may say so.
///
/// Without `asked` (the request was not captured) whatever fits *some* request is right.
pub(super) fn check_answer(head: &Head, asked: Option<&Asked>, findings: &mut Findings) -> Answered {
    check::check_syntax(head, Role::Server, findings);
    let [version, status, _] = head.start_parts(Role::Server);
    let mut answered = Answered { status: read_status(head.at(&status)), ..Answered::default() };
    if answered.status != Some(101) {
        return answered;
    }
    let is_too_old = check::http_version(head.at(&version)).is_some_and(|version| version < (1, 1));
    findings.add_if(is_too_old, HandshakeRule::HttpVersionTooOld, &version);
    for name in ["content-length", "transfer-encoding"] {
        if let Some(line) = head.named(name).next() {
            findings.add(HandshakeRule::BodyInSwitch, line.line.clone());
        }
    }
    // One server switches to one protocol: here the value is the word, where in a request it is a list.
    let mut upgrades = head.headers("upgrade");
    let is_websocket = upgrades.next().is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let is_alone = upgrades.next().is_none();
    check::check_token(head, "upgrade", is_websocket && is_alone, HandshakeRule::UpgradeNotWebSocket, findings);
    let names_upgrade = head.headers("connection").any(|value| grammar::list_contains(value, "upgrade"));
    check::check_token(head, "connection", names_upgrade, HandshakeRule::ConnectionNotUpgrade, findings);

    check_accept(head, asked, &mut answered, findings);
    check_protocol(head, asked, &mut answered, findings);
    check_extensions(head, asked, &mut answered, findings);
    answered
}

fn read_status(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 3)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn check_accept(head: &Head, asked: Option<&Asked>, answered: &mut Answered, findings: &mut Findings) {
    let line =
        findings.exactly_one(head, "sec-websocket-accept", HandshakeRule::MissingAccept, HandshakeRule::RepeatedAccept);
    let Some(line) = line else { return };
    let accept = String::from_utf8_lossy(head.at(&line.value)).into_owned();
    if let Some(key) = asked.and_then(|asked| asked.key.as_deref()) {
        let matches = compute_accept(key) == accept;
        findings.add_if(!matches, HandshakeRule::AcceptMismatch, &line.value);
        answered.accept_matches = Some(matches);
    }
    answered.accept = Some(accept);
}

fn check_protocol(head: &Head, asked: Option<&Asked>, answered: &mut Answered, findings: &mut Findings) {
    for line in head.named("sec-websocket-protocol") {
        let protocol = head.at(&line.value);
        if !grammar::is_token(protocol) {
            findings.add(HandshakeRule::MalformedProtocols, line.value.clone());
            continue;
        }
        let protocol = String::from_utf8_lossy(protocol).into_owned();
        let was_offered = asked.is_none_or(|asked| asked.protocols.contains(&protocol));
        if !was_offered || answered.protocol.is_some() {
            findings.add(HandshakeRule::ProtocolNotOffered, line.value.clone());
        }
        answered.protocol.get_or_insert(protocol);
    }
}

fn check_extensions(head: &Head, asked: Option<&Asked>, answered: &mut Answered, findings: &mut Findings) {
    let extensions: Vec<(Extension, Range<usize>)> = check::read_extensions(head, findings);
    for (index, (extension, range)) in extensions.iter().enumerate() {
        let was_offered = asked.is_none_or(|asked| asked.extensions.contains(&extension.name));
        if extensions.iter().take(index).any(|(earlier, _)| earlier.name == extension.name) {
            findings.add(HandshakeRule::RepeatedExtension, range.clone());
        } else if !was_offered {
            findings.add(HandshakeRule::ExtensionNotOffered, range.clone());
        } else if extension.name == Offer::EXTENSION {
            answered.deflate = match asked {
                Some(asked) => asked.offers.iter().find_map(|offer| offer.agree(extension)),
                None => MOST_OPEN.agree(extension),
            };
            findings.add_if(answered.deflate.is_none(), HandshakeRule::IllegalDeflateAnswer, range);
        }
    }
}

/// The offer that every legal answer fits.
const MOST_OPEN: Offer = Offer {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: ClientWindow::Limitable,
};
