//! `/websocket`, the board family of messages: JSON objects that `messageType` tells apart.

use std::borrow::Cow;

use framescope_codec::Message;
use serde::{Deserialize, Serialize};

use super::App;
use crate::ws::{Outbox, SendError};

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
enum Said<'a> {
    EchoClient {
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
}

impl Said<'_> {
    /// Every type there is, to tell a message that lacks something from one that nobody knows.
    const TYPES: &'static [&'static str] = &["echo_client"];
}

/// What a client is shown.
#[derive(Debug, Serialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
enum Shown<'a> {
    EchoServer { text: &'a str },
    Error { error: &'a str },
}

/// An error in the rooms family's words.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum ShownInRooms<'a> {
    Error { error: &'a str },
}

/// Why a message was not acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Board(Cow<'static, str>),
    Rooms(Cow<'static, str>),
}

/// One connection to `/websocket`.
#[derive(Debug)]
pub(crate) struct Board {
    /// The longest text that is echoed, in bytes.
    pub(crate) echo_text_max: usize,
}

impl App for Board {
    fn message(&mut self, message: Message<'_>, outbox: &Outbox) {
        let json = match message {
            Message::Text(text) => Some(text),
            Message::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        };
        let answered = match self.answer(json.unwrap_or_default(), outbox) {
            Ok(sent) => sent,
            Err(Refusal::Board(error)) => show(&Shown::Error { error: &error }, outbox),
            Err(Refusal::Rooms(error)) => show(&ShownInRooms::Error { error: &error }, outbox),
        };
        // Messages only come in while there is room for an answer.
        debug_assert_ne!(answered, Err(SendError::QueueFull));
    }
}

impl Board {
    fn answer(&self, json: &str, outbox: &Outbox) -> Result<Result<(), SendError>, Refusal> {
        // serde would take a list for an object whose keys are left out.
        if !json.trim_ascii_start().starts_with('{') {
            return Err(Refusal::Board(NO_OBJECT.into()));
        }
        match serde_json::from_str(json) {
            Ok(Said::EchoClient { text }) if text.len() > self.echo_text_max => {
                Err(Refusal::Board("the text is too long".into()))
            }
            Ok(Said::EchoClient { text }) => Ok(show(&Shown::EchoServer { text: &text }, outbox)),
            Err(_) => Err(diagnose(json)),
        }
    }
}

/// Sends a message of ours.
fn show(shown: &impl Serialize, outbox: &Outbox) -> Result<(), SendError> {
    // Nothing in these types can fail to be JSON.
    let json = serde_json::to_string(shown).unwrap_or_default();
    outbox.send(json.as_str())
}

/// The two keys that tell families apart.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default, rename = "messageType")]
    message_type: Option<Key<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Key<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Key<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

/// What is wrong with a message that could not be read. Slow, but only for those who are wrong.
fn diagnose(json: &str) -> Refusal {
    let Ok(keys) = serde_json::from_str::<Keys<'_>>(json) else {
        return Refusal::Board(NO_OBJECT.into());
    };
    match (keys.message_type, keys.kind) {
        (Some(Key::Text(known)), _) if Said::TYPES.contains(&&*known) => {
            Refusal::Board(format!("{known} lacks a field, or has one of the wrong kind").into())
        }
        (Some(Key::Text(_)), _) => Refusal::Board("this messageType is unknown".into()),
        (Some(Key::Other(_)), _) => Refusal::Board("messageType is not a string".into()),
        (None, Some(Key::Text(_))) => Refusal::Rooms("this type is unknown".into()),
        (None, Some(Key::Other(_))) => Refusal::Rooms("type is not a string".into()),
        (None, None) => Refusal::Board("messageType is missing".into()),
    }
}

const NO_OBJECT: &str = "this is not a JSON object";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::testing;

    /// What `/websocket` answers.
    fn answer(json: impl AsRef<[u8]>) -> String {
        testing::answers(&mut Board { echo_text_max: 10 }, Message::Binary(json.as_ref())).concat()
    }

    fn board_error(error: &str) -> String {
        format!(r#"{{"messageType":"error","error":"{error}"}}"#)
    }

    #[test]
    fn an_echo_comes_back_exactly() {
        for text in ["", "hello", r#"\"\\\n"#, "</script>", "ünï", "😀"] {
            let said = format!(r#"{{"messageType":"echo_client","text":"{text}"}}"#);
            assert_eq!(answer(said), format!(r#"{{"messageType":"echo_server","text":"{text}"}}"#));
        }
        let said = r#" {"extra":[{}],"text":"\ud83d\ude00\u0000","type":"x","messageType":"echo_client"} "#;
        assert_eq!(answer(said), "{\"messageType\":\"echo_server\",\"text\":\"😀\\u0000\"}");
    }

    #[test]
    fn whatever_else_is_said_gets_an_error() {
        for said in ["", "{", "[]", r#"["echo_client","x"]"#, "null", "1e400", "\u{feff}{}", r#""echo_client""#, "{}x"]
        {
            assert_eq!(answer(said), board_error(NO_OBJECT), "{said}");
        }
        assert_eq!(
            answer(b"{\"messageType\":\"echo_client\",\"text\":\"\xff\"}"),
            board_error("this is not a JSON object")
        );
        assert_eq!(answer("{}"), board_error("messageType is missing"));
        assert_eq!(answer(r#"{"messageType":7}"#), board_error("messageType is not a string"));
        assert_eq!(answer(r#"{"messageType":"init_strokes"}"#), board_error("this messageType is unknown"));
        assert_eq!(answer(r#"{"messageType":"nobody","type":"x"}"#), board_error("this messageType is unknown"));
        for said in [r#""x":1"#, r#""text":null"#, r#""text":5"#, r#""text":{}"#] {
            let error = board_error("echo_client lacks a field, or has one of the wrong kind");
            assert_eq!(answer(format!(r#"{{"messageType":"echo_client",{said}}}"#)), error, "{said}");
        }
        assert_eq!(
            answer(r#"{"messageType":"echo_client","text":"12345678901"}"#),
            board_error("the text is too long")
        );
    }

    #[test]
    fn the_error_is_in_the_words_of_the_family() {
        assert_eq!(answer(r#"{"type":"room-connect"}"#), r#"{"type":"error","error":"this type is unknown"}"#);
        assert_eq!(answer(r#"{"type":[]}"#), r#"{"type":"error","error":"type is not a string"}"#);
    }

    #[test]
    fn odd_json_is_refused_or_understood_but_never_fatal() {
        for said in [
            "[".repeat(20_000),
            format!(r#"{{"messageType":"echo_client","text":"x","y":{}"#, "[".repeat(20_000)),
            r#"{"messageType":"echo_client","text":"\ud800"}"#.to_owned(),
            r#"{"messageType":"echo_client","messageType":"echo_client","text":"x"}"#.to_owned(),
            r#"{"messageType":"echo_client","text":"x","text":"y"}"#.to_owned(),
        ] {
            assert!(answer(&said).starts_with(r#"{"messageType":"error","error":""#), "{said:.60}");
        }
        let many: String = (0..60_000).map(|n| format!(r#""k{n}":{n},"#)).collect();
        let said = format!(r#"{{{many}"messageType":"echo_client","text":"x"}}"#);
        assert_eq!(answer(said), r#"{"messageType":"echo_server","text":"x"}"#);
    }
}
