//! What the fuzz targets share: how a fuzzer's bytes become a connection and its traffic.
//!
//! The first three bytes of an input of `receive` and `dissect` choose the setting, the rest is the
//! stream: bit 0 of the first says who sends, bit 1 whether compression was agreed, bits 2 and 3 are
//! the two `no_context_takeover`; the second holds the window bits; the third seeds the chunking.

use framescope_codec::{DeflateParams, Role, WindowBits};

/// The setting of a connection, and the stream one end sends.
pub struct Case<'a> {
    pub sender: Role,
    pub deflate: Option<DeflateParams>,
    pub chunks: Chunks,
    pub stream: &'a [u8],
}

impl<'a> Case<'a> {
    /// `None` when there is not even a setting.
    pub fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let (&[setting, windows, seed], stream) = bytes.split_first_chunk()?;
        let bits = |bits: u8| WindowBits::new(8 + bits % 8).unwrap_or(WindowBits::MAX);
        let deflate = (setting & 2 != 0).then(|| DeflateParams {
            server_no_context_takeover: setting & 4 != 0,
            client_no_context_takeover: setting & 8 != 0,
            server_max_window_bits: bits(windows),
            client_max_window_bits: bits(windows >> 4),
        });
        let sender = if setting & 1 == 0 { Role::Client } else { Role::Server };
        Some(Self { sender, deflate, chunks: Chunks(u32::from(seed)), stream })
    }
}

/// Lengths to cut a stream into: all of it for seed 0, single bytes for 1, else a mixture.
#[derive(Clone, Copy)]
pub struct Chunks(pub u32);

impl Chunks {
    /// The next piece's length.
    pub fn next_len(&mut self) -> usize {
        match self.0 {
            0 => usize::MAX,
            1 => 1,
            _ => {
                self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) | 2;
                match self.0 >> 30 {
                    0 => 1,
                    1 => (self.0 >> 8) as usize % 8 + 1,
                    2 => (self.0 >> 8) as usize % 64 + 1,
                    _ => (self.0 >> 8) as usize % 5000 + 1,
                }
            }
        }
    }
}
