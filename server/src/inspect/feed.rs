//! `/inspect/live`: what the taps of a session copy, as binary messages. End to end they are one pcapng.

use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::Message;
use framescope_codec::capture::pcapng;

use super::hub::{Hub, Session, Watcher};
use crate::apps::App;
use crate::auth::SessionId;
use crate::ws::Outbox;

/// One page that watches its own browser's connections.
pub(crate) struct Feed {
    id: SessionId,
    peer: SocketAddr,
    session: Arc<Session>,
    watcher: Arc<Watcher>,
}

impl Feed {
    /// Begins to watch at once: what opens from now on is seen from its first byte.
    pub(crate) fn new(hub: &Hub, id: SessionId, queue_max: usize, peer: SocketAddr) -> Self {
        let watcher = Arc::new(Watcher::new(queue_max));
        let mut start = Vec::new();
        pcapng::write_start(&mut start);
        watcher.push(&start);
        let session = hub.session(id);
        session.join(watcher.clone());
        tracing::info!(session = ?id, %peer, "a live tap begins");
        Self { id, peer, session, watcher }
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
        // Only asked for while there is room and the connection is open.
        let _ = outbox.send(Message::Binary(&self.watcher.take()));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.session.leave(&self.watcher);
        let gaps = self.watcher.dropped();
        tracing::info!(session = ?self.id, peer = %self.peer, gaps, "a live tap ends");
    }
}
