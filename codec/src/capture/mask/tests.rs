//! What is hidden, what stays, and that cutting changes neither.

use super::*;

/// Both heads of a connection, with stars where secrets should be, in one piece.
fn check_both(request: &str, response: &str) {
    let mut mask = HeadMask::new();
    let heads = [(Direction::ClientToServer, request), (Direction::ServerToClient, response)];
    for (direction, head) in heads {
        let (plain, starred) = unstar(head);
        let mut bytes = plain.into_bytes();
        mask.apply(direction, &mut bytes);
        assert_eq!(String::from_utf8(bytes).unwrap(), starred);
    }
}

/// `a <secret> b` as what is sent, `a secret b`, and what should be shown, `a ****** b`.
fn unstar(head: &str) -> (String, String) {
    let (mut plain, mut starred) = (String::new(), String::new());
    let mut is_secret = false;
    for char in head.chars() {
        match char {
            '<' => is_secret = true,
            '>' => is_secret = false,
            _ => {
                plain.push(char);
                starred.push(if is_secret && char != ' ' { '*' } else { char });
            }
        }
    }
    (plain, starred)
}

/// `line` within a request, masked the same however it is cut.
fn check(line: &str) {
    let head = format!("GET / HTTP/1.1\r\n{line}\r\nHost: a\r\n\r\nCookie: frames now");
    check_target(&head);
}

fn check_target(head: &str) {
    let (plain, starred) = unstar(head);
    for size in 1..=plain.len() {
        let mut mask = HeadMask::new();
        let mut bytes = plain.clone().into_bytes();
        for chunk in bytes.chunks_mut(size) {
            mask.apply(Direction::ClientToServer, chunk);
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), starred, "in chunks of {size}");
    }
}

#[test]
fn values_of_credential_headers_are_starred_out() {
    check("Cookie: <session=5ba1; theme=dark>");
    check("COOKIE:<a=b>");
    check("cookie : <a=b>");
    check("Set-Cookie: <a=b; HttpOnly>");
    check("Authorization: <Basic dXNlcjpwYXNz>");
    check("Proxy-Authorization: <Bearer x>");
    check("X-Api-Key: <abc>");
    check("X-CSRF-Token: <abc>");
    check("Cookie: <a=b>\r\n <folded=on>\r\nX-Plain: c");
}

#[test]
fn who_wants_to_see_everything_does() {
    let (mut mask, mut head) = (HeadMask::hiding_nothing(), *b"GET /?key=abc HTTP/1.1\r\nCookie: a=b\r\n\r\n\x81");
    let was = head;
    assert!(mask.apply(Direction::ClientToServer, &mut head) && head == was);
    let mut answer = *b"HTTP/1.1 101 x\r\nSet-Cookie: a=b\r\nSec-WebSocket-Protocol: x\r\n\r\n";
    let was = answer;
    assert!(mask.apply(Direction::ServerToClient, &mut answer) && answer == was && mask.is_done());
}

#[test]
fn what_a_handshake_needs_stays() {
    check("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
    check("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    check("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
    check("Origin: http://localhost:8080");
    check("X-Cookie-Policy: strict");
}

#[test]
fn values_of_credential_parameters_are_starred_out() {
    check_target("GET /a?token=<abc>&b=c&api_key=<k>&KEY=<x> HTTP/1.1\r\n\r\n");
    check_target("GET /?access_token=<a=b;c?d>#id_token=<e> HTTP/1.1\r\n\r\n");
    check_target("GET http://h/p?%74oken=<abc>&keyboard=us&encoding=utf-8 HTTP/1.1\r\n\r\n");
    check_target("GET /?next=/login?password=<p>&sig=<s>&design=1 HTTP/1.1\r\n\r\n");
    check_target("GET /token=abc?monkey=1&flag&session=<s> HTTP/1.1\r\n\r\n");
    check("Referer: https://h/?jwt=<abc>&a=b");
    let long = "n".repeat(NAME_MAX);
    check_target(&format!("GET /?{long}=<v>&a=b HTTP/1.1\r\n\r\n"));
}

#[test]
fn subprotocols_that_are_tokens_are_starred_out_in_both_heads() {
    let check = |protocols: &str, chosen: &str| {
        check_both(
            &format!("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n"),
            &format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n"),
        );
    };
    check("graphql-transport-ws, mqtt,v12.stomp", "mqtt");
    check("signalr, json.reliable.webpubsub.azure.v1", "signalr");
    check("chat, <eyJhbGciOiJIUzI1NiJ9.e30.c2ln>", "<eyJhbGciOiJIUzI1NiJ9.e30.c2ln>");
    check("access_token, <abc123>, chat", "<abc123>");
    check("<bearer.abc>, <base64url.bearer.authorization.k8s.io.dG9r>, base64.binary.k8s.io", "base64.binary.k8s.io");
    check("realtime, <openai-insecure-api-key.sk-12>, openai-beta.realtime-v1", "realtime");
    check("<0123456789abcdef01234567>, <dGhlIHNhbXBsZSBub25jZQ>", "chat");
}

#[test]
fn two_that_differ_do_not_look_like_one_that_is_repeated() {
    let [one, two, three] = ["1", "2", "3"].map(|end| format!("eyJhbGciOiJIUzI1{end}"));
    let mask = |request: &str, chosen: &str| {
        let mut mask = HeadMask::new();
        let [mut request, mut response] = [
            format!("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: {request}\r\n\r\n"),
            format!("HTTP/1.1 101 x\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n"),
        ]
        .map(String::into_bytes);
        mask.apply(Direction::ClientToServer, &mut request);
        mask.apply(Direction::ServerToClient, &mut response);
        [request, response].map(|head| {
            let head = String::from_utf8(head).unwrap();
            head.split_once("Protocol: ").unwrap().1.trim_end().to_owned()
        })
    };
    let stars = "*".repeat(one.len());
    let ending = |end: &str| format!("{}{end}", &stars[1..]);
    let [offered, chosen] = mask(&format!("{one}, chat, {two}, {one}, {three}"), &three);
    assert_eq!(offered, format!("{stars}, chat, {}, {stars}, {}", ending("2"), ending("3")));
    assert_eq!(chosen, ending("3"));
    let many: Vec<_> = (10..30).map(|number| format!("eyJhbGciOiJIUz{number}")).collect();
    let [offered, chosen] = mask(&many.join(", "), &many[19]);
    assert_eq!(offered.matches('*').count(), 20 * many[0].len() - 7, "from the ninth on they are alike");
    assert_eq!(chosen, "*".repeat(many[0].len()));
}

#[test]
fn a_subprotocol_cut_in_two_is_starred_out_unseen_and_so_is_the_answer() {
    let mut mask = HeadMask::new();
    let mut first = *b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: chat, grap";
    let mut second = *b"hql-ws, mqtt\r\n\r\n";
    mask.apply(Direction::ClientToServer, &mut first);
    mask.apply(Direction::ClientToServer, &mut second);
    assert_eq!(&first, b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: chat, ****");
    assert_eq!(&second, b"******, mqtt\r\n\r\n");
    let mut response = *b"HTTP/1.1 101 x\r\nSec-WebSocket-Protocol: graphql-ws\r\n\r\n\x81\x00";
    assert!(mask.apply(Direction::ServerToClient, &mut response));
    assert_eq!(&response, b"HTTP/1.1 101 x\r\nSec-WebSocket-Protocol: **********\r\n\r\n\x81\x00");
    assert!(mask.is_done());
}

#[test]
fn any_bytes_pass_with_their_length_and_line_ends() {
    proptest::proptest!(|(bytes: Vec<u8>, size in 1usize..64)| {
        let mut masked = bytes.clone();
        let mut mask = HeadMask::new();
        for chunk in masked.chunks_mut(size) {
            mask.apply(Direction::ClientToServer, chunk);
        }
        for (was, is) in bytes.iter().zip(&masked) {
            proptest::prop_assert!(was == is || (matches!(is, b'*' | b'2'..=b'9') && !was.is_ascii_whitespace()));
        }
    });
}

/// One line of a head with a secret in it, which is nothing but the digits 7, 8 and 9. There are none of these
/// anywhere else.
fn secret_line() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let secret = || "[789]{24,40}";
    prop_oneof![
        ("(Cookie|Set-Cookie|Authorization|Proxy-Authorization|X-Api-Key)", secret(), secret(), "( |\t|\r\n |\r\n\t)")
            .prop_map(|(name, one, other, between)| format!("{name}: a={one};{between}b={other}")),
        ("(token|access_token|key|sig|jwt|api_key)", secret())
            .prop_map(|(name, secret)| format!("Referer: http://h/?a=b&{name}={secret}&c=d")),
        (secret(), secret()).prop_map(|(one, other)| format!("Sec-WebSocket-Protocol: {one}, chat, {other}")),
        (secret(), "( ?| ?\r\n )").prop_map(|(one, fold)| format!("Sec-WebSocket-Protocol: access_token,{fold} {one}")),
    ]
}

#[test]
fn no_part_of_a_secret_is_left_however_it_is_written_and_cut() {
    use proptest::prelude::*;
    let lines = prop::collection::vec((secret_line(), any::<u64>(), any::<bool>()), 1..6);
    proptest!(|(lines in lines, target in "[789]{8,20}", sizes in prop::collection::vec(1usize..80, 1..8))| {
        let mut head = format!("GET /echo?room=1&Access-Token={target} HTTP/1.1\r\n");
        for (line, cases, is_bare) in lines {
            let (name, value) = line.split_once(':').unwrap();
            // Names in any case.
            let name: String = name
                .chars()
                .enumerate()
                .map(|(at, char)| if cases >> (at % 64) & 1 == 1 { char.to_ascii_uppercase() } else { char.to_ascii_lowercase() })
                .collect();
            head.push_str(&format!("{name}:{value}{}", if is_bare { "\n" } else { "\r\n" }));
        }
        head.push_str("\r\n");
        for direction in Direction::BOTH {
            let mut bytes = head.clone().into_bytes();
            let (mut mask, mut rest) = (HeadMask::new(), &mut bytes[..]);
            for size in sizes.iter().cycle() {
                let (chunk, behind) = rest.split_at_mut(rest.len().min(*size));
                mask.apply(direction, chunk);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(bytes.len(), head.len());
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // A response has no target.
            let text = if direction == Direction::ServerToClient { text.split_once('\n').unwrap().1.to_owned() } else { text };
            prop_assert!(!text.contains(['7', '8', '9']), "{}", text);
        }
    });
}
