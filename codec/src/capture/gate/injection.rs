//! Bytes that nobody sent, on their way in.

use std::fmt;

use super::{Gate, How, Passed};
use crate::header::FrameHeader;
use crate::opcode::Opcode;

/// What is to be put in at the next place where a frame ends.
#[derive(Debug)]
pub(super) struct Injection {
    tag: u64,
    bytes: Vec<u8>,
    is_forced: bool,
}

/// Why something is not put in, unless it is forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// These are no bytes.
    Empty,
    /// It is not one whole frame, or several: the receiver would take what comes next for a part of it.
    NotWhole,
    /// The sender is in the middle of a fragmented message, where only control frames may stand (RFC 6455, 5.4).
    InMessage,
    /// It goes on with a message that has not begun.
    NoMessage,
    /// It begins a message that it does not end, and the sender's own would break it.
    Unfinished,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is nothing to put in",
            Self::NotWhole => "this is not one whole frame or several: the receiver would take what comes next for a part of it",
            Self::InMessage => {
                "the sender is in the middle of a fragmented message, where only control frames may stand (RFC 6455, 5.4)"
            }
            Self::NoMessage => "this goes on with a message that has not begun (RFC 6455, 5.4)",
            Self::Unfinished => "this begins a message that it does not end: the sender's next would break it",
        })
    }
}

impl Unfit {
    /// Looks at bytes that are to be put in where a message is under way or not.
    ///
    /// # Errors
    ///
    /// Why they should not be.
    pub fn check(bytes: &[u8], in_message: bool) -> Result<(), Self> {
        if bytes.is_empty() {
            return Err(Self::Empty);
        }
        let (mut rest, mut is_open) = (bytes, false);
        while !rest.is_empty() {
            let (header, len) = FrameHeader::decode(rest).ok_or(Self::NotWhole)?;
            let whole = usize::try_from(header.payload_length.get()).ok().and_then(|payload| payload.checked_add(len));
            rest = whole.and_then(|whole| rest.get(whole..)).ok_or(Self::NotWhole)?;
            if header.opcode.is_control() {
                continue;
            }
            match header.opcode {
                _ if in_message => return Err(Self::InMessage),
                Opcode::Continuation if !is_open => return Err(Self::NoMessage),
                Opcode::Text | Opcode::Binary if is_open => return Err(Self::InMessage),
                _ => is_open = !header.fin,
            }
        }
        if is_open { Err(Self::Unfinished) } else { Ok(()) }
    }
}

impl Gate {
    /// Puts bytes in, in front of what is held: now, or when the frame that is going on has ended. What became of it
    /// comes out in its place.
    pub fn inject(&mut self, tag: u64, bytes: Vec<u8>, is_forced: bool) {
        self.injections.push_back(Injection { tag, bytes, is_forced });
        self.inject_next();
    }

    /// What waits to be put in, if it cannot be any more.
    pub fn abandon_injections(&mut self) -> impl Iterator<Item = u64> {
        std::mem::take(&mut self.injections).into_iter().map(|injection| injection.tag)
    }

    pub(super) fn inject_next(&mut self) {
        while self.cursor.at_boundary()
            && let Some(Injection { tag, bytes, is_forced }) = self.injections.pop_front()
        {
            let fit =
                if is_forced && !bytes.is_empty() { Ok(()) } else { Unfit::check(&bytes, self.cursor.in_message()) };
            match fit {
                Ok(()) => {
                    self.jump(&bytes);
                    self.put(Passed { bytes, next_frame: Some(0), how: How::Injected { tag } });
                }
                Err(why) => self.put(Passed { bytes: Vec::new(), next_frame: None, how: How::Unfit { tag, why } }),
            }
        }
    }
}
