//! `WebSocketFrame`: the codec's [`Frame`] as a class of JavaScript's.

use framescope_codec::{Frame, LengthForm, MaskingKey, Opcode, PayloadLength, Rsv};
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::client::random;

/// One frame, of which every field can be read and set, also to what no good endpoint would send. What is wrong with
/// it, the other end or `dissect` will say.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebSocketFrame(Frame);

#[wasm_bindgen]
impl WebSocketFrame {
    /// A frame with FIN set, no reserved bits and no mask: as a server sends it. `masked = true` makes it a client's.
    /// A payload that is a text goes as UTF-8.
    ///
    /// # Errors
    ///
    /// When the opcode has more than four bits, or the payload is neither bytes nor a text.
    #[wasm_bindgen(constructor)]
    pub fn new(
        opcode: u32,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | ArrayBuffer | string | null")] payload: &JsValue,
    ) -> Result<Self, JsValue> {
        let payload = if payload.is_undefined() || payload.is_null() { Vec::new() } else { bytes_of(payload)? };
        Ok(Self(Frame::new(opcode_of(opcode)?, payload)))
    }

    /// The frame at the front of `bytes`, payload unmasked; `undefined` if not all of it is there.
    /// Its `byteLength` says where the next one begins.
    #[must_use]
    pub fn load(bytes: &[u8]) -> Option<Self> {
        Frame::load(bytes).map(|(frame, _)| Self(frame))
    }

    /// FIN: this is the last fragment of its message.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn fin(&self) -> bool {
        self.0.header().fin
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_fin(&mut self, fin: bool) {
        self.0.set_fin(fin);
    }

    /// The first reserved bit: permessage-deflate's "compressed", on the first frame of a message.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn rsv1(&self) -> bool {
        self.has(Rsv::RSV1)
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_rsv1(&mut self, set: bool) {
        self.put(Rsv::RSV1, set);
    }

    /// The second reserved bit.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn rsv2(&self) -> bool {
        self.has(Rsv::RSV2)
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_rsv2(&mut self, set: bool) {
        self.put(Rsv::RSV2, set);
    }

    /// The third reserved bit.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn rsv3(&self) -> bool {
        self.has(Rsv::RSV3)
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_rsv3(&mut self, set: bool) {
        self.put(Rsv::RSV3, set);
    }

    /// What the payload means: 0 to 15.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.0.header().opcode.bits()
    }

    /// # Errors
    ///
    /// When it has more than four bits.
    #[wasm_bindgen(setter)]
    pub fn set_opcode(&mut self, opcode: u32) -> Result<(), JsValue> {
        self.0.set_opcode(opcode_of(opcode)?);
        Ok(())
    }

    /// The opcode's name, such as `text` or `reserved 0x3`.
    #[wasm_bindgen(getter, js_name = opcodeName)]
    #[must_use]
    pub fn opcode_name(&self) -> String {
        self.0.header().opcode.name().into()
    }

    /// The MASK bit. Setting it masks with a random key, if there was none.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn masked(&self) -> bool {
        self.0.header().masking_key.is_some()
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_masked(&mut self, masked: bool) {
        if masked != self.masked() {
            self.0.set_masking_key(masked.then(|| {
                let mut key = [0; MaskingKey::LEN];
                random(&mut key);
                MaskingKey(key)
            }));
        }
    }

    /// The four bytes that the payload is masked with on the wire; `undefined`, and the MASK bit 0, if it is not.
    #[wasm_bindgen(getter, js_name = maskingKey)]
    #[must_use]
    pub fn masking_key(&self) -> Option<Vec<u8>> {
        self.0.header().masking_key.map(|key| key.0.to_vec())
    }

    /// # Errors
    ///
    /// When there are not four of them.
    #[wasm_bindgen(setter, js_name = maskingKey)]
    pub fn set_masking_key(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | null | undefined")] key: &JsValue,
    ) -> Result<(), JsValue> {
        let is_none = key.is_undefined() || key.is_null();
        let wrong = || invalid("a masking key has four bytes");
        let key = if is_none { None } else { Some(bytes_of(key)?.try_into().map_err(|_| wrong())?) };
        self.0.set_masking_key(key.map(MaskingKey));
        Ok(())
    }

    /// The payload, unmasked. Setting it sets the length as well, in its shortest form.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        self.0.payload().to_vec()
    }

    /// # Errors
    ///
    /// When it is neither bytes nor a text.
    #[wasm_bindgen(setter)]
    pub fn set_payload(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | ArrayBuffer | string")] payload: &JsValue,
    ) -> Result<(), JsValue> {
        self.0.set_payload(bytes_of(payload)?);
        Ok(())
    }

    /// The length that the header announces, whatever the payload's is. Setting it keeps the form, if that can hold it.
    #[wasm_bindgen(getter, js_name = payloadLength)]
    #[must_use]
    pub fn payload_length(&self) -> u64 {
        self.0.header().payload_length.get()
    }

    #[wasm_bindgen(setter, js_name = payloadLength)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_payload_length(&mut self, length: u64) {
        let kept = PayloadLength::in_form(length, self.0.header().payload_length.form());
        self.0.set_payload_length(kept.unwrap_or_else(|| PayloadLength::minimal(length)));
    }

    /// In how many bits the length is written: 7, 16 or 64. RFC 6455, 5.2 wants the fewest that will do.
    #[wasm_bindgen(getter, js_name = lengthForm, unchecked_return_type = "7 | 16 | 64")]
    #[must_use]
    pub fn length_form(&self) -> u8 {
        match self.0.header().payload_length.form() {
            LengthForm::Bits7 => 7,
            LengthForm::Bits16 => 16,
            LengthForm::Bits64 => 64,
        }
    }

    /// # Errors
    ///
    /// When the length does not fit into so few bits, or there is no such form.
    #[wasm_bindgen(setter, js_name = lengthForm)]
    pub fn set_length_form(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "7 | 16 | 64")] bits: u8,
    ) -> Result<(), JsValue> {
        let form = match bits {
            7 => LengthForm::Bits7,
            16 => LengthForm::Bits16,
            64 => LengthForm::Bits64,
            _ => return Err(invalid("a length is written in 7, 16 or 64 bits")),
        };
        if self.0.set_length_form(form) { Ok(()) } else { Err(invalid("the length does not fit into so few bits")) }
    }

    /// How many bytes `toBytes` gives: the header's and the payload's.
    #[wasm_bindgen(getter, js_name = byteLength)]
    #[must_use]
    pub fn byte_length(&self) -> usize {
        self.0.header().encoded_len() + self.0.payload().len()
    }

    /// The frame as it goes on the wire.
    #[wasm_bindgen(js_name = toBytes)]
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    fn has(&self, bit: Rsv) -> bool {
        self.0.header().rsv.contains(bit)
    }

    fn put(&mut self, bit: Rsv, set: bool) {
        let others = self.0.header().rsv.bits() & !bit.bits();
        self.0.set_rsv(Rsv::from_bits(others | if set { bit.bits() } else { 0 }));
    }
}

fn opcode_of(bits: u32) -> Result<Opcode, JsValue> {
    let bits = u8::try_from(bits).ok().filter(|bits| *bits < 16);
    bits.map(Opcode::from_bits).ok_or_else(|| invalid("an opcode is a number from 0 to 15"))
}

fn bytes_of(payload: &JsValue) -> Result<Vec<u8>, JsValue> {
    if let Some(text) = payload.as_string() {
        return Ok(text.into_bytes());
    }
    match (payload.dyn_ref::<Uint8Array>(), payload.dyn_ref::<ArrayBuffer>()) {
        (Some(bytes), _) => Ok(bytes.to_vec()),
        (_, Some(buffer)) => Ok(Uint8Array::new(buffer).to_vec()),
        _ => Err(invalid("a payload is a Uint8Array, an ArrayBuffer or a text")),
    }
}

/// As the client's own errors are.
fn invalid(message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    error.set_name("WebSocketClientError");
    // An object that is ours takes what it is given.
    let _ = Reflect::set(&error, &"code".into(), &"ERR_INVALID_ARGUMENT".into());
    error.into()
}
