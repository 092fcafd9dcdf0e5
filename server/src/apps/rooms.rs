//! Chat rooms: the rooms family of messages, told apart by `type`.

use std::rc::Rc;

use super::peer::{Peer, Refusal};
use super::said::RoomsSaid;
use crate::bus::{Change, Listing, Note};

/// Acts upon a message.
pub(super) fn handle(_peer: &Rc<Peer>, _said: RoomsSaid<'_>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no rooms yet"))
}

/// A message was stored.
pub(super) fn heard(_peer: &Rc<Peer>, _note: &Note) {}

/// Somebody came or left.
pub(super) fn changed(_peer: &Rc<Peer>, _change: &Change, _listing: &Listing) {}
