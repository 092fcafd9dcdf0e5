//! What a row says that is neither a frame nor half of a handshake; the list shows it, and a filter's `content` looks
//! into it.

use super::{End, What};
use crate::deflate::params::{DeflateParams, WindowBits};
use crate::rules::Role;

impl What {
    /// In words. Empty of what says something itself.
    #[must_use]
    pub fn words(&self, in_process: bool) -> String {
        match self {
            Self::Gap { missing, inside_payload } => {
                let rest = if *inside_payload {
                    "all of them payload of one frame"
                } else {
                    "frames cannot be told apart until the next known boundary"
                };
                format!("{missing} bytes were not captured; {rest}")
            }
            Self::End(End::Finished) => "This side has sent all it had (TCP FIN).".into(),
            Self::End(End::Reset) => "This side broke the connection off (TCP RST).".into(),
            Self::JoinedLate { deflate } => {
                let agreed = deflate.map_or_else(|| "no extension was agreed on".into(), deflate_words);
                let what = if in_process { "in-process connection" } else { "connection" };
                format!("The watch began when this {what} was open already: {agreed}.")
            }
            Self::Note(note) => note.to_string(),
            Self::Request(_) | Self::Response(_) | Self::Frame(_) => String::new(),
        }
    }
}

/// Agreed parameters in words.
#[must_use]
pub fn deflate_words(params: DeflateParams) -> String {
    let one = |who: &str, role: Role| {
        let takeover = if params.context_takeover(role) {
            "keeps its window between messages"
        } else {
            "begins each message afresh"
        };
        let bits = params.max_window_bits(role);
        let window =
            if bits == WindowBits::MAX { String::new() } else { format!(", window of {} bytes", bits.window_len()) };
        format!("the {who} {takeover}{window}")
    };
    format!("permessage-deflate; {}; {}", one("client", Role::Client), one("server", Role::Server))
}
