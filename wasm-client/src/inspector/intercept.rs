//! Frames of the page's own client that are held on their way: a [`Gate`] in each direction of one connection, from its
//! opening handshake on, and the filter that says which.

use std::collections::VecDeque;
use std::sync::Arc;

use framescope_codec::capture::filter::{Filter, Follower};
use framescope_codec::capture::gate::{Candidate, Decision, Gate, How, Judge, Passed};
use framescope_codec::capture::intervention::{Intervention, Original};
use framescope_codec::capture::{CapturedFrame, Direction, Event, Pieces, What, packet};
use framescope_codec::handshake::{HeadLimits, HeadReader, JudgedRequest, judge_request, judge_response};
use framescope_codec::{DeflateParams, FrameCursor, FrameHeader, Role};
use serde::Serialize;

use super::objects::FilterProblem;

#[cfg(test)]
mod tests;

/// One connection of the page's own client.
#[derive(Debug)]
pub struct Interception {
    state: State,
    /// What came of the head that is under way in each direction.
    heads: [Head; 2],
    request: Option<JudgedRequest>,
    gates: [Option<Box<Gate>>; 2],
    /// Where the client stands, as long as there is no gate.
    cursor: FrameCursor,
    clerk: Clerk,
    happened: VecDeque<Happened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open(Option<DeflateParams>),
    /// It is no WebSocket.
    Other,
}

#[derive(Debug)]
struct Head {
    bytes: Vec<u8>,
    /// Behind the interim answers, which is where the head under way begins.
    begins: usize,
    reader: HeadReader,
    is_over: bool,
}

/// Something to do, or to tell.
#[derive(Debug)]
pub struct Happened {
    /// What, for JavaScript.
    pub told: Told,
    /// The bytes that belong to it.
    pub bytes: Vec<u8>,
    /// The message that a held frame ends, inflated.
    pub inflated: Option<Vec<u8>>,
}

/// As `Happened` in `inspector.d.ts`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Told {
    /// Bytes go on; none, where a frame was dropped.
    Passed {
        /// Which way.
        direction: &'static str,
        /// What was done to them, for the capture.
        comment: Option<String>,
        /// The frame that is held no more.
        released: Option<u64>,
        /// What became of it.
        how: Option<&'static str>,
    },
    /// A frame is held.
    Held {
        /// Its number.
        id: u64,
        /// Which way.
        direction: &'static str,
        /// Others may be compressed against it.
        in_context: bool,
        /// Those can go on inflated.
        can_mend: bool,
    },
    /// A frame could not be held, or no more.
    Unheld {
        /// How long.
        length: u64,
        /// Why.
        why: &'static str,
    },
    /// What was to be put in was, or why it was not.
    Injected {
        /// What the page calls it.
        tag: u64,
        /// Why it was not.
        why: Option<String>,
    },
}

/// Who judges frames.
#[derive(Debug)]
struct Clerk {
    filter: Option<Filter>,
    directions: [bool; 2],
    follower: Follower,
    now_ns: u64,
    direction: Direction,
    connection: u32,
    last_id: u64,
    held: Vec<Held>,
    told: Vec<Happened>,
}

/// A frame that is held.
#[derive(Clone, Copy, Debug)]
struct Held {
    id: u64,
    since_ns: u64,
    /// How long its inflated copy is.
    copied: usize,
}

impl Interception {
    /// Of the connection that goes by this number, before its first byte.
    #[must_use]
    pub fn new(connection: u32) -> Self {
        let head = |sender| Head {
            bytes: Vec::new(),
            begins: 0,
            reader: HeadReader::new(sender, HeadLimits::default()),
            is_over: false,
        };
        Self {
            state: State::Opening,
            heads: [Role::Client, Role::Server].map(head),
            request: None,
            gates: [None, None],
            cursor: FrameCursor::default(),
            clerk: Clerk {
                filter: None,
                directions: [true; 2],
                follower: Follower::of_connection(connection),
                now_ns: 0,
                direction: Direction::ClientToServer,
                connection,
                last_id: 0,
                held: Vec::new(),
                told: Vec::new(),
            },
            happened: VecDeque::new(),
        }
    }

    /// Holds what this filter finds from now on; `None`: nothing, and all that is held goes on. Says what is wrong with
    /// a filter.
    pub fn hold(&mut self, filter: Option<&str>, directions: [bool; 2]) -> Option<FilterProblem> {
        let filter = match filter.map(|text| Filter::parse(text).map_err(|problem| FilterProblem::new(problem, text))) {
            Some(Err(problem)) => return Some(problem),
            Some(Ok(filter)) => Some(filter),
            None => None,
        };
        (self.clerk.filter, self.clerk.directions) = (filter, directions);
        for direction in Direction::BOTH {
            self.set(direction);
            self.drain(direction);
        }
        None
    }

    /// Takes bytes of one direction, at this time.
    pub fn push(&mut self, direction: Direction, now_ns: u64, bytes: &[u8]) {
        self.clerk.now_ns = now_ns;
        if let Some(gate) = &mut self.gates[place(direction)] {
            self.clerk.direction = direction;
            gate.push(bytes, &mut self.clerk);
            if gate.is_full(WAITING_MAX) {
                // The stream cannot be stopped, so what waits has to go.
                let length = gate.kept() as u64;
                gate.rest();
                self.set(direction);
                self.tell(Told::Unheld { length, why: "as much waited as may be, and all of it went on" });
            }
            return self.drain(direction);
        }
        let rest = match (self.state, direction) {
            (State::Opening, _) => self.read_head(direction, bytes),
            _ => bytes.len(),
        };
        let (before, behind) = bytes.split_at(rest);
        self.pass(direction, before);
        if !behind.is_empty() {
            if self.gates[place(direction)].is_some() {
                self.push(direction, now_ns, behind);
            } else {
                // A client that does not wait for its answer.
                self.cursor.advance(behind);
                self.pass(direction, behind);
            }
        }
    }

    /// Nothing more will be pushed this way.
    pub fn finish(&mut self, direction: Direction) {
        if let Some(gate) = &mut self.gates[place(direction)] {
            gate.finish();
        }
        self.drain(direction);
    }

    /// Whether something is held this way.
    #[must_use]
    pub fn holds(&self, direction: Direction) -> bool {
        self.gates[place(direction)].as_ref().is_some_and(|gate| gate.holds())
    }

    /// Says what becomes of a frame that is held. False if it is not.
    pub fn decide(&mut self, now_ns: u64, id: u64, decision: &Decision) -> bool {
        self.clerk.now_ns = now_ns;
        for direction in Direction::BOTH {
            if self.gates[place(direction)].as_mut().is_some_and(|gate| gate.decide(id, decision.clone())) {
                self.drain(direction);
                return true;
            }
        }
        false
    }

    /// Lets everything go that is held.
    pub fn forward_all(&mut self, now_ns: u64) {
        let held: Vec<_> = self.clerk.held.iter().map(|held| held.id).collect();
        for id in held {
            self.decide(now_ns, id, &Decision::Forward);
        }
    }

    /// Puts bytes in. False if it is not open.
    pub fn inject(&mut self, direction: Direction, tag: u64, bytes: Vec<u8>, is_forced: bool) -> bool {
        let Some(gate) = &mut self.gates[place(direction)] else { return false };
        gate.inject(tag, bytes, is_forced);
        self.drain(direction);
        true
    }

    /// Nobody takes any more what goes this way.
    pub fn abandon(&mut self, direction: Direction, now_ns: u64) {
        self.clerk.now_ns = now_ns;
        let Some(gate) = &mut self.gates[place(direction)] else { return };
        for (id, original) in gate.abandon() {
            let millis = self.clerk.release(id);
            let comment = Intervention::Undelivered { millis, original: Original::new(&original) }.comment();
            self.passed(direction, Vec::new(), Some(comment), Some((id, "undelivered")));
        }
    }

    /// What is to be done or told next.
    pub fn next_happened(&mut self) -> Option<Happened> {
        self.happened.pop_front()
    }

    /// What was agreed on about compression, and for each direction whether later messages may refer to earlier ones;
    /// `None` as long as it is not open.
    #[must_use]
    pub fn takeover(&self) -> Option<[Option<bool>; 2]> {
        let State::Open(deflate) = self.state else { return None };
        Some(Direction::BOTH.map(|direction| Some(deflate?.context_takeover(direction.sender()))))
    }

    /// Reads on in a head, and says how many of these bytes still belong to it.
    fn read_head(&mut self, direction: Direction, bytes: &[u8]) -> usize {
        let head = &mut self.heads[place(direction)];
        if head.is_over {
            return 0;
        }
        let had = head.bytes.len();
        head.bytes.extend_from_slice(bytes);
        while let Ok(found) = head.reader.find_end(&head.bytes[head.begins..]) {
            let Some(len) = found else { return bytes.len() };
            let ends = head.begins + len;
            let whole = &head.bytes[head.begins..ends];
            if direction == Direction::ClientToServer {
                let request = judge_request(whole);
                self.clerk.see(direction, What::Request(Box::new(request.clone())));
                self.request = Some(request);
            } else {
                let response = judge_response(whole, self.request.as_ref());
                match response.status() {
                    Some(101) => {
                        let deflate = response.deflate();
                        self.clerk.see(direction, What::Response(Box::new(response)));
                        self.open(deflate);
                    }
                    // Not the answer yet (RFC 9110, 15.2). How many come before it is the server's choice, so all of
                    // them may be no longer than one head.
                    Some(100..=199) if ends < HeadLimits::default().bytes => {
                        head.begins = ends;
                        head.reader = HeadReader::new(Role::Server, HeadLimits::default());
                        continue;
                    }
                    _ => break,
                }
            }
            let head = &mut self.heads[place(direction)];
            (head.bytes, head.is_over) = (Vec::new(), true);
            return ends.saturating_sub(had);
        }
        self.state = State::Other;
        self.heads[place(direction)].bytes = Vec::new();
        bytes.len()
    }

    fn open(&mut self, deflate: Option<DeflateParams>) {
        self.state = State::Open(deflate);
        for direction in Direction::BOTH {
            let is_client = direction == Direction::ClientToServer;
            let cursor = if is_client { std::mem::take(&mut self.cursor) } else { FrameCursor::default() };
            let is_first = !is_client || (cursor.at_boundary() && !cursor.in_message());
            self.gates[place(direction)] = Some(Box::new(Gate::new(direction.sender(), deflate, &cursor, is_first)));
            self.set(direction);
        }
    }

    /// Has a gate judge or not.
    fn set(&mut self, direction: Direction) {
        let Some(gate) = &mut self.gates[place(direction)] else { return };
        if self.clerk.filter.is_some() && self.clerk.directions[place(direction)] {
            gate.judge();
        } else {
            gate.rest();
        }
    }

    fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.passed(direction, bytes.to_vec(), None, None);
        }
    }

    fn passed(
        &mut self,
        direction: Direction,
        bytes: Vec<u8>,
        comment: Option<String>,
        released: Option<(u64, &'static str)>,
    ) {
        let (released, how) = released.unzip();
        let told = Told::Passed { direction: direction.name(), comment, released, how };
        self.happened.push_back(Happened { told, bytes, inflated: None });
    }

    /// Takes what a gate lets go.
    fn drain(&mut self, direction: Direction) {
        self.happened.extend(self.clerk.told.drain(..));
        while let Some(passed) = self.gates[place(direction)].as_mut().and_then(|gate| gate.next()) {
            self.let_go(direction, passed);
        }
    }

    fn let_go(&mut self, direction: Direction, Passed { bytes, how, .. }: Passed) {
        let (intervention, released) = match how {
            How::AsItWas => (None, None),
            How::Held { id } => {
                let millis = self.clerk.release(id);
                ((!bytes.is_empty()).then_some(Intervention::Held { millis }), Some((id, "forwarded")))
            }
            How::Edited { id, original } => {
                let millis = self.clerk.release(id);
                (Some(Intervention::Edited { millis, original: Original::new(&original) }), Some((id, "edited")))
            }
            How::Dropped { id, original } => {
                let millis = self.clerk.release(id);
                (Some(Intervention::Dropped { millis, original: Original::new(&original) }), Some((id, "dropped")))
            }
            How::Injected { tag } => {
                self.tell(Told::Injected { tag, why: None });
                (Some(Intervention::Injected), None)
            }
            How::Unfit { tag, why } => return self.tell(Told::Injected { tag, why: Some(why.to_string()) }),
            How::Inflated { original } => (Some(Intervention::Inflated { original: Original::new(&original) }), None),
        };
        self.passed(direction, bytes, intervention.map(|intervention| intervention.comment()), released);
    }

    fn tell(&mut self, told: Told) {
        self.happened.push_back(Happened { told, bytes: Vec::new(), inflated: None });
    }
}

impl Clerk {
    /// A frame is held no more. Says for how many milliseconds it was.
    fn release(&mut self, id: u64) -> u64 {
        let Some(at) = self.held.iter().position(|held| held.id == id) else { return 0 };
        self.now_ns.saturating_sub(self.held.remove(at).since_ns) / 1_000_000
    }

    fn unheld(&mut self, length: u64, why: &'static str) {
        self.told.push(Happened { told: Told::Unheld { length, why }, bytes: Vec::new(), inflated: None });
    }

    fn see(&mut self, direction: Direction, what: What) {
        let event = self.event(direction, what);
        self.follower.follow(&event);
    }

    fn event(&self, direction: Direction, what: What) -> Event {
        // There is no socket that the page knows of.
        let (client, server) = packet::in_process(0);
        let (src, dst) = if direction == Direction::ClientToServer { (client, server) } else { (server, client) };
        Event { stream: self.connection, direction, src, dst, in_process: true, time_ns: self.now_ns, what }
    }
}

impl Judge for Clerk {
    fn holds(&mut self, frame: Candidate<'_>) -> Option<u64> {
        let Candidate { dissection, wire, in_context, can_mend } = frame;
        let direction = self.direction;
        let frame = CapturedFrame { dissection, began_ns: self.now_ns, pieces: Pieces::default(), checkpoint: None };
        let event = self.event(direction, What::Frame(Box::new(frame)));
        let Self { filter, follower, .. } = self;
        let row = follower.follow(&event);
        if !filter.as_ref().is_some_and(|filter| filter.matches(&row)) {
            return None;
        }
        if self.held.len() >= HELD_MAX {
            self.unheld(wire.len() as u64, "as many frames as may be are held already");
            return None;
        }
        let What::Frame(frame) = event.what else { return None };
        let message = frame.dissection.message.filter(|message| message.compressed && message.payload_is_whole);
        let copied: usize = self.held.iter().map(|held| held.copied).sum();
        let inflated = message.map(|message| message.payload).filter(|copy| copied + copy.len() <= COPIED_MAX);
        self.last_id += 1;
        let id = self.last_id;
        let copied = inflated.as_ref().map_or(0, Vec::len);
        self.held.push(Held { id, since_ns: self.now_ns, copied });
        let told = Told::Held { id, direction: direction.name(), in_context, can_mend };
        self.told.push(Happened { told, bytes: Arc::clone(wire).to_vec(), inflated });
        Some(id)
    }

    fn passes(&mut self, header: &FrameHeader) {
        self.unheld(header.payload_length.get(), "longer than 1 MiB");
    }
}

const fn place(direction: Direction) -> usize {
    match direction {
        Direction::ClientToServer => 0,
        Direction::ServerToClient => 1,
    }
}

/// So many frames are held at a time.
const HELD_MAX: usize = 10_000;
/// So much waits in one direction, at most, with what is held.
const WAITING_MAX: usize = 16 << 20;
/// So much of what is held is there inflated, too.
const COPIED_MAX: usize = 16 << 20;
