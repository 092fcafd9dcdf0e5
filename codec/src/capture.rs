//! Captures: WebSocket connections as pcapng, written by the server's taps and read by the page.
//!
//! There is one format for everything that was seen on a wire, so there is one path in and one path
//! out, and every capture opens in Wireshark too.
//!
//! - Writing: [`pcapng`] frames blocks, [`tap::Flow`] turns chunks of one connection into TCP packets
//!   inside them, and [`mask::HeadMask`] hides credentials in the opening handshake first.
//! - What a tap knows and no packet can say, such as where a frame begins after a gap, travels in
//!   packet comments: [`comment::Comment`].

pub mod comment;
pub mod mask;
pub mod packet;
pub mod pcapng;
pub mod tap;

use crate::rules::Role;

/// Which way bytes go on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// What the client sends.
    ClientToServer,
    /// What the server sends.
    ServerToClient,
}

impl Direction {
    /// Both, the client's first.
    pub const BOTH: [Self; 2] = [Self::ClientToServer, Self::ServerToClient];

    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// Who sends this way.
    #[must_use]
    pub const fn sender(self) -> Role {
        match self {
            Self::ClientToServer => Role::Client,
            Self::ServerToClient => Role::Server,
        }
    }

    /// `c2s` or `s2c`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientToServer => "c2s",
            Self::ServerToClient => "s2c",
        }
    }

    /// Its place in a pair of things kept per direction.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::ClientToServer => 0,
            Self::ServerToClient => 1,
        }
    }
}
