//! Frames as they go out, which may break any rule, and as they come in.

use framescope_codec::{FrameHeader, LengthForm, MaskingKey, Opcode, PayloadLength, Rsv};

/// The masking key of every frame that does not choose its own.
pub const KEY: MaskingKey = MaskingKey([0x37, 0xfa, 0x21, 0x3d]);

/// One frame on its way out, which may break any rule.
#[derive(Clone, Debug)]
pub struct OutFrame {
    /// The header as it will be sent.
    pub header: FrameHeader,
    /// The payload before masking.
    pub payload: Vec<u8>,
}

impl OutFrame {
    /// A frame as a client should send it: FIN, masked, the shortest length form.
    #[must_use]
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        let mut header = FrameHeader::new(opcode, payload.len() as u64);
        header.masking_key = Some(KEY);
        Self { header, payload }
    }

    /// A text frame.
    #[must_use]
    pub fn text(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Opcode::Text, payload)
    }

    /// A binary frame.
    #[must_use]
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Opcode::Binary, payload)
    }

    /// A continuation frame.
    #[must_use]
    pub fn continuation(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(Opcode::Continuation, payload)
    }

    /// A Close frame with this code and reason.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(Opcode::Close, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// The same with FIN clear: more fragments follow.
    #[must_use]
    pub const fn unfinished(mut self) -> Self {
        self.header.fin = false;
        self
    }

    /// The same with these reserved bits, RSV1 counting 4.
    #[must_use]
    pub const fn rsv(mut self, bits: u8) -> Self {
        self.header.rsv = Rsv::from_bits(bits);
        self
    }

    /// The same without a mask.
    #[must_use]
    pub const fn unmasked(mut self) -> Self {
        self.header.masking_key = None;
        self
    }

    /// The same with the length written in this form.
    ///
    /// # Panics
    /// When the form cannot hold the length.
    #[must_use]
    pub fn length_form(mut self, form: LengthForm) -> Self {
        self.header.payload_length =
            PayloadLength::in_form(self.header.payload_length.get(), form).expect("the form holds the length");
        self
    }

    /// The same, claiming this length in 64 bits whatever the payload is.
    ///
    /// # Panics
    /// Never: 64 bits hold every length.
    #[must_use]
    pub fn claiming(mut self, length: u64) -> Self {
        self.header.payload_length =
            PayloadLength::in_form(length, LengthForm::Bits64).expect("64 bits hold any length");
        self
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FrameHeader::MAX_LEN + self.payload.len());
        self.header.encode(&mut bytes);
        let start = bytes.len();
        bytes.extend_from_slice(&self.payload);
        if let Some(key) = self.header.masking_key {
            key.apply(&mut bytes[start..], 0);
        }
        bytes
    }
}

/// The bytes of several frames, one behind the other.
#[must_use]
pub fn frames(frames: &[OutFrame]) -> Vec<u8> {
    frames.iter().flat_map(OutFrame::bytes).collect()
}

/// Bytes written as in the RFC's examples: `hex("81 85 37fa213d 7f9f4d5158")`.
///
/// # Panics
/// When that is not hexadecimal.
#[must_use]
pub fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits")).collect()
}

/// One frame that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFrame {
    /// The header as it was on the wire.
    pub header: FrameHeader,
    /// The payload data.
    pub payload: Vec<u8>,
}

impl InFrame {
    /// The status code of a Close frame, `None` where it is empty or this is none.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        let (code, _) = self.payload.split_first_chunk::<2>()?;
        (self.header.opcode == Opcode::Close).then(|| u16::from_be_bytes(*code))
    }
}
