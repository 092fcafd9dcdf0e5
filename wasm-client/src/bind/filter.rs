//! The filter language, for whoever types it.

use wasm_bindgen::prelude::*;

use super::{Capture, row_index};
use crate::to_json;

#[wasm_bindgen]
impl Capture {
    /// Whether this is a filter, and what it says: a `FilterCheck` as JSON.
    #[wasm_bindgen(js_name = checkFilter)]
    #[must_use]
    pub fn check_filter(&self, text: &str) -> String {
        to_json(&self.0.check_filter(text))
    }

    /// What could stand at this place of a filter, counted as JavaScript counts: a `Completion` as JSON.
    #[wasm_bindgen(js_name = completeFilter)]
    #[must_use]
    pub fn complete_filter(&self, text: &str, at: f64) -> String {
        to_json(&self.0.complete_filter(text, row_index(at)))
    }

    /// Everything that a filter can ask about: a `FieldHelp[]` as JSON.
    #[wasm_bindgen(js_name = filterFields)]
    #[must_use]
    pub fn filter_fields(&self) -> String {
        to_json(&self.0.filter_fields())
    }
}
