//! Every rule that a peer can break once the connection is open, each written once.
//!
//! [`Connection`](crate::Connection) stops at the first broken one and closes with its code;
//! [`Dissector`](crate::Dissector) goes on and shows them all. Both ask here, so they cannot disagree.

mod violation;

pub use violation::Violation;

use crate::header::{FrameHeader, Rsv};
use crate::opcode::Opcode;

/// Which end of a connection: the one that sent the opening handshake, or the one that answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opens the connection, and masks what it sends.
    Client,
    /// Answers, and masks nothing.
    Server,
}

impl Role {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a header is judged against: who sent it, and where in a message it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Who sent the frame.
    pub sender: Role,
    /// Whether permessage-deflate was agreed, which gives RSV1 its meaning.
    pub compression: bool,
    /// Whether a fragmented message of this sender is under way.
    pub in_message: bool,
}

/// The rules that this header breaks, in the order of [`Violation::ALL`].
///
/// ```
/// use framescope_codec::{rules, FrameHeader, Opcode, Role, Violation};
///
/// let expected = rules::Expected { sender: Role::Client, compression: false, in_message: false };
/// let broken: Vec<_> = rules::check_header(&FrameHeader::new(Opcode::Text, 5), &expected).collect();
/// assert_eq!(broken, [Violation::UnmaskedFromClient]);
/// ```
pub fn check_header(header: &FrameHeader, expected: &Expected) -> impl Iterator<Item = Violation> + use<> {
    let opcode = header.opcode;
    let rsv1 = header.rsv.contains(Rsv::RSV1);
    let length = header.payload_length;
    let is_masked = header.masking_key.is_some();
    let starts_message = opcode.is_data() && opcode != Opcode::Continuation;
    [
        (rsv1 && !expected.compression, Violation::Rsv1WithoutExtension),
        (rsv1 && expected.compression && opcode.is_control(), Violation::Rsv1OnControl),
        (rsv1 && expected.compression && opcode == Opcode::Continuation, Violation::Rsv1OnContinuation),
        (header.rsv.contains(Rsv::RSV2), Violation::Rsv2WithoutExtension),
        (header.rsv.contains(Rsv::RSV3), Violation::Rsv3WithoutExtension),
        (opcode.is_reserved() && opcode.is_data(), Violation::ReservedDataOpcode),
        (opcode.is_reserved() && opcode.is_control(), Violation::ReservedControlOpcode),
        (opcode.is_control() && !header.fin, Violation::FragmentedControl),
        (opcode.is_control() && length.get() > MAX_CONTROL_PAYLOAD, Violation::LongControl),
        (expected.sender == Role::Client && !is_masked, Violation::UnmaskedFromClient),
        (expected.sender == Role::Server && is_masked, Violation::MaskedFromServer),
        (!length.is_minimal(), Violation::LengthNotMinimal),
        (length.get() >> 63 != 0, Violation::LengthTopBit),
        (opcode == Opcode::Continuation && !expected.in_message, Violation::ContinuationWithoutMessage),
        (starts_message && expected.in_message, Violation::MessageInterrupted),
    ]
    .into_iter()
    .filter_map(|(broken, rule)| broken.then_some(rule))
}

/// Whether the header breaks no rule at all: the same answer as an empty [`check_header`], in the
/// few instructions that the path of every good frame can afford.
#[must_use]
#[inline]
pub fn is_sound(header: &FrameHeader, expected: &Expected) -> bool {
    let length = header.payload_length;
    let opcode_fits = match header.opcode {
        Opcode::Text | Opcode::Binary => {
            !expected.in_message && (header.rsv == Rsv::NONE || (header.rsv == Rsv::RSV1 && expected.compression))
        }
        Opcode::Continuation => expected.in_message && header.rsv == Rsv::NONE,
        Opcode::Close | Opcode::Ping | Opcode::Pong => {
            header.fin && header.rsv == Rsv::NONE && length.get() <= MAX_CONTROL_PAYLOAD
        }
        _ => false,
    };
    opcode_fits
        && header.masking_key.is_some() == (expected.sender == Role::Client)
        && length.is_minimal()
        && length.get() >> 63 == 0
}

/// The most payload a control frame may have (RFC 6455, 5.5).
pub const MAX_CONTROL_PAYLOAD: u64 = 125;

#[cfg(test)]
mod tests {
    use super::*;

    /// `sender` and the state against the rules broken, for a header in hex.
    fn check(hex: &str, sender: Role, compression: bool, in_message: bool, broken: &[Violation]) {
        let bytes: Vec<u8> = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let (header, _) = FrameHeader::decode(&bytes).expect("a whole header");
        let found: Vec<_> = check_header(&header, &Expected { sender, compression, in_message }).collect();
        assert_eq!(found, broken, "{hex}");
    }

    #[test]
    fn the_short_check_agrees_with_the_long_one_on_every_header() {
        let lengths: [&[u8]; 4] = [&[0, 0, 1], &[0, 126, 1], &[0, 0, 0, 0, 0, 1, 0, 0], &[128, 0, 0, 0, 0, 0, 0, 0]];
        for (first, second, length) in (0..=255_u8)
            .flat_map(|first| (0..=255_u8).map(move |second| (first, second)))
            .flat_map(|(first, second)| lengths.map(|length| (first, second, length)))
        {
            let mut bytes = [0; FrameHeader::MAX_LEN];
            (bytes[0], bytes[1]) = (first, second);
            bytes[2..2 + length.len()].copy_from_slice(length);
            let (header, _) = FrameHeader::decode(&bytes).unwrap();
            for state in 0..8 {
                let sender = if state & 1 == 0 { Role::Client } else { Role::Server };
                let expected = Expected { sender, compression: state & 2 != 0, in_message: state & 4 != 0 };
                let sound = check_header(&header, &expected).next().is_none();
                assert_eq!(is_sound(&header, &expected), sound, "{header:?} {expected:?}");
            }
        }
    }

    #[test]
    fn each_rule_of_the_header_is_found() {
        use Role::{Client, Server};
        use Violation as V;
        check("81 85 00 00 00 00", Client, false, false, &[]);
        check("81 05", Server, false, false, &[]);
        check("C1 05", Server, true, false, &[]);
        check("C1 05", Server, false, false, &[V::Rsv1WithoutExtension]);
        check("C9 05", Server, true, true, &[V::Rsv1OnControl]);
        check("C0 05", Server, true, true, &[V::Rsv1OnContinuation]);
        check("B1 05", Server, true, false, &[V::Rsv2WithoutExtension, V::Rsv3WithoutExtension]);
        check("83 05", Server, false, false, &[V::ReservedDataOpcode]);
        check("8B 05", Server, false, false, &[V::ReservedControlOpcode]);
        check("09 05", Server, false, true, &[V::FragmentedControl]);
        check("89 7E 00 7E", Server, false, true, &[V::LongControl]);
        check("81 05", Client, false, false, &[V::UnmaskedFromClient]);
        check("81 85 00 00 00 00", Server, false, false, &[V::MaskedFromServer]);
        check("81 7E 00 7D", Server, false, false, &[V::LengthNotMinimal]);
        check("81 7F 00 00 00 00 00 00 FF FF", Server, false, false, &[V::LengthNotMinimal]);
        check("81 7F 80 00 00 00 00 00 00 00", Server, false, false, &[V::LengthTopBit]);
        check("80 05", Server, false, false, &[V::ContinuationWithoutMessage]);
        check("81 05", Server, false, true, &[V::MessageInterrupted]);
    }
}
