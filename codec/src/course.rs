//! The three functions of the course assignment that this project grew from, under their own names.
//!
//! The assignment has students write them by hand, over bytes; here each is a few lines over the
//! codec itself. [`compute_accept`](crate::compute_accept), the third, lives with the handshake.

use std::fmt;

use crate::frame::Frame;
use crate::header::FrameHeader;
use crate::opcode::Opcode;

/// What [`parse_ws_frame`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedFrame {
    /// FIN: 1 on the last frame of a message, else 0.
    pub fin_bit: u8,
    /// The opcode as a number: 1 for text, 2 for binary, 8 for close.
    pub opcode: u8,
    /// The length that the frame announces.
    pub payload_length: u64,
    /// The payload, unmasked: of a frame that has not arrived whole, what is there.
    pub payload: Vec<u8>,
}

/// The bytes end inside the header, so that there is no frame to speak of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompleteHeader;

impl fmt::Display for IncompleteHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes end inside the frame header")
    }
}

impl std::error::Error for IncompleteHeader {}

/// Reads the frame at the front of `bytes`.
///
/// Bytes behind the frame are not part of its payload. Where the payload has not arrived whole,
/// `payload` is what is there, and shorter than `payload_length`.
///
/// # Errors
///
/// When not even the header is whole.
///
/// ```
/// let frame = framescope_codec::parse_ws_frame(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")?;
/// assert_eq!((frame.fin_bit, frame.opcode, frame.payload_length), (1, 1, 5));
/// assert_eq!(frame.payload, b"Hello");
/// # Ok::<(), framescope_codec::course::IncompleteHeader>(())
/// ```
pub fn parse_ws_frame(bytes: &[u8]) -> Result<ParsedFrame, IncompleteHeader> {
    let (header, header_len) = FrameHeader::decode(bytes).ok_or(IncompleteHeader)?;
    let behind = &bytes[header_len..];
    let len = usize::try_from(header.payload_length.get()).unwrap_or(usize::MAX).min(behind.len());
    let mut payload = behind[..len].to_vec();
    if let Some(key) = header.masking_key {
        key.apply(&mut payload, 0);
    }
    Ok(ParsedFrame {
        fin_bit: u8::from(header.fin),
        opcode: header.opcode.bits(),
        payload_length: header.payload_length.get(),
        payload,
    })
}

/// A text frame with this payload, as a server sends it: FIN 1, no mask, and the shortest of the
/// three length forms.
///
/// ```
/// assert_eq!(framescope_codec::generate_ws_frame(b"Hello"), b"\x81\x05Hello");
/// assert_eq!(framescope_codec::generate_ws_frame(vec![0; 126])[..4], [0x81, 126, 0, 126]);
/// assert_eq!(framescope_codec::generate_ws_frame(vec![0; 65536])[..4], [0x81, 127, 0, 0]);
/// ```
#[must_use]
pub fn generate_ws_frame(payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(Opcode::Text, payload.as_ref()).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_header_is_an_error_and_a_cut_payload_is_not() {
        assert_eq!(parse_ws_frame(&[]), Err(IncompleteHeader));
        assert_eq!(parse_ws_frame(&[0x81, 0x85, 1, 2, 3]), Err(IncompleteHeader));
        let cut = parse_ws_frame(b"\x81\x05Hel").unwrap();
        assert_eq!((cut.payload_length, &cut.payload[..]), (5, &b"Hel"[..]));
        let more = parse_ws_frame(b"\x81\x05Hello\x81\x01x").unwrap();
        assert_eq!(more.payload, b"Hello");
        assert_eq!(parse_ws_frame(&[0x01, 127, 255, 0, 0, 0, 0, 0, 0, 0, 7]).unwrap().payload, [7]);
    }
}
