//! The module's surface as a page meets it: in a browser, with JavaScript's own kinds of values.

#![cfg(target_arch = "wasm32")]

use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, pcapng};
use framescope_wasm::{Capture, MessageReader, codec_version, dissect, inspector};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// A connection as a tap writes it: handshake, then the client's masked "Hello", and "Hello" and Close back.
fn tapped() -> Vec<u8> {
    let mut bytes = Vec::new();
    pcapng::write_start(&mut bytes);
    let mut flow = Flow::new("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
    flow.open(1_000_000_000, &mut bytes);
    flow.bytes(Direction::ClientToServer, 1_000_001_000, REQUEST, &mut bytes);
    flow.bytes(Direction::ServerToClient, 1_000_002_000, RESPONSE, &mut bytes);
    flow.bytes(Direction::ClientToServer, 1_000_003_000, MASKED_HELLO, &mut bytes);
    flow.bytes(Direction::ServerToClient, 1_000_004_000, b"\x81\x05Hello\x88\x05\x03\xe8bye", &mut bytes);
    bytes
}

fn capture() -> Capture {
    let mut capture = Capture::new();
    let source = capture.add_source("tap", "");
    capture.feed(source, &tapped());
    capture
}

/// What `JSON.parse` makes of a text, and of that the member at the end of a path such as `0.name`.
fn member(json: &str, path: &str) -> JsValue {
    let object = js_sys::JSON::parse(json).unwrap();
    path.split('.').fold(object, |object, name| js_sys::Reflect::get(&object, &name.into()).unwrap())
}

#[wasm_bindgen_test]
fn rows_are_objects_for_the_list() {
    let rows = capture().rows(0.0, 100);
    assert_eq!(member(&rows, "length"), 5);
    for (row, name, direction, preview) in [
        (0, "request", "c2s", "GET /echo HTTP/1.1"),
        (1, "response", "s2c", "HTTP/1.1 101 Switching Protocols"),
        (2, "text", "c2s", "Hello"),
        (3, "text", "s2c", "Hello"),
        (4, "close", "s2c", "1000 normal closure: bye"),
    ] {
        assert_eq!(member(&rows, &format!("{row}.name")), name);
        assert_eq!(member(&rows, &format!("{row}.direction")), direction);
        assert_eq!(member(&rows, &format!("{row}.preview")), preview);
    }
    assert_eq!(member(&rows, "2.masked"), true);
    assert_eq!(member(&rows, "2.wire"), 11);
    assert_eq!(member(&rows, "2.sinceStart"), 2_000);
}

#[wasm_bindgen_test]
fn only_the_rows_asked_for_come() {
    let rows = capture().rows(3.0, 1);
    assert_eq!(member(&rows, "length"), 1);
    assert_eq!(member(&rows, "0.index"), 3);
    assert_eq!(capture().rows(1e18, 10), "[]");
}

#[wasm_bindgen_test]
fn a_frame_comes_with_fields_and_bytes() {
    let mut capture = capture();
    let details = capture.frame(2.0).unwrap();
    assert_eq!(member(&details, "fields.4.name"), "opcode");
    assert_eq!(member(&details, "fields.4.value"), "0x1 text");
    assert_eq!(member(&details, "fields.4.bits.0"), 4);
    assert_eq!(member(&details, "fields.7.name"), "masking-key");
    assert_eq!(member(&details, "fields.7.value"), "37fa213d");
    assert_eq!(member(&details, "source"), "127.0.0.1:50000");
    assert_eq!(member(&details, "message.length"), 5);
    assert_eq!(capture.wire(2.0).unwrap(), MASKED_HELLO);
    assert_eq!(capture.unmasked(2.0).unwrap(), b"\x81\x85\x37\xfa\x21\x3dHello");
    assert_eq!(capture.message(2.0).unwrap(), b"Hello");
    assert!(capture.unmasked(3.0).is_none());
    assert!(capture.frame(99.0).is_none());
}

#[wasm_bindgen_test]
fn the_status_says_what_is_held() {
    let status = capture().status();
    for (name, value) in
        [("first", 0), ("end", 5), ("frames", 3), ("connections", 1), ("violations", 0), ("dropped", 0)]
    {
        assert_eq!(member(&status, name), value, "{name}");
    }
    assert!(member(&status, "trouble").is_null());
}

#[wasm_bindgen_test]
fn what_is_saved_is_what_was_fed() {
    let mut capture = capture();
    capture.export_begin(r#"{"format":"pcapng","rows":"all"}"#).ok().unwrap();
    let pieces: Vec<_> = std::iter::from_fn(|| capture.export_next()).collect();
    assert_eq!(pieces.concat(), tapped());
}

#[wasm_bindgen_test]
fn the_module_dissects_as_the_rest_of_the_crate_does() {
    let bytes = [MASKED_HELLO, b"\xc3\x7e\x00\x01\xff\x88"].concat();
    let found = dissect("c2s", &JsValue::NULL, &bytes).ok().unwrap();
    assert_eq!(found, inspector::dissect(Direction::ClientToServer, None, &bytes));
    assert_eq!(member(&found[0], "payload"), "48656c6c6f");
    assert_eq!(member(&found[1], "violations.length"), 4);
}

#[wasm_bindgen_test]
fn compression_is_followed_where_it_was_agreed_on() {
    let agreed = js_sys::JSON::parse(r#"{"serverMaxWindowBits":15}"#).unwrap();
    let found = dissect("s2c", &agreed, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00").ok().unwrap();
    assert_eq!(member(&found[0], "message.payload"), "48656c6c6f");
    assert_eq!(member(&found[0], "message.inflation"), "done");
}

#[wasm_bindgen_test]
fn what_cannot_be_meant_is_an_error() {
    assert!(dissect("up", &JsValue::NULL, b"").is_err());
    let window = js_sys::JSON::parse(r#"{"serverMaxWindowBits":7}"#).unwrap();
    assert!(dissect("s2c", &window, b"").is_err());
}

#[wasm_bindgen_test]
fn the_codec_has_a_version() {
    assert_eq!(codec_version(), env!("CARGO_PKG_VERSION"));
}

#[wasm_bindgen_test]
fn messages_lie_in_memory_where_the_reader_says() {
    let mut reader = MessageReader::new("c2s", &JsValue::NULL, None).unwrap();
    let stream = [MASKED_HELLO, b"\x89\x80\0\0\0\0", MASKED_HELLO].concat();
    let mut seen = Vec::new();
    for piece in stream.chunks(15) {
        let mut bytes = Some(piece.to_vec());
        loop {
            let found = reader.read(bytes.take()).to_vec();
            if found.is_empty() {
                break;
            }
            for message in found.chunks(3) {
                seen.push((message[0], reader.memory().subarray(message[1], message[2]).to_vec()));
            }
        }
    }
    assert_eq!(seen, [(1, b"Hello".to_vec()), (9, Vec::new()), (1, b"Hello".to_vec())]);
    assert_eq!(reader.violation(), None);
    reader.read(Some(b"\x81\x00".to_vec()));
    assert_eq!(reader.violation().as_deref(), Some("unmasked-from-client"));
    assert!(MessageReader::new("up", &JsValue::NULL, None).is_err());
}
