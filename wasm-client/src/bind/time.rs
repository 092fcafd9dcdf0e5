//! The view over time.

use wasm_bindgen::prelude::*;

use super::{Capture, Parsed, row_number};
use crate::to_json;

#[wasm_bindgen]
impl Capture {
    /// Rows, bytes and broken rules over time, by `{from, to, buckets}` as JSON: a `Timeline` as JSON.
    #[must_use]
    pub fn timeline(&mut self, spec: &str) -> String {
        let spec = Parsed::new(spec);
        let buckets = spec.member("buckets").count().unwrap_or_default() as usize;
        to_json(self.0.timeline(spec.member("from").number(), spec.member("to").number(), buckets))
    }

    /// The first row of the view at or after this time, in nanoseconds since the first row.
    #[wasm_bindgen(js_name = rowAt)]
    #[must_use]
    pub fn row_at(&self, time: f64) -> Option<f64> {
        self.0.row_at(time).map(row_number)
    }

    /// The longest times in which the view has no row: `{row, ns}[]` as JSON, the longest first, with the row behind it.
    #[must_use]
    pub fn silences(&mut self, count: usize) -> String {
        to_json(&self.0.silences(count))
    }
}
