use super::*;
use crate::capture::tap::Flow;
use crate::capture::{Decoder, Record, pcapng};
use crate::deflate::Compressor;
use crate::deflate::params::DeflateParams;
use crate::frame::Frame;
use crate::header::Rsv;
use crate::mask::MaskingKey;
use crate::opcode::Opcode;
use Direction::{ClientToServer as C, ServerToClient as S};

/// One connection, written and read again.
pub(super) struct Told {
    pub(super) flow: Flow,
    pub(super) capture: Vec<u8>,
    pub(super) now_ns: u64,
}

pub(super) const REQUEST: &str = "GET /chat?x=1 HTTP/1.1\r\nHost: h.example\r\nOrigin: http://h.example\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\nSec-WebSocket-Protocol: b\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n";

impl Told {
    /// Of which nothing is captured yet.
    pub(super) fn unseen() -> Self {
        let mut capture = Vec::new();
        pcapng::write_start(&mut capture);
        Self { flow: Flow::in_process(1), capture, now_ns: 1_000 }
    }

    pub(super) fn new() -> Self {
        let mut told = Self::unseen();
        told.flow.open(1_000, &mut told.capture);
        told
    }

    pub(super) fn opened() -> Self {
        let mut told = Self::new();
        told.say(C, format!("{REQUEST}\r\n").as_bytes());
        told.say(S, format!("{RESPONSE}\r\n").as_bytes());
        told
    }

    pub(super) fn say(&mut self, direction: Direction, bytes: &[u8]) {
        self.now_ns += 1_000;
        self.flow.bytes(direction, self.now_ns, bytes, &mut self.capture);
    }

    /// A frame as its sender should send it, changed by `change`.
    pub(super) fn frame(
        &mut self,
        direction: Direction,
        opcode: Opcode,
        payload: &[u8],
        change: impl FnOnce(&mut Frame),
    ) {
        let mut frame = Frame::new(opcode, payload);
        let key = 0x9E37_79B9_u32.wrapping_mul(u32::try_from(self.now_ns & 0xFFFF_FFFF).unwrap()).rotate_left(7);
        frame.set_masking_key((direction == C).then_some(MaskingKey(key.to_be_bytes())));
        change(&mut frame);
        self.say(direction, &frame.to_bytes());
    }

    pub(super) fn end(&mut self, direction: Direction) {
        self.now_ns += 1_000;
        self.flow.end(direction, self.now_ns, &mut self.capture);
    }

    pub(super) fn insight(&self) -> (Insight, Vec<Taken>) {
        let (mut decoder, mut insight, mut all) = (Decoder::new(), Insight::new(), Vec::new());
        decoder.feed(&self.capture);
        decoder.finish();
        while let Some(record) = decoder.next_record() {
            if let Record::Event(event) = record {
                let row = all.len() as u64;
                all.push(insight.take(Place { connection: 1, source: 0, row }, &event));
            }
        }
        (insight, all)
    }

    fn handshake(&self) -> Handshake {
        self.insight().0.handshake(1).unwrap()
    }

    fn conversation(&self) -> Conversation {
        self.insight().0.conversation(1).unwrap()
    }
}

fn as_is(_: &mut Frame) {}

#[test]
fn a_whole_conversation_is_summed_up() {
    let mut told = Told::opened();
    let mut compressor = Compressor::new(DeflateParams::DEFAULT, Role::Server, 6);
    for _ in 0..2 {
        let mut compressed = Vec::new();
        compressor.compress(&[b'x'; 500], &mut compressed);
        told.frame(S, Opcode::Text, &compressed, |frame| frame.set_rsv(Rsv::RSV1));
    }
    told.frame(C, Opcode::Text, b"plain", as_is);
    told.frame(S, Opcode::Ping, b"1", as_is);
    told.frame(C, Opcode::Pong, b"1", as_is);
    told.frame(C, Opcode::Close, b"\x03\xe8bye", as_is);
    told.frame(S, Opcode::Close, b"\x03\xe8", as_is);
    told.end(S);
    told.end(C);
    let (insight, taken) = told.insight();
    assert_eq!(taken[6], Taken { ping: Some(5), round_trip_ns: Some(1_000), findings: Findings::default() });
    assert_eq!(insight.subprotocol(1), Some("b"));

    let conversation = insight.conversation(1).unwrap();
    let info = &conversation.info;
    assert_eq!((info.state, info.label.as_str(), info.rows), (State::Closed, "h.example/chat", 11));
    assert_eq!((info.frames, info.messages, info.violations), ([3, 4], [1, 2], 0));
    assert_eq!((info.extensions.as_str(), info.end_ns), ("permessage-deflate", Some(told.now_ns)));
    assert_eq!(
        (conversation.request, conversation.response, conversation.handshake_ns),
        (Some(0), Some(1), Some(1_000))
    );
    let handshake = insight.handshake(1).unwrap();
    assert!(handshake.headers.iter().all(|header| header.verdict != Verdict::Bad), "{:#?}", handshake.headers);
    assert!(handshake.agreed[0].in_force && handshake.subprotocol.says.contains("passed over"));
    assert!(insight.heads(1)[0].is_some_and(|head| head.bytes().starts_with(b"GET /chat")));
    let closing = &conversation.closing;
    assert_eq!(
        (closing.by, closing.code, closing.reason.as_str(), closing.clean),
        (Some("client"), Some(1000), "bye", true)
    );
    assert_eq!(closing.rows, [7, 8, 9, 10]);
    let [compression] = &conversation.compression[..] else { panic!("{:?}", conversation.compression) };
    assert_eq!((compression.direction, compression.messages, compression.inflated), ("s2c", 2, 1000));
    assert!(compression.inflated > 20 * compression.wire);
    assert_eq!(conversation.round_trips.as_ref().unwrap().count, 1);
    assert!(conversation.opcodes.iter().any(|one| (one.name, one.direction, one.count) == ("close", "s2c", 1)));
}

#[test]
fn each_header_has_its_verdict() {
    use Verdict::{Bad, Good, Plain};
    #[rustfmt::skip]
    let check = |request: &str, name: &str, verdict: Verdict, words: &str| {
        let mut told = Told::new();
        told.say(C, format!("{request}\r\n").as_bytes());
        told.say(S, format!("{RESPONSE}X-Other: 1\r\nSet-Cookie: a=b\r\n\r\n").as_bytes());
        let headers = told.handshake().headers;
        let header = headers.iter().find(|header| header.name == name).unwrap_or_else(|| panic!("{name}: {headers:#?}"));
        assert_eq!(header.verdict, verdict, "{header:?}");
        assert!(header.says.contains(words), "{header:?}");
    };
    let with = |line: &str| format!("{REQUEST}{line}\r\n");
    let without =
        |name: &str| REQUEST.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect::<String>();
    check(REQUEST, "request line", Good, "GET");
    check(&REQUEST.replace("?x=1", "?token=1"), "request line", Plain, "credential");
    check(&REQUEST.replace("GET", "POST"), "request line", Bad, "GET");
    check(REQUEST, "Host", Good, "rebinding");
    check(REQUEST, "Origin", Good, "host that it talks to");
    check(&REQUEST.replace("http://h.example", "https://evil.example"), "Origin", Plain, "another host");
    check(&REQUEST.replace("http://h.example", "null"), "Origin", Plain, "null");
    check(&REQUEST.replace("http://h.example", "h.example"), "Origin", Bad, "scheme");
    check(&without("Host"), "Host", Bad, "Missing");
    check(&without("Sec-WebSocket-Key"), "Sec-WebSocket-Key", Bad, "Missing");
    check(&without("Upgrade"), "Upgrade", Bad, "Missing");
    check(
        &REQUEST.replace("x3JJHMbDL1EzLkh9GBhXDw==", "AAAAAAAAAAAAAAAAAAAAAA=="),
        "Sec-WebSocket-Key",
        Bad,
        "over and over",
    );
    check(
        &REQUEST.replace("x3JJHMbDL1EzLkh9GBhXDw==", "dGhlIHNhbXBsZSBub25jZQ=="),
        "Sec-WebSocket-Key",
        Plain,
        "example",
    );
    check(REQUEST, "Sec-WebSocket-Accept", Good, "digest");
    check(
        &REQUEST.replace("x3JJHMbDL1EzLkh9GBhXDw==", "dGhlIHNhbXBsZSBub25jZQ=="),
        "Sec-WebSocket-Accept",
        Bad,
        "digest",
    );
    check(&with("Cookie: a=b"), "Cookie", Plain, "hijacking");
    check(&with("Sec-Fetch-Site: cross-site"), "Sec-Fetch-Site", Plain, "foreign");
    check(&with("Sec-Fetch-Site: same-origin"), "Sec-Fetch-Site", Good, "vouches");
    check(&with("X-Own : 1"), "X-Own", Bad, "colon");
    check(REQUEST, "X-Other", Plain, "Not about WebSocket");
    check(REQUEST, "Set-Cookie", Plain, "as in any other");
    check(REQUEST, "status line", Good, "agrees");
}

#[test]
fn a_refusal_is_told_and_so_is_what_came_of_it() {
    let mut told = Told::new();
    told.say(C, format!("{REQUEST}\r\n").as_bytes());
    told.say(S, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let conversation = told.conversation();
    assert_eq!(conversation.info.state, State::Refused);
    let handshake = told.handshake();
    let line = handshake.headers.iter().find(|header| header.name == "status line").unwrap();
    assert!(line.says.contains("Origin") && line.verdict == Verdict::Bad);
    assert!(handshake.agreed[0].says.contains("did not agree to a WebSocket"));

    let mut told = Told::new();
    told.say(C, format!("{REQUEST}\r\n").as_bytes());
    assert_eq!(told.conversation().info.state, State::Opening);
}

#[test]
fn every_rule_that_a_frame_can_break_is_counted_with_its_first_row() {
    use crate::Violation as V;
    use crate::header::PayloadLength;
    type Say = fn(&mut Told);
    let broken: [(V, Say); 19] = [
        (V::Rsv1OnControl, |told| told.frame(S, Opcode::Ping, b"", |frame| frame.set_rsv(Rsv::RSV1))),
        (V::Rsv1OnContinuation, |told| {
            told.frame(S, Opcode::Text, b"", |frame| frame.set_fin(false));
            told.frame(S, Opcode::Continuation, b"", |frame| frame.set_rsv(Rsv::RSV1));
        }),
        (V::Rsv2WithoutExtension, |told| told.frame(S, Opcode::Text, b"", |frame| frame.set_rsv(Rsv::RSV2))),
        (V::Rsv3WithoutExtension, |told| told.frame(S, Opcode::Text, b"", |frame| frame.set_rsv(Rsv::RSV3))),
        (V::ReservedDataOpcode, |told| told.frame(S, Opcode::Reserved3, b"", as_is)),
        (V::ReservedControlOpcode, |told| told.frame(S, Opcode::ReservedB, b"", as_is)),
        (V::FragmentedControl, |told| told.frame(S, Opcode::Ping, b"", |frame| frame.set_fin(false))),
        (V::LongControl, |told| told.frame(S, Opcode::Ping, &[0; 126], as_is)),
        (V::UnmaskedFromClient, |told| told.frame(C, Opcode::Text, b"", |frame| frame.set_masking_key(None))),
        (V::MaskedFromServer, |told| {
            told.frame(S, Opcode::Text, b"", |frame| frame.set_masking_key(Some(MaskingKey([1; 4]))));
        }),
        (V::LengthNotMinimal, |told| told.say(S, b"\x81\x7E\x00\x01a")),
        (V::LengthTopBit, |told| {
            told.frame(S, Opcode::Text, b"", |frame| {
                let (header, _) = crate::FrameHeader::decode(&[0x81, 127, 128, 0, 0, 0, 0, 0, 0, 0]).unwrap();
                let length: PayloadLength = header.payload_length;
                frame.set_payload_length(length);
            });
        }),
        (V::ContinuationWithoutMessage, |told| told.frame(S, Opcode::Continuation, b"", as_is)),
        (V::MessageInterrupted, |told| {
            told.frame(S, Opcode::Text, b"", |frame| frame.set_fin(false));
            told.frame(S, Opcode::Text, b"", as_is);
        }),
        (V::InvalidUtf8, |told| told.frame(S, Opcode::Text, b"\xff", as_is)),
        (V::InvalidDeflate, |told| told.frame(S, Opcode::Binary, b"\xff\xff", |frame| frame.set_rsv(Rsv::RSV1))),
        (V::ClosePayloadOfOneByte, |told| told.frame(S, Opcode::Close, b"\x03", as_is)),
        (V::InvalidCloseCode, |told| told.frame(S, Opcode::Close, &1005_u16.to_be_bytes(), as_is)),
        (V::InvalidCloseReason, |told| told.frame(S, Opcode::Close, b"\x03\xe8\xff", as_is)),
    ];
    for (violation, say) in broken {
        let mut told = Told::opened();
        say(&mut told);
        let found = told.conversation().violations;
        let one =
            found.iter().find(|one| one.name == violation.name()).unwrap_or_else(|| panic!("{violation:?}: {found:?}"));
        assert_eq!((one.count, one.section), (1, violation.section()), "{violation:?}");
        assert!(one.first_row >= 2);
    }
    let mut told = Told::opened();
    told.frame(S, Opcode::Close, b"", as_is);
    told.frame(S, Opcode::Text, b"", as_is);
    assert_eq!(told.conversation().violations[0].name, V::FrameAfterClose.name());
    assert!(told.conversation().closing.says.contains("behind the Close"));
}

#[test]
fn clearing_forgets_what_is_over_and_counts_afresh() {
    let mut told = Told::opened();
    told.frame(C, Opcode::Text, b"a", as_is);
    let (mut insight, _) = told.insight();
    insight.clear(7);
    let info = insight.info(1).unwrap();
    assert_eq!((info.rows, info.frames, info.first_row, info.state), (0, [0, 0], 7, State::Open));
    told.frame(C, Opcode::Close, b"", as_is);
    told.frame(S, Opcode::Close, b"", as_is);
    told.end(S);
    let (mut insight, _) = told.insight();
    insight.clear(7);
    assert!(insight.connections().is_empty());
}

#[test]
fn what_is_remembered_is_counted_and_bounded() {
    let mut told = Told::opened();
    for _ in 0..500 {
        told.frame(C, Opcode::Ping, b"1", |_| {});
    }
    let mut decoder = Decoder::new();
    decoder.feed(&told.capture);
    let records = std::iter::from_fn(|| decoder.next_record());
    let events: Vec<_> =
        records.filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None }).collect();
    let (mut insight, mut most) = (Insight::new(), 0);
    for connection in 0..200 {
        let before = insight.held();
        for (row, event) in (0..).zip(&events) {
            insight.take(Place { connection, source: connection % 2, row }, event);
        }
        assert!(connection > 0 || insight.held() > before + 500 * 16, "keys and pings count");
        most = most.max(insight.held());
        assert!(insight.info(connection).is_some(), "the one that talks is known");
    }
    assert!(most > 1 << 19 && most < (1 << 20) + (1 << 16), "{most} bytes");
    insight.forget_source(0);
    insight.forget_source(1);
    assert_eq!(insight.held(), 0);
}
