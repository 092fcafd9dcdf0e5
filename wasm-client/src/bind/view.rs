//! What is listed, what is looked for, and in which colours.

use wasm_bindgen::prelude::*;

use super::{Capture, Parsed, row_before, row_index, row_number};
use crate::inspector::{ColourRule, SearchSpec, ViewSpec};
use crate::to_json;

#[wasm_bindgen]
impl Capture {
    /// Chooses what is listed, by a `ViewSpec` as JSON. Answers with a `FilterProblem` as JSON if the filter is wrong;
    /// then all stays as it was.
    #[wasm_bindgen(js_name = setView)]
    pub fn set_view(&mut self, spec: &str) -> Option<String> {
        let spec = Parsed::new(spec);
        let between = spec.member("between");
        let spec = ViewSpec {
            filter: spec.member("filter").text(),
            messages: spec.member("layer").text() == "messages",
            connection: spec.member("connection").count(),
            between: between.at(0).number().zip(between.at(1).number()),
        };
        self.0.set_view(spec).err().map(|problem| to_json(&problem))
    }

    /// The rows at these places of the view: a `Row[]` as JSON.
    #[wasm_bindgen(js_name = viewRows)]
    #[must_use]
    pub fn view_rows(&mut self, from: f64, count: usize) -> String {
        to_json(&self.0.view_rows(row_index(from), count))
    }

    /// The place of this row in the view, or of the next one that is in it.
    #[wasm_bindgen(js_name = viewPlace)]
    #[must_use]
    pub fn view_place(&self, index: f64) -> f64 {
        row_number(self.0.view_place(row_index(index)))
    }

    /// The row at this place of the view.
    #[wasm_bindgen(js_name = viewIndex)]
    #[must_use]
    pub fn view_index(&self, place: f64) -> Option<f64> {
        self.0.view_index(row_index(place)).map(row_number)
    }

    /// Sets the rules by which rows get colours, `{filter, colour}[]` as JSON: the first that fits. Answers with a
    /// `FilterProblem` and the `rule` it is in, if one is wrong; then all stays as it was.
    #[wasm_bindgen(js_name = setColours)]
    pub fn set_colours(&mut self, rules: &str) -> Option<String> {
        let rules = Parsed::new(rules).items().map(|rule| ColourRule {
            filter: rule.member("filter").text(),
            colour: rule.member("colour").count().unwrap_or_default(),
        });
        self.0.set_colours(rules.collect()).err().map(|problem| to_json(&problem))
    }

    /// Looks for something in all rows, by a `SearchSpec` as JSON; an empty text ends that. Answers with a
    /// `FilterProblem` as JSON if it cannot be looked for.
    #[wasm_bindgen(js_name = setSearch)]
    pub fn set_search(&mut self, spec: &str) -> Option<String> {
        let spec = Parsed::new(spec);
        let spec = SearchSpec {
            kind: spec.member("kind").text(),
            text: spec.member("text").text(),
            match_case: spec.member("matchCase").is_true(),
        };
        self.0.set_search(spec).err().map(|problem| to_json(&problem))
    }

    /// The nearest row of the view after `from`, or before it, that has what is looked for, as far as that is known;
    /// `from` may be -1.
    #[wasm_bindgen(js_name = nextFound)]
    #[must_use]
    pub fn next_found(&self, from: f64, backwards: bool) -> Option<f64> {
        self.0.next_found(row_before(from), backwards).map(row_number)
    }

    /// The nearest row of the view after `from`, or before it, that breaks a rule or at which something was
    /// found; `from` may be -1.
    #[wasm_bindgen(js_name = nextViolation)]
    #[must_use]
    pub fn next_violation(&self, from: f64, backwards: bool) -> Option<f64> {
        self.0.next_violation(row_before(from), backwards).map(row_number)
    }

    /// Goes through rows for view and search for about so long. True while there is more to go through.
    pub fn work(&mut self, milliseconds: f64) -> bool {
        let end = js_sys::Date::now() + milliseconds;
        self.0.work(&mut || js_sys::Date::now() < end)
    }
}
