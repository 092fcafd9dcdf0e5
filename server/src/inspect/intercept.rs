//! Interception: the operator holds frames on their way through the proxy, looks at them, and says what becomes of them.
//!
//! ```text
//!   page ── /inspect/intercept ── Operator ──┐ orders, rung for ──► Seat ──┐
//!                                            Desk                          Relay: a Sluice in each lane
//!                                    notices ┘ ◄── held, released ── Seat ─┘
//! ```
//!
//! The [`Desk`] is where both meet: operators sit at it with their filters, relays take a [`Seat`] for each connection.
//! What is held is decided in the relay's own thread, by the filter of each operator that is there, and the codec's
//! [`Gate`](framescope_codec::capture::gate::Gate) keeps the order. While no operator is there, a relay has no gate: one
//! flag is looked at when it is woken, and no byte is copied.
//!
//! # What is said
//!
//! A WebSocket at `/inspect/intercept` of a proxy's inspector, with the rules of `/inspect/live` about `Host`, `Origin`
//! and who is asking, for the operator alone. All messages are text, JSON objects. Bytes are base64. Numbers of frames
//! and of connections are the proxy's, and are not used again.
//!
//! From the page:
//!
//! | | |
//! | --- | --- |
//! | `{"filter":"opcode == text","directions":["c2s","s2c"]}` | holds what this finds from the next frame on; without `directions`, both ways. `""` holds everything, `null` nothing: then all that this page holds is forwarded |
//! | `{"forward":7}` | as it was |
//! | `{"forward":7,"bytes":"gQA=","mend":false}` | these bytes in its place, whatever they are |
//! | `{"drop":7,"mend":false}` | nothing in its place |
//! | `{"forwardAll":true}` | everything that this page holds, in order |
//! | `{"inject":{"connection":2,"direction":"s2c","bytes":"gQA=","force":false,"tag":1}}` | puts bytes in, in front of what is held, once no frame is under way |
//!
//! To the page:
//!
//! | | |
//! | --- | --- |
//! | `{"holding":{"filter":"..","directions":[..]}}`, `{"holding":null}` | what is held from now on |
//! | `{"problem":{"message":"..","from":0,"to":5,"hint":null}}` | the filter is none, and the one before holds on; places count UTF-16 units |
//! | `{"connections":[{"connection":2,"client":"..","server":"..","path":"..","host":"..","subprotocol":null,"since":ms,"ended":[..],"reset":null,"compression":{"c2s":null,"s2c":{"takeover":true,"known":true}}}],"more":0}` | all that are open, whenever that changes, a few times a second at most. `known` is false where compressed text cannot be matched, as what it is compressed against was not seen |
//! | `{"held":{"id":7,"connection":2,"direction":"c2s","bytes":"..","inflated":null,"since":ms,"inContext":false,"canMend":false}}` | a whole frame as it was on the wire; `inflated` is the message that it ends, if that was compressed, what it is compressed against was seen, and there is room for it. `inContext`: others may be compressed against it, so that dropping or editing it makes those unreadable, unless it `canMend` |
//! | `{"released":7,"how":"forwarded"}` | or `edited`, `dropped`, `undelivered`: what it was to be delivered to is gone |
//! | `{"injected":{"connection":2,"direction":"s2c","tag":1}}` | it went out |
//! | `{"unheld":{"count":1,"connection":2,"direction":"c2s","length":2097152,"why":".."}}` | went by although it may have been meant: too long, or too much is held already |
//! | `{"refused":{"what":"inject","tag":1,"why":"..","canForce":true}}` | what could not be done |
//!
//! # What holds
//!
//! - Whoever leaves, or holds nothing any more, has all they held forwarded, in order. Nothing is lost.
//! - A frame that is held blocks what is behind it in its direction, and nothing else.
//! - Frames of over [`FRAME_MAX`] bytes are never held. A lane in which something is held is read until [`LANE_MAX`]
//!   bytes wait, all lanes together keep at most [`KEPT_MAX`] before nothing more is held, and never more than
//!   [`HELD_MAX`] frames. Inflated messages count towards both, and are left out where they would pass them.
//! - What a tap shows is what the receiver got. A comment says what was sent.
//! - A FIN, or an RST of the sender, stands behind what the sender said, and so waits for it; the page is told. When the
//!   receiver is gone, what was held for it is undelivered, and the connection is over.

mod copies;
mod desk;
mod operator;
mod orders;
mod sight;
mod sluice;
mod talk;

pub(crate) use desk::{Desk, Setting};
pub(crate) use operator::Operator;
pub(crate) use sluice::Interception;
pub(super) use sluice::Sluice;

/// Longer frames are not held.
const FRAME_MAX: usize = framescope_codec::capture::gate::FRAME_MAX;
/// As much may wait behind a frame that is held, and with it, before the sender waits as well.
const LANE_MAX: usize = 2 << 20;
/// As much may be kept in all lanes before nothing more is held.
const KEPT_MAX: usize = 64 << 20;
/// The longest message of an operator: a frame that is a little longer than the longest that is held, in base64.
pub(crate) const MESSAGE_MAX: usize = 2 << 20;
/// As many frames may be held at a time.
const HELD_MAX: usize = 10_000;
