//! What an inspector needs now and then, and then for good: files of any kind as pcapng, messages in the terms of
//! their subprotocols, and opening handshakes judged. A module of its own, loaded with the first file or the first message.

use framescope_codec::MessageKind;
use framescope_codec::capture::subprotocol::{self, Message};
use framescope_codec::capture::{insight, open};
use framescope_codec::handshake;
use wasm_bindgen::prelude::*;

use crate::numbers::row_index;
use crate::{direction_of, to_json};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("reader.d.ts");

/// Makes pcapng of a file, whatever kind it is.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Opener(open::Opener);

#[wasm_bindgen]
impl Opener {
    /// In front of a file.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file, cut anywhere. What they give has to be fetched before the next call.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// The file is over.
    pub fn finish(&mut self) {
        self.0.finish();
    }

    /// The next bytes of the pcapng, some hundred kilobytes at most; `undefined` if more of the file is needed.
    #[wasm_bindgen(js_name = next)]
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        self.0.next_bytes()
    }

    /// What could not be read, behind all that was given out by then; `undefined` if there is nothing more.
    #[wasm_bindgen(js_name = nextFault)]
    pub fn next_fault(&mut self) -> Option<String> {
        self.0.next_fault().map(|fault| fault.to_string())
    }

    /// What the file is, as far as it is known; of a gzip, what is in it.
    #[must_use]
    pub fn format(&self) -> Option<String> {
        self.0.formats().last().map(|format| format.name().to_owned())
    }
}

/// What is spoken on one connection.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Speech(subprotocol::Speech);

#[wasm_bindgen]
impl Speech {
    /// For a connection that agreed on this subprotocol, or none, and asked for this path and query.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "that is how JavaScript hands over what may be missing")]
    pub fn new(subprotocol: Option<String>, target: &str) -> Self {
        Self(subprotocol::Speech::new(subprotocol.as_deref(), target))
    }

    /// The protocol, once it is known.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.0.name().map(str::to_owned)
    }

    /// Hears a whole message, in order; later ones may need it. `row` is its row.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn hear(&mut self, direction: &str, text: bool, payload: &[u8], row: f64) -> Result<(), JsError> {
        self.0.hear(&message(direction, text, payload)?, row_index(row));
        Ok(())
    }

    /// What a message is, in two words.
    ///
    /// # Errors
    ///
    /// As `hear`.
    pub fn label(&self, direction: &str, text: bool, payload: &[u8], row: f64) -> Result<Option<String>, JsError> {
        Ok(self.0.label(&message(direction, text, payload)?, row_index(row)))
    }

    /// And in all its parts: a `Decoded` as JSON.
    ///
    /// # Errors
    ///
    /// As `hear`.
    pub fn decode(&self, direction: &str, text: bool, payload: &[u8], row: f64) -> Result<Option<String>, JsError> {
        Ok(self.0.decode(&message(direction, text, payload)?, row_index(row)).map(|decoded| to_json(&decoded)))
    }
}

/// Judges an opening handshake by its two heads, as far as they were captured: a `JudgedHandshake` as JSON.
#[wasm_bindgen(js_name = judgeHandshake)]
#[must_use]
pub fn judge_handshake(request: Option<Vec<u8>>, response: Option<Vec<u8>>) -> String {
    let request = request.map(|bytes| handshake::judge_request(&bytes));
    let response = response.map(|bytes| handshake::judge_response(&bytes, request.as_ref()));
    to_json(&insight::judge_handshake(request.as_ref(), response.as_ref()))
}

fn message<'a>(direction: &str, text: bool, payload: &'a [u8]) -> Result<Message<'a>, JsError> {
    let kind = if text { MessageKind::Text } else { MessageKind::Binary };
    Ok(Message { direction: direction_of(direction)?, kind, payload })
}
