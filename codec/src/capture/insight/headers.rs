//! Every line of both heads of an opening handshake, judged (RFC 6455, 4 and 10; RFC 9110).

use super::report::{JudgedHeader, Verdict};
use crate::handshake::{Finding, HandshakeRule, Head, HeaderLine, JudgedRequest, JudgedResponse, reason_phrase};

/// Both heads, as far as they were captured.
pub(super) fn judge(request: Option<&JudgedRequest>, response: Option<&JudgedResponse>) -> Vec<JudgedHeader> {
    let mut judged = Vec::new();
    if let Some(request) = request {
        let side = Side { name: "request", head: request.head(), findings: request.findings() };
        side.judge("request line", |name, value| of_request(request, name, value), &mut judged);
    }
    if let Some(response) = response {
        let side = Side { name: "response", head: response.head(), findings: response.findings() };
        side.judge("status line", |name, _| of_response(response, name), &mut judged);
    }
    judged
}

/// A verdict, why, and where that is written.
type Word = (Verdict, String, &'static str);

struct Side<'a> {
    name: &'static str,
    head: &'a Head,
    findings: &'a [Finding],
}

impl Side<'_> {
    fn judge(&self, first: &str, known: impl Fn(&str, &str) -> Word, judged: &mut Vec<JudgedHeader>) {
        let start = self.head.start_line();
        let line = text(self.head.at(&start).trim_ascii_end());
        judged.push(self.line(first.into(), line, &start, &known));
        for HeaderLine { line, name, value } in self.head.lines() {
            let shown = text(self.head.at(name).trim_ascii_end());
            judged.push(self.line(shown, text(self.head.at(value)), line, &known));
        }
        // What is missing was found at the end of the head, where it should have stood.
        let end = self.head.end();
        for finding in self.findings.iter().filter(|finding| finding.range == end) {
            judged.push(JudgedHeader {
                side: self.name,
                name: missing_name(finding.rule).into(),
                value: String::new(),
                verdict: if finding.rule.is_fatal() { Verdict::Bad } else { Verdict::Plain },
                says: format!("Missing. {}", finding.rule.says()),
                section: finding.rule.section(),
            });
        }
    }

    fn line(
        &self,
        name: String,
        value: String,
        range: &std::ops::Range<usize>,
        known: impl Fn(&str, &str) -> Word,
    ) -> JudgedHeader {
        let is_here = |finding: &&Finding| {
            finding.range.start >= range.start && finding.range.start < range.end && !finding.range.is_empty()
        };
        let broken: Vec<_> = self.findings.iter().filter(is_here).collect();
        let (mut verdict, mut says, mut section) = known(&name.to_ascii_lowercase(), &value);
        if let Some(first) = broken.first() {
            let rules: Vec<_> = broken.iter().map(|finding| finding.rule.says()).collect();
            says = rules.join(" ");
            section = first.rule.section();
            verdict = Verdict::Bad;
        }
        JudgedHeader { side: self.name, name, value, verdict, says, section }
    }
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    text.truncate(text.floor_char_boundary(VALUE_MAX));
    text
}

/// What a finding about something missing would have it called.
const fn missing_name(rule: HandshakeRule) -> &'static str {
    match rule {
        HandshakeRule::MissingHost => "Host",
        HandshakeRule::UpgradeNotWebSocket => "Upgrade",
        HandshakeRule::ConnectionNotUpgrade => "Connection",
        HandshakeRule::MissingVersion => "Sec-WebSocket-Version",
        HandshakeRule::MissingKey => "Sec-WebSocket-Key",
        HandshakeRule::MissingAccept => "Sec-WebSocket-Accept",
        _ => "end of head",
    }
}

fn good(says: &str, section: &'static str) -> Word {
    (Verdict::Good, says.into(), section)
}

fn plain(says: &str, section: &'static str) -> Word {
    (Verdict::Plain, says.into(), section)
}

fn bad(says: &str, section: &'static str) -> Word {
    (Verdict::Bad, says.into(), section)
}

fn of_request(request: &JudgedRequest, name: &str, value: &str) -> Word {
    match name {
        "request line" => of_request_line(value),
        "host" => good(
            "Names the server that is meant. A server checks it, so that a page cannot reach it under a name that is not its own (DNS rebinding).",
            "RFC 6455, 4.1",
        ),
        "upgrade" => good("Asks to leave HTTP for WebSocket.", "RFC 6455, 4.1"),
        "connection" => {
            good("Says that Upgrade is meant for this connection and not to be passed on by a proxy.", "RFC 9110, 7.8")
        }
        "sec-websocket-key" => of_key(request, value),
        "sec-websocket-version" => good("13 is RFC 6455, the only version in use.", "RFC 6455, 4.1"),
        "sec-websocket-protocol" => {
            plain("Subprotocols that the client speaks, the one it likes best in front.", "RFC 6455, 11.3.4")
        }
        "sec-websocket-extensions" => {
            plain("Extensions that the client offers; what became of each stands below.", "RFC 6455, 9.1")
        }
        "sec-websocket-accept" => bad("Only an answer has this header.", "RFC 6455, 11.3.3"),
        "origin" if value == "null" => plain(
            "A page without an origin of its own: a file, a sandboxed frame, a data URL. A server that lets null in lets everybody in.",
            "RFC 6454, 7.3",
        ),
        "origin" => of_origin(request, value),
        "cookie" => plain(
            "Browsers send the cookies of the host with every handshake, from any page: without a check of Origin, a foreign page acts for the user (cross-site WebSocket hijacking).",
            "RFC 6455, 10.5",
        ),
        "authorization" => plain(
            "Credentials in a header, which no script in a browser can set: the client is a program, or somebody typed a password.",
            "RFC 6455, 10.5",
        ),
        "proxy-authorization" => {
            plain("Credentials for a proxy; they should not reach the server.", "RFC 9110, 11.7.2")
        }
        "sec-fetch-site" => match value {
            "same-origin" => good(
                "The browser vouches that the page is of this very origin; scripts cannot set it.",
                "Fetch Metadata, 2.3",
            ),
            "same-site" => {
                plain("A page of the same site but another origin, says the browser.", "Fetch Metadata, 2.3")
            }
            "cross-site" => plain(
                "The browser says that a foreign page asks. Unless the service is for everybody, refuse it.",
                "Fetch Metadata, 2.3",
            ),
            _ => plain("Which page asks, in the browser's words; scripts cannot set it.", "Fetch Metadata, 2.3"),
        },
        "sec-fetch-mode" => {
            plain("The browser says what it is about; for a WebSocket, websocket.", "Fetch Metadata, 2.2")
        }
        "sec-fetch-dest" => {
            plain("The browser says what the answer is for: websocket, or empty.", "Fetch Metadata, 2.1")
        }
        "sec-fetch-user" => plain("Somebody clicked, says the browser.", "Fetch Metadata, 2.4"),
        "sec-fetch-storage-access" => {
            plain("Whether this request may use cookies as a third party, says the browser.", "Storage Access Headers")
        }
        "user-agent" => plain("The program that asks.", "RFC 9110, 10.1.5"),
        "accept-encoding" => plain(
            "For HTTP bodies. It has nothing to do with compressed messages: those are an extension.",
            "RFC 9110, 12.5.3",
        ),
        "accept" | "accept-language" | "accept-charset" => {
            plain("For HTTP content, of which there is none here.", "RFC 9110, 12.5")
        }
        "cache-control" | "pragma" => {
            plain("Keeps caches away; browsers send it with every handshake.", "RFC 9111, 5.2")
        }
        "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "x-real-ip" | "forwarded" => plain(
            "What a proxy says of whom it speaks for. Whoever reaches the server directly can claim anything here.",
            "RFC 7239, 8.1",
        ),
        "via" => plain("The proxies on the way.", "RFC 9110, 7.6.3"),
        "referer" => plain("The page that asks. A WebSocket has Origin for that.", "RFC 9110, 10.1.3"),
        "dnt" | "sec-gpc" => plain("The user asks not to be tracked.", ""),
        "te" | "trailer" => plain("About bodies, of which there is none here.", "RFC 9110, 10.1.4"),
        "keep-alive" | "proxy-connection" => plain("Means nothing beside an Upgrade.", "RFC 9112, C.2.2"),
        _ if name.starts_with("sec-websocket-key") && name.len() > "sec-websocket-key".len() => bad(
            "From a draft of the protocol before RFC 6455 (hixie-76), which no server should speak any more.",
            "RFC 6455, 4.1",
        ),
        _ if name.starts_with("sec-ch-") => plain("A hint about the browser, by the browser.", "RFC 8942, 2"),
        _ => unknown(name),
    }
}

fn of_request_line(line: &str) -> Word {
    let target = line.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query).to_ascii_lowercase();
    let is_secret = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        ["token", "access_token", "auth", "jwt", "key", "apikey", "api_key", "password", "secret", "ticket", "sid"]
            .contains(&name)
    };
    if query.split('&').any(is_secret) {
        return plain(
            "A GET in HTTP/1.1, as it must be. Its query looks like a credential: addresses end up in logs, so such a token should be short-lived and good for once.",
            "RFC 6455, 4.1",
        );
    }
    good("A GET in HTTP/1.1, as it must be.", "RFC 6455, 4.1")
}

fn of_origin(request: &JudgedRequest, value: &str) -> Word {
    let host = request.head().header("host").and_then(|host| std::str::from_utf8(host).ok()).unwrap_or_default();
    let authority = value.split_once("://").map(|(_, authority)| authority);
    match authority {
        None => bad("No origin: it is a scheme, a host and maybe a port, as https://example.com.", "RFC 6454, 7.1"),
        Some(authority) if !host.is_empty() && authority.eq_ignore_ascii_case(host) => good(
            "The page comes from the host that it talks to. Only browsers vouch for this header; other programs can write anything.",
            "RFC 6455, 10.2",
        ),
        Some(_) => plain(
            "The page comes from another host than it talks to. Whether it may is for the server to decide, and it has to look: the same-origin policy does not hold for WebSocket.",
            "RFC 6455, 10.2",
        ),
    }
}

fn of_key(request: &JudgedRequest, value: &str) -> Word {
    if value.as_bytes() == SAMPLE_KEY {
        return plain("The example of RFC 6455 itself. The key has to be random for each connection.", "RFC 6455, 4.1");
    }
    if is_foreseen(value.as_bytes()) {
        return bad("The same bytes over and over. The key has to be random for each connection.", "RFC 6455, 4.1");
    }
    let answer = request.accept().map_or_else(String::new, |accept| format!(" It calls for the answer {accept}."));
    let says =
        "16 random bytes in base64. They authenticate nobody: they show that the server understood this very request.";
    (Verdict::Good, format!("{says}{answer}"), "RFC 6455, 4.1")
}

/// Whether a Sec-WebSocket-Key is the example of the RFC, or the same few bytes again and again: one byte sixteen times
/// is four characters five times over, and a rest.
pub(super) fn is_foreseen(key: &[u8]) -> bool {
    key == SAMPLE_KEY || key.len() == 24 && key.get(..16) == key.get(4..20)
}

/// RFC 6455, 1.3.
const SAMPLE_KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

fn of_response(response: &JudgedResponse, name: &str) -> Word {
    let switches = response.status() == Some(101);
    match name {
        "status line" => match response.status() {
            Some(101) => good("The server agrees: behind this head the bytes are frames.", "RFC 6455, 4.2.2"),
            Some(status) => (Verdict::Bad, refused(status), "RFC 6455, 4.2.2"),
            None => bad("No status can be read here.", "RFC 9112, 4"),
        },
        "upgrade" if !switches => plain("What the server would upgrade to.", "RFC 9110, 7.8"),
        "upgrade" => good("The protocol from here on.", "RFC 6455, 4.2.2"),
        "connection" if !switches => plain("What becomes of the connection.", "RFC 9110, 7.6.1"),
        "connection" => good("Says that Upgrade is meant for this connection.", "RFC 6455, 4.2.2"),
        "sec-websocket-accept" => match response.accept_matches() {
            Some(true) => good(
                "The SHA-1 digest of the request's key and the protocol's GUID, as it must be: no cache and no other server comes up with it.",
                "RFC 6455, 4.2.2",
            ),
            Some(false) => {
                bad("Not the digest of the request's key: a client has to fail the connection.", "RFC 6455, 4.1")
            }
            None => plain("The digest of a request's key; the request was not captured.", "RFC 6455, 4.2.2"),
        },
        "sec-websocket-protocol" => good("The subprotocol that the server chose.", "RFC 6455, 4.2.2"),
        "sec-websocket-extensions" if response.deflate().is_some() => {
            good("What was agreed on; it holds from the first frame on.", "RFC 7692, 7.1")
        }
        "sec-websocket-extensions" => plain("Extensions that the server agreed to.", "RFC 6455, 9.1"),
        "sec-websocket-version" if switches => plain("Beside a 101 it says nothing.", "RFC 6455, 4.4"),
        "sec-websocket-version" => plain("The versions that the server would speak.", "RFC 6455, 4.4"),
        "sec-websocket-key" => bad("Only a request has this header.", "RFC 6455, 11.3.1"),
        "set-cookie" => plain("A cookie may be set in the answer to a handshake as in any other.", "RFC 6455, 4.2.2"),
        "date" => plain("When the answer was made.", "RFC 9110, 6.6.1"),
        "server" | "x-powered-by" => {
            plain("The program that answers. Its version helps attackers more than clients.", "RFC 9110, 10.2.4")
        }
        "via" => plain("The proxies on the way.", "RFC 9110, 7.6.3"),
        "content-length" | "transfer-encoding" | "content-type" | "content-encoding" if !switches => {
            plain("About the body of the answer.", "RFC 9110, 8")
        }
        "location" => plain("Another address. Browsers do not follow it for a WebSocket.", "RFC 6455, 4.1"),
        "www-authenticate" => plain("How to log in. Browsers do not ask the user for a WebSocket.", "RFC 6455, 4.1"),
        "retry-after" => plain("When to try again.", "RFC 9110, 10.2.3"),
        "access-control-allow-origin"
        | "access-control-allow-credentials"
        | "access-control-allow-headers"
        | "access-control-allow-methods" => plain(
            "Cross-origin rules for fetch. They mean nothing for WebSocket: there the server itself has to look at Origin.",
            "RFC 6455, 10.2",
        ),
        "strict-transport-security" => {
            plain("Turns ws: into wss: for this host from now on, if it came over TLS.", "RFC 6797, 8.3")
        }
        "cache-control" | "pragma" | "expires" | "vary" => plain("For caches, which keep no 101.", "RFC 9111, 5.2"),
        "keep-alive" => plain("Means nothing beside an Upgrade.", "RFC 9112, C.2.2"),
        "content-security-policy"
        | "x-content-type-options"
        | "x-frame-options"
        | "referrer-policy"
        | "permissions-policy" => plain("For pages; it does nothing here.", ""),
        "alt-svc" => plain("Where else the host can be reached by HTTP.", "RFC 7838, 3"),
        "cf-ray" | "x-cache" | "x-amz-cf-id" | "x-served-by" => {
            plain("A trace of the gateway in front of the server.", "")
        }
        _ => unknown(name),
    }
}

fn refused(status: u16) -> String {
    let why = match status {
        100..=199 => return "An answer before the answer.".into(),
        200..=299 => "the server took it for plain HTTP: this path knows no WebSocket, or a proxy dropped the Upgrade",
        301 | 302 | 303 | 307 | 308 => "the address moved, and browsers do not follow",
        400 => "the server does not like the request, often because a proxy dropped Upgrade or Connection",
        401 => "one has to log in",
        403 => "not allowed, most often because of the Origin",
        404 => "there is nothing at this path",
        405 => "the method has to be GET",
        426 => "the server wants another version, or another protocol",
        429 => "too many requests",
        502..=504 => "the gateway did not reach the server, or that one did not answer",
        500..=599 => "the server failed",
        _ => "the server says no",
    };
    format!(
        "No WebSocket: {status} {}: {why}. A page learns nothing of this but that it failed, with code 1006.",
        reason_phrase(status)
    )
}

fn unknown(name: &str) -> Word {
    if name.starts_with("sec-websocket-") {
        plain("Not a header of the protocol.", "RFC 6455, 11.3")
    } else if name.is_empty() {
        bad("A line without a name.", "RFC 9112, 5")
    } else {
        plain("Not about WebSocket.", "")
    }
}

/// Longer values are cut.
const VALUE_MAX: usize = 4096;
