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
        let known = hidden.whole.iter().position(|known| known == element);
        let place =
            known.or_else(|| (direction == Direction::ClientToServer).then(|| hidden.remember(element)).flatten());
        match place {
            Some(place) => hidden.star_out(place, element),
            None => {
                hidden.more = true;
                element.fill(b'*');
            }
        }
    }

    /// What is not whole cannot be judged, and is starred out.
    pub(super) fn end_chunk(&mut self, chunk: &mut [u8], hidden: &mut Hidden) {
        if let Some(start) = self.start.take() {
            chunk[start..].fill(b'*');
            (self.is_cut, self.after_label, hidden.more) = (true, false, true);
        }
    }
}

impl Hidden {
    /// Where it is kept, if there is room.
    fn remember(&mut self, element: &[u8]) -> Option<usize> {
        (self.whole.len() < HIDDEN_MAX).then(|| {
            self.whole.push(element.to_vec());
            self.whole.len() - 1
        })
    }

    /// What is offered twice is an error, so two that differ must not become the same stars: the second of a length
    /// ends in a 2, and so on. The same one, in the answer, too, becomes the same.
    fn star_out(&self, place: usize, element: &mut [u8]) {
        let before = self.whole[..place].iter().filter(|other| other.len() == element.len()).count();
        element.fill(b'*');
        if let (Some(last), 1..) = (element.last_mut(), before) {
            *last = b"*23456789"[before];
        }
    }
}

/// So many hidden subprotocols are remembered; beyond, all of the response's are hidden.
const HIDDEN_MAX: usize = 8;
