//! What is told of a connection, as plain objects: the page gets them as JSON, the command line prints them.
//!
//! Names, times and counts only; every sentence in here is for people, and stands with the section it rests on.

use serde::Serialize;

use super::finding::Found;

/// A connection in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionInfo {
    /// Its number, as whoever reads the capture counts.
    pub connection: u32,
    /// Where its bytes come from, likewise.
    pub source: u32,
    /// The client's address.
    pub client: String,
    /// The server's address.
    pub server: String,
    /// What the request asks for; empty where it was not captured.
    pub target: String,
    /// The Host header.
    pub host: String,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// What was agreed on, as it stands in the answer; empty for nothing.
    pub extensions: String,
    /// How far it has come.
    pub state: State,
    /// Its first row.
    pub first_row: u64,
    /// How many rows it has.
    pub rows: u64,
    /// Frames from the client, and from the server.
    pub frames: [u64; 2],
    /// Their bytes, headers included.
    pub bytes: [u64; 2],
    /// Whole messages.
    pub messages: [u64; 2],
    /// Broken rules, of frames and of the handshake.
    pub violations: u64,
    /// What was found beside them, in the order of the rows.
    pub findings: Vec<Found>,
    /// When its first row was complete, in nanoseconds since 1970.
    pub start_ns: u64,
    /// The same of its last row, once it is over.
    pub end_ns: Option<u64>,
    /// There is no socket, and the addresses stand in for it.
    pub in_process: bool,
    /// A few words to tell it from the others: host and target where they are known.
    pub label: String,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was asked for.
    Opening,
    /// Frames go both ways.
    Open,
    /// One end has said Close, or sent its last byte.
    Closing,
    /// It is over.
    Closed,
    /// The server said no.
    Refused,
}

impl State {
    /// As in the objects.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Refused => "refused",
        }
    }
}

/// Everything about one connection but its opening handshake.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The line of it.
    pub info: ConnectionInfo,
    /// The row of its request.
    pub request: Option<u64>,
    /// The row of the answer.
    pub response: Option<u64>,
    /// From the request to the answer, in nanoseconds.
    pub handshake_ns: Option<u64>,
    /// How it ended.
    pub closing: Closing,
    /// The client's masking keys.
    pub masking: Masking,
    /// What compression was worth, by direction.
    pub compression: Vec<Compression>,
    /// How many frames of each opcode there were, by direction.
    pub opcodes: Vec<OpcodeCount>,
    /// Pings and pongs; `None` if there were none.
    pub round_trips: Option<RoundTrips>,
    /// The broken rules.
    pub violations: Vec<ViolationCount>,
    /// Bytes that were not captured.
    pub missing: u64,
}

/// What both heads of an opening handshake say, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// Each line of both, and what is missing in them.
    pub headers: Vec<JudgedHeader>,
    /// Each extension offered, and each that was answered without having been.
    pub agreed: Vec<Agreed>,
    /// The subprotocol.
    pub subprotocol: Subprotocol,
}

/// How something was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it must be.
    Good,
    /// Allowed, or nobody's business here.
    Plain,
    /// Against a rule, or a danger.
    Bad,
}

/// A header line, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedHeader {
    /// `request` or `response`.
    pub side: &'static str,
    /// As it was written; of one that is missing, as it should have been.
    pub name: String,
    /// As it was written; empty where it is missing.
    pub value: String,
    /// Good or bad.
    pub verdict: Verdict,
    /// Why.
    pub says: String,
    /// Where that is written; empty where no RFC has a say.
    pub section: &'static str,
}

/// What became of an extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreed {
    /// Its name.
    pub extension: String,
    /// The offer as it was written; empty if there was none.
    pub offered: String,
    /// The answer as it was written; empty if there was none.
    pub answered: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// Whether an end broke a rule over it.
    pub verdict: Verdict,
    /// What follows from that, parameter by parameter.
    pub says: String,
}

/// What became of the subprotocols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subprotocol {
    /// Those the client offered.
    pub offered: Vec<String>,
    /// The one the server chose.
    pub chosen: Option<String>,
    /// What follows from that.
    pub says: String,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closing {
    /// Who began: `client`, `server`, or `both` at once.
    pub by: Option<&'static str>,
    /// The status code, as a program is told: also 1005 (a Close without one) and 1006 (no Close).
    pub code: Option<u16>,
    /// The first Close frame's reason.
    pub reason: String,
    /// Both ends have sent a Close frame.
    pub clean: bool,
    /// The order of events, in sentences.
    pub says: String,
    /// Their rows.
    pub rows: Vec<u64>,
}

/// What the masking keys of a connection are worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Masking {
    /// Masked frames from the client.
    pub frames: u64,
    /// Of so many, the first, the keys were compared.
    pub judged: u64,
    /// Different keys among those.
    pub distinct: u64,
    /// Keys that came more than once, the most frequent first.
    pub repeated: Vec<RepeatedKey>,
    /// The sum of it.
    pub verdict: Verdict,
    /// What was found.
    pub says: String,
}

/// A key that came more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepeatedKey {
    /// In hex.
    pub key: String,
    /// How often.
    pub count: u64,
    /// The first of its rows.
    pub rows: Vec<u64>,
}

/// What compression was worth in one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compression {
    /// `c2s` or `s2c`.
    pub direction: &'static str,
    /// Compressed messages.
    pub messages: u64,
    /// Messages that went plain although compression was agreed on.
    pub plain: u64,
    /// Their payload on the wire.
    pub wire: u64,
    /// The same, inflated.
    pub inflated: u64,
}

/// Frames of one opcode in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpcodeCount {
    /// The opcode's name.
    pub name: &'static str,
    /// `c2s` or `s2c`.
    pub direction: &'static str,
    /// How many.
    pub count: u64,
    /// Their payload on the wire.
    pub bytes: u64,
}

/// Round trips in sum, in nanoseconds; those figures are of the answered pings that are still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrips {
    /// Pings that were answered.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The one in the middle.
    pub median: u64,
    /// The longest.
    pub max: u64,
    /// Pings without an answer so far.
    pub unanswered: u64,
    /// Pongs that answer no ping that was seen: a sign of life in one direction (RFC 6455, 5.5.3).
    pub unsolicited: u64,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViolationCount {
    /// Its name.
    pub name: &'static str,
    /// Where it is written.
    pub section: &'static str,
    /// How often.
    pub count: u64,
    /// Where first.
    pub first_row: u64,
}

/// A ping and the pong that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrip {
    /// The connection.
    pub connection: u32,
    /// When the ping was complete, in nanoseconds since 1970.
    pub at: u64,
    /// The ping's row.
    pub ping: u64,
    /// The pong's row, if there was one.
    pub pong: Option<u64>,
    /// From the one to the other, in nanoseconds, where the bytes were captured.
    pub ns: Option<u64>,
    /// Who sent the ping.
    pub by: &'static str,
}
