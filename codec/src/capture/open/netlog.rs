//! NetLog: what Chromium writes with `--log-net-log=FILE`, or from `chrome://net-export`.
//!
//! With `--net-log-capture-mode=Everything` it has the bytes of every socket, behind TLS as well, and these are the true
//! streams. Without, there are headers of frames, and the heads of handshakes with secrets left out: frames then come
//! without payload, as a gap inside each.

use std::net::SocketAddr;

use super::super::tap::Flow;
use super::super::{Direction, Origin, opening};
use super::json::Value;
use super::{rebuilt, text};
use crate::capture::pcapng;
use crate::header::{FrameHeader, Rsv};
use crate::mask::MaskingKey;
use crate::opcode::Opcode;

/// Writes what a log says of sockets, or else of frames.
#[derive(Debug, Default)]
pub(super) struct NetLog {
    /// How the log numbers the events that matter.
    numbers: Vec<(u64, Kind)>,
    /// When its clock began, in milliseconds since 1970.
    offset_ms: u64,
    has_bytes: bool,
    has_begun: bool,
    connections: u32,
    /// By their numbers, which only grow.
    sources: Vec<(u64, Source)>,
}

/// What is known of a socket, or of a request.
#[derive(Debug, Default)]
struct Source {
    /// Of the client and of the server.
    ends: Option<(SocketAddr, SocketAddr)>,
    /// The head of a request that was not answered yet.
    request: Vec<u8>,
    flow: Option<Box<Flow>>,
    /// What is on the wire is TLS.
    is_encrypted: bool,
    /// It is of no interest.
    is_other: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connected,
    Closed,
    Bytes(Direction, Layer),
    Request,
    Response,
    Frame(Direction),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Socket,
    Tls,
}

use Direction::{ClientToServer, ServerToClient};

const KINDS: [(&str, Kind); 10] = [
    ("TCP_CONNECT", Kind::Connected),
    ("SOCKET_ALIVE", Kind::Closed),
    ("SOCKET_BYTES_SENT", Kind::Bytes(ClientToServer, Layer::Socket)),
    ("SOCKET_BYTES_RECEIVED", Kind::Bytes(ServerToClient, Layer::Socket)),
    ("SSL_SOCKET_BYTES_SENT", Kind::Bytes(ClientToServer, Layer::Tls)),
    ("SSL_SOCKET_BYTES_RECEIVED", Kind::Bytes(ServerToClient, Layer::Tls)),
    ("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", Kind::Request),
    ("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", Kind::Response),
    ("WEBSOCKET_SENT_FRAME_HEADER", Kind::Frame(ClientToServer)),
    ("WEBSOCKET_RECV_FRAME_HEADER", Kind::Frame(ServerToClient)),
];

impl NetLog {
    /// Takes what the log says about itself.
    pub(super) fn constants(&mut self, text: &[u8]) {
        let constants = Value(text);
        if let Some(types) = constants.get("logEventTypes") {
            for (name, number) in types.members() {
                let kind = KINDS.iter().find(|(known, _)| known.as_bytes() == name);
                self.numbers.extend(kind.and_then(|(_, kind)| Some((number.integer()?, *kind))));
            }
        }
        self.offset_ms = constants.get("timeTickOffset").and_then(Value::whole).unwrap_or(0);
        let mode = constants.get("logCaptureMode").and_then(Value::text);
        self.has_bytes = mode.is_some_and(|mode| mode == "Everything");
    }

    /// Whether there was no connection yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.connections == 0
    }

    /// Takes an event.
    pub(super) fn event(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let event = Value(text);
        let number = event.get("type").and_then(Value::integer);
        let Some(kind) = self.numbers.iter().find(|(known, _)| Some(*known) == number).map(|(_, kind)| *kind) else {
            return;
        };
        let Some(id) = event.get("source").and_then(|source| source.get("id")).and_then(Value::integer) else { return };
        let ticks_ms = event.get("time").and_then(Value::whole).unwrap_or(0);
        let time_ns = ticks_ms.saturating_add(self.offset_ms).saturating_mul(1_000_000);
        let params = event.get("params").unwrap_or(Value(b"{}"));
        match kind {
            Kind::Connected => self.connected(id, params),
            // Its end: nothing more comes of it, and the number is not used again.
            Kind::Closed if event.get("phase").and_then(Value::integer) == Some(2) => {
                self.sources.retain(|(known, _)| *known != id);
            }
            Kind::Closed => {}
            Kind::Bytes(direction, layer) => self.bytes(id, direction, layer, params, time_ns, out),
            Kind::Request => self.request(id, params),
            Kind::Response => self.response(id, params, time_ns, out),
            Kind::Frame(direction) => self.frame(id, direction, params, time_ns, out),
        }
    }

    fn source(&mut self, id: u64) -> &mut Source {
        let at = match self.sources.binary_search_by_key(&id, |(known, _)| *known) {
            Ok(at) => at,
            Err(at) => {
                // The oldest make room.
                let dropped = if self.sources.len() >= SOURCES_MAX { SOURCES_MAX / 2 } else { 0 };
                self.sources.drain(..dropped);
                let at = at.saturating_sub(dropped);
                self.sources.insert(at, (id, Source::default()));
                at
            }
        };
        &mut self.sources[at].1
    }

    fn known(&mut self, id: u64) -> Option<&mut Source> {
        let at = self.sources.binary_search_by_key(&id, |(known, _)| *known).ok()?;
        self.sources.get_mut(at).map(|(_, source)| source)
    }

    fn connected(&mut self, id: u64, params: Value<'_>) {
        let address = |name| params.get(name).and_then(Value::text).and_then(|address| address.parse().ok());
        if let (Some(client), Some(server)) = (address("local_address"), address("remote_address")) {
            self.source(id).ends = Some((client, server));
        }
    }

    fn bytes(
        &mut self,
        id: u64,
        direction: Direction,
        layer: Layer,
        params: Value<'_>,
        time_ns: u64,
        out: &mut Vec<u8>,
    ) {
        let hex = |digits: &str| {
            let pairs = digits.as_bytes().as_chunks::<2>().0.iter();
            pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
        };
        let bytes: Option<Vec<u8>> = match (params.get("bytes"), params.get("hex_encoded_bytes")) {
            (Some(bytes), _) => bytes.text().and_then(|bytes| text::decode(&bytes)),
            // As older ones have it.
            (None, Some(bytes)) => bytes.text().and_then(|bytes| hex(&bytes)),
            (None, None) => None,
        };
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return };
        self.has_bytes = true;
        let source = self.source(id);
        if source.is_other || (layer == Layer::Socket && source.is_encrypted) {
            return;
        }
        if source.flow.is_none() {
            if layer == Layer::Socket && matches!(bytes[..], [0x16, 3, ..]) {
                source.is_encrypted = true;
                return;
            }
            // Also the beginning of HTTP/2, which is none.
            if direction == ServerToClient || !opening::may_begin_head(&bytes) {
                source.is_other = true;
                return;
            }
            let ends = source.ends;
            let mut flow = self.flow(ends, Origin::NetLog, out);
            flow.open(time_ns, out);
            self.source(id).flow = Some(flow);
        }
        if let Some(flow) = &mut self.source(id).flow {
            flow.bytes(direction, time_ns, &bytes, out);
        }
    }

    fn request(&mut self, id: u64, params: Value<'_>) {
        if self.has_bytes {
            return;
        }
        let line = params.get("line").and_then(Value::text).unwrap_or_default();
        let mut head = Vec::new();
        rebuilt::head_line(&[&line], &mut head);
        let mut asks = false;
        for header in params.get("headers").into_iter().flat_map(Value::elements).filter_map(Value::text) {
            asks |= header.get(..SEC_WEBSOCKET.len()).is_some_and(|start| start.eq_ignore_ascii_case(SEC_WEBSOCKET));
            rebuilt::head_line(&[&header], &mut head);
        }
        rebuilt::head_line(&[], &mut head);
        if asks {
            self.source(id).request = head;
        }
    }

    fn response(&mut self, id: u64, params: Value<'_>, time_ns: u64, out: &mut Vec<u8>) {
        let Some(request) = self.known(id).map(|source| std::mem::take(&mut source.request)) else { return };
        if request.is_empty() {
            return;
        }
        let mut head = Vec::new();
        for header in params.get("headers").into_iter().flat_map(Value::elements).filter_map(Value::text) {
            rebuilt::head_line(&[&header], &mut head);
        }
        rebuilt::head_line(&[], &mut head);
        let mut flow = self.flow(None, Origin::NetLogHeaders, out);
        flow.open(time_ns, out);
        flow.bytes(ClientToServer, time_ns, &request, out);
        flow.bytes(ServerToClient, time_ns, &head, out);
        self.source(id).flow = Some(flow);
    }

    fn frame(&mut self, id: u64, direction: Direction, params: Value<'_>, time_ns: u64, out: &mut Vec<u8>) {
        // Of a connection inside of HTTP/2 the bytes are no frames, and there is no head of a handshake either.
        let is_known = self.known(id).is_some_and(|source| source.flow.is_some());
        if self.has_bytes && !is_known {
            return;
        }
        if !is_known {
            let mut flow = self.flow(None, Origin::NetLogHeaders, out);
            flow.join_without_handshake(time_ns, out);
            Direction::BOTH.into_iter().for_each(|direction| flow.boundary(direction));
            self.source(id).flow = Some(flow);
        }
        let is_set = |name: &str| params.get(name).is_some_and(|value| value.0 == b"true");
        let bits = [("reserved1", 4), ("reserved2", 2), ("reserved3", 1)];
        let rsv = bits.iter().filter(|(name, _)| is_set(name)).map(|(_, bit)| bit).sum();
        let opcode = params.get("opcode").and_then(Value::integer).and_then(|opcode| u8::try_from(opcode).ok());
        let len = params.get("payload_length").and_then(Value::whole).unwrap_or(0);
        let header = FrameHeader {
            fin: is_set("final"),
            rsv: Rsv::from_bits(rsv),
            masking_key: is_set("masked").then_some(MaskingKey([0; 4])),
            ..FrameHeader::new(Opcode::from_bits(opcode.unwrap_or(0)), len)
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        if let Some(flow) = &mut self.source(id).flow {
            flow.bytes(direction, time_ns, &bytes, out);
            flow.gap(direction, len);
            if len > 0 {
                // A gap is told with the packet behind it; this one has none of its own to wait for.
                flow.told_gap(direction, time_ns, out);
            }
        }
    }

    fn flow(&mut self, ends: Option<(SocketAddr, SocketAddr)>, origin: Origin, out: &mut Vec<u8>) -> Box<Flow> {
        if !std::mem::replace(&mut self.has_begun, true) {
            pcapng::write_start_about("rebuilt from a NetLog", out);
        }
        let (client, server) = ends.unwrap_or_else(|| rebuilt::ends(self.connections, None, 80));
        self.connections += 1;
        Box::new(Flow::new(client, server).rebuilt_from(origin))
    }
}

/// What the headers begin with that only handshakes have.
const SEC_WEBSOCKET: &str = "sec-websocket-";
/// So many sockets and requests are followed at a time.
const SOURCES_MAX: usize = 1 << 12;
