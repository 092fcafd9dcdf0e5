//! Single rows, by their running numbers.

use wasm_bindgen::prelude::*;

use super::{Capture, row_index, row_number};
use crate::to_json;

#[wasm_bindgen]
impl Capture {
    /// Sets how many bytes may be held; the oldest rows go first.
    #[wasm_bindgen(js_name = setBudget)]
    pub fn set_budget(&mut self, bytes: usize) {
        self.0.set_budget(bytes);
    }

    /// The capture as a whole: a `Status` as JSON.
    #[must_use]
    pub fn status(&self) -> String {
        to_json(&self.0.status())
    }

    /// The rows from `from` on, `count` at most, as far as they are held: a `Row[]` as JSON.
    #[must_use]
    pub fn rows(&mut self, from: f64, count: usize) -> String {
        to_json(&self.0.rows(row_index(from), count))
    }

    /// Everything about one row: a `Details` as JSON, or `undefined` if it is not held.
    #[must_use]
    pub fn frame(&mut self, index: f64) -> Option<String> {
        self.0.details(row_index(index)).map(|details| to_json(&details))
    }

    /// A row's bytes as they were on the wire.
    #[must_use]
    pub fn wire(&mut self, index: f64) -> Option<Vec<u8>> {
        self.0.wire(row_index(index))
    }

    /// A masked frame's bytes with the payload unmasked; `undefined` for what is not masked.
    #[must_use]
    pub fn unmasked(&mut self, index: f64) -> Option<Vec<u8>> {
        self.0.unmasked(row_index(index))
    }

    /// The message that this row completes, inflated; of a control frame, its payload.
    #[must_use]
    pub fn message(&mut self, index: f64) -> Option<Vec<u8>> {
        self.0.message(row_index(index))
    }

    /// How long that message is, without reading it.
    #[wasm_bindgen(js_name = messageLength)]
    #[must_use]
    pub fn message_length(&self, index: f64) -> f64 {
        row_number(self.0.message_length(row_index(index)))
    }

    /// That message as JSON in lines, or `undefined` if it is not JSON.
    #[wasm_bindgen(js_name = messageJson)]
    #[must_use]
    pub fn message_json(&mut self, index: f64) -> Option<String> {
        self.0.message_json(row_index(index))
    }

    /// Forgets every row, but not what is known of the connections.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
