//! The heads of an opening handshake in words, line by line.

use std::ops::Range;

use framescope_codec::capture::deflate_words;
use framescope_codec::handshake::{Finding, Head, HeaderLine, JudgedRequest, JudgedResponse, reason_phrase};

use super::objects::{FieldInfo, HandshakeInfo, Verdict, ViolationInfo};
use super::preview;

/// One of the two heads, judged.
#[derive(Clone, Debug)]
pub(super) enum Handshake {
    Request(Box<JudgedRequest>),
    Response(Box<JudgedResponse>),
}

impl Handshake {
    pub(super) const fn head(&self) -> &Head {
        match self {
            Self::Request(request) => request.head(),
            Self::Response(response) => response.head(),
        }
    }

    pub(super) fn findings(&self) -> &[Finding] {
        match self {
            Self::Request(request) => request.findings(),
            Self::Response(response) => response.findings(),
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Response(_) => "response",
        }
    }

    pub(super) fn start_line_text(&self) -> String {
        let head = self.head();
        preview::text(head.at(&head.start_line()).trim_ascii_end())
    }

    pub(super) fn info(&self) -> HandshakeInfo {
        let (subprotocol, extensions) = match self {
            Self::Request(_) => (None, None),
            Self::Response(response) => (
                response.subprotocol().map(str::to_owned),
                Some(response.deflate().map_or_else(|| "none".into(), deflate_words)),
            ),
        };
        HandshakeInfo { kind: self.name(), start_line: self.start_line_text(), subprotocol, extensions }
    }

    pub(super) fn violations(&self) -> Vec<ViolationInfo> {
        let is_request = matches!(self, Self::Request(_));
        let violation = |finding: &Finding| ViolationInfo {
            name: finding.rule.name(),
            section: finding.rule.section(),
            says: finding.rule.says(),
            field: "header",
            bytes: Some((finding.range.start, finding.range.end)),
            code: (is_request && finding.rule.is_fatal()).then(|| finding.rule.status()),
            code_name: reason_phrase(finding.rule.status()),
        };
        self.findings().iter().map(violation).collect()
    }

    /// Every line of the head; they tile its bytes.
    pub(super) fn fields(&self) -> Vec<FieldInfo> {
        let head = self.head();
        let mut fields = vec![self.start_line()];
        fields.extend(head.lines().iter().map(|line| self.header(line)));
        if head.is_whole() {
            let end = head.end();
            fields.push(FieldInfo {
                name: "end-of-head",
                label: "Empty line".into(),
                bytes: (end.start, end.end),
                bits: None,
                value: String::new(),
                meaning: "The head ends here: what follows are frames, if the answer is 101.".into(),
                section: "RFC 9112, 2.1",
                verdict: self.verdict(&end, Verdict::Plain),
                children: Vec::new(),
            });
        }
        fields
    }

    fn start_line(&self) -> FieldInfo {
        let head = self.head();
        let (parts, names, meaning, section) = match self {
            Self::Request(request) => (
                request.start_line(),
                [("method", "Method"), ("target", "Target"), ("http-version", "Version")],
                "The opening handshake is an ordinary HTTP request that asks to change the protocol.",
                "RFC 6455, 4.1",
            ),
            Self::Response(response) => (
                response.start_line(),
                [("http-version", "Version"), ("status", "Status"), ("reason", "Reason")],
                status_meaning(response.status()),
                "RFC 6455, 4.2.2",
            ),
        };
        let part = |(range, (name, label)): (Range<usize>, (&'static str, &str))| FieldInfo {
            name,
            label: label.to_owned(),
            bytes: (range.start, range.end),
            bits: None,
            value: preview::text(head.at(&range)),
            meaning: String::new(),
            section: "",
            verdict: self.verdict(&range, Verdict::Plain),
            children: Vec::new(),
        };
        let line = head.start_line();
        FieldInfo {
            name: "start-line",
            label: if matches!(self, Self::Request(_)) { "Request line" } else { "Status line" }.into(),
            bytes: (line.start, line.end),
            bits: None,
            value: self.start_line_text(),
            meaning: meaning.into(),
            section,
            verdict: self.verdict(&line, Verdict::Good),
            children: parts.into_iter().zip(names).filter(|(range, _)| !range.is_empty()).map(part).collect(),
        }
    }

    fn header(&self, line: &HeaderLine) -> FieldInfo {
        let head = self.head();
        let name = String::from_utf8_lossy(head.at(&line.name)).to_ascii_lowercase();
        let (meaning, section) = self.header_meaning(&name);
        let unbroken = if section.starts_with("RFC 6455") || section.starts_with("RFC 7692") {
            Verdict::Good
        } else {
            Verdict::Plain
        };
        FieldInfo {
            name: "header",
            label: preview::text(head.at(&line.name)),
            bytes: (line.line.start, line.line.end),
            bits: None,
            value: preview::text(head.at(&line.value)),
            meaning,
            section,
            verdict: self.verdict(&line.line, unbroken),
            children: Vec::new(),
        }
    }

    fn verdict(&self, range: &Range<usize>, unbroken: Verdict) -> Verdict {
        let overlaps = |finding: &Finding| finding.range.start < range.end && range.start < finding.range.end;
        if self.findings().iter().any(overlaps) { Verdict::Bad } else { unbroken }
    }

    fn header_meaning(&self, name: &str) -> (String, &'static str) {
        let (meaning, section) = match (self, name) {
            (Self::Request(_), "host") => ("The server that is meant.", "RFC 6455, 4.1"),
            (Self::Request(_), "origin") => {
                ("The page that asks, by which a server tells its own pages from foreign ones.", "RFC 6455, 10.2")
            }
            (Self::Request(_), "upgrade") => ("Asks for WebSocket.", "RFC 6455, 4.1"),
            (Self::Response(_), "upgrade") => ("The protocol from here on.", "RFC 6455, 4.2.2"),
            (_, "connection") => {
                ("Upgrade concerns this connection only, not what may lie behind a proxy.", "RFC 6455, 4.1")
            }
            (Self::Request(request), "sec-websocket-key") => {
                let answer =
                    request.accept().map_or_else(String::new, |accept| format!(" The answer to it is {accept}."));
                return (
                    format!("16 random bytes in base64, which prove that the server reads this request.{answer}"),
                    "RFC 6455, 4.1",
                );
            }
            (Self::Response(response), "sec-websocket-accept") => (
                match response.accept_matches() {
                    Some(true) => "The digest of the request’s key, as it must be: this server speaks WebSocket.",
                    Some(false) => "Not the digest of the request’s key.",
                    None => "The digest of a request’s key; the request was not captured.",
                },
                "RFC 6455, 4.2.2",
            ),
            (_, "sec-websocket-version") => ("The version of the protocol: 13 is RFC 6455.", "RFC 6455, 4.4"),
            (Self::Request(_), "sec-websocket-protocol") => {
                ("Subprotocols that the client speaks, the one it likes best in front.", "RFC 6455, 1.9")
            }
            (Self::Response(_), "sec-websocket-protocol") => {
                ("The subprotocol that the server chose.", "RFC 6455, 1.9")
            }
            (Self::Request(_), "sec-websocket-extensions") => ("Extensions that the client offers.", "RFC 6455, 9.1"),
            (Self::Response(response), "sec-websocket-extensions") => {
                let agreed = response.deflate().map_or_else(
                    || "No extension that is known here was agreed on.".into(),
                    |params| format!("Agreed: {}.", deflate_words(params)),
                );
                return (agreed, "RFC 7692, 7.1");
            }
            (_, "cookie" | "set-cookie" | "authorization" | "proxy-authorization") => {
                ("Masked by the tap at equal length: credentials do not leave the server.", "RFC 6455, 10.5")
            }
            (_, "user-agent") => ("The program that asks.", "RFC 9110, 10.1.5"),
            (_, "date") => ("When the answer was made.", "RFC 9110, 6.6.1"),
            (_, "server") => ("The program that answers.", "RFC 9110, 10.2.4"),
            (_, "cache-control" | "pragma") => {
                ("For caches; a browser sends it with every handshake.", "RFC 9111, 5.2")
            }
            (_, "accept-encoding" | "accept-language") => ("For HTTP, not for what follows.", "RFC 9110, 12.5"),
            _ => ("", ""),
        };
        (meaning.into(), section)
    }
}

fn status_meaning(status: Option<u16>) -> &'static str {
    match status {
        Some(101) => "The server agrees: behind this head the bytes are frames.",
        Some(_) => "The server does not agree, and says why in HTTP.",
        None => "No status can be read here.",
    }
}
