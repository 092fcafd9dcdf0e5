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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::params::WindowBits;
    use crate::handshake::{ClientHandshake, ClientOptions, HandshakeError, Response, Url};

    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const SOUND: [&str; 3] = ["Upgrade: websocket", "Connection: Upgrade", ACCEPT];

    /// Receives an answer to a request that offers two subprotocols and to compress.
    fn receive(answer: &str) -> Result<Option<(Response, usize)>, HandshakeError> {
        let url = Url::parse("ws://h/").unwrap();
        let options = ClientOptions {
            subprotocols: &["chat", "superchat"],
            offers: &[Offer::BROWSER],
            ..ClientOptions::default()
        };
        ClientHandshake::new(&url, *b"the sample nonce", &options).unwrap().receive(answer.as_bytes())
    }

    /// A first line and the lines of [`SOUND`], with that of one name replaced, against the rule that is broken.
    fn check(start_line: &str, name: &str, lines: &[&str], broken: Option<HandshakeRule>) {
        let kept = SOUND.iter().filter(|line| line.split(':').next() != Some(name));
        let head: String =
            [&start_line].into_iter().chain(kept).chain(lines).map(|line| format!("{line}\r\n")).collect();
        let head = head + "\r\n";
        let (found, len) = match receive(&head) {
            Ok(Some((_, len))) => (None, len),
            Ok(None) => panic!("a whole head: {head}"),
            Err(error) => (Some(error.rule().unwrap_or_else(|| panic!("{error}"))), head.len()),
        };
        assert_eq!((found, len), (broken, head.len()), "{head}");
    }

    fn switch(name: &str, lines: &[&str], broken: Option<HandshakeRule>) {
        check("HTTP/1.1 101 Switching Protocols", name, lines, broken);
    }

    #[test]
    fn a_response_switches_to_websocket_and_nothing_else() {
        use HandshakeRule as R;
        switch("", &[], None);
        check("HTTP/1.1 101", "", &[], None);
        check("HTTP/1.1 101 ", "", &[], None);
        check("HTTP/1.0 101 Old", "", &[], Some(R::HttpVersionTooOld));
        check("HTTP/2.0 101 New", "", &[], Some(R::UnsupportedHttpVersion));
        check("HTTP/1.1 1O1 x", "", &[], Some(R::MalformedStatusLine));
        check("HTTP/1.1  101 x", "", &[], Some(R::MalformedStatusLine));
        check("SIP/2.0 101 x", "", &[], Some(R::MalformedStatusLine));
        switch("Upgrade", &[], Some(R::UpgradeNotWebSocket));
        switch("Upgrade", &["Upgrade: h2c"], Some(R::UpgradeNotWebSocket));
        switch("Upgrade", &["Upgrade: websocket, h2c"], Some(R::UpgradeNotWebSocket));
        switch("Upgrade", &["Upgrade: websocket", "Upgrade: websocket"], Some(R::UpgradeNotWebSocket));
        switch("Upgrade", &["upgrade:\tWebSocket "], None);
        switch("Connection", &[], Some(R::ConnectionNotUpgrade));
        switch("Connection", &["Connection: close"], Some(R::ConnectionNotUpgrade));
        switch("Connection", &["Connection: keep-alive, UPGRADE"], None);
        switch("", &["Content-Length: 0"], None); // wrong, and harmless
        switch("", &["X : y"], Some(R::SpaceBeforeColon));
        switch("", &["X: y", " z"], Some(R::FoldedHeader));
    }

    #[test]
    fn the_accept_is_the_digest_of_the_key_once() {
        use HandshakeRule as R;
        const A: &str = "Sec-WebSocket-Accept";
        switch(A, &[], Some(R::MissingAccept));
        switch(A, &[ACCEPT, ACCEPT], Some(R::RepeatedAccept));
        switch(A, &["Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO="], Some(R::AcceptMismatch));
        switch(A, &["Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ=="], Some(R::AcceptMismatch));
        switch(A, &["Sec-WebSocket-Accept: "], Some(R::AcceptMismatch));
    }

    #[test]
    fn only_what_was_offered_is_agreed_to() {
        use HandshakeRule as R;
        switch("", &["Sec-WebSocket-Protocol: superchat"], None);
        switch("", &["Sec-WebSocket-Protocol: other"], Some(R::ProtocolNotOffered));
        switch("", &["Sec-WebSocket-Protocol: Chat"], Some(R::ProtocolNotOffered));
        switch("", &["Sec-WebSocket-Protocol: chat, superchat"], Some(R::MalformedProtocols));
        switch("", &["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"], Some(R::ProtocolNotOffered));
        switch("", &["Sec-WebSocket-Protocol: "], Some(R::MalformedProtocols));
        switch("", &["Sec-WebSocket-Extensions: permessage-deflate"], None);
        switch("", &["Sec-WebSocket-Extensions: x-other"], Some(R::ExtensionNotOffered));
        switch("", &["Sec-WebSocket-Extensions: permessage-deflate, x-other"], Some(R::ExtensionNotOffered));
        switch("", &["Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"], Some(R::RepeatedExtension));
        switch("", &["Sec-WebSocket-Extensions: permessage-deflate;"], Some(R::MalformedExtensions));
        switch("", &["Sec-WebSocket-Extensions: permessage-deflate; x"], Some(R::IllegalDeflateAnswer));
        switch(
            "",
            &["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16"],
            Some(R::IllegalDeflateAnswer),
        );
    }

    #[test]
    fn what_was_agreed_comes_out() {
        let answer = format!(
            "HTTP/1.1 101 x\r\n{}\r\nSec-WebSocket-Protocol: chat\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\nframes",
            SOUND.join("\r\n")
        );
        let (response, len) = receive(&answer).unwrap().unwrap();
        assert_eq!(&answer[len..], "frames");
        assert_eq!(response.subprotocol(), Some("chat"));
        let params = DeflateParams { client_max_window_bits: WindowBits::new(9).unwrap(), ..DeflateParams::DEFAULT };
        assert_eq!(response.deflate(), Some(params));
    }

    #[test]
    fn an_interim_response_is_passed_over_and_a_no_is_handed_on() {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        let answer = format!("{early}HTTP/1.1 101 x\r\n{}\r\n\r\n", SOUND.join("\r\n"));
        assert_eq!(receive(&answer).unwrap().map(|(_, len)| len), Some(answer.len()));
        assert_eq!(receive(early).unwrap().map(|(_, len)| len), None);
        let endless = early.repeat(1000);
        assert!(matches!(receive(&endless), Err(HandshakeError::Refused { status: 103, .. })));
        let Err(error) = receive("HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\nbody") else { panic!("a no") };
        assert_eq!((error.status(), error.to_string().as_str()), (502, "The server answered 403 Forbidden."));
        let HandshakeError::Refused { status: 403, head } = error else { panic!("403") };
        assert_eq!(head.header("x"), Some(&b"y"[..]));
    }
}
