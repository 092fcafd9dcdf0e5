//! What a decoder tells, as rows that a filter can be asked about.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Field, Kind, Rules, Subject, Value};
use crate::capture::insight::{Findings, Insight, Place, Taken, Trips};
use crate::capture::{Direction, Event, What};
use crate::dissect::Dissection;
use crate::handshake::{JudgedRequest, JudgedResponse};
use crate::message::MessageKind;

/// Follows the events of a capture, and keeps what a filter may ask about beside the event itself: when the capture
/// began, what a connection agreed on, which ping a pong answers. Bounded: of long captures the connections that were
/// silent for longest are forgotten first.
#[derive(Debug, Default)]
pub struct Follower {
    rows: u64,
    start_ns: Option<u64>,
    last_ns: u64,
    connections: BTreeMap<u32, Connection>,
    /// What the capture is called.
    source: Box<str>,
    /// How many connections there were.
    count: u64,
}

#[derive(Debug, Default)]
struct Connection {
    /// From 1, in the order of their first events: as a page counts the connections of one capture.
    number: u64,
    target: Option<Box<str>>,
    host: Option<Box<str>>,
    origin: Option<Box<str>>,
    subprotocol: Option<Box<str>>,
    extensions: Option<Box<str>>,
    has_deflate: bool,
    trips: Trips,
    /// The row that was last.
    last_row: u64,
}

/// An event with what was before it.
#[derive(Debug)]
pub struct EventRow<'a> {
    event: &'a Event,
    connection: Option<&'a Connection>,
    number: u64,
    time: i64,
    delta: i64,
    taken: Taken,
    source: &'a str,
}

impl Follower {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Before the first event of the only connection it is to follow, which goes by this number.
    #[must_use]
    pub fn of_connection(number: u32) -> Self {
        Self { count: u64::from(number).saturating_sub(1), ..Self::default() }
    }

    /// What the capture is called, which rows can be asked about.
    #[must_use]
    pub fn with_source(self, name: &str) -> Self {
        Self { source: name.into(), ..self }
    }

    /// A row that is no event, such as damage in the file, comes next.
    pub const fn pass(&mut self) {
        self.rows += 1;
    }

    /// The next event as a row, of which is known which ping it answers, and nothing of what more than a row shows.
    pub fn follow<'a>(&'a mut self, event: &'a Event) -> EventRow<'a> {
        let (number, times) = self.learn(event);
        let taken = self.connections.get_mut(&event.stream).map(|known| known.trips.take(event, number));
        self.row(event, number, times, taken.unwrap_or_default())
    }

    /// The next event as a row, and all that is known in the light of earlier ones.
    pub fn follow_with<'a>(&'a mut self, event: &'a Event, insight: &mut Insight) -> EventRow<'a> {
        let (number, times) = self.learn(event);
        let taken = insight.take(Place { connection: event.stream, source: 0, row: number }, event);
        self.row(event, number, times, taken)
    }

    /// The event's number, and the times since the first and since the one before.
    fn learn(&mut self, event: &Event) -> (u64, [i64; 2]) {
        let number = self.rows;
        self.rows += 1;
        let is_first = self.start_ns.is_none();
        let start = *self.start_ns.get_or_insert(event.time_ns);
        let previous = if is_first { start } else { self.last_ns };
        self.last_ns = event.time_ns;
        if self.connections.len() >= CONNECTIONS_MAX && !self.connections.contains_key(&event.stream) {
            self.forget();
        }
        let count = &mut self.count;
        let connection = self.connections.entry(event.stream).or_insert_with(|| {
            *count += 1;
            Connection { number: *count, ..Connection::default() }
        });
        connection.last_row = number;
        connection.take(event);
        (number, [start, previous].map(|before| event.time_ns.wrapping_sub(before).cast_signed()))
    }

    fn row<'a>(&'a self, event: &'a Event, number: u64, [time, delta]: [i64; 2], taken: Taken) -> EventRow<'a> {
        let connection = self.connections.get(&event.stream);
        EventRow { event, connection, number, time, delta, taken, source: &self.source }
    }

    /// The silent half of the connections.
    fn forget(&mut self) {
        let mut last: Vec<u64> = self.connections.values().map(|connection| connection.last_row).collect();
        let (_, middle, _) = last.select_nth_unstable(CONNECTIONS_MAX / 2);
        let middle = *middle;
        self.connections.retain(|_, connection| connection.last_row > middle);
    }
}

impl Connection {
    /// Learns from an event.
    fn take(&mut self, event: &Event) {
        match &event.what {
            What::Request(request) => {
                let target = &request.start_line()[1];
                self.target = Some(String::from_utf8_lossy(request.head().at(target)).into());
                self.host = header(request, "host");
                self.origin = header(request, "origin");
            }
            What::Response(response) if response.status() == Some(101) => {
                self.subprotocol = response.subprotocol().map(Into::into);
                let extensions = response.head().header("sec-websocket-extensions");
                self.extensions = extensions.map(|value| String::from_utf8_lossy(value).into());
                self.has_deflate = response.deflate().is_some();
            }
            What::JoinedLate { deflate } => self.has_deflate = deflate.is_some(),
            _ => {}
        }
    }
}

fn header(request: &JudgedRequest, name: &str) -> Option<Box<str>> {
    request.head().header(name).map(|value| String::from_utf8_lossy(value).into())
}

impl EventRow<'_> {
    /// What is certain of its connection from here on.
    #[must_use]
    pub const fn findings(&self) -> Findings {
        self.taken.findings
    }
}

impl Subject for EventRow<'_> {
    fn value(&self, field: Field) -> Value<'_> {
        let event = self.event;
        let of_connection = |part: fn(&Connection) -> Option<&str>| Value::text(self.connection.and_then(part));
        match field {
            Field::Kind => Value::Number(match event.what {
                What::Frame(_) => Kind::Frame,
                What::Request(_) => Kind::Request,
                What::Response(_) => Kind::Response,
                What::Gap { .. } => Kind::Gap,
                What::End(_) => Kind::End,
                What::JoinedLate { .. } | What::Note(_) => Kind::Note,
            } as u64),
            Field::Number => Value::Number(self.number + 1),
            Field::Time => Value::Time(self.time),
            Field::Delta => Value::Time(self.delta),
            Field::Connection => Value::number(self.connection.map(|connection| connection.number)),
            Field::Stream => Value::Number(event.stream.into()),
            Field::Direction => Value::Number(u64::from(event.direction == Direction::ServerToClient)),
            Field::Src => Value::Ip(event.src.ip()),
            Field::Dst => Value::Ip(event.dst.ip()),
            Field::SrcPort => Value::Number(event.src.port().into()),
            Field::DstPort => Value::Number(event.dst.port().into()),
            Field::Target => of_connection(|connection| connection.target.as_deref()),
            Field::Path => of_connection(|connection| connection.target.as_deref()?.split('?').next()),
            Field::Host => of_connection(|connection| connection.host.as_deref()),
            Field::Origin => of_connection(|connection| connection.origin.as_deref()),
            Field::Subprotocol => of_connection(|connection| connection.subprotocol.as_deref()),
            Field::Extensions => of_connection(|connection| connection.extensions.as_deref()),
            Field::Deflate => Value::Flag(self.connection.is_some_and(|connection| connection.has_deflate)),
            Field::Source if !self.source.is_empty() => Value::borrowed(self.source.as_bytes()),
            Field::Finding => Value::Rules(self.taken.findings.into()),
            Field::Rtt => self
                .taken
                .round_trip_ns
                .map_or(Value::Absent, |rtt| Value::Time(i64::try_from(rtt).unwrap_or(i64::MAX))),
            _ => match &event.what {
                What::Frame(frame) => {
                    let took = || event.time_ns.saturating_sub(frame.began_ns);
                    match field {
                        Field::Took => Value::Time(i64::try_from(took()).unwrap_or(i64::MAX)),
                        field => of_frame(&frame.dissection, field),
                    }
                }
                What::Request(request) => of_request(request, field),
                What::Response(response) => of_response(response, field),
                What::Gap { missing, .. } if field == Field::Missing => Value::Number(*missing),
                what if field == Field::Content => Value::Bytes(Cow::Owned(what.words(event.in_process).into_bytes())),
                _ => Value::Absent,
            },
        }
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        match &self.event.what {
            What::Request(request) => request.head().header(name),
            What::Response(response) => response.head().header(name),
            _ => None,
        }
    }
}

fn of_request(request: &JudgedRequest, field: Field) -> Value<'_> {
    match field {
        Field::Content => Value::borrowed(request.head().bytes()),
        Field::Wire => Value::Number(request.head().bytes().len() as u64),
        Field::Violation => Value::Rules(request.findings().iter().collect()),
        _ => Value::Absent,
    }
}

fn of_response(response: &JudgedResponse, field: Field) -> Value<'_> {
    match field {
        Field::Content => Value::borrowed(response.head().bytes()),
        Field::Wire => Value::Number(response.head().bytes().len() as u64),
        Field::Violation => Value::Rules(response.findings().iter().collect()),
        Field::Status => Value::number(response.status()),
        _ => Value::Absent,
    }
}

/// What a frame says of itself. For other rows than events, too.
#[must_use]
pub fn of_frame(frame: &Dissection, field: Field) -> Value<'_> {
    let header = &frame.header;
    let message = frame.message.as_ref();
    match field {
        Field::Opcode => Value::Number(header.opcode.bits().into()),
        Field::Fin => Value::Flag(header.fin),
        Field::Rsv => Value::Number(header.rsv.bits().into()),
        Field::Masked => Value::Flag(header.masking_key.is_some()),
        Field::MaskKey => header.masking_key.map_or(Value::Absent, |key| Value::Key(key.0)),
        Field::Length => Value::Number(header.payload_length.get()),
        Field::LengthBits => Value::Number(match header.payload_length.form() {
            crate::header::LengthForm::Bits7 => 7,
            crate::header::LengthForm::Bits16 => 16,
            crate::header::LengthForm::Bits64 => 64,
        }),
        Field::Wire => Value::Number(header.payload_length.get().saturating_add(header.encoded_len() as u64)),
        Field::Missing => Value::number(Some(frame.payload_missing).filter(|missing| *missing > 0)),
        Field::Fragment => Value::Flag(frame.fragment.is_some_and(|fragment| fragment.index > 0 || !header.fin)),
        Field::FragmentNumber => Value::number(frame.fragment.map(|fragment| u64::from(fragment.index) + 1)),
        Field::Compressed => {
            Value::Flag(frame.inflated_len.is_some() || message.is_some_and(|message| message.compressed))
        }
        Field::Violation => Value::Rules(frame.violations.iter().map(|found| found.violation).collect::<Rules>()),
        Field::CloseCode => Value::number(frame.close.as_ref().and_then(|close| close.code)),
        Field::CloseReason => {
            frame.close.as_ref().map(|close| close.reason.as_slice()).filter(|reason| !reason.is_empty()).into()
        }
        Field::Message => Value::Flag(message.is_some()),
        Field::MessageNumber => Value::number(frame.fragment.map(|fragment| fragment.message + 1)),
        Field::MessageKind => Value::number(message.and_then(|message| message.kind).map(|kind| match kind {
            MessageKind::Text => 1_u64,
            MessageKind::Binary => 2,
        })),
        Field::MessageLength => Value::number(message.map(|message| message.payload.len() as u64)),
        Field::Fragments => Value::number(message.map(|message| u64::from(message.fragments))),
        Field::Text => {
            message.filter(|message| message.kind == Some(MessageKind::Text)).map(|message| &*message.payload).into()
        }
        Field::Content => match message {
            Some(message) => Value::borrowed(&message.payload),
            None if header.opcode.is_control() => Value::borrowed(&frame.payload),
            None => Value::Absent,
        },
        Field::Payload => Value::borrowed(&frame.payload),
        _ => Value::Absent,
    }
}

/// So many connections are kept in mind.
const CONNECTIONS_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;
    use crate::capture::{Decoder, Record, pcapng, tap::Flow};

    /// How many rows of a conversation each filter finds.
    #[test]
    fn a_conversation_can_be_asked_about() {
        let mut capture = Vec::new();
        pcapng::write_start(&mut capture);
        let mut flow = Flow::new("10.0.0.7:50000".parse().unwrap(), "10.0.0.1:80".parse().unwrap());
        let mut say = |direction, time_ns, bytes: &[u8]| flow.bytes(direction, time_ns, bytes, &mut capture);
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        say(
            client,
            1_000_000_000,
            b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n\
              Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        );
        say(
            server,
            1_000_000_500,
            b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
              Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        );
        say(server, 1_000_001_000, b"\x89\x01a");
        say(client, 1_060_001_000, b"\x8A\x81\0\0\0\0a");
        say(client, 1_070_000_000, b"\x81\x8D\0\0\0\0");
        say(client, 1_080_000_000, b"42[\"said\",{}]");
        say(server, 1_090_000_000, b"\x88\x06\x0F\xA1gone");
        let mut decoder = Decoder::new();
        decoder.feed(&capture);
        decoder.finish();
        let events: Vec<_> = std::iter::from_fn(|| decoder.next_record())
            .filter_map(|record| match record {
                Record::Event(event) => Some(event),
                Record::Fault(_) => None,
            })
            .collect();
        let found = |filter: &str| {
            let filter = Filter::parse(filter).unwrap();
            let mut follower = Follower::new();
            events.iter().filter(|event| filter.matches(&follower.follow(event))).count()
        };
        assert_eq!(found(""), 6);
        assert_eq!(found("handshake"), 2);
        assert_eq!((found("number == 1 and kind == request"), found("number > 5"), found("number == 0")), (1, 1, 0));
        assert_eq!(found("conn == 1 and stream == 0 and tcp.stream != 1"), 6);
        assert_eq!(found("path == /socket.io/ and target endswith \"EIO=4\" and host == example.org"), 6);
        assert_eq!(found("not subprotocol and deflate and extensions contains deflate"), 5);
        assert_eq!(found("status == 101"), 1);
        assert_eq!(found("header.sec-websocket-protocol == \"a, b\""), 1);
        assert_eq!(found("rtt >= 60ms and rtt < 60.1ms"), 1);
        assert_eq!(found("client == 10.0.0.7 and server == 10.0.0.1 and port == 80"), 6);
        assert_eq!(found("time > 50ms"), 3);
        assert_eq!(found("took == 10ms"), 1);
        assert_eq!(found("close.code == 4001 and close.reason == gone"), 1);
        assert_eq!(found("masked and length.bits == 7"), 2);
        assert_eq!(found("control"), 3);
        assert_eq!(found("content contains \"said\""), 1);
        assert_eq!(found("violation"), 0);
        // Behind a row that is none of them.
        let mut follower = Follower::new();
        follower.pass();
        assert!(Filter::parse("number == 2 and time == 0s").unwrap().matches(&follower.follow(&events[0])));
    }
}
