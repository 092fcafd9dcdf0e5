//! One direction of an open connection: its bytes as frames, and the way back to frames where bytes are missing.

use std::borrow::Cow;

use super::super::opening::{TakenHead, may_begin_head, take_head};
use super::super::pieces::Trail;
use super::super::recognise::{BITS_OF_A_FRIEND, Kept, Seeker};
use super::super::tcp::Piece;
use super::super::{CapturedFrame, Direction, End, Note, What};
use super::Sink;
use crate::deflate::params::DeflateParams;
use crate::dissect::{Dissection, Dissector};

/// One direction of an open connection.
#[derive(Debug)]
pub(super) struct Speaker {
    direction: Direction,
    dissector: Dissector,
    /// When the first byte of the frame under way came.
    began_ns: u64,
    /// Waiting for a first frame boundary.
    is_waiting: bool,
    /// Bytes that came while it was not known where a frame begins.
    unreadable: u64,
    /// Where the bytes of the frame under way lie, and those behind it.
    trail: Trail,
    /// Whether to look for frames behind a gap.
    seeks: bool,
    /// Who looks for the next frame, and how many bits it takes to believe it.
    seeker: Option<(Box<Seeker>, u32)>,
    /// What may be the head of a handshake, in front of frames that somebody vouches for.
    head: Option<Vec<u8>>,
}

impl Speaker {
    pub(super) fn new(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::new(direction.sender(), deflate);
        Self {
            direction,
            dissector,
            began_ns: 0,
            is_waiting: false,
            unreadable: 0,
            trail: Trail::default(),
            seeks: false,
            seeker: None,
            head: None,
        }
    }

    /// One that others captured: behind a gap, frames may be looked for.
    pub(super) fn foreign(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        Self { seeks: true, ..Self::new(direction, deflate) }
    }

    /// One whose frames begin at once by somebody's word, or behind the head of a handshake.
    pub(super) fn vouched_for(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        Self { head: Some(Vec::new()), ..Self::foreign(direction, deflate) }
    }

    /// One whose first frame begins where a tap says.
    pub(super) fn joining_late(direction: Direction, deflate: Option<DeflateParams>) -> Self {
        let dissector = Dissector::joining_late(direction.sender(), deflate);
        Self { dissector, is_waiting: true, ..Self::new(direction, None) }
    }

    /// One whose first frame has still to be found, with so many bits of evidence.
    pub(super) fn seeking(direction: Direction, deflate: Option<DeflateParams>, seeker: Seeker, bits: u32) -> Self {
        let unreadable = seeker.heard();
        let seeker = Some((Box::new(seeker), bits));
        Self { seeks: true, seeker, unreadable, ..Self::joining_late(direction, deflate) }
    }

    /// Whether the next byte begins a frame.
    pub(super) fn at_frame_boundary(&self) -> bool {
        !self.is_waiting && self.dissector.at_frame_boundary()
    }

    pub(super) fn hear(&mut self, now_ns: u64, piece: Piece<'_>, sink: &mut Sink<'_>) {
        match piece {
            Piece::Bytes { time_ns, bytes, at, boundary } => {
                if boundary {
                    self.find_boundary(now_ns, sink);
                }
                self.hear_bytes(time_ns, bytes, at, now_ns, sink);
            }
            Piece::Gap { missing } => self.miss(missing, now_ns, sink),
            Piece::Differing { ahead } => sink(self.direction, now_ns, What::Note(Note::Differing { ahead })),
            Piece::End => {
                self.finish(now_ns, sink);
                sink(self.direction, now_ns, What::End(End::Finished));
            }
        }
    }

    fn hear_bytes(&mut self, time_ns: u64, bytes: &[u8], at: u64, now_ns: u64, sink: &mut Sink<'_>) {
        let end = at + bytes.len() as u64;
        let Some(bytes) = self.behind_head(bytes) else { return };
        // Only of what looked like a head and is none could it begin before.
        let at = end.saturating_sub(bytes.len() as u64);
        if self.is_waiting || self.dissector.is_lost() {
            self.unreadable += bytes.len() as u64;
            self.trail.clear();
            if let Some((seeker, _)) = &mut self.seeker {
                seeker.hear(time_ns, &bytes, at);
                self.settle(false, now_ns, sink);
            } else if !self.is_waiting {
                // Lost, but it counts.
                self.dissector.feed(&bytes);
            }
            return;
        }
        self.note_unreadable(now_ns, sink);
        if self.dissector.at_frame_boundary() {
            self.began_ns = time_ns;
        }
        self.trail.push(self.dissector.offset(), at, bytes.len() as u64);
        self.dissector.feed(&bytes);
        // Whatever follows a frame that ended in these bytes began in them too.
        if self.drain(time_ns, sink) {
            self.began_ns = time_ns;
        }
    }

    /// Leaves out the head of a handshake that did not say that it is one.
    fn behind_head<'a>(&mut self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Some(mut head) = self.head.take() else { return Some(Cow::Borrowed(bytes)) };
        let seen = [&head, bytes].concat();
        match take_head(&mut head, bytes, may_begin_head) {
            TakenHead::More => {
                self.head = Some(head);
                None
            }
            TakenHead::None | TakenHead::TooLong => Some(Cow::Owned(seen)),
            TakenHead::Whole(head, rest) => {
                self.unreadable += head.len() as u64;
                Some(Cow::Borrowed(rest))
            }
        }
    }

    /// Goes on at the place that was found, if it was.
    pub(super) fn settle(&mut self, has_ended: bool, now_ns: u64, sink: &mut Sink<'_>) {
        let Some((seeker, bits)) = &mut self.seeker else { return };
        let Some(place) = seeker.best(has_ended).filter(|place| place.bits >= *bits) else { return };
        let kept = seeker.take_from(place.start);
        self.seeker = None;
        let is_lost = self.dissector.is_lost();
        if is_lost {
            self.dissector.skip(place.start);
        }
        let readable: usize =
            kept.iter().map(|piece| if let Kept::Bytes(_, bytes, _) = piece { bytes.len() } else { 0 }).sum();
        self.unreadable = self.unreadable.saturating_sub(readable as u64);
        self.find_boundary(now_ns, sink);
        if is_lost {
            sink(self.direction, now_ns, What::Note(Note::FoundAgain));
        }
        for piece in kept {
            match piece {
                Kept::Bytes(time_ns, bytes, at) => self.hear_bytes(time_ns, &bytes, at, now_ns, sink),
                // It was told when it came, and is inside of a payload.
                Kept::Gap(missing) => {
                    self.dissector.skip(missing);
                }
            }
        }
    }

    fn miss(&mut self, missing: u64, now_ns: u64, sink: &mut Sink<'_>) {
        self.head = None;
        if let Some((seeker, _)) = &mut self.seeker {
            seeker.miss(missing);
            sink(self.direction, now_ns, What::Gap { missing, inside_payload: false });
            return;
        }
        let inside_payload = !self.is_waiting && self.dissector.skip(missing);
        let gap = What::Gap { missing, inside_payload };
        if inside_payload {
            sink(self.direction, now_ns, gap);
            self.drain(now_ns, sink);
        } else {
            // The frame that was cut off comes first.
            self.drain(now_ns, sink);
            sink(self.direction, now_ns, gap);
            self.seek();
        }
    }

    /// The next byte begins a frame.
    fn find_boundary(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        self.is_waiting = false;
        self.seeker = None;
        self.head = None;
        self.dissector.resume();
        self.drain(now_ns, sink);
        self.note_unreadable(now_ns, sink);
    }

    pub(super) fn finish(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        self.settle(true, now_ns, sink);
        self.seeker = None;
        let is_inside = !self.is_waiting && !self.dissector.at_frame_boundary();
        while let Some(dissection) = self.dissector.finish() {
            let frame = self.captured(dissection, self.began_ns);
            sink(self.direction, now_ns, What::Frame(Box::new(frame)));
        }
        let header = self.dissector.partial_header().to_vec();
        if !header.is_empty() {
            self.dissector.resume();
            sink(self.direction, now_ns, What::Note(Note::CutHeader(header)));
        }
        self.note_unreadable(now_ns, sink);
        if is_inside {
            // Whatever may still come, as behind a reset that was none, is not the beginning of a frame.
            self.dissector.skip(1);
            self.seek();
        }
    }

    /// Looks for the next frame, where that may be guessed at.
    fn seek(&mut self) {
        if self.seeks && self.dissector.is_lost() {
            self.seeker = Some((Box::new(Seeker::of(self.direction.sender())), BITS_OF_A_FRIEND));
        }
    }

    fn note_unreadable(&mut self, now_ns: u64, sink: &mut Sink<'_>) {
        let bytes = std::mem::take(&mut self.unreadable);
        if bytes > 0 {
            sink(self.direction, now_ns, What::Note(Note::Unreadable { bytes }));
        }
    }

    /// Hands on the frames that are ready; true if there was one.
    fn drain(&mut self, time_ns: u64, sink: &mut Sink<'_>) -> bool {
        let mut any = false;
        while let Some(dissection) = self.dissector.next_frame() {
            let began_ns = if any { time_ns } else { self.began_ns };
            any = true;
            let frame = self.captured(dissection, began_ns);
            sink(self.direction, time_ns, What::Frame(Box::new(frame)));
        }
        any
    }

    fn captured(&mut self, dissection: Dissection, began_ns: u64) -> CapturedFrame {
        let len = (dissection.header.encoded_len() as u64).saturating_add(dissection.header.payload_length.get());
        let pieces = self.trail.take(dissection.offset, len);
        let checkpoint = self.dissector.take_checkpoint(dissection.number);
        CapturedFrame { dissection, began_ns, pieces, checkpoint }
    }
}
