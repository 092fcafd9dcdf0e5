//! Where the bytes of a frame lie in the capture.

use std::collections::VecDeque;

/// Where the bytes of a frame lie in the bytes that a [`Decoder`](super::Decoder) was fed, in their order on the wire.
///
/// Most frames lie in one piece. A frame that several packets brought has a piece in each, and where bytes of it were
/// not captured, a piece says how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    first: Option<Piece>,
    more: Vec<Piece>,
}

/// Some of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where they lie; `None` if they were not captured.
    pub at: Option<u64>,
    /// How many they are.
    pub len: u64,
}

impl Pieces {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Piece> {
        self.first.into_iter().chain(self.more.iter().copied())
    }

    /// Where all of the bytes lie, if they are in one piece.
    #[must_use]
    pub fn single(&self) -> Option<u64> {
        if self.more.is_empty() { self.first?.at } else { None }
    }

    fn push(&mut self, piece: Piece) {
        if self.first.is_none() {
            self.first = Some(piece);
        } else {
            self.more.push(piece);
        }
    }
}

/// Where the bytes of one direction lie, from the frame under way on.
#[derive(Debug, Default)]
pub(super) struct Trail(VecDeque<Run>);

/// Bytes that follow each other both in the stream and in the capture.
#[derive(Debug)]
struct Run {
    /// Where they begin in the stream.
    offset: u64,
    at: u64,
    len: u64,
}

impl Trail {
    /// These bytes of the stream lie there in the capture.
    pub(super) fn push(&mut self, offset: u64, at: u64, len: u64) {
        if len > 0 {
            self.0.push_back(Run { offset, at, len });
        }
    }

    /// Forgets all: no frame is known to begin in these bytes.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Where the bytes of a frame lie that takes up these of the stream, as far as they were captured. What is in front
    /// of its end is forgotten.
    pub(super) fn take(&mut self, offset: u64, len: u64) -> Pieces {
        let end = offset.saturating_add(len);
        let mut pieces = Pieces::default();
        let mut next = offset;
        while let Some(run) = self.0.front() {
            let run_end = run.offset + run.len;
            let (from, to) = (run.offset.max(next), run_end.min(end));
            if from < to {
                if from > next {
                    pieces.push(Piece { at: None, len: from - next });
                }
                pieces.push(Piece { at: Some(run.at + (from - run.offset)), len: to - from });
                next = to;
            }
            if run_end > end {
                break;
            }
            self.0.pop_front();
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_where_their_packets_do() {
        let piece = |at, len| Piece { at, len };
        let mut trail = Trail::default();
        trail.push(0, 1000, 10);
        trail.push(10, 2000, 10);
        trail.push(25, 3000, 10);
        assert_eq!(trail.take(0, 4).single(), Some(1000));
        assert_eq!(trail.take(4, 6).single(), Some(1004));
        let across = trail.take(10, 20);
        assert_eq!(across.iter().collect::<Vec<_>>(), [piece(Some(2000), 10), piece(None, 5), piece(Some(3000), 5)]);
        assert_eq!(across.single(), None);
        assert_eq!(trail.take(30, u64::MAX).iter().collect::<Vec<_>>(), [piece(Some(3005), 5)]);
        assert!(trail.0.is_empty());
    }
}
