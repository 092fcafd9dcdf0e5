//! Cuts a stream of frames where its frames end, whatever they mean.

use framescope_codec::{FrameHeader, Opcode};

/// Follows one direction of a connection, behind the handshake.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The header of the frame at hand, as far as it has come.
    header: [u8; FrameHeader::MAX_LEN],
    header_len: usize,
    /// Its payload bytes that are still to come; `None` while the header is not whole.
    left: Option<u64>,
    /// The frame at hand as far as it has come, if anybody wants it and it is not too long.
    frame: Vec<u8>,
    is_collecting: bool,
    saw_close: bool,
}

/// Where a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// How many of the bytes belong to the frame at hand.
    pub(super) len: usize,
    /// Whether it ends with them.
    pub(super) is_end: bool,
}

impl Splitter {
    /// A frame that says it is longer than this is not held together for anybody.
    const FRAME_MAX: u64 = 64 << 20;

    /// Takes bytes from the front up to the end of the frame at hand. It is kept for [`frame`](Self::frame) if it is
    /// `wanted` from its first byte on.
    pub(super) fn take(&mut self, bytes: &[u8], wanted: bool) -> Cut {
        if self.header_len == 0 {
            self.is_collecting = wanted;
            self.frame.clear();
        }
        let mut len = 0;
        while self.left.is_none() {
            let want = if self.header_len < 2 { 2 } else { FrameHeader::len_from_second_byte(self.header[1]) };
            let piece = (want - self.header_len).min(bytes.len() - len);
            self.header[self.header_len..self.header_len + piece].copy_from_slice(&bytes[len..len + piece]);
            (len, self.header_len) = (len + piece, self.header_len + piece);
            if let Some((header, _)) = FrameHeader::decode(&self.header[..self.header_len]) {
                self.begin(&header);
            } else if piece == 0 {
                break;
            }
        }
        let payload = self.left.unwrap_or_default();
        let piece = usize::try_from(payload).unwrap_or(usize::MAX).min(bytes.len() - len);
        len += piece;
        self.left = self.left.map(|left| left - piece as u64);
        if self.is_collecting {
            self.frame.extend_from_slice(&bytes[..len]);
        }
        let is_end = self.left == Some(0);
        if is_end {
            (self.header_len, self.left) = (0, None);
        }
        Cut { len, is_end }
    }

    /// Goes past all of `bytes`.
    pub(super) fn skip(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let cut = self.take(bytes, false);
            bytes = &bytes[cut.len..];
        }
    }

    /// The frame that has just ended, if it was kept.
    pub(super) fn frame(&self) -> Option<&[u8]> {
        self.is_collecting.then_some(&self.frame)
    }

    /// Whether a Close frame has begun to go by.
    pub(super) const fn saw_close(&self) -> bool {
        self.saw_close
    }

    fn begin(&mut self, header: &FrameHeader) {
        let len = header.payload_length.get();
        self.left = Some(len);
        self.is_collecting &= len <= Self::FRAME_MAX;
        self.saw_close |= header.opcode == Opcode::Close;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut splitter, mut frames) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let cut = splitter.take(rest, true);
                rest = &rest[cut.len..];
                if cut.is_end {
                    frames.push(splitter.frame().unwrap().to_vec());
                }
            }
        }
        frames
    }

    #[test]
    fn frames_come_out_whole_wherever_the_stream_is_cut() {
        let stream = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x00\x82\x7e\x00\x02ab\xf3\x81\x01\x02\x03\x04x";
        let expected = [&stream[..11], &stream[11..13], &stream[13..19], &stream[19..]];
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(frames(&chunks), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn nothing_is_held_for_nobody_or_beyond_all_measure() {
        let mut splitter = Splitter::default();
        splitter.skip(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffabc");
        assert!(splitter.frame.is_empty());
        let mut splitter = Splitter::default();
        splitter.take(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", true);
        splitter.take(&[0; 1000], true);
        assert!(splitter.frame.is_empty() && splitter.frame().is_none());
    }

    #[test]
    fn whoever_comes_in_the_middle_of_a_frame_gets_the_next() {
        let mut splitter = Splitter::default();
        splitter.skip(b"\x82\x03a");
        assert_eq!(splitter.take(b"bc\x89\x00", true), Cut { len: 2, is_end: true });
        assert_eq!(splitter.frame(), None);
        assert_eq!(splitter.take(b"\x88\x00", true), Cut { len: 2, is_end: true });
        assert!(splitter.saw_close());
    }
}
