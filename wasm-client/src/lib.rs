//! What JavaScript sees of the codec.
//!
//! Objects cross the border as JSON text, bytes as `Uint8Array`. `shared.d.ts` and `inspector.d.ts` say what the objects
//! hold, and become part of the module's own types. The work is done in [`inspector`], which is plain Rust: what a
//! module does not hand to JavaScript, the linker leaves out of it.

#[cfg(feature = "client")]
mod answers;
#[cfg(feature = "inspector")]
mod bind;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod frame;
pub mod inspector;
#[cfg(feature = "interception")]
mod interception;
#[cfg(feature = "client")]
mod messages;
#[cfg(any(feature = "inspector", feature = "interception", feature = "reader"))]
mod numbers;
#[cfg(feature = "reader")]
mod reader;

#[cfg(feature = "client")]
pub use answers::{AnswerReader, deflate};
#[cfg(feature = "inspector")]
pub use bind::Capture;
#[cfg(feature = "client")]
pub use frame::WebSocketFrame;
#[cfg(feature = "interception")]
pub use interception::Interception;
#[cfg(feature = "client")]
pub use messages::MessageReader;
#[cfg(feature = "reader")]
pub use reader::{Opener, Speech, judge_handshake};

use framescope_codec::capture::Direction;
#[cfg(any(feature = "inspector", feature = "client"))]
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
#[cfg(any(feature = "inspector", feature = "client"))]
#[wasm_bindgen]
pub fn dissect(
    #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
    #[wasm_bindgen(unchecked_param_type = "DeflateParams | null | undefined")] deflate: &JsValue,
    bytes: &[u8],
) -> Result<Vec<String>, JsError> {
    Ok(inspector::dissect(direction_of(direction)?, deflate_params(deflate)?, bytes))
}

/// The same frames in words, as an inspector shows them: an `Explained[]` as JSON. For a page that has the bytes of
/// its own client, and no capture. `is_late`: other frames came before, which are not at hand.
///
/// # Errors
///
/// As `dissect`.
#[cfg(any(feature = "inspector", feature = "client"))]
#[wasm_bindgen]
pub fn explain(
    #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
    #[wasm_bindgen(unchecked_param_type = "DeflateParams | null | undefined")] deflate: &JsValue,
    bytes: &[u8],
    is_late: Option<bool>,
) -> Result<String, JsError> {
    let is_late = is_late.unwrap_or_default();
    Ok(to_json(&inspector::explain(direction_of(direction)?, deflate_params(deflate)?, bytes, is_late)))
}

fn direction_of(name: &str) -> Result<Direction, JsError> {
    match name {
        "c2s" => Ok(Direction::ClientToServer),
        "s2c" => Ok(Direction::ServerToClient),
        other => Err(JsError::new(&format!("the direction is c2s or s2c, not {other:?}"))),
    }
}

/// Our own types hold nothing that JSON cannot.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Read member by member: what serde would bring along for one object outweighs the codec's own header decoding.
#[cfg(any(feature = "inspector", feature = "client"))]
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
