//! `WebSocketFrame`: the codec's [`Frame`] as a class of JavaScript's.

use framescope_codec::{Frame, LengthForm, MaskingKey, Opcode, PayloadLength, Rsv};
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
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(opcode: u8, payload: Option<Vec<u8>>) -> Self {
        Self(Frame::new(Opcode::from_bits(opcode), payload.unwrap_or_default()))
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

    /// What the payload means: 0 to 15, of which the low four bits are taken.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.0.header().opcode.bits()
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_opcode(&mut self, opcode: u8) {
        self.0.set_opcode(Opcode::from_bits(opcode));
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
    pub fn set_masking_key(&mut self, key: Option<Vec<u8>>) -> Result<(), JsError> {
        let key = key.map(|key| key.try_into().map(MaskingKey)).transpose();
        self.0.set_masking_key(key.map_err(|_| JsError::new("a masking key has four bytes"))?);
        Ok(())
    }

    /// The payload, unmasked. Setting it sets the length as well, in its shortest form.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        self.0.payload().to_vec()
    }

    #[wasm_bindgen(setter)]
    #[expect(missing_docs, reason = "the getter says it")]
    pub fn set_payload(&mut self, payload: Vec<u8>) {
        self.0.set_payload(payload);
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
    ) -> Result<(), JsError> {
        let form = match bits {
            7 => LengthForm::Bits7,
            16 => LengthForm::Bits16,
            64 => LengthForm::Bits64,
            _ => return Err(JsError::new("a length is written in 7, 16 or 64 bits")),
        };
        if self.0.set_length_form(form) {
            Ok(())
        } else {
            Err(JsError::new("the length does not fit into so few bits"))
        }
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
