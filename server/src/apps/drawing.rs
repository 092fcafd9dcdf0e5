//! The drawing board: what is drawn is stored, then shown to everybody, the one who drew it too.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use framescope_codec::{Broadcast, MessageKind, Piece};

use super::colour;
use super::fields::Fields;
use super::history::{GREETING_END, GREETING_START};
use super::peer::{Peer, Refusal};
use super::said::Family;
use crate::bus::{Note, Topic};
use crate::store::{Append, Stream};

/// How much of the board a connection has been sent.
#[derive(Debug, Default)]
pub(crate) struct State {
    phase: Cell<Phase>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The board is being read, or nobody asked for it.
    #[default]
    Waiting,
    /// `init_strokes` has to begin.
    Beginning,
    /// It goes out in pieces, as far as stroke `last`.
    Greeting { next: u64, last: u64 },
    /// Strokes came in meanwhile.
    CatchingUp { next: u64 },
    /// All was sent up to this one.
    Live { next: u64 },
}

/// `drawing`: stores a stroke, and shows it to all.
pub(crate) fn draw(peer: &Rc<Peer>, json: &str, mut fields: Fields<'_>) -> Result<(), Refusal> {
    if json.len() > peer.limits().stroke_max {
        return Err(Refusal::from("the stroke is too long"));
    }
    let is_number = |name| fields.read_as::<f64>(name).is_some_and(f64::is_finite);
    if !["startX", "startY", "endX", "endY"].into_iter().all(is_number) {
        return Err(Refusal::from("drawing needs startX, startY, endX and endY, each a number"));
    }
    if !fields.read_as::<String>("color").is_some_and(|text| colour::is_colour(&text)) {
        return Err(Refusal::from("drawing needs color: #rgb, a CSS name, rgb() or hsl()"));
    }
    if fields.has_nul() || !fields.is_sound() {
        return Err(Refusal::from("the stroke holds what cannot be stored"));
    }
    let id = match fields.take("id") {
        Some(id) => Some(serde_json::from_str(id.get()).map_err(|_| Refusal::from(BAD_ID))?),
        None => None,
    };
    let id = peer.sent_id(id);
    fields.take("messageType");
    let mut message = String::with_capacity(json.len() + MESSAGE_START.len());
    message.push_str(MESSAGE_START);
    fields.write_to(&mut message);
    message.push('}');
    let Some(body) = stroke_in(&message) else { return Err(Refusal::from("the stroke is empty")) };
    let (from, codec) = (peer.id(), peer.commons().codec);
    let append = Append { stream: Stream::Board, author: String::new(), body, id };
    peer.append(Family::Board, append, move |bus, seq| {
        let message = Broadcast::new(message.as_str(), &codec);
        bus.publish(Topic::Board, Arc::new(Note { seq, stream: None, from, message, more: None }));
    });
    Ok(())
}

/// The stroke in a `drawing` of ours, as it is stored and as `init_strokes` has it.
pub(super) fn stroke_in(message: &str) -> Option<String> {
    Some(format!("{{{}", message.strip_prefix(MESSAGE_START)?))
}

/// Begins with `init_strokes`, as soon as the board is read.
pub(super) async fn begin(peer: &Rc<Peer>) {
    let services = peer.shard().services();
    let ready = peer.shard().history().ready(&*services.store, &*services.bus).await;
    peer.listen(Topic::Board).await;
    match ready {
        Ok(()) => peer.drawing.phase.set(Phase::Beginning),
        Err(error) => peer.give_up(&error.to_string()),
    }
}

/// Whether there is something of the board that this connection has not been sent.
pub(super) fn has_more(peer: &Peer) -> bool {
    !matches!(peer.drawing.phase.get(), Phase::Waiting | Phase::Live { .. })
}

/// Whether the board is on its way, as one message that may be in pieces.
pub(super) fn is_greeting(peer: &Peer) -> bool {
    matches!(peer.drawing.phase.get(), Phase::Beginning | Phase::Greeting { .. })
}

/// Sends more of the board, while there is room.
pub(super) fn send_more(peer: &Peer) {
    let history = peer.shard().history();
    while peer.outbox().has_room_for_piece() && peer.outbox().is_open() {
        let phase = match peer.drawing.phase.get() {
            Phase::Beginning => match history.greeting() {
                (last, Some(greeting)) => {
                    peer.send(&greeting);
                    greeted(peer, last)
                }
                (last, None) => {
                    send_piece(peer, GREETING_START, false);
                    Phase::Greeting { next: 1, last }
                }
            },
            Phase::Greeting { next, last } => {
                let sent = history.lend(next, last, |strokes, after| {
                    let is_end = after > last;
                    send_piece(peer, if is_end { strokes.trim_end_matches(',') } else { strokes }, false);
                    after
                });
                match sent {
                    Some(next) => Phase::Greeting { next, last },
                    None => {
                        send_piece(peer, GREETING_END, true);
                        greeted(peer, last)
                    }
                }
            }
            Phase::CatchingUp { next } => {
                // One by one: each is a message.
                let stroke = history.lend(next, next, |stroke, _| {
                    let rest = stroke.strip_prefix('{').unwrap_or_default();
                    format!("{MESSAGE_START}{}", rest.trim_end_matches(','))
                });
                match stroke {
                    Some(message) => {
                        peer.send_text(&message);
                        Phase::CatchingUp { next: next + 1 }
                    }
                    None => Phase::Live { next },
                }
            }
            Phase::Waiting | Phase::Live { .. } => return,
        };
        peer.drawing.phase.set(phase);
    }
}

/// A stroke was stored.
pub(super) fn heard(peer: &Peer, note: &Note) {
    // Who is not live yet finds it in the history.
    if let Phase::Live { next } = peer.drawing.phase.get()
        && note.seq >= next
    {
        if note.seq == next {
            peer.send(&note.message);
            peer.drawing.phase.set(Phase::Live { next: next + 1 });
        } else {
            peer.drawing.phase.set(Phase::CatchingUp { next });
            peer.outbox().wake();
        }
    }
}

fn greeted(peer: &Peer, last: u64) -> Phase {
    super::presence::greet(peer);
    Phase::CatchingUp { next: last + 1 }
}

fn send_piece(peer: &Peer, text: &str, is_last: bool) {
    let piece = Piece { kind: MessageKind::Text, payload: text.as_bytes(), is_last };
    // It can only be closed by now, and then nobody waits for it.
    let _ = peer.outbox().send_piece(piece);
}

const BAD_ID: &str = "an id is a string of at most 64 characters";

/// How a `drawing` of ours begins.
const MESSAGE_START: &str = r#"{"messageType":"drawing","#;
