//! A row as it is held: what the list and header filters ask for, and where the rest lies.

use framescope_codec::capture::Direction;
use framescope_codec::dissect::Dissection;
use framescope_codec::{Opcode, Rsv, Violation};

/// One row, in 52 bytes. Packed, since 8-byte numbers would else be kept at multiples of 8, and a row be as long.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(super) struct Entry {
    pub(super) time_ns: u64,
    /// Of a frame: where it lies in its source, or, if it is scattered, which are its parts.
    pub(super) at: Far,
    /// Where its first byte stands in what its direction sent.
    pub(super) offset: Far,
    /// The payload's length; [`MANY`] for more than this can say.
    pub(super) length: u32,
    /// Which connection, of all sources; [`NONE`] for what is about a capture itself.
    pub(super) connection: u32,
    /// The rules that it breaks, by their numbers; of a handshake, how many.
    pub(super) violations: u32,
    /// What the frame added to its compressed message; [`NONE`] if that is not compressed, [`MANY`] as above.
    pub(super) inflated: u32,
    /// The number of its message, or, if that has other frames, of its span.
    pub(super) message: u32,
    /// Which frame of its message it is, from 0.
    pub(super) fragment: u32,
    /// How many rows back the frame of data stands that its direction sent before; 0 if there is none.
    pub(super) back: u32,
    /// FIN, the reserved bits and the opcode, as on the wire.
    pub(super) first_byte: u8,
    pub(super) header_len: u8,
    pub(super) flags: u8,
    pub(super) kind: Kind,
}

/// A number below 2^48, more bytes than any capture has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Far([u16; 3]);

impl Far {
    #[expect(clippy::cast_possible_truncation, reason = "in three parts")]
    pub(super) const fn new(number: u64) -> Self {
        Self([number as u16, (number >> 16) as u16, (number >> 32) as u16])
    }

    pub(super) fn get(self) -> u64 {
        let [low, middle, high] = self.0.map(u64::from);
        low | middle << 16 | high << 32
    }
}

/// No such number.
pub(super) const NONE: u32 = u32::MAX;
/// A number that does not fit.
pub(super) const MANY: u32 = u32::MAX - 1;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Frame,
    Request,
    Response,
    /// Some bytes were not captured.
    Gap,
    /// A connection, or one direction of it, is over.
    End,
    Note,
    /// It belonged to a source that was removed.
    Removed,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Request | Self::Response => "handshake",
            Self::Gap => "gap",
            Self::End => "end",
            Self::Note | Self::Removed => "note",
        }
    }
}

/// Bits of [`Entry::flags`].
pub(super) mod flag {
    /// From the server.
    pub(crate) const FROM_SERVER: u8 = 1;
    /// It has a direction.
    pub(crate) const DIRECTED: u8 = 2;
    pub(crate) const MASKED: u8 = 4;
    /// It has a part in a message.
    pub(crate) const IN_MESSAGE: u8 = 8;
    /// It completes its message.
    pub(crate) const LAST: u8 = 16;
    /// Its message has other frames.
    pub(crate) const IN_SPAN: u8 = 32;
    /// It has parts.
    pub(crate) const SCATTERED: u8 = 64;
    /// Its message is compressed.
    pub(crate) const COMPRESSED: u8 = 128;
}

impl Entry {
    /// A row without anything in it.
    pub(super) const fn new(kind: Kind, time_ns: u64) -> Self {
        Self {
            time_ns,
            at: Far([0; 3]),
            offset: Far([0; 3]),
            length: 0,
            connection: NONE,
            violations: 0,
            inflated: NONE,
            message: NONE,
            fragment: 0,
            back: 0,
            first_byte: 0,
            header_len: 0,
            flags: 0,
            kind,
        }
    }

    /// What there is to say about a frame by itself.
    pub(super) fn of_frame(dissection: &Dissection, time_ns: u64) -> Self {
        let header = &dissection.header;
        let mut entry = Self {
            offset: Far::new(dissection.offset),
            length: narrow(header.payload_length.get()),
            violations: dissection.violations.iter().fold(0, |bits, found| bits | 1 << found.violation as u8),
            inflated: dissection.inflated_len.map_or(NONE, narrow),
            first_byte: header.encode_array().as_ref().first().copied().unwrap_or_default(),
            header_len: u8::try_from(header.encoded_len()).unwrap_or_default(),
            ..Self::new(Kind::Frame, time_ns)
        };
        let message = dissection.message.as_ref();
        entry.set(flag::MASKED, header.masking_key.is_some());
        entry.set(flag::IN_MESSAGE, dissection.fragment.is_some());
        entry.set(flag::LAST, message.is_some());
        entry.set(
            flag::COMPRESSED,
            dissection.inflated_len.is_some() || message.is_some_and(|message| message.compressed),
        );
        if let Some(fragment) = dissection.fragment {
            entry.fragment = fragment.index;
            entry.set(flag::IN_SPAN, fragment.index > 0 || !header.fin);
            #[expect(clippy::cast_possible_truncation, reason = "who has sent so many begins at 0 again")]
            let message = fragment.message as u32;
            entry.message = message;
        }
        entry
    }

    pub(super) const fn set(&mut self, flag: u8, is_set: bool) {
        if is_set {
            self.flags |= flag;
        }
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn direction(&self) -> Option<Direction> {
        match (self.has(flag::DIRECTED), self.has(flag::FROM_SERVER)) {
            (false, _) => None,
            (true, false) => Some(Direction::ClientToServer),
            (true, true) => Some(Direction::ServerToClient),
        }
    }

    /// 0 for what the client sent, 1 for the server.
    pub(super) fn side(&self) -> usize {
        usize::from(self.has(flag::FROM_SERVER))
    }

    pub(super) const fn set_direction(&mut self, direction: Direction) {
        self.set(flag::DIRECTED, true);
        self.set(flag::FROM_SERVER, matches!(direction, Direction::ServerToClient));
    }

    pub(super) const fn is_frame(&self) -> bool {
        matches!(self.kind, Kind::Frame)
    }

    /// What is said of a capture before its first packet has no time.
    pub(super) const fn is_timed(&self) -> bool {
        self.time_ns > 0 || self.connection != NONE
    }

    pub(super) const fn fin(&self) -> bool {
        self.first_byte & 0x80 != 0
    }

    pub(super) const fn rsv(&self) -> Rsv {
        Rsv::from_bits(self.first_byte >> 4 & 7)
    }

    pub(super) fn opcode(&self) -> Opcode {
        Opcode::from_bits(self.first_byte & 15)
    }

    /// Whether it is a row of its own where only messages are listed.
    pub(super) const fn ends_message(&self) -> bool {
        !self.is_frame() || !self.has(flag::IN_MESSAGE) || self.fin()
    }

    /// How many rules it breaks.
    pub(super) const fn violation_count(&self) -> u32 {
        if self.is_frame() { self.violations.count_ones() } else { self.violations }
    }

    /// The rules that a frame breaks.
    pub(super) fn rules(&self) -> impl Iterator<Item = Violation> + use<> {
        let bits = if self.is_frame() { self.violations } else { 0 };
        Violation::ALL.into_iter().filter(move |rule| bits & 1 << *rule as u8 != 0)
    }
}

/// As much of a number as fits.
pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(MANY).min(MANY)
}

const _: () = assert!(size_of::<Entry>() == 52, "a million rows, 52 MB");
