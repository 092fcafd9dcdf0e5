//! `/inspect/live`: what taps copy, as binary messages of whole blocks. End to end they are one pcapng.

use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::{CloseCode, CloseFrame, Message};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::hub::{Audience, Hub, Session};
use super::viewer::Viewer;
use super::watcher::Watcher;
use crate::apps::App;
use crate::ws::Outbox;
use crate::ws::thread::{self, Tick};

/// One page that watches.
pub(crate) struct Feed {
    viewer: Viewer,
    peer: SocketAddr,
    /// What it sees.
    session: Arc<Session>,
    watcher: Arc<Watcher>,
    /// What comes until then waits, unless it fills a message: to write each frame by itself would cost more than all the
    /// rest. After a silence nothing waits.
    rests_until: Option<Tick>,
    /// Ends with this.
    _alarm: DropGuard,
}

impl Feed {
    /// Begins to watch at once: what opens from now on is seen from its first byte. `None` if so many watch already that
    /// one more would be felt.
    pub(crate) fn new(hub: &Hub, viewer: Viewer, queue_max: usize, peer: SocketAddr) -> Option<Self> {
        let watcher = Arc::new(Watcher::for_page(queue_max, hub.waiting()));
        let mut start = Vec::new();
        hub.write_start(&mut start);
        watcher.push(&start);
        let session = match viewer {
            Viewer::Browser { session, .. } => hub.session(session),
            Viewer::Operator(_) => hub.nobody().clone(),
        };
        if !audience(&viewer, &session).join(watcher.clone()) {
            tracing::warn!(%viewer, %peer, "a live tap is refused: there are too many");
            return None;
        }
        tracing::info!(%viewer, %peer, "a live tap begins");
        let gone = CancellationToken::new();
        let (late, alarm, watching) = (watcher.clone(), gone.clone(), viewer.clone());
        tokio::task::spawn_local(async move {
            if alarm.run_until_cancelled(watching.ended()).await.is_some() {
                late.wake();
            }
        });
        Some(Self { viewer, peer, session, watcher, rests_until: None, _alarm: gone.drop_guard() })
    }
}

/// Whom a viewer joins: those who watch this session, or those who watch everything.
fn audience<'s>(viewer: &Viewer, session: &'s Session) -> &'s Audience {
    match viewer {
        Viewer::Browser { .. } => session.own(),
        Viewer::Operator(_) => session.everything(),
    }
}

impl App for Feed {
    fn opened(&mut self, outbox: &Outbox) {
        self.watcher.set_waker(outbox.waker());
    }

    /// A feed is not talked to.
    fn message(&mut self, _message: Message<'_>, _outbox: &Outbox) {}

    /// Nothing may follow the Close, and how long the peer takes to hang up is its own affair.
    fn parted(&mut self) {
        self.leave();
    }

    fn has_more(&self, outbox: &Outbox) -> bool {
        let is_resting = self.rests_until.is_some_and(|until| thread::now().is_before(until));
        outbox.has_room() && (self.watcher.is_due(is_resting) || !self.viewer.holds())
    }

    fn send_more(&mut self, outbox: &Outbox) {
        if !self.viewer.holds() {
            return outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, "signed out")));
        }
        // Only asked for while there is room and the connection is open.
        let blocks = self.watcher.take();
        let _ = outbox.send(Message::Binary(&blocks));
        self.watcher.give_back(blocks);
        let now = thread::now();
        if self.rests_until.is_none_or(|until| !now.is_before(until)) {
            self.rests_until = Some(now.after(thread::TICK_MILLIS));
            outbox.wake_in_a_tick();
        }
    }
}

impl Feed {
    /// It takes nothing more.
    fn leave(&self) {
        audience(&self.viewer, &self.session).leave(&self.watcher);
        self.watcher.end();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.leave();
        let gaps = self.watcher.dropped();
        tracing::info!(viewer = %self.viewer, peer = %self.peer, gaps, "a live tap ends");
    }
}
