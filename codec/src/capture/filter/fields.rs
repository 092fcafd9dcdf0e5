//! What a filter can ask a row about: one table, from which parsing, completion, help and errors are made.

use crate::handshake::{Finding, HandshakeRule};
use crate::opcode::Opcode;
use crate::rules::Violation;

/// Something a row has, or not. [`FIELDS`] says what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// A [`Kind`] as a number.
    Kind,
    /// Made of the kind; no subject is asked for it.
    Frame,
    /// Likewise.
    Handshake,
    /// Likewise.
    Gap,
    /// The row's number.
    Number,
    /// Since the first row of the capture.
    Time,
    /// Since the row before.
    Delta,
    /// The number of the connection.
    Connection,
    /// 0 from the client, 1 from the server.
    Direction,
    /// The name of the source that brought the row.
    Source,
    /// Made of the next two; no subject is asked for it.
    Ip,
    /// The sender's address.
    Src,
    /// The receiver's address.
    Dst,
    /// Made of sender, receiver and direction; no subject is asked for it.
    Client,
    /// Likewise.
    Server,
    /// Made of the next two; no subject is asked for it.
    Port,
    /// The sender's port.
    SrcPort,
    /// The receiver's port.
    DstPort,
    /// The number of the opcode.
    Opcode,
    /// Made of the opcode; no subject is asked for it.
    Control,
    /// Likewise.
    Data,
    /// FIN.
    Fin,
    /// The reserved bits as a number, RSV1 counting 4.
    Rsv,
    /// Made of the reserved bits; no subject is asked for it.
    Rsv1,
    /// Likewise.
    Rsv2,
    /// Likewise.
    Rsv3,
    /// MASK.
    Masked,
    /// The masking key.
    MaskKey,
    /// The payload's length, as the header says it.
    Length,
    /// In how many bits the header says it: 7, 16 or 64.
    LengthBits,
    /// All bytes of the row on the wire.
    Wire,
    /// Bytes that were not captured; absent if none.
    Missing,
    /// It is one of several frames of its message.
    Fragment,
    /// Which of them, from 1.
    FragmentNumber,
    /// It belongs to a compressed message.
    Compressed,
    /// The rules that it breaks.
    Violation,
    /// The status code of a Close.
    CloseCode,
    /// The reason of a Close.
    CloseReason,
    /// It completes a message.
    Message,
    /// The number of the message it belongs to, in its direction.
    MessageNumber,
    /// 1 text, 2 binary; of the message it completes.
    MessageKind,
    /// The inflated length of the message it completes.
    MessageLength,
    /// How many frames that has.
    Fragments,
    /// The text of the message it completes.
    Text,
    /// That message's JSON; a subject is asked for [`Content`](Self::Content).
    Json,
    /// What the row says, whatever it is.
    Content,
    /// The frame's payload, unmasked but not inflated.
    Payload,
    /// What the subprotocol's decoder makes of the message.
    Decoded,
    /// Of a pong: since its ping.
    Rtt,
    /// From the frame's first byte to its last.
    Took,
    /// The path asked for on this connection.
    Path,
    /// The path with the query.
    Target,
    /// The `Host`.
    Host,
    /// The `Origin`.
    Origin,
    /// The subprotocol agreed on.
    Subprotocol,
    /// The extensions agreed on.
    Extensions,
    /// Whether permessage-deflate is among them.
    Deflate,
    /// The status of an answer to the opening handshake.
    Status,
    /// Any header of an opening handshake, by [`Subject::header`](super::Subject::header).
    Header,
}

/// What kind of thing a field is, and with that what it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A number that goes by a name.
    Word,
    /// A number of bytes.
    Size,
    /// A span of time.
    Time,
    /// An IP address.
    Ip,
    /// Rules that are broken.
    Rules,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Values within JSON.
    Json,
}

impl Type {
    /// What it is called, with its article.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "a flag",
            Self::Number => "a number",
            Self::Word => "one of a few words",
            Self::Size => "a number of bytes",
            Self::Time => "a span of time",
            Self::Ip => "an IP address",
            Self::Rules => "a list of broken rules",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Json => "a place in JSON",
        }
    }
}

/// A name for some values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// The first of the values.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// What there is to say about a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Which.
    pub field: Field,
    /// What it is called.
    pub name: &'static str,
    /// What else it is called, Wireshark's names first.
    pub aliases: &'static [&'static str],
    /// What it is.
    pub kind: Type,
    /// What it says about a row.
    pub says: &'static str,
    /// How it is used.
    pub example: &'static str,
    /// Values that have names. The rules' names are [`rule_names`].
    pub values: &'static [Named],
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A frame.
    Frame,
    /// The first half of an opening handshake.
    Request,
    /// Its second half.
    Response,
    /// Bytes that were not captured.
    Gap,
    /// The end of a direction.
    End,
    /// Something to know.
    Note,
}

impl Field {
    /// All there is to say about it.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        &FIELDS[self as usize]
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Whether the bytes of a payload are needed to tell.
    #[must_use]
    pub const fn is_of_payload(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Content | Self::Payload | Self::Decoded | Self::CloseReason)
    }

    /// The field of this name, or of this other name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |info: &&FieldInfo| {
            info.name.eq_ignore_ascii_case(name) || info.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        };
        FIELDS.iter().find(is_it).map(|info| info.field)
    }
}

/// Rules that a row breaks: of frames and of opening handshakes, without touching the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules(pub(super) u128);

impl Rules {
    /// Whether none is broken.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This rule too.
    #[must_use]
    pub const fn with(self, violation: Violation) -> Self {
        Self(self.0 | 1 << violation as u8)
    }

    /// This rule of the opening handshake too.
    #[must_use]
    pub const fn with_handshake(self, rule: HandshakeRule) -> Self {
        Self(self.0 | 1 << (Violation::ALL.len() + rule as usize))
    }
}

impl FromIterator<Violation> for Rules {
    fn from_iter<T: IntoIterator<Item = Violation>>(rules: T) -> Self {
        rules.into_iter().fold(Self::default(), Self::with)
    }
}

impl<'a> FromIterator<&'a Finding> for Rules {
    fn from_iter<T: IntoIterator<Item = &'a Finding>>(findings: T) -> Self {
        findings.into_iter().fold(Self::default(), |rules, finding| rules.with_handshake(finding.rule))
    }
}

/// The names of all rules, in the order of the bits of [`Rules`], and what each says.
pub fn rule_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_frames = Violation::ALL.into_iter().map(|rule| (rule.name(), rule.says()));
    of_frames.chain(HandshakeRule::ALL.into_iter().map(|rule| (rule.name(), rule.says())))
}

const fn named(name: &'static str, value: u64) -> Named {
    Named { name, from: value, to: value }
}

const fn group(name: &'static str, from: u64, to: u64) -> Named {
    Named { name, from, to }
}

const fn field(
    field: Field,
    kind: Type,
    name: &'static str,
    aliases: &'static [&'static str],
    says: &'static str,
    example: &'static str,
) -> FieldInfo {
    FieldInfo { field, name, aliases, kind, says, example, values: &[] }
}

const fn words(info: FieldInfo, values: &'static [Named]) -> FieldInfo {
    FieldInfo { values, ..info }
}

const KINDS: &[Named] = &[
    named("frame", Kind::Frame as u64),
    group("handshake", Kind::Request as u64, Kind::Response as u64),
    named("request", Kind::Request as u64),
    named("response", Kind::Response as u64),
    named("gap", Kind::Gap as u64),
    named("end", Kind::End as u64),
    named("note", Kind::Note as u64),
];

const DIRECTIONS: &[Named] =
    &[named("c2s", 0), named("s2c", 1), named("client", 0), named("server", 1), named("sent", 0), named("received", 1)];

const OPCODES: &[Named] = &[
    named("text", Opcode::Text as u64),
    named("binary", Opcode::Binary as u64),
    named("continuation", Opcode::Continuation as u64),
    named("close", Opcode::Close as u64),
    named("ping", Opcode::Ping as u64),
    named("pong", Opcode::Pong as u64),
    group("reserved", 0x3, 0x7),
    group("reserved", 0xB, 0xF),
    group("data", 0x0, 0x7),
    group("control", 0x8, 0xF),
];

const CLOSE_CODES: &[Named] = &[
    named("normal-closure", 1000),
    named("going-away", 1001),
    named("protocol-error", 1002),
    named("unsupported-data", 1003),
    named("invalid-payload-data", 1007),
    named("policy-violation", 1008),
    named("message-too-big", 1009),
    named("mandatory-extension", 1010),
    named("internal-error", 1011),
    named("service-restart", 1012),
    named("try-again-later", 1013),
    named("bad-gateway", 1014),
    group("registered", 3000, 3999),
    group("private-use", 4000, 4999),
];

const MESSAGE_KINDS: &[Named] = &[named("text", 1), named("binary", 2)];

/// All fields, in the order in which they are offered; the order of [`Field`] too.
pub static FIELDS: &[FieldInfo] = &[
    words(field(Field::Kind, Type::Word, "kind", &[], "What the row is", "kind == gap"), KINDS),
    field(Field::Frame, Type::Flag, "frame", &["websocket"], "The row is a frame", "frame and not masked"),
    field(Field::Handshake, Type::Flag, "handshake", &["http"], "The row is half of an opening handshake", "handshake"),
    field(
        Field::Gap,
        Type::Flag,
        "gap",
        &["tcp.analysis.lost_segment"],
        "The row stands for bytes that were not captured",
        "gap",
    ),
    field(Field::Number, Type::Number, "number", &["frame.number"], "The row's number in the list", "number >= 1000"),
    field(
        Field::Time,
        Type::Time,
        "time",
        &["frame.time_relative"],
        "Since the first row of the capture",
        "time in 1.5s..2s",
    ),
    field(
        Field::Delta,
        Type::Time,
        "delta",
        &["frame.time_delta", "frame.time_delta_displayed"],
        "Since the row before",
        "delta > 100ms",
    ),
    field(
        Field::Connection,
        Type::Number,
        "conn",
        &["tcp.stream", "connection", "stream"],
        "The number of the connection",
        "conn in {1, 3..5}",
    ),
    words(
        field(
            Field::Direction,
            Type::Word,
            "dir",
            &["direction"],
            "Who sent it: c2s the client, s2c the server",
            "dir == c2s",
        ),
        DIRECTIONS,
    ),
    field(
        Field::Source,
        Type::Text,
        "source",
        &["frame.interface_name"],
        "The tap or the file that the row came from",
        "source contains \".pcapng\"",
    ),
    field(
        Field::Ip,
        Type::Ip,
        "ip",
        &["ip.addr", "ipv6.addr", "address"],
        "The address of either end",
        "ip in 10.0.0.0/8",
    ),
    field(
        Field::Src,
        Type::Ip,
        "src",
        &["ip.src", "ipv6.src", "ip.src_host"],
        "The sender's address",
        "src == 127.0.0.1",
    ),
    field(Field::Dst, Type::Ip, "dst", &["ip.dst", "ipv6.dst", "ip.dst_host"], "The receiver's address", "dst == ::1"),
    field(Field::Client, Type::Ip, "client", &["client.ip"], "The client's address", "client != localhost"),
    field(Field::Server, Type::Ip, "server", &["server.ip"], "The server's address", "server in 192.168.0.0/16"),
    field(Field::Port, Type::Number, "port", &["tcp.port"], "The port of either end", "port == 8080"),
    field(Field::SrcPort, Type::Number, "src.port", &["tcp.srcport"], "The sender's port", "src.port == 443"),
    field(Field::DstPort, Type::Number, "dst.port", &["tcp.dstport"], "The receiver's port", "dst.port in 8000..8999"),
    words(
        field(
            Field::Opcode,
            Type::Word,
            "opcode",
            &["websocket.opcode", "op"],
            "What the frame carries",
            "opcode == text",
        ),
        OPCODES,
    ),
    field(
        Field::Control,
        Type::Flag,
        "control",
        &[],
        "The opcode is one of control frames: close, ping, pong",
        "control",
    ),
    field(
        Field::Data,
        Type::Flag,
        "data",
        &[],
        "The opcode is one of data frames: text, binary, continuation",
        "data and length == 0",
    ),
    field(Field::Fin, Type::Flag, "fin", &["websocket.fin"], "FIN: the last frame of its message", "not fin"),
    field(Field::Rsv, Type::Number, "rsv", &["websocket.rsv"], "The reserved bits, 0 to 7; RSV1 counts 4", "rsv != 0"),
    field(
        Field::Rsv1,
        Type::Flag,
        "rsv1",
        &["websocket.rsv1"],
        "RSV1: with permessage-deflate, the message is compressed",
        "rsv1",
    ),
    field(Field::Rsv2, Type::Flag, "rsv2", &["websocket.rsv2"], "RSV2", "rsv2"),
    field(Field::Rsv3, Type::Flag, "rsv3", &["websocket.rsv3"], "RSV3", "rsv3"),
    field(
        Field::Masked,
        Type::Flag,
        "masked",
        &["websocket.mask", "mask"],
        "MASK: the payload is masked",
        "dir == c2s and not masked",
    ),
    field(
        Field::MaskKey,
        Type::Bytes,
        "mask.key",
        &["websocket.masking_key", "masking_key", "key"],
        "The masking key",
        "mask.key == 00000000",
    ),
    field(
        Field::Length,
        Type::Size,
        "length",
        &["websocket.payload_length", "payload_length", "len", "size"],
        "The payload's length as the header says it",
        "length > 10KiB",
    ),
    field(
        Field::LengthBits,
        Type::Number,
        "length.bits",
        &[],
        "How many bits the header says it in: 7, 16 or 64",
        "length.bits == 64 and length < 65536",
    ),
    field(
        Field::Wire,
        Type::Size,
        "wire",
        &["frame.len", "frame.cap_len"],
        "All bytes of the row on the wire",
        "wire >= 1MiB",
    ),
    field(Field::Missing, Type::Size, "missing", &[], "Bytes that were not captured, if there are any", "missing"),
    field(Field::Fragment, Type::Flag, "fragment", &[], "One of several frames of a message", "fragment"),
    field(
        Field::FragmentNumber,
        Type::Number,
        "fragment.number",
        &[],
        "Which frame of its message, from 1",
        "fragment.number > 100",
    ),
    field(
        Field::Compressed,
        Type::Flag,
        "compressed",
        &[],
        "The frame belongs to a compressed message",
        "compressed and length > 1KiB",
    ),
    field(
        Field::Violation,
        Type::Rules,
        "violation",
        &["_ws.expert", "_ws.malformed", "violations", "rule", "error"],
        "A rule that is broken; alone: any",
        "violation == unmasked-from-client",
    ),
    words(
        field(
            Field::CloseCode,
            Type::Word,
            "close.code",
            &["websocket.payload.close.status_code"],
            "The status code of a Close",
            "close.code >= 4000",
        ),
        CLOSE_CODES,
    ),
    field(
        Field::CloseReason,
        Type::Text,
        "close.reason",
        &["websocket.payload.close.reason"],
        "The reason in a Close",
        "close.reason contains \"timeout\"",
    ),
    field(
        Field::Message,
        Type::Flag,
        "message",
        &[],
        "The frame completes a message",
        "message and message.length == 0",
    ),
    field(
        Field::MessageNumber,
        Type::Number,
        "message.number",
        &[],
        "Which message of its direction, from 0",
        "message.number == 12",
    ),
    words(
        field(
            Field::MessageKind,
            Type::Word,
            "message.kind",
            &[],
            "Text or binary, of the message that the frame completes",
            "message.kind == binary",
        ),
        MESSAGE_KINDS,
    ),
    field(
        Field::MessageLength,
        Type::Size,
        "message.length",
        &["inflated"],
        "The inflated length of the message that the frame completes",
        "message.length > length * 10",
    ),
    field(
        Field::Fragments,
        Type::Number,
        "fragments",
        &[],
        "How many frames the message has that the frame completes",
        "fragments > 1",
    ),
    field(
        Field::Text,
        Type::Text,
        "text",
        &["websocket.payload.text", "data-text-lines"],
        "The text message, inflated, that the frame completes",
        "text contains \"error\"i",
    ),
    field(
        Field::Json,
        Type::Json,
        "json",
        &[],
        "The message as JSON, or a value in it; alone: there is one",
        "json.type == \"chat\"",
    ),
    field(
        Field::Content,
        Type::Bytes,
        "content",
        &[],
        "All that the row says: message, close reason, headers, note",
        "content contains 0xCAFE",
    ),
    field(
        Field::Payload,
        Type::Bytes,
        "payload",
        &["websocket.payload", "data.data"],
        "The frame's payload, unmasked, but still compressed",
        "payload[0:2] == 8101",
    ),
    field(
        Field::Decoded,
        Type::Text,
        "decoded",
        &[],
        "What the subprotocol makes of the message",
        "decoded contains \"event\"",
    ),
    field(Field::Rtt, Type::Time, "rtt", &["roundtrip"], "Of a pong: since its ping", "rtt > 50ms"),
    field(Field::Took, Type::Time, "took", &[], "From the frame's first byte to its last", "took > 1s"),
    field(
        Field::Path,
        Type::Text,
        "path",
        &["http.request.uri.path"],
        "The path asked for on this connection",
        "path == /socket",
    ),
    field(
        Field::Target,
        Type::Text,
        "target",
        &["http.request.uri", "url"],
        "The path with the query",
        "target contains \"EIO=4\"",
    ),
    field(
        Field::Host,
        Type::Text,
        "host",
        &["http.host", "domain"],
        "The host asked for on this connection",
        "host == example.org",
    ),
    field(
        Field::Origin,
        Type::Text,
        "origin",
        &["http.origin"],
        "The page's origin, by the opening handshake",
        "origin endswith \".example.org\"",
    ),
    field(
        Field::Subprotocol,
        Type::Text,
        "subprotocol",
        &["http.sec_websocket_protocol", "protocol"],
        "The subprotocol agreed on",
        "subprotocol == graphql-transport-ws",
    ),
    field(
        Field::Extensions,
        Type::Text,
        "extensions",
        &["http.sec_websocket_extensions"],
        "The extensions agreed on",
        "extensions contains \"no_context_takeover\"",
    ),
    field(
        Field::Deflate,
        Type::Flag,
        "deflate",
        &["permessage-deflate"],
        "Permessage-deflate was agreed on",
        "deflate and data and not compressed",
    ),
    field(
        Field::Status,
        Type::Number,
        "status",
        &["http.response.code", "status-code"],
        "The status of the answer to an opening handshake",
        "status != 101",
    ),
    field(
        Field::Header,
        Type::Text,
        "header",
        &[],
        "A header of an opening handshake, by its name",
        "header.user-agent contains \"Chrome\"",
    ),
];
