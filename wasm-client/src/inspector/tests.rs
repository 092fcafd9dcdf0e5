use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, pcapng};

use super::objects::Count;
use super::*;

const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// A capture of one connection as a live tap writes it: the heads, then these frames.
struct Tap {
    bytes: Vec<u8>,
    flow: Flow,
    time_ns: u64,
}

impl Tap {
    fn new() -> Self {
        let mut bytes = Vec::new();
        pcapng::write_start(&mut bytes);
        let mut flow = Flow::new("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        flow.open(1_000_000_000, &mut bytes);
        let mut tap = Self { bytes, flow, time_ns: 1_000_000_000 };
        tap.client(REQUEST);
        tap.server(RESPONSE);
        tap
    }

    fn client(&mut self, bytes: &[u8]) {
        self.time_ns += 1_000;
        self.flow.bytes(Direction::ClientToServer, self.time_ns, bytes, &mut self.bytes);
    }

    fn server(&mut self, bytes: &[u8]) {
        self.time_ns += 1_000;
        self.flow.bytes(Direction::ServerToClient, self.time_ns, bytes, &mut self.bytes);
    }

    fn capture(&self) -> Capture {
        let mut capture = empty();
        capture.feed(0, &self.bytes);
        capture
    }
}

/// A capture with one source, number 0.
fn empty() -> Capture {
    let mut capture = Capture::new();
    capture.add_source("tap", "");
    capture
}

fn rows(capture: &mut Capture) -> Vec<Row> {
    capture.rows(0, usize::MAX)
}

#[test]
fn a_connection_becomes_rows() {
    let mut tap = Tap::new();
    tap.client(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    tap.server(b"\x81\x05Hello");
    let mut capture = tap.capture();
    let rows = rows(&mut capture);
    let kinds: Vec<_> = rows.iter().map(|row| (row.name, row.direction, row.preview.as_str())).collect();
    assert_eq!(
        kinds,
        [
            ("request", Some("c2s"), "GET /echo HTTP/1.1"),
            ("response", Some("s2c"), "HTTP/1.1 101 Switching Protocols"),
            ("text", Some("c2s"), "Hello"),
            ("text", Some("s2c"), "Hello"),
        ]
    );
    assert_eq!((rows[2].since_previous, rows[2].since_start), (1_000, 2_000));
    let details = capture.details(2).unwrap();
    let names: Vec<_> = details.fields.iter().map(|field| field.name).collect();
    assert_eq!(
        names,
        ["fin", "rsv1", "rsv2", "rsv3", "opcode", "mask", "payload-length", "masking-key", "payload-data"]
    );
    assert_eq!(capture.wire(2).unwrap(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(capture.unmasked(2).unwrap(), b"\x81\x85\x37\xfa\x21\x3dHello");
    assert_eq!(capture.message(2).unwrap(), b"Hello");
}

#[test]
fn cutting_the_capture_anywhere_changes_nothing() {
    let mut tap = Tap::new();
    tap.server(b"\x81\x05Hello\x88\x02\x03\xe8");
    let whole = serde_json::to_string(&rows(&mut tap.capture())).unwrap();
    for cut in 0..tap.bytes.len() {
        let mut capture = empty();
        capture.feed(0, &tap.bytes[..cut]);
        capture.feed(0, &tap.bytes[cut..]);
        assert_eq!(serde_json::to_string(&rows(&mut capture)).unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn fragments_know_their_message_once_it_is_complete() {
    let mut tap = Tap::new();
    tap.server(b"\x01\x02{\"\x00\x02a\"");
    let mut capture = tap.capture();
    let before = rows(&mut capture);
    assert_eq!(before[2].fragment.unwrap().of, None);
    assert!(capture.details(2).unwrap().message.is_none());

    let fed = tap.bytes.len();
    tap.server(b"\x89\x00\x80\x03:1}");
    capture.feed(0, &tap.bytes[fed..]);
    let after = rows(&mut capture);
    let fragment = after[2].fragment.unwrap();
    assert_eq!((fragment.number, fragment.of, fragment.first_row, fragment.last_row), (1, Some(3), 2, Some(5)));
    assert_eq!(after[4].name, "ping");
    let message = capture.details(2).unwrap().message.unwrap();
    assert_eq!((message.kind, message.length, message.is_json), ("text", 7, true));
    assert_eq!(capture.message_json(5).as_deref(), Some("{\n  \"a\": 1\n}"));
}

#[test]
fn compressed_messages_are_inflated_with_context_takeover() {
    let mut tap = Tap::new();
    // RFC 7692, 7.2.3.2: "Hello", and again, referring to the first.
    tap.server(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00");
    let mut capture = tap.capture();
    for row in 2..4 {
        assert_eq!(capture.message(row).unwrap(), b"Hello");
    }
    let rows = rows(&mut capture);
    assert_eq!((rows[3].payload_length, rows[3].inflated), (Count(5), Some(Count(5))));
    assert_eq!(rows[3].preview, "Hello");
}

#[test]
fn a_broken_rule_is_named_with_its_place() {
    let mut tap = Tap::new();
    tap.server(b"\x81\x03a\xffb");
    tap.client(b"\x81\x02hi");
    let mut capture = tap.capture();
    let details = capture.details(2).unwrap();
    assert_eq!(details.violations[0].name, "invalid-utf8");
    assert_eq!(details.violations[0].bytes, Some((3, 4)));
    assert_eq!((details.violations[0].code, details.violations[0].section), (Some(1007), "RFC 6455, 8.1"));
    assert_eq!(details.message.unwrap().bad_byte, Some(1));
    assert_eq!(rows(&mut capture)[3].violations, ["unmasked-from-client"]);
    // The request has the key that stands in the RFC.
    assert_eq!(capture.next_violation(-1, false), Some(0));
    assert_eq!(capture.next_violation(0, false), Some(2));
    assert_eq!(capture.next_violation(2, false), Some(3));
    assert_eq!(capture.next_violation(3, true), Some(2));
    assert_eq!(capture.next_violation(2, true), Some(0));
    assert_eq!(capture.next_violation(0, true), None);
}

#[test]
fn fields_tile_the_bytes() {
    let mut tap = Tap::new();
    tap.server(b"\x88\x05\x03\xe8bye");
    tap.client(&[&b"\x82\xfe\x01\x00\x01\x02\x03\x04"[..], &[0; 256]].concat());
    let mut capture = tap.capture();
    for row in 0..4 {
        let len = capture.wire(row).unwrap().len();
        let fields = capture.details(row).unwrap().fields;
        let mut next = 0;
        for field in &fields {
            assert!(field.bytes.0 <= next && next <= field.bytes.1, "{row}: {field:?}");
            next = field.bytes.1;
        }
        assert_eq!(next, len, "{row}");
    }
    let close = capture.details(2).unwrap().fields.pop().unwrap();
    let parts: Vec<_> = close.children.iter().map(|part| (part.name, part.bytes, part.value.as_str())).collect();
    assert_eq!(parts, [("close-code", (2, 4), "1000 normal closure"), ("close-reason", (4, 7), "bye")]);
}

#[test]
fn the_oldest_go_first_and_what_is_left_can_be_saved() {
    let mut tap = Tap::new();
    for _ in 0..1_000 {
        tap.server(b"\x82\x7e\x04\x00");
        tap.server(&[0; 1024]);
    }
    let mut capture = tap.capture();
    assert_eq!(capture.save(), tap.bytes);
    capture.set_budget(1 << 20);
    let status = capture.status();
    assert!(status.held <= 1 << 20 && status.dropped > 0);
    assert_eq!(status.first, status.dropped);
    assert_eq!(status.end, 1_002);
    let (first, end) = (status.first, status.end);
    assert_eq!(capture.rows(0, 10_000).len() as u64, end - first);
    assert_eq!(capture.rows(first, 1)[0].index, first);
    let saved = capture.save();
    assert!(saved.len() < 1 << 20);
    let mut again = empty();
    again.feed(0, &saved);
    let frames = |capture: &mut Capture| rows(capture).into_iter().filter(|row| row.kind == "frame").count();
    assert_eq!((frames(&mut again), again.status().violations), (frames(&mut capture), 0));
}

#[test]
fn a_filtered_view_counts_what_is_gone_from_its_front() {
    let mut tap = Tap::new();
    for _ in 0..1_000 {
        tap.server(b"\x82\x7e\x04\x00");
        tap.server(&[0; 1024]);
        tap.server(b"\x81\x02Hi");
    }
    let mut capture = tap.capture();
    capture.set_view(ViewSpec { filter: "opcode == text".into(), ..ViewSpec::default() }).unwrap();
    while capture.work(&mut || true) {}
    assert_eq!((capture.status().view.first, capture.status().view.count), (0, 1_000));
    let begin = capture.status().first;
    capture.set_view(ViewSpec { filter: "number == 1".into(), ..ViewSpec::default() }).unwrap();
    while capture.work(&mut || true) {}
    assert_eq!(capture.view_rows(0, 2).iter().map(|row| row.index).collect::<Vec<_>>(), [begin]);
    capture.set_view(ViewSpec { filter: "opcode == text".into(), ..ViewSpec::default() }).unwrap();
    while capture.work(&mut || true) {}
    capture.set_budget(1 << 20);
    let status = capture.status();
    assert!(status.dropped > 100);
    assert!(status.view.first > 0 && status.view.first + status.view.count == 1_000, "{:?}", status.view);
    // Another view begins anew.
    capture.set_view(ViewSpec::default()).unwrap();
    assert_eq!(capture.status().view.first, capture.status().first);
}

#[test]
fn a_file_with_nothing_to_show_says_so() {
    let mut empty = Vec::new();
    pcapng::write_start(&mut empty);
    let mut datagram = empty.clone();
    // An IPv4 packet with UDP in it.
    let packet = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53, 0, 8, 0, 0];
    pcapng::write_packet(1, &[], &mut datagram, |out| out.extend_from_slice(&packet));
    for (bytes, expected) in [
        (empty, "There is no packet in this file."),
        (datagram, "There is no TCP connection in this file; its packets: 1."),
    ] {
        let mut capture = Capture::new();
        let source = capture.add_source("file", "");
        capture.feed(source, &bytes);
        capture.finish(source);
        let said: Vec<_> = rows(&mut capture).into_iter().map(|row| (row.kind, row.preview)).collect();
        assert_eq!(said, [("note", expected.to_owned())]);
    }
}

#[test]
fn clearing_keeps_what_is_known_of_the_connection() {
    let mut tap = Tap::new();
    tap.server(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    let mut capture = tap.capture();
    capture.clear();
    assert_eq!(capture.rows(0, 10).len(), 0);
    let fed = tap.bytes.len();
    tap.server(b"\xc1\x05\xf2\x00\x11\x00\x00");
    capture.feed(0, &tap.bytes[fed..]);
    assert_eq!(capture.status().first, 3);
    assert_eq!(capture.message(3).unwrap(), b"Hello");
}

#[test]
fn the_handshake_is_judged_line_by_line() {
    let mut tap = Tap::new();
    tap.bytes.clear();
    pcapng::write_start(&mut tap.bytes);
    tap.flow = Flow::new("127.0.0.1:50001".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
    tap.flow.open(1, &mut tap.bytes);
    tap.client(REQUEST);
    tap.server(&String::from_utf8_lossy(RESPONSE).replace("s3pP", "s3pp").into_bytes());
    let mut capture = tap.capture();
    let request = capture.details(0).unwrap();
    assert!(request.violations.is_empty());
    assert!(
        request
            .fields
            .iter()
            .any(|field| field.label == "Sec-WebSocket-Key" && field.meaning.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    );
    let response = capture.details(1).unwrap();
    assert_eq!(response.violations[0].name, "accept-mismatch");
    let bad: Vec<_> = response.fields.iter().filter(|field| field.verdict == objects::Verdict::Bad).collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].label, "Sec-WebSocket-Accept");
}

#[test]
fn bytes_that_are_no_pcapng_are_said_to_be_so() {
    let mut capture = empty();
    capture.feed(0, b"GET / HTTP/1.1\r\n");
    assert!(capture.status().trouble.is_some());
}

#[test]
fn bytes_without_a_capture_are_explained_frame_by_frame() {
    let sent = b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x00\x8a";
    let [ping, bare] = <[_; 2]>::try_from(explain(Direction::ClientToServer, None, sent, false)).unwrap();
    let values: Vec<_> = ping.fields.iter().map(|field| (field.name, field.value.as_str())).collect();
    assert_eq!(values[4], ("opcode", "0x9 ping"));
    assert_eq!(values[7], ("masking-key", "37fa213d"));
    assert_eq!(values[8], ("payload-data", "Hello"));
    assert_eq!((ping.header_length, ping.violations.len()), (6, 0));
    assert_eq!(bare.violations[0].name, "unmasked-from-client");
}

#[test]
fn a_view_lists_what_it_is_asked_for() {
    let mut tap = Tap::new();
    tap.server(b"\x01\x02ab\x89\x00\x80\x01c");
    tap.client(b"\x81\x82\0\0\0\0hi");
    let mut capture = tap.capture();
    let listed = |capture: &mut Capture, spec: ViewSpec| {
        capture.set_view(spec).unwrap();
        while capture.work(&mut || true) {}
        capture.view_rows(0, 100).iter().map(|row| row.index).collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut capture, ViewSpec { messages: true, ..ViewSpec::default() }), [0, 1, 3, 4, 5]);
    assert_eq!((capture.view_place(2), capture.view_index(2), capture.view_index(5)), (2, Some(3), None));
    assert_eq!(listed(&mut capture, ViewSpec { between: Some((2000.0, 2000.0)), ..ViewSpec::default() }), [2, 3, 4]);
    assert_eq!((capture.row_at(1_500.0), capture.row_at(2_001.0)), (Some(2), None));
    assert_eq!(listed(&mut capture, ViewSpec { connection: Some(2), ..ViewSpec::default() }), [0; 0]);
    assert_eq!(listed(&mut capture, ViewSpec { connection: Some(1), ..ViewSpec::default() }), [0, 1, 2, 3, 4, 5]);
    let timeline = capture.timeline(None, None, 3).clone();
    assert_eq!((timeline.rows, timeline.largest[0][2]), ([vec![1, 0, 1], vec![1, 3, 0]], 2));
    assert_eq!(capture.silences(1), [objects::Silence { ns: 1_000, row: 1 }]);
}

#[test]
fn what_is_looked_for_is_found_in_messages_as_they_were_meant() {
    let mut tap = Tap::new();
    tap.server(b"\x01\x02ne\x80\x04edle\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    let mut capture = tap.capture();
    let spec = |kind: &str, text: &str, match_case| SearchSpec { kind: kind.into(), text: text.into(), match_case };
    let mut found = |kind, text, match_case| {
        capture.set_search(spec(kind, text, match_case)).unwrap();
        while capture.work(&mut || true) {}
        (capture.next_found(-1, false), capture.next_found(99, true), capture.status().search.map(|state| state.count))
    };
    assert_eq!(found("text", "NEEDLE", false), (Some(3), Some(3), Some(1)));
    assert_eq!(found("text", "NEEDLE", true), (None, None, Some(0)));
    assert_eq!(found("hex", "48 65 6c6c6f", false), (Some(4), Some(4), Some(1)));
    assert_eq!(found("text", "websocket", false), (Some(0), Some(1), Some(2)));
    assert_eq!(found("text", "", false), (None, None, None));
    assert!(capture.set_search(spec("hex", "4x", false)).is_err());
}

#[test]
fn several_sources_are_one_list() {
    let (mut tap, mut other) = (Tap::new(), Tap::new());
    tap.server(b"\x81\x01a");
    other.server(b"\x81\x01b");
    let mut capture = tap.capture();
    let file = capture.add_source("file", "b.pcapng");
    capture.feed(file, &other.bytes);
    capture.finish(file);
    let seen: Vec<_> = rows(&mut capture).iter().map(|row| (row.source, row.connection)).collect();
    assert_eq!(seen, [(0, Some(1)), (0, Some(1)), (0, Some(1)), (1, Some(2)), (1, Some(2)), (1, Some(2))]);
    capture.remove_source(0);
    assert_eq!(capture.view_rows(0, 100).iter().map(|row| row.index).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(capture.sources().len(), 1);
    capture.remove_source(file);
    assert_eq!((capture.view_rows(0, 100).len(), capture.status().first), (0, 6));
}

#[test]
fn a_file_that_is_older_than_the_first_row_has_its_times() {
    let live = Tap::new();
    let mut old = Vec::new();
    pcapng::write_start(&mut old);
    let mut flow = Flow::in_process(50_000);
    flow.open(1_000, &mut old);
    for (time_ns, bytes) in [(1_000, REQUEST), (2_000, RESPONSE), (5_000, b"\x81\x01a")] {
        let direction = if time_ns == 1_000 { Direction::ClientToServer } else { Direction::ServerToClient };
        flow.bytes(direction, time_ns, bytes, &mut old);
    }
    let mut capture = live.capture();
    assert_eq!(capture.status().duration_ns, 1_000);
    let generation = capture.status().generation;
    capture.set_view(ViewSpec { between: Some((0.0, 4_000.0)), ..ViewSpec::default() }).unwrap();
    let file = capture.add_source("file", "old.pcapng");
    capture.feed(file, &old);
    capture.finish(file);
    while capture.work(&mut || true) {}
    let since: Vec<_> = rows(&mut capture).iter().map(|row| row.since_start).collect();
    assert_eq!(since, [1_000_000_000, 1_000_001_000, 0, 1_000, 4_000]);
    assert_eq!(capture.view_rows(0, 9).iter().map(|row| row.index).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((capture.status().start_ns.as_str(), capture.status().duration_ns), ("1000", 1_000_001_000));
    assert!(capture.status().generation > generation);
    let told = serde_json::to_value(capture.messages_of(2, -1, 9)).unwrap();
    assert_eq!(told[0]["at"], 4_000);
    capture.set_view(ViewSpec::default()).unwrap();
    assert_eq!(capture.timeline(None, None, 2).rows, [[1, 1], [2, 1]]);
    assert_eq!(capture.timeline(Some(0.0), Some(5_000.0), 5).rows, [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1]]);
    // Without it, time begins as before.
    capture.remove_source(file);
    assert_eq!((capture.status().duration_ns, rows(&mut capture)[0].since_start), (1_000, 0));
}

#[test]
fn what_is_said_before_the_first_packet_has_no_time() {
    let mut capture = empty();
    capture.fault(0, "Something could not be opened.");
    capture.feed(0, &Tap::new().bytes);
    let since: Vec<_> = rows(&mut capture).iter().map(|row| row.since_start).collect();
    assert_eq!((since, capture.status().duration_ns), (vec![0, 0, 1_000], 1_000));
}

#[test]
fn the_page_s_own_client_is_a_source() {
    let mut capture = Capture::new();
    let source = capture.add_source("client", "lab");
    let handle = capture.open_client(source, "ws://localhost/echo");
    capture.client_bytes(handle, Direction::ClientToServer, 1_000, REQUEST);
    capture.client_bytes(handle, Direction::ServerToClient, 2_000, RESPONSE);
    capture.client_bytes(handle, Direction::ServerToClient, 3_000, b"\x81\x01a");
    capture.client_end(handle, Direction::ServerToClient, false);
    let names: Vec<_> = rows(&mut capture).iter().map(|row| row.name).collect();
    assert_eq!(names, ["request", "response", "text", "end"]);
}

#[test]
fn a_connection_of_the_page_that_a_tap_shows_too_is_listed_once() {
    let mut capture = empty();
    let client = capture.add_source("client", "");
    let request = |cookie: &str| {
        let head = String::from_utf8_lossy(REQUEST).replace("\r\n\r\n", &format!("\r\nCookie: {cookie}\r\n\r\n"));
        head.into_bytes()
    };
    let handles = [0, 1].map(|_| capture.open_client(client, "ws://localhost/echo"));
    assert_eq!(capture.client_connection(handles[1]), None);
    capture.client_bytes(handles[1], Direction::ClientToServer, 1, &request("session=5ba1"));
    capture.client_bytes(handles[1], Direction::ServerToClient, 2, RESPONSE);

    let mut tap = Vec::new();
    pcapng::write_start(&mut tap);
    for (port, cookie) in [(1, "************"), (2, "************ *******")] {
        let mut flow = Flow::in_process(port);
        flow.open(3, &mut tap);
        flow.bytes(Direction::ClientToServer, 3, &request(cookie), &mut tap);
        flow.bytes(Direction::ServerToClient, 4, RESPONSE, &mut tap);
        flow.bytes(Direction::ServerToClient, 5, b"\x81\x01x", &mut tap);
    }
    capture.feed(0, &tap);
    let listed: Vec<_> = rows(&mut capture).iter().map(|row| (row.source, row.name)).collect();
    assert_eq!(
        listed,
        [(client, "request"), (client, "response"), (0, "request"), (0, "response"), (0, "text")],
        "of the tap only what is another's"
    );
    let own = capture.client_connection(handles[1]);
    assert_eq!(own.map(u64::from), rows(&mut capture)[0].connection);
    assert_eq!((own.is_some(), capture.client_connection(handles[0])), (true, None));

    // Without the page's own, what the tap has is all there is; also of what comes later.
    capture.remove_source(client);
    let mut names: Vec<_> = rows(&mut capture).iter().map(|row| (row.source, row.name)).collect();
    names.sort_unstable();
    let twice = [(0, "request"), (0, "response"), (0, "text")].map(|row| [row; 2]);
    assert_eq!(names, twice.concat());
    capture.feed(0, &tap);
    assert_eq!(rows(&mut capture).len(), 12);
}

#[test]
fn what_takes_several_rows_to_know_is_told_of_each() {
    let mut tap = Tap::new();
    tap.server(b"\x89\x01a");
    tap.client(b"\x8A\x81\0\0\0\0a");
    tap.client(b"\x81\xA5\0\0\0\0{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}");
    tap.client(b"\x88\x80\0\0\0\0");
    let mut capture = tap.capture();
    let told = rows(&mut capture);
    assert_eq!((told[3].name, told[3].round_trip), ("pong", Some(1_000)));

    let connection = u32::try_from(told[0].connection.unwrap()).unwrap();
    let conversation = capture.conversation(connection).unwrap();
    assert_eq!(capture.head(connection, Direction::ClientToServer).as_deref(), Some(REQUEST));
    assert_eq!((conversation.info.label.as_str(), conversation.info.rows), ("localhost/echo", 6));
    assert_eq!((conversation.closing.by, conversation.closing.code), (Some("client"), Some(1005)));
    assert_eq!(conversation.masking.repeated[0].rows, [3, 4, 5]);
    assert_eq!(capture.round_trips(Some(connection))[0].ping, 2);
    assert!(capture.conversation(connection + 1).is_none());
    capture.remove_source(0);
    assert!(capture.connections().is_empty());
}
