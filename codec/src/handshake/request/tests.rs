use super::*;
use crate::handshake::HandshakeRule as R;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const SOUND: [&str; 5] = ["Host: h", "Upgrade: websocket", "Connection: Upgrade", KEY, "Sec-WebSocket-Version: 13"];

fn judge(head: &[u8]) -> Result<Opening, HandshakeError> {
    let (request, len) = Request::parse(head, &HeadLimits::default())?.expect("a whole head");
    assert_eq!(len, head.len());
    request.check()
}

/// A first line, and the lines of [`SOUND`] with some of them replaced, against the rule that is broken.
fn check(start_line: &str, changes: &[(&str, &[&str])], broken: Option<R>) {
    let mut head = format!("{start_line}\r\n");
    for line in SOUND {
        let name = line.split_once(':').expect("a header").0;
        match changes.iter().find(|(changed, _)| *changed == name) {
            None => head += &format!("{line}\r\n"),
            Some((_, lines)) => lines.iter().for_each(|line| head += &format!("{line}\r\n")),
        }
    }
    for (_, lines) in changes.iter().filter(|(name, _)| name.is_empty()) {
        lines.iter().for_each(|line| head += &format!("{line}\r\n"));
    }
    head += "\r\n";
    assert_eq!(judge(head.as_bytes()).err(), broken.map(HandshakeError::Request), "{head}");
}

fn get(changes: &[(&str, &[&str])], broken: Option<R>) {
    check("GET / HTTP/1.1", changes, broken);
}

#[test]
fn the_key_is_there_once_and_holds_16_bytes() {
    const K: &str = "Sec-WebSocket-Key";
    get(&[], None);
    get(&[(K, &[])], Some(R::MissingKey));
    get(&[(K, &[KEY, KEY])], Some(R::RepeatedKey));
    get(&[(K, &["Sec-WebSocket-Key:"])], Some(R::InvalidKey));
    get(&[(K, &["Sec-WebSocket-Key: not base64, not at all.."])], Some(R::InvalidKey));
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAA="])], Some(R::InvalidKey)); // 5 bytes
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="])], Some(R::InvalidKey)); // 17
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"])], Some(R::InvalidKey)); // 18
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA"])], Some(R::InvalidKey)); // no padding
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=="])], Some(R::InvalidKey)); // stray bits
    get(&[(K, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==, AAAA"])], Some(R::InvalidKey));
    get(&[(K, &["sec-websocket-KEY:AAAAAAAAAAAAAAAAAAAAAA==\t "])], None);
}

#[test]
fn the_version_is_13_once() {
    const V: &str = "Sec-WebSocket-Version";
    get(&[(V, &[])], Some(R::MissingVersion));
    for other in ["12", "99", "abc", "", "013", "13, 8", "8, 13"] {
        get(&[(V, &[&format!("{V}: {other}")])], Some(R::UnsupportedVersion));
    }
    get(&[(V, &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"])], Some(R::RepeatedVersion));
}

#[test]
fn the_request_line_is_get_in_http_1_1() {
    check("POST / HTTP/1.1", &[], Some(R::MethodNotGet));
    check("get / HTTP/1.1", &[], Some(R::MethodNotGet));
    check("HEAD / HTTP/1.1", &[], Some(R::MethodNotGet));
    check("GET / HTTP/1.0", &[], Some(R::HttpVersionTooOld));
    check("GET / HTTP/2.0", &[], Some(R::UnsupportedHttpVersion));
    check("PRI * HTTP/2.0", &[], Some(R::UnsupportedHttpVersion));
    for line in
        ["GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / x HTTP/1.1"]
    {
        check(line, &[], Some(R::MalformedRequestLine));
    }
    for line in ["GET / http/1.1", "GET / HTTP/1.10", "GET / HTTP/11", "G\"T / HTTP/1.1", "hello", "/"] {
        check(line, &[], Some(R::MalformedRequestLine));
    }
}

#[test]
fn the_target_is_a_path_or_a_whole_url() {
    for sound in ["/", "/a/b?c=d&e", "//x", "/%7Euser/{id}|x", "http://h/x", "ws://h:80", "wss://[::1]:9?x", "HTTP://h"]
    {
        check(&format!("GET {sound} HTTP/1.1"), &[], None);
    }
    for broken in ["*", "h:80", "path", "http://", "http://user@h/", "ftp://h/", "/a#b", "http:/h", "http://h:x/"] {
        check(&format!("GET {broken} HTTP/1.1"), &[], Some(R::InvalidTarget));
    }
}

#[test]
fn there_is_one_valid_host() {
    get(&[("Host", &[])], Some(R::MissingHost));
    get(&[("Host", &["Host: a", "Host: a"])], Some(R::RepeatedHost));
    for sound in ["a", "a.example:8080", "127.0.0.1", "[::1]", "[::1]:80", "a:", "xn--bcher-kva.example"] {
        get(&[("Host", &[&format!("Host: {sound}")])], None);
    }
    for broken in
        ["", "a b", "a, b", "a:x", "a:99999", "a:-1", "u@a", "a/b", "::1", "[::1", "[x]", "[::1]x", ":80", "http://a"]
    {
        get(&[("Host", &[&format!("Host: {broken}")])], Some(R::InvalidHost));
    }
}

#[test]
fn upgrade_and_connection_may_be_written_in_many_ways() {
    get(&[("Upgrade", &[])], Some(R::UpgradeNotWebSocket));
    get(&[("Upgrade", &["Upgrade: h2c"])], Some(R::UpgradeNotWebSocket));
    get(&[("Connection", &[])], Some(R::ConnectionNotUpgrade));
    get(&[("Connection", &["Connection: keep-alive"])], Some(R::ConnectionNotUpgrade));
    get(&[("Connection", &["Connection: keep-alive, Upgrade"])], None);
    get(&[("Connection", &["Connection: keep-alive", "cOnNeCtIoN:\t UPGRADE ,x"])], None);
    get(&[("Upgrade", &["upgrade:WebSocket"])], None);
    get(&[("Upgrade", &["Upgrade: h2c, websocket"])], None);
}

#[test]
fn a_handshake_has_no_body() {
    get(&[("", &["Content-Length: 0"])], Some(R::BodyInHandshake));
    get(&[("", &["Transfer-Encoding: chunked"])], Some(R::BodyInHandshake));
    get(&[("", &["Content-Length: 0", "Transfer-Encoding: chunked"])], Some(R::AmbiguousBody));
    for broken in ["+0", "-1", "", "0x1", "1, 1", "1 1"] {
        get(&[("", &[&format!("Content-Length: {broken}")])], Some(R::InvalidContentLength));
    }
    get(&[("", &["Content-Length: 0", "Content-Length: 0"])], Some(R::InvalidContentLength));
}

#[test]
fn header_lines_keep_to_their_syntax() {
    get(&[("", &["Name : value"])], Some(R::SpaceBeforeColon));
    get(&[("", &["Name\t: value"])], Some(R::SpaceBeforeColon));
    get(&[("", &["X: a\0b"])], Some(R::InvalidHeaderValue));
    get(&[("", &["X: a\x7fb"])], Some(R::InvalidHeaderValue));
    get(&[("", &["X: a\rb"])], Some(R::InvalidHeaderValue));
    get(&[("", &["X\x01: a"])], Some(R::InvalidHeaderName));
    get(&[("", &["\u{e9}: a"])], Some(R::InvalidHeaderName));
    get(&[("", &["X Y: a"])], Some(R::InvalidHeaderName));
    get(&[("", &[": a"])], Some(R::InvalidHeaderName));
    get(&[("", &["no colon"])], Some(R::HeaderWithoutColon));
    get(&[("", &["X: a", " b"])], Some(R::FoldedHeader));
    get(&[("", &["X: a\nY: b"])], Some(R::BareLineFeed));
    get(&[("", &["X: caf\u{e9} \t", "X:", "X-Y_Z.1!:ok"])], None);
}

#[test]
fn subprotocols_and_extensions_keep_to_their_grammar() {
    get(&[("", &["Sec-WebSocket-Protocol: a b"])], Some(R::MalformedProtocols));
    get(&[("", &["Sec-WebSocket-Protocol: "])], Some(R::MalformedProtocols));
    get(&[("", &["Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: a"])], Some(R::RepeatedProtocol));
    get(&[("", &["Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"])], None);
    get(&[("", &["Sec-WebSocket-Extensions: a;"])], Some(R::MalformedExtensions));
    get(&[("", &["Sec-WebSocket-Extensions: a; b=\"c d\""])], Some(R::MalformedExtensions));
    get(&[("", &["Sec-WebSocket-Extensions: x-unknown; q=1", "Sec-WebSocket-Extensions: other"])], None);
    get(&[("", &["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7"])], None);
    get(&[("", &["Origin: http://a", "Origin: http://b"])], Some(R::RepeatedOrigin));
}

#[test]
fn a_plain_get_gets_426_and_is_no_upgrade() {
    let plain = b"GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n";
    let (request, _) = Request::parse(plain, &HeadLimits::default()).unwrap().unwrap();
    assert!(!request.is_upgrade());
    assert_eq!(request.check().map_err(|error| error.status()), Err(426));
    let old = Request::parse(b"GET / HTTP/1.0\r\n\r\n", &HeadLimits::default()).unwrap().unwrap().0;
    assert_eq!(old.version(), (1, 0));
}

#[test]
fn a_request_through_a_library_is_judged_alike() {
    let headers = || SOUND.iter().map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n, v.as_bytes()));
    let request = Request::from_parts("GET", "/a?b", (1, 1), headers());
    assert_eq!((request.path(), request.query(), request.host()), ("/a", Some("b"), Some("h")));
    assert!(request.check().is_ok());
    let smuggled = headers().chain([("X", &b"a\r\nY: b"[..])]);
    let request = Request::from_parts("GET", "/", (1, 1), smuggled);
    assert_eq!(request.check().map_err(|error| error.rule()), Err(Some(R::InvalidHeaderValue)));
}

#[test]
fn the_whole_url_in_a_target_names_the_host() {
    let head = b"GET http://other:81?q HTTP/1.1\r\nHost: h\r\n\r\n";
    let (request, _) = Request::parse(head, &HeadLimits::default()).unwrap().unwrap();
    assert_eq!((request.host(), request.path(), request.query()), (Some("other:81"), "/", Some("q")));
}
