//! Video calls: who is in one, and what they tell each other to connect.

use std::rc::Rc;

use super::peer::{Peer, Refusal};
use super::said::{JoinCall, Signal};
use crate::bus::{Change, Note};

/// `get_calls`
pub(super) fn list(_peer: &Rc<Peer>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no calls yet"))
}

/// `join_call`
pub(super) fn join(_peer: &Rc<Peer>, _said: JoinCall<'_>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no calls yet"))
}

/// `offer`, `answer`, `ice_candidate`
pub(super) fn signal(_peer: &Rc<Peer>, _said: Signal<'_>) -> Result<(), Refusal> {
    Err(Refusal::from("there are no calls yet"))
}

/// Somebody sent a signal.
pub(super) fn heard(_peer: &Rc<Peer>, _note: &Note) {}

/// Somebody came or left.
pub(super) fn changed(_peer: &Rc<Peer>, _change: &Change) {}
