//! A frame as an object: built, loaded, changed bit by bit, written.

use crate::header::{FrameHeader, LengthForm, PayloadLength, Rsv};
use crate::mask::MaskingKey;
use crate::opcode::Opcode;

/// One frame, of which every field can be set, also to what no good endpoint would send.
///
/// ```
/// use framescope_codec::{Frame, MaskingKey, Opcode, Rsv};
///
/// let mut frame = Frame::new(Opcode::Ping, b"are you there?".to_vec());
/// frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
/// frame.set_fin(false); // a fragmented control frame: what will the server say?
/// frame.set_rsv(Rsv::RSV2);
/// let bytes = frame.to_bytes();
/// assert_eq!(Frame::load(&bytes), Some((frame, bytes.len())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    payload: Vec<u8>,
}

impl Frame {
    /// A frame as RFC 6455 wants it from a server: FIN set, no reserved bits, no mask.
    #[must_use]
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self { header: FrameHeader::new(opcode, payload.len() as u64), payload }
    }

    /// Reads the frame at the front of `bytes`, and says how many bytes it takes up. `None` means
    /// that more bytes are needed. The payload comes unmasked.
    #[must_use]
    pub fn load(bytes: &[u8]) -> Option<(Self, usize)> {
        let (header, header_len) = FrameHeader::decode(bytes)?;
        let len = header_len.checked_add(usize::try_from(header.payload_length.get()).ok()?)?;
        let mut payload = bytes.get(header_len..len)?.to_vec();
        if let Some(key) = header.masking_key {
            key.apply(&mut payload, 0);
        }
        Some((Self { header, payload }, len))
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// The payload, unmasked.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Sets FIN.
    pub const fn set_fin(&mut self, fin: bool) {
        self.header.fin = fin;
    }

    /// Sets the three reserved bits.
    pub const fn set_rsv(&mut self, rsv: Rsv) {
        self.header.rsv = rsv;
    }

    /// Sets the opcode.
    pub const fn set_opcode(&mut self, opcode: Opcode) {
        self.header.opcode = opcode;
    }

    /// Sets the key that the payload is masked with on the wire, and with it the MASK bit.
    pub const fn set_masking_key(&mut self, key: Option<MaskingKey>) {
        self.header.masking_key = key;
    }

    /// Replaces the payload, and sets the length to match it, in its shortest form.
    pub fn set_payload(&mut self, payload: impl Into<Vec<u8>>) {
        self.payload = payload.into();
        self.header.payload_length = PayloadLength::minimal(self.payload.len() as u64);
    }

    /// Writes the length in this form, be it longer than it need be. False, and nothing done, where
    /// the form is too short for the length.
    pub const fn set_length_form(&mut self, form: LengthForm) -> bool {
        match PayloadLength::in_form(self.header.payload_length.get(), form) {
            Some(length) => {
                self.header.payload_length = length;
                true
            }
            None => false,
        }
    }

    /// Announces a length, whatever the payload's really is.
    pub const fn set_payload_length(&mut self, length: PayloadLength) {
        self.header.payload_length = length;
    }

    /// Appends the frame as it goes on the wire: the header, then all of the payload, masked if there is a key.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        let start = out.len();
        out.extend_from_slice(&self.payload);
        if let Some(key) = self.header.masking_key {
            key.apply(&mut out[start..], 0);
        }
    }

    /// The frame as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.header.encoded_len() + self.payload.len());
        self.encode(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_field_can_be_wrong_and_comes_back() {
        let mut frame = Frame::new(Opcode::ReservedB, b"x".repeat(10));
        frame.set_rsv(Rsv::from_bits(7));
        frame.set_fin(false);
        frame.set_masking_key(Some(MaskingKey([9, 8, 7, 6])));
        assert!(frame.set_length_form(LengthForm::Bits64));
        let bytes = frame.to_bytes();
        assert_eq!(Frame::load(&bytes), Some((frame.clone(), 24)));
        assert_eq!(Frame::load(&bytes[..23]), None);
        frame.set_payload(vec![0; 200]);
        assert!(!frame.set_length_form(LengthForm::Bits7));
        frame.set_payload_length(PayloadLength::minimal(3));
        assert_eq!(frame.to_bytes().len(), 2 + 4 + 200);
    }
}
