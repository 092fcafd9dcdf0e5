//! The opening handshake, found in a TCP connection that carries HTTP.
//!
//! A client may send other requests first, and their answers have bodies. Rather than follow all of HTTP,
//! this looks for heads at the beginnings of packets, takes the one that asks for WebSocket, and then the
//! first head that comes back: a client that asks for an upgrade waits for its answer.
//!
//! Of captures that others made, either half may be missing, or come too late.

use super::conversation::Sink;
use super::tcp::Piece;
use super::{Direction, End, Note, What};
use crate::deflate::params::DeflateParams;
use crate::handshake::{Head, JudgedRequest, judge_request, judge_response};

/// Waiting for a handshake, or in the middle of one.
#[derive(Debug)]
pub(super) struct Opening {
    /// Packets may be missing of which nobody says so, and not be in order.
    is_foreign: bool,
    /// The head under way in each direction.
    heads: [Vec<u8>; 2],
    has_begun: bool,
    /// A request for WebSocket that was not answered yet.
    request: Option<Box<JudgedRequest>>,
    /// An answer that came without a request, and when.
    answer: Option<(u64, Vec<u8>)>,
    /// Something came from the server since the request.
    was_answered: bool,
    /// What came behind the heads, and when.
    rest: [Rest; 2],
    /// What `rest` takes up.
    rest_len: usize,
}

/// Time, bytes, and where they lie in the capture.
pub(super) type Rest = Vec<(u64, Vec<u8>, u64)>;

/// What came of listening.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing yet.
    Nothing,
    /// This is not HTTP, so nothing here will say that it is WebSocket.
    NoHttp,
    /// This is HTTP, so frames can only come behind a handshake.
    Http,
    /// The connection is open, with this agreement.
    Open(Option<DeflateParams>),
    /// A handshake of which the answer was not captured. If nothing was offered, there is no compression.
    Unanswered {
        /// Whether compression was offered.
        offered: bool,
    },
}

impl Opening {
    pub(super) fn new(is_foreign: bool) -> Self {
        Self {
            is_foreign,
            heads: Default::default(),
            has_begun: false,
            request: None,
            answer: None,
            was_answered: false,
            rest: Default::default(),
            rest_len: 0,
        }
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether a request for WebSocket waits for its answer.
    pub(super) const fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// Whether one half of a handshake was seen.
    pub(super) const fn is_under_way(&self) -> bool {
        self.request.is_some() || self.answer.is_some()
    }

    /// What came behind the head of a direction.
    pub(super) fn take_rest(&mut self, direction: Direction) -> Rest {
        std::mem::take(&mut self.rest[direction.index()])
    }

    pub(super) fn hear(&mut self, direction: Direction, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) -> Heard {
        match piece {
            Piece::Bytes { time_ns, bytes, at, .. } => {
                let is_first = !std::mem::replace(&mut self.has_begun, true);
                match direction {
                    Direction::ClientToServer => self.hear_client(time_ns, bytes, at, is_first, sink),
                    Direction::ServerToClient => self.hear_server(time_ns, bytes, at, sink),
                }
            }
            Piece::Gap { missing } => {
                self.heads[direction.index()].clear();
                if self.request.is_none() {
                    return Heard::Nothing;
                }
                sink(direction, now_ns, What::Gap { missing, inside_payload: false });
                self.give_up_waiting(direction, now_ns, sink)
            }
            Piece::Differing { ahead } if self.request.is_some() => {
                sink(direction, now_ns, What::Note(Note::Differing { ahead }));
                Heard::Nothing
            }
            Piece::End if self.request.is_some() => {
                sink(direction, now_ns, What::End(End::Finished));
                Heard::Nothing
            }
            Piece::Differing { .. } | Piece::End => Heard::Nothing,
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, now_ns: u64, sink: &mut Sink<'_>) -> Heard {
        if self.answer.is_some() {
            return self.open_without_request(sink);
        }
        let has_rest = self.rest.iter().any(|rest| !rest.is_empty());
        if self.is_foreign && self.request.is_some() && has_rest && !self.was_answered {
            return self.give_up_waiting(Direction::ClientToServer, now_ns, sink);
        }
        Heard::Nothing
    }

    /// Without the answer nobody knows what was agreed on.
    fn give_up_waiting(&mut self, direction: Direction, now_ns: u64, sink: &mut Sink<'_>) -> Heard {
        sink(direction, now_ns, What::Note(Note::AnswerNotCaptured));
        match &self.request {
            Some(request) if self.is_foreign => {
                let offers = |value: &[u8]| value.windows(DEFLATE.len()).any(|window| window == DEFLATE);
                Heard::Unanswered { offered: request.head().headers("sec-websocket-extensions").any(offers) }
            }
            _ => Heard::NoHttp,
        }
    }

    /// The answer says by itself what was agreed on.
    fn open_without_request(&mut self, sink: &mut Sink<'_>) -> Heard {
        let Some((time_ns, head)) = self.answer.take() else { return Heard::Nothing };
        let response = Box::new(judge_response(&head, self.request.as_deref()));
        let deflate = response.deflate();
        sink(Direction::ServerToClient, time_ns, What::Response(response));
        Heard::Open(deflate)
    }

    fn hear_client(&mut self, time_ns: u64, mut bytes: &[u8], at: u64, is_first: bool, sink: &mut Sink<'_>) -> Heard {
        let end = at + bytes.len() as u64;
        while !bytes.is_empty() {
            if self.request.is_some() {
                self.keep(Direction::ClientToServer, time_ns, bytes, end);
                let is_alone = self.is_foreign && !self.was_answered && self.rest_len > ALONE_MAX;
                return if is_alone {
                    self.give_up_waiting(Direction::ClientToServer, time_ns, sink)
                } else {
                    Heard::Nothing
                };
            }
            let head = &mut self.heads[Direction::ClientToServer.index()];
            match take_head(head, bytes, |start| METHODS.iter().any(|method| begin_alike(start, method))) {
                TakenHead::None if self.answer.is_some() => {
                    self.keep(Direction::ClientToServer, time_ns, bytes, end);
                    return self.open_without_request(sink);
                }
                TakenHead::None if is_first => return Heard::NoHttp,
                TakenHead::None | TakenHead::More => return Heard::Nothing,
                TakenHead::TooLong => return Heard::NoHttp,
                TakenHead::Whole(head, rest) => {
                    bytes = rest;
                    let request = Box::new(judge_request(&head));
                    if !asks_for_web_socket(request.head()) {
                        if bytes.is_empty() {
                            return Heard::Http;
                        }
                        continue;
                    }
                    self.heads[Direction::ServerToClient.index()].clear();
                    self.was_answered = false;
                    self.request = Some(request.clone());
                    sink(Direction::ClientToServer, time_ns, What::Request(request));
                    if self.answer.is_some() {
                        self.keep(Direction::ClientToServer, time_ns, bytes, end);
                        return self.open_without_request(sink);
                    }
                }
            }
        }
        Heard::Nothing
    }

    /// An answer may have been captured before its request, or be all that was captured.
    fn hear_answer(&mut self, time_ns: u64, bytes: &[u8], end: u64, sink: &mut Sink<'_>) -> Heard {
        if self.answer.is_some() {
            self.keep(Direction::ServerToClient, time_ns, bytes, end);
            return if self.rest_len > ALONE_MAX { self.open_without_request(sink) } else { Heard::Nothing };
        }
        let head = &mut self.heads[Direction::ServerToClient.index()];
        if let TakenHead::Whole(head, rest) = take_head(head, bytes, |start| begin_alike(start, b"HTTP/1.1 101")) {
            let response = judge_response(&head, None);
            if response.head().headers("upgrade").any(is_web_socket) {
                self.answer = Some((time_ns, head));
                self.keep(Direction::ServerToClient, time_ns, rest, end);
            }
        }
        Heard::Nothing
    }

    fn hear_server(&mut self, time_ns: u64, mut bytes: &[u8], at: u64, sink: &mut Sink<'_>) -> Heard {
        let end = at + bytes.len() as u64;
        if self.request.is_none() && self.is_foreign {
            return self.hear_answer(time_ns, bytes, end, sink);
        }
        self.was_answered = true;
        while let (Some(request), false) = (&self.request, bytes.is_empty()) {
            let head = &mut self.heads[Direction::ServerToClient.index()];
            let TakenHead::Whole(head, rest) = take_head(head, bytes, |start| begin_alike(start, b"HTTP/")) else {
                return Heard::Nothing;
            };
            bytes = rest;
            let response = Box::new(judge_response(&head, Some(request)));
            let (status, deflate) = (response.status(), response.deflate());
            sink(Direction::ServerToClient, time_ns, What::Response(response));
            match status {
                Some(101) => {
                    self.keep(Direction::ServerToClient, time_ns, rest, end);
                    return Heard::Open(deflate);
                }
                // Not the answer yet (RFC 9110, 15.2).
                Some(100..=199) => {}
                _ => {
                    self.request = None;
                    self.rest = Default::default();
                    self.rest_len = 0;
                }
            }
        }
        Heard::Nothing
    }

    /// Keeps what lies in front of `end` in the capture.
    fn keep(&mut self, direction: Direction, time_ns: u64, bytes: &[u8], end: u64) {
        // A client that sends more than this without an answer does not speak WebSocket.
        if self.rest_len < REST_MAX && !bytes.is_empty() {
            self.rest_len += bytes.len() + REST_OVERHEAD;
            self.rest[direction.index()].push((time_ns, bytes.to_vec(), end - bytes.len() as u64));
        }
    }
}

pub(super) enum TakenHead<'a> {
    /// No head begins here.
    None,
    More,
    TooLong,
    /// A head and what follows.
    Whole(Vec<u8>, &'a [u8]),
}

/// Goes on with the head under way, or begins one if these bytes look like it.
pub(super) fn take_head<'a>(head: &mut Vec<u8>, bytes: &'a [u8], begins: impl Fn(&[u8]) -> bool) -> TakenHead<'a> {
    let before = head.len();
    head.extend_from_slice(bytes);
    if !begins(head) {
        head.clear();
        return TakenHead::None;
    }
    // The end may straddle what was there and what came.
    let from = before.saturating_sub(3);
    match head_len(&head[from..]) {
        Some(len) => {
            let len = from + len;
            head.truncate(len);
            TakenHead::Whole(std::mem::take(head), &bytes[len - before..])
        }
        None if head.len() > HEAD_MAX => {
            head.clear();
            TakenHead::TooLong
        }
        None => TakenHead::More,
    }
}

/// The bytes up to and with the first empty line.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    ends.find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Whether the bytes are where a head begins, of either half.
pub(super) fn may_begin_head(start: &[u8]) -> bool {
    begin_alike(start, b"HTTP/") || METHODS.iter().any(|method| begin_alike(start, method))
}

/// Whether the shorter of the two is where the longer begins.
fn begin_alike(bytes: &[u8], expected: &[u8]) -> bool {
    let len = bytes.len().min(expected.len());
    bytes[..len] == expected[..len]
}

/// Whether this request is for WebSocket, be it right or wrong.
fn asks_for_web_socket(head: &Head) -> bool {
    head.headers("upgrade").any(is_web_socket)
        || ["sec-websocket-key", "sec-websocket-version"].iter().any(|name| head.header(name).is_some())
}

fn is_web_socket(value: &[u8]) -> bool {
    value.windows(WEB_SOCKET.len()).any(|window| window.eq_ignore_ascii_case(WEB_SOCKET))
}

const WEB_SOCKET: &[u8] = b"websocket";
const DEFLATE: &[u8] = b"permessage-deflate";

/// Methods of requests. Only GET can ask for WebSocket, but that some other one did is worth seeing.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ", b"TRACE "];

/// Longer heads are given up on. Servers take far less.
const HEAD_MAX: usize = 1 << 16;
/// So much is kept of what a client sends before the answer is there.
const REST_MAX: usize = 1 << 20;
const REST_OVERHEAD: usize = 48;
/// A side that has said so much by itself is all that was captured.
const ALONE_MAX: usize = 1 << 16;
