//! The older capture format (draft-ietf-opsawg-pcap), each record written as a block of pcapng.
//!
//! Either byte order, micro- or nanoseconds, and the "modified" kind that some kernels wrote. Records have no marks of
//! their own: behind a damaged one, reading goes on where two headers in a row make sense.

use std::collections::VecDeque;

use super::super::pcapng::{self, Fault, FaultKind};
use super::input::Input;
use super::{Format, PIECE, Step};

/// What the file's header says, and how far reading has come.
#[derive(Debug)]
pub(super) struct Pcap {
    is_big_endian: bool,
    is_in_nanoseconds: bool,
    /// How long the header of a record is.
    record_header: usize,
    /// Nothing was written yet.
    is_at_start: bool,
    /// The place of the next record is not known.
    is_lost: bool,
    last_seconds: u32,
}

/// The header of a record.
#[derive(Clone, Copy)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured_len: u32,
    original_len: u32,
}

impl Pcap {
    fn new(is_big_endian: bool, is_in_nanoseconds: bool, is_modified: bool) -> Self {
        let record_header = if is_modified { 24 } else { 16 };
        Self { is_big_endian, is_in_nanoseconds, record_header, is_at_start: true, is_lost: false, last_seconds: 0 }
    }

    /// `None` if the magic number is none of those known.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Self> {
        let magic = u32::from_be_bytes(*bytes.first_chunk()?);
        Some(match magic {
            0xA1B2_C3D4 => Self::new(true, false, false),
            0xD4C3_B2A1 => Self::new(false, false, false),
            0xA1B2_3C4D => Self::new(true, true, false),
            0x4D3C_B2A1 => Self::new(false, true, false),
            0xA1B2_CD34 => Self::new(true, false, true),
            0x34CD_B2A1 => Self::new(false, false, true),
            _ => return None,
        })
    }

    /// By all the rest of the header: version 2.4, and a first record that makes sense.
    pub(super) fn sniff_damaged(bytes: &[u8]) -> Option<Self> {
        let (header, records) = bytes.split_first_chunk::<HEADER>()?;
        let is_big_endian = match &header[4..8] {
            b"\x02\0\x04\0" => false,
            b"\0\x02\0\x04" => true,
            _ => return None,
        };
        let in_microseconds = Self::new(is_big_endian, false, false);
        let first = in_microseconds.record(records)?;
        let in_nanoseconds = Self::new(is_big_endian, true, false);
        let which = if first.fraction < 1_000_000 { in_microseconds } else { in_nanoseconds };
        (which.is_likely(&first) || first.seconds > 0 && first.captured_len <= first.original_len).then_some(which)
    }

    pub(super) fn step(&mut self, input: &mut Input, faults: &mut VecDeque<Fault>) -> Step {
        let mut out = Vec::new();
        let mut fault = |offset, says| {
            faults.push_back(Fault { offset, kind: FaultKind::Within(Format::Pcap, says) });
        };
        if self.is_at_start {
            let Some(header) = input.rest().first_chunk::<HEADER>() else {
                if input.has_ended {
                    fault(input.offset(), "the file ends within its header");
                    return Step::Over;
                }
                return Step::Wait;
            };
            // The upper bits say how long a checksum behind each packet is, which makes no difference here.
            let [link_type, snap_len] = [20, 16].map(|at| self.u32(header, at));
            let ticks = if self.is_in_nanoseconds { 9 } else { 6 };
            pcapng::write_foreign_start(low_u16(link_type), snap_len, ticks, &mut out);
            self.is_at_start = false;
            input.advance(HEADER);
        }
        while out.len() < PIECE {
            if self.is_lost && !self.find_record(input) {
                break;
            }
            let rest = input.rest();
            if rest.is_empty() {
                break;
            }
            let Some(record) = self.record(rest) else {
                if input.has_ended {
                    fault(input.offset(), "the file ends within the header of a packet");
                    input.discard();
                }
                break;
            };
            if record.captured_len > PACKET_MAX {
                fault(input.offset(), "a packet that claims to be longer than any can be");
                self.is_lost = true;
                // Wherever the next one is, it is not here.
                input.advance(1);
                continue;
            }
            let len = usize::try_from(record.captured_len).unwrap_or(usize::MAX);
            let behind_header = &rest[self.record_header..];
            let data = match behind_header.get(..len) {
                Some(data) => data,
                None if input.has_ended => {
                    fault(input.offset(), "the file ends within a packet");
                    behind_header
                }
                None => break,
            };
            self.last_seconds = record.seconds;
            pcapng::write_captured(self.ticks(&record), data, record.original_len, &mut out);
            let len = self.record_header + data.len();
            input.advance(len);
        }
        if out.is_empty() { Step::Wait } else { Step::Bytes(out) }
    }

    /// Goes on to the next place where a record could well begin; false if more bytes are needed.
    fn find_record(&mut self, input: &mut Input) -> bool {
        loop {
            let rest = input.rest();
            let Some(record) = self.record(rest) else { break };
            if self.is_likely(&record) {
                let len = self.record_header + usize::try_from(record.captured_len).unwrap_or(usize::MAX);
                let next = rest.get(len..).and_then(|next| self.record(next));
                match next {
                    Some(next) if self.is_likely(&next) => {
                        self.is_lost = false;
                        return true;
                    }
                    // The last one of all.
                    None if input.has_ended && rest.len() == len => {
                        self.is_lost = false;
                        return true;
                    }
                    None if !input.has_ended => return false,
                    Some(_) | None => {}
                }
            }
            input.advance(1);
        }
        if input.has_ended {
            input.discard();
        }
        false
    }

    fn is_likely(&self, record: &Record) -> bool {
        let per_second = if self.is_in_nanoseconds { 1_000_000_000 } else { 1_000_000 };
        record.fraction < per_second
            && record.captured_len <= record.original_len
            && (1..=LIKELY_MAX).contains(&record.captured_len)
            && record.original_len <= PACKET_MAX
            && (self.last_seconds == 0 || record.seconds.abs_diff(self.last_seconds) <= DAY)
    }

    fn ticks(&self, record: &Record) -> u64 {
        let per_second = if self.is_in_nanoseconds { 1_000_000_000 } else { 1_000_000 };
        u64::from(record.seconds) * per_second + u64::from(record.fraction)
    }

    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let header = bytes.get(..self.record_header)?;
        let [seconds, fraction, captured_len, original_len] = [0, 4, 8, 12].map(|at| self.u32(header, at));
        Some(Record { seconds, fraction, captured_len, original_len })
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let word = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default();
        if self.is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }
}

const fn low_u16(number: u32) -> u16 {
    let [low, next, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, next])
}

/// How long the header of the file is.
const HEADER: usize = 24;
/// The longest packet that is read; what tools write ends at 256 KiB.
const PACKET_MAX: u32 = 1 << 20;
/// The longest that a search stops at.
const LIKELY_MAX: u32 = 1 << 18;
const DAY: u32 = 24 * 60 * 60;
