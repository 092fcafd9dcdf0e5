//! What operators say, and are told: the JSON that [`intercept`](super) describes.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use framescope_codec::capture::{Direction, filter};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::copies::Copy;

/// Something that an operator says.
#[derive(Debug)]
pub(super) enum Said {
    Hold(Hold),
    Forward(Forward),
    Drop(Drop),
    ForwardAll,
    Inject(Inject),
}

impl Said {
    /// Reads a message: an object that is known by its first word.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
        let is = |name: &str| json.get(name).is_some();
        let said = if is("filter") {
            serde_json::from_value(json).map(Self::Hold)
        } else if is("forward") {
            serde_json::from_value(json).map(Self::Forward)
        } else if is("drop") {
            serde_json::from_value(json).map(Self::Drop)
        } else if is("forwardAll") {
            serde_json::from_value(json).map(|ForwardAll { forward_all: () }| Self::ForwardAll)
        } else if is("inject") {
            serde_json::from_value(json).map(|Injecting { inject }| Self::Inject(inject))
        } else {
            return Err("this is none of filter, forward, drop, forwardAll and inject".to_owned());
        };
        said.map_err(|error| error.to_string())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub(super) filter: Option<String>,
    #[serde(default, deserialize_with = "directions")]
    pub(super) directions: Option<[bool; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forward {
    pub(super) forward: u64,
    #[serde(default)]
    pub(super) bytes: Option<String>,
    #[serde(default)]
    pub(super) mend: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drop {
    pub(super) drop: u64,
    #[serde(default)]
    pub(super) mend: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ForwardAll {
    #[serde(deserialize_with = "yes")]
    pub(super) forward_all: (),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Injecting {
    pub(super) inject: Inject,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inject {
    pub(super) connection: u32,
    #[serde(deserialize_with = "direction")]
    pub(super) direction: Direction,
    pub(super) bytes: String,
    #[serde(default)]
    pub(super) force: bool,
    #[serde(default)]
    pub(super) tag: Value,
}

/// Something that an operator is told.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// What is held from now on.
    Holding(Option<(String, [bool; 2])>),
    /// A filter is none.
    Problem(Value),
    /// The frame of this number is held.
    Held(u64),
    Released(u64, How),
    Injected {
        connection: u32,
        direction: Direction,
        tag: Value,
    },
    Refused {
        what: &'static str,
        id: Option<u64>,
        tag: Value,
        why: String,
        can_force: bool,
    },
}

/// What became of a frame that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Forwarded,
    Edited,
    Dropped,
    Undelivered,
}

/// A frame that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: u64,
    pub(super) connection: u32,
    pub(super) direction: Direction,
    pub(super) bytes: Arc<[u8]>,
    /// The message, if this frame ends it, it was compressed, could be inflated, and there was room for it.
    pub(super) inflated: Option<Arc<Copy>>,
    /// In milliseconds since 1970.
    pub(super) since: u64,
    pub(super) in_context: bool,
    pub(super) can_mend: bool,
}

/// What went by.
#[derive(Clone, Debug)]
pub(super) struct Unheld {
    pub(super) count: u64,
    /// Where the last of them was.
    pub(super) connection: u32,
    pub(super) direction: Direction,
    pub(super) length: u64,
    pub(super) why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionInfo {
    pub(super) connection: u32,
    pub(super) client: String,
    pub(super) server: String,
    pub(super) path: String,
    pub(super) host: String,
    pub(super) subprotocol: Option<String>,
    pub(super) since: u64,
    /// Who has sent a FIN that waits.
    pub(super) ended: [bool; 2],
    /// Whose RST waits.
    pub(super) reset: [bool; 2],
    pub(super) compression: [Option<Compression>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compression {
    pub(super) takeover: bool,
    /// Whether what messages are compressed against was seen.
    pub(super) known: bool,
}

impl Notice {
    /// A filter is none: where and why, in JavaScript's terms.
    pub(super) fn problem(text: &str, problem: &filter::Problem) -> Self {
        let place = |at: usize| text.get(..at).unwrap_or(text).encode_utf16().count();
        let (from, to) = (place(problem.place().start), place(problem.place().end));
        Self::Problem(json!({ "message": problem.message, "from": from, "to": to, "hint": problem.hint }))
    }

    /// As it is sent. A frame that is held is said by itself.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Holding(None) => json!({ "holding": null }),
            Self::Holding(Some((filter, directions))) => {
                json!({ "holding": { "filter": filter, "directions": names(*directions) } })
            }
            Self::Problem(problem) => json!({ "problem": problem }),
            Self::Held(id) => json!({ "held": { "id": id } }),
            Self::Released(id, how) => json!({ "released": id, "how": how.name() }),
            Self::Injected { connection, direction, tag } => {
                json!({ "injected": { "connection": connection, "direction": direction.name(), "tag": tag } })
            }
            Self::Refused { what, id, tag, why, can_force } => {
                json!({ "refused": { "what": what, "id": id, "tag": tag, "why": why, "canForce": can_force } })
            }
        }
    }
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Edited => "edited",
            Self::Dropped => "dropped",
            Self::Undelivered => "undelivered",
        }
    }
}

impl Held {
    pub(super) fn json(&self) -> Value {
        json!({ "held": {
            "id": self.id,
            "connection": self.connection,
            "direction": self.direction.name(),
            "bytes": BASE64_STANDARD.encode(&self.bytes),
            "inflated": self.inflated.as_ref().map(|copy| BASE64_STANDARD.encode(copy.bytes())),
            "since": self.since,
            "inContext": self.in_context,
            "canMend": self.can_mend,
        } })
    }
}

impl Unheld {
    pub(super) fn json(&self) -> Value {
        json!({ "unheld": {
            "count": self.count,
            "connection": self.connection,
            "direction": self.direction.name(),
            "length": self.length,
            "why": self.why,
        } })
    }
}

impl ConnectionInfo {
    pub(super) fn list(connections: &[Self], more: usize) -> Value {
        json!({ "connections": connections.iter().map(Self::json).collect::<Vec<_>>(), "more": more })
    }

    fn json(&self) -> Value {
        let compression = self.compression.map(|one| {
            one.map_or(Value::Null, |Compression { takeover, known }| json!({ "takeover": takeover, "known": known }))
        });
        let [c2s, s2c] = compression;
        json!({
            "connection": self.connection,
            "client": self.client,
            "server": self.server,
            "path": self.path,
            "host": self.host,
            "subprotocol": self.subprotocol,
            "since": self.since,
            "ended": names(self.ended),
            "reset": names(self.reset),
            "compression": { "c2s": c2s, "s2c": s2c },
        })
    }
}

/// Bytes as they come in JSON.
pub(super) fn bytes(base64: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(base64).ok()
}

fn names(directions: [bool; 2]) -> Vec<&'static str> {
    let named = Direction::BOTH.into_iter().zip(directions);
    named.filter(|(_, is_meant)| *is_meant).map(|(direction, _)| direction.name()).collect()
}

fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    if bool::deserialize(deserializer)? {
        Ok(())
    } else {
        Err(serde::de::Error::custom("forwardAll is true, or not said"))
    }
}

fn direction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Direction, D::Error> {
    let name = String::deserialize(deserializer)?;
    Direction::BOTH.into_iter().find(|direction| direction.name() == name).ok_or_else(|| unknown(&name))
}

fn directions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[bool; 2]>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let mut directions = [false; 2];
    for name in &names {
        let found = Direction::BOTH.into_iter().position(|direction| direction.name() == name);
        *found.and_then(|place| directions.get_mut(place)).ok_or_else(|| unknown(name))? = true;
    }
    Ok(Some(directions))
}

fn unknown<E: serde::de::Error>(name: &str) -> E {
    E::custom(format_args!("a direction is \"c2s\" or \"s2c\", not {name:?}"))
}
