//! Rows out of the capture again.

use wasm_bindgen::prelude::*;

use super::{Capture, Parsed, row_before, row_index};
use crate::inspector::{ExportFormat, ExportRows, ExportSpec};
use crate::to_json;

#[wasm_bindgen]
impl Capture {
    /// Begins an export, by an `ExportSpec` as JSON.
    ///
    /// # Errors
    ///
    /// A format that there is not.
    #[wasm_bindgen(js_name = exportBegin)]
    pub fn export_begin(&mut self, spec: &str) -> Result<(), JsError> {
        let spec = Parsed::new(spec);
        let name = spec.member("format").text();
        let format = ExportFormat::named(&name).ok_or_else(|| JsError::new(&format!("no format {name:?}")))?;
        let rows = match &*spec.member("rows").text() {
            "all" => ExportRows::All,
            "view" => ExportRows::View,
            _ => {
                ExportRows::Listed(spec.member("rows").items().filter_map(|row| row.number()).map(row_index).collect())
            }
        };
        self.0.export_begin(ExportSpec { format, rows });
        Ok(())
    }

    /// The next piece of the file; `undefined` once it is whole.
    #[wasm_bindgen(js_name = exportNext)]
    pub fn export_next(&mut self) -> Option<Vec<u8>> {
        self.0.export_next()
    }

    /// The messages and control frames of a connection behind the row `after`, which may be -1: a `StreamMessage[]` as
    /// JSON.
    #[wasm_bindgen(js_name = messagesOf)]
    pub fn messages_of(&mut self, connection: u32, after: f64, count: usize) -> String {
        to_json(&self.0.messages_of(connection, row_before(after), count))
    }

    /// The names of the rules that a frame breaks by itself: a `string[]` as JSON.
    #[wasm_bindgen(js_name = rulesAlone)]
    pub fn rules_alone(&mut self, index: f64) -> String {
        to_json(&self.0.rules_alone(row_index(index)))
    }
}
