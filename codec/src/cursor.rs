//! Where frames begin in a stream that somebody else reads.

use crate::header::FrameHeader;

/// Follows one direction of a connection from frame to frame, and looks at nothing but lengths.
///
/// For whoever passes bytes on without being an endpoint: frames may break any rule, be cut anywhere, and are never
/// kept. Only the bytes of a header that a chunk cuts in two stay here.
///
/// ```
/// use framescope_codec::FrameCursor;
///
/// let mut cursor = FrameCursor::default(); // right behind the opening handshake
/// assert_eq!(cursor.advance(b"\x81\x05He"), Some(0));
/// assert_eq!(cursor.advance(b"llo\x89"), Some(3)); // a second frame begins, with half a header
/// assert_eq!(cursor.advance(b"\x00"), None); // the other half; now this frame is over as well
/// assert!(cursor.at_boundary());
/// ```
#[derive(Clone, Debug, Default)]
pub struct FrameCursor {
    /// A header under way.
    header: [u8; HEADER_MAX],
    header_len: usize,
    /// How much of a frame's payload is yet to come.
    payload_left: u64,
    /// The last data frame left its message unfinished.
    in_message: bool,
}

impl FrameCursor {
    /// Goes on by `bytes`, and says at which of them the first frame begins that begins among them.
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut first = None;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.payload_left > 0 {
                let passing = self.payload_left.min(rest.len() as u64);
                self.payload_left -= passing;
                at += usize::try_from(passing).unwrap_or(rest.len());
                continue;
            }
            if self.header_len == 0 {
                first.get_or_insert(at);
                if let Some((header, len)) = FrameHeader::decode(rest) {
                    self.enter(&header);
                    at += len;
                    continue;
                }
            }
            // A byte at a time: this happens where a chunk ends within a header, and nowhere else.
            if let Some(place) = self.header.get_mut(self.header_len) {
                *place = rest.first().copied().unwrap_or_default();
            }
            self.header_len += 1;
            at += 1;
            let known = self.header.get(..self.header_len).unwrap_or(&self.header);
            if let Some((header, _)) = FrameHeader::decode(known) {
                self.enter(&header);
                self.header_len = 0;
            }
        }
        first
    }

    /// Whether the next byte is the first of a frame.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.header_len == 0 && self.payload_left == 0
    }

    /// Whether a fragmented message has begun and not ended, as far as headers have passed.
    #[must_use]
    pub const fn in_message(&self) -> bool {
        self.in_message
    }

    fn enter(&mut self, header: &FrameHeader) {
        self.payload_left = header.payload_length.get();
        if header.opcode.is_data() && !header.opcode.is_reserved() {
            self.in_message = !header.fin;
        }
    }
}

/// Two bytes, eight for the length, four for the key.
const HEADER_MAX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::mask::MaskingKey;
    use crate::opcode::Opcode;

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        let mut begins = Vec::new();
        for len in [0, 1, 5, 125, 126, 300, 65_535, 65_536] {
            for key in [None, Some(MaskingKey([1, 2, 3, 4]))] {
                begins.push(stream.len());
                let mut frame = Frame::new(Opcode::Binary, vec![0x81; len]);
                frame.set_masking_key(key);
                stream.extend_from_slice(&frame.to_bytes());
            }
        }
        for size in [1, 2, 3, 7, 13, 14, 4096, stream.len()] {
            let mut cursor = FrameCursor::default();
            for (number, chunk) in stream.chunks(size).enumerate() {
                let start = number * size;
                let expected = begins.iter().find(|at| (start..start + chunk.len()).contains(*at));
                assert_eq!(cursor.advance(chunk).map(|at| start + at), expected.copied(), "in chunks of {size}");
                assert_eq!(
                    cursor.at_boundary(),
                    begins.contains(&(start + chunk.len())) || start + chunk.len() == stream.len()
                );
            }
        }
    }

    #[test]
    fn control_frames_neither_begin_nor_end_a_message() {
        let mut cursor = FrameCursor::default();
        for (frame, in_message) in
            [(b"\x01\x00", true), (b"\x89\x00", true), (b"\x00\x00", true), (b"\x80\x00", false), (b"\x8A\x00", false)]
        {
            for byte in frame {
                cursor.advance(&[*byte]);
            }
            assert_eq!(cursor.in_message(), in_message, "{frame:x?}");
        }
    }

    #[test]
    fn a_length_that_lies_is_believed_and_nothing_overflows() {
        let mut cursor = FrameCursor::default();
        assert_eq!(cursor.advance(&[0xF3, 0x7F, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Some(0));
        assert_eq!(cursor.advance(&[0; 1000]), None);
        assert!(!cursor.at_boundary());
    }
}
