//! Filters against rows, one line each.

mod chance;
mod completion;
mod problems;
mod texts;

use std::cell::Cell;

use super::*;
use crate::handshake::HandshakeRule;
use crate::rules::Violation;

/// A row of which some things are known.
#[derive(Default)]
struct Row {
    values: Vec<(Field, Value<'static>)>,
    headers: &'static [(&'static str, &'static str)],
    payloads_fetched: Cell<u32>,
}

impl Subject for Row {
    fn value(&self, field: Field) -> Value<'_> {
        if field.is_of_payload() {
            self.payloads_fetched.set(self.payloads_fetched.get() + 1);
        }
        self.values.iter().find(|(known, _)| *known == field).map_or(Value::Absent, |(_, value)| value.clone())
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_bytes())
    }
}

fn row(values: &[(Field, Value<'static>)]) -> Row {
    Row { values: values.to_vec(), ..Row::default() }
}

fn bytes(bytes: &'static [u8]) -> Value<'static> {
    Value::borrowed(bytes)
}

fn check(row: &Row, filter: &str, expected: bool) {
    let parsed = Filter::parse(filter).unwrap_or_else(|problem| panic!("{filter}: {problem}"));
    assert_eq!(parsed.matches(row), expected, "{filter}");
    let printed = parsed.to_string();
    assert_eq!(Filter::parse(&printed).as_ref(), Ok(&parsed), "{filter} was printed as {printed}");
    assert!(!parsed.describe().is_empty());
}

fn finds(row: &Row, filters: &[&str]) {
    filters.iter().for_each(|filter| check(row, filter, true));
}

fn misses(row: &Row, filters: &[&str]) {
    filters.iter().for_each(|filter| check(row, filter, false));
}

/// A text of a client on connection 3.
fn text() -> Row {
    let json: &[u8] = br#"{"type":"chat","id":12,"tags":["a","b"],"from":{"name":"J\u00f6rg"},"a.b":null}"#;
    row(&[
        (Field::Kind, Value::Number(Kind::Frame as u64)),
        (Field::Number, Value::Number(7)),
        (Field::Time, Value::Time(1_700_000_000)),
        (Field::Delta, Value::Time(-5)),
        (Field::Connection, Value::Number(3)),
        (Field::Stream, Value::Number(3)),
        (Field::Direction, Value::Number(0)),
        (Field::Src, Value::Ip("10.1.2.3".parse().unwrap())),
        (Field::Dst, Value::Ip("::1".parse().unwrap())),
        (Field::SrcPort, Value::Number(50_000)),
        (Field::DstPort, Value::Number(8080)),
        (Field::Opcode, Value::Number(1)),
        (Field::Fin, Value::Flag(true)),
        (Field::Rsv, Value::Number(4)),
        (Field::Masked, Value::Flag(true)),
        (Field::MaskKey, Value::Key([0x12, 0x34, 0x56, 0x78])),
        (Field::Length, Value::Number(1000)),
        (Field::Wire, Value::Number(1008)),
        (Field::MessageLength, Value::Number(20_000)),
        (Field::Message, Value::Flag(true)),
        (Field::Violation, Value::Rules(Rules::default().with(Violation::InvalidUtf8))),
        (Field::Path, bytes(b"/socket.io/")),
        (Field::Host, bytes(b"example.org")),
        (Field::Text, bytes(json)),
        (Field::Content, bytes(json)),
        (Field::Payload, bytes(b"\x81\x01\xCA\xFE")),
    ])
}

#[test]
fn header_fields_are_compared() {
    let row = text();
    finds(
        &row,
        &[
            "",
            "frame",
            "not gap",
            "kind == frame",
            "opcode == text",
            "opcode == 1",
            "opcode == 0x1",
            "opcode eq Text",
            "opcode == data and not control",
            "websocket.opcode == 1",
            "opcode in {text, binary}",
            "opcode in {1 2}",
            "opcode in 0..2",
            "opcode not in {close, ping, pong}",
            "opcode != reserved",
            "fin",
            "fin == 1",
            "websocket.fin == true",
            "masked",
            "rsv1 and not rsv2 and !rsv3",
            "rsv == 4",
            "dir == c2s",
            "dir == client",
            "length == 1000",
            "length > 999 and length < 1001 and length >= 1000 and length <= 1000",
            "length < 1KiB",
            "length == 1kB",
            "length > 0.5KiB",
            "length != 1.0001KiB",
            "length in {1..10, 990..1010}",
            "length in { 1 .. 10, 990 .. 1010 }",
            "message.length > length * 10",
            "wire > length",
            "conn in {1, 3..5}",
            "tcp.stream == 3",
            "time >= 1.7s and time < 1701ms",
            "time in 1.5s..2s",
            "delta < 0",
            "delta == -5ns",
            "number == 7",
            "(opcode == text or opcode == binary) and (length > 5)",
            "opcode == ping or opcode == text and length == 1000",
            "not (opcode == ping)",
            "not not masked",
            "OPCODE == TEXT AND NOT control",
            "opcode==text&&length==1000||gap",
            "!gap&&!(control)",
        ],
    );
    misses(
        &row,
        &[
            "gap",
            "kind == gap",
            "kind == handshake",
            "opcode == ping",
            "opcode != text",
            "opcode not in {text}",
            "opcode == control",
            "not fin",
            "fin == 0",
            "dir == s2c",
            "length > 1000",
            "length == 999.5",
            "length > 1KiB",
            "conn == 30",
            "message.length > length * 20",
            "delta >= 0",
        ],
    );
}

#[test]
fn what_is_not_there_is_in_no_relation() {
    let gap = row(&[(Field::Kind, Value::Number(Kind::Gap as u64)), (Field::Missing, Value::Number(9))]);
    finds(&gap, &["gap", "missing", "missing == 9", "not masked", "not opcode", "not (opcode == text)", "not text"]);
    misses(
        &gap,
        &[
            "opcode",
            "opcode != text",
            "opcode not in {text}",
            "fin == 0",
            "violation != invalid-utf8",
            "control",
            "data",
            "client == ::1",
            "length > wire",
            "text contains \"\"",
            "json",
            "json.a != 1",
            "header.host",
        ],
    );
}

#[test]
fn addresses_and_ports_are_of_either_end() {
    let row = text();
    finds(
        &row,
        &[
            "ip == 10.1.2.3",
            "ip == ::1",
            "ip.addr == 10.1.2.3",
            "ip in 10.0.0.0/8",
            "ip == 10.0.0.0/8",
            "ip in {1.1.1.1, 10.1.2.0/24}",
            "ip in 10.1.2.0..10.1.2.9",
            "ip != 10.1.2.4",
            "src == 10.1.2.3",
            "dst == localhost",
            "client == 10.1.2.3",
            "server == ::1",
            "port == 8080",
            "port in {8000..9000}",
            "src.port == 50000",
            "tcp.dstport == 8080",
            "port != 443",
        ],
    );
    misses(
        &row,
        &[
            "ip == 10.1.2.4",
            "ip != ::1",
            "src == ::1",
            "server == 10.1.2.3",
            "port == 443",
            "port != 8080",
            "ip not in {::1}",
        ],
    );
    let back = self::row(&[
        (Field::Direction, Value::Number(1)),
        (Field::Src, Value::Ip("::1".parse().unwrap())),
        (Field::Dst, Value::Ip("10.1.2.3".parse().unwrap())),
    ]);
    finds(&back, &["client == 10.1.2.3", "server == ::1"]);
}

#[test]
fn broken_rules_are_found_by_name() {
    let row = text();
    finds(
        &row,
        &[
            "violation",
            "violation == invalid-utf8",
            "violation in {invalid-utf8, long-control}",
            "violation != long-control",
            "violation contains utf8",
            "violation matches /^invalid-/",
            "_ws.expert",
        ],
    );
    misses(
        &row,
        &["not violation", "violation == long-control", "violation != invalid-utf8", "violation startswith rsv"],
    );
    let every = Violation::ALL.into_iter().collect::<Rules>();
    let every = HandshakeRule::ALL.into_iter().fold(every, Rules::with_handshake);
    for (name, _) in rule_names() {
        finds(&self::row(&[(Field::Violation, Value::Rules(every))]), &[&format!("violation == {name}")]);
    }
    for rule in HandshakeRule::ALL {
        let only = self::row(&[(Field::Violation, Value::Rules(Rules::default().with_handshake(rule)))]);
        finds(&only, &[&format!("violation == {}", rule.name())]);
    }
    misses(
        &self::row(&[(Field::Violation, Value::Rules(Rules::default()))]),
        &["violation", "violation contains \"\""],
    );
}

#[test]
fn headers_are_asked_for_by_name() {
    let row = Row { headers: &[("User-Agent", "Chrome/1")], ..Row::default() };
    finds(&row, &["header.user-agent contains \"Chrome\"", "header.User-Agent", "HEADER.USER-AGENT == Chrome/1"]);
    misses(&row, &["header.cookie", "header.user-agent == chrome/1"]);
}

#[test]
fn payloads_are_not_fetched_where_headers_settle_it() {
    let check = |filter: &str, fetched: u32| {
        let row = text();
        let _ = Filter::parse(filter).unwrap().matches(&row);
        assert_eq!(row.payloads_fetched.get(), fetched, "{filter}");
    };
    check("text contains \"x\" and opcode == ping", 0);
    check("text contains \"x\" or opcode == text", 0);
    check("json.a == 1 and (text contains \"x\" or length > 5MB) and dir == s2c", 0);
    check("text contains \"x\" and opcode == text", 1);
    assert!(!Filter::parse("opcode == text and path == /").unwrap().needs_payload());
    assert!(Filter::parse("not (opcode == text and json.a)").unwrap().needs_payload());
    assert!(Filter::parse("length > message.length").unwrap().asks_for(Field::MessageLength));
}

#[test]
fn a_search_is_a_filter() {
    let finds =
        |search, text: &str, match_case| Filter::search(search, text, match_case).unwrap().matches(&self::text());
    assert!(
        finds(Search::Text, "CHAT", false) && !finds(Search::Text, "CHAT", true) && finds(Search::Text, "chat", true)
    );
    assert!(finds(Search::Hex, "63 68 61 74", false) && !finds(Search::Hex, "00", false));
    assert!(
        finds(Search::Regex, "c.at", true)
            && finds(Search::Regex, "C.AT", false)
            && !finds(Search::Regex, "C.AT", true)
    );
    assert!(finds(Search::Filter, "opcode == text", false));
    assert!(finds(Search::Regex, "", true));
    assert_eq!(Filter::search(Search::Hex, "6", false).unwrap_err().message, "These are no bytes in hex.");
    assert!(
        Filter::search(Search::Regex, "(", false).unwrap_err().message.starts_with("This is no regular expression")
    );
    for (search, text) in [(Search::Text, "a\"\\\n\u{7}"), (Search::Hex, "81:05"), (Search::Regex, r"a/b\/c\\/\d")] {
        let filter = Filter::search(search, text, false).unwrap();
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }
}

#[test]
fn the_table_of_fields_is_in_order_and_its_examples_are_filters() {
    for (place, info) in FIELDS.iter().enumerate() {
        assert_eq!(info.field as usize, place, "{}", info.name);
        assert_eq!(Field::named(info.name), Some(info.field), "{}: another is called so too", info.name);
        let filter = Filter::parse(info.example).unwrap_or_else(|problem| panic!("{}: {problem}", info.example));
        assert!(filter.asks_for(info.field), "{}", info.example);
        for alias in info.aliases {
            assert_eq!(Field::named(alias), Some(info.field), "{alias}");
        }
    }
}

#[test]
fn a_filter_can_be_said() {
    let check = |filter: &str, said: &str| assert_eq!(Filter::parse(filter).unwrap().describe(), said);
    check("", "everything");
    check("opcode == text and not masked", "opcode is text, and not: masked");
    check("length > 10KiB or \"err\"", "length is more than 10KiB, or anything in it contains \"err\" in either case");
    check("violation and (conn in {1, 3..5} or gap)", "violation: any, and (conn is one of 1, 3 to 5, or gap)");
}

#[test]
fn no_text_takes_long_or_goes_deep() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "!".repeat(10_000),
        "(".repeat(10_000),
        "not ".repeat(4000),
        "\"".repeat(10_001),
        "a.".repeat(8000),
        "fin and ".repeat(2000),
        "[".repeat(10_000),
        format!("json{}", "[0]".repeat(5000)),
        format!("text matches /{}/", "(".repeat(10_000)),
        format!("text matches /{}/", "a{1000}".repeat(1000)),
        format!("text matches /{}/", "((((((((a{99}){99}){99}){99}){99}){99}){99}){99})"),
        format!("length > {}", "9".repeat(10_000)),
        format!("length in {{{}}}", "1..2,".repeat(3000)),
    ] {
        let _ = Filter::parse(&text);
        let _ = complete(&text, text.len(), &|_| Vec::new());
    }
    let long = format!("{}fin", "fin or ".repeat(2000));
    check(&text(), &long, true);
    let deep = format!("{}fin{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    check(&text(), &deep, true);
}

#[test]
fn an_expression_takes_linear_time() {
    let hay: &'static [u8] = vec![b'a'; 20_000].leak();
    misses(&row(&[(Field::Text, bytes(hay))]), &["text matches /(a*)*b/", "text matches /(a|a)*$x/"]);
}
