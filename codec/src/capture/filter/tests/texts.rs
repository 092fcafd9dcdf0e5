//! Filters that look into payloads.

use super::super::*;
use super::{bytes, finds, misses, row, text};

#[test]
fn text_and_bytes_are_looked_into() {
    let text = text();
    finds(
        &text,
        &[
            "text",
            "text contains \"chat\"",
            "text contains 'chat'",
            "text contains chat",
            "text contains \"CHAT\"i",
            "lower(text) contains \"CHAT\"",
            "upper(text) contains chat",
            "text contains \"\\\"type\\\"\"",
            "text contains r'\\u00f6'",
            "text startswith \"{\"",
            "text endswith \"}\"",
            r#"text matches "^\{.*\"type\"""#,
            r"text matches /^\{.*CH[a-z]t/i",
            r"text ~ /tags/",
            "len(text) > 50",
            "len(text) == len(text)".split(" ==").next().unwrap(),
            "content contains 63:68:61:74",
            "\"CHAT\"",
            "/ch.t/",
            "frame contains \"chat\"",
            "payload contains 0xCAFE",
            "payload contains CAFE",
            "payload == 8101cafe",
            "payload[0:2] == 81:01",
            "payload[2:] == cafe",
            "payload[-2:] == cafe",
            "payload[-2:2] == cafe",
            "payload[0] == 81",
            "payload[1-2] == 01ca",
            "len(payload) == 4",
            "len(payload[1:]) == 3",
            "mask.key == 12345678",
            "mask.key == 12:34:56:78",
            "mask.key[0] == 12",
            "mask.key != 00000000",
            "websocket.masking_key startswith 1234",
            "path == /socket.io/",
            "path in {/, \"/socket.io/\"}",
            "host == example.org",
            "host endswith \".org\"",
            "host matches ^ex",
            "not subprotocol",
        ],
    );
    misses(
        &text,
        &[
            "text contains \"CHAT\"",
            "text contains \"chats\"",
            "\"chats\"",
            "text == \"\"",
            "payload contains 0xFECA",
            "payload[9:1] == 00",
            "payload[3:2] == fe",
            "payload[-9:2] == 8101",
            "mask.key == 00000000",
            "path == /",
            "host not in {example.org}",
            "subprotocol != a",
        ],
    );
    let umlauts = row(&[(Field::Text, bytes("ÄÖÜ ß".as_bytes())), (Field::Payload, bytes(b"\xFF\xFEab"))]);
    finds(&umlauts, &["text contains \"äö\"i", "text == \"äöü ß\"i", "text startswith 'Ä'", "payload matches /ab$/"]);
    misses(&umlauts, &["text contains \"äö\"", "text == \"aou ß\"i"]);
}

#[test]
fn json_is_looked_into() {
    let text = text();
    finds(
        &text,
        &[
            "json",
            "json.type",
            "json.type == \"chat\"",
            "json.type == chat",
            "json[\"type\"] == chat",
            "json.type in {chat, \"join\"}",
            "json.type contains \"ha\"",
            "json.type matches /^ch/",
            "lower(json.type) == \"CHAT\"",
            "json.id == 12",
            "json.id == 12.0",
            "json.id > 11.5 and json.id <= 12",
            "json.id in {1..5, 10..20}",
            "json.id != 13",
            "json.tags[1] == b",
            "json.tags.1 == b",
            "json.tags[*] == a",
            "json.tags == [".split(" ==").next().unwrap(),
            "json.from.name == \"Jörg\"",
            "json[*].name == Jörg",
            "json[\"a.b\"] == null",
            "json[\"a.b\"]",
        ],
    );
    misses(
        &text,
        &[
            "json.typ",
            "json.type == \"Chat\"",
            "json.type > 1",
            "json.id == \"12\"",
            "json.id > 12",
            "json.id != 12",
            "json.tags[2]",
            "json.tags[*] == c",
            "json.type.name",
            "json[0]",
        ],
    );
    let content = |json: &'static [u8]| row(&[(Field::Content, bytes(json))]);
    finds(&content(br#"42/chat,7["message",{"text":"hi"}]"#), &["json", "json[0] == message", "json.text == hi"]);
    finds(&content(br#"[{"id":1},{"id":2}]"#), &["json.id == 2", "json[1].id == 2", "json[*].id == 1"]);
    finds(&content(b"{\"type\":1}\x1E{\"type\":6}\x1E"), &["json", "json.type == 6"]);
    finds(&content(br#"{"a":1"#), &["json.a == 1".split(" ==").next().unwrap()]);
    misses(&content(br#"{"a":1"#), &["json", "json.b"]);
    misses(&content(b"12"), &["json", "json[0]"]);
    misses(&content(br#"{"a":1} {"b":2}"#), &["json", "json.b"]);
    misses(&content(b"[[[["), &["json", "json[0]"]);
}

#[test]
fn json_nested_beyond_all_measure_is_none() {
    let deep: &'static [u8] = vec![b'['; 1 << 20].leak();
    misses(&row(&[(Field::Content, bytes(deep))]), &["json", "json.a", "json[0][0]"]);
}
