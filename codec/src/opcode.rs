//! The opcode of a frame: what its payload data means (RFC 6455, 5.2 and 11.8).

use std::fmt;

/// All sixteen values the four opcode bits can hold.
///
/// Decoding never fails, so the ten values the RFC reserves are here too; that a peer must not
/// use them is a rule ([`Violation::ReservedDataOpcode`](crate::Violation::ReservedDataOpcode)), not a decoding error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Opcode {
    /// `0x0`: the next fragment of the message under way.
    Continuation = 0x0,
    /// `0x1`: a text message, or its first fragment.
    Text = 0x1,
    /// `0x2`: a binary message, or its first fragment.
    Binary = 0x2,
    /// `0x3`: reserved for a further data frame.
    Reserved3 = 0x3,
    /// `0x4`: reserved for a further data frame.
    Reserved4 = 0x4,
    /// `0x5`: reserved for a further data frame.
    Reserved5 = 0x5,
    /// `0x6`: reserved for a further data frame.
    Reserved6 = 0x6,
    /// `0x7`: reserved for a further data frame.
    Reserved7 = 0x7,
    /// `0x8`: the closing handshake.
    Close = 0x8,
    /// `0x9`: asks for a pong with the same payload.
    Ping = 0x9,
    /// `0xA`: answers a ping, or comes unasked.
    Pong = 0xA,
    /// `0xB`: reserved for a further control frame.
    ReservedB = 0xB,
    /// `0xC`: reserved for a further control frame.
    ReservedC = 0xC,
    /// `0xD`: reserved for a further control frame.
    ReservedD = 0xD,
    /// `0xE`: reserved for a further control frame.
    ReservedE = 0xE,
    /// `0xF`: reserved for a further control frame.
    ReservedF = 0xF,
}

impl Opcode {
    const ALL: [Self; 16] = [
        Self::Continuation,
        Self::Text,
        Self::Binary,
        Self::Reserved3,
        Self::Reserved4,
        Self::Reserved5,
        Self::Reserved6,
        Self::Reserved7,
        Self::Close,
        Self::Ping,
        Self::Pong,
        Self::ReservedB,
        Self::ReservedC,
        Self::ReservedD,
        Self::ReservedE,
        Self::ReservedF,
    ];

    /// The opcode in the low four bits of `bits`; the high four are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self::ALL[(bits & 0x0F) as usize]
    }

    /// The four bits, 0 to 15.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether the top opcode bit is set: close, ping, pong, and the five reserved beside them.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }

    /// Whether this is a data frame: continuation, text, binary, and the five reserved beside them.
    #[must_use]
    pub const fn is_data(self) -> bool {
        !self.is_control()
    }

    /// Whether the RFC gives this opcode no meaning.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        matches!(self.bits(), 0x3..=0x7 | 0xB..=0xF)
    }

    /// The RFC's name in lower case; reserved ones are named by their digit, as `reserved 0x3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Reserved3 => "reserved 0x3",
            Self::Reserved4 => "reserved 0x4",
            Self::Reserved5 => "reserved 0x5",
            Self::Reserved6 => "reserved 0x6",
            Self::Reserved7 => "reserved 0x7",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::ReservedB => "reserved 0xB",
            Self::ReservedC => "reserved 0xC",
            Self::ReservedD => "reserved 0xD",
            Self::ReservedE => "reserved 0xE",
            Self::ReservedF => "reserved 0xF",
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Opcode;

    #[test]
    fn every_nibble_is_an_opcode_and_comes_back() {
        for bits in 0..=15 {
            assert_eq!(Opcode::from_bits(bits).bits(), bits);
            assert_eq!(Opcode::from_bits(bits | 0xF0).bits(), bits);
            assert_eq!(Opcode::from_bits(bits).is_reserved(), Opcode::from_bits(bits).name().starts_with("reserved"));
        }
    }
}
