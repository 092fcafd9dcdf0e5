//! The class `Capture` as JavaScript has it, by subject: each file puts its methods before the plain Rust of
//! [`inspector`](crate::inspector).

mod rows;
mod sources;
mod time;
mod view;

use wasm_bindgen::prelude::*;

use crate::inspector;

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

/// Row numbers come as JavaScript's only kind of number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is right for what is no row"
)]
const fn row_index(number: f64) -> u64 {
    number as u64
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
