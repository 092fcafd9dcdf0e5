//! Direct messages.

use std::rc::Rc;

use super::peer::{Peer, Refusal};
use super::said::{DirectMessage, SelectUser};
use crate::bus::Note;

/// `get_all_users`
pub(super) fn all_users(_peer: &Rc<Peer>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no direct messages yet"))
}

/// `select_user`
pub(super) fn select(_peer: &Rc<Peer>, _said: SelectUser<'_>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no direct messages yet"))
}

/// `direct_message`
pub(super) fn send(_peer: &Rc<Peer>, _said: DirectMessage<'_>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no direct messages yet"))
}

/// A message was stored.
pub(super) fn heard(_peer: &Rc<Peer>, _note: &Note) {}
