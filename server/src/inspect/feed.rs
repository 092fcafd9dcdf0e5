//! `/inspect/live`: what the taps of a session copy, as binary messages. End to end they are one pcapng.

use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::capture::pcapng;
use framescope_codec::{CloseCode, CloseFrame, Message};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::hub::{Hub, Session};
use super::watcher::Watcher;
use crate::apps::App;
use crate::auth::{Login, SessionId};
use crate::ws::Outbox;

/// One page that watches its own browser's connections.
pub(crate) struct Feed {
    id: SessionId,
    peer: SocketAddr,
    session: Arc<Session>,
    watcher: Arc<Watcher>,
    /// Who watches, if they are signed in. When they no longer are, that is the end of it: who signs out on a machine
    /// that is not theirs leaves nothing behind that goes on to show.
    login: Option<Arc<Login>>,
    /// Ends with this.
    _alarm: DropGuard,
}

impl Feed {
    /// Begins to watch at once: what opens from now on is seen from its first byte.
    pub(crate) fn new(hub: &Hub, id: SessionId, login: Option<Arc<Login>>, queue_max: usize, peer: SocketAddr) -> Self {
        let watcher = Arc::new(Watcher::new(queue_max));
        let mut start = Vec::new();
        pcapng::write_start(&mut start);
        watcher.push(&start);
        let session = hub.session(id);
        session.own().join(watcher.clone());
        tracing::info!(session = ?id, %peer, "a live tap begins");
        let gone = CancellationToken::new();
        if let Some(login) = login.clone() {
            let (watcher, gone) = (watcher.clone(), gone.clone());
            tokio::task::spawn_local(async move {
                if gone.run_until_cancelled(login.ended()).await.is_some() {
                    watcher.wake();
                }
            });
        }
        Self { id, peer, session, watcher, login, _alarm: gone.drop_guard() }
    }

    fn is_over(&self) -> bool {
        self.login.as_ref().is_some_and(|login| !login.holds())
    }
}

impl App for Feed {
    fn opened(&mut self, outbox: &Outbox) {
        self.watcher.set_waker(outbox.waker());
    }

    /// A feed is not talked to.
    fn message(&mut self, _message: Message<'_>, _outbox: &Outbox) {}

    fn has_more(&self, outbox: &Outbox) -> bool {
        !self.watcher.is_empty() && outbox.has_room()
    }

    fn send_more(&mut self, outbox: &Outbox) {
        if self.is_over() {
            return outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, "signed out")));
        }
        // Only asked for while there is room and the connection is open.
        let _ = outbox.send(Message::Binary(&self.watcher.take()));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.session.own().leave(&self.watcher);
        let gaps = self.watcher.dropped();
        tracing::info!(session = ?self.id, peer = %self.peer, gaps, "a live tap ends");
    }
}
