//! Where the bytes of a rebuilt connection come from, and what their source does not say.

use std::fmt;

/// A source that is no capture of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The WebSocket messages of an HTTP archive.
    Har,
    /// The bytes of sockets in a log of Chromium.
    NetLog,
    /// The headers of frames in a log of Chromium.
    NetLogHeaders,
    /// Text, such as a hex dump, or bare bytes.
    Bytes,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Har, Self::NetLog, Self::NetLogHeaders, Self::Bytes];

    /// As comments have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Har => "HAR",
            Self::NetLog => "NetLog",
            Self::NetLogHeaders => "NetLog, headers only",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Har => {
                "rebuilt from HAR, which records messages as they were meant: how they were fragmented, compressed and \
                 masked is not known, and keys of zeros stand in for those of the client"
            }
            Self::NetLog => {
                "rebuilt from the bytes of a socket in a Chromium NetLog, which counts time in milliseconds"
            }
            Self::NetLogHeaders => {
                "rebuilt from a Chromium NetLog without bytes: headers of frames are recorded there, payloads and \
                 masking keys are not"
            }
            Self::Bytes => "rebuilt from bytes without addresses and times; others stand in for them",
        })
    }
}
