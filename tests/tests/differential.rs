//! The same streams through this codec and through tungstenite: where the two differ, a narrow rule with a name says
//! why, and each of these rules is met, so that none of them outlives its cause.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use framescope_codec::{CloseFrame, Config, Connection, Dissector, Event, Input, MaskingKey, Message, Role, Violation};
use framescope_tests::corpus::{self, Traffic};
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};

/// No message, and no frame, may be larger on either side.
const LIMIT: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// How a stream ended, in the view of its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// More was expected.
    Waiting,
    /// By a Close, with its code and reason.
    Close(Option<(u16, String)>),
    /// By a rule that was broken: ours by name, theirs by message.
    Failed(String),
}

type Outcome = (Vec<Heard>, End);

fn ours(traffic: &Traffic) -> (Outcome, Option<Violation>) {
    let config = Config { message_max: LIMIT, fragments_max: u32::MAX, ..Config::default() };
    let mut conn = match traffic.sender {
        Role::Client => Connection::server(config, None),
        Role::Server => Connection::client(config, None, || MaskingKey([0; 4])),
    };
    let mut bytes = traffic.bytes.clone();
    let mut heard = Vec::new();
    let mut input = Input::new(&mut bytes);
    while let Some(event) = conn.receive(&mut input, &mut Vec::new()) {
        heard.push(match event {
            Event::Message(Message::Text(text)) => Heard::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Heard::Binary(bytes.to_vec()),
            Event::Ping(payload) => Heard::Ping(payload.to_vec()),
            Event::Pong(payload) => Heard::Pong(payload.to_vec()),
            Event::Closing(frame) => {
                let end = End::Close(
                    frame.as_ref().map(|frame: &CloseFrame| (frame.code().get(), frame.reason().to_owned())),
                );
                return ((heard, end), None);
            }
            Event::Failed(violation) => return ((heard, End::Failed(violation.name().to_owned())), Some(violation)),
        });
    }
    ((heard, End::Waiting), None)
}

/// A stream that gives the bytes in their pieces, then ends; what is written is taken.
struct Wire<'a> {
    rest: &'a [u8],
    pieces: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces.next().copied().unwrap_or(usize::MAX);
        let len = piece.min(self.rest.len()).min(buffer.len());
        let (front, rest) = self.rest.split_at(len);
        buffer[..len].copy_from_slice(front);
        self.rest = rest;
        Ok(len)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(traffic: &Traffic) -> Outcome {
    let role = match traffic.sender {
        Role::Client => TheirRole::Server,
        Role::Server => TheirRole::Client,
    };
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let wire = Wire { rest: &traffic.bytes, pieces: traffic.pieces.iter().cycle() };
    let mut socket = WebSocket::from_raw_socket(wire, role, Some(config));
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(tungstenite::Message::Text(text)) => heard.push(Heard::Text(text.to_string())),
            Ok(tungstenite::Message::Binary(bytes)) => heard.push(Heard::Binary(bytes.to_vec())),
            Ok(tungstenite::Message::Ping(payload)) => heard.push(Heard::Ping(payload.to_vec())),
            Ok(tungstenite::Message::Pong(payload)) => heard.push(Heard::Pong(payload.to_vec())),
            Ok(tungstenite::Message::Close(frame)) => {
                return (heard, End::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string()))));
            }
            Ok(tungstenite::Message::Frame(frame)) => panic!("a bare frame: {frame:?}"),
            Err(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (heard, End::Waiting);
            }
            Err(error) => return (heard, End::Failed(error.to_string())),
        }
    }
}

/// The rule that explains the difference, if one does.
fn explanation(
    traffic: &Traffic,
    ours: &Outcome,
    violation: Option<Violation>,
    theirs: &Outcome,
) -> Option<&'static str> {
    let they_went_on = theirs.0.starts_with(&ours.0);
    match violation? {
        Violation::LengthNotMinimal if they_went_on => {
            Some("tungstenite takes a length in a longer form than it needs")
        }
        Violation::InvalidCloseCode if ours.0 == theirs.0 && matches!(theirs.1, End::Close(_)) => {
            Some("tungstenite answers a Close with a code that must not be sent, and reports it as an ordinary one")
        }
        _ if ours.0 == theirs.0 && theirs.1 == End::Waiting && fails_in_a_cut_off_frame(traffic) => {
            Some("tungstenite waits for the whole frame before it judges it")
        }
        _ => None,
    }
}

/// Whether the first broken rule is one of the last frame's, of which not all has arrived.
fn fails_in_a_cut_off_frame(traffic: &Traffic) -> bool {
    let mut dissector = Dissector::new(traffic.sender, None);
    dissector.feed(&traffic.bytes);
    let found = std::iter::from_fn(|| dissector.finish())
        .find(|frame| frame.violations.iter().any(|found| found.violation.is_fatal()));
    found.is_some_and(|frame| frame.payload_missing > 0)
}

#[test]
fn every_difference_from_tungstenite_has_a_name() {
    let mut explained: BTreeMap<&str, u32> = BTreeMap::new();
    let mut agreed = 0;
    for traffic in corpus::all(1500).into_iter().filter(|traffic| traffic.deflate.is_none()) {
        let (ours, violation) = ours(&traffic);
        let theirs = theirs(&traffic);
        // Each says in its own words why it failed.
        let both_failed = matches!((&ours.1, &theirs.1), (End::Failed(_), End::Failed(_)));
        if ours.0 == theirs.0 && (ours.1 == theirs.1 || both_failed) {
            agreed += 1;
            continue;
        }
        match explanation(&traffic, &ours, violation, &theirs) {
            Some(name) => *explained.entry(name).or_default() += 1,
            None => panic!(
                "{} from the {:?}, {:02x?}:\n  ours {ours:?}\ntheirs {theirs:?}",
                traffic.name,
                traffic.sender,
                &traffic.bytes[..traffic.bytes.len().min(400)],
            ),
        }
    }
    println!("{agreed} the same; {explained:#?}");
    assert!(agreed > 1500, "{agreed}");
    assert_eq!(explained.len(), 3, "a rule is no longer needed: {explained:#?}");
}
