//! `/tunnel`: a WebSocket whose binary messages are the bytes of another connection.
//!
//! A page cannot open a socket. So that one can be a whole WebSocket client, with its own masks and fragments and
//! mistakes, its bytes travel as the payload of messages, and are poured out here: into a pipe to this very server, or into
//! a connection to one of the [targets](super::targets). Text messages are control: `{"credit":n}`, `{"eof":true}`,
//! `{"error":"…"}`, since a page can neither stop reading its WebSocket nor close half of it.
//!
//! ```text
//!   page ── WebSocket ── Driver ── Tunnel ── State ── Bore ── Pipe ── Driver, of a connection like any other
//!                                                          └─ Dialed ── a listed target
//! ```
//!
//! **Nothing is lost and little is held.** A page may send what it has credit for, which is what we keep for it at most, and
//! gets more as bytes are taken at the far end; of one that sends more than that, no more is read. To the page goes as much
//! as it has given credit for, or, if it never gave any, as fast as it reads. With the pipe, all buffers of a tunnel
//! together come to less than 256 KiB, besides the message that is being read.
//!
//! **What comes through is nobody else.** A connection to ourselves inherits caller, session and address from the one
//! around it ([`Heir`]); its cookies mean nothing. When its login ends, so does it. Tunnels are not tapped, what is inside
//! of them is; and neither tunnels nor taps are reached through one.

use std::cell::RefCell;
use std::fmt;
use std::future::{pending, poll_fn};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use framescope_codec::{CloseCode, CloseFrame, Closed, Message};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::bore::{Bore, End, Far, READ_MAX, State};
use super::targets::{Refused, SELF, Target, Targets};
use crate::apps::App;
use crate::auth::{Caller, Login};
use crate::http::form;
use crate::net::{Guest, PIPE_MAX, Pipe};
use crate::ws::Outbox;

/// One page's end of a tunnel.
pub(crate) struct Tunnel {
    shared: Rc<Shared>,
    /// What it is to do, until it is open.
    errand: Option<Errand>,
    /// To ourselves.
    is_inward: bool,
    /// By when it is closed if the server stops, once it does.
    last_call: Option<Instant>,
}

/// What a tunnel is for.
pub(crate) struct Errand {
    pub(crate) goal: Goal,
    /// Whose it is.
    pub(crate) caller: Caller,
    /// The connection that it leads to; `None` if there are too many.
    pub(crate) guest: Option<Guest>,
    /// Who serves what comes through to ourselves.
    pub(crate) inward: Inward,
    /// How long delivering what is left may take.
    pub(crate) patience: Duration,
}

/// Where a tunnel leads.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// To this server.
    Myself,
    /// To another, by the operator's leave.
    Target(Arc<Target>),
    /// To what is not on the list.
    Nowhere,
}

/// Has a connection served that comes through a pipe.
pub(crate) type Inward = Rc<dyn Fn(Pipe, Guest, Rc<Heir>)>;

/// What a connection that comes through a tunnel has from the one around it.
pub(crate) struct Heir {
    caller: Caller,
    /// Of the connection, once it is a WebSocket.
    outbox: RefCell<Weak<Outbox>>,
}

/// What the WebSocket's task and the tunnel's own have in common.
pub(super) struct Shared {
    pub(super) outbox: Rc<Outbox>,
    pub(super) state: RefCell<State>,
    /// The WebSocket is over, or about to be.
    gone: CancellationToken,
}

/// What a page says in text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Control {
    Credit(u64),
    Eof(bool),
    Error(String),
}

impl Goal {
    /// What a query asks for. Nothing at all is us; something twice, or what is no query, leads nowhere.
    pub(crate) fn read(query: &str, targets: &Targets) -> Self {
        let mut asked = query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name == "to").then(|| form::decode(value.as_bytes()))
        });
        match (asked.next(), asked.next()) {
            (None, _) => Self::Myself,
            (Some(Some(to)), None) if to == SELF => Self::Myself,
            (Some(Some(to)), None) => targets.find(&to).map_or(Self::Nowhere, |to| Self::Target(to.clone())),
            _ => Self::Nowhere,
        }
    }
}

impl Heir {
    fn new(caller: Caller) -> Rc<Self> {
        Rc::new(Self { caller, outbox: RefCell::default() })
    }

    /// Who is to be taken for the sender of all that comes through.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// It has become a WebSocket.
    pub(crate) fn entrust(&self, outbox: &Rc<Outbox>) {
        *self.outbox.borrow_mut() = Rc::downgrade(outbox);
    }

    fn sign_out(&self) {
        if let Some(outbox) = self.outbox.borrow().upgrade() {
            outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, SIGNED_OUT)));
        }
    }
}

impl Tunnel {
    pub(crate) fn new(errand: Errand, outbox: Rc<Outbox>) -> Self {
        let shared = Shared { outbox, state: RefCell::new(State::new()), gone: CancellationToken::new() };
        let is_inward = matches!(errand.goal, Goal::Myself);
        Self { shared: Rc::new(shared), errand: Some(errand), is_inward, last_call: None }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.state.borrow_mut();
        change(&mut state);
        state.wake();
    }

    fn leave(&self) {
        self.change(|state| state.is_gone = true);
        self.shared.gone.cancel();
    }
}

impl App for Tunnel {
    fn opened(&mut self, outbox: &Outbox) {
        // It is the first that is sent, and fits.
        let _ = outbox.send(&*credit(WINDOW as u64));
        if let Some(errand) = self.errand.take() {
            tokio::task::spawn_local(errand.run(self.shared.clone()));
        }
    }

    fn message(&mut self, message: Message<'_>, outbox: &Outbox) {
        let wrong = match message {
            Message::Binary(_) if self.shared.state.borrow().is_finished() => "bytes behind their end",
            Message::Binary(bytes) => return self.change(|state| state.push(bytes)),
            Message::Text(text) => match serde_json::from_str(text) {
                Ok(Control::Credit(more)) => return self.change(|state| state.grant(more)),
                Ok(Control::Eof(true)) => return self.change(|state| state.has_ended = true),
                Ok(Control::Error(why)) => {
                    tracing::debug!(why, "a page breaks its tunnel off");
                    return self.change(|state| state.is_reset = true);
                }
                Ok(Control::Eof(false)) | Err(_) => r#"text is {"credit":n}, {"eof":true} or {"error":"why"}"#,
            },
        };
        // It is open, or what it says is of no interest any more.
        let _ = outbox.send(&*error(wrong));
        let _ = outbox.close(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, wrong)));
    }

    fn parted(&mut self) {
        self.leave();
    }

    fn closed(&mut self, _closed: &Closed) {
        self.leave();
    }

    fn has_more(&self, outbox: &Outbox) -> bool {
        self.shared.state.borrow().wants_room && outbox.has_room()
    }

    /// It is the tunnel's task that sends.
    fn send_more(&mut self, _outbox: &Outbox) {
        self.change(|state| state.wants_room = false);
    }

    /// What is inside is closed first, and its Close is let through.
    fn may_stop(&mut self) -> bool {
        if !self.is_inward || self.shared.state.borrow().is_dry {
            return true;
        }
        let now = Instant::now();
        let last_call = *self.last_call.get_or_insert_with(|| {
            let shared = self.shared.clone();
            tokio::task::spawn_local(async move {
                sleep(LAST_CALL).await;
                shared.outbox.wake();
            });
            now + LAST_CALL
        });
        now >= last_call
    }

    fn has_room(&self) -> bool {
        self.shared.state.borrow().has_room()
    }
}

impl Drop for Tunnel {
    /// However it ended.
    fn drop(&mut self) {
        self.leave();
    }
}

impl Errand {
    /// Goes where it leads, moves bytes both ways, and says how it ended.
    async fn run(mut self, shared: Rc<Shared>) {
        let end = self.go(&shared).await;
        tracing::debug!(?end, "a tunnel ends");
        let (word, code) = match end {
            End::Done | End::Gone => (None, CloseCode::NORMAL),
            End::Failed(why) => (Some(why), CloseCode::INTERNAL_ERROR),
            End::Refused(why) => (Some(why), CloseCode::POLICY_VIOLATION),
            End::Full => (Some("too many connections; try again".to_owned()), CloseCode::TRY_AGAIN_LATER),
        };
        if let Some(word) = &word {
            shared.send_in_time(&error(word)).await;
        }
        // Or it is closing already.
        let _ = shared.outbox.close(Some(CloseFrame::new(code, word.as_deref().unwrap_or_default())));
    }

    async fn go(&mut self, shared: &Rc<Shared>) -> End {
        let guest = self.guest.take();
        match (&self.goal, guest) {
            (Goal::Nowhere, _) => {
                End::Refused("this server makes no tunnels there; --tunnel-to allows them".to_owned())
            }
            (_, None) => End::Full,
            (Goal::Target(target), Some(guest)) => self.go_to(target, guest, shared).await,
            (Goal::Myself, Some(guest)) => {
                let (pipe, other) = Pipe::new();
                let heir = Heir::new(self.caller.clone());
                (self.inward)(other, guest, heir.clone());
                self.bore(pipe, shared, Some(&heir)).await
            }
        }
    }

    async fn go_to(&self, target: &Target, guest: Guest, shared: &Rc<Shared>) -> End {
        tracing::info!(target = target.name, peer = %guest.address(), session = ?self.caller.session, "a tunnel begins");
        let login = self.caller.login.clone();
        let connected = tokio::select! {
            connected = target.connect() => connected,
            () = signed_out(login.as_deref()) => return End::Refused(SIGNED_OUT.to_owned()),
            () = shared.gone.cancelled() => return End::Gone,
        };
        let end = match connected {
            Ok(stream) => self.bore(stream, shared, None).await,
            Err(refused @ Refused::NotPublic(address)) => {
                tracing::warn!(target = target.name, %address, "a tunnel is refused: that address is not public");
                End::Refused(format!("{}: {refused}", target.name))
            }
            Err(Refused::Unreachable(why)) => End::Failed(format!("{}: {why}", target.name)),
        };
        drop(guest);
        end
    }

    /// Moves bytes until either side, or whoever opened it, has enough.
    async fn bore<S: Far>(&self, stream: S, shared: &Rc<Shared>, heir: Option<&Heir>) -> End {
        let mut bore = Bore::new(stream, shared.clone());
        let abandoned = async {
            shared.gone.cancelled().await;
            sleep(self.patience).await;
        };
        let end = tokio::select! {
            biased;
            () = signed_out(self.caller.login.as_deref()) => End::Refused(SIGNED_OUT.to_owned()),
            end = poll_fn(|cx| bore.poll(cx)) => end,
            () = abandoned => End::Gone,
        };
        if let (End::Refused(_), Some(heir)) = (&end, heir) {
            // What is inside is told first, and what it says to that is let through.
            heir.sign_out();
            bore.stop_writing();
            let _ = timeout(self.patience, poll_fn(|cx| bore.poll(cx))).await;
        }
        if shared.state.borrow().is_reset {
            bore.reset();
        }
        end
    }
}

impl Shared {
    /// Whether there is room for more. If not, the tunnel's task is woken when there is.
    pub(super) fn has_room(&self) -> bool {
        let has_room = self.outbox.has_room();
        self.state.borrow_mut().wants_room = !has_room;
        has_room
    }

    /// Sends a text, as soon as there is room; or never, if the connection closes before.
    async fn send_in_time(&self, text: &str) {
        poll_fn(|cx| {
            if !self.outbox.is_open() {
                return Poll::Ready(());
            }
            self.state.borrow_mut().set_waker(cx);
            if !self.has_room() {
                return Poll::Pending;
            }
            let _ = self.outbox.send(text);
            Poll::Ready(())
        })
        .await;
    }
}

impl fmt::Debug for Heir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heir").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// When this login ends; never, for a guest.
async fn signed_out(login: Option<&Login>) {
    match login {
        Some(login) => login.ended().await,
        None => pending().await,
    }
}

pub(super) fn credit(more: u64) -> String {
    format!(r#"{{"credit":{more}}}"#)
}

fn error(why: &str) -> String {
    serde_json::json!({ "error": why }).to_string()
}

/// How long what is inside has to part when the server stops.
const LAST_CALL: Duration = Duration::from_secs(1);

const SIGNED_OUT: &str = "signed out";

/// How many bytes a page may be ahead of the far end.
pub(super) const WINDOW: usize = 128 << 10;

/// How much of what is on its way to the page waits to be written to it, besides what was read last.
pub(crate) const QUEUE_MAX: usize = 32 << 10;

// From the page to the far end, through the pipe, and back.
const _: () = assert!(WINDOW + 2 * PIPE_MAX + READ_MAX + QUEUE_MAX <= 256 << 10);
