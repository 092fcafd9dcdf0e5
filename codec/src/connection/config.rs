/// The limits and habits of one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The largest message taken, inflated. A header that announces more is refused by itself, so
    /// that nobody can make us hold what we would not keep.
    pub message_max: usize,
    /// The most fragments a message may come in: each costs time, though none costs memory.
    pub fragments_max: u32,
    /// Messages of fewer bytes are sent plain: compressing them rarely pays for the work.
    pub compress_min: usize,
    /// Whether a message is sent compressed even when that makes it larger.
    pub compress_always: bool,
    /// zlib's level, 1 (fast) to 9 (small).
    pub compression_level: i32,
    /// How many bytes are read and thrown away after the end, before the peer is given up.
    pub linger_max: u64,
}

impl Config {
    /// 8 MiB, 65 536 fragments, compression from 128 bytes where it pays, 4 MiB of lingering.
    pub const DEFAULT: Self = Self {
        message_max: 8 << 20,
        fragments_max: 65_536,
        compress_min: 128,
        compress_always: false,
        compression_level: 6,
        linger_max: 4 << 20,
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
