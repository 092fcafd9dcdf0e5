//! What a capture amounts to, connection by connection: who talked to whom, what was agreed on and why, how it ended,
//! and what takes more than one frame to notice.
//!
//! An [`Insight`] is handed each [`Event`] together with the row that whoever shows the capture gives it. What it
//! remembers of a connection is bounded, however many frames there are: counts, both heads, the ends, the first some
//! thousand masking keys and the latest some thousand pings.
//!
//! ```
//! use framescope_codec::capture::insight::{Insight, Place};
//! use framescope_codec::capture::{Decoder, Direction, Record, pcapng, tap::Flow};
//!
//! let mut capture = Vec::new();
//! pcapng::write_start(&mut capture);
//! let mut flow = Flow::in_process(1);
//! flow.join_late(1_000, None, &mut capture);
//! for (direction, time_ns, bytes) in [
//!     (Direction::ServerToClient, 2_000, &b"\x89\x01a"[..]), // a ping
//!     (Direction::ClientToServer, 7_000, b"\x8A\x81\0\0\0\0a"), // and its pong, masked with nothing
//! ] {
//!     flow.boundary(direction);
//!     flow.bytes(direction, time_ns, bytes, &mut capture);
//! }
//!
//! let (mut decoder, mut insight, mut row) = (Decoder::new(), Insight::new(), 0);
//! decoder.feed(&capture);
//! while let Some(record) = decoder.next_record() {
//!     if let Record::Event(event) = record {
//!         insight.take(Place { connection: event.stream, source: 0, row }, &event);
//!     }
//!     row += 1;
//! }
//! assert_eq!(insight.round_trips(None)[0].ns, Some(5_000));
//! let conversation = insight.conversation(0).unwrap();
//! assert!(conversation.masking.says.contains("00000000"));
//! ```

mod agreement;
mod closing;
mod extensions;
mod finding;
mod headers;
mod masking;
mod pings;
mod report;
mod talk;
mod trips;

pub use agreement::judge_handshake;
pub use finding::{Finding, Findings, Found, Severity};
pub use report::{
    Agreed, Closing, Compression, ConnectionInfo, Conversation, Handshake, JudgedHeader, Masking, OpcodeCount,
    RepeatedKey, RoundTrip, RoundTrips, State, Subprotocol, Verdict, ViolationCount,
};

pub use trips::Trips;

use super::{Direction, Event};
use crate::handshake::{Head, JudgedRequest, JudgedResponse};
use crate::rules::Role;
use talk::Talk;

/// All connections of a capture.
#[derive(Debug, Default)]
pub struct Insight {
    /// In the order of their numbers.
    talks: Vec<(u32, Box<Talk>)>,
    /// The bytes that they take up.
    held: usize,
}

/// Where an event stands with whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The connection's number.
    pub connection: u32,
    /// The number of the source it comes from; 0 where there is but one.
    pub source: u32,
    /// The event's row.
    pub row: u64,
}

/// What an event turned out to be in the light of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The row of the ping that this pong answers.
    pub ping: Option<u64>,
    /// The time from that to this, in nanoseconds.
    pub round_trip_ns: Option<u64>,
    /// What is certain of its connection from here on.
    pub findings: Findings,
}

impl Taken {
    fn found(finding: Finding, is_so: bool) -> Self {
        Self { findings: Findings::default().with(finding, is_so), ..Self::default() }
    }
}

impl Insight {
    /// Without any connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next event.
    pub fn take(&mut self, place: Place, event: &Event) -> Taken {
        if self.held >= HELD_MAX {
            self.make_room();
        }
        let at = match self.place_of(place.connection) {
            Ok(at) => at,
            Err(_) => {
                if self.talks.len() >= TALKS_MAX {
                    self.make_room();
                }
                let at = self.place_of(place.connection).unwrap_or_else(|at| at);
                let talk = Box::new(Talk::new(place, event));
                self.held += talk.held();
                self.talks.insert(at, (place.connection, talk));
                at
            }
        };
        let Some((_, talk)) = self.talks.get_mut(at) else { return Taken::default() };
        let before = talk.held();
        let taken = talk.take(event, place.row);
        self.held = self.held + talk.held() - before;
        taken
    }

    /// The bytes that it takes up, about.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    fn count(&mut self) {
        self.held = self.talks.iter().map(|(_, talk)| talk.held()).sum();
    }

    fn place_of(&self, connection: u32) -> Result<usize, usize> {
        // The latest is the one that talks, most often.
        match self.talks.last() {
            Some((last, _)) if *last == connection => Ok(self.talks.len() - 1),
            Some((last, _)) if *last < connection => Err(self.talks.len()),
            _ => self.talks.binary_search_by_key(&connection, |(number, _)| *number),
        }
    }

    fn talk(&self, connection: u32) -> Option<&Talk> {
        Some(&self.talks.get(self.place_of(connection).ok()?)?.1)
    }

    /// All connections in one line each, in the order of their numbers.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.talks.iter().map(|(connection, talk)| talk.info(*connection)).collect()
    }

    /// One connection in one line.
    #[must_use]
    pub fn info(&self, connection: u32) -> Option<ConnectionInfo> {
        Some(self.talk(connection)?.info(connection))
    }

    /// Everything about one connection, but its opening handshake.
    #[must_use]
    pub fn conversation(&self, connection: u32) -> Option<Conversation> {
        Some(self.talk(connection)?.conversation(connection))
    }

    /// The opening handshake of a connection, as far as it was captured, with every header judged.
    #[must_use]
    pub fn handshake(&self, connection: u32) -> Option<Handshake> {
        let talk = self.talk(connection)?;
        Some(judge_handshake(talk.request(), talk.response()))
    }

    /// Both heads of a connection, as far as they were captured.
    #[must_use]
    pub fn heads(&self, connection: u32) -> [Option<&Head>; 2] {
        let talk = self.talk(connection);
        [talk.and_then(Talk::request).map(JudgedRequest::head), talk.and_then(Talk::response).map(JudgedResponse::head)]
    }

    /// The pings of one connection, or of all, and the pongs that answer them.
    #[must_use]
    pub fn round_trips(&self, connection: Option<u32>) -> Vec<RoundTrip> {
        match connection {
            Some(one) => self.talk(one).map(|talk| talk.pings().list(one)).unwrap_or_default(),
            None => self.talks.iter().flat_map(|(connection, talk)| talk.pings().list(*connection)).collect(),
        }
    }

    /// The time from its ping to the pong in this row, in nanoseconds, if that is kept still.
    #[must_use]
    pub fn round_trip(&self, connection: u32, pong: u64) -> Option<u64> {
        self.talk(connection)?.pings().time_of(pong)
    }

    /// The subprotocol of a connection, if one was chosen.
    #[must_use]
    pub fn subprotocol(&self, connection: u32) -> Option<&str> {
        self.talk(connection)?.response().and_then(JudgedResponse::subprotocol)
    }

    /// The path and query that were asked for; empty if the request was not captured.
    #[must_use]
    pub fn target(&self, connection: u32) -> Option<String> {
        Some(self.talk(connection)?.target())
    }

    /// Forgets all connections of a source.
    pub fn forget_source(&mut self, source: u32) {
        self.talks.retain(|(_, talk)| talk.source() != source);
        self.count();
    }

    /// The rows before this one are gone: connections that are over are forgotten, and the others count afresh.
    pub fn clear(&mut self, row: u64) {
        self.talks.retain(|(_, talk)| !talk.is_over());
        for (_, talk) in &mut self.talks {
            talk.clear(row);
        }
        self.count();
    }

    /// Forgets a quarter of the connections: those that are over, and if there are none, the oldest.
    fn make_room(&mut self) {
        let quarter = self.talks.len().div_ceil(4);
        let mut goes = quarter;
        self.talks.retain(|(_, talk)| {
            let stays = goes == 0 || !talk.is_over();
            goes -= usize::from(!stays);
            stays
        });
        if goes == quarter {
            self.talks.drain(..quarter);
        }
        self.count();
    }
}

/// Who sends this way, in a word.
const fn end(direction: Direction) -> &'static str {
    match direction.sender() {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// Sorts anything that can be put as two numbers. One function, since each type that is sorted is 5 KB of the wasm
/// module.
fn sort(pairs: &mut [(u64, u64)]) {
    pairs.sort_unstable();
}

/// So many connections are remembered.
const TALKS_MAX: usize = 1 << 14;
/// And so many bytes of them, about.
const HELD_MAX: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };

#[cfg(test)]
mod found;
#[cfg(test)]
mod tests;
