//! Logs of Chromium's network: the bytes of sockets if they are recorded, else headers of frames.

use crate::files::{PLAIN, TOLD, check, gzip, open, packets, pcap, pcapng};
use crate::records::{COMPRESSED_AGAIN, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use framescope_codec::capture::Record;

const TYPES: [(&str, u32); 9] = [
    ("TCP_CONNECT", 51),
    ("SOCKET_BYTES_SENT", 84),
    ("SOCKET_BYTES_RECEIVED", 86),
    ("SSL_SOCKET_BYTES_SENT", 85),
    ("SSL_SOCKET_BYTES_RECEIVED", 87),
    ("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", 240),
    ("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", 245),
    ("WEBSOCKET_SENT_FRAME_HEADER", 623),
    ("WEBSOCKET_RECV_FRAME_HEADER", 622),
];

/// A log as Chromium writes it: an event on each line.
pub(crate) struct Log {
    text: String,
    time_ms: u64,
}

impl Log {
    pub(crate) fn new(mode: &str) -> Self {
        let types: Vec<_> = TYPES.iter().map(|(name, number)| format!("\"{name}\":{number}")).collect();
        let constants = format!(
            "{{\"logCaptureMode\":\"{mode}\",\"logEventTypes\":{{{}}},\"timeTickOffset\":1699999999000}}",
            types.join(",")
        );
        Self { text: format!("{{\"constants\":{constants},\n\"events\": [\n"), time_ms: 1000 }
    }

    fn event(&mut self, name: &str, id: u32, params: &str) -> &mut Self {
        let number = TYPES.iter().find(|(known, _)| *known == name).unwrap().1;
        let time = self.time_ms;
        self.text += &format!(
            "{{\"params\":{params},\"phase\":0,\"source\":{{\"id\":{id},\"start_time\":\"1\",\"type\":10}},\"time\":\"{time}\",\"type\":{number}}},\n"
        );
        self.time_ms += 1;
        self
    }

    pub(crate) fn bytes(&mut self, name: &str, id: u32, bytes: &[u8]) -> &mut Self {
        let encoded = STANDARD.encode(bytes);
        self.event(name, id, &format!("{{\"byte_count\":{},\"bytes\":\"{encoded}\"}}", bytes.len()))
    }

    pub(crate) fn frame(&mut self, name: &str, masked: bool, opcode: u8, reserved1: bool, len: u32) -> &mut Self {
        let params = format!(
            "{{\"final\":true,\"masked\":{masked},\"opcode\":{opcode},\"payload_length\":{len},\"reserved1\":{reserved1},\"reserved2\":false,\"reserved3\":false}}"
        );
        self.event(name, 7, &params)
    }

    pub(crate) fn whole(&self) -> String {
        format!("{}],\n\"polledData\":{{}}}}\n", self.text.strip_suffix(",\n").unwrap_or(&self.text))
    }
}

const FROM_BYTES: &str =
    "c2s rebuilt from the bytes of a socket in a Chromium NetLog, which counts time in milliseconds";
const FROM_HEADERS: &str = "c2s rebuilt from a Chromium NetLog without bytes: headers of frames are recorded there, \
    payloads and masking keys are not";

#[test]
fn the_bytes_of_a_socket_are_its_stream() {
    let mut log = Log::new("Everything");
    log.event("TCP_CONNECT", 3, r#"{"local_address":"192.168.0.7:50000","remote_address":"[2001:db8::1]:443"}"#);
    log.bytes("SOCKET_BYTES_SENT", 3, b"\x16\x03\x01\x02\x00").bytes("SOCKET_BYTES_RECEIVED", 3, b"\x16\x03\x03");
    log.bytes("SSL_SOCKET_BYTES_SENT", 3, REQUEST).bytes("SOCKET_BYTES_SENT", 3, b"\x17\x03\x03");
    log.bytes("SOCKET_BYTES_SENT", 4, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    log.bytes("SSL_SOCKET_BYTES_RECEIVED", 3, RESPONSE).bytes("SSL_SOCKET_BYTES_SENT", 3, MASKED_HELLO);
    log.frame("WEBSOCKET_SENT_FRAME_HEADER", true, 1, false, 5);
    log.bytes("SSL_SOCKET_BYTES_RECEIVED", 3, &[COMPRESSED_HELLO, COMPRESSED_AGAIN].concat());
    let from_bytes = format!("0 {FROM_BYTES}");
    let expected = [&from_bytes, TOLD[0], TOLD[1], TOLD[2], TOLD[3], TOLD[4]];
    check(log.whole().as_bytes(), &["NetLog"], &expected);
    check(&gzip(log.whole().as_bytes(), 0, &[]), &["gzip", "NetLog"], &expected);
    let opened = open(log.whole().as_bytes(), 1000);
    let Some(Record::Event(event)) = opened.records.last() else { panic!() };
    assert_eq!((event.time_ns, event.src.to_string().as_str()), (1_700_000_000_009_000_000, "[2001:db8::1]:443"));
    // Chromium was killed.
    let end = format!("byte {}: NetLog: the file ends too early", log.text.len());
    check(log.text.as_bytes(), &["NetLog"], &[&expected[..], &[&end]].concat());
}

#[test]
fn without_bytes_there_are_headers() {
    let mut log = Log::new("Default");
    let headers = |head: &[u8]| {
        let lines = std::str::from_utf8(head).unwrap().trim_end().split("\r\n").map(|line| format!("{line:?}"));
        lines.collect::<Vec<_>>()
    };
    let request = headers(REQUEST);
    let params = format!("{{\"headers\":[{}],\"line\":\"GET /echo HTTP/1.1\\r\\n\"}}", request[1..].join(","));
    log.event("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", 7, &params);
    log.event("SOCKET_BYTES_SENT", 3, "{\"byte_count\":486}");
    log.event(
        "HTTP_TRANSACTION_READ_RESPONSE_HEADERS",
        7,
        &format!("{{\"headers\":[{}]}}", headers(RESPONSE).join(",")),
    );
    log.frame("WEBSOCKET_SENT_FRAME_HEADER", true, 1, true, 12);
    log.frame("WEBSOCKET_RECV_FRAME_HEADER", false, 9, false, 0);
    log.frame("WEBSOCKET_RECV_FRAME_HEADER", false, 2, false, 70_000);
    log.frame("WEBSOCKET_SENT_FRAME_HEADER", true, 8, false, 2);
    check(
        log.whole().as_bytes(),
        &["NetLog"],
        &[
            &format!("0 {FROM_HEADERS}"),
            TOLD[0],
            TOLD[1],
            "0 c2s gap of 12 inside",
            "0 c2s text 0 -12 HistoryMissing",
            "0 s2c ping 0",
            "0 s2c gap of 70000 inside",
            "0 s2c binary 0 -70000 ",
            "0 c2s gap of 2 inside",
            "0 c2s close 0 -2",
        ],
    );
}

#[test]
fn a_log_with_nothing_in_it_says_how_to_log_more() {
    let log = Log::new("Default").whole();
    let says = "no WebSocket in it, and no bytes of sockets, which --net-log-capture-mode=Everything logs";
    let says = format!("byte {}: NetLog: {says}", log.len());
    check(log.as_bytes(), &["NetLog"], &[&says]);
}

/// The frames are the same whatever they were read from.
#[test]
fn one_conversation_is_the_same_in_every_format() {
    let frames = |lines: Vec<String>| -> Vec<String> {
        let is_frame = |line: &String| !line.contains("rebuilt") && !line.contains("Finished");
        lines.into_iter().filter(is_frame).collect()
    };
    let mut log = Log::new("Everything");
    log.bytes("SOCKET_BYTES_SENT", 3, REQUEST).bytes("SOCKET_BYTES_RECEIVED", 3, RESPONSE);
    log.bytes("SOCKET_BYTES_SENT", 3, MASKED_HELLO).bytes("SOCKET_BYTES_RECEIVED", 3, COMPRESSED_HELLO);
    log.bytes("SOCKET_BYTES_RECEIVED", 3, &[COMPRESSED_AGAIN, b"\x89\x00"].concat());
    log.bytes("SOCKET_BYTES_SENT", 3, MASKED_CLOSE).bytes("SOCKET_BYTES_RECEIVED", 3, b"\x88\x02\x03\xe8");
    let of_packets = frames(open(&pcapng(&packets()), 100).lines());
    assert_eq!(frames(open(log.whole().as_bytes(), 100).lines()), of_packets);
    assert_eq!(frames(open(&pcap(PLAIN, &[], &packets()), 100).lines()), of_packets);
}
