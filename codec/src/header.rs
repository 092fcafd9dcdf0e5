//! The two to fourteen bytes in front of each payload (RFC 6455, 5.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               |Masking-key, if MASK set to 1  |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```
//!
//! Decoding cannot fail: any such bytes mean something, and the only other answer is "not enough
//! yet". What was on the wire is kept whole, reserved bits and over-long lengths too, so that
//! encoding gives back the same bytes. Which of them break a rule is [`rules`](crate::rules)' affair.

use std::ops::Range;

use crate::mask::MaskingKey;
use crate::opcode::Opcode;

/// One frame header, exactly as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// FIN: this is the last fragment of its message.
    pub fin: bool,
    /// The three reserved bits.
    pub rsv: Rsv,
    /// What the payload data means.
    pub opcode: Opcode,
    /// The masking key; `None` when the MASK bit is 0.
    pub masking_key: Option<MaskingKey>,
    /// The payload length together with the form it is written in.
    pub payload_length: PayloadLength,
}

impl FrameHeader {
    /// The longest header there is: two bytes, a 64-bit length and a masking key.
    pub const MAX_LEN: usize = 14;

    /// A header as RFC 6455 wants it: FIN set, no reserved bits, no mask, the shortest length form.
    #[must_use]
    pub const fn new(opcode: Opcode, payload_length: u64) -> Self {
        Self {
            fin: true,
            rsv: Rsv::NONE,
            opcode,
            masking_key: None,
            payload_length: PayloadLength::minimal(payload_length),
        }
    }

    /// Reads a header from the front of `bytes`, and says how many bytes it takes up.
    ///
    /// `None` means that more bytes are needed; there is no other failure.
    ///
    /// ```
    /// use framescope_codec::{FrameHeader, Opcode};
    ///
    /// let (header, len) = FrameHeader::decode(&[0x81, 0x05, b'H']).unwrap();
    /// assert_eq!((header.opcode, header.payload_length.get(), len), (Opcode::Text, 5, 2));
    /// assert_eq!(FrameHeader::decode(&[0x81]), None);
    /// ```
    #[must_use]
    #[inline]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (payload_length, rest) = match second & 0x7F {
            126 => {
                let (value, rest) = rest.split_first_chunk()?;
                (PayloadLength { form: LengthForm::Bits16, value: u64::from(u16::from_be_bytes(*value)) }, rest)
            }
            127 => {
                let (value, rest) = rest.split_first_chunk()?;
                (PayloadLength { form: LengthForm::Bits64, value: u64::from_be_bytes(*value) }, rest)
            }
            value => (PayloadLength { form: LengthForm::Bits7, value: u64::from(value) }, rest),
        };
        let (masking_key, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(MaskingKey(*key)), rest)
        };
        let header = Self {
            fin: first & 0x80 != 0,
            rsv: Rsv::from_bits(first >> 4),
            opcode: Opcode::from_bits(*first),
            masking_key,
            payload_length,
        };
        Some((header, bytes.len() - rest.len()))
    }

    /// How many bytes the header whose second byte is `second` takes up in all.
    #[must_use]
    pub const fn len_from_second_byte(second: u8) -> usize {
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if second & 0x80 == 0 { 0 } else { MaskingKey::LEN }
    }

    /// How many bytes [`encode`](Self::encode) writes: 2 to 14.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        2 + self.payload_length.form.extended_len() + if self.masking_key.is_some() { MaskingKey::LEN } else { 0 }
    }

    /// Appends the header's bytes: for whatever `decode` accepted, the very bytes it was read from.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.encode_array().as_ref());
    }

    /// The header's bytes without touching the heap.
    #[must_use]
    #[inline]
    pub fn encode_array(&self) -> EncodedHeader {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[0] = u8::from(self.fin) << 7 | self.rsv.bits() << 4 | self.opcode.bits();
        let mask_bit = u8::from(self.masking_key.is_some()) << 7;
        let value = self.payload_length.value.to_be_bytes();
        let mut len = match self.payload_length.form {
            LengthForm::Bits7 => {
                bytes[1] = mask_bit | value[7];
                2
            }
            LengthForm::Bits16 => {
                bytes[1] = mask_bit | 126;
                bytes[2..4].copy_from_slice(&value[6..]);
                4
            }
            LengthForm::Bits64 => {
                bytes[1] = mask_bit | 127;
                bytes[2..10].copy_from_slice(&value);
                10
            }
        };
        if let Some(key) = self.masking_key {
            bytes[len..len + MaskingKey::LEN].copy_from_slice(&key.0);
            len += MaskingKey::LEN;
        }
        EncodedHeader { bytes, len }
    }

    /// The header's fields in wire order, each with the bits it takes up, counted from the first
    /// bit of the frame, most significant first. They tile the header: no gap, no overlap.
    ///
    /// ```
    /// use framescope_codec::{Field, FrameHeader, Opcode};
    ///
    /// let spans: Vec<_> = FrameHeader::new(Opcode::Text, 5).fields().collect();
    /// assert_eq!(spans[0], (Field::Fin, 0..1));
    /// assert_eq!(spans[4], (Field::Opcode, 4..8));
    /// assert_eq!(spans.last(), Some(&(Field::PayloadLength, 9..16)));
    /// ```
    pub fn fields(&self) -> impl Iterator<Item = (Field, Range<u8>)> + use<> {
        let extended = 16..16 + u8::try_from(8 * self.payload_length.form.extended_len()).unwrap_or_default();
        let key_end = extended.end + if self.masking_key.is_some() { 32 } else { 0 };
        [
            (Field::Fin, 0..1),
            (Field::Rsv1, 1..2),
            (Field::Rsv2, 2..3),
            (Field::Rsv3, 3..4),
            (Field::Opcode, 4..8),
            (Field::Mask, 8..9),
            (Field::PayloadLength, 9..16),
            (Field::ExtendedPayloadLength, extended.clone()),
            (Field::MaskingKey, extended.end..key_end),
        ]
        .into_iter()
        .filter(|(_, bits)| !bits.is_empty())
    }
}

/// The bytes of one header, held inline; read them through `AsRef<[u8]>`.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: usize,
}

impl AsRef<[u8]> for EncodedHeader {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The three reserved bits as a number from 0 to 7 in which RSV1 counts 4, RSV2 2 and RSV3 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// None of the three: the only value RFC 6455 allows by itself.
    pub const NONE: Self = Self(0);
    /// RSV1 alone: on the first frame of a message, permessage-deflate's "this message is compressed".
    pub const RSV1: Self = Self(4);
    /// RSV2 alone.
    pub const RSV2: Self = Self(2);
    /// RSV3 alone.
    pub const RSV3: Self = Self(1);

    /// The low three bits of `bits`; the others are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The three bits as a number from 0 to 7.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether every bit of `other` is set here too.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How the payload length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LengthForm {
    /// In the seven bits of the second byte: 0 to 125.
    Bits7,
    /// 126, then sixteen bits.
    Bits16,
    /// 127, then sixty-four bits.
    Bits64,
}

impl LengthForm {
    /// The bytes that the extended payload length takes up: 0, 2 or 8.
    #[must_use]
    pub const fn extended_len(self) -> usize {
        match self {
            Self::Bits7 => 0,
            Self::Bits16 => 2,
            Self::Bits64 => 8,
        }
    }

    /// The largest length this form can hold. The RFC lets the 64-bit form use only 63 of them.
    #[must_use]
    pub const fn max(self) -> u64 {
        match self {
            Self::Bits7 => 125,
            Self::Bits16 => 0xFFFF,
            Self::Bits64 => u64::MAX,
        }
    }
}

/// A payload length and the form it is written in, which always can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadLength {
    form: LengthForm,
    value: u64,
}

impl PayloadLength {
    /// `value` in its shortest form, the only one RFC 6455, 5.2 allows.
    #[must_use]
    #[inline]
    pub const fn minimal(value: u64) -> Self {
        let form = match value {
            0..=125 => LengthForm::Bits7,
            126..=0xFFFF => LengthForm::Bits16,
            _ => LengthForm::Bits64,
        };
        Self { form, value }
    }

    /// `value` in this very form, or `None` where the form is too short for it.
    #[must_use]
    pub const fn in_form(value: u64, form: LengthForm) -> Option<Self> {
        if value <= form.max() { Some(Self { form, value }) } else { None }
    }

    /// The length in bytes.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u64 {
        self.value
    }

    /// The form it is written in.
    #[must_use]
    #[inline]
    pub const fn form(self) -> LengthForm {
        self.form
    }

    /// Whether no shorter form could hold the value.
    #[must_use]
    #[inline]
    pub fn is_minimal(self) -> bool {
        self.form == Self::minimal(self.value).form
    }

    /// What stands in the seven bits of the second byte: the length, 126 or 127.
    #[must_use]
    pub fn seven_bits(self) -> u8 {
        match self.form {
            LengthForm::Bits7 => self.value.to_be_bytes()[7],
            LengthForm::Bits16 => 126,
            LengthForm::Bits64 => 127,
        }
    }
}

/// A part of a frame that has a name in RFC 6455, 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The first bit: last fragment of its message.
    Fin,
    /// The first reserved bit; permessage-deflate's "compressed".
    Rsv1,
    /// The second reserved bit.
    Rsv2,
    /// The third reserved bit.
    Rsv3,
    /// Four bits: what the payload means.
    Opcode,
    /// One bit: whether a masking key follows.
    Mask,
    /// Seven bits: the length, or 126 or 127 for "see the extended payload length".
    PayloadLength,
    /// 16 or 64 bits.
    ExtendedPayloadLength,
    /// 32 bits.
    MaskingKey,
    /// Everything behind the header.
    PayloadData,
}

impl Field {
    /// The field's name in kebab case: the one that objects, attributes and style sheets use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rsv1 => "rsv1",
            Self::Rsv2 => "rsv2",
            Self::Rsv3 => "rsv3",
            Self::Opcode => "opcode",
            Self::Mask => "mask",
            Self::PayloadLength => "payload-length",
            Self::ExtendedPayloadLength => "extended-payload-length",
            Self::MaskingKey => "masking-key",
            Self::PayloadData => "payload-data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(bytes: &[u8]) {
        let (header, len) = FrameHeader::decode(bytes).expect("a whole header");
        let mut out = Vec::new();
        header.encode(&mut out);
        assert_eq!(out, &bytes[..len]);
        assert_eq!(len, header.encoded_len());
        assert_eq!(len, FrameHeader::len_from_second_byte(bytes[1]));
        for cut in 0..len {
            assert_eq!(FrameHeader::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        let mut next = 0;
        for (_, bits) in header.fields() {
            assert_eq!(bits.start, next);
            next = bits.end;
        }
        assert_eq!(usize::from(next), 8 * len);
    }

    #[test]
    fn every_pair_of_first_bytes_round_trips_and_its_spans_tile_it() {
        for first in 0..=255 {
            for second in 0..=255 {
                let mut bytes = [0xA5; FrameHeader::MAX_LEN];
                (bytes[0], bytes[1]) = (first, second);
                round_trip(&bytes);
            }
        }
    }

    #[test]
    fn over_long_lengths_are_kept_and_known() {
        let (header, _) = FrameHeader::decode(&[0x82, 126, 0, 5]).unwrap();
        assert_eq!((header.payload_length.get(), header.payload_length.is_minimal()), (5, false));
        let (header, _) = FrameHeader::decode(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((header.payload_length.get(), header.payload_length.is_minimal()), (1 << 63, true));
        assert_eq!(PayloadLength::in_form(126, LengthForm::Bits7), None);
    }
}
