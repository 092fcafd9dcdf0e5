//! gzip (RFC 1952), of any number of members, inflated a piece at a time and opened again.
//!
//! Nothing is inflated before what came of the last piece was taken, so a file that inflates to a thousand times its
//! size costs time, never memory; and there is an end to that too, which is told.

use std::collections::VecDeque;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::super::pcapng::{Fault, FaultKind};
use super::crc32::Crc32;
use super::input::Input;
use super::{Format, Opener, Step};

pub(super) struct Gzip {
    place: Place,
    inflate: Inflate,
    /// Of what the member inflated to.
    checksum: Crc32,
    member_len: u64,
    /// How much may still come out of the file.
    budget: u64,
    inner: Box<Opener>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In front of a member; true if it is the first.
    Header(bool),
    Data,
    Trailer,
    /// Nothing more is inflated; what is inside has been told so.
    End,
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").field("place", &self.place).field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Gzip {
    pub(super) fn new(inner: Opener) -> Self {
        let inflate = Inflate::new(false, WINDOW_BITS);
        Self {
            place: Place::Header(true),
            inflate,
            checksum: Crc32::new(),
            member_len: 0,
            budget: INFLATED_MAX,
            inner: Box::new(inner),
        }
    }

    pub(super) const fn inner(&self) -> &Opener {
        &self.inner
    }

    pub(super) fn step(&mut self, input: &mut Input, faults: &mut VecDeque<Fault>) -> Step {
        let bytes = self.inner.next_bytes();
        while let Some(fault) = self.inner.next_fault() {
            faults.push_back(fault);
        }
        if let Some(bytes) = bytes {
            return Step::Bytes(bytes);
        }
        if self.inner.is_over {
            return Step::Over;
        }
        let result = match self.place {
            Place::Header(is_first) => self.header(is_first, input),
            Place::Data => self.inflate(input),
            Place::Trailer => self.trailer(input),
            Place::End => {
                input.discard();
                return Step::Wait;
            }
        };
        match result {
            Ok(step) => step,
            Err(says) => {
                faults.push_back(Fault { offset: input.offset(), kind: FaultKind::Within(Format::Gzip, says) });
                self.end()
            }
        }
    }

    /// What is inside may still have something to give.
    fn end(&mut self) -> Step {
        self.place = Place::End;
        self.inner.finish();
        Step::Again
    }

    fn header(&mut self, is_first: bool, input: &mut Input) -> Result<Step, &'static str> {
        let rest = input.rest();
        // Some tools fill up the last block of a tape, or of a file system, with zeros.
        let zeros = if is_first { 0 } else { rest.iter().take_while(|byte| **byte == 0).count() };
        input.advance(zeros);
        let rest = input.rest();
        if rest.is_empty() {
            return Ok(if input.has_ended { self.end() } else { Step::Wait });
        }
        match header_len(rest) {
            Header::Len(len) => {
                input.advance(len);
                self.inflate.reset(false);
                self.checksum.reset();
                self.member_len = 0;
                self.place = Place::Data;
                Ok(Step::Again)
            }
            Header::NeedsMore if input.has_ended => Err("the file ends within a header"),
            Header::NeedsMore if rest.len() > HEADER_MAX => Err("a header without an end"),
            Header::NeedsMore => Ok(Step::Wait),
            Header::None if is_first => Err("compressed in a way that gzip does not know"),
            Header::None => Err("bytes behind the end that are no gzip"),
        }
    }

    fn inflate(&mut self, input: &mut Input) -> Result<Step, &'static str> {
        let mut part = [0; PART];
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input.rest(), &mut part, InflateFlush::NoFlush);
        let consumed = usize::try_from(self.inflate.total_in() - before.0).unwrap_or(usize::MAX);
        let made = usize::try_from(self.inflate.total_out() - before.1).unwrap_or(usize::MAX).min(PART);
        input.advance(consumed);
        let made = &part[..made];
        self.checksum.update(made);
        self.member_len += made.len() as u64;
        self.inner.feed(made);
        match status {
            Err(_) => return Err("the compressed data is damaged; what comes behind cannot be inflated"),
            Ok(Status::StreamEnd) => self.place = Place::Trailer,
            Ok(_) if consumed == 0 && made.is_empty() => {
                return if input.has_ended { Err("the file ends within the compressed data") } else { Ok(Step::Wait) };
            }
            Ok(_) => {}
        }
        self.budget = self.budget.saturating_sub(made.len() as u64);
        if self.budget == 0 {
            return Err("it inflates to more than is read: the rest is left out");
        }
        Ok(Step::Again)
    }

    fn trailer(&mut self, input: &mut Input) -> Result<Step, &'static str> {
        let Some(trailer) = input.rest().first_chunk::<8>() else {
            return if input.has_ended { Err("the file ends before the checksum") } else { Ok(Step::Wait) };
        };
        let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer;
        let is_sound = u32::from_le_bytes([c0, c1, c2, c3]) == self.checksum.value()
            && u64::from(u32::from_le_bytes([l0, l1, l2, l3])) == self.member_len & u64::from(u32::MAX);
        if !is_sound {
            return Err("the checksum does not match: something in it was damaged");
        }
        input.advance(trailer.len());
        self.place = Place::Header(false);
        Ok(Step::Again)
    }
}

enum Header {
    Len(usize),
    NeedsMore,
    None,
}

/// The length of the header in front of a member (RFC 1952, 2.3).
fn header_len(bytes: &[u8]) -> Header {
    let start = [0x1F, 0x8B, 8];
    let given = bytes.len().min(start.len());
    if bytes[..given] != start[..given] {
        return Header::None;
    }
    fixed_and_optional(bytes).map_or(Header::NeedsMore, Header::Len)
}

/// `None` if not all of it is there.
fn fixed_and_optional(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut len = 10;
    if flags & 4 != 0 {
        let extra = bytes.get(len..)?.first_chunk()?;
        len += 2 + usize::from(u16::from_le_bytes(*extra));
    }
    // The file's name, and a comment.
    for flag in [8, 16] {
        if flags & flag != 0 {
            len += 1 + bytes.get(len..)?.iter().position(|byte| *byte == 0)?;
        }
    }
    if flags & 2 != 0 {
        len += 2;
    }
    (len <= bytes.len()).then_some(len)
}

/// gzip's window is always of this size.
const WINDOW_BITS: u8 = 15;
/// So much is inflated at a time.
const PART: usize = 1 << 15;
/// So much comes out of a file at most: twenty times the largest capture that is comfortable to look at.
const INFLATED_MAX: u64 = 1 << 31;
/// No name or comment is as long.
const HEADER_MAX: usize = 1 << 17;
