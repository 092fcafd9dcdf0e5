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

mod speaker;

use super::opening::{Heard, Opening, Rest};
use super::recognise::{BITS_OF_A_FRIEND, BITS_OF_A_PROMISE, BITS_OF_A_STRANGER, Seeker};
use super::tcp::Piece;
use super::{Direction, Note, What};
use crate::deflate::params::DeflateParams;
use speaker::Speaker;

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
                Speaker::vouched_for(direction, deflate)
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
            State::Open(open) => open.speakers[direction.index()].at_frame_boundary(),
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
                let speaker = if self.is_foreign { Speaker::foreign } else { Speaker::new };
                let speakers = Direction::BOTH.map(|direction| speaker(direction, deflate));
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
