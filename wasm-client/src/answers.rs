//! `AnswerReader`: what a server says to somebody who writes every byte of their own side by hand.
//!
//! A client breaks off where the server breaks a rule, and opens nothing on a handshake that is wrong. Whoever tries a
//! server with requests and frames that are wrong on purpose wants to hear all of the answer. So here nothing is
//! refused: the head is judged and frames are taken apart, each as soon as it is whole.

use framescope_codec::handshake::{HeadLimits, HeadReader, JudgedRequest, judge_request, judge_response};
use framescope_codec::{Compressor, DeflateParams, Dissector, Role, WindowBits};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::inspector::dissection_json;

/// Reads the answer to one request, and the frames behind it.
///
/// ```js
/// const reader = new AnswerReader(request); // the bytes as they went out
/// reader.feed(bytes); // whenever some came
/// const head = reader.head(); // an `AnswerHead` as JSON, once, when it is there
/// for (let frame = reader.frame(); frame; frame = reader.frame()) ... // a `DissectedFrame` as JSON
/// ```
#[wasm_bindgen]
pub struct AnswerReader {
    request: JudgedRequest,
    state: State,
    /// The judged head, until it is fetched.
    head: Option<String>,
}

enum State {
    /// What came so far, where the head begins in it behind interim answers, and the reader that looks for its end.
    Head(Vec<u8>, usize, HeadReader),
    Frames(Box<Dissector>),
    /// No WebSocket: the beginning of what it is instead.
    Body(Vec<u8>),
}

/// A response's head, judged as an answer to the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    status: Option<u16>,
    start_line: String,
    headers: Vec<[String; 2]>,
    bytes: usize,
    accept_matches: Option<bool>,
    subprotocol: Option<&'a str>,
    deflate: Option<Deflate>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deflate {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: u8,
}

#[derive(Serialize)]
struct Finding {
    rule: &'static str,
    section: &'static str,
    says: &'static str,
}

#[wasm_bindgen]
impl AnswerReader {
    /// For the answer to this request, which may be wrong in every way.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(request: &[u8]) -> Self {
        let reader = HeadReader::new(Role::Server, HeadLimits::default());
        Self { request: judge_request(request), state: State::Head(Vec::new(), 0, reader), head: None }
    }

    /// Takes the next bytes of the answer, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Head(head, ..) => {
                head.extend_from_slice(bytes);
                self.read_head();
            }
            State::Frames(dissector) => dissector.feed(bytes),
            State::Body(body) => keep(body, bytes),
        }
    }

    /// The head, the first time this is asked since it is there: an `AnswerHead` as JSON.
    pub fn head(&mut self) -> Option<String> {
        self.head.take()
    }

    /// The next whole frame: a `DissectedFrame` as JSON.
    pub fn frame(&mut self) -> Option<String> {
        let State::Frames(dissector) = &mut self.state else { return None };
        dissector.next_frame().map(|frame| dissection_json(&frame))
    }

    /// The beginning of what came in place of frames, or of a head that does not end, as text.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn body(&self) -> String {
        let bytes = match &self.state {
            State::Head(bytes, begins, _) => &bytes[*begins..],
            State::Body(bytes) => bytes,
            State::Frames(_) => &[],
        };
        String::from_utf8_lossy(&bytes[..bytes.len().min(BODY_MAX)]).into_owned()
    }
}

impl AnswerReader {
    fn read_head(&mut self) {
        loop {
            let State::Head(received, begins, reader) = &mut self.state else { return };
            let head = &received[*begins..];
            let len = match reader.find_end(head) {
                Ok(None) => return,
                Ok(Some(len)) => len,
                // What will never be a head is judged as far as it goes.
                Err(_) => head.len(),
            };
            let (head, rest) = head.split_at(len);
            let judged = judge_response(head, Some(&self.request));
            // Interim responses are passed over (RFC 9110, 15.2), as long as all are no longer than one head.
            let is_interim = matches!(judged.status(), Some(100 | 102..=199)) && judged.head().is_whole();
            if is_interim && *begins + len < HeadLimits::default().bytes {
                *begins += len;
                *reader = HeadReader::new(Role::Server, HeadLimits::default());
                continue;
            }
            let words = |range| String::from_utf8_lossy(judged.head().at(range)).trim_ascii().to_owned();
            self.head = Some(crate::to_json(&Head {
                status: judged.status(),
                start_line: words(&judged.head().start_line()),
                headers: judged.head().lines().iter().map(|line| [words(&line.name), words(&line.value)]).collect(),
                bytes: len,
                accept_matches: judged.accept_matches(),
                subprotocol: judged.subprotocol(),
                deflate: judged.deflate().map(Deflate::new),
                findings: judged
                    .findings()
                    .iter()
                    .map(|found| Finding {
                        rule: found.rule.name(),
                        section: found.rule.section(),
                        says: found.rule.says(),
                    })
                    .collect(),
            }));
            if judged.status() == Some(101) {
                let mut dissector = Box::new(Dissector::new(Role::Server, judged.deflate()));
                dissector.feed(rest);
                self.state = State::Frames(dissector);
            } else {
                let mut body = Vec::new();
                keep(&mut body, rest);
                self.state = State::Body(body);
            }
            return;
        }
    }
}

impl Deflate {
    const fn new(params: DeflateParams) -> Self {
        Self {
            server_no_context_takeover: params.server_no_context_takeover,
            client_no_context_takeover: params.client_no_context_takeover,
            server_max_window_bits: params.server_max_window_bits.get(),
            client_max_window_bits: params.client_max_window_bits.get(),
        }
    }
}

impl std::fmt::Debug for AnswerReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerReader").finish_non_exhaustive()
    }
}

/// Compresses one message for permessage-deflate, referring to nothing before it: right wherever it is sent, with
/// context takeover or without, as long as the window is no larger than the one agreed on.
///
/// # Errors
///
/// Window bits other than 8 to 15.
#[wasm_bindgen]
pub fn deflate(message: &[u8], window_bits: u8) -> Result<Vec<u8>, JsError> {
    let bits = WindowBits::new(window_bits).ok_or_else(|| JsError::new("window bits are 8 to 15"))?;
    let params = DeflateParams { client_max_window_bits: bits, ..DeflateParams::default() };
    let mut out = Vec::new();
    Compressor::new(params, Role::Client, LEVEL).compress(message, &mut out);
    Ok(out)
}

fn keep(body: &mut Vec<u8>, bytes: &[u8]) {
    let room = BODY_MAX.saturating_sub(body.len());
    body.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// zlib's usual one.
const LEVEL: i32 = 6;

/// How much is kept of what is no WebSocket.
const BODY_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n";

    fn read(request: &[u8], chunks: &[&[u8]]) -> (serde_json::Value, Vec<serde_json::Value>, String) {
        let mut reader = AnswerReader::new(request);
        let (mut head, mut frames) = (None, Vec::new());
        for chunk in chunks {
            reader.feed(chunk);
            head = head.or_else(|| reader.head());
            while let Some(frame) = reader.frame() {
                frames.push(serde_json::from_str(&frame).unwrap());
            }
        }
        (serde_json::from_str(&head.unwrap_or_else(|| "null".into())).unwrap(), frames, reader.body())
    }

    #[test]
    fn a_head_and_the_frames_behind_it_come_out_wherever_they_are_cut() {
        let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", ANSWER, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x88\x02\x03\xe8"]
            .concat();
        let whole = read(REQUEST, &[&bytes]);
        assert_eq!(whole.0["status"], 101);
        assert_eq!(whole.0["acceptMatches"], true);
        assert_eq!(whole.0["deflate"]["clientMaxWindowBits"], 9);
        assert_eq!(whole.0["findings"], serde_json::json!([]));
        assert_eq!(whole.1[0]["message"]["payload"], "48656c6c6f");
        assert_eq!(whole.1[1]["close"]["code"], 1000);
        for cut in 0..bytes.len() {
            assert_eq!(read(REQUEST, &[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn interim_answers_without_end_are_an_answer() {
        let interim = b"HTTP/1.1 103 E\r\n\r\n";
        let (head, frames, _) = read(REQUEST, &[&interim.repeat(500), ANSWER, b"\x81\x01x"]);
        assert_eq!((&head["status"], frames.len()), (&101.into(), 1));
        let (head, frames, _) = read(REQUEST, &[&interim.repeat(1_000_000), ANSWER]);
        assert_eq!((&head["status"], frames.len()), (&103.into(), 0));
    }

    #[test]
    fn a_wrong_accept_is_said_and_the_frames_are_read_all_the_same() {
        let answer = String::from_utf8_lossy(ANSWER).replace("s3pP", "xxxx");
        let (head, frames, _) = read(REQUEST, &[answer.as_bytes(), b"\x81\x01x"]);
        assert_eq!((&head["acceptMatches"], frames.len()), (&false.into(), 1));
        assert_eq!(head["findings"].as_array().unwrap().len(), 1, "{head}");
    }

    #[test]
    fn a_refusal_and_noise_are_shown_as_they_are() {
        let refusal = b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\r\ntoo old";
        let (head, frames, body) = read(REQUEST, &[refusal]);
        assert_eq!((&head["status"], frames.len(), &*body), (&426.into(), 0, "too old"));
        assert_eq!(head["headers"][0], serde_json::json!(["Sec-WebSocket-Version", "13"]));
        let (head, _, _) = read(REQUEST, &[b"SSH-2.0-OpenSSH_9.6\r\n"]);
        assert_eq!(head["status"], serde_json::Value::Null);
        let (head, _, body) = read(b"nonsense", &[b"HTTP/1.1 4"]);
        assert_eq!((head, &*body), (serde_json::Value::Null, "HTTP/1.1 4"));
    }

    #[test]
    fn a_message_is_compressed_by_itself() {
        assert_eq!(deflate(b"Hello", 15).unwrap(), b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        let twice = b"Hello ".repeat(500);
        assert!(deflate(&twice, 8).unwrap().len() < twice.len() / 2);
        assert!(deflate(&twice, 15).unwrap().len() < 100);
    }
}
