//! How the two ends come to agree on permessage-deflate (RFC 7692, 5 and 7.1).
//!
//! ```text
//! client:  Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate
//! server:  Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover
//! ```
//!
//! The client makes offers, the one it likes best first. The server takes the first that it can honour in full, or none.
//! What it answers holds, and only that: a parameter it left out is at its default. Each parameter binds one sender.
//!
//! | parameter | in an offer | in the answer |
//! | --- | --- | --- |
//! | `server_no_context_takeover` | the server must promise it | the server does it; may come unasked |
//! | `client_no_context_takeover` | a hint: the client will | the client must; may come unasked |
//! | `server_max_window_bits=N` | the server must promise N or less | the server's limit; may come unasked |
//! | `client_max_window_bits[=N]` | may be limited; with N a hint: it stays within | the client's limit; only if offered |

use std::fmt;

use super::{DeflateParams, WindowBits};
use crate::handshake::grammar::{self, Extension};

/// One offer of permessage-deflate, as a client makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The server must begin each message with an empty window.
    pub server_no_context_takeover: bool,
    /// A hint: the client will begin each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The largest window the server may use, if it is to be limited.
    pub server_max_window_bits: Option<WindowBits>,
    /// Whether, and to what, the client's own window may be limited.
    pub client_max_window_bits: ClientWindow,
}

/// What an offer says of `client_max_window_bits`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientWindow {
    /// Nothing: the client always uses 32 KiB, and the answer must not limit it.
    #[default]
    Fixed,
    /// The parameter without a value: the answer may limit it.
    Limitable,
    /// The parameter with a value: the client stays within it, and the answer may limit it further.
    AtMost(WindowBits),
}

impl Offer {
    /// The extension's registered name.
    pub const EXTENSION: &'static str = "permessage-deflate";

    /// What browsers offer: no wishes, and a client window that may be limited.
    pub const BROWSER: Self = Self {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: None,
        client_max_window_bits: ClientWindow::Limitable,
    };

    /// The offers of permessage-deflate in the value of a `Sec-WebSocket-Extensions` header, in the client's order of
    /// preference. Other extensions are passed over, and so are offers that a server must decline.
    ///
    /// `None` if the value is outside the grammar of RFC 6455, 9.1.
    ///
    /// ```
    /// use framescope_codec::deflate::params::{DeflatePolicy, Offer};
    ///
    /// let value = "permessage-deflate; server_max_window_bits=99, permessage-deflate; server_max_window_bits=10";
    /// let offers = Offer::parse_list(value.as_bytes()).unwrap(); // the first is declined: 99 is no window size
    /// let agreed = DeflatePolicy::default().accept(&offers).unwrap();
    /// assert_eq!(agreed.answer, "permessage-deflate; server_max_window_bits=10");
    /// assert_eq!(agreed.params.server_max_window_bits.get(), 10);
    /// ```
    #[must_use]
    pub fn parse_list(value: &[u8]) -> Option<Vec<Self>> {
        let extensions = grammar::extensions(value)?;
        Some(extensions.iter().filter(|e| e.name == Self::EXTENSION).filter_map(Self::read).collect())
    }

    /// `None` for an offer that must be declined (RFC 7692, 7.1).
    pub(crate) fn read(extension: &Extension) -> Option<Self> {
        let params = Parameters::read(extension)?;
        Some(Self {
            server_no_context_takeover: params.server_no_context_takeover,
            client_no_context_takeover: params.client_no_context_takeover,
            server_max_window_bits: match params.server_max_window_bits {
                None => None,
                Some(Some(bits)) => Some(bits),
                Some(None) => return None,
            },
            client_max_window_bits: match params.client_max_window_bits {
                None => ClientWindow::Fixed,
                Some(None) => ClientWindow::Limitable,
                Some(Some(bits)) => ClientWindow::AtMost(bits),
            },
        })
    }

    /// What holds if a server answers this offer with `answer`, the value of its `Sec-WebSocket-Extensions` header.
    ///
    /// `None` if the answer does not fit the offer: then the client fails the connection.
    #[must_use]
    pub fn check_response(&self, answer: &[u8]) -> Option<DeflateParams> {
        let extensions = grammar::extensions(answer)?;
        let [extension] = extensions.as_slice() else { return None };
        if extension.name == Self::EXTENSION { self.agree(extension) } else { None }
    }

    /// As [`check_response`](Self::check_response), for an answer that is already taken apart.
    pub(crate) fn agree(&self, answer: &Extension) -> Option<DeflateParams> {
        let answer = Parameters::read(answer)?;
        let server_bits = match answer.server_max_window_bits {
            None => None,
            Some(Some(bits)) => Some(bits),
            Some(None) => return None,
        };
        let server_max_window_bits = match (self.server_max_window_bits, server_bits) {
            (Some(_), None) => return None,
            (Some(limit), Some(bits)) if bits > limit => return None,
            (_, bits) => bits.unwrap_or(WindowBits::MAX),
        };
        let client_max_window_bits = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (ClientWindow::Fixed | ClientWindow::Limitable, None) => WindowBits::MAX,
            (ClientWindow::AtMost(hint), None) => hint,
            (ClientWindow::Fixed, Some(_)) | (_, Some(None)) => return None,
            (ClientWindow::AtMost(hint), Some(Some(bits))) if bits > hint => return None,
            (_, Some(Some(bits))) => bits,
        };
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return None;
        }
        Some(DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover || self.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }
}

/// The offer as it stands in the header.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client_max_window_bits = match self.client_max_window_bits {
            ClientWindow::Fixed => None,
            ClientWindow::Limitable => Some(None),
            ClientWindow::AtMost(bits) => Some(Some(bits)),
        };
        let params = Parameters {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.map(Some),
            client_max_window_bits,
        };
        params.fmt(f)
    }
}

/// What a server wishes of permessage-deflate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeflatePolicy {
    /// Begin each message with an empty window, asked or not: then nobody's text shares a context with another's, and
    /// a broadcast is compressed once.
    pub server_no_context_takeover: bool,
    /// Have the client begin each message with an empty window: then nothing is kept for it between messages.
    pub client_no_context_takeover: bool,
    /// The largest window to compress with.
    pub server_max_window_bits: Option<WindowBits>,
    /// The largest window the client should compress with. A wish: a client that does not offer
    /// `client_max_window_bits` cannot be limited, and keeps its 32 KiB.
    pub client_max_window_bits: Option<WindowBits>,
}

/// What a server took up of a client's offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What holds from now on.
    pub params: DeflateParams,
    /// The value of the `Sec-WebSocket-Extensions` header that says so.
    pub answer: String,
}

impl DeflatePolicy {
    /// Takes the first offer. All four parameters can be honoured, so there is no cause to pass over one that is legal.
    #[must_use]
    pub fn accept(&self, offers: &[Offer]) -> Option<Agreement> {
        let offer = offers.first()?;
        let server_bits = at_most(self.server_max_window_bits, offer.server_max_window_bits);
        // Said only where it takes something from the client: without an answer it stays within its hint anyway.
        let client_bits = self.client_max_window_bits.filter(|bits| match offer.client_max_window_bits {
            ClientWindow::Fixed => false,
            ClientWindow::Limitable => *bits < WindowBits::MAX,
            ClientWindow::AtMost(hint) => *bits < hint,
        });
        let answer = Parameters {
            server_no_context_takeover: self.server_no_context_takeover || offer.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover || offer.client_no_context_takeover,
            server_max_window_bits: server_bits.map(Some),
            client_max_window_bits: client_bits.map(Some),
        };
        let hint = match offer.client_max_window_bits {
            ClientWindow::AtMost(hint) => hint,
            ClientWindow::Fixed | ClientWindow::Limitable => WindowBits::MAX,
        };
        let params = DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover,
            server_max_window_bits: server_bits.unwrap_or(WindowBits::MAX),
            client_max_window_bits: client_bits.unwrap_or(hint),
        };
        Some(Agreement { params, answer: answer.to_string() })
    }
}

fn at_most(one: Option<WindowBits>, other: Option<WindowBits>) -> Option<WindowBits> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The parameters as they stand in an offer or an answer: the outer `Option` is the parameter, the inner its value.
#[derive(Clone, Copy, Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<WindowBits>>,
    client_max_window_bits: Option<Option<WindowBits>>,
}

impl Parameters {
    /// `None` if a parameter is unknown, doubled, or has a value it cannot have.
    fn read(extension: &Extension) -> Option<Self> {
        let mut params = Self::default();
        for (name, value) in &extension.params {
            let bits = value.as_deref().map(read_bits);
            let (is_doubled, is_sound) = match name.as_str() {
                "server_no_context_takeover" => {
                    (std::mem::replace(&mut params.server_no_context_takeover, true), bits.is_none())
                }
                "client_no_context_takeover" => {
                    (std::mem::replace(&mut params.client_no_context_takeover, true), bits.is_none())
                }
                "server_max_window_bits" => {
                    (params.server_max_window_bits.replace(bits.flatten()).is_some(), bits != Some(None))
                }
                "client_max_window_bits" => {
                    (params.client_max_window_bits.replace(bits.flatten()).is_some(), bits != Some(None))
                }
                _ => return None,
            };
            if is_doubled || !is_sound {
                return None;
            }
        }
        Some(params)
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Offer::EXTENSION)?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        for (name, bits) in [
            ("server_max_window_bits", self.server_max_window_bits),
            ("client_max_window_bits", self.client_max_window_bits),
        ] {
            match bits {
                None => {}
                Some(None) => write!(f, "; {name}")?,
                Some(Some(bits)) => write!(f, "; {name}={}", bits.get())?,
            }
        }
        Ok(())
    }
}

/// A decimal number from 8 to 15 without leading zeros (RFC 7692, 7.1.2).
fn read_bits(value: &str) -> Option<WindowBits> {
    if value.starts_with('0') || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    WindowBits::new(value.parse().ok()?)
}

#[cfg(test)]
mod tests;
