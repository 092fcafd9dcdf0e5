//! Opening handshakes end to end: client against server, strict endpoint against inspector, our parser against another.

use framescope_codec::deflate::params::{ClientWindow, DeflatePolicy, Offer};
use framescope_codec::handshake::{
    Acceptance, ClientHandshake, ClientOptions, ExtraHeaders, HandshakeError, HandshakeRule, Head, HeadLimits,
    HeadReader, Request, Url, compute_accept, judge_request, judge_response,
};
use framescope_codec::{Config, Event, Input, MaskingKey, Message, Role, WindowBits};
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 16 * 1024, headers: 100 };

/// RFC 6455, 1.2 and 1.3: the handshake that the RFC opens with.
const RFC_REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RFC_RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

#[test]
fn the_handshake_of_the_rfc_comes_out_byte_for_byte() {
    let (request, len) = Request::parse(RFC_REQUEST.as_bytes(), &LIMITS).unwrap().unwrap();
    assert_eq!((len, request.path(), request.host()), (RFC_REQUEST.len(), "/chat", Some("server.example.com")));
    assert_eq!(request.origin().as_deref(), Some("http://example.com"));
    let opening = request.check().unwrap();
    let acceptance = Acceptance { subprotocol: Some("chat"), ..Acceptance::default() };
    let mut out = Vec::new();
    opening.accept(&acceptance, Config::default(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), RFC_RESPONSE);

    let request = judge_request(RFC_REQUEST.as_bytes());
    let response = judge_response(RFC_RESPONSE.as_bytes(), Some(&request));
    assert_eq!((request.findings(), response.findings()), (&[][..], &[][..]));
    assert_eq!((response.accept_matches(), response.subprotocol()), (Some(true), Some("chat")));
    assert_eq!(request.accept().as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[test]
fn a_head_cut_anywhere_waits_and_then_is_the_same() {
    let whole = format!("{RFC_REQUEST}\u{1}frames");
    let mut reader = HeadReader::new(Role::Client, LIMITS);
    for len in 0..=whole.len() {
        let received = &whole.as_bytes()[..len];
        let expected = (len >= RFC_REQUEST.len()).then_some(RFC_REQUEST.len());
        let parsed = Request::parse(received, &LIMITS).unwrap().map(|(_, len)| len);
        assert_eq!(parsed, expected);
        if len <= RFC_REQUEST.len() {
            assert_eq!(reader.find_end(received).unwrap(), expected);
        }
    }
}

#[test]
fn a_head_that_is_too_large_is_refused_with_its_own_status() {
    let refused = |bytes: &[u8]| Request::parse(bytes, &LIMITS).map(|_| ()).unwrap_err().status();
    let start = "GET / HTTP/1.1\r\nHost: h\r\n";
    assert_eq!(refused(format!("{start}{}\r\n", "A: b\r\n".repeat(3000)).as_bytes()), 431);
    assert_eq!(refused(format!("{start}{}\r\n", "A: b\r\n".repeat(100)).as_bytes()), 431); // with Host, 101
    assert!(Request::parse(format!("{start}{}\r\n", "A: b\r\n".repeat(99)).as_bytes(), &LIMITS).unwrap().is_some());
    assert_eq!(refused(format!("{start}A: {}", "b".repeat(1 << 20)).as_bytes()), 431);
    assert_eq!(refused(format!("GET /{}", "b".repeat(1 << 16)).as_bytes()), 414);
    assert_eq!(refused(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), 400); // a TLS hello
    assert_eq!(refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

#[test]
fn a_capture_that_begins_late_or_ends_early_is_judged_by_what_is_there() {
    for len in 0..RFC_REQUEST.len() {
        let request = judge_request(&RFC_REQUEST.as_bytes()[..len]);
        assert!(request.findings().is_empty() && !request.head().is_whole(), "{len}: {:?}", request.findings());
    }
    assert_eq!(judge_request(b"\x16\x03\x01").findings()[0].rule, HandshakeRule::MalformedRequestLine);
    let alone = judge_response(RFC_RESPONSE.as_bytes(), None);
    assert_eq!((alone.findings(), alone.accept_matches(), alone.status()), (&[][..], None, Some(101)));
    let deflated = RFC_RESPONSE.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    assert!(judge_response(deflated.as_bytes(), None).deflate().is_some());
    let unasked = judge_response(deflated.as_bytes(), Some(&judge_request(RFC_REQUEST.as_bytes())));
    let [finding] = unasked.findings() else { panic!("one finding") };
    assert_eq!(finding.rule, HandshakeRule::ExtensionNotOffered);
    assert_eq!(&deflated[finding.range.clone()], "permessage-deflate");
    assert_eq!(judge_response(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", None).findings(), []);
}

#[test]
fn every_wrong_thing_in_a_head_is_found_where_it_stands() {
    let head = "POST /a b HTTP/1.1\r\nHost: a/b\r\nUpgrade: h2c\r\nbroken\r\nSec-WebSocket-Key: short\r\n\
        Sec-WebSocket-Version: 8\nX\t:y\0\r\nSec-WebSocket-Extensions: a, permessage-deflate; x ,permessage-deflate\r\n\r\n";
    let judged = judge_request(head.as_bytes());
    let found: Vec<_> = judged.findings().iter().map(|f| (f.rule.name(), &head[f.range.clone()])).collect();
    assert_eq!(
        found,
        [
            ("malformed-request-line", "POST /a b HTTP/1.1\r\n"),
            ("header-without-colon", "broken\r\n"),
            ("bare-line-feed", "Sec-WebSocket-Version: 8\n"),
            ("space-before-colon", "\t"),
            ("invalid-header-value", "\0"),
            ("invalid-target", "/a b"),
            ("invalid-host", "a/b"),
            ("method-not-get", "POST"),
            ("upgrade-not-websocket", "h2c"),
            ("connection-not-upgrade", "\r\n"),
            ("unsupported-version", "8"),
            ("invalid-key", "short"),
            ("illegal-deflate-offer", "permessage-deflate; x"),
        ]
    );
    assert_eq!((judged.key(), judged.offers().len(), judged.extensions().len()), (Some("short"), 1, 3));
}

fn window() -> impl Strategy<Value = Option<WindowBits>> {
    proptest::option::of((8_u8..=15).prop_map(|bits| WindowBits::new(bits).expect("8 to 15")))
}

fn offer() -> impl Strategy<Value = Offer> {
    let client_window = (any::<bool>(), window()).prop_map(|(is_there, window)| match window {
        Some(bits) => ClientWindow::AtMost(bits),
        None if is_there => ClientWindow::Limitable,
        None => ClientWindow::Fixed,
    });
    (any::<bool>(), any::<bool>(), window(), client_window).prop_map(|(server, client, bits, client_window)| Offer {
        server_no_context_takeover: server,
        client_no_context_takeover: client,
        server_max_window_bits: bits,
        client_max_window_bits: client_window,
    })
}

fn policy() -> impl Strategy<Value = DeflatePolicy> {
    (any::<bool>(), any::<bool>(), window(), window()).prop_map(|(server, client, bits, client_bits)| DeflatePolicy {
        server_no_context_takeover: server,
        client_no_context_takeover: client,
        server_max_window_bits: bits,
        client_max_window_bits: client_bits,
    })
}

/// Lines that a head may well have, and lines that none should.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Upgrade: websocket".to_owned()),
        Just("Connection: keep-alive, Upgrade".to_owned()),
        Just("Sec-WebSocket-Version: 13".to_owned()),
        Just("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
        Just("Content-Length: 5".to_owned()),
        Just("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits".to_owned()),
        "[A-Za-z-]{1,12}:[ \t]{0,2}[ -~]{0,20}",
        "[ -~]{0,20}",
        "X:\\PC{0,8}",
    ]
}

/// A request with most of it right, and perhaps a byte of it changed.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        8 => Just("GET /chat?x HTTP/1.1".to_owned()),
        1 => Just("POST http://h/ HTTP/1.0".to_owned()),
        1 => "[A-Z]{3} /[ -~]{0,9} HTTP/1.[01]",
    ];
    let lines = proptest::collection::vec(line(), 0..8);
    let change = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (start, lines, change).prop_map(|(start, lines, change)| {
        let mut head = format!("{start}\r\nHost: h\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        if let Some((at, byte)) = change {
            let at = at.index(head.len());
            head[at] = byte;
        }
        head
    })
}

proptest! {
    #[test]
    fn client_and_server_agree_on_everything(
        offers in proptest::collection::vec(offer(), 0..3),
        policy in proptest::option::of(policy()),
        spoken in proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4),
        key in any::<[u8; 16]>(),
        text in ".{0,40}",
    ) {
        let mut headers = ExtraHeaders::new();
        headers.push("Origin", "http://h").expect("a sound header");
        let url = Url::parse("ws://h:8080/echo?x").expect("a sound address");
        let options = ClientOptions {
            subprotocols: &["c", "b"], offers: &offers, headers: Some(&headers), limits: LIMITS,
        };
        let mut client = ClientHandshake::new(&url, key, &options).expect("sound options");
        let mut to_server = Vec::new();
        client.request(&mut to_server);

        let (request, len) = Request::parse(&to_server, &LIMITS).expect("sound").expect("whole");
        prop_assert_eq!((len, request.is_upgrade(), request.target()), (to_server.len(), true, "/echo?x"));
        let opening = request.check().expect("a sound handshake");
        prop_assert_eq!(opening.offers(), &offers[..]);
        let subprotocol = opening.select_subprotocol(&spoken).map(str::to_owned);
        let acceptance = Acceptance { subprotocol: subprotocol.as_deref(), deflate: policy, headers: None };
        let mut to_client = Vec::new();
        let mut server = opening.accept(&acceptance, Config::default(), &mut to_client);
        let head_len = to_client.len();
        server.send(text.as_str(), &mut to_client).expect("open");

        let (response, len) = client.receive(&to_client).expect("a sound answer").expect("whole");
        prop_assert_eq!((len, response.subprotocol()), (head_len, subprotocol.as_deref()));
        prop_assert_eq!(response.deflate(), server.deflate());
        prop_assert_eq!(response.deflate().is_some(), policy.is_some() && !offers.is_empty());

        let judged = judge_request(&to_server);
        let answer = judge_response(&to_client, Some(&judged));
        prop_assert!(judged.findings().is_empty() && answer.findings().is_empty());
        prop_assert_eq!((answer.deflate(), answer.subprotocol()), (server.deflate(), subprotocol.as_deref()));

        let mut client = response.accept(Config::default(), || MaskingKey([1, 2, 3, 4]));
        let (mut input, mut out) = (Input::new(&mut to_client[head_len..]), Vec::new());
        prop_assert_eq!(client.receive(&mut input, &mut out), Some(Event::Message(Message::Text(&text))));
    }

    #[test]
    fn random_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        judge_both(&bytes);
        let _ = Request::parse(&bytes, &LIMITS);
    }

    #[test]
    fn the_strict_endpoint_refuses_just_what_the_inspector_marks(head in nearly_right()) {
        judge_both(&head);
        let judged = judge_request(&head);
        let strict = Request::parse(&head, &LIMITS).and_then(|parsed| match parsed {
            None => Ok(None),
            Some((request, len)) => request.check().map(|opening| Some((opening, len))),
        });
        let fatal: Vec<_> = judged.findings().iter().map(|finding| finding.rule).filter(|rule| rule.is_fatal()).collect();
        match strict {
            Ok(None) => prop_assert!(!judged.head().is_whole()),
            Ok(Some((opening, len))) => {
                prop_assert_eq!(len, judged.head().bytes().len());
                prop_assert_eq!(&fatal, &[]);
                prop_assert_eq!(Some(opening.key()), judged.key());
                prop_assert_eq!(opening.accept_value(), compute_accept(opening.key()));
            }
            Err(HandshakeError::Request(rule)) => prop_assert!(fatal.contains(&rule), "{rule:?} not in {fatal:?}"),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    /// What we let through, another parser reads the same way: there is no head that means one thing here and another
    /// thing behind a proxy.
    #[test]
    fn another_parser_reads_what_we_accept_the_same_way(head in nearly_right()) {
        let Ok(Some((request, len))) = Request::parse(&head, &LIMITS) else { return Ok(()) };
        if request.version() > (1, 1) {
            return Ok(()); // RFC 6455, 4.2.1 says "1.1 or higher"; the other parser stops at 1.1
        }
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut other = httparse::Request::new(&mut headers);
        prop_assert_eq!(other.parse(&head), Ok(httparse::Status::Complete(len)));
        prop_assert_eq!((other.method, other.path), (Some(request.method()), Some(request.target())));
        prop_assert_eq!(other.version.map(|minor| (1, minor)), Some(request.version()));
        let theirs: Vec<_> = other.headers.iter().map(|header| (header.name.as_bytes(), header.value)).collect();
        let ours = request.head();
        let ours: Vec<_> = ours.lines().iter().map(|line| (ours.at(&line.name), ours.at(&line.value))).collect();
        prop_assert_eq!(ours, theirs);
    }
}

/// Judges bytes as either side's, and checks that every place is inside them and every line in one piece.
fn judge_both(bytes: &[u8]) {
    let request = judge_request(bytes);
    let response = judge_response(bytes, Some(&request));
    for (head, findings) in [(request.head(), request.findings()), (response.head(), response.findings())] {
        check_places(head, bytes);
        for finding in findings {
            assert!(finding.range.start <= finding.range.end && finding.range.end <= head.bytes().len());
        }
    }
    for parts in [request.start_line(), response.start_line()] {
        let line = request.head().start_line();
        assert!(parts.iter().all(|part| line.start <= part.start && part.start <= part.end && part.end <= line.end));
    }
}

fn check_places(head: &Head, bytes: &[u8]) {
    assert!(bytes.starts_with(head.bytes()));
    let mut end = head.start_line().end;
    for line in head.lines() {
        assert_eq!(line.line.start, end);
        assert!(line.name.start == end && line.name.end <= line.value.start && line.value.start <= line.value.end);
        end = line.line.end;
        assert!(line.value.end <= end);
    }
    assert_eq!((head.end().start, head.end().end), (end.max(head.end().start), head.bytes().len()));
}
