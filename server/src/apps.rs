//! What connections are for. An app is handed messages and an outbox; frames, sockets and time are
//! somebody else's.
//!
//! `/echo` and the live taps are apps by themselves. The rest is one app, [`Conversation`], that speaks the two families
//! of messages: [`board`] and [`rooms`]. What is said is read by [`said`], and handled by modules of plain functions:
//! [`drawing`], [`presence`], [`direct`], [`call`].
//!
//! ```text
//!   what is said ──► Said ──► board / rooms ──► drawing, direct, ..
//!                                                  │ append                      ▲ hear, changed
//!                                                  ▼                             │
//!                                    Store, commits ──► Bus ──► Mailbox ──► Shard, one per thread
//!                                                   Leases ──►
//! ```
//!
//! Two rules hold throughout. **Stored, then shown**: whoever appends an item hands over what is to be shown, and the
//! store shows it once the item is on the disk, in the order of commits. **A snapshot is up to n**: whoever is sent the
//! past is sent what comes after number n from the bus, no more and no less, however the two arrive.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use framescope_codec::{CloseFrame, Closed, Message, Violation};

use crate::auth::Caller;
use crate::config::Config;
use crate::http::Services;
use crate::ws::Outbox;
use directory::Directory;
use history::History;
use peer::Peer;
use presence::Presence;
use said::Lengths;
pub(crate) use said::Spoken;
pub(crate) use shard::Shard;

mod board;
mod call;
mod colour;
mod direct;
mod directory;
mod drawing;
pub(crate) mod echo;
mod escape;
mod fields;
mod history;
mod past;
mod peer;
mod presence;
mod rooms;
pub(crate) mod said;
mod shard;

/// One connection's application. It runs on the connection's thread, one call at a time; if a call
/// panics, the connection is closed with 1011, and all others go on.
pub(crate) trait App {
    /// The connection is open.
    fn opened(&mut self, _outbox: &Outbox) {}

    /// A message came in. The outbox has room for one in return.
    fn message(&mut self, message: Message<'_>, outbox: &Outbox);

    /// A ping came in, and is answered already.
    fn ping(&mut self, _payload: &[u8], _outbox: &Outbox) {}

    /// A pong came in.
    fn pong(&mut self, _payload: &[u8], _outbox: &Outbox) {}

    /// The peer's Close came in, and is answered already.
    fn closing(&mut self, _frame: Option<&CloseFrame>) {}

    /// The peer broke a rule, and has been told which.
    fn failed(&mut self, _violation: Violation) {}

    /// Nothing more is to be sent: our Close is queued or went out, whoever it was that wanted to part, or the peer hung up
    /// without one. What answers the peer's Close is written after this. Messages may still come in.
    fn parted(&mut self) {}

    /// The connection is over, however it ended. Called once, last.
    fn closed(&mut self, _closed: &Closed) {}

    /// Whether it wants to send something unasked, and there is room for that. Whoever has nothing to send wakes the
    /// connection's task later.
    fn has_more(&self, _outbox: &Outbox) -> bool {
        false
    }

    /// It has.
    fn send_more(&mut self, _outbox: &Outbox) {}

    /// The server stops: whether this connection may be closed for that now. Whoever says no wakes the connection's
    /// task before long.
    fn may_stop(&mut self) -> bool {
        true
    }

    /// Whether more messages may come in. Whoever says no wakes the connection's task later.
    fn has_room(&self) -> bool {
        true
    }
}

/// What the conversations of all threads have in common.
#[derive(Debug)]
pub(crate) struct Commons {
    pub(crate) services: Services,
    pub(crate) history: Arc<History>,
    pub(crate) presence: Presence,
    pub(crate) directory: Directory,
    /// How far rooms are.
    pub(crate) fronts: rooms::Fronts,
    /// Which node of a cluster this is; alone, it is the first.
    pub(crate) node: u32,
    pub(crate) limits: Limits,
    /// How long a call is kept that everybody has left, in milliseconds.
    pub(crate) call_kept: i64,
    /// Whether what users wrote is escaped before others are sent it.
    escapes_html: bool,
    /// How messages for many are encoded.
    pub(crate) codec: framescope_codec::Config,
}

/// What is too much in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) echo_text_max: usize,
    pub(crate) stroke_max: usize,
    pub(crate) lengths: Lengths,
}

impl Commons {
    pub(crate) fn new(config: &Config, services: Services, codec: framescope_codec::Config) -> Self {
        Self {
            services,
            history: Arc::new(History::new(codec)),
            presence: Presence::new(codec, config.presence_budget),
            directory: Directory::new(codec),
            fronts: rooms::Fronts::default(),
            node: 0,
            limits: Limits {
                echo_text_max: config.echo_text_max,
                stroke_max: config.stroke_max,
                lengths: Lengths { text: config.text_max, name: config.name_max },
            },
            call_kept: i64::try_from(config.call_kept.as_millis()).unwrap_or(i64::MAX / 2),
            escapes_html: config.escapes_html(),
            codec,
        }
    }

    /// What somebody wrote, as others are sent it.
    pub(crate) fn html<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.escapes_html { escape::escape_html(text) } else { Cow::Borrowed(text) }
    }
}

/// The app of `/websocket`, `/` and `/chat`.
#[derive(Debug)]
pub(crate) struct Conversation {
    peer: Rc<Peer>,
}

impl Conversation {
    pub(crate) fn new(caller: Caller, spoken: Spoken, shard: Rc<Shard>, outbox: Rc<Outbox>) -> Self {
        Self { peer: Peer::new(caller, spoken, shard, outbox) }
    }
}

impl App for Conversation {
    fn opened(&mut self, _outbox: &Outbox) {
        self.peer.opened();
    }

    fn message(&mut self, message: Message<'_>, _outbox: &Outbox) {
        let json = match message {
            Message::Text(text) => text,
            // What is not UTF-8 is no JSON, and is told so.
            Message::Binary(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        };
        self.peer.received(json);
    }

    /// To the others it is gone, however long it takes to read what was left for it.
    fn parted(&mut self) {
        self.peer.leave();
    }

    fn has_more(&self, _outbox: &Outbox) -> bool {
        self.peer.has_more()
    }

    fn send_more(&mut self, _outbox: &Outbox) {
        self.peer.send_more();
    }

    fn has_room(&self) -> bool {
        self.peer.has_room()
    }
}

impl Drop for Conversation {
    /// However it ended, and even if nobody was there to see it.
    fn drop(&mut self) {
        self.peer.leave();
    }
}
