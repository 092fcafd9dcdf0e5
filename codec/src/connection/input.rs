use std::ops::Range;

/// Bytes that arrived, being worked off from the front. They are unmasked where they are, and events lend from them.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl<'b> Input<'b> {
    /// All of `bytes`, as read from the peer.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are left.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether all are worked off.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that are left, for whoever stops half way and has to keep them.
    #[must_use]
    #[inline]
    pub fn remaining(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }

    /// Takes the next `len` bytes off: where they are.
    #[inline]
    pub(super) fn advance(&mut self, len: usize) -> Range<usize> {
        let start = self.at;
        self.at += len;
        start..self.at
    }
}
