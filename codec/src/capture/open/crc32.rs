//! The checksum of gzip (RFC 1952, 8), by our own few lines: zlib-rs has one, but with 9 KB of tables that do not compress,
//! and the pages' modules are built without them.

/// Bits from the lowest on, as gzip has them.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The checksum of what came so far.
pub(super) struct Crc32 {
    /// What becomes of each byte.
    table: [u32; 256],
    state: u32,
}

impl Crc32 {
    pub(super) fn new() -> Self {
        let mut table = [0; 256];
        for (entry, byte) in table.iter_mut().zip(0..) {
            *entry = (0..8).fold(byte, |rest: u32, _| (rest >> 1) ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 });
        }
        Self { table, state: u32::MAX }
    }

    /// Begins anew.
    pub(super) const fn reset(&mut self) {
        self.state = u32::MAX;
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let step = |state: u32, byte: &u8| {
            let [low, ..] = state.to_le_bytes();
            (state >> 8) ^ self.table[usize::from(low ^ byte)]
        };
        self.state = bytes.iter().fold(self.state, step);
    }

    pub(super) const fn value(&self) -> u32 {
        !self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_checksum_of_gzip() {
        let mut crc = Crc32::new();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xCBF4_3926);
        crc.reset();
        assert_eq!(crc.value(), 0);
        crc.update(&[0xFF; 1000]);
        assert_eq!(crc.value(), zlib_rs::crc32::crc32(0, &[0xFF; 1000]));
    }
}
