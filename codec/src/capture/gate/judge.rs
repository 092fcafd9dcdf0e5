//! What is said to a gate, and by it.

use std::sync::Arc;

use super::Unfit;
use crate::dissect::Dissection;
use crate::header::FrameHeader;

/// Whoever says what is held.
pub trait Judge {
    /// Whether to hold this frame, and under which number.
    fn holds(&mut self, frame: Candidate<'_>) -> Option<u64>;

    /// A frame goes by that is too long to be held.
    fn passes(&mut self, _header: &FrameHeader) {}
}

/// A whole frame that nothing was decided about.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// All there is to say about it.
    pub dissection: Dissection,
    /// Its bytes.
    pub wire: &'a Arc<[u8]>,
    /// It belongs to a compressed message that others may be compressed against.
    pub in_context: bool,
    /// It is such a message by itself, and mending is possible.
    pub can_mend: bool,
}

/// What to do with a frame that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on as it was.
    Forward,
    /// These bytes go on in its place, whatever they are.
    Edit {
        /// What goes on.
        bytes: Vec<u8>,
        /// From then on, compressed messages go on inflated.
        mend: bool,
    },
    /// It does not go on.
    Drop {
        /// From then on, compressed messages go on inflated.
        mend: bool,
    },
}

/// What goes on to the receiver, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// What goes on.
    pub bytes: Vec<u8>,
    /// At which of them the first frame begins that begins among them.
    pub next_frame: Option<usize>,
    /// What it is.
    pub how: How,
}

/// What was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing.
    AsItWas,
    /// It was held.
    Held {
        /// As what.
        id: u64,
    },
    /// It was held, and this is in its place.
    Edited {
        /// As what.
        id: u64,
        /// What was sent.
        original: Arc<[u8]>,
    },
    /// It was held, and nothing is in its place.
    Dropped {
        /// As what.
        id: u64,
        /// What was sent.
        original: Arc<[u8]>,
    },
    /// It was put in.
    Injected {
        /// By whom and for what.
        tag: u64,
    },
    /// It was not put in after all.
    Unfit {
        /// By whom and for what it was to be.
        tag: u64,
        /// Why.
        why: Unfit,
    },
    /// A compressed message was inflated, or is yet to come whole and inflated.
    Inflated {
        /// What was sent.
        original: Arc<[u8]>,
    },
}
