//! The capture's own pcapng blocks, kept as they came so that what is saved is what was seen.
//!
//! Only the outermost layer of pcapng is read here: where a block ends, and whether it opens a section. What is
//! in the blocks is the codec's affair.

use std::collections::VecDeque;

use framescope_codec::capture::save::{self, Place};

/// The blocks held, oldest first.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// What has come of the next block so far.
    partial: Vec<u8>,
    big_endian: bool,
    /// The section header and interfaces that the oldest block held belongs to, once they have been dropped.
    opening: Vec<Box<[u8]>>,
    held: VecDeque<Block>,
    len: usize,
}

#[derive(Debug)]
struct Block {
    bytes: Box<[u8]>,
    /// Where its packet stands in its connection, if it is one.
    place: Option<Place>,
    /// One past the index of the last row that this block completed.
    rows_end: u64,
}

/// The bytes are no pcapng: they say so of a block that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPcapng;

impl Blocks {
    /// Forgets the cut-off block at the end: the next bytes begin a section of their own.
    pub(super) fn begin(&mut self) {
        self.partial.clear();
    }

    /// Takes more of the capture; the blocks it completes are found by [`whole_block_at`](Self::whole_block_at).
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
    }

    /// How long the block is that stands at `at` of what was fed, once it is there as a whole.
    pub(super) fn whole_block_at(&mut self, at: usize) -> Result<Option<usize>, NotPcapng> {
        let Some(kind) = self.partial.get(at..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
        if u32::from_le_bytes(*kind) == SECTION_HEADER {
            match self.partial.get(at + 8..).and_then(|rest| rest.first_chunk()) {
                None => return Ok(None),
                Some([0x1A, 0x2B, 0x3C, 0x4D]) => self.big_endian = true,
                Some([0x4D, 0x3C, 0x2B, 0x1A]) => self.big_endian = false,
                Some(_) => return Err(NotPcapng),
            }
        }
        let Some(len) = self.partial.get(at + 4..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
        let len = if self.big_endian { u32::from_be_bytes(*len) } else { u32::from_le_bytes(*len) } as usize;
        if len < 12 || !len.is_multiple_of(4) || len > LARGEST {
            return Err(NotPcapng);
        }
        Ok((self.partial.len() - at >= len).then_some(len))
    }

    /// The bytes of a block found by [`whole_block_at`](Self::whole_block_at).
    pub(super) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        &self.partial[at..at + len]
    }

    /// Keeps a block that was read; `place` is what the codec made of the packet in it.
    pub(super) fn keep(&mut self, at: usize, len: usize, place: Option<Place>, rows_end: u64) {
        let bytes: Box<[u8]> = self.partial[at..at + len].into();
        let place = place.filter(|_| matches!(self.kind(&bytes), ENHANCED_PACKET | SIMPLE_PACKET));
        self.len += len + size_of::<Block>();
        self.held.push_back(Block { bytes, place, rows_end });
    }

    /// Lets go of the first `at` bytes fed: they are kept as blocks.
    pub(super) fn settle(&mut self, at: usize) {
        self.partial.drain(..at);
    }

    /// Bytes held.
    pub(super) const fn held(&self) -> usize {
        self.len
    }

    /// One past the last row that goes with the oldest block.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.held.front().map(|block| block.rows_end)
    }

    /// Drops the oldest block; answers with one past the last row that goes with it.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        let block = self.held.pop_front()?;
        self.len -= block.bytes.len() + size_of::<Block>();
        match self.kind(&block.bytes) {
            SECTION_HEADER => self.opening = vec![block.bytes],
            INTERFACE_DESCRIPTION => self.opening.push(block.bytes),
            _ => {}
        }
        Some(block.rows_end)
    }

    /// Drops all; what follows is still a valid capture.
    pub(super) fn clear(&mut self) {
        while self.drop_oldest().is_some() {}
    }

    /// All blocks held, as one valid capture. Connections whose beginning was dropped are marked so that they can
    /// be read again; all else is as it came.
    pub(super) fn save(&self) -> Vec<u8> {
        let opening = self.opening.iter().map(|bytes| (&bytes[..], None));
        let held = self.held.iter().map(|block| (&block.bytes[..], block.place));
        let mut out = Vec::with_capacity(self.len);
        save::save(opening.chain(held), &mut out);
        out
    }

    fn kind(&self, block: &[u8]) -> u32 {
        let kind = block.first_chunk().copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(kind) } else { u32::from_le_bytes(kind) }
    }
}

/// Reads the same in both byte orders.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// No packet of a tap comes near this; a longer block is no block.
const LARGEST: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use framescope_codec::capture::pcapng;

    use super::*;

    fn capture(packets: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        pcapng::write_start(&mut bytes);
        for _ in 0..packets {
            pcapng::write_packet(1, &[], &mut bytes, |out| out.extend_from_slice(b"packet"));
        }
        bytes
    }

    fn read(blocks: &mut Blocks, bytes: &[u8]) {
        blocks.feed(bytes);
        let mut at = 0;
        while let Some(len) = blocks.whole_block_at(at).unwrap() {
            blocks.keep(at, len, None, 0);
            at += len;
        }
        blocks.settle(at);
    }

    #[test]
    fn what_was_fed_is_saved_wherever_it_was_split() {
        let bytes = capture(3);
        for cut in 0..bytes.len() {
            let mut blocks = Blocks::default();
            read(&mut blocks, &bytes[..cut]);
            read(&mut blocks, &bytes[cut..]);
            assert_eq!(blocks.save(), bytes, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_left_after_dropping_still_opens_with_its_section() {
        let mut blocks = Blocks::default();
        read(&mut blocks, &capture(3));
        for left in (0..5).rev() {
            blocks.drop_oldest().unwrap();
            assert_eq!(blocks.save(), capture(left.min(3)));
        }
        read(&mut blocks, &capture(1));
        assert_eq!(blocks.save(), [capture(0), capture(1)].concat());
    }

    #[test]
    fn what_is_no_pcapng_is_refused() {
        let mut blocks = Blocks::default();
        blocks.feed(b"GET / HTTP/1.1\r\n");
        assert_eq!(blocks.whole_block_at(0), Err(NotPcapng));
    }
}
