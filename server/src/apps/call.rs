//! Video calls: who is in one, and what they tell each other to connect.
//!
//! A call's members are the claims of its lease space, by socket id. Whoever joins is in it from the moment at which the
//! space's watch tells of the claim, and that change is the same for all who watch: of any two, one finds the other there
//! and the other is told of a newcomer, even if both come at once.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use framescope_codec::Broadcast;
use serde::Serialize;
use tokio::sync::Notify;

use super::peer::{Peer, Refusal};
use super::said::{Family, JoinCall, Signal};
use crate::bus::{Change, Claim, Lease, Listing, Note, SocketId, Space, Topic};
use crate::store::{StoreError, now};

/// Which call a connection is in, if any.
#[derive(Default)]
pub(crate) struct State(RefCell<Option<Rc<Attendance>>>);

/// Being in a call, or about to be.
struct Attendance {
    call: Arc<str>,
    name: String,
    /// Of the call's own space and of [`Space::Calls`].
    leases: RefCell<Vec<Lease>>,
    /// All others have been told, or will be before anything else.
    is_in: Cell<bool>,
    /// Told when that is so, and when there is nothing to wait for any more.
    entered: Notify,
}

/// What clients are shown.
#[derive(Serialize)]
#[serde(tag = "messageType", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Shown<'a> {
    CallList { calls: Vec<Listed<'a>> },
    CallInfo { name: Cow<'a, str> },
    ExistingParticipants { participants: Vec<Participant<'a>> },
    UserJoined(Participant<'a>),
    UserLeft { socket_id: &'a str },
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    name: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant<'a> {
    socket_id: &'a str,
    username: &'a str,
}

/// `get_calls`
pub(super) fn list(peer: &Rc<Peer>) -> Result<(), Refusal> {
    let this = peer.clone();
    peer.busily(async move {
        if let Err(error) = show_list(&this).await {
            this.refuse(Family::Board, &error.to_string(), None);
        }
    });
    Ok(())
}

async fn show_list(peer: &Peer) -> Result<(), StoreError> {
    let services = peer.shard().services();
    let listing = services.leases.list(Space::Calls).await;
    let mut besides: Vec<String> = listing.claims.into_iter().map(|claim| claim.value).collect();
    besides.sort_unstable();
    besides.dedup();
    let calls = services.store.calls(now() - peer.commons().call_kept, besides).await?;
    let calls = calls.iter().map(|call| Listed { id: &call.id, name: peer.commons().html(&call.name) }).collect();
    peer.show(&Shown::CallList { calls });
    Ok(())
}

/// `join_call`
pub(super) fn join(peer: &Rc<Peer>, said: JoinCall<'_>) -> Result<(), Refusal> {
    peer.signed_in()?;
    let (this, id) = (peer.clone(), said.call_id.into_owned());
    peer.busily(async move {
        if let Err(Refusal(error)) = enter(&this, id).await {
            this.refuse(Family::Board, &error, None);
        }
    });
    Ok(())
}

async fn enter(peer: &Rc<Peer>, id: String) -> Result<(), Refusal> {
    let services = peer.shard().services();
    // What no id looks like need not be looked up, nor be told to a database.
    let is_id = id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    let call = if is_id { services.store.call(id).await? } else { None };
    let call = call.ok_or("there is no such call")?;
    if peer.is_gone() {
        return Ok(());
    }
    let present = peer.calls.0.borrow().clone().filter(|attendance| *attendance.call == *call.id);
    if let Some(attendance) = present {
        peer.shard().with_listing(&attendance.space(), |listing| greet(peer, &attendance, listing));
        return Ok(());
    }
    leave(peer);
    let username = peer.signed_in()?.name.to_string();
    let attendance = Rc::new(Attendance {
        call: call.id.into(),
        name: call.name,
        leases: RefCell::default(),
        is_in: Cell::new(false),
        entered: Notify::new(),
    });
    peer.calls.0.replace(Some(attendance.clone()));
    // Watched first, claimed then: what tells of the claim cannot be missed.
    peer.watch(attendance.space()).await;
    peer.listen(Topic::Socket(peer.id())).await;
    let me = peer.id().to_string();
    for (space, value) in [(Space::Calls, attendance.call.to_string()), (attendance.space(), username)] {
        let lease = services.leases.claim(space, me.clone(), value).await;
        if peer.is_gone() {
            return Ok(());
        }
        attendance.leases.borrow_mut().extend(lease);
    }
    attendance.entered.notified().await;
    touch(peer, &attendance);
    Ok(())
}

/// `offer`, `answer`, `ice_candidate`
pub(super) fn signal(peer: &Rc<Peer>, said: Signal<'_>) -> Result<(), Refusal> {
    let user = peer.signed_in()?;
    let state = peer.calls.0.borrow();
    let attendance = state.as_ref().filter(|attendance| attendance.is_in.get()).ok_or("you are not in a call")?;
    let is_there = |listing: &Listing| listing.claims.iter().any(|claim| claim.name == said.socket_id);
    let to = SocketId::parse(&said.socket_id)
        .filter(|to| *to != peer.id() && peer.shard().with_listing(&attendance.space(), is_there) == Some(true));
    let to = to.ok_or("there is nobody else with this socketId in your call")?;
    let json = said.sent_by(&peer.id().to_string(), &user.name);
    let message = Broadcast::new(json.as_str(), &peer.commons().codec);
    let note = Note { seq: 0, stream: None, from: peer.id(), message, more: None };
    peer.shard().services().bus.publish(Topic::Socket(to), Arc::new(note));
    Ok(())
}

/// Somebody sent a signal.
pub(super) fn heard(peer: &Rc<Peer>, note: &Note) {
    if peer.calls.0.borrow().as_ref().is_some_and(|attendance| attendance.is_in.get()) {
        peer.send(&note.message);
    }
}

/// Somebody came or left.
pub(super) fn changed(peer: &Rc<Peer>, change: &Change, listing: &Listing) {
    let Some(attendance) = peer.calls.0.borrow().clone() else { return };
    if attendance.is_in.get() {
        let participant = Participant::from(&change.claim);
        if change.is_new {
            peer.show(&Shown::UserJoined(participant));
        } else {
            peer.show(&Shown::UserLeft { socket_id: participant.socket_id });
        }
    } else if change.is_new && change.claim.name == peer.id().to_string() {
        attendance.is_in.set(true);
        attendance.entered.notify_one();
        greet(peer, &attendance, listing);
    }
}

/// The two answers to whoever joins.
fn greet(peer: &Peer, attendance: &Attendance, listing: &Listing) {
    peer.show(&Shown::CallInfo { name: peer.commons().html(&attendance.name) });
    let me = peer.id().to_string();
    let participants = listing.claims.iter().filter(|claim| claim.name != me).map(Participant::from).collect();
    peer.show(&Shown::ExistingParticipants { participants });
}

/// The connection is over, or goes elsewhere.
pub(super) fn leave(peer: &Peer) {
    let Some(attendance) = peer.calls.0.take() else { return };
    if attendance.is_in.get() {
        touch(peer, &attendance);
    }
    attendance.leases.take();
    attendance.entered.notify_one();
    peer.unwatch(&attendance.space());
    peer.unlisten(&Topic::Socket(peer.id()));
}

/// Has the store note that somebody is in the call now. Nobody waits for it, and nothing is lost if it fails but some of
/// the time for which the call is kept.
fn touch(peer: &Peer, attendance: &Attendance) {
    // When the server ends, there is no runtime any more.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(peer.shard().services().store.touch_call(attendance.call.to_string()));
    }
}

impl Attendance {
    fn space(&self) -> Space {
        Space::Call(self.call.clone())
    }
}

impl<'a> From<&'a Claim> for Participant<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self { socket_id: &claim.name, username: &claim.value }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_tuple("State").field(&state.as_ref().map(|attendance| &attendance.call)).finish()
    }
}

/// No call's id is longer.
const ID_MAX: usize = 64;
