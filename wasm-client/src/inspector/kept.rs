//! The bytes of a source, kept once, as they came: so what is saved is what was seen, and everything that is asked about a
//! row is read from here.
//!
//! Only the outermost layer of pcapng is known here: where a block ends, and whether it opens a section. What is in the
//! blocks is the codec's affair. Chunks end where blocks end, so no packet lies in two.

use std::collections::VecDeque;

use framescope_codec::capture::save::{Place, Saver};

/// What is held, oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    chunks: VecDeque<Chunk>,
    /// The section header and interfaces that the oldest block held belongs to, once they have been dropped.
    opening: Vec<Vec<u8>>,
    is_big_endian: bool,
    /// How long chunks are to be; 0 for [`CHUNK_MAX`].
    chunk_len: usize,
    /// How many chunks there were before the first.
    dropped: u32,
}

/// How far a source is saved.
#[derive(Debug, Default)]
pub(super) struct Saving {
    /// Where the next chunk begins, unless that is dropped meanwhile.
    next: u64,
    /// The last was written, to which more may be added.
    is_done: bool,
    /// Once something in front was dropped.
    saver: Option<Saver>,
}

#[derive(Debug, Default)]
struct Chunk {
    /// Where in the source it begins.
    start: u64,
    bytes: Vec<u8>,
    /// One past the last row that has bytes in here.
    rows_end: u64,
    /// What [`save`] has to know of packets in here if everything in front of them is gone, and where they stand.
    places: Vec<(u64, Place)>,
}

impl Kept {
    /// Chunks are made so long that there are many within a budget.
    pub(super) fn fit(&mut self, budget: usize) {
        self.chunk_len = (budget / 64).clamp(CHUNK_MIN, CHUNK_MAX);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.chunks.is_empty() {
            self.begin_chunk(0, &[]);
        }
        if let Some(last) = self.chunks.back_mut() {
            last.bytes.extend_from_slice(bytes);
        }
    }

    /// A block begins here, as far as is known the last: if the chunk is long enough, this is where the next begins.
    pub(super) fn settle(&mut self, position: u64) {
        let long_enough = self.chunk_len() - FEED_MAX.min(self.chunk_len() / 2);
        let Some(last) = self.chunks.back_mut() else { return };
        let Ok(len) = usize::try_from(position.saturating_sub(last.start)) else { return };
        if len >= long_enough && len <= last.bytes.len() {
            let rest = last.bytes.split_off(len);
            self.begin_chunk(position, &rest);
        }
    }

    /// Forgets what came behind this place.
    pub(super) fn truncate(&mut self, position: u64) {
        if let Some(last) = self.chunks.back_mut() {
            last.bytes.truncate(usize::try_from(position.saturating_sub(last.start)).unwrap_or(usize::MAX));
        }
    }

    /// All that is held, to be read again, with what makes a valid capture of it.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Vec<u8>> {
        self.opening.into_iter().chain(self.chunks.into_iter().map(|chunk| chunk.bytes))
    }

    /// Some of the bytes; `None` if they are not held.
    pub(super) fn bytes(&self, at: u64, len: usize) -> Option<&[u8]> {
        let chunk = self.chunks.get(self.chunk_of(at)?)?;
        let start = usize::try_from(at - chunk.start).ok()?;
        chunk.bytes.get(start..start.checked_add(len)?)
    }

    /// A row in front of `row_end` has bytes here.
    pub(super) fn note_row(&mut self, at: u64, row_end: u64) {
        if let Some(chunk) = self.chunk_of(at).and_then(|place| self.chunks.get_mut(place)) {
            chunk.rows_end = chunk.rows_end.max(row_end);
        }
    }

    /// Where a packet stands, that is the first of its kind in the newest chunk.
    pub(super) fn note_place(&mut self, at: u64, place: Place) {
        if let Some(chunk) = self.chunk_of(at).and_then(|place| self.chunks.get_mut(place)) {
            chunk.places.push((at, place));
        }
    }

    /// The number of the newest chunk.
    pub(super) fn chunk_number(&self) -> u32 {
        self.dropped + u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        let of_chunk = |chunk: &Chunk| chunk.bytes.len() + chunk.places.len() * size_of::<(u64, Place)>();
        self.chunks.iter().map(of_chunk).sum()
    }

    /// One past the last row that goes with the oldest chunk, if it may go.
    pub(super) fn oldest(&self) -> Option<u64> {
        if self.chunks.len() > 1 { self.chunks.front().map(|chunk| chunk.rows_end) } else { None }
    }

    /// Drops the oldest chunk.
    pub(super) fn drop_oldest(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        self.dropped += 1;
        for block in blocks(&chunk.bytes, self.is_big_endian) {
            match block.kind {
                SECTION_HEADER => {
                    self.is_big_endian = block.is_big_endian;
                    self.opening = vec![block.bytes.to_vec()];
                }
                INTERFACE_DESCRIPTION => self.opening.push(block.bytes.to_vec()),
                _ => {}
            }
        }
    }

    /// Drops all but what the next bytes need to be a valid capture.
    pub(super) fn clear(&mut self, position: u64) {
        if let Some(last) = self.chunks.back_mut() {
            let len = usize::try_from(position.saturating_sub(last.start)).unwrap_or(usize::MAX);
            let rest = last.bytes.split_off(len.min(last.bytes.len()));
            self.begin_chunk(position, &rest);
        }
        while self.chunks.len() > 1 {
            self.drop_oldest();
        }
    }

    /// Writes the next chunk of what is held; false if there is none. All of them are one valid capture. Connections whose
    /// beginning was dropped are marked so that they can be read again, unless `is_whole` says of the number of a stream
    /// that enough of it is left; all else is as it came.
    pub(super) fn save(&self, saving: &mut Saving, is_whole: impl Fn(u32) -> bool, out: &mut Vec<u8>) -> bool {
        let place = self.chunks.partition_point(|chunk| chunk.start < saving.next);
        let Some(chunk) = self.chunks.get(place).filter(|_| !saving.is_done) else { return false };
        saving.is_done = place + 1 == self.chunks.len();
        if chunk.start > saving.next {
            // What was in front is gone: a section begins here.
            let saver = saving.saver.insert(Saver::default());
            saver.write(self.opening.iter().map(|block| (&block[..], None)), out);
        }
        saving.next = chunk.start + chunk.bytes.len() as u64;
        let Some(saver) = &mut saving.saver else {
            out.extend_from_slice(&chunk.bytes);
            return true;
        };
        let mut runs = Vec::new();
        let (mut rest, mut at) = (&chunk.bytes[..], chunk.start);
        for (place_at, place) in &chunk.places {
            let Some(before) = usize::try_from(place_at.saturating_sub(at)).ok().filter(|len| *len < rest.len()) else {
                continue;
            };
            let (run, behind) = rest.split_at(before);
            let Some(len) = block_len(behind, self.is_big_endian) else { continue };
            let (block, behind) = behind.split_at(len);
            runs.push((run, None));
            runs.push((block, Some(Place { is_first: place.is_first || is_whole(place.stream), ..*place })));
            rest = behind;
            at = place_at + len as u64;
        }
        runs.push((rest, None));
        saver.write(runs.into_iter().filter(|(run, _)| !run.is_empty()), out);
        true
    }

    fn chunk_len(&self) -> usize {
        if self.chunk_len == 0 { CHUNK_MAX } else { self.chunk_len }
    }

    fn begin_chunk(&mut self, start: u64, bytes: &[u8]) {
        let mut chunk =
            Chunk { start, bytes: Vec::with_capacity(self.chunk_len().max(bytes.len())), ..Chunk::default() };
        chunk.bytes.extend_from_slice(bytes);
        self.chunks.push_back(chunk);
    }

    /// Mostly it is the newest.
    fn chunk_of(&self, at: u64) -> Option<usize> {
        let last = self.chunks.len().checked_sub(1)?;
        if self.chunks.get(last)?.start <= at {
            return Some(last);
        }
        self.chunks.partition_point(|chunk| chunk.start <= at).checked_sub(1)
    }
}

/// A block, and what its first word says.
struct Block<'a> {
    kind: u32,
    bytes: &'a [u8],
    is_big_endian: bool,
}

/// The blocks that these bytes consist of. What is no block is passed over.
fn blocks(bytes: &[u8], mut is_big_endian: bool) -> impl Iterator<Item = Block<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            if let Some(order) = section_order(rest) {
                is_big_endian = order;
            }
            if let Some(len) = block_len(rest, is_big_endian) {
                let (block, behind) = rest.split_at(len);
                rest = behind;
                return Some(Block {
                    kind: word(block, 0, is_big_endian).unwrap_or_default(),
                    bytes: block,
                    is_big_endian,
                });
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        None
    })
}

/// Whether a section header begins here, and then its order of bytes.
fn section_order(bytes: &[u8]) -> Option<bool> {
    let is_section = bytes.starts_with(&SECTION_HEADER.to_le_bytes());
    let magic = bytes.get(8..12).filter(|_| is_section)?;
    Some(magic == [0x1A, 0x2B, 0x3C, 0x4D])
}

/// The length of the block in front, if it is there as a whole.
fn block_len(bytes: &[u8], is_big_endian: bool) -> Option<usize> {
    let is_big_endian = section_order(bytes).unwrap_or(is_big_endian);
    let len = word(bytes, 4, is_big_endian)? as usize;
    let again = word(bytes, len.checked_sub(4)?, is_big_endian)? as usize;
    (len >= 12 && len == again).then_some(len)
}

fn word(bytes: &[u8], at: usize, is_big_endian: bool) -> Option<u32> {
    let word = *bytes.get(at..)?.first_chunk()?;
    Some(if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

/// Reads the same in both byte orders.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;

/// So much is pushed at most before [`Kept::settle`] is called: a chunk is never longer than meant by more than a block.
pub(super) const FEED_MAX: usize = 1 << 14;
const CHUNK_MAX: usize = 1 << 20;
const CHUNK_MIN: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use framescope_codec::capture::pcapng;

    use super::*;

    fn capture(packets: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        pcapng::write_start(&mut bytes);
        for packet in 0..packets {
            pcapng::write_packet(packet, &[], &mut bytes, |out| out.extend_from_slice(&[7; 3000]));
        }
        bytes
    }

    fn saved(kept: &Kept) -> Vec<u8> {
        let mut out = Vec::new();
        let mut saving = Saving::default();
        while kept.save(&mut saving, |_| false, &mut out) {}
        out
    }

    #[test]
    fn what_was_pushed_is_saved_and_what_is_left_still_opens_with_its_section() {
        let bytes = capture(20);
        let mut kept = Kept::default();
        kept.fit(0);
        let mut reader = pcapng::Reader::new();
        for piece in bytes.chunks(1000) {
            kept.push(piece);
            reader.feed(piece);
            while reader.next_item().is_some() {}
            kept.settle(reader.position());
        }
        assert_eq!(saved(&kept), bytes);
        assert!(kept.chunks.len() > 5);
        let start = capture(0);
        let mut left = kept.chunks.len();
        while left > 1 {
            kept.drop_oldest();
            left -= 1;
            let first = kept.chunks[0].start;
            assert_eq!(kept.bytes(first - 1, 1), None);
            let block = kept.bytes(first, 4);
            assert!(left == 1 || block == Some(&6_u32.to_le_bytes()[..]), "a block begins here");
            let from = usize::try_from(first).unwrap();
            assert_eq!(saved(&kept), [&start[..], &bytes[from..]].concat());
        }
    }

    #[test]
    fn what_is_cut_off_is_forgotten_when_the_source_begins_anew() {
        let bytes = capture(1);
        let mut kept = Kept::default();
        kept.push(&bytes);
        kept.push(&bytes[..50]);
        kept.truncate(bytes.len() as u64);
        kept.push(&bytes);
        assert_eq!(saved(&kept), [&bytes[..], &bytes].concat());
        kept.clear(2 * bytes.len() as u64);
        assert_eq!(saved(&kept), capture(0));
    }
}
