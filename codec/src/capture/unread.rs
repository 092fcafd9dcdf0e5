//! TCP connections that are no WebSocket as far as can be told, and the user's word on them.

use std::fmt;
use std::net::SocketAddr;

use crate::deflate::params::DeflateParams;

/// A connection of which nothing is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its number.
    pub stream: u32,
    /// Who seems to be the client.
    pub client: SocketAddr,
    /// Who seems to be the server.
    pub server: SocketAddr,
    /// How many bytes of payload its packets carry, repeated ones counted again.
    pub bytes: u64,
    /// What it seems to be.
    pub looks: Looks,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Looks {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// TLS records.
    Tls,
    /// SSH.
    Ssh,
    /// HTTP/1, without a request for WebSocket.
    Http,
    /// HTTP/2.
    Http2,
    /// What may be frames, too few of them to be certain.
    Frames,
}

impl Looks {
    /// By the first bytes of a direction.
    pub(super) fn of(payload: &[u8]) -> Self {
        match payload {
            [0x14..=0x17, 3, 0..=4, ..] => Self::Tls,
            [b'S', b'S', b'H', b'-', ..] => Self::Ssh,
            [b'P', b'R', b'I', b' ', b'*', ..] => Self::Http2,
            _ if payload.len() >= 5 && super::opening::may_begin_head(payload) => Self::Http,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no opening handshake, and no frames as far as can be told",
            Self::Tls => "TLS: what is inside is encrypted",
            Self::Ssh => "SSH",
            Self::Http => "HTTP without a request for WebSocket",
            Self::Http2 => "HTTP/2: WebSocket inside of it is not read",
            Self::Frames => "its bytes could be frames, but are too few to be certain",
        })
    }
}

/// The user's word that a connection is WebSocket, though nothing that was captured says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The connection's number.
    pub stream: u32,
    /// Which end of it is the client.
    pub client: SocketAddr,
    /// What was agreed on about compression, if that is known.
    pub deflate: Option<DeflateParams>,
}
