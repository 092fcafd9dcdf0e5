//! What can be wrong with a capture, in words.

use std::fmt;

use super::super::open::Format;

/// A place in a capture that cannot be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the capture.
    pub offset: u64,
    /// Why.
    pub kind: FaultKind,
}

/// What can be wrong with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It does not begin as a pcapng does.
    NotPcapng,
    /// It is compressed.
    Gzip,
    /// It is in the older format.
    ClassicPcap,
    /// A block says that it is shorter than any block.
    BlockTooShort(u32),
    /// A block says that it is longer than [`BLOCK_MAX`](super::BLOCK_MAX).
    BlockTooLong(u32),
    /// The length in front of a block and the one behind it are not the same.
    LengthsDiffer(u32, u32),
    /// A section header without a byte order.
    NoByteOrder,
    /// A block's fields contradict its length.
    MalformedBlock,
    /// A packet refers to an interface that has no description.
    UnknownInterface,
    /// More interfaces than any machine has.
    TooManyInterfaces,
    /// The end comes within a block.
    CutOff,
    /// Packets begin with something that is not known here. Told once for each such link type.
    LinkType(u16),
    /// A fragment of an IP packet, which are not put together; its bytes are missing from its connection. Told once.
    Fragment,
    /// There is nothing in the file.
    Empty,
    /// It is something with a name that is not read here.
    Other(&'static str),
    /// It is no format that is known.
    Unknown,
    /// Something is wrong with a file of this format.
    Within(Format, &'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPcapng => f.write_str("this is not pcapng"),
            Self::Gzip => f.write_str("this is gzip, not pcapng"),
            Self::ClassicPcap => f.write_str("this is an old-style pcap file, not pcapng"),
            Self::BlockTooShort(len) => write!(f, "a block of {len} bytes, less than there can be"),
            Self::BlockTooLong(len) => write!(f, "a block of {len} bytes, more than is read"),
            Self::LengthsDiffer(front, back) => write!(f, "a block's two lengths differ: {front} and {back}"),
            Self::NoByteOrder => f.write_str("a section without a byte order"),
            Self::MalformedBlock => f.write_str("a block whose contents do not fit in it"),
            Self::UnknownInterface => f.write_str("a packet of an interface that was not described"),
            Self::TooManyInterfaces => f.write_str("more interfaces than are kept"),
            Self::CutOff => f.write_str("the capture ends within a block"),
            Self::LinkType(number) => {
                write!(f, "packets of link type {number}, which is not read, as tcpdump.org/linktypes numbers them")
            }
            Self::Fragment => {
                f.write_str("a fragment of an IP packet; fragments are not put together, so what they carry is missing")
            }
            Self::Empty => f.write_str("the file is empty"),
            Self::Other(name) => write!(f, "this looks like {name}"),
            Self::Unknown => f.write_str("this is no format that is known here"),
            Self::Within(format, says) => write!(f, "{}: {says}", format.name()),
        }
    }
}
