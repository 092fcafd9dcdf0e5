use proptest::prelude::*;

use super::*;

/// A message and the connection around it.
pub(super) struct Spoken {
    direction: Direction,
    kind: MessageKind,
    payload: Vec<u8>,
    speech: Speech,
}

pub(super) fn client(text: &str) -> Spoken {
    let (direction, kind) = (Direction::ClientToServer, MessageKind::Text);
    Spoken { direction, kind, payload: text.into(), speech: Speech::default() }
}

pub(super) fn server(text: &str) -> Spoken {
    Spoken { direction: Direction::ServerToClient, ..client(text) }
}

pub(super) fn binary(is_from_client: bool, bytes: &[u8]) -> Spoken {
    let spoken = if is_from_client { client("") } else { server("") };
    Spoken { kind: MessageKind::Binary, payload: bytes.into(), ..spoken }
}

impl Spoken {
    /// With this subprotocol.
    pub(super) fn speaking(self, subprotocol: &str) -> Self {
        Self { speech: Speech::new(Some(subprotocol), "/"), ..self }
    }

    /// At this path and query.
    pub(super) fn at(self, target: &str) -> Self {
        Self { speech: Speech::new(None, target), ..self }
    }

    /// Behind what was heard already.
    pub(super) fn after(self, speech: Speech) -> Self {
        Self { speech, ..self }
    }

    fn decode(&self) -> Option<Decoded> {
        let Self { direction, kind, payload, speech } = self;
        speech.decode(&Message { direction: *direction, kind: *kind, payload }, 0)
    }
}

/// A message against its protocol, its name, words of its summary, and of its problem ("" for none).
pub(super) fn check(spoken: &Spoken, protocol: &str, name: &str, summary: &str, problem: &str) {
    let shown = String::from_utf8_lossy(&spoken.payload);
    let decoded = spoken.decode().unwrap_or_else(|| panic!("not known: {shown}"));
    assert_eq!(decoded.protocol, protocol, "{shown}");
    if !name.is_empty() {
        assert_eq!(decoded.name, name, "{shown}: {decoded:?}");
    }
    assert!(decoded.summary.contains(summary), "{shown}: {decoded:?}");
    match (&decoded.problem, problem) {
        (None, "") => {}
        (Some(found), problem) if !problem.is_empty() && found.contains(problem) => {}
        _ => panic!("{shown}: {decoded:?}"),
    }
}

#[test]
fn what_could_be_anything_is_left_alone() {
    for text in [
        "",
        "hello",
        "42",
        "{}",
        "[]",
        r#"{"type":"ping"}"#,
        r#"{"type":"message","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","channel":"x"}"#,
        r#"{"type":"data","data":1}"#,
        r#"{"type":"error"}"#,
        r#"{"id":1,"method":"eth_call","params":[]}"#,
        r#"{"jsonrpc":2,"method":"a"}"#,
        r#"{"topic":"a","event":"b","payload":{}}"#,
        r#"["1","2","a","b",{}]"#,
        "4",
        "2probe",
        r#"42["a"]"#,
        "CONNECT",
        "SEND\ndestination:/a\n\n\0",
        "{\"a\":1}\u{1e}",
        r#"{"protocol":"json","version":1}"#,
    ] {
        for spoken in [client(text), server(text), client(text).speaking("x-own"), client(text).at("/ws?x=1")] {
            assert_eq!(spoken.decode(), None, "{text}");
        }
    }
    for bytes in [&b""[..], b"\x10", b"\x30\x05\x00\x03a/b", b"\x00\x01\x01\x01\x01", b"\x91\x06", b"\x02\x91\x06"] {
        assert_eq!(binary(true, bytes).decode(), None, "{bytes:x?}");
    }
    // A subprotocol that is not known here is not overruled by a path.
    assert_eq!(client("42[\"a\"]").at("/").decode(), None);
    let other = Spoken { speech: Speech::new(Some("other"), "/socket.io/?EIO=4"), ..client("42[\"a\"]") };
    assert_eq!(other.decode(), None);
}

#[test]
fn each_protocol_is_known_by_its_name_its_path_or_its_beginning() {
    let named = |subprotocol, target| Speech::new(subprotocol, target).name();
    assert_eq!(named(Some("mqtt"), "/"), Some("mqtt"));
    assert_eq!(named(Some("MQTT"), "/"), Some("mqtt"));
    assert_eq!(named(Some("v12.stomp"), "/"), Some("stomp"));
    assert_eq!(named(Some("graphql-transport-ws"), "/"), Some("graphql-transport-ws"));
    assert_eq!(named(Some("graphql-ws"), "/"), Some("graphql-ws"));
    assert_eq!(named(None, "/socket.io/?EIO=4&transport=websocket"), Some("socket.io"));
    assert_eq!(named(None, "/custom/?EIO=3&transport=websocket"), Some("socket.io"));
    assert_eq!(named(None, "/live/websocket?_csrf_token=x&vsn=2.0.0"), Some("phoenix"));
    assert_eq!(named(None, "/chat"), None);

    let begun = |spoken: Spoken| {
        let mut speech = Speech::default();
        speech.hear(&Message { direction: spoken.direction, kind: spoken.kind, payload: &spoken.payload }, 0);
        speech.name()
    };
    assert_eq!(begun(server(r#"0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}"#)), Some("socket.io"));
    assert_eq!(begun(client("CONNECT\naccept-version:1.2\nhost:h\n\n\0")), Some("stomp"));
    assert_eq!(begun(client("{\"protocol\":\"json\",\"version\":1}\u{1e}")), Some("signalr"));
    assert_eq!(begun(client(r#"["1","1","a","phx_join",{}]"#)), Some("phoenix"));
    assert_eq!(begun(binary(true, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")), Some("mqtt"));
    assert_eq!(TABLE[MQTT].name, "mqtt");
}

#[test]
fn a_list_gets_two_words_and_long_messages_one() {
    let speech = Speech::new(None, "/socket.io/?EIO=4");
    let long = format!("42[\"a\",\"{}\"]", "x".repeat(LABELLED_MAX));
    let label = |text: &str| {
        let (direction, kind) = (Direction::ClientToServer, MessageKind::Text);
        speech.label(&Message { direction, kind, payload: text.as_bytes() }, 0)
    };
    assert_eq!(label("42[\"a\"]").as_deref(), Some("socket.io event"));
    assert_eq!(label(&long).as_deref(), Some("socket.io"));
}

/// Something like a message of some protocol, cut, doubled and with bytes changed.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    const SEEDS: [&[u8]; 12] = [
        b"451-/a,12[\"baz\",{\"_placeholder\":true,\"num\":0}]",
        b"0{\"sid\":\"a\",\"pingInterval\":1}",
        b"{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"{a}\"}}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}",
        b"{\"type\":1,\"target\":\"a\",\"arguments\":[]}\x1e",
        b"[\"1\",\"1\",\"a\",\"phx_join\",{}]",
        b"SEND\ndestination:/a\ncontent-length:3\n\nabc\0",
        b"\x10\x1f\x00\x04MQTT\x04\xce\x00\x0a\x00\x02id\x00\x01t\x00\x02\x01\x02\x00\x02us\x00\x04pass",
        b"\x30\x10\x00\x01t\x08\x26\x00\x01k\x00\x02vwhey!",
        b"\x12\x96\x01\x80\xa3xyz\xa6method\x91\x2a\x90",
        b"\x01\x03\x02\x03\x0210012topok\x01\x01",
        b"[\"\xf0\x9f\x98\x80\\ud83d\\ude00\xc3\"]",
    ];
    let part = (0..SEEDS.len(), any::<(u8, u8)>()).prop_map(|(seed, (from, to))| {
        let seed = SEEDS[seed];
        let from = usize::from(from) % (seed.len() + 1);
        seed[from.min(usize::from(to))..usize::from(to).clamp(from, seed.len())].to_vec()
    });
    let noise = proptest::collection::vec(any::<u8>(), 0..8);
    let whole = (0..SEEDS.len()).prop_map(|seed| SEEDS[seed].to_vec());
    proptest::collection::vec(prop_oneof![3 => part, 1 => noise, 3 => whole], 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_message_makes_a_decoder_panic(
        messages in proptest::collection::vec((anything(), any::<[bool; 2]>()), 1..4),
        chosen in proptest::option::of(0..TABLE.len()),
        version in prop_oneof![Just(0_u8), Just(3), Just(4), Just(5), Just(10), Just(11), Just(12)],
    ) {
        let mut speech = Speech { chosen, version, ..Speech::default() };
        let mut all = Vec::new();
        for (payload, [is_from_client, is_text]) in messages {
            let direction = Direction::BOTH[usize::from(is_from_client)];
            let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
            all.push((direction, kind, payload));
        }
        for (row, (direction, kind, payload)) in (0..).zip(&all) {
            speech.hear(&Message { direction: *direction, kind: *kind, payload }, row);
        }
        for (row, (direction, kind, payload)) in (0..).zip(&all) {
            let message = Message { direction: *direction, kind: *kind, payload };
            if let Some(decoded) = speech.decode(&message, row) {
                prop_assert!(!decoded.name.is_empty() && decoded.parts.len() < 2000);
            }
        }
    }
}
