use std::fmt;

/// The payload of a ping or a pong: at most 125 bytes (RFC 6455, 5.5).
#[derive(Clone, Copy)]
pub struct ControlPayload {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl ControlPayload {
    /// The most bytes it can have.
    pub const MAX: usize = 125;

    /// No bytes at all.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX], len: 0 };
}

impl AsRef<[u8]> for ControlPayload {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlPayload").field(&self.as_ref()).finish()
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for ControlPayload {}

impl TryFrom<&[u8]> for ControlPayload {
    type Error = ControlTooLong;

    fn try_from(payload: &[u8]) -> Result<Self, ControlTooLong> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..payload.len()).ok_or(ControlTooLong)?.copy_from_slice(payload);
        Ok(Self { bytes, len: u8::try_from(payload.len()).map_err(|_| ControlTooLong)? })
    }
}

/// More than the 125 bytes that a control frame can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlTooLong;

impl fmt::Display for ControlTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a control frame carries at most 125 bytes")
    }
}

impl std::error::Error for ControlTooLong {}
