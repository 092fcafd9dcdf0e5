//! What was done to a frame on its way by somebody who stood in between, as a packet comment.
//!
//! A capture shows what the receiver got. Where that is not what the sender sent, or not when, a comment on the packet
//! says so, with the original. It begins with `framescope:` as all comments of a tap, and is read back into a
//! [`Note`](super::Note), in front of the frame.

use std::fmt;

use crate::header::{FrameHeader, Rsv};
use crate::opcode::Opcode;

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Intervention {
    /// It was held for so many milliseconds, and then passed on as it was.
    Held {
        /// For how long.
        millis: u64,
    },
    /// It was held, and something else was passed on in its place: what the packet carries.
    Edited {
        /// For how long it was held.
        millis: u64,
        /// What was sent.
        original: Original,
    },
    /// It was held, and never passed on.
    Dropped {
        /// For how long it was held.
        millis: u64,
        /// What was sent.
        original: Original,
    },
    /// It was held, and when it was to be passed on, the receiver was gone.
    Undelivered {
        /// For how long it was held.
        millis: u64,
        /// What was sent.
        original: Original,
    },
    /// Nobody sent it: it was put in.
    Injected,
    /// It was inflated on its way, because it refers to a compressed message that the receiver did not get.
    Inflated {
        /// What was sent.
        original: Original,
    },
}

/// A frame that is not in the capture, since it did not go on: all of it, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Original {
    len: u64,
    bytes: Vec<u8>,
}

impl Original {
    /// What was on the wire.
    #[must_use]
    pub fn new(wire: &[u8]) -> Self {
        Self { len: wire.len() as u64, bytes: wire[..wire.len().min(ORIGINAL_MAX)].to_vec() }
    }

    /// How long it was.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there was nothing to it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes; of a long one, the first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(text: &str) -> Option<Self> {
        let (len, hex) = text.split_once(BYTES)?;
        let len = len.parse().ok()?;
        let digits = hex.as_bytes();
        let mut bytes = Vec::with_capacity(digits.len() / 2);
        for pair in digits.chunks(2) {
            let [high, low] = pair else { return None };
            let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(high)? << 4 | digit(low)?);
        }
        (bytes.len() as u64 <= len).then_some(Self { len, bytes })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{BYTES}", self.len)?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }

    /// What it was, in a few words.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((header, len)) = FrameHeader::decode(&self.bytes) else {
            return write!(f, "{} bytes", self.len);
        };
        let len_word = if header.payload_length.get() == 1 { "byte" } else { "bytes" };
        write!(f, "{}, {} {len_word}", header.opcode.name(), header.payload_length.get())?;
        if header.rsv.contains(Rsv::RSV1) {
            return f.write_str(", compressed");
        }
        let mut payload = self.bytes[len..].iter().take(SHOWN).copied().collect::<Vec<_>>();
        if let Some(key) = header.masking_key {
            key.apply(&mut payload, 0);
        }
        let is_text = matches!(header.opcode, Opcode::Text | Opcode::Continuation) && header.rsv.bits() == 0;
        match std::str::from_utf8(&payload) {
            Ok(text) if is_text && !text.is_empty() => {
                let more = if (payload.len() as u64) < header.payload_length.get() { "…" } else { "" };
                write!(f, ": {text}{more}")
            }
            _ => Ok(()),
        }
    }
}

impl Intervention {
    /// As a packet comment.
    ///
    /// ```
    /// use framescope_codec::capture::intervention::{Intervention, Original};
    ///
    /// let dropped = Intervention::Dropped { millis: 250, original: Original::new(b"\x81\x02Hi") };
    /// assert_eq!(dropped.comment(), "framescope: held for 250 ms, then dropped; it was of 4 bytes: 81024869");
    /// assert_eq!(dropped.to_string(), "held for 250 ms, then dropped; it was text, 2 bytes: Hi");
    /// assert_eq!(Intervention::parse(&dropped.comment()), Some(dropped));
    /// ```
    #[must_use]
    pub fn comment(&self) -> String {
        struct Comment<'a>(&'a Intervention);
        impl fmt::Display for Comment<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(PREFIX)?;
                self.0.write(f, |original, f| {
                    f.write_str(OF)?;
                    original.write(f)
                })
            }
        }
        Comment(self).to_string()
    }

    /// Reads a comment back; `None` for any that is not of this kind.
    #[must_use]
    pub fn parse(comment: &str) -> Option<Self> {
        let text = comment.strip_prefix(PREFIX)?;
        let (what, original) = match text.split_once(WAS) {
            Some((what, original)) => (what, Some(Original::parse(original.strip_prefix(OF)?)?)),
            None => (text, None),
        };
        let held = || {
            let (millis, then) = what.strip_prefix(HELD)?.split_once(MILLIS)?;
            Some((millis.parse().ok()?, then))
        };
        match (what, original) {
            (INJECTED, None) => Some(Self::Injected),
            (INFLATED, Some(original)) => Some(Self::Inflated { original }),
            (_, original) => match (held()?, original) {
                ((millis, PASSED_ON), None) => Some(Self::Held { millis }),
                ((millis, EDITED), Some(original)) => Some(Self::Edited { millis, original }),
                ((millis, DROPPED), Some(original)) => Some(Self::Dropped { millis, original }),
                ((millis, UNDELIVERED), Some(original)) => Some(Self::Undelivered { millis, original }),
                _ => None,
            },
        }
    }

    /// Whether the packet carries a frame, which it did not where it was not passed on.
    #[must_use]
    pub const fn has_frame(&self) -> bool {
        !matches!(self, Self::Dropped { .. } | Self::Undelivered { .. })
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        original: impl Fn(&Original, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut held = |millis: u64, then: &str, was: Option<&Original>| {
            write!(f, "{HELD}{millis}{MILLIS}{then}")?;
            was.map_or(Ok(()), |was| {
                f.write_str(WAS)?;
                original(was, f)
            })
        };
        match self {
            Self::Held { millis } => held(*millis, PASSED_ON, None),
            Self::Edited { millis, original } => held(*millis, EDITED, Some(original)),
            Self::Dropped { millis, original } => held(*millis, DROPPED, Some(original)),
            Self::Undelivered { millis, original } => held(*millis, UNDELIVERED, Some(original)),
            Self::Injected => f.write_str(INJECTED),
            Self::Inflated { original: was } => {
                write!(f, "{INFLATED}{WAS}")?;
                original(was, f)
            }
        }
    }
}

impl fmt::Display for Intervention {
    /// For people, who want to know what a frame said and not how it was spelt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Original::describe)
    }
}

const PREFIX: &str = "framescope: ";
const HELD: &str = "held for ";
const MILLIS: &str = " ms, then ";
const PASSED_ON: &str = "passed on as it was";
const EDITED: &str = "passed on edited";
const DROPPED: &str = "dropped";
const UNDELIVERED: &str = "not delivered, as the receiver was gone";
const INJECTED: &str = "injected: nobody sent this";
const INFLATED: &str = "inflated on its way, because the receiver did not get what it was compressed against";
const WAS: &str = "; it was ";
const OF: &str = "of ";
const BYTES: &str = " bytes: ";

/// As much of an original as is kept: its hex has to fit in an option of pcapng.
const ORIGINAL_MAX: usize = 16 << 10;
/// As much of what it said is shown.
const SHOWN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back() {
        let original = || Original::new(&[0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);
        for (intervention, shown) in [
            (Intervention::Held { millis: 0 }, "held for 0 ms, then passed on as it was"),
            (
                Intervention::Edited { millis: 1, original: original() },
                "held for 1 ms, then passed on edited; it was text, 5 bytes: Hello",
            ),
            (
                Intervention::Dropped { millis: u64::MAX, original: Original::new(b"\x82\x01\x00") },
                "held for 18446744073709551615 ms, then dropped; it was binary, 1 byte",
            ),
            (
                Intervention::Undelivered { millis: 3, original: Original::new(b"") },
                "held for 3 ms, then not delivered, as the receiver was gone; it was 0 bytes",
            ),
            (Intervention::Injected, "injected: nobody sent this"),
            (
                Intervention::Inflated { original: Original::new(b"\xC1\x03abc") },
                "inflated on its way, because the receiver did not get what it was compressed against; it was text, 3 bytes, compressed",
            ),
        ] {
            assert_eq!(intervention.to_string(), shown);
            assert_eq!(Intervention::parse(&intervention.comment()), Some(intervention));
        }
    }

    #[test]
    fn of_a_long_one_the_beginning_is_kept_and_its_comment_fits() {
        let long = Intervention::Dropped { millis: u64::MAX, original: Original::new(&vec![7; 1 << 20]) };
        let comment = long.comment();
        assert!(comment.len() < usize::from(u16::MAX));
        let Some(Intervention::Dropped { original, .. }) = Intervention::parse(&comment) else { panic!("{comment}") };
        assert_eq!((original.len(), original.bytes().len()), (1 << 20, ORIGINAL_MAX));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "framescope: injected",
            "framescope: held for ms, then dropped",
            "framescope: held for 1 ms, then dropped",
            "framescope: held for 1 ms, then dropped; it was of 1 bytes: 0",
            "framescope: held for 1 ms, then dropped; it was of 1 bytes: +1",
            "framescope: held for 1 ms, then dropped; it was of 1 bytes: 0000",
            "framescope: held for 1 ms, then passed on as it was; it was of 0 bytes: ",
            "held for 1 ms, then passed on as it was",
        ] {
            assert_eq!(Intervention::parse(text), None, "{text}");
        }
    }
}
