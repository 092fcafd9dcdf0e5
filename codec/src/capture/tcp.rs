//! One direction of a TCP connection, put in order.
//!
//! Segments arrive as the capture has them: out of order, repeated, overlapping, with sequence numbers
//! that wrap, or not at all. What comes out is the byte stream, and in place of bytes that were not
//! captured a gap of that many. A gap is declared only when the bytes are certain not to come any more:
//!
//! - a tap wrote the packet behind them, for taps know the order;
//! - the receiver has acknowledged them [`ACKS_MAX`] times over, so that the capture must have missed them;
//! - more than [`PENDING_MAX`] is waiting behind them;
//! - the connection or the capture is over.
//!
//! Where segments overlap, the bytes that came first win; if later ones differ, that is reported.

use std::collections::VecDeque;
use std::ops::Range;

/// A segment of this direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival<'a> {
    pub(super) time_ns: u64,
    pub(super) seq: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) payload: &'a [u8],
    /// Where the payload lies in the capture.
    pub(super) at: u64,
    /// Bytes at the end of the payload that were not captured.
    pub(super) cut_off: u32,
    /// A tap left out so many bytes right before.
    pub(super) gap: Option<u64>,
    /// The first byte begins a WebSocket frame.
    pub(super) boundary: bool,
    /// Nothing in front of it will still come.
    pub(super) in_order: bool,
}

/// What the stream goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes, with where they lie in the capture and what is known of the packet they came in.
    Bytes { time_ns: u64, bytes: &'a [u8], at: u64, boundary: bool },
    /// So many bytes were not captured.
    Gap { missing: u64 },
    /// A later segment says otherwise about bytes that were known already, so many from here.
    Differing { ahead: u64 },
    /// The sender has sent all: FIN.
    End,
}

/// Positions count bytes from the first that was captured, and do not wrap.
#[derive(Debug, Default)]
pub(super) struct HalfStream {
    /// The sequence number of the next byte wanted; `None` before the first segment.
    next_seq: Option<u32>,
    /// Its position.
    next: u64,
    /// What is waiting for bytes in front of it, in order. Nothing in here overlaps.
    pending: VecDeque<Pending>,
    /// What `pending` takes up.
    pending_len: usize,
    /// Where the FIN stands.
    end: Option<u64>,
    has_ended: bool,
    /// How often the receiver acknowledged bytes that are missing here.
    acks: u8,
}

#[derive(Debug)]
struct Pending {
    start: u64,
    time_ns: u64,
    bytes: Vec<u8>,
    at: u64,
    boundary: bool,
}

impl Pending {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl HalfStream {
    /// Whether a segment of this direction was seen.
    pub(super) const fn has_begun(&self) -> bool {
        self.next_seq.is_some()
    }

    /// Whether a segment with this number goes on where the stream is.
    pub(super) fn is_next(&self, seq: u32) -> bool {
        self.pending.is_empty() && self.next_seq.is_none_or(|next| next == seq)
    }

    /// Whether a segment with this number can be of this stream: near to what is wanted next.
    pub(super) fn is_near(&self, seq: u32) -> bool {
        self.next_seq.is_none_or(|next| seq.wrapping_sub(next).cast_signed().unsigned_abs() <= NEAR_MAX)
    }

    /// Whether all that was sent has come out.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes in a segment, and hands on what it completes.
    pub(super) fn arrive(&mut self, arrival: &Arrival<'_>, out: &mut impl FnMut(Piece<'_>)) {
        // The SYN takes up a number of its own (RFC 9293, 3.4).
        let seq = arrival.seq.wrapping_add(u32::from(arrival.syn));
        let next_seq = *self.next_seq.get_or_insert(seq);
        let ahead = seq.wrapping_sub(next_seq);
        if let Some(start) = self.start_behind_gap(arrival, ahead) {
            self.flush_to(start, out);
            self.skip_to(start, out);
        }
        let Some(start) = self.position(seq) else { return };
        let end = start.saturating_add_unsigned(arrival.payload.len() as u64);
        if arrival.fin && end >= 0 {
            let end = end.unsigned_abs() + u64::from(arrival.cut_off);
            // One that is behind is of a connection before this one.
            if end >= self.next {
                self.end.get_or_insert(end);
            }
        }
        let known = usize::try_from(self.next.saturating_sub(start.max(0).unsigned_abs())).unwrap_or(usize::MAX);
        let before_all = usize::try_from(start.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let skip = known.saturating_add(before_all).min(arrival.payload.len());
        let fresh = Arrival {
            payload: &arrival.payload[skip..],
            at: arrival.at + skip as u64,
            boundary: arrival.boundary && skip == 0,
            ..*arrival
        };
        let start = start.max(0).unsigned_abs().max(self.next);
        // Behind the end there is nothing, whatever a segment says.
        let room = self.end.map_or(u64::MAX, |end| end.saturating_sub(start));
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(fresh.payload.len());
        let fresh = Arrival { payload: &fresh.payload[..fits], ..fresh };
        if !fresh.payload.is_empty() {
            self.take(start, &fresh, out);
        }
        if self.pending_len > PENDING_MAX {
            self.give_up_first_hole(out);
        }
        self.end_if_due(out);
    }

    /// The other side has received everything in front of this number.
    pub(super) fn acknowledge(&mut self, ack: u32, out: &mut impl FnMut(Piece<'_>)) {
        let waiting = self.first_pending().or(self.end).filter(|at| *at > self.next);
        let Some(waiting) = waiting else { return };
        if self.position(ack).is_some_and(|ack| ack >= 0 && ack.unsigned_abs() >= waiting) {
            self.acks += 1;
            if self.acks >= ACKS_MAX {
                self.skip_to(waiting, out);
                self.deliver(out);
                self.end_if_due(out);
            }
        }
    }

    /// Nothing more will come: what waits is handed on, with gaps in between.
    pub(super) fn flush(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while !self.pending.is_empty() {
            self.give_up_first_hole(out);
        }
        if let Some(end) = self.end {
            self.skip_to(end, out);
            self.end_if_due(out);
        }
    }

    /// Where the arrival stands if a tap vouches for the gap in front of it. A tap counts all that it left
    /// out, also where that is more than sequence numbers can say.
    fn start_behind_gap(&self, arrival: &Arrival<'_>, ahead: u32) -> Option<u64> {
        let counted = arrival.gap.filter(|gap| gap & u64::from(u32::MAX) == u64::from(ahead));
        // A little behind is a packet that is in the capture twice.
        let seen = (arrival.in_order && ahead < REPEATED_MIN).then_some(u64::from(ahead));
        Some(self.next.saturating_add(counted.or(seen)?))
    }

    /// The position of a sequence number: the one nearest to what is wanted next. Negative in front of the
    /// first byte captured; `None` further ahead than any window allows.
    fn position(&self, seq: u32) -> Option<i64> {
        let ahead = seq.wrapping_sub(self.next_seq?).cast_signed();
        if ahead > WINDOW_MAX {
            return None;
        }
        i64::try_from(self.next).ok()?.checked_add(i64::from(ahead))
    }

    /// Takes in bytes of which none was handed on yet.
    fn take(&mut self, start: u64, fresh: &Arrival<'_>, out: &mut impl FnMut(Piece<'_>)) {
        if start == self.next && self.pending.is_empty() {
            self.advance(fresh.payload.len() as u64);
            out(Piece::Bytes { time_ns: fresh.time_ns, bytes: fresh.payload, at: fresh.at, boundary: fresh.boundary });
            return;
        }
        self.insert(start, fresh, out);
        self.deliver(out);
    }

    /// Keeps those bytes that are not known yet.
    fn insert(&mut self, start: u64, fresh: &Arrival<'_>, out: &mut impl FnMut(Piece<'_>)) {
        let end = start + fresh.payload.len() as u64;
        let slice = |range: Range<u64>| {
            let at = |position: u64| usize::try_from(position - start).unwrap_or(usize::MAX).min(fresh.payload.len());
            &fresh.payload[at(range.start)..at(range.end)]
        };
        let first = self.pending.partition_point(|known| known.end() <= start);
        let mut free = Vec::new();
        let mut differing = None;
        let mut from = start;
        for known in self.pending.range(first..).take_while(|known| known.start < end) {
            let overlap = known.start.max(start)..known.end().min(end);
            let at = |position: u64| usize::try_from(position - known.start).unwrap_or(usize::MAX);
            if slice(overlap.clone()) != &known.bytes[at(overlap.start)..at(overlap.end)] {
                differing.get_or_insert(overlap.start - self.next);
            }
            free.push(from..overlap.start);
            from = overlap.end;
        }
        free.push(from..end);
        if let Some(ahead) = differing {
            out(Piece::Differing { ahead });
        }
        for range in free.into_iter().filter(|range| !range.is_empty()) {
            let bytes = slice(range.clone()).to_vec();
            self.pending_len += bytes.len() + PENDING_OVERHEAD;
            let boundary = fresh.boundary && range.start == start;
            let place = self.pending.partition_point(|known| known.start < range.start);
            let at = fresh.at + (range.start - start);
            let pending = Pending { start: range.start, time_ns: fresh.time_ns, bytes, at, boundary };
            self.pending.insert(place, pending);
        }
    }

    /// Hands on what waits no longer.
    fn deliver(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while self.first_pending().is_some_and(|first| first <= self.next) {
            let Some(Pending { time_ns, bytes, at, boundary, .. }) = self.pending.pop_front() else { return };
            self.pending_len -= bytes.len() + PENDING_OVERHEAD;
            self.advance(bytes.len() as u64);
            out(Piece::Bytes { time_ns, bytes: &bytes, at, boundary });
        }
    }

    fn first_pending(&self) -> Option<u64> {
        self.pending.front().map(|first| first.start)
    }

    fn give_up_first_hole(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if let Some(first) = self.first_pending() {
            self.skip_to(first, out);
            self.deliver(out);
        }
    }

    /// Hands on all that waits in front of `position`.
    fn flush_to(&mut self, position: u64, out: &mut impl FnMut(Piece<'_>)) {
        while self.first_pending().is_some_and(|first| first < position) {
            self.give_up_first_hole(out);
        }
    }

    fn skip_to(&mut self, position: u64, out: &mut impl FnMut(Piece<'_>)) {
        if position > self.next {
            let missing = position - self.next;
            self.advance(missing);
            out(Piece::Gap { missing });
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers count modulo 2^32")]
    fn advance(&mut self, by: u64) {
        self.next += by;
        self.next_seq = self.next_seq.map(|seq| seq.wrapping_add(by as u32));
        self.acks = 0;
    }

    fn end_if_due(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if !self.has_ended && self.end.is_some_and(|end| end <= self.next) {
            self.has_ended = true;
            out(Piece::End);
        }
    }
}

/// As TCP takes three repeated acknowledgments for a loss (RFC 5681, 3.2): some reordering is usual.
const ACKS_MAX: u8 = 3;
/// So many bytes wait behind a hole at most: more than the windows in common use.
const PENDING_MAX: usize = 1 << 20;
/// What a waiting piece costs beside its bytes.
const PENDING_OVERHEAD: usize = 96;
/// The largest window that TCP can scale to (RFC 7323, 2.3).
const WINDOW_MAX: i32 = 1 << 30;
/// As far from what is wanted next as segments of a stream ever are, give or take what a capture may have missed.
const NEAR_MAX: u32 = 1 << 26;
/// From here on, modulo 2^32, a segment is taken for a repeated one rather than for one far ahead.
const REPEATED_MIN: u32 = u32::MAX - (1 << 26);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps and pieces as text: `5:abc` is a segment at 5, `f5:` one with FIN, `s4:` with SYN, `b5:a` at a frame boundary, `o5:a` from a tap,
    /// `g1000@1005:a` behind a tapped gap, `c2@5:abc` cut short by 2, `a5` an acknowledgment, `.` the end.
    fn run(steps: &str) -> String {
        let mut half = HalfStream::default();
        let mut text = Vec::new();
        let mut out = |piece: Piece<'_>| {
            text.push(match piece {
                Piece::Bytes { bytes, boundary, .. } => {
                    format!("{}{}", if boundary { "|" } else { "" }, String::from_utf8_lossy(bytes))
                }
                Piece::Gap { missing } => format!("<{missing}>"),
                Piece::Differing { ahead } => format!("differs+{ahead}"),
                Piece::End => ".".into(),
            });
        };
        for step in steps.split_whitespace() {
            let (kind, rest) = step.split_at(step.find(|c: char| c.is_ascii_digit()).unwrap_or(step.len()));
            if step == "." {
                half.flush(&mut out);
            } else if kind == "a" {
                half.acknowledge(rest.parse().unwrap(), &mut out);
            } else {
                let (number, payload) = rest.split_once(':').unwrap();
                let (extra, seq) = number.split_once('@').unwrap_or(("0", number));
                half.arrive(
                    &Arrival {
                        time_ns: 0,
                        seq: seq.parse().unwrap(),
                        syn: kind == "s",
                        fin: kind == "f",
                        payload: payload.as_bytes(),
                        at: 0,
                        cut_off: if kind == "c" { extra.parse().unwrap() } else { 0 },
                        gap: (kind == "g").then(|| extra.parse().unwrap()),
                        boundary: kind == "b",
                        in_order: kind == "b" || kind == "o",
                    },
                    &mut out,
                );
            }
        }
        text.join(" ")
    }

    fn check(steps: &str, pieces: &str) {
        assert_eq!(run(steps), pieces, "{steps}");
    }

    #[test]
    fn segments_come_out_in_order() {
        check("s4: 5:abc 8:d 9:", "abc d");
        check("s4: 8:d 5:abc", "abc d");
        check("s4: 11:g 9:ef 5:a 6:bcd", "a bcd ef g");
        check("5:abc 8:d", "abc d");
        check("s4:tfo 8:d", "tfo d");
    }

    #[test]
    fn repeated_bytes_come_out_once() {
        check("5:abc 5:abc 8:d 5:abcd", "abc d");
        check("5:abc 7:cde", "abc de");
        check("5:a 8:d 8:d 6:bcde", "a bc d e");
        check("5:abc 4:zabcd", "abc d");
        check("5:abc 1:zz 8:d", "abc d");
        // Keep-alives repeat the last byte, or any byte in its place (RFC 9293, 3.8.4); probes bring one that is due.
        check("5:abc 7: 7:x 8:d 8: 9:e", "abc d e");
    }

    #[test]
    fn the_first_bytes_win_where_segments_overlap_and_differ() {
        check("5:a 8:de 6:xyDEz", "a differs+2 xy de z");
        check("5:a 8:de 7:CDE 6:b", "a differs+2 b C de");
        check("5:a 8:d 10:f 7:cDeF", "a differs+2");
    }

    #[test]
    fn sequence_numbers_wrap() {
        check("4294967294:abc 1:d 4294967295:bcde", "abc d e");
        check("4294967290:a 2:i 4294967291:bcdefgh", "a bcdefgh i");
        check("s4294967295: 0:a", "a");
    }

    #[test]
    fn a_hole_stays_open_until_it_is_certain_to_be_one() {
        check("5:a 8:d", "a");
        check("5:a 8:d .", "a <2> d");
        check("5:a 8:d 11:g .", "a <2> d <2> g");
        check("5:a 8:d a9 a9", "a");
        check("5:a 8:d a9 a9 a9", "a <2> d");
        check("5:a 8:d a6 a6 a6 a6", "a");
        check("5:a 8:d a9 a9 6:bc 11:g a12 a12", "a bc d");
        let far: String = (0..1200).map(|n| format!("{}:{} ", 8 + 1000 * n, "x".repeat(1000))).collect();
        assert!(run(&format!("5:a {far}")).starts_with("a <2> xxx"));
    }

    #[test]
    fn a_tap_vouches_for_its_gaps() {
        check("5:a g1000@1006:b 1007:c", "a <1000> b c");
        check("5:a 8:d g1000@1006:b", "a <2> d <997> b");
        check("5:a g4294967296@6:b", "a <4294967296> b");
        check("5:a g7@1006:b", "a");
        check("b5:a b6:b", "|a |b");
        check("5:a b8:d 6:bc", "a <2> |d");
        check("5:a 8:d b11:g", "a <2> d <2> |g");
        check("5:a o3000000000:b o3000000001:c", "a <2999999994> b c");
        check("o5:abc o5:abc o8:d", "abc d");
        check("5:a o8:", "a <2>");
    }

    #[test]
    fn the_end_comes_behind_the_last_byte() {
        check("5:a f6:b f6:b", "a b .");
        check("5:a f7: 6:b", "a b .");
        check("5:a f7: .", "a <1> .");
        check("5:a f7: a8 a8 a8 a8", "a <1> .");
        check("5:a f8:d a9 a9 a9", "a <2> d .");
        check("c2@5:abc 10:f .", "abc <2> f");
        check("5:a f6:b 7:x 6:bx .", "a b .");
        check("5:abc f5: 8:d f9: .", "abc d .");
        check("5:a f8: 6:bcdefg .", "a bc .");
    }

    #[test]
    fn a_segment_beyond_any_window_is_no_part_of_the_stream() {
        check("5:a 2000000000:x .", "a");
        check("5:a 4000000000:x 6:b .", "a b");
    }

    proptest! {
        /// However a stream is cut, repeated and shuffled, it comes out as it was.
        #[test]
        fn any_order_gives_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 1..200),
            first in any::<u32>(),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40), 1..60),
        ) {
            let mut half = HalfStream::default();
            let mut got = Vec::new();
            let mut out = |piece: Piece<'_>| match piece {
                Piece::Bytes { bytes: found, at, .. } => {
                    assert_eq!(at, 1000 + got.len() as u64);
                    got.extend_from_slice(found);
                }
                other => panic!("{other:?}"),
            };
            half.arrive(&Arrival { seq: first, syn: true, ..Arrival::default() }, &mut out);
            let in_order = (0..bytes.len()).map(|start| (start, 1));
            let cuts = cuts.iter().map(|(index, len)| (index.index(bytes.len()), *len));
            for (start, len) in cuts.chain(in_order) {
                let payload = &bytes[start..bytes.len().min(start + len)];
                let seq = first.wrapping_add(1).wrapping_add(u32::try_from(start).unwrap());
                half.arrive(&Arrival { seq, payload, at: 1000 + start as u64, ..Arrival::default() }, &mut out);
            }
            prop_assert_eq!(got, bytes);
            prop_assert_eq!(half.pending_len, 0);
        }

        #[test]
        fn any_segments_do_no_harm(
            segments in prop::collection::vec(
                (any::<u32>(), 0usize..3000, any::<(bool, bool)>(), any::<Option<u64>>(), any::<u32>()), 0..100,
            ),
            near in any::<bool>(),
        ) {
            let mut half = HalfStream::default();
            let mut out = |_: Piece<'_>| ();
            for (seq, len, (fin, in_order), gap, ack) in segments {
                let seq = if near { seq % 10_000 } else { seq };
                half.arrive(&Arrival { seq, fin, gap, in_order, payload: &vec![7; len], ..Arrival::default() }, &mut out);
                half.acknowledge(ack, &mut out);
                prop_assert!(half.pending_len <= PENDING_MAX + 4096);
            }
            half.flush(&mut out);
        }
    }
}
