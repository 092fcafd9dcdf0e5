//! Frames of the page's own client that are held on their way.

use framescope_codec::capture::gate::Decision;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::inspector::intercept::{self, Happened};
use crate::numbers::{nanoseconds, row_index};
use crate::{direction_of, to_json};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("interception.d.ts");

/// One connection, from its first byte on. Bytes are pushed as they come; what is to be done with them is asked for
/// until there is nothing more.
///
/// ```js
/// interception.push("c2s", Date.now(), bytes);
/// for (let text = interception.next(); text; text = interception.next()) {
///   const happened = JSON.parse(text); // an `Intercepted`
///   if (happened.kind === "passed") send(interception.bytes());
/// }
/// ```
#[wasm_bindgen]
#[derive(Debug)]
pub struct Interception {
    inner: intercept::Interception,
    /// What was asked for last.
    last: Option<Happened>,
}

#[wasm_bindgen]
impl Interception {
    /// Of the connection that goes by this number.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(connection: u32) -> Self {
        Self { inner: intercept::Interception::new(connection), last: None }
    }

    /// Holds what this filter finds from now on; without one, nothing, and all that is held goes on. Answers with a
    /// `FilterProblem` as JSON if it is none.
    pub fn hold(&mut self, filter: Option<String>, c2s: bool, s2c: bool) -> Option<String> {
        self.inner.hold(filter.as_deref(), [c2s, s2c]).map(|problem| to_json(&problem))
    }

    /// Takes bytes, at this time in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn push(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        time_ms: f64,
        bytes: &[u8],
    ) -> Result<(), JsError> {
        self.inner.push(direction_of(direction)?, nanoseconds(time_ms), bytes);
        Ok(())
    }

    /// Nothing more will be pushed that way.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn finish(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
    ) -> Result<(), JsError> {
        self.inner.finish(direction_of(direction)?);
        Ok(())
    }

    /// Whether something is held that way.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn holds(&self, #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str) -> Result<bool, JsError> {
        Ok(self.inner.holds(direction_of(direction)?))
    }

    /// A held frame goes on as it was, or with other bytes in its place.
    pub fn forward(&mut self, time_ms: f64, id: f64, edited: Option<Vec<u8>>, mend: bool) -> bool {
        let decision = edited.map_or(Decision::Forward, |bytes| Decision::Edit { bytes, mend });
        self.inner.decide(nanoseconds(time_ms), row_index(id), &decision)
    }

    /// A held frame does not go on.
    #[wasm_bindgen(js_name = drop)]
    pub fn leave_out(&mut self, time_ms: f64, id: f64, mend: bool) -> bool {
        self.inner.decide(nanoseconds(time_ms), row_index(id), &Decision::Drop { mend })
    }

    /// All that is held goes on.
    #[wasm_bindgen(js_name = forwardAll)]
    pub fn forward_all(&mut self, time_ms: f64) {
        self.inner.forward_all(nanoseconds(time_ms));
    }

    /// Puts bytes in, once no frame is under way. False if the connection is not open.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn inject(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        tag: f64,
        bytes: Vec<u8>,
        is_forced: bool,
    ) -> Result<bool, JsError> {
        Ok(self.inner.inject(direction_of(direction)?, row_index(tag), bytes, is_forced))
    }

    /// Nobody takes any more what goes that way.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    pub fn abandon(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        time_ms: f64,
    ) -> Result<(), JsError> {
        self.inner.abandon(direction_of(direction)?, nanoseconds(time_ms));
        Ok(())
    }

    /// What is to be done or told next: an `Intercepted` as JSON.
    #[wasm_bindgen(js_name = next)]
    pub fn next_happened(&mut self) -> Option<String> {
        self.last = self.inner.next_happened();
        self.last.as_ref().map(|happened| to_json(&happened.told))
    }

    /// The bytes that belong to it.
    #[must_use]
    pub fn bytes(&self) -> Uint8Array {
        Uint8Array::from(self.last.as_ref().map_or(&[][..], |happened| &happened.bytes))
    }

    /// The message that a held frame ends, inflated, if it was compressed.
    #[must_use]
    pub fn inflated(&self) -> Option<Uint8Array> {
        self.last.as_ref()?.inflated.as_deref().map(Uint8Array::from)
    }

    /// Once it is open: for each direction whether messages may be compressed against earlier ones, or null without
    /// compression, as JSON.
    #[must_use]
    pub fn takeover(&self) -> Option<String> {
        self.inner.takeover().map(|takeover| to_json(&takeover))
    }
}
