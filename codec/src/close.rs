//! The payload of a Close frame (RFC 6455, 5.5.1 and 7.4).

use std::fmt;

use crate::rules::Violation;

/// A status code that may stand in a Close frame.
///
/// The numbers that mean "there was none" (1005), "the connection broke" (1006) and "TLS failed"
/// (1015) cannot be held: "no status" is `None` wherever a code may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: this kind of data is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the data does not fit its type, as bytes in a text message that are not UTF-8.
    pub const INVALID_PAYLOAD_DATA: Self = Self(1007);
    /// 1008: a policy is broken, and no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the message is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server left out an extension that the client needs.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: something unexpected happened on the way.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer from upstream.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code, or `None` where the RFC or the IANA registry does not let it stand on the wire:
    /// below 1000, 1004 to 1006, 1015 to 2999, and from 5000 up.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the registry calls it; `registered` (3000 to 3999) and `private` (4000 to 4999) ranges by that word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        close_code_name(self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

/// What a number in a Close frame is called, also one that must not stand there.
#[must_use]
pub const fn close_code_name(code: u16) -> &'static str {
    match code {
        0..=999 => "not used",
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1004 => "reserved",
        1005 => "no status received",
        1006 => "abnormal closure",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS handshake failed",
        1016..=2999 => "reserved for the protocol",
        3000..=3999 => "registered",
        4000..=4999 => "private use",
        5000.. => "out of range",
    }
}

/// The payload of a Close frame that is not empty: a status code and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Box<str>,
}

impl CloseFrame {
    /// The most bytes a reason can have: a control frame's 125 less the two of the code.
    pub const MAX_REASON: usize = 123;

    /// A code and a reason. A reason of more than [`MAX_REASON`](Self::MAX_REASON) bytes is cut at
    /// the last whole character that fits: it is for people and logs, and no cause to fail.
    #[must_use]
    pub fn new(code: CloseCode, reason: &str) -> Self {
        let fits = reason.floor_char_boundary(Self::MAX_REASON);
        Self { code, reason: reason[..fits].into() }
    }

    /// The status code.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason; often empty.
    #[must_use]
    pub const fn reason(&self) -> &str {
        &self.reason
    }

    /// Reads the payload of a Close frame. An empty one is `None`: closed without a status.
    ///
    /// # Errors
    ///
    /// One byte alone, a code that must not be sent, or a reason that is not UTF-8.
    ///
    /// ```
    /// use framescope_codec::{CloseFrame, Violation};
    ///
    /// let frame = CloseFrame::decode(b"\x03\xe8bye").unwrap().unwrap();
    /// assert_eq!((frame.code().get(), frame.reason()), (1000, "bye"));
    /// assert_eq!(CloseFrame::decode(b""), Ok(None));
    /// assert_eq!(CloseFrame::decode(b"\x03\xed"), Err(Violation::InvalidCloseCode)); // 1005
    /// ```
    pub fn decode(payload: &[u8]) -> Result<Option<Self>, Violation> {
        let (code, reason) = match payload {
            [] => return Ok(None),
            [_] => return Err(Violation::ClosePayloadOfOneByte),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        let code = CloseCode::new(code).ok_or(Violation::InvalidCloseCode)?;
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidCloseReason)?;
        Ok(Some(Self::new(code, reason)))
    }

    /// Appends the payload: two bytes of code, then the reason.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.code.get().to_be_bytes());
        out.extend_from_slice(self.reason.as_bytes());
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self::new(code, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_the_codes_that_may_be_sent_can_be_held() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(CloseCode::new(code).map(CloseCode::get), Some(code));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert_eq!(CloseCode::new(code), None, "{code}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let frame = CloseFrame::new(CloseCode::NORMAL, &"é".repeat(100));
        assert_eq!(frame.reason(), "é".repeat(61));
    }

    #[test]
    fn each_way_to_be_wrong_has_its_rule() {
        assert_eq!(CloseFrame::decode(b"\x03"), Err(Violation::ClosePayloadOfOneByte));
        assert_eq!(CloseFrame::decode(b"\x03\xe8\xff"), Err(Violation::InvalidCloseReason));
    }
}
