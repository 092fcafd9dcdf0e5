//! A client's end of one connection, from the request to the last byte: the codec's handshake and connection, and the
//! buffers between them and whoever moves the bytes.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use framescope_codec::deflate::params::Offer;
use framescope_codec::handshake::{ClientHandshake, ClientOptions, ExtraHeaders, HandshakeError, Url};
use framescope_codec::{
    CloseCode, CloseFrame, Config, Connection, ControlPayload, Event, Input, Message, Opcode, Violation,
};

use super::keys::{Random, masking_keys};
use super::splitter::Splitter;

/// What the opening handshake is to ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) subprotocols: Vec<String>,
    pub(super) headers: Option<ExtraHeaders>,
    pub(super) offer: Option<Offer>,
    pub(super) config: Config,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// All that came is worked off.
    Nothing,
    /// The opening handshake is done.
    Opened,
    Text,
    Binary,
    Ping,
    Pong,
    /// The server's Close.
    Closing,
    /// The server broke a rule, and the Close that says so is due.
    Failed,
    /// The server did not agree to the opening handshake.
    Refused,
    /// A whole frame is about to be worked off.
    Frame,
    /// Too many answers are due already: fetch those first.
    Stalled,
}

/// What went wrong, in words for people and names for programs.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) rule: &'static str,
    pub(super) section: &'static str,
    /// The HTTP status, or the close code.
    pub(super) number: u16,
}

/// The state of the protocol.
pub(super) struct Protocol {
    random: Random,
    config: Config,
    phase: Phase,
    /// What came and is not worked off yet: from `at` on. The connection may see it up to `piece_end`, where a frame
    /// ends that somebody wants to see.
    input: Vec<u8>,
    at: usize,
    piece_end: usize,
    /// The input is what was last received and nothing else.
    is_one_chunk: bool,
    /// Where in it the bytes of the last event are, if they are there as they came.
    place: Range<usize>,
    /// What is due on the wire: messages of the application's, and what the protocol answers by itself.
    out: Vec<u8>,
    answers: Vec<u8>,
    /// The answers end in a Close, so they have to go last; otherwise they go first.
    answers_close: bool,
    /// What was fetched, to be cut into frames: from `fetched_at` on.
    fetched: Vec<u8>,
    fetched_at: usize,
    received_frames: Splitter,
    sent_frames: Splitter,
    is_watched: bool,
    subprotocol: String,
    extensions: String,
    trouble: Trouble,
}

enum Phase {
    /// Nothing was asked yet, or there is no going on.
    Idle,
    Opening(Box<ClientHandshake>),
    /// The server said no, with a head of so many bytes, and a body of so many if that is known.
    Refused {
        head_len: usize,
        body_len: Option<usize>,
    },
    Open(Box<Connection>),
}

impl Protocol {
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            config: Config::DEFAULT,
            phase: Phase::Idle,
            input: Vec::new(),
            at: 0,
            piece_end: 0,
            is_one_chunk: false,
            place: 0..0,
            out: Vec::new(),
            answers: Vec::new(),
            answers_close: false,
            fetched: Vec::new(),
            fetched_at: 0,
            received_frames: Splitter::default(),
            sent_frames: Splitter::default(),
            is_watched: false,
            subprotocol: String::new(),
            extensions: String::new(),
            trouble: Trouble::default(),
        }
    }

    /// Prepares the request; an error says why there can be none.
    pub(super) fn prepare(&mut self, url: &str, asked: &Asked) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let mut key = [0; 16];
        (self.random)(&mut key);
        let subprotocols: Vec<_> = asked.subprotocols.iter().map(String::as_str).collect();
        let options = ClientOptions {
            subprotocols: &subprotocols,
            offers: asked.offer.as_slice(),
            headers: asked.headers.as_ref(),
            ..ClientOptions::default()
        };
        let handshake = ClientHandshake::new(&url, key, &options).map_err(|error| error.to_string())?;
        self.config = asked.config;
        self.phase = Phase::Opening(Box::new(handshake));
        Ok(())
    }

    pub(super) fn request(&mut self) {
        if let Phase::Opening(handshake) = &self.phase {
            handshake.request(&mut self.out);
        }
    }

    pub(super) const fn watch(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Takes what came, and says whether nothing was left from before: then [`place`](Self::place) counts in it.
    pub(super) fn receive(&mut self, bytes: Vec<u8>) -> bool {
        self.is_one_chunk = self.input.is_empty();
        if self.is_one_chunk {
            self.input = bytes;
        } else {
            self.input.extend_from_slice(&bytes);
        }
        self.is_one_chunk
    }

    /// Where the bytes of the last event are in what was received, if they came in one piece and as they are: whoever
    /// still has that need not be lent them.
    pub(super) const fn place(&self) -> &Range<usize> {
        &self.place
    }

    /// What happened next. Its bytes, if it has any, are lent to `lend`, unless they have a [`place`](Self::place).
    pub(super) fn next(&mut self, lend: &mut dyn FnMut(&[u8])) -> Happening {
        self.place = 0..0;
        match &self.phase {
            Phase::Idle | Phase::Refused { .. } => Happening::Nothing,
            Phase::Opening(_) => self.next_of_opening(),
            Phase::Open(_) => self.next_of_connection(lend),
        }
    }

    fn next_of_opening(&mut self) -> Happening {
        let Phase::Opening(handshake) = &mut self.phase else { return Happening::Nothing };
        match handshake.receive(&self.input) {
            Ok(None) => Happening::Nothing,
            Ok(Some((response, len))) => {
                self.subprotocol = response.subprotocol().unwrap_or_default().to_owned();
                for value in response.headers("sec-websocket-extensions") {
                    self.extensions.push_str(if self.extensions.is_empty() { "" } else { ", " });
                    self.extensions.push_str(&String::from_utf8_lossy(value));
                }
                (self.at, self.piece_end) = (len, len);
                self.phase = Phase::Open(Box::new(response.accept(self.config, masking_keys(self.random))));
                Happening::Opened
            }
            Err(error) => {
                self.refused(&error);
                Happening::Refused
            }
        }
    }

    fn refused(&mut self, error: &HandshakeError) {
        self.trouble.message = error.to_string();
        if let Some(rule) = error.rule() {
            (self.trouble.rule, self.trouble.section) = (rule.name(), rule.section());
        }
        let (mut head_len, mut body_len) = (self.input.len(), Some(0));
        if let HandshakeError::Refused { status, head } = error {
            self.trouble.number = *status;
            head_len = head.bytes().len();
            let length = head.header("content-length").and_then(|value| str::from_utf8(value).ok());
            body_len = length.and_then(|length| length.trim().parse().ok());
        }
        self.phase = Phase::Refused { head_len, body_len };
    }

    fn next_of_connection(&mut self, lend: &mut dyn FnMut(&[u8])) -> Happening {
        let Phase::Open(connection) = &mut self.phase else { return Happening::Nothing };
        loop {
            if self.at < self.piece_end {
                if self.answers.len() > ANSWERS_MAX {
                    return Happening::Stalled;
                }
                let (base, one_chunk) =
                    (self.input.as_ptr().addr(), if self.is_one_chunk { self.input.len() } else { 0 });
                let mut input = Input::new(&mut self.input[self.at..self.piece_end]);
                let (was_open, answers) = (connection.is_open(), self.answers.len());
                let mut happening = Happening::Nothing;
                let mut violation = None;
                if let Some(event) = connection.receive(&mut input, &mut self.answers) {
                    happening = look_at(&event, &mut violation, &mut |bytes| {
                        let start = bytes.as_ptr().addr().wrapping_sub(base);
                        if start < one_chunk && !bytes.is_empty() {
                            self.place = start..start + bytes.len();
                        } else {
                            lend(bytes);
                        }
                    });
                }
                self.at = self.piece_end - input.len();
                if was_open && !connection.is_open() {
                    // One Close is enough, even a hand-made one.
                    if self.sent_frames.saw_close() {
                        self.answers.truncate(answers);
                    } else {
                        self.answers_close = true;
                    }
                }
                if let Some(violation) = violation {
                    self.trouble.set(violation);
                }
                if happening != Happening::Nothing {
                    return happening;
                }
            }
            let rest = &self.input[self.piece_end..];
            if rest.is_empty() {
                // A buffer for a big read is not kept for the small ones after it.
                self.input = Vec::new();
                (self.at, self.piece_end) = (0, 0);
                return Happening::Nothing;
            }
            if !self.is_watched {
                self.received_frames.skip(rest);
                self.piece_end = self.input.len();
                continue;
            }
            let cut = self.received_frames.take(rest, true);
            self.piece_end += cut.len;
            if let Some(frame) = self.received_frames.frame().filter(|_| cut.is_end) {
                lend(frame);
                return Happening::Frame;
            }
        }
    }

    /// Sends a message in fragments of `fragment_size` bytes; in one frame if that is 0.
    pub(super) fn send(&mut self, message: Message<'_>, fragment_size: usize, compress: bool) {
        let Phase::Open(connection) = &mut self.phase else { return };
        let sender = connection.halves().1;
        sender.set_compress_min(if compress { self.config.compress_min } else { usize::MAX });
        // Behind our Close nothing is sent, and nobody is told.
        let _ = match NonZeroUsize::new(fragment_size) {
            Some(size) => sender.send_fragmented(message, size, &mut self.out),
            None => sender.send(message, &mut self.out),
        };
    }

    /// Sends a ping or a pong; nothing if the payload is too long for one.
    pub(super) fn send_control(&mut self, opcode: Opcode, payload: &[u8]) {
        let (Phase::Open(connection), Ok(payload)) = (&mut self.phase, ControlPayload::try_from(payload)) else {
            return;
        };
        let _ = match opcode {
            Opcode::Ping => connection.ping(payload, &mut self.out),
            _ => connection.pong(payload, &mut self.out),
        };
    }

    /// Begins the closing handshake; without a status if `code` is none that may be sent.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        let Phase::Open(connection) = &mut self.phase else { return };
        let frame = CloseCode::new(code).map(|code| CloseFrame::new(code, reason));
        let _ = connection.close(frame, &mut self.out);
    }

    pub(super) fn send_raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// How many bytes are due on the wire.
    pub(super) const fn due(&self) -> usize {
        self.out.len() + self.answers.len()
    }

    /// Lends all bytes that are due, and forgets them.
    pub(super) fn output(&mut self, lend: &mut dyn FnMut(&[u8])) {
        if self.due() == 0 {
            return;
        }
        let (mut bytes, mut last) = (std::mem::take(&mut self.answers), std::mem::take(&mut self.out));
        if self.answers_close {
            std::mem::swap(&mut bytes, &mut last);
        }
        if bytes.is_empty() {
            bytes = last;
        } else {
            bytes.extend_from_slice(&last);
        }
        lend(&bytes);
        if let Phase::Open(_) = self.phase {
            if self.is_watched {
                self.fetched.extend_from_slice(&bytes);
            } else {
                self.sent_frames.skip(&bytes);
            }
            bytes.clear();
            if bytes.capacity() <= BUFFER_KEPT {
                self.out = bytes;
            }
        }
    }

    /// Lends the next whole frame of what was fetched, if there is one.
    pub(super) fn next_sent(&mut self, lend: &mut dyn FnMut(&[u8])) {
        while self.fetched_at < self.fetched.len() {
            let cut = self.sent_frames.take(&self.fetched[self.fetched_at..], self.is_watched);
            self.fetched_at += cut.len;
            if let Some(frame) = self.sent_frames.frame().filter(|_| cut.is_end) {
                return lend(frame);
            }
        }
        self.fetched = Vec::new();
        self.fetched_at = 0;
    }

    pub(super) const fn is_ended(&self) -> bool {
        matches!(&self.phase, Phase::Open(connection) if connection.wants_shutdown())
    }

    pub(super) const fn is_exhausted(&self) -> bool {
        matches!(&self.phase, Phase::Open(connection) if connection.linger_exhausted())
    }

    pub(super) fn subprotocol(&self) -> &str {
        &self.subprotocol
    }

    pub(super) fn extensions(&self) -> &str {
        &self.extensions
    }

    pub(super) const fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// The server's refusal: the head and the beginning of the body.
    pub(super) fn response(&self) -> String {
        let Phase::Refused { head_len, .. } = self.phase else { return String::new() };
        let end = self.input.len().min(head_len + BODY_MAX);
        String::from_utf8_lossy(&self.input[..end]).into_owned()
    }

    /// How many bytes of its body are still worth waiting for.
    pub(super) fn body_missing(&self) -> usize {
        let Phase::Refused { head_len, body_len } = self.phase else { return 0 };
        let end = head_len + body_len.unwrap_or(BODY_MAX).min(BODY_MAX);
        end.saturating_sub(self.input.len())
    }

    /// The stream is over: the close code. The reason, and 1 for a clean end, are left in [`trouble`](Self::trouble).
    pub(super) fn end(&mut self) -> u16 {
        let Phase::Open(connection) = &mut self.phase else { return 1006 };
        let closed = connection.receive_eof();
        self.trouble = Trouble { message: closed.reason, number: closed.was_clean.into(), ..Trouble::default() };
        self.phase = Phase::Idle;
        closed.code
    }
}

/// Tells an event by its kind, and lends its bytes.
fn look_at(event: &Event<'_>, violation: &mut Option<Violation>, lend: &mut dyn FnMut(&[u8])) -> Happening {
    match event {
        Event::Message(message) => {
            lend(message.as_bytes());
            if let Message::Text(_) = message { Happening::Text } else { Happening::Binary }
        }
        Event::Ping(payload) => {
            lend(payload);
            Happening::Ping
        }
        Event::Pong(payload) => {
            lend(payload);
            Happening::Pong
        }
        Event::Closing(_) => Happening::Closing,
        Event::Failed(broken) => {
            *violation = Some(*broken);
            Happening::Failed
        }
    }
}

impl Trouble {
    fn set(&mut self, violation: Violation) {
        *self = Self {
            message: violation.says().to_owned(),
            rule: violation.name(),
            section: violation.section(),
            number: violation.close_code().get(),
        };
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol").field("due", &self.due()).finish_non_exhaustive()
    }
}

/// Pongs that may wait before no more pings are looked at.
const ANSWERS_MAX: usize = 64 << 10;

/// An output buffer larger than this is given back.
const BUFFER_KEPT: usize = 64 << 10;

/// How much of a refusal's body is kept.
const BODY_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests;
