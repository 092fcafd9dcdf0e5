//! What a tap does while somebody watches: bytes to blocks, and blocks to everyone who is there.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use framescope_codec::DeflateParams;
use framescope_codec::capture::Direction;
use framescope_codec::capture::intervention::Intervention;
use framescope_codec::capture::mask::HeadMask;
use framescope_codec::capture::tap::Flow;

use super::watcher::{Put, Watcher};
use crate::net::Stream;

/// Between whom a connection is, as a capture shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Two sockets.
    Sockets {
        /// Who connected.
        client: SocketAddr,
        /// Who was connected to.
        server: SocketAddr,
    },
    /// There is no socket: documentation addresses stand in.
    InProcess {
        /// The client's, which tells it from others like it.
        port: u16,
    },
}

/// A stream that knows between whom it is.
pub(crate) trait HasEnds {
    /// The peer is the client. What the system does not know is shown as zeros.
    fn ends(&self) -> Ends;
}

/// What a tap needs while somebody watches.
pub(super) struct Live {
    flow: Flow,
    /// Until both heads have passed.
    mask: Option<HeadMask>,
    watchers: Vec<Arc<Watcher>>,
    /// By direction: some watcher has lost its place, and is to be told where a frame begins.
    is_lost: [bool; 2],
}

thread_local! {
    /// Room to make blocks in, for whoever is making some.
    static BLOCKS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Live {
    /// The connection begins now.
    pub(super) fn new(ends: Ends, watchers: Vec<Arc<Watcher>>, is_masked: bool, now: u64) -> Box<Self> {
        let mask = Some(if is_masked { HeadMask::new() } else { HeadMask::hiding_nothing() });
        let mut live = Self { flow: ends.flow(), mask, watchers, is_lost: [false; 2] };
        live.emit(Watcher::push, |flow, blocks| flow.open(now, blocks));
        Box::new(live)
    }

    /// The connection has been there for a while, and whoever comes is [late](Self::meet).
    pub(super) fn late(ends: Ends) -> Box<Self> {
        Box::new(Self { flow: ends.flow(), mask: None, watchers: Vec::new(), is_lost: [true; 2] })
    }

    /// These watch from now on. Tells those who are new that they are late, and what they have missed. False if one
    /// has no room to hear it, and is to be met again.
    pub(super) fn meet(&mut self, watchers: Vec<Arc<Watcher>>, deflate: Option<DeflateParams>, now: u64) -> bool {
        let mut late = Vec::new();
        let mut knows_all = true;
        let was_there = std::mem::replace(&mut self.watchers, watchers);
        self.watchers.retain(|watcher| {
            if was_there.iter().any(|known| Arc::ptr_eq(known, watcher)) {
                return true;
            }
            if late.is_empty() {
                self.flow.join_late(now, deflate, &mut late);
            }
            let is_met = watcher.push(&late);
            knows_all &= is_met;
            self.is_lost = [true; 2];
            is_met
        });
        knows_all
    }

    pub(super) fn is_lost(&self, direction: Direction) -> bool {
        self.is_lost[place(direction)]
    }

    /// Whether whoever watches has seen the head so far, and may see the rest of it.
    pub(super) const fn is_in_heads(&self) -> bool {
        self.mask.is_some()
    }

    /// Bytes, in which the next frame begins at `next_frame`, if one does and that is known.
    pub(super) fn relay(&mut self, direction: Direction, now: u64, bytes: &[u8], next_frame: Option<usize>) {
        match next_frame.filter(|at| self.is_lost(direction) && *at < bytes.len()) {
            None => self.bytes(direction, now, bytes),
            Some(at) => {
                let (before, from) = bytes.split_at(at);
                self.bytes(direction, now, before);
                self.flow.boundary(direction);
                self.is_lost[place(direction)] = false;
                self.bytes(direction, now, from);
            }
        }
    }

    pub(super) fn bytes(&mut self, direction: Direction, now: u64, bytes: &[u8]) {
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
        self.pieces(direction, now, bytes);
    }

    /// In pieces, so that a full watcher loses no more than it must.
    fn pieces(&mut self, direction: Direction, now: u64, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            if !self.is_put_in_place(direction, now, piece) {
                self.emit(Watcher::push, |flow, blocks| flow.bytes(direction, now, piece, blocks));
            }
        }
    }

    /// The usual case, one watcher and nothing to say about the bytes, in one copy: the block is made where it waits,
    /// and not at all if there is no room. False if it is another case.
    fn is_put_in_place(&mut self, direction: Direction, now: u64, piece: &[u8]) -> bool {
        let Self { flow, watchers, is_lost, .. } = self;
        let ([watcher], Some(len)) = (&watchers[..], flow.plain_len(direction, piece.len())) else { return false };
        let put = watcher.push_with(len, |blocks| flow.bytes(direction, now, piece, blocks));
        if put != Put::Taken {
            flow.pass_over(direction, piece.len());
        }
        if put == Put::Refused {
            *is_lost = [true; 2];
        }
        true
    }

    /// Somebody had a hand in a frame, and this is what went on of it. A frame begins with it, and with what comes next.
    pub(super) fn intervened(&mut self, direction: Direction, now: u64, bytes: &[u8], intervention: &Intervention) {
        if std::mem::take(&mut self.is_lost[place(direction)]) {
            self.flow.boundary(direction);
        }
        let (first, rest) = bytes.split_at(bytes.len().min(PIECE));
        self.emit(Watcher::push, |flow, blocks| flow.intervened(direction, now, first, intervention, blocks));
        self.pieces(direction, now, rest);
    }

    /// This direction is shut down.
    pub(super) fn shut(&mut self, direction: Direction, now: u64) {
        self.emit(Watcher::push_last, |flow, blocks| flow.end(direction, now, blocks));
    }

    /// Whoever sends in this direction tore the connection down.
    pub(super) fn reset(&mut self, direction: Direction, now: u64) {
        self.emit(Watcher::push_last, |flow, blocks| flow.reset(direction, now, blocks));
    }

    /// Whether those that keep everything keep up.
    pub(super) fn has_room(&self) -> bool {
        self.watchers.iter().all(|watcher| watcher.has_room())
    }

    /// Waits until they do.
    pub(super) async fn room(&self) {
        for watcher in &self.watchers {
            watcher.room().await;
        }
    }

    fn emit(&mut self, push: impl Fn(&Watcher, &[u8]) -> bool, write: impl FnOnce(&mut Flow, &mut Vec<u8>)) {
        let mut blocks = BLOCKS.take();
        blocks.clear();
        write(&mut self.flow, &mut blocks);
        for watcher in &self.watchers {
            if !push(watcher, &blocks) {
                self.is_lost = [true; 2];
            }
        }
        BLOCKS.set(blocks);
    }
}

impl Ends {
    fn flow(self) -> Flow {
        match self {
            Self::Sockets { client, server } => Flow::new(client, server),
            Self::InProcess { port } => Flow::in_process(port),
        }
    }
}

impl From<(SocketAddr, SocketAddr)> for Ends {
    fn from((client, server): (SocketAddr, SocketAddr)) -> Self {
        Self::Sockets { client, server }
    }
}

impl HasEnds for Stream {
    fn ends(&self) -> Ends {
        let unknown = |_| SocketAddr::from(([0, 0, 0, 0], 0));
        match self {
            Self::Tcp(socket) => Ends::Sockets {
                client: socket.peer_addr().unwrap_or_else(unknown),
                server: socket.local_addr().unwrap_or_else(unknown),
            },
            Self::Pipe(pipe) => Ends::InProcess { port: pipe.port() },
        }
    }
}

#[cfg(test)]
impl HasEnds for tokio::io::DuplexStream {
    fn ends(&self) -> Ends {
        Ends::InProcess { port: 50_000 }
    }
}

/// Nanoseconds since 1970, as captures have it.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const fn place(direction: Direction) -> usize {
    match direction {
        Direction::ClientToServer => 0,
        Direction::ServerToClient => 1,
    }
}

const PIECE: usize = 32 << 10;
