//! What the two ends of permessage-deflate agree on (RFC 7692, 7.1).

mod negotiation;

pub use negotiation::{Agreement, ClientWindow, DeflatePolicy, Offer};

use crate::rules::Role;

/// The size of an LZ77 window as its base-2 logarithm, 8 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes, the least there is.
    pub const MIN: Self = Self(8);
    /// 32 KiB, which holds where nothing was said.
    pub const MAX: Self = Self(15);

    /// `None` outside 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits >= Self::MIN.0 && bits <= Self::MAX.0 { Some(Self(bits)) } else { None }
    }

    /// The logarithm, 8 to 15.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The window in bytes, 256 to 32 768.
    #[must_use]
    pub const fn window_len(self) -> usize {
        1 << self.0
    }
}

/// The parameters in force on a connection that agreed on permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeflateParams {
    /// The server begins each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The largest window the server compresses with.
    pub server_max_window_bits: WindowBits,
    /// The largest window the client compresses with.
    pub client_max_window_bits: WindowBits,
}

impl DeflateParams {
    /// Everything at its default: context takeover and 32 KiB both ways.
    pub const DEFAULT: Self = Self {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: WindowBits::MAX,
        client_max_window_bits: WindowBits::MAX,
    };

    /// Whether `sender` carries its window from one message to the next.
    #[must_use]
    pub const fn context_takeover(self, sender: Role) -> bool {
        match sender {
            Role::Client => !self.client_no_context_takeover,
            Role::Server => !self.server_no_context_takeover,
        }
    }

    /// The largest window that `sender` compresses with.
    #[must_use]
    pub const fn max_window_bits(self, sender: Role) -> WindowBits {
        match sender {
            Role::Client => self.client_max_window_bits,
            Role::Server => self.server_max_window_bits,
        }
    }
}

impl Default for DeflateParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}
