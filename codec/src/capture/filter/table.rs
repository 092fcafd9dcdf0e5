//! The table of fields.

use super::fields::{FieldInfo, Kind, Named, Type};
use crate::opcode::Opcode;

/// Each field once: what it is, its name, its other names, Wireshark's first, the names of its values; what it says about
/// a row, how it is used. They are offered in this order.
macro_rules! fields {
    ($($field:ident: $kind:ident = $name:literal [$($alias:literal),*] $(, $values:ident)?, $says:literal, $example:literal;)*) => {
        /// Something a row has, or not. [`FIELDS`] says what each is.
        ///
        /// A [`Subject`](super::Subject) is never asked for those that are made of others: `frame`, `handshake`,
        /// `gap`, `ip`, `client`, `server`, `port`, `control`, `data`, `rsv1`, `rsv2`, `rsv3`, `json`, `header`. Words go
        /// by their numbers: a [`Kind`], 0 for the client's direction and 1 for the server's, the opcode, the code of a
        /// Close, 1 for text and 2 for binary.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $says, ".")] $field,)*
        }

        /// All fields, in the order in which they are offered; the order of [`Field`] too.
        pub static FIELDS: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$field,
            name: $name,
            aliases: &[$($alias),*],
            kind: Type::$kind,
            says: $says,
            example: $example,
            values: first(&[$($values,)? NONE]),
        },)*];
    };
}

fields! {
    Kind: Word = "kind" [], KINDS,
        "What the row is", "kind == gap";
    Frame: Flag = "frame" ["websocket"],
        "The row is a frame", "frame and not masked";
    Handshake: Flag = "handshake" ["http"],
        "The row is half of an opening handshake", "handshake";
    Gap: Flag = "gap" ["tcp.analysis.lost_segment"],
        "The row stands for bytes that were not captured", "gap";
    Number: Number = "number" ["frame.number"],
        "The row's number in the list, from 1", "number >= 1000";
    Time: Time = "time" ["frame.time_relative"],
        "Since the first row of the capture", "time in 1.5s..2s";
    Delta: Time = "delta" ["frame.time_delta", "frame.time_delta_displayed"],
        "Since the row before", "delta > 100ms";
    Connection: Number = "conn" ["connection"],
        "The number of the WebSocket connection, from 1", "conn in {1, 3..5}";
    Stream: Number = "stream" ["tcp.stream"],
        "The number of the TCP connection in its capture, from 0", "stream == 0";
    Direction: Word = "dir" ["direction"], DIRECTIONS,
        "Who sent it: c2s the client, s2c the server", "dir == c2s";
    Source: Text = "source" ["frame.interface_name"],
        "The tap or the file that the row came from", "source contains \".pcapng\"";
    Ip: Ip = "ip" ["ip.addr", "ipv6.addr", "address"],
        "The address of either end", "ip in 10.0.0.0/8";
    Src: Ip = "src" ["ip.src", "ipv6.src", "ip.src_host"],
        "The sender's address", "src == 127.0.0.1";
    Dst: Ip = "dst" ["ip.dst", "ipv6.dst", "ip.dst_host"],
        "The receiver's address", "dst == ::1";
    Client: Ip = "client" ["client.ip"],
        "The client's address", "client != localhost";
    Server: Ip = "server" ["server.ip"],
        "The server's address", "server in 192.168.0.0/16";
    Port: Number = "port" ["tcp.port"],
        "The port of either end", "port == 8080";
    SrcPort: Number = "src.port" ["tcp.srcport"],
        "The sender's port", "src.port == 443";
    DstPort: Number = "dst.port" ["tcp.dstport"],
        "The receiver's port", "dst.port in 8000..8999";
    Opcode: Word = "opcode" ["websocket.opcode", "op"], OPCODES,
        "What the frame carries", "opcode == text";
    Control: Flag = "control" [],
        "The opcode is one of control frames: close, ping, pong", "control";
    Data: Flag = "data" [],
        "The opcode is one of data frames: text, binary, continuation", "data and length == 0";
    Fin: Flag = "fin" ["websocket.fin"],
        "FIN: the last frame of its message", "not fin";
    Rsv: Number = "rsv" ["websocket.rsv"],
        "The reserved bits, 0 to 7; RSV1 counts 4", "rsv != 0";
    Rsv1: Flag = "rsv1" ["websocket.rsv1"],
        "RSV1: with permessage-deflate, the message is compressed", "rsv1";
    Rsv2: Flag = "rsv2" ["websocket.rsv2"],
        "RSV2", "rsv2";
    Rsv3: Flag = "rsv3" ["websocket.rsv3"],
        "RSV3", "rsv3";
    Masked: Flag = "masked" ["websocket.mask", "mask"],
        "MASK: the payload is masked", "dir == c2s and not masked";
    MaskKey: Bytes = "mask.key" ["websocket.masking_key", "masking_key", "key"],
        "The masking key", "mask.key == 00000000";
    Length: Size = "length" ["websocket.payload_length", "payload_length", "len", "size"],
        "The payload's length as the header says it", "length > 10KiB";
    LengthBits: Number = "length.bits" [],
        "How many bits the header says it in: 7, 16 or 64", "length.bits == 64 and length < 65536";
    Wire: Size = "wire" ["frame.len", "frame.cap_len"],
        "All bytes of the row on the wire", "wire >= 1MiB";
    Missing: Size = "missing" [],
        "Bytes that were not captured, if there are any", "missing";
    Fragment: Flag = "fragment" [],
        "One of several frames of a message", "fragment";
    FragmentNumber: Number = "fragment.number" [],
        "Which frame of its message, from 1", "fragment.number > 100";
    Compressed: Flag = "compressed" [],
        "The frame belongs to a compressed message", "compressed and length > 1KiB";
    Violation: Rules = "violation" ["_ws.expert", "_ws.malformed", "violations", "rule", "error"],
        "A rule that is broken; alone: any", "violation == unmasked-from-client";
    Finding: Rules = "finding" ["findings", "finding.name"],
        "What is certain of the connection from this row on, and no frame shows alone; alone: any", "finding == unanswered-ping";
    CloseCode: Word = "close.code" ["websocket.payload.close.status_code"], CLOSE_CODES,
        "The status code of a Close", "close.code >= 4000";
    CloseReason: Text = "close.reason" ["websocket.payload.close.reason"],
        "The reason in a Close", "close.reason contains \"timeout\"";
    Message: Flag = "message" [],
        "The frame completes a message", "message and message.length == 0";
    MessageNumber: Number = "message.number" [],
        "Which message of its direction, from 1", "message.number == 12";
    MessageKind: Word = "message.kind" [], MESSAGE_KINDS,
        "Text or binary, of the message that the frame completes", "message.kind == binary";
    MessageLength: Size = "message.length" ["inflated"],
        "The inflated length of the message that the frame completes", "message.length > length * 10";
    Fragments: Number = "fragments" [],
        "How many frames the message has that the frame completes", "fragments > 1";
    Text: Text = "text" ["websocket.payload.text", "data-text-lines"],
        "The text message, inflated, that the frame completes", "text contains \"error\"i";
    Json: Json = "json" [],
        "The message as JSON, or a value in it; alone: there is one", "json.type == \"chat\"";
    Content: Bytes = "content" [],
        "All that the row says: message, close reason, headers, note", "content contains 0xCAFE";
    Payload: Bytes = "payload" ["websocket.payload", "data.data"],
        "The frame's payload, unmasked, but still compressed", "payload[0:2] == 8101";
    Rtt: Time = "rtt" ["roundtrip"],
        "Of a pong: since its ping", "rtt > 50ms";
    Took: Time = "took" [],
        "From the frame's first byte to its last", "took > 1s";
    Path: Text = "path" ["http.request.uri.path"],
        "The path asked for on this connection", "path == /socket";
    Target: Text = "target" ["http.request.uri", "url"],
        "The path with the query", "target contains \"EIO=4\"";
    Host: Text = "host" ["http.host", "domain"],
        "The host asked for on this connection", "host == example.org";
    Origin: Text = "origin" ["http.origin"],
        "The page's origin, by the opening handshake", "origin endswith \".example.org\"";
    Subprotocol: Text = "subprotocol" ["http.sec_websocket_protocol", "protocol"],
        "The subprotocol agreed on", "subprotocol == graphql-transport-ws";
    Extensions: Text = "extensions" ["http.sec_websocket_extensions"],
        "The extensions agreed on", "extensions contains \"no_context_takeover\"";
    Deflate: Flag = "deflate" ["permessage-deflate"],
        "Permessage-deflate was agreed on", "deflate and data and not compressed";
    Status: Number = "status" ["http.response.code", "status-code"],
        "The status of the answer to an opening handshake", "status != 101";
    Header: Text = "header" [],
        "A header of an opening handshake, by its name", "header.user-agent contains \"Chrome\"";
}

const fn first(values: &[&'static [Named]]) -> &'static [Named] {
    values[0]
}

const NONE: &[Named] = &[];

const fn named(name: &'static str, value: u64) -> Named {
    Named { name, from: value, to: value }
}

const fn group(name: &'static str, from: u64, to: u64) -> Named {
    Named { name, from, to }
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
