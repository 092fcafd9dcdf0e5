//! Places where reading can begin again.
//!
//! Whoever keeps the bytes of frames rather than what was made of them has to read a message again when it is asked for,
//! and a compressed one refers back to all that came before. A checkpoint holds what has to be known at its place, so
//! that nothing in front of it has to be read again.

use std::collections::VecDeque;

use super::{Dissector, History};
use crate::deflate::params::DeflateParams;
use crate::rules::Role;

/// What a [`Dissector`] knows between two messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// What was agreed on.
    deflate: Option<DeflateParams>,
    /// What the sender may refer back to.
    window: Box<[u8]>,
    /// Not all of that was captured.
    history_missing: bool,
    /// A message may be under way that was not seen to begin.
    message_unknown: bool,
}

impl Checkpoint {
    /// What the dissector was told that was agreed on.
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }

    /// The bytes that it takes up.
    #[must_use]
    pub const fn held(&self) -> usize {
        size_of::<Self>() + self.window.len()
    }
}

/// Checkpoints of one direction.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Those that were made, by the number of the frame behind them.
    made: VecDeque<(u64, Box<Checkpoint>)>,
    /// One is wanted, however little there was since the last.
    is_wanted: bool,
    /// What came since the last.
    frames: u32,
    inflated: u64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { made: VecDeque::new(), is_wanted: true, frames: 0, inflated: 0 }
    }
}

impl Checkpoints {
    pub(super) const fn want(&mut self) {
        self.is_wanted = true;
    }

    pub(super) const fn are_due(&self) -> bool {
        self.is_wanted || self.inflated >= INFLATED_MAX || (self.inflated > 0 && self.frames >= FRAMES_MAX)
    }

    /// A frame of a message went by.
    pub(super) fn count(&mut self, inflated: Option<u64>) {
        self.frames = self.frames.saturating_add(1);
        self.inflated = self.inflated.saturating_add(inflated.unwrap_or_default());
    }
}

impl Dissector {
    /// The checkpoint in front of a frame, by its number, if there is one. Ask for each frame, in their order.
    pub fn take_checkpoint(&mut self, number: u64) -> Option<Box<Checkpoint>> {
        while let Some((at, checkpoint)) = self.checkpoints.made.pop_front() {
            if at == number {
                return Some(checkpoint);
            }
            if at > number {
                self.checkpoints.made.push_front((at, checkpoint));
                break;
            }
        }
        None
    }

    /// Goes on from a checkpoint. Frames and messages are counted from there.
    #[must_use]
    pub fn from_checkpoint(sender: Role, checkpoint: &Checkpoint) -> Self {
        let mut dissector = Self::new(sender, checkpoint.deflate);
        dissector.message_unknown = checkpoint.message_unknown;
        if let Some(history) = &mut dissector.history {
            history.restore(&checkpoint.window, checkpoint.history_missing);
        }
        dissector
    }

    /// What is known here, between two messages; `None` within one.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        if self.message.is_some() || !self.at_frame_boundary() {
            return None;
        }
        Some(self.known())
    }

    /// Whether a message is under way.
    #[must_use]
    pub const fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Gives back memory that is needed only while a compressed message is under way.
    pub fn release(&mut self) {
        if self.message.is_none()
            && let Some(history) = &mut self.history
        {
            history.release();
        }
    }

    pub(super) fn make_checkpoint(&mut self) {
        let checkpoint = Box::new(self.known());
        // Nobody may ask for them.
        if self.checkpoints.made.len() >= MADE_MAX {
            self.checkpoints.made.pop_front();
        }
        self.checkpoints.made.push_back((self.frames, checkpoint));
        (self.checkpoints.is_wanted, self.checkpoints.frames, self.checkpoints.inflated) = (false, 0, 0);
    }

    fn known(&self) -> Checkpoint {
        let (window, history_missing) = self.history.as_deref().map(History::known).unwrap_or_default();
        Checkpoint { deflate: self.deflate, window, history_missing, message_unknown: self.message_unknown }
    }
}

/// So much is inflated again at most to get from a checkpoint to a message: some hundredths of a second.
const INFLATED_MAX: u64 = 4 << 20;
/// So many frames, which makes 4 bytes of a window for each.
const FRAMES_MAX: u32 = 8192;
/// No chunk of a stream has more, unless somebody means to fill memory.
const MADE_MAX: usize = 16;
