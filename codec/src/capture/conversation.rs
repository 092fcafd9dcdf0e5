//! Who speaks WebSocket, and what is said: the byte streams of one TCP connection as records.
//!
//! ```text
//! Opening --- 101 ---> Open        both directions go through a Dissector each
//!    |                   ^
//!    | not HTTP          | a tap's comment: joined late, with what was agreed on
//!    v                   |
//! Ignored        any state
//! ```
//!
//! An HTTP connection stays in `Opening` however many requests it carries: the opening handshake may be the
//! tenth. A refused one is shown, and looking goes on.

use super::opening::{Heard, Opening};
use super::pieces::Trail;
use super::tcp::Piece;
use super::{CapturedFrame, Direction, End, Note, What};
use crate::deflate::params::DeflateParams;
use crate::dissect::{Dissection, Dissector};

/// What is known of one connection's talk.
#[derive(Debug)]
pub(super) struct Conversation {
    state: State,
}

#[derive(Debug)]
enum State {
    Opening(Box<Opening>),
    Open(Box<Open>),
    Ignored,
}

#[derive(Debug)]
struct Open {
    deflate: Option<DeflateParams>,
    speakers: [Speaker; 2],
}

/// A record's content, where it belongs and when it was seen.
pub(super) type Sink<'a> = dyn FnMut(Direction, u64, What) + 'a;

impl Conversation {
    pub(super) fn new() -> Self {
        Self { state: State::Opening(Box::default()) }
    }

    /// Whether there is nothing to see here, now or later.
    pub(super) const fn is_ignored(&self) -> bool {
        matches!(self.state, State::Ignored)
    }

    /// Whether an opening handshake was seen, or a tap said that there was one.
    pub(super) fn is_web_socket(&self) -> bool {
        match &self.state {
            State::Opening(opening) => opening.has_request(),
            State::Open(_) => true,
            State::Ignored => false,
        }
    }

    /// Whether anything was heard yet.
    pub(super) fn has_begun(&self) -> bool {
        match &self.state {
            State::Opening(opening) => opening.has_begun(),
            State::Open(_) | State::Ignored => true,
        }
    }

    /// What was agreed on about compression, if the connection is open.
    pub(super) fn agreed(&self) -> Option<Option<DeflateParams>> {
        match &self.state {
            State::Open(open) => Some(open.deflate),
            State::Opening(_) | State::Ignored => None,
        }
    }

    /// Whether the connection is open, and the next byte of this direction begins a frame.
    pub(super) fn at_frame_boundary(&self, direction: Direction) -> bool {
        match &self.state {
            State::Open(open) => {
                let speaker = &open.speakers[direction.index()];
                !speaker.is_waiting && speaker.dissector.at_frame_boundary()
            }
            State::Opening(_) | State::Ignored => false,
        }
    }

    /// A tap joined the open connection. Each direction makes sense from its next frame boundary on.
    pub(super) fn join_late(
        &mut self,
        direction: Direction,
        time_ns: u64,
        deflate: Option<DeflateParams>,
        sink: &mut Sink<'_>,
    ) {
        let speakers = Direction::BOTH.map(|direction| Speaker::joining_late(direction, deflate));
        self.state = State::Open(Box::new(Open { deflate, speakers }));
        sink(direction, time_ns, What::JoinedLate { deflate });
    }

    /// The next piece of a direction's stream, which came to light with the packet of this time.
    pub(super) fn hear(&mut self, direction: Direction, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) {
        match &mut self.state {
            State::Open(open) => open.speakers[direction.index()].hear(now_ns, piece, sink),
            State::Opening(opening) => match opening.hear(direction, now_ns, piece, sink) {
                Heard::Nothing => {}
                Heard::NoHttp => self.state = State::Ignored,
                Heard::Open(deflate) => self.open(deflate, sink),
            },
            State::Ignored => {}
        }
    }

    /// Nothing more will come from this direction.
    pub(super) fn finish(&mut self, direction: Direction, now_ns: u64, sink: &mut Sink<'_>) {
        if let State::Open(open) = &mut self.state {
            open.speakers[direction.index()].finish(now_ns, sink);
        }
    }

    /// The handshake is done. What came in behind its heads is frames already.
    fn open(&mut self, deflate: Option<DeflateParams>, sink: &mut Sink<'_>) {
        let speakers = Direction::BOTH.map(|direction| Speaker::new(direction, deflate));
        let before = std::mem::replace(&mut self.state, State::Open(Box::new(Open { deflate, speakers })));
        let State::Opening(mut opening) = before else { return };
        for direction in Direction::BOTH {
            for (time_ns, bytes, at) in opening.take_rest(direction) {
                let piece = Piece::Bytes { time_ns, bytes: &bytes, at, boundary: false };
                self.hear(direction, time_ns, piece, sink);
            }
        }
    }
}

/// One direction of an open connection.
#[derive(Debug)]
struct Speaker {
    direction: Direction,
    dissector: Dissector,
    /// When the first byte of the frame under way came.
    began_ns: u64,
    /// Waiting for a first frame boundary.
    is_waiting: bool,
    /// Bytes that came while it was not known where a frame begins.
    unreadable: u64,
    /// Where the bytes of the frame under way lie, and those behind it.
    trail: Trail,
}

impl Speaker {
    fn new(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::new(direction.sender(), deflate);
        let trail = Trail::default();
        Self { direction, dissector, began_ns: 0, is_waiting: false, unreadable: 0, trail }
    }

    fn joining_late(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::joining_late(direction.sender(), deflate);
        Self { dissector, is_waiting: true, ..Self::new(direction, None) }
    }

    fn hear(&mut self, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) {
        match piece {
            Piece::Bytes { time_ns, bytes, at, boundary } => {
                if boundary {
                    self.find_boundary(now_ns, sink);
                }
                self.hear_bytes(time_ns, bytes, at, sink);
            }
            Piece::Gap { missing } => self.miss(missing, now_ns, sink),
            Piece::Differing { ahead } => sink(self.direction, now_ns, What::Note(Note::Differing { ahead })),
            Piece::End => {
                self.finish(now_ns, sink);
                sink(self.direction, now_ns, What::End(End::Finished));
            }
        }
    }

    fn hear_bytes(&mut self, time_ns: u64, bytes: &[u8], at: u64, sink: &mut Sink<'_>) {
        if self.is_waiting || self.dissector.is_lost() {
            self.unreadable += bytes.len() as u64;
        }
        if self.is_waiting {
            return;
        }
        if self.dissector.at_frame_boundary() {
            self.began_ns = time_ns;
        }
        if self.dissector.is_lost() {
            self.trail.clear();
        } else {
            self.trail.push(self.dissector.offset(), at, bytes.len() as u64);
        }
        self.dissector.feed(bytes);
        // Whatever follows a frame that ended in these bytes began in them too.
        if self.drain(time_ns, sink) {
            self.began_ns = time_ns;
        }
    }

    fn miss(&mut self, missing: u64, now_ns: u64, sink: &mut Sink<'_>) {
        let inside_payload = !self.is_waiting && self.dissector.skip(missing);
        let gap = What::Gap { missing, inside_payload };
        if inside_payload {
            sink(self.direction, now_ns, gap);
            self.drain(now_ns, sink);
        } else {
            // The frame that was cut off comes first.
            self.drain(now_ns, sink);
            sink(self.direction, now_ns, gap);
        }
    }

    /// The next byte begins a frame.
    fn find_boundary(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        self.is_waiting = false;
        self.dissector.resume();
        self.drain(now_ns, sink);
        self.note_unreadable(now_ns, sink);
    }

    fn finish(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        while let Some(dissection) = self.dissector.finish() {
            let frame = self.captured(dissection, self.began_ns);
            sink(self.direction, now_ns, What::Frame(Box::new(frame)));
        }
        let header = self.dissector.partial_header().to_vec();
        if !header.is_empty() {
            self.dissector.resume();
            sink(self.direction, now_ns, What::Note(Note::CutHeader(header)));
        }
        self.note_unreadable(now_ns, sink);
    }

    fn note_unreadable(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        let bytes = std::mem::take(&mut self.unreadable);
        if bytes > 0 {
            sink(self.direction, now_ns, What::Note(Note::Unreadable { bytes }));
        }
    }

    /// Hands on the frames that are ready; true if there was one.
    fn drain(&mut self, time_ns: u64, sink: &mut Sink<'_>) -> bool {
        let mut any = false;
        while let Some(dissection) = self.dissector.next_frame() {
            let began_ns = if any { time_ns } else { self.began_ns };
            any = true;
            let frame = self.captured(dissection, began_ns);
            sink(self.direction, time_ns, What::Frame(Box::new(frame)));
        }
        any
    }

    fn captured(&mut self, dissection: Dissection, began_ns: u64) -> CapturedFrame {
        let len = (dissection.header.encoded_len() as u64).saturating_add(dissection.header.payload_length.get());
        let pieces = self.trail.take(dissection.offset, len);
        let checkpoint = self.dissector.take_checkpoint(dissection.number);
        CapturedFrame { dissection, began_ns, pieces, checkpoint }
    }
}
