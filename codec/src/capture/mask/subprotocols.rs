//! Subprotocols that are credentials. Browsers let a page set no other header, so tokens travel here.

use super::names::{is_credential_word, is_token_like, parts};
use crate::capture::Direction;

/// The elements of `Sec-WebSocket-Protocol`.
#[derive(Clone, Debug, Default)]
pub(super) struct Protocols {
    /// Where the element under way begins in this chunk.
    start: Option<usize>,
    /// The element under way began in an earlier chunk, and is starred out as it comes.
    is_cut: bool,
    /// The element before was a label such as `access_token`.
    after_label: bool,
}

/// Subprotocols that were starred out in the request, so that the response does not tell them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    whole: Vec<Vec<u8>>,
    /// There are some that `whole` does not hold.
    more: bool,
}

impl Protocols {
    pub(super) fn step(&mut self, chunk: &mut [u8], at: usize, direction: Direction, hidden: &mut Hidden) {
        let byte = chunk[at];
        let is_inside = self.is_cut || self.start.is_some();
        // The first colon is the one behind the header's name.
        if byte.is_ascii_whitespace() || byte == b',' || (byte == b':' && !is_inside) {
            self.is_cut = false;
            if let Some(start) = self.start.take() {
                self.end_element(&mut chunk[start..at], direction, hidden);
            }
        } else if self.is_cut {
            chunk[at] = b'*';
        } else {
            self.start.get_or_insert(at);
        }
    }

    fn end_element(&mut self, element: &mut [u8], direction: Direction, hidden: &mut Hidden) {
        let is_echo = direction == Direction::ServerToClient
            && (hidden.more || hidden.whole.iter().any(|hidden| hidden == element));
        let is_secret = std::mem::take(&mut self.after_label) || is_echo || is_token_like(element);
        if !is_secret {
            self.after_label = parts(element).next_back().is_some_and(is_credential_word);
            return;
        }
        if direction == Direction::ClientToServer && hidden.whole.len() < HIDDEN_MAX {
            hidden.whole.push(element.to_vec());
        } else {
            hidden.more = true;
        }
        element.fill(b'*');
    }

    /// What is not whole cannot be judged, and is starred out.
    pub(super) fn end_chunk(&mut self, chunk: &mut [u8], hidden: &mut Hidden) {
        if let Some(start) = self.start.take() {
            chunk[start..].fill(b'*');
            (self.is_cut, self.after_label, hidden.more) = (true, false, true);
        }
    }
}

/// So many hidden subprotocols are remembered; beyond, all of the response's are hidden.
const HIDDEN_MAX: usize = 8;
