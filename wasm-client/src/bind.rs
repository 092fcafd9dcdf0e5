//! The class `Capture` as JavaScript has it, by subject: each file puts its methods before the plain Rust of
//! [`inspector`](crate::inspector).

mod export;
mod filter;
mod insight;
mod rows;
mod sources;
mod time;
mod view;

use wasm_bindgen::prelude::*;

use crate::inspector;
use crate::numbers::row_index;

/// Captures from several sources as one list of rows.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Capture(inspector::Capture);

#[wasm_bindgen]
impl Capture {
    /// Without a source yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The other way.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 rows")]
const fn row_number(index: u64) -> f64 {
    index as f64
}

/// A row to go on from, where -1 stands for "in front of the first".
#[expect(clippy::cast_possible_truncation, reason = "saturates, which is right for what is no row")]
const fn row_before(number: f64) -> i64 {
    number as i64
}

/// What JavaScript's own parser makes of a JSON text: a second one in here would be 20 KB of the module.
struct Parsed(JsValue);

impl Parsed {
    /// What is no JSON has no members.
    fn new(text: &str) -> Self {
        Self(js_sys::JSON::parse(text).unwrap_or_default())
    }

    fn member(&self, name: &str) -> Self {
        Self(js_sys::Reflect::get(&self.0, &name.into()).unwrap_or_default())
    }

    fn at(&self, place: u32) -> Self {
        Self(js_sys::Reflect::get_u32(&self.0, place).unwrap_or_default())
    }

    /// None of what is no array.
    fn items(self) -> impl Iterator<Item = Self> {
        self.0.dyn_into::<js_sys::Array>().unwrap_or_default().into_iter().map(Self)
    }

    /// Empty for what is no text.
    fn text(&self) -> String {
        self.0.as_string().unwrap_or_default()
    }

    fn number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    /// A whole number that is not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, which is right for a count"
    )]
    fn count(&self) -> Option<u32> {
        self.number().map(|number| number as u32)
    }

    fn is_true(&self) -> bool {
        self.0.is_truthy()
    }
}
