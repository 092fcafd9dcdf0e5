//! Copies a connection's bytes for those who watch.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use framescope_codec::capture::Direction;
use framescope_codec::capture::mask::HeadMask;
use framescope_codec::capture::tap::Flow;
use framescope_codec::{DeflateParams, Receiver};

use super::hub::{Session, Watcher};

/// One connection's tap. While nobody watches, it does nothing but look whether that is still so.
pub(crate) struct Tap {
    session: Arc<Session>,
    /// Client, server.
    ends: (SocketAddr, SocketAddr),
    /// What a watcher that comes late could not know.
    deflate: Option<DeflateParams>,
    /// [`Session::changes`] when the watchers were last looked up.
    seen: u32,
    live: Option<Box<Live>>,
}

/// What a tap needs while somebody watches.
struct Live {
    flow: Flow,
    /// Until both heads have passed.
    mask: Option<HeadMask>,
    watchers: Vec<Arc<Watcher>>,
    /// By direction: some watcher has lost its place, and is to be told where a frame begins.
    is_lost: [bool; 2],
    blocks: Vec<u8>,
}

impl Tap {
    /// On a connection of `session` between the client and us.
    pub(crate) fn new(session: Arc<Session>, ends: (SocketAddr, SocketAddr)) -> Self {
        // Whatever number it is, there is somebody to look up if anybody watches.
        let seen = session.changes().wrapping_sub(1);
        Self { session, ends, deflate: None, seen, live: None }
    }

    /// The opening handshake was accepted: `head` is the request, and the answer will be [written](Self::wrote).
    pub(crate) fn opening(&mut self, head: &[u8], deflate: Option<DeflateParams>) {
        self.deflate = deflate;
        if !self.session.is_watched() {
            return;
        }
        self.seen = self.session.changes();
        let mut live = Live {
            flow: Flow::new(self.ends.0, self.ends.1),
            mask: Some(HeadMask::new()),
            watchers: self.session.watchers(),
            is_lost: [false; 2],
            blocks: Vec::new(),
        };
        let now = now_ns();
        live.emit(|flow, blocks| flow.open(now, blocks));
        live.bytes(Direction::ClientToServer, now, head);
        self.live = Some(Box::new(live));
    }

    /// Bytes came in; `receiver` is as it was before them.
    #[inline]
    pub(crate) fn read(&mut self, bytes: &[u8], receiver: &Receiver) {
        if self.session.is_watched() || self.live.is_some() {
            self.copy_read(bytes, receiver);
        }
    }

    /// Bytes went out, which begin with a frame or somewhere within one.
    #[inline]
    pub(crate) fn wrote(&mut self, bytes: &[u8], begins_frame: bool) {
        if self.session.is_watched() || self.live.is_some() {
            self.copy_written(bytes, begins_frame);
        }
    }

    /// The connection is over.
    pub(crate) fn ended(&mut self) {
        if let Some(live) = &mut self.live {
            let now = now_ns();
            live.emit(|flow, blocks| {
                for direction in Direction::BOTH {
                    flow.end(direction, now, blocks);
                }
            });
        }
    }

    #[cold]
    fn copy_read(&mut self, bytes: &[u8], receiver: &Receiver) {
        let now = now_ns();
        let Some(live) = self.live(now) else { return };
        let direction = Direction::ClientToServer;
        let [is_lost, _] = live.is_lost;
        // How far it is to the next frame, if that is known.
        let ahead = match usize::try_from(receiver.remaining_in_frame()) {
            _ if receiver.at_frame_boundary() => Some(0),
            Ok(rest) if rest > 0 => Some(rest),
            _ => None,
        };
        match ahead.filter(|ahead| is_lost && *ahead < bytes.len()) {
            None => live.bytes(direction, now, bytes),
            Some(ahead) => {
                let (before, from) = bytes.split_at(ahead);
                live.bytes(direction, now, before);
                live.find(direction);
                live.bytes(direction, now, from);
            }
        }
    }

    #[cold]
    fn copy_written(&mut self, bytes: &[u8], begins_frame: bool) {
        let now = now_ns();
        let Some(live) = self.live(now) else { return };
        let direction = Direction::ServerToClient;
        if begins_frame && live.is_lost[1] {
            live.find(direction);
        }
        live.bytes(direction, now, bytes);
    }

    /// Looks up who watches, if that has changed; `None` if nobody does.
    fn live(&mut self, now: u64) -> Option<&mut Live> {
        let changes = self.session.changes();
        if self.seen != changes {
            self.seen = changes;
            let watchers = self.session.watchers();
            if watchers.is_empty() {
                self.live = None;
                return None;
            }
            let (ends, deflate) = (self.ends, self.deflate);
            let live = self.live.get_or_insert_with(|| {
                let flow = Flow::new(ends.0, ends.1);
                Box::new(Live { flow, mask: None, watchers: Vec::new(), is_lost: [true; 2], blocks: Vec::new() })
            });
            live.meet(watchers, deflate, now);
        }
        self.live.as_deref_mut()
    }
}

impl Live {
    /// Tells those who are new that they are late, and what they have missed.
    fn meet(&mut self, watchers: Vec<Arc<Watcher>>, deflate: Option<DeflateParams>, now: u64) {
        let mut late = Vec::new();
        self.flow.clone().join_late(now, deflate, &mut late);
        for watcher in &watchers {
            if !self.watchers.iter().any(|known| Arc::ptr_eq(known, watcher)) {
                watcher.push(&late);
                self.is_lost = [true; 2];
            }
        }
        self.watchers = watchers;
    }

    /// The next byte of this direction begins a frame.
    fn find(&mut self, direction: Direction) {
        self.flow.boundary(direction);
        self.is_lost[usize::from(direction == Direction::ServerToClient)] = false;
    }

    fn bytes(&mut self, direction: Direction, now: u64, bytes: &[u8]) {
        let mut masked;
        let mut bytes = bytes;
        if let Some(mask) = &mut self.mask {
            masked = bytes.to_vec();
            mask.apply(direction, &mut masked);
            bytes = &masked;
            if mask.is_done() {
                self.mask = None;
            }
        }
        // In pieces, so that a full watcher loses no more than it must.
        for piece in bytes.chunks(PIECE) {
            self.emit(|flow, blocks| flow.bytes(direction, now, piece, blocks));
        }
    }

    fn emit(&mut self, write: impl FnOnce(&mut Flow, &mut Vec<u8>)) {
        self.blocks.clear();
        write(&mut self.flow, &mut self.blocks);
        for watcher in &self.watchers {
            if !watcher.push(&self.blocks) {
                self.is_lost = [true; 2];
            }
        }
    }
}

/// Nanoseconds since 1970, as captures have it.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const PIECE: usize = 32 << 10;
