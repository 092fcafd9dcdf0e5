//! Who speaks WebSocket, and what is said: the byte streams of one TCP connection as records.
//!
//! ```text
//! Opening --- 101 ---> Open        both directions go through a Dissector each
//!    |                   ^ ^
//!    | not HTTP          | | a tap's comment: joined late, with what was agreed on
//!    v                   | |
//! Seeking -- frames -----+ any state
//!    | too long
//!    v
//! Ignored
//! ```
//!
//! An HTTP connection stays in `Opening` however many requests it carries: the opening handshake may be the
//! tenth. A refused one is shown, and looking goes on. A tap always says where frames begin, so of a capture of ours
//! nothing is guessed.

use std::borrow::Cow;

use super::opening::{Heard, Opening, Rest, TakenHead, may_begin_head, take_head};
use super::pieces::Trail;
use super::recognise::{BITS_OF_A_FRIEND, BITS_OF_A_PROMISE, BITS_OF_A_STRANGER, Kept, Seeker};
use super::tcp::Piece;
use super::{CapturedFrame, Direction, End, Note, What};
use crate::deflate::params::DeflateParams;
use crate::dissect::{Dissection, Dissector};

/// What is known of one connection's talk.
#[derive(Debug)]
pub(super) struct Conversation {
    state: State,
    /// Others captured it: it may begin anywhere, and bytes may be missing of which nobody says so.
    is_foreign: bool,
    /// Something was told of it.
    was_web_socket: bool,
}

#[derive(Debug)]
enum State {
    /// With those who look for frames where no handshake is.
    Opening(Box<Opening>, Option<Box<[Seeker; 2]>>),
    Seeking(Box<[Seeker; 2]>),
    Open(Box<Open>),
    Ignored,
}

#[derive(Debug)]
struct Open {
    deflate: Option<DeflateParams>,
    speakers: [Speaker; 2],
}

/// Frames were recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    /// Which way the frames go that say it most clearly.
    direction: Direction,
    /// The server was taken for the client.
    pub(super) is_reversed: bool,
}

/// A record's content, where it belongs and when it was seen.
pub(super) type Sink<'a> = dyn FnMut(Direction, u64, What) + 'a;

impl Conversation {
    pub(super) fn new(is_foreign: bool) -> Self {
        let seekers = is_foreign.then(Box::default);
        Self { state: State::Opening(Box::new(Opening::new(is_foreign)), seekers), is_foreign, was_web_socket: false }
    }

    /// One that is WebSocket by somebody's word, from its first byte on if `is_from_start`.
    pub(super) fn assumed(deflate: Option<DeflateParams>, is_from_start: bool) -> Self {
        // What anybody may compress with inflates with the defaults.
        let deflate = Some(deflate.unwrap_or(DeflateParams::DEFAULT));
        let speakers = Direction::BOTH.map(|direction| {
            if is_from_start {
                Speaker { head: Some(Vec::new()), seeks: true, ..Speaker::new(direction, deflate) }
            } else {
                Speaker::seeking(direction, deflate, Seeker::of(direction.sender()), BITS_OF_A_PROMISE)
            }
        });
        Self { state: State::Open(Box::new(Open { deflate, speakers })), is_foreign: true, was_web_socket: true }
    }

    /// Whether there is nothing to see here, now or later.
    pub(super) const fn is_ignored(&self) -> bool {
        matches!(self.state, State::Ignored)
    }

    /// Whether an opening handshake was seen, or a tap said that there was one, or frames were found.
    pub(super) fn is_web_socket(&self) -> bool {
        match &self.state {
            State::Opening(opening, _) => opening.has_request(),
            State::Open(_) => true,
            State::Seeking(_) | State::Ignored => false,
        }
    }

    /// Whether anything was told of it: a handshake, even if it was refused or never answered.
    pub(super) const fn was_web_socket(&self) -> bool {
        self.was_web_socket
    }

    /// Whether its bytes could be frames.
    pub(super) fn may_be_frames(&self) -> bool {
        let (State::Seeking(seekers) | State::Opening(_, Some(seekers))) = &self.state else { return false };
        seekers.iter().any(|seeker| seeker.best(true).is_some_and(|place| place.bits >= BITS_WORTH_A_WORD))
    }

    /// Whether anything was heard yet.
    pub(super) fn has_begun(&self) -> bool {
        match &self.state {
            State::Opening(opening, _) => opening.has_begun(),
            State::Open(_) | State::Seeking(_) | State::Ignored => true,
        }
    }

    /// What was agreed on about compression, if the connection is open.
    pub(super) fn agreed(&self) -> Option<Option<DeflateParams>> {
        match &self.state {
            State::Open(open) => Some(open.deflate),
            State::Opening(..) | State::Seeking(_) | State::Ignored => None,
        }
    }

    /// Whether the connection is open, and the next byte of this direction begins a frame.
    pub(super) fn at_frame_boundary(&self, direction: Direction) -> bool {
        match &self.state {
            State::Open(open) => {
                let speaker = &open.speakers[direction.index()];
                !speaker.is_waiting && speaker.dissector.at_frame_boundary()
            }
            State::Opening(..) | State::Seeking(_) | State::Ignored => false,
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
        self.wait_for_boundaries(deflate);
        sink(direction, time_ns, What::JoinedLate { deflate });
    }

    /// The bytes are frames, but nobody knows what was agreed on.
    pub(super) fn join_without_handshake(&mut self, direction: Direction, time_ns: u64, sink: &mut Sink<'_>) {
        self.wait_for_boundaries(Some(DeflateParams::DEFAULT));
        sink(direction, time_ns, What::Note(Note::WithoutHandshake));
    }

    fn wait_for_boundaries(&mut self, deflate: Option<DeflateParams>) {
        let speakers = Direction::BOTH.map(|direction| Speaker::joining_late(direction, deflate));
        self.state = State::Open(Box::new(Open { deflate, speakers }));
    }

    /// The next piece of a direction's stream, which came to light with the packet of this time.
    pub(super) fn hear(&mut self, direction: Direction, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) {
        match &mut self.state {
            State::Open(open) => open.speakers[direction.index()].hear(now_ns, piece, sink),
            State::Opening(opening, seekers) => {
                if let Some(seekers) = seekers {
                    seek(&mut seekers[direction.index()], piece);
                }
                let heard = opening.hear(direction, now_ns, piece, sink);
                self.was_web_socket |= opening.has_request();
                self.heard(heard, sink);
            }
            State::Seeking(seekers) => {
                seek(&mut seekers[direction.index()], piece);
                if seekers.iter().all(Seeker::has_given_up) {
                    self.state = State::Ignored;
                }
            }
            State::Ignored => {}
        }
    }

    fn heard(&mut self, heard: Heard, sink: &mut Sink<'_>) {
        let State::Opening(opening, seekers) = &mut self.state else { return };
        match heard {
            Heard::Nothing => {}
            Heard::Http => *seekers = None,
            Heard::NoHttp => self.state = seekers.take().map_or(State::Ignored, State::Seeking),
            Heard::Open(deflate) => {
                let foreign = self.is_foreign;
                let speakers =
                    Direction::BOTH.map(|direction| Speaker { seeks: foreign, ..Speaker::new(direction, deflate) });
                let rests = Direction::BOTH.map(|direction| opening.take_rest(direction));
                self.open(deflate, speakers, rests, sink);
            }
            Heard::Unanswered { offered } => {
                let deflate = offered.then_some(DeflateParams::DEFAULT);
                let speakers = Direction::BOTH.map(|direction| {
                    let bits = match direction {
                        Direction::ClientToServer => BITS_OF_A_PROMISE,
                        Direction::ServerToClient => BITS_OF_A_FRIEND,
                    };
                    Speaker::seeking(direction, deflate, Seeker::of(direction.sender()), bits)
                });
                let rests = Direction::BOTH.map(|direction| opening.take_rest(direction));
                self.open(deflate, speakers, rests, sink);
            }
        }
    }

    /// What came in behind the heads is frames already.
    fn open(&mut self, deflate: Option<DeflateParams>, speakers: [Speaker; 2], rests: [Rest; 2], sink: &mut Sink<'_>) {
        self.state = State::Open(Box::new(Open { deflate, speakers }));
        for (direction, rest) in Direction::BOTH.into_iter().zip(rests) {
            for (time_ns, bytes, at) in rest {
                let piece = Piece::Bytes { time_ns, bytes: &bytes, at, boundary: false };
                self.hear(direction, time_ns, piece, sink);
            }
        }
    }

    /// Whether there is enough to say that these are frames, though nothing but they themselves says so.
    pub(super) fn recognise(&self, has_ended: bool) -> Option<Recognised> {
        let seekers = match &self.state {
            State::Seeking(seekers) => seekers,
            State::Opening(opening, Some(seekers)) if !opening.is_under_way() => seekers,
            State::Opening(..) | State::Open(_) | State::Ignored => return None,
        };
        let [first, second] = Direction::BOTH.map(|direction| {
            let place = seekers[direction.index()].best(has_ended)?;
            let is_reversed = place.role != direction.sender();
            Some((place.bits, Recognised { direction, is_reversed }))
        });
        let (bits, found) = match (first, second) {
            (Some(first), Some(second)) if first.1.is_reversed == second.1.is_reversed => {
                (first.0 + second.0, if first.0 < second.0 { second.1 } else { first.1 })
            }
            // Both would be clients, or servers: at least one of them is neither.
            (first, second) => first.into_iter().chain(second).max_by_key(|(bits, _)| *bits)?,
        };
        (bits >= BITS_OF_A_STRANGER).then_some(found)
    }

    /// Client and server were mixed up.
    pub(super) fn reverse(&mut self) {
        if let State::Seeking(seekers) | State::Opening(_, Some(seekers)) = &mut self.state {
            seekers.reverse();
        }
    }

    /// Shows the frames that were recognised, once it is clear who is who.
    pub(super) fn open_recognised(&mut self, recognised: Recognised, now_ns: u64, sink: &mut Sink<'_>) {
        let state = std::mem::replace(&mut self.state, State::Ignored);
        let (State::Seeking(seekers) | State::Opening(_, Some(seekers))) = state else { return };
        let deflate = Some(DeflateParams::DEFAULT);
        let direction = if recognised.is_reversed { recognised.direction.reverse() } else { recognised.direction };
        sink(direction, now_ns, What::Note(Note::Recognised));
        let [client, server] = *seekers;
        let mut speakers = [(Direction::ClientToServer, client), (Direction::ServerToClient, server)].map(
            |(direction, mut seeker)| {
                seeker.expect(direction.sender());
                Speaker::seeking(direction, deflate, seeker, BITS_OF_A_PROMISE)
            },
        );
        for speaker in &mut speakers {
            speaker.settle(false, now_ns, sink);
        }
        self.state = State::Open(Box::new(Open { deflate, speakers }));
    }

    /// Nothing more will come from this direction.
    pub(super) fn finish(&mut self, direction: Direction, now_ns: u64, sink: &mut Sink<'_>) {
        if let State::Opening(opening, _) = &mut self.state {
            let heard = opening.finish(now_ns, sink);
            self.heard(heard, sink);
        }
        if let State::Open(open) = &mut self.state {
            open.speakers[direction.index()].finish(now_ns, sink);
        }
    }
}

/// From so many bits on it is worth saying that there may be frames.
const BITS_WORTH_A_WORD: u32 = 5;

fn seek(seeker: &mut Seeker, piece: Piece<'_>) {
    match piece {
        Piece::Bytes { time_ns, bytes, at, .. } => seeker.hear(time_ns, bytes, at),
        Piece::Gap { missing } => seeker.miss(missing),
        Piece::Differing { .. } | Piece::End => {}
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
    /// Whether to look for frames behind a gap.
    seeks: bool,
    /// Who looks for the next frame, and how many bits it takes to believe it.
    seeker: Option<(Box<Seeker>, u32)>,
    /// What may be the head of a handshake, in front of frames that somebody vouches for.
    head: Option<Vec<u8>>,
}

impl Speaker {
    fn new(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::new(direction.sender(), deflate);
        Self {
            direction,
            dissector,
            began_ns: 0,
            is_waiting: false,
            unreadable: 0,
            trail: Trail::default(),
            seeks: false,
            seeker: None,
            head: None,
        }
    }

    fn joining_late(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::joining_late(direction.sender(), deflate);
        Self { dissector, is_waiting: true, ..Self::new(direction, None) }
    }

    /// One whose first frame has still to be found, with so many bits of evidence.
    fn seeking(direction: Direction, deflate: Option<DeflateParams>, seeker: Seeker, bits: u32) -> Self {
        let unreadable = seeker.heard();
        let seeker = Some((Box::new(seeker), bits));
        Self { seeks: true, seeker, unreadable, ..Self::joining_late(direction, deflate) }
    }

    fn hear(&mut self, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) {
        match piece {
            Piece::Bytes { time_ns, bytes, at, boundary } => {
                if boundary {
                    self.find_boundary(now_ns, sink);
                }
                self.hear_bytes(time_ns, bytes, at, now_ns, sink);
            }
            Piece::Gap { missing } => self.miss(missing, now_ns, sink),
            Piece::Differing { ahead } => sink(self.direction, now_ns, What::Note(Note::Differing { ahead })),
            Piece::End => {
                self.finish(now_ns, sink);
                sink(self.direction, now_ns, What::End(End::Finished));
            }
        }
    }

    fn hear_bytes(&mut self, time_ns: u64, bytes: &[u8], at: u64, now_ns: u64, sink: &mut Sink<'_>) {
        let end = at + bytes.len() as u64;
        let Some(bytes) = self.behind_head(bytes) else { return };
        // Only of what looked like a head and is none could it begin before.
        let at = end.saturating_sub(bytes.len() as u64);
        if self.is_waiting || self.dissector.is_lost() {
            self.unreadable += bytes.len() as u64;
            self.trail.clear();
            if let Some((seeker, _)) = &mut self.seeker {
                seeker.hear(time_ns, &bytes, at);
                self.settle(false, now_ns, sink);
            } else if !self.is_waiting {
                // Lost, but it counts.
                self.dissector.feed(&bytes);
            }
            return;
        }
        self.note_unreadable(now_ns, sink);
        if self.dissector.at_frame_boundary() {
            self.began_ns = time_ns;
        }
        self.trail.push(self.dissector.offset(), at, bytes.len() as u64);
        self.dissector.feed(&bytes);
        // Whatever follows a frame that ended in these bytes began in them too.
        if self.drain(time_ns, sink) {
            self.began_ns = time_ns;
        }
    }

    /// Leaves out the head of a handshake that did not say that it is one.
    fn behind_head<'a>(&mut self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Some(mut head) = self.head.take() else { return Some(Cow::Borrowed(bytes)) };
        let seen = [&head, bytes].concat();
        match take_head(&mut head, bytes, may_begin_head) {
            TakenHead::More => {
                self.head = Some(head);
                None
            }
            TakenHead::None | TakenHead::TooLong => Some(Cow::Owned(seen)),
            TakenHead::Whole(head, rest) => {
                self.unreadable += head.len() as u64;
                Some(Cow::Borrowed(rest))
            }
        }
    }

    /// Goes on at the place that was found, if it was.
    fn settle(&mut self, has_ended: bool, now_ns: u64, sink: &mut Sink<'_>) {
        let Some((seeker, bits)) = &mut self.seeker else { return };
        let Some(place) = seeker.best(has_ended).filter(|place| place.bits >= *bits) else { return };
        let kept = seeker.take_from(place.start);
        self.seeker = None;
        let is_lost = self.dissector.is_lost();
        if is_lost {
            self.dissector.skip(place.start);
        }
        let readable: usize =
            kept.iter().map(|piece| if let Kept::Bytes(_, bytes, _) = piece { bytes.len() } else { 0 }).sum();
        self.unreadable = self.unreadable.saturating_sub(readable as u64);
        self.find_boundary(now_ns, sink);
        if is_lost {
            sink(self.direction, now_ns, What::Note(Note::FoundAgain));
        }
        for piece in kept {
            match piece {
                Kept::Bytes(time_ns, bytes, at) => self.hear_bytes(time_ns, &bytes, at, now_ns, sink),
                // It was told when it came, and is inside of a payload.
                Kept::Gap(missing) => {
                    self.dissector.skip(missing);
                }
            }
        }
    }

    fn miss(&mut self, missing: u64, now_ns: u64, sink: &mut Sink<'_>) {
        self.head = None;
        if let Some((seeker, _)) = &mut self.seeker {
            seeker.miss(missing);
            sink(self.direction, now_ns, What::Gap { missing, inside_payload: false });
            return;
        }
        let inside_payload = !self.is_waiting && self.dissector.skip(missing);
        let gap = What::Gap { missing, inside_payload };
        if inside_payload {
            sink(self.direction, now_ns, gap);
            self.drain(now_ns, sink);
        } else {
            // The frame that was cut off comes first.
            self.drain(now_ns, sink);
            sink(self.direction, now_ns, gap);
            self.seek();
        }
    }

    /// The next byte begins a frame.
    fn find_boundary(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        self.is_waiting = false;
        self.seeker = None;
        self.head = None;
        self.dissector.resume();
        self.drain(now_ns, sink);
        self.note_unreadable(now_ns, sink);
    }

    fn finish(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        self.settle(true, now_ns, sink);
        self.seeker = None;
        let is_inside = !self.is_waiting && !self.dissector.at_frame_boundary();
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
        if is_inside {
            // Whatever may still come, as behind a reset that was none, is not the beginning of a frame.
            self.dissector.skip(1);
            self.seek();
        }
    }

    /// Looks for the next frame, where that may be guessed at.
    fn seek(&mut self) {
        if self.seeks && self.dissector.is_lost() {
            self.seeker = Some((Box::new(Seeker::of(self.direction.sender())), BITS_OF_A_FRIEND));
        }
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
