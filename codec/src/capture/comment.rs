//! What a tap knows that packets cannot say, as packet comments.
//!
//! Comments are part of pcapng: Wireshark shows them beside the packet, `mergecap` and `editcap` keep
//! them. Ours begin with `framescope:`, read well as they are, and can be parsed back.

use std::fmt;

use super::origin::Origin;
use crate::deflate::params::{DeflateParams, WindowBits};
use crate::rules::Role;

/// One remark of a tap about the packet it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comment {
    /// The first payload byte of this packet is the first byte of a WebSocket frame.
    FrameBoundary,
    /// The tap left out this many bytes right before this packet: they will not come later.
    Gap(u64),
    /// The watch began when the connection was open already.
    JoinedLate {
        /// Who sends this packet.
        sender: Role,
        /// The parameters of permessage-deflate, if that was agreed on in the handshake that was not seen.
        deflate: Option<DeflateParams>,
    },
    /// There is no socket, and the addresses stand in for it.
    InProcess,
    /// The connection was rebuilt from something that is no capture of packets.
    Rebuilt(Origin),
    /// The bytes are frames, but nothing is known of an opening handshake.
    WithoutHandshake {
        /// Who sends this packet.
        sender: Role,
    },
}

impl Comment {
    /// Reads a comment back; `None` for any that is not of this kind.
    ///
    /// ```
    /// use framescope_codec::{Role, capture::comment::Comment};
    ///
    /// let comment = Comment::JoinedLate { sender: Role::Client, deflate: None };
    /// assert_eq!(comment.to_string(), "framescope: joined late; sent by client; sec-websocket-extensions:");
    /// assert_eq!(Comment::parse(&comment.to_string()), Some(comment));
    /// assert_eq!(Comment::parse("retransmitted, why?"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(PREFIX)?;
        if let Some(text) = text.strip_prefix(JOINED_LATE) {
            let (sender, extensions) = text.split_once(EXTENSIONS)?;
            let sender = [Role::Client, Role::Server].into_iter().find(|role| sender == role_name(*role))?;
            let deflate = match extensions.trim() {
                "" => None,
                agreed => Some(parse_params(agreed)?),
            };
            return Some(Self::JoinedLate { sender, deflate });
        }
        if let Some(origin) = text.strip_prefix(REBUILT) {
            return Origin::ALL.into_iter().find(|known| known.name() == origin).map(Self::Rebuilt);
        }
        if let Some(sender) = text.strip_prefix(WITHOUT_HANDSHAKE) {
            let sender = [Role::Client, Role::Server].into_iter().find(|role| sender == role_name(*role))?;
            return Some(Self::WithoutHandshake { sender });
        }
        match text {
            FRAME_BOUNDARY => Some(Self::FrameBoundary),
            IN_PROCESS => Some(Self::InProcess),
            _ => text.strip_prefix(GAP)?.strip_suffix(GAP_UNIT)?.parse().ok().map(Self::Gap),
        }
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::FrameBoundary => f.write_str(FRAME_BOUNDARY),
            Self::Gap(bytes) => write!(f, "{GAP}{bytes}{GAP_UNIT}"),
            Self::JoinedLate { sender, deflate } => {
                write!(f, "{JOINED_LATE}{}{EXTENSIONS}", role_name(*sender))?;
                deflate.as_ref().map_or(Ok(()), |params| write_params(params, f))
            }
            Self::InProcess => f.write_str(IN_PROCESS),
            Self::Rebuilt(origin) => write!(f, "{REBUILT}{}", origin.name()),
            Self::WithoutHandshake { sender } => write!(f, "{WITHOUT_HANDSHAKE}{}", role_name(*sender)),
        }
    }
}

const PREFIX: &str = "framescope: ";
const FRAME_BOUNDARY: &str = "frame boundary";
const GAP: &str = "gap of ";
const GAP_UNIT: &str = " bytes";
const IN_PROCESS: &str = "in-process connection without a socket; the addresses stand in for it";
const REBUILT: &str = "rebuilt from ";
const WITHOUT_HANDSHAKE: &str = "no opening handshake is known; sent by ";
const JOINED_LATE: &str = "joined late; sent by ";
const EXTENSIONS: &str = "; sec-websocket-extensions:";

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// The agreement as a server's response would have put it (RFC 7692, 7.1), defaults left out.
fn write_params(params: &DeflateParams, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(" permessage-deflate")?;
    for (set, name) in [
        (params.server_no_context_takeover, "server_no_context_takeover"),
        (params.client_no_context_takeover, "client_no_context_takeover"),
    ] {
        if set {
            write!(f, "; {name}")?;
        }
    }
    for (bits, name) in [
        (params.server_max_window_bits, "server_max_window_bits"),
        (params.client_max_window_bits, "client_max_window_bits"),
    ] {
        if bits != WindowBits::MAX {
            write!(f, "; {name}={}", bits.get())?;
        }
    }
    Ok(())
}

/// Reads back what [`write_params`] wrote. Not the grammar of the header: a comment that differs was not
/// written by a tap, and guessing at it would mean wrong bytes later.
fn parse_params(text: &str) -> Option<DeflateParams> {
    let mut parts = text.split("; ");
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut params = DeflateParams::DEFAULT;
    for part in parts {
        let bits = |value: &str| value.parse().ok().and_then(WindowBits::new);
        match part.split_once('=') {
            None if part == "server_no_context_takeover" => params.server_no_context_takeover = true,
            None if part == "client_no_context_takeover" => params.client_no_context_takeover = true,
            Some(("server_max_window_bits", value)) => params.server_max_window_bits = bits(value)?,
            Some(("client_max_window_bits", value)) => params.client_max_window_bits = bits(value)?,
            _ => return None,
        }
    }
    Some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comment: Comment, text: &str) {
        assert_eq!(comment.to_string(), text);
        assert_eq!(Comment::parse(text), Some(comment));
    }

    #[test]
    fn each_comment_is_read_back() {
        let bits = |bits| WindowBits::new(bits).unwrap();
        check(Comment::FrameBoundary, "framescope: frame boundary");
        check(Comment::Gap(u64::MAX), "framescope: gap of 18446744073709551615 bytes");
        check(Comment::InProcess, "framescope: in-process connection without a socket; the addresses stand in for it");
        check(
            Comment::JoinedLate { sender: Role::Server, deflate: None },
            "framescope: joined late; sent by server; sec-websocket-extensions:",
        );
        check(
            Comment::JoinedLate { sender: Role::Client, deflate: Some(DeflateParams::DEFAULT) },
            "framescope: joined late; sent by client; sec-websocket-extensions: permessage-deflate",
        );
        let deflate = Some(DeflateParams {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: bits(9),
            client_max_window_bits: bits(14),
        });
        check(
            Comment::JoinedLate { sender: Role::Client, deflate },
            "framescope: joined late; sent by client; sec-websocket-extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=14",
        );
    }

    #[test]
    fn anything_else_is_no_comment_of_ours() {
        for text in [
            "",
            "framescope:",
            "framescope: gap of -1 bytes",
            "framescope: joined late; sent by nobody; sec-websocket-extensions:",
            "framescope: gap of 18446744073709551616 bytes",
            "framescope: joined late; sent by client; sec-websocket-extensions: x-other",
            "framescope: joined late; sent by client; sec-websocket-extensions: permessage-deflate; server_max_window_bits=16",
            "framescope: joined late; sent by client; sec-websocket-extensions: permessage-deflate; server_max_window_bits",
            "Frame boundary",
        ] {
            assert_eq!(Comment::parse(text), None, "{text}");
        }
    }
}
