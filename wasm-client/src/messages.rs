//! `MessageReader`: the messages in the bytes of one direction of a connection.
//!
//! A call across the border costs more than a small message, and so does an object for each. So what one read brought
//! is told as one table of places, in memory that JavaScript sees anyway, and nothing is copied out.

use framescope_codec::Config;
use framescope_messages::{Found, Messages};
use js_sys::{Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

/// Finds the messages in what one end of a connection sent, behind the handshake: unmasked, inflated, put together and
/// checked, as whoever it was sent to would. Pings and pongs are found too; the Close, and what is behind it, is not.
///
/// ```js
/// const reader = new MessageReader("c2s", agreed); // or null, if no compression was agreed on
/// for (let found = reader.read(bytes); found.length > 0; found = reader.read()) {
///   const memory = reader.memory();
///   for (let at = 0; at < found.length; at += 3) {
///     const [opcode, payload] = [found[at], memory.subarray(found[at + 1], found[at + 2])];
///     // lent until the next call of anything in this module: `payload.slice()` is a copy to keep
///   }
/// }
/// if (reader.violation) console.log(`broken off: ${reader.violation}`);
/// ```
#[wasm_bindgen]
#[derive(Debug)]
pub struct MessageReader(Messages);

#[wasm_bindgen]
impl MessageReader {
    /// At the first byte behind the handshake. Messages longer than `message_max`, 8 MiB by default, are a violation.
    ///
    /// # Errors
    ///
    /// As `dissect`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        #[wasm_bindgen(unchecked_param_type = "DeflateParams | null | undefined")] deflate: &JsValue,
        message_max: Option<usize>,
    ) -> Result<Self, JsError> {
        let message_max = message_max.unwrap_or(Config::DEFAULT.message_max);
        Ok(Self(Messages::new(crate::direction_of(direction)?, crate::deflate_params(deflate)?, message_max)))
    }

    /// Takes the next bytes, and tells which messages they complete: three numbers for each, its opcode and where in
    /// `memory` it begins and ends. Call it without bytes until nothing is found: a message that came in pieces is the
    /// last of its table.
    pub fn read(&mut self, bytes: Option<Vec<u8>>) -> Uint32Array {
        if let Some(bytes) = bytes {
            self.0.feed(bytes);
        }
        let found = self.0.find();
        let numbers = u32::try_from(size_of_val(found) / size_of::<u32>()).unwrap_or_default();
        let at = u32::try_from(found.as_ptr().addr()).unwrap_or_default();
        debug_assert_eq!(size_of::<Found>(), 3 * size_of::<u32>(), "as it is on wasm32");
        Uint32Array::new_with_byte_offset_and_length(&memory(), at, numbers)
    }

    /// All memory of the module, as it is until the next call.
    #[must_use]
    pub fn memory(&self) -> Uint8Array {
        Uint8Array::new(&memory())
    }

    /// The name of the rule that was broken, if one was. Nothing behind it is read.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn violation(&self) -> Option<String> {
        self.0.violation().map(|violation| violation.name().into())
    }
}

fn memory() -> JsValue {
    wasm_bindgen::memory().unchecked_into::<js_sys::WebAssembly::Memory>().buffer()
}
