//! What clients say: the messages of both families, read from JSON, and what is wrong with those that are none.
//!
//! The tag is read first, then the fields of that message from the same text. serde's own tagged enums would do both at
//! once, but they take values apart on the way, and what is passed on has to stay as it was written.

use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::Fields;

/// A message of either family.
#[derive(Debug)]
pub(crate) enum Said<'a> {
    Board(BoardSaid<'a>),
    Rooms(RoomsSaid<'a>),
}

/// The board family, told apart by `messageType`.
#[derive(Debug)]
pub(crate) enum BoardSaid<'a> {
    EchoClient(EchoClient<'a>),
    /// A stroke with whatever else it holds. What makes it one is checked by whoever stores it.
    Drawing(Fields<'a>),
    GetAllUsers,
    SelectUser(SelectUser<'a>),
    DirectMessage(DirectMessage<'a>),
    GetCalls,
    JoinCall(JoinCall<'a>),
    Signal(Signal<'a>),
}

/// The rooms family, told apart by `type`.
#[derive(Debug)]
pub(crate) enum RoomsSaid<'a> {
    Connect(RoomConnect<'a>),
    SendMessage(SendMessage<'a>),
    Leave,
}

/// `echo_client`
#[derive(Debug, Deserialize)]
pub(crate) struct EchoClient<'a> {
    #[serde(borrow)]
    pub(crate) text: Cow<'a, str>,
}

/// `select_user`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelectUser<'a> {
    #[serde(borrow)]
    pub(crate) target_user: Cow<'a, str>,
    /// Only messages in front of this one, by number.
    #[serde(default)]
    pub(crate) before: Option<u64>,
    /// The last so many of them.
    #[serde(default)]
    pub(crate) limit: Option<u64>,
}

/// `direct_message`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectMessage<'a> {
    #[serde(borrow)]
    pub(crate) target_user: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) text: StoredText<'a>,
    #[serde(borrow, default)]
    pub(crate) id: Option<Id<'a>>,
}

/// `join_call`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JoinCall<'a> {
    #[serde(borrow)]
    pub(crate) call_id: Cow<'a, str>,
}

/// `offer`, `answer` or `ice_candidate`: passed on from one connection to another.
#[derive(Debug)]
pub(crate) struct Signal<'a> {
    /// The addressee.
    pub(crate) socket_id: Cow<'a, str>,
    fields: Fields<'a>,
}

/// `room-connect`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomConnect<'a> {
    #[serde(borrow)]
    pub(crate) room_id: Name<'a>,
    #[serde(borrow)]
    pub(crate) name: Name<'a>,
}

/// `send-message`
#[derive(Debug, Deserialize)]
pub(crate) struct SendMessage<'a> {
    #[serde(borrow)]
    pub(crate) message: StoredText<'a>,
    #[serde(borrow, default)]
    pub(crate) id: Option<Id<'a>>,
}

/// How long what is said may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// A text of a direct message or in a room, in bytes.
    pub(crate) text: usize,
    /// A name of a person, a room or a call, and whatever else stands for one of these, in characters.
    pub(crate) name: usize,
}

/// A text that may be stored: it has no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredText<'a>(pub(crate) Cow<'a, str>);

/// A display name or a room's id: not empty, no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a>(pub(crate) Cow<'a, str>);

/// Makes sending again safe; has no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id<'a>(pub(crate) Cow<'a, str>);

/// What may be said where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Both families, and the board's words where it could be either.
    Both,
    Rooms,
}

/// A family of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Board,
    Rooms,
}

/// Why something is not a message, and in which family's words to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsaid {
    pub(crate) family: Family,
    pub(crate) error: Cow<'static, str>,
}

impl<'a> Said<'a> {
    /// Reads a message.
    pub(crate) fn read(json: &'a str, spoken: Spoken, lengths: Lengths) -> Result<Self, Unsaid> {
        let otherwise = match spoken {
            Spoken::Both => Family::Board,
            Spoken::Rooms => Family::Rooms,
        };
        // serde would take a list for an object whose keys are left out.
        let keys = Some(json).filter(|json| json.trim_ascii_start().starts_with('{'));
        let Some(keys) = keys.and_then(|json| serde_json::from_str::<Keys<'_>>(json).ok()) else {
            return Err(otherwise.unsaid("this is not a JSON object"));
        };
        let (family, key, name) = match (spoken, keys.message_type, keys.kind) {
            (Spoken::Both, None, Some(key)) => (Family::Rooms, Some(key), "type"),
            (Spoken::Both, key, _) => (Family::Board, key, "messageType"),
            (Spoken::Rooms, _, key) => (Family::Rooms, key, "type"),
        };
        let kind = match key {
            Some(Key::Text(kind)) => kind,
            Some(Key::Other) => return Err(family.unsaid(format!("{name} is not a string"))),
            None => return Err(family.unsaid(format!("{name} is missing"))),
        };
        if has_lone_surrogate(json) {
            return Err(family.unsaid("an escape stands for half a character"));
        }
        let read = match family {
            Family::Board => BoardSaid::read(&kind, json).map(|said| said.map(Self::Board)),
            Family::Rooms => RoomsSaid::read(&kind, json).map(|said| said.map(Self::Rooms)),
        };
        match read {
            Ok(Some(said)) => match said.too_long(lengths) {
                None => Ok(said),
                Some(what) => Err(family.unsaid(format!("{kind}: {what} is too long"))),
            },
            Ok(None) => Err(family.unsaid(format!("this {name} is unknown"))),
            Err(error) => Err(family.unsaid(format!("{kind}: {}", explain(&error)))),
        }
    }

    /// What is longer than it may be, if anything.
    fn too_long(&self, lengths: Lengths) -> Option<&'static str> {
        let text = |text: &StoredText<'_>| (text.0.len() > lengths.text).then_some("the text");
        let id = |id: &Option<Id<'_>>| id.as_ref().filter(|id| is_longer(&id.0, ID_MAX)).map(|_| "the id");
        let name = |name: &Name<'_>| is_longer(&name.0, lengths.name);
        match self {
            Self::Board(BoardSaid::DirectMessage(message)) => text(&message.text).or_else(|| id(&message.id)),
            Self::Rooms(RoomsSaid::SendMessage(message)) => text(&message.message).or_else(|| id(&message.id)),
            Self::Rooms(RoomsSaid::Connect(connect)) => {
                name(&connect.room_id).then_some("the room's id").or_else(|| name(&connect.name).then_some("the name"))
            }
            Self::Board(_) | Self::Rooms(RoomsSaid::Leave) => None,
        }
    }
}

impl<'a> BoardSaid<'a> {
    fn read(kind: &str, json: &'a str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match kind {
            "echo_client" => Self::EchoClient(serde_json::from_str(json)?),
            "drawing" => Self::Drawing(serde_json::from_str(json)?),
            "get_all_users" => Self::GetAllUsers,
            "select_user" => Self::SelectUser(serde_json::from_str(json)?),
            "direct_message" => Self::DirectMessage(serde_json::from_str(json)?),
            "get_calls" => Self::GetCalls,
            "join_call" => Self::JoinCall(serde_json::from_str(json)?),
            "offer" | "answer" | "ice_candidate" => Self::Signal(Signal::read(json)?),
            _ => return Ok(None),
        }))
    }
}

impl<'a> RoomsSaid<'a> {
    fn read(kind: &str, json: &'a str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match kind {
            "room-connect" => Self::Connect(serde_json::from_str(json)?),
            "send-message" => Self::SendMessage(serde_json::from_str(json)?),
            "room-leave" => Self::Leave,
            _ => return Ok(None),
        }))
    }
}

impl<'a> Signal<'a> {
    fn read(json: &'a str) -> serde_json::Result<Self> {
        let fields: Fields<'_> = serde_json::from_str(json)?;
        if !fields.is_sound() {
            return Err(Error::custom("not everybody could read this"));
        }
        let Some(Text(socket_id)) = fields.read_as("socketId") else {
            return Err(Error::custom("socketId is missing, or not a string"));
        };
        Ok(Self { socket_id, fields })
    }

    /// The message as the addressee gets it: from whom it is, and all else as it was written.
    pub(crate) fn sent_by(mut self, socket_id: &str, username: &str) -> String {
        self.fields.take("socketId");
        self.fields.take("username");
        let mut json = String::from("{");
        // It has its messageType at least.
        self.fields.write_to(&mut json);
        let sender = Sender { socket_id, username };
        json.push(',');
        json.push_str(serde_json::to_string(&sender).unwrap_or_default().trim_start_matches('{'));
        json
    }
}

impl Family {
    fn unsaid(self, error: impl Into<Cow<'static, str>>) -> Unsaid {
        Unsaid { family: self, error: error.into() }
    }
}

/// The two keys that tell families apart.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default, rename = "messageType", deserialize_with = "present")]
    message_type: Option<Key<'a>>,
    #[serde(borrow, default, rename = "type", deserialize_with = "present")]
    kind: Option<Key<'a>>,
}

enum Key<'a> {
    Text(Cow<'a, str>),
    Other,
}

/// A key that is there, though its value may be null.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Key<'a>>, D::Error> {
    // Looked at where it stands: however much it is, nothing is made of it before it is known to be a text.
    let value = <&RawValue>::deserialize(deserializer)?.get();
    if !value.starts_with('"') {
        return Ok(Some(Key::Other));
    }
    let Text(text) = serde_json::from_str(value).map_err(D::Error::custom)?;
    Ok(Some(Key::Text(text)))
}

/// Borrowed where nothing is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Who a signal is from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sender<'a> {
    socket_id: &'a str,
    username: &'a str,
}

impl<'de: 'a, 'a> Deserialize<'de> for StoredText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        without_nul(text).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(name) = Text::deserialize(deserializer)?;
        if name.is_empty() {
            return Err(Error::custom("a name is empty"));
        }
        without_nul(name).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(id) = Text::deserialize(deserializer)?;
        without_nul(id).map(Self)
    }
}

/// Not every database can keep it.
fn without_nul<E: Error>(text: Cow<'_, str>) -> Result<Cow<'_, str>, E> {
    if text.contains('\0') { Err(E::custom("a NUL cannot be stored")) } else { Ok(text) }
}

/// Whether this has more than `max` characters.
pub(crate) fn is_longer(text: &str, max: usize) -> bool {
    text.chars().nth(max).is_some()
}

/// What was wrong. serde says where as well, but what it counts from is not what the sender sees; and it repeats what
/// was sent, which may be long.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("invalid ") {
        return "a field is of the wrong kind".to_owned();
    }
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Whether `json` has an escape that stands for half a character, with no other half beside it. Where serde reads a
/// text it says so itself, but not where it passes one over.
fn has_lone_surrogate(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        at += match (escaped(bytes, at), escaped(bytes, at + 6)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => 12,
            (Some(0xD800..0xE000), _) => return true,
            (Some(_), _) => 6,
            (None, _) => 2,
        };
    }
    false
}

/// The number in `\uXXXX`, if that is what stands there.
fn escaped(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The longest `id`, in characters.
pub(super) const ID_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths { text: 100, name: 10 };

    fn read(json: &str) -> Result<Said<'_>, Unsaid> {
        Said::read(json, Spoken::Both, LENGTHS)
    }

    /// What is said to be wrong, and in which words.
    #[track_caller]
    fn check(json: &str, family: Family, error: &str) {
        let unsaid = read(json).expect_err(&json[..json.floor_char_boundary(100)]);
        assert_eq!((unsaid.family, &*unsaid.error), (family, error), "{:.100}", json);
    }

    #[test]
    fn each_message_of_the_board_is_known() {
        fn board(json: &str) -> BoardSaid<'_> {
            match read(json) {
                Ok(Said::Board(said)) => said,
                other => panic!("{json}: {other:?}"),
            }
        }
        assert!(
            matches!(board(r#"{"messageType":"echo_client","text":"x"}"#), BoardSaid::EchoClient(echo) if echo.text == "x")
        );
        assert!(matches!(board(r#"{"messageType":"drawing"}"#), BoardSaid::Drawing(_)));
        assert!(matches!(board(r#"{"messageType":"get_all_users","x":[]}"#), BoardSaid::GetAllUsers));
        assert!(matches!(board(r#"{"messageType":"get_calls","type":"room-leave"}"#), BoardSaid::GetCalls));
        assert!(
            matches!(board(r#"{"callId":"c","messageType":"join_call"}"#), BoardSaid::JoinCall(join) if join.call_id == "c")
        );
        let BoardSaid::SelectUser(select) = board(r#"{"messageType":"select_user","targetUser":"b\u006fb","limit":7}"#)
        else {
            panic!()
        };
        assert_eq!((&*select.target_user, select.before, select.limit), ("bob", None, Some(7)));
        let BoardSaid::DirectMessage(message) =
            board(r#" {"messageType":"direct_message","targetUser":"bob","text":"\n","id":"1","fromUser":7}"#)
        else {
            panic!()
        };
        assert_eq!((&*message.target_user, &*message.text.0, message.id), ("bob", "\n", Some(Id("1".into()))));
        for kind in ["offer", "answer", "ice_candidate"] {
            let json = format!(r#"{{"messageType":"{kind}","socketId":"s"}}"#);
            assert!(matches!(board(&json), BoardSaid::Signal(signal) if signal.socket_id == "s"));
        }
    }

    #[test]
    fn each_message_of_the_rooms_is_known_and_on_their_own_endpoint_they_alone() {
        let connect = r#"{"type":"room-connect","roomId":"r","name":"n","messageType":"get_calls"}"#;
        let unsaid = r#"{"messageType":"get_calls"}"#;
        let Ok(Said::Rooms(RoomsSaid::Connect(connect))) = Said::read(connect, Spoken::Rooms, LENGTHS) else {
            panic!()
        };
        assert_eq!((&*connect.room_id.0, &*connect.name.0), ("r", "n"));
        let Unsaid { family, error } = Said::read(unsaid, Spoken::Rooms, LENGTHS).unwrap_err();
        assert_eq!((family, &*error), (Family::Rooms, "type is missing"));
        assert_eq!(Said::read("", Spoken::Rooms, LENGTHS).unwrap_err().family, Family::Rooms);
        for spoken in [Spoken::Both, Spoken::Rooms] {
            let said = Said::read(r#"{"type":"send-message","message":"","id":null}"#, spoken, LENGTHS);
            let Ok(Said::Rooms(RoomsSaid::SendMessage(said))) = said else { panic!() };
            assert_eq!((&*said.message.0, said.id), ("", None));
            assert!(matches!(
                Said::read(r#"{"type":"room-leave"}"#, spoken, LENGTHS),
                Ok(Said::Rooms(RoomsSaid::Leave))
            ));
        }
    }

    #[test]
    fn a_signal_is_passed_on_as_it_was_written_but_for_its_sender() {
        let json = r#"{"username":"eve", "messageType":"offer","sdp":"v=0\r\n\u00fc\/","candidate":{ "b":1.50,"a":-0e1 },"socketId":"them","z":18446744073709551616,"callId":null}"#;
        let Ok(Said::Board(BoardSaid::Signal(signal))) = read(json) else { panic!() };
        assert_eq!(signal.socket_id, "them");
        assert_eq!(
            signal.sent_by("us", "al\"ice"),
            r#"{"messageType":"offer","sdp":"v=0\r\n\u00fc\/","candidate":{ "b":1.50,"a":-0e1 },"z":18446744073709551616,"callId":null,"socketId":"us","username":"al\"ice"}"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_family() {
        for json in
            ["", "{", "[]", r#"["get_calls"]"#, "null", "\u{feff}{}", "{}x", r#"{"messageType":"a","messageType":"b"}"#]
        {
            check(json, Family::Board, "this is not a JSON object");
        }
        check("{}", Family::Board, "messageType is missing");
        check(r#"{"messageType":null}"#, Family::Board, "messageType is not a string");
        check(r#"{"messageType":null,"type":"room-leave"}"#, Family::Board, "messageType is not a string");
        check(r#"{"messageType":"init_strokes"}"#, Family::Board, "this messageType is unknown");
        check(r#"{"messageType":"x","type":"room-leave"}"#, Family::Board, "this messageType is unknown");
        check(r#"{"type":"x"}"#, Family::Rooms, "this type is unknown");
        check(r#"{"type":[]}"#, Family::Rooms, "type is not a string");
        check(r#"{"messageType":"echo_client"}"#, Family::Board, "echo_client: missing field `text`");
        check(r#"{"messageType":"echo_client","text":7}"#, Family::Board, "echo_client: a field is of the wrong kind");
        check(r#"{"messageType":"offer"}"#, Family::Board, "offer: socketId is missing, or not a string");
        check(
            r#"{"messageType":"offer","socketId":["x"]}"#,
            Family::Board,
            "offer: socketId is missing, or not a string",
        );
        for bad in ["-1", "1.5", r#""1""#, "[]"] {
            let json = format!(r#"{{"messageType":"select_user","targetUser":"u","limit":{bad}}}"#);
            check(&json, Family::Board, "select_user: a field is of the wrong kind");
        }
    }

    #[test]
    fn what_is_to_be_stored_is_bounded_and_without_nul() {
        let message = |text: &str, id: &str| format!(r#"{{"type":"send-message","message":"{text}","id":"{id}"}}"#);
        assert!(read(&message(&"é".repeat(50), &"é".repeat(64))).is_ok());
        check(&message(&"x".repeat(101), ""), Family::Rooms, "send-message: the text is too long");
        check(&message("", &"x".repeat(65)), Family::Rooms, "send-message: the id is too long");
        check(&message("\\u0000", ""), Family::Rooms, "send-message: a NUL cannot be stored");
        let connect =
            |room: &str, name: &str| format!(r#"{{"type":"room-connect","roomId":"{room}","name":"{name}"}}"#);
        assert!(read(&connect(&"😀".repeat(10), &"😀".repeat(10))).is_ok());
        check(&connect("", "n"), Family::Rooms, "room-connect: a name is empty");
        check(&connect("r", ""), Family::Rooms, "room-connect: a name is empty");
        check(&connect(&"r".repeat(11), "n"), Family::Rooms, "room-connect: the room's id is too long");
        check(&connect("r", &"n".repeat(11)), Family::Rooms, "room-connect: the name is too long");
        check(&connect("\\u0000", "n"), Family::Rooms, "room-connect: a NUL cannot be stored");
        let text = format!(r#"{{"messageType":"direct_message","targetUser":"u","text":"{}"}}"#, "x".repeat(101));
        check(&text, Family::Board, "direct_message: the text is too long");
    }

    #[test]
    fn half_a_character_is_refused_wherever_it_stands() {
        let message = |escape: &str| format!(r#"{{"messageType":"get_calls","ignored":["{escape}"]}}"#);
        for escape in [r"\ud83d\ude00", r"\\ud83d", r"\\\ud83d\uDE00x", "", r"\u0041", r"\ue000\ud7ff"] {
            assert!(read(&message(escape)).is_ok(), "{escape}");
        }
        for escape in [
            r"\ud83d",
            r"\ude00",
            r"\ude00\ud83d",
            r"\\\ud83d",
            r"\ud83dx\ude00",
            r"\ud83d\ud83d\ude00",
            r"\uD800\u0041",
        ] {
            check(&message(escape), Family::Board, "an escape stands for half a character");
        }
        check(r#"{"type":"room-leave","\ud800":1}"#, Family::Board, "this is not a JSON object");
    }

    #[test]
    fn odd_json_is_never_fatal() {
        for kind in ["offer", "echo_client", "drawing", "get_calls", "room-leave"] {
            let deep = format!(r#"{{"messageType":"{kind}","socketId":"","text":"","x":{}"#, "[".repeat(20_000));
            check(&deep, Family::Board, "this is not a JSON object");
            let closed = format!("{deep}{}}}", "]".repeat(20_000));
            assert!(read(&closed).is_err() || kind != "offer");
        }
        let many: String = (0..60_000).map(|n| format!(r#""k{n}":{n},"#)).collect();
        assert!(read(&format!(r#"{{{many}"messageType":"get_calls"}}"#)).is_ok());
    }
}
