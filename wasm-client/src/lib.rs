//! What JavaScript sees of the codec.
//!
//! Objects cross the border as JSON text, bytes as `Uint8Array`. `shared.d.ts` and `inspector.d.ts` say what the objects
//! hold, and become part of the module's own types. The work is done in [`inspector`], which is plain Rust: what a
//! module does not hand to JavaScript, the linker leaves out of it.

#[cfg(feature = "client")]
mod answers;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod frame;
pub mod inspector;
#[cfg(feature = "client")]
mod messages;

#[cfg(feature = "client")]
pub use answers::{AnswerReader, deflate};
#[cfg(feature = "client")]
pub use frame::WebSocketFrame;
#[cfg(feature = "client")]
pub use messages::MessageReader;

use framescope_codec::capture::Direction;
use framescope_codec::{DeflateParams, WindowBits};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const SHARED_TYPES: &str = include_str!("shared.d.ts");

#[cfg(feature = "inspector")]
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("inspector.d.ts");

/// Panics say in the console where they happened.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
    #[cfg(feature = "client")]
    client::introduce();
}

/// The version of the codec that decodes here.
#[wasm_bindgen(js_name = codecVersion)]
#[must_use]
pub fn codec_version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// Takes apart what one end of a connection sent, behind the handshake. Each frame is an object as JSON text, the
/// same that the native codec makes of it.
///
/// # Errors
///
/// A direction other than `c2s` and `s2c`, or parameters outside what can be agreed on.
#[wasm_bindgen]
pub fn dissect(
    #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
    #[wasm_bindgen(unchecked_param_type = "DeflateParams | null | undefined")] deflate: &JsValue,
    bytes: &[u8],
) -> Result<Vec<String>, JsError> {
    Ok(inspector::dissect(direction_of(direction)?, deflate_params(deflate)?, bytes))
}

/// The same frames in words, as an inspector shows them: an `Explained[]` as JSON. For a page that has the bytes of
/// its own client, and no capture.
///
/// # Errors
///
/// As `dissect`.
#[wasm_bindgen]
pub fn explain(
    #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
    #[wasm_bindgen(unchecked_param_type = "DeflateParams | null | undefined")] deflate: &JsValue,
    bytes: &[u8],
) -> Result<String, JsError> {
    Ok(to_json(&inspector::explain(direction_of(direction)?, deflate_params(deflate)?, bytes)))
}

fn direction_of(name: &str) -> Result<Direction, JsError> {
    match name {
        "c2s" => Ok(Direction::ClientToServer),
        "s2c" => Ok(Direction::ServerToClient),
        other => Err(JsError::new(&format!("the direction is c2s or s2c, not {other:?}"))),
    }
}

/// A live capture, row by row.
#[cfg(feature = "inspector")]
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Capture(inspector::Capture);

#[cfg(feature = "inspector")]
#[wasm_bindgen]
impl Capture {
    /// An empty capture.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes may be held; the oldest rows go first.
    #[wasm_bindgen(js_name = setBudget)]
    pub fn set_budget(&mut self, bytes: usize) {
        self.0.set_budget(bytes);
    }

    /// The next bytes begin a pcapng section of their own, as after a lost connection to the tap.
    pub fn begin(&mut self) {
        self.0.begin();
    }

    /// Takes the next bytes of a pcapng capture, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    /// The capture as a whole: a `Status` as JSON.
    #[must_use]
    pub fn status(&self) -> String {
        to_json(&self.0.status())
    }

    /// The rows from `from` on, `count` at most, as far as they are held: a `Row[]` as JSON.
    #[must_use]
    pub fn rows(&self, from: f64, count: usize) -> String {
        to_json(&self.0.rows(row_index(from), count).collect::<Vec<_>>())
    }

    /// Everything about one row: a `Details` as JSON, or `undefined` if it is not held.
    #[must_use]
    pub fn frame(&self, index: f64) -> Option<String> {
        self.0.details(row_index(index)).map(|details| to_json(&details))
    }

    /// A row's bytes as they were on the wire.
    #[must_use]
    pub fn wire(&self, index: f64) -> Option<Vec<u8>> {
        self.0.wire(row_index(index))
    }

    /// A masked frame's bytes with the payload unmasked; `undefined` for what is not masked.
    #[must_use]
    pub fn unmasked(&self, index: f64) -> Option<Vec<u8>> {
        self.0.unmasked(row_index(index))
    }

    /// The message that this row completes, inflated; of a control frame, its payload.
    #[must_use]
    pub fn message(&self, index: f64) -> Option<Vec<u8>> {
        self.0.message(row_index(index)).map(<[u8]>::to_vec)
    }

    /// That message as JSON in lines, or `undefined` if it is not JSON.
    #[wasm_bindgen(js_name = messageJson)]
    #[must_use]
    pub fn message_json(&self, index: f64) -> Option<String> {
        self.0.message_json(row_index(index))
    }

    /// The nearest row after `from`, or before it, that breaks a rule; `from` may be -1.
    #[wasm_bindgen(js_name = nextViolation)]
    #[must_use]
    pub fn next_violation(&self, from: f64, backwards: bool) -> Option<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, which is right for what is no row")]
        let from = from as i64;
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 rows")]
        self.0.next_violation(from, backwards).map(|index| index as f64)
    }

    /// What is held as a pcapng file.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    /// Forgets every row, but not what is known of the connections.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Row numbers come as JavaScript's only kind of number.
#[cfg(feature = "inspector")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is right for what is no row"
)]
const fn row_index(number: f64) -> u64 {
    number as u64
}

/// Our own types hold nothing that JSON cannot.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Read member by member: what serde would bring along for one object outweighs the codec's own header decoding.
fn deflate_params(object: &JsValue) -> Result<Option<DeflateParams>, JsError> {
    if object.is_null() || object.is_undefined() {
        return Ok(None);
    }
    let member = |name: &str| js_sys::Reflect::get(object, &name.into()).unwrap_or_default();
    let bits = |name: &str| {
        let value = member(name);
        if value.is_undefined() {
            return Ok(WindowBits::MAX);
        }
        let is_this = |bits: &u8| value.as_f64() == Some(f64::from(*bits));
        let found = (WindowBits::MIN.get()..=WindowBits::MAX.get()).find(is_this).and_then(WindowBits::new);
        found.ok_or_else(|| JsError::new(&format!("{name} is a number from 8 to 15")))
    };
    Ok(Some(DeflateParams {
        server_no_context_takeover: member("serverNoContextTakeover").is_truthy(),
        client_no_context_takeover: member("clientNoContextTakeover").is_truthy(),
        server_max_window_bits: bits("serverMaxWindowBits")?,
        client_max_window_bits: bits("clientMaxWindowBits")?,
    }))
}
