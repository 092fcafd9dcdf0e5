//! Connections in sum.

use wasm_bindgen::prelude::*;

use super::Capture;
use crate::{direction_of, to_json};

#[wasm_bindgen]
impl Capture {
    /// All connections in one line each: a `ConnectionInfo[]` as JSON.
    #[must_use]
    pub fn connections(&self) -> String {
        to_json(&self.0.connections())
    }

    /// Everything about one connection but its opening handshake: a `Conversation` as JSON without the members that the
    /// reader's `judgeHandshake` has, or `undefined` if it is not known.
    #[must_use]
    pub fn conversation(&self, connection: u32) -> Option<String> {
        self.0.conversation(connection).map(|conversation| to_json(&conversation))
    }

    /// The head that was sent this way when a connection was opened, if it was captured.
    #[must_use]
    pub fn head(&self, connection: u32, direction: &str) -> Option<Vec<u8>> {
        self.0.head(connection, direction_of(direction).ok()?)
    }

    /// What says which subprotocol is spoken on a connection: a `Spoken` as JSON, or `undefined` if it is not known.
    #[must_use]
    pub fn spoken(&self, connection: u32) -> Option<String> {
        self.0.spoken(connection).map(|spoken| to_json(&spoken))
    }

    /// The pings of one connection, or of all, and the pongs that answer them: a `RoundTrip[]` as JSON.
    #[wasm_bindgen(js_name = roundTrips)]
    #[must_use]
    pub fn round_trips(&self, connection: Option<u32>) -> String {
        to_json(&self.0.round_trips(connection))
    }
}
