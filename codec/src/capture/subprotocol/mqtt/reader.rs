//! The few ways in which MQTT writes numbers, texts and bytes (MQTT 5.0, 1.5).

/// A place in a packet. It never reads past the end: whoever asks for more gets `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn two(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    pub(super) fn four(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// One to four bytes, seven bits in each, the lowest first.
    pub(super) fn variable(&mut self) -> Option<u32> {
        let mut number = 0;
        for place in 0..4 {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Two bytes of length, and so many bytes.
    pub(super) fn data(&mut self) -> Option<&'a [u8]> {
        let len = self.two()?;
        self.take(usize::from(len))
    }

    /// The same as text; what is no UTF-8 is replaced.
    pub(super) fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.data()?).into_owned())
    }
}
