//! What a stream holds, as one message: whole if it is short, in pieces if it is long, so that neither a long history
//! nor a slow reader makes us hold more than a part of it.

use std::rc::Rc;

use framescope_codec::{MessageKind, Piece};

use super::peer::Peer;
use crate::store::{Item, Part, StoreError, Stream};

/// A message around the items of a stream: `start`, the items with commas between them, [`END`].
pub(super) struct Past<S, I> {
    pub(super) stream: Stream,
    /// The number of the first item.
    pub(super) first: u64,
    /// The number of the last one; `None`: whichever it is at the moment.
    pub(super) last: Option<u64>,
    /// How the message begins. Asked when it is about to be sent.
    pub(super) start: S,
    /// Appends an item's JSON.
    pub(super) item: I,
}

impl<S: FnOnce() -> String, I: Fn(&Item, &mut String)> Past<S, I> {
    /// Sends it, and says which item was the last; `None` if the connection ended first.
    pub(super) async fn show(self, peer: &Rc<Peer>) -> Result<Option<u64>, StoreError> {
        let Self { stream, first, mut last, start, item } = self;
        let (mut start, mut is_begun) = (Some(start), false);
        let mut json = String::new();
        let (mut next, mut limit) = (first, ITEMS_AT_FIRST);
        let last = loop {
            if let Some(last) = last {
                limit = limit.min(usize::try_from((last + 1).saturating_sub(next)).unwrap_or(usize::MAX)).max(1);
            }
            let part = Part::After { after: next - 1, limit };
            let page = match peer.shard().services().store.read(stream.clone(), part).await {
                Ok(page) => page,
                Err(error) if is_begun => {
                    // There is no way to take back the half of a message.
                    peer.give_up(&error.to_string());
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            if peer.is_gone() {
                return Ok(None);
            }
            let last = *last.get_or_insert(page.head);
            let before = json.len();
            for read in page.items.iter().filter(|item| item.seq <= last) {
                if read.seq > first {
                    json.push(',');
                }
                item(read, &mut json);
            }
            limit = items_for(json.len() - before, page.items.len());
            next = page.items.last().map_or(u64::MAX, |item| item.seq + 1);
            let is_last = next > last;
            if is_begun || json.len() > FRAME_MAX {
                if let Some(start) = start.take() {
                    json.insert_str(0, &start());
                    is_begun = true;
                }
                if !send_pieces(peer, &json, is_last).await {
                    return Ok(None);
                }
                json.clear();
            }
            if is_last {
                break last;
            }
        };
        if let Some(start) = start {
            let mut message = start();
            message.push_str(&json);
            message.push_str(END);
            peer.send_text(&message);
        }
        Ok(Some(last))
    }
}

/// Sends a part of a message, with its end if it is the last one; false if the connection ended first.
async fn send_pieces(peer: &Rc<Peer>, json: &str, is_last: bool) -> bool {
    let end = if is_last { END } else { "" };
    for payload in json.as_bytes().chunks(PIECE) {
        if !peer.room_for_piece().await {
            return false;
        }
        // It can only be closed by now, and then nobody waits for it.
        let _ = peer.outbox().send_piece(Piece { kind: MessageKind::Text, payload, is_last: false });
    }
    if is_last {
        let _ = peer.outbox().send_piece(Piece { kind: MessageKind::Text, payload: end.as_bytes(), is_last: true });
    }
    true
}

/// How many items to read next, when so many took up so much.
fn items_for(bytes: usize, items: usize) -> usize {
    (items * BYTES_AT_ONCE / bytes.max(1)).clamp(ITEMS_AT_LEAST, ITEMS_AT_MOST)
}

/// How such a message ends.
const END: &str = "]}";

/// One frame up to about a mebibyte, fragments beyond.
const FRAME_MAX: usize = (1 << 20) - (8 << 10);

/// How much goes into one fragment.
const PIECE: usize = 64 << 10;

/// About how much is read from the store at once, and in which bounds.
const BYTES_AT_ONCE: usize = 512 << 10;
const ITEMS_AT_FIRST: usize = 64;
const ITEMS_AT_LEAST: usize = 8;
const ITEMS_AT_MOST: usize = 8192;
