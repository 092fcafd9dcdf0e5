//! What is remembered of one connection: counts, both heads, and whatever takes more than one frame to tell.

use super::closing::Endings;
use super::finding::{Finding, Findings, Found};
use super::masking::Keys;
use super::pings::Pings;
use super::report::{Compression, ConnectionInfo, Conversation, OpcodeCount, State, ViolationCount};
use super::{Place, Taken, extensions, headers};
use crate::capture::{CapturedFrame, Direction, Event, Note, Origin, What};
use crate::handshake::{JudgedRequest, JudgedResponse};
use crate::opcode::Opcode;

/// One connection.
#[derive(Debug)]
pub(super) struct Talk {
    source: u32,
    ends: [String; 2],
    in_process: bool,
    request: Option<Kept<JudgedRequest>>,
    response: Option<Kept<JudgedResponse>>,
    /// It was open already when its capture began.
    joined_late: bool,
    has_frames: bool,
    first_row: u64,
    rows: u64,
    start_ns: u64,
    last_ns: u64,
    frames: [u64; 2],
    bytes: [u64; 2],
    messages: [u64; 2],
    missing: u64,
    /// Frames and payload bytes by opcode.
    opcodes: [[(u64, u64); 16]; 2],
    compression: [Compressed; 2],
    violations: Vec<ViolationCount>,
    found: Vec<Found>,
    known: Findings,
    endings: Endings,
    keys: Keys,
    /// Those of the client are in the capture, and not others in their place.
    has_keys: bool,
    pings: Pings,
    /// By direction: what goes that way is in the capture. Of one way alone, nobody can tell what is answered.
    is_captured: [bool; 2],
}

#[derive(Debug)]
struct Kept<T> {
    row: u64,
    time_ns: u64,
    head: Box<T>,
}

/// Messages and what compression made of them.
#[derive(Clone, Copy, Debug, Default)]
struct Compressed {
    messages: u64,
    plain: u64,
    wire: u64,
    inflated: u64,
    /// Of the message under way.
    under_way: (u64, u64),
}

impl Talk {
    pub(super) fn new(place: Place, event: &Event) -> Self {
        let mut ends = [event.src.to_string(), event.dst.to_string()];
        if event.direction == Direction::ServerToClient {
            ends.reverse();
        }
        Self {
            source: place.source,
            ends,
            in_process: event.in_process,
            request: None,
            response: None,
            joined_late: false,
            has_frames: false,
            first_row: place.row,
            rows: 0,
            start_ns: event.time_ns,
            last_ns: event.time_ns,
            frames: [0; 2],
            bytes: [0; 2],
            messages: [0; 2],
            missing: 0,
            opcodes: [[(0, 0); 16]; 2],
            compression: Default::default(),
            violations: Vec::new(),
            found: Vec::new(),
            known: Findings::default(),
            endings: Endings::default(),
            keys: Keys::default(),
            has_keys: true,
            pings: Pings::default(),
            is_captured: [false; 2],
        }
    }

    /// Forgets the counts, and keeps what is known of the connection.
    pub(super) fn clear(&mut self, row: u64) {
        self.first_row = row;
        self.rows = 0;
        self.frames = [0; 2];
        self.bytes = [0; 2];
        self.messages = [0; 2];
        self.missing = 0;
        self.opcodes = [[(0, 0); 16]; 2];
        self.compression = Default::default();
        self.violations.clear();
        self.found.clear();
        self.known = Findings::default();
        self.keys = Keys::default();
        self.pings = Pings::default();
    }

    pub(super) fn take(&mut self, event: &Event, row: u64) -> Taken {
        let taken = self.hear(event, row);
        let news = taken.findings.without(self.known);
        self.known = self.known.and(news);
        self.found.extend(news.iter().map(|finding| Found::new(finding, row)));
        Taken { findings: news, ..taken }
    }

    fn hear(&mut self, event: &Event, row: u64) -> Taken {
        self.rows += 1;
        self.last_ns = event.time_ns;
        self.in_process |= event.in_process;
        let direction = event.direction;
        match &event.what {
            What::JoinedLate { .. } => self.is_captured = [true; 2],
            What::Request(_) | What::Response(_) | What::Frame(_) => self.is_captured[direction.index()] = true,
            _ => {}
        }
        match &event.what {
            What::Request(request) => {
                for finding in request.findings() {
                    self.broken(finding.rule.name(), finding.rule.section(), row);
                }
                self.request = Some(Kept { row, time_ns: event.time_ns, head: request.clone() });
                self.response = None;
                let key = request.head().header("sec-websocket-key").unwrap_or_default();
                return Taken::found(Finding::PredictableHandshakeKey, headers::is_foreseen(key));
            }
            What::Response(response) => {
                for finding in response.findings() {
                    self.broken(finding.rule.name(), finding.rule.section(), row);
                }
                self.response = Some(Kept { row, time_ns: event.time_ns, head: response.clone() });
            }
            What::JoinedLate { .. } | What::Note(Note::Recognised | Note::WithoutHandshake) => self.joined_late = true,
            What::Note(Note::Rebuilt(Origin::Har | Origin::NetLogHeaders)) => self.has_keys = false,
            What::Frame(frame) => return self.frame(direction, event.time_ns, frame, row),
            What::Gap { missing, .. } => {
                self.missing += missing;
                self.pings.gap(direction, row);
            }
            What::End(how) => {
                self.endings.end(direction, row, *how);
                return Taken { findings: self.at_end(event.time_ns), ..Taken::default() };
            }
            _ => {}
        }
        Taken::default()
    }

    /// What is certain once nothing more comes.
    fn at_end(&mut self, time_ns: u64) -> Findings {
        let mut found = if self.has_keys { self.keys.foreseen() } else { Findings::default() };
        for direction in Direction::BOTH {
            found = found.with(Finding::UnansweredPing, self.are_unanswered(direction, time_ns));
        }
        found
    }

    fn are_unanswered(&self, direction: Direction, time_ns: u64) -> bool {
        self.is_captured[direction.reverse().index()] && self.pings.are_unanswered(direction, time_ns)
    }

    fn frame(&mut self, direction: Direction, time_ns: u64, frame: &CapturedFrame, row: u64) -> Taken {
        let dissection = &frame.dissection;
        let header = &dissection.header;
        let length = header.payload_length.get();
        let way = direction.index();
        self.has_frames = true;
        self.frames[way] += 1;
        self.bytes[way] = self.bytes[way].saturating_add(length.saturating_add(header.encoded_len() as u64));
        let count = &mut self.opcodes[way][usize::from(header.opcode.bits())];
        *count = (count.0 + 1, count.1.saturating_add(length));
        for found in &dissection.violations {
            self.broken(found.violation.name(), found.violation.section(), row);
        }
        let mut findings = Findings::default();
        match direction {
            Direction::ClientToServer => findings = self.keys.client(header.masking_key, row),
            Direction::ServerToClient => self.keys.server(header.masking_key),
        }
        if !self.has_keys {
            findings = Findings::default();
        }
        if dissection.violations.iter().any(|found| found.violation == crate::Violation::FrameAfterClose) {
            self.endings.frame_after_close();
        }
        if dissection.fragment.is_some() {
            self.compression[way].frame(length, dissection.inflated_len.unwrap_or_default());
        }
        if let Some(message) = &dissection.message {
            self.messages[way] += 1;
            self.compression[way].message(message.compressed);
        }
        match header.opcode {
            Opcode::Ping => {
                self.pings.ping(direction, row, time_ns, &dissection.payload);
                findings = findings.with(Finding::UnansweredPing, self.are_unanswered(direction, time_ns));
            }
            Opcode::Pong => {
                let answered = self.pings.pong(direction, row, time_ns, &dissection.payload);
                let (ping, round_trip_ns) = (answered.map(|(ping, _)| ping), answered.map(|(_, ns)| ns));
                return Taken { ping, round_trip_ns, findings };
            }
            Opcode::Close => {
                // A Close behind a Close ends nothing, and there may be any number of them.
                if !self.endings.has_closed(direction) {
                    findings = findings.and(self.at_end(time_ns));
                }
                self.endings.close(direction, row, time_ns, dissection.close.as_ref());
            }
            _ => {}
        }
        Taken { findings, ..Taken::default() }
    }

    fn broken(&mut self, name: &'static str, section: &'static str, row: u64) {
        match self.violations.iter_mut().find(|count| count.name == name) {
            Some(count) => count.count += 1,
            None => self.violations.push(ViolationCount { name, section, count: 1, first_row: row }),
        }
    }

    fn state(&self) -> State {
        let status = self.response.as_ref().and_then(|response| response.head.status());
        match (status, self.endings.state()) {
            (Some(200..), _) => State::Refused,
            (Some(101), state) => state,
            (_, State::Open) if self.joined_late || self.has_frames => State::Open,
            (_, State::Open) => State::Opening,
            (_, state) => state,
        }
    }

    pub(super) fn request(&self) -> Option<&JudgedRequest> {
        self.request.as_ref().map(|kept| &*kept.head)
    }

    pub(super) fn response(&self) -> Option<&JudgedResponse> {
        self.response.as_ref().map(|kept| &*kept.head)
    }

    /// What the request asks for, or nothing.
    pub(super) fn target(&self) -> String {
        self.request().map_or_else(String::new, |request| {
            let [_, target, _] = request.start_line();
            String::from_utf8_lossy(request.head().at(&target)).into_owned()
        })
    }

    pub(super) fn info(&self, connection: u32) -> ConnectionInfo {
        let target = self.target();
        let host = self.request().and_then(|request| request.head().header("host")).unwrap_or_default();
        let host = String::from_utf8_lossy(host).into_owned();
        let [client, server] = self.ends.clone();
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let label = match (host.is_empty(), path) {
            (false, path) => format!("{host}{path}"),
            (true, "") => format!("{client} → {server}"),
            (true, path) => format!("{server}{path}"),
        };
        let state = self.state();
        ConnectionInfo {
            connection,
            source: self.source,
            client,
            server,
            target,
            host,
            subprotocol: self.response().and_then(JudgedResponse::subprotocol).map(str::to_owned),
            extensions: self.response().map_or_else(String::new, extensions::as_answered),
            state,
            first_row: self.first_row,
            rows: self.rows,
            frames: self.frames,
            bytes: self.bytes,
            messages: self.messages,
            violations: self.violations.iter().map(|broken| broken.count).sum(),
            findings: self.found.clone(),
            start_ns: self.start_ns,
            end_ns: matches!(state, State::Closed | State::Refused).then_some(self.last_ns),
            in_process: self.in_process,
            label,
        }
    }

    pub(super) fn conversation(&self, connection: u32) -> Conversation {
        let mut compression = Vec::new();
        let mut opcodes = Vec::new();
        for direction in Direction::BOTH {
            let (name, way) = (direction.name(), direction.index());
            compression.extend(self.compression[way].report(name));
            opcodes.extend((0..16).zip(self.opcodes[way]).filter(|(_, (count, _))| *count > 0).map(
                |(bits, (count, bytes))| OpcodeCount {
                    name: Opcode::from_bits(bits).name(),
                    direction: name,
                    count,
                    bytes,
                },
            ));
        }
        Conversation {
            info: self.info(connection),
            request: self.request.as_ref().map(|kept| kept.row),
            response: self.response.as_ref().map(|kept| kept.row),
            handshake_ns: self
                .request
                .as_ref()
                .zip(self.response.as_ref())
                .map(|(request, response)| response.time_ns.saturating_sub(request.time_ns)),
            closing: self.endings.report(),
            masking: if self.has_keys { self.keys.audit() } else { self.keys.not_recorded() },
            compression,
            opcodes,
            round_trips: self.pings.in_sum(),
            violations: self.violations.clone(),
            missing: self.missing,
        }
    }

    /// The bytes that it takes up, about.
    pub(super) fn held(&self) -> usize {
        let request =
            self.request.as_ref().map_or(0, |kept| size_of::<JudgedRequest>() + kept.head.head().bytes().len());
        let response =
            self.response.as_ref().map_or(0, |kept| size_of::<JudgedResponse>() + kept.head.head().bytes().len());
        size_of::<Self>() + request + response + self.keys.held() + self.pings.held()
    }

    pub(super) const fn pings(&self) -> &Pings {
        &self.pings
    }

    pub(super) const fn source(&self) -> u32 {
        self.source
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state(), State::Closed | State::Refused)
    }
}

impl Compressed {
    fn frame(&mut self, wire: u64, inflated: u64) {
        self.under_way = (self.under_way.0.saturating_add(wire), self.under_way.1.saturating_add(inflated));
    }

    fn message(&mut self, compressed: bool) {
        let (wire, inflated) = std::mem::take(&mut self.under_way);
        if compressed {
            self.messages += 1;
            self.wire = self.wire.saturating_add(wire);
            self.inflated = self.inflated.saturating_add(inflated);
        } else {
            self.plain += 1;
        }
    }

    fn report(&self, direction: &'static str) -> Option<Compression> {
        let Self { messages, plain, wire, inflated, .. } = *self;
        (messages > 0).then_some(Compression { direction, messages, plain, wire, inflated })
    }
}
