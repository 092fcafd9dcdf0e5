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
    /// How much of the answer to the opening handshake is not written yet.
    answer_left: u32,
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
        Self { session, ends, deflate: None, seen, answer_left: 0, live: None }
    }

    /// The opening handshake was accepted: `head` is the request, and the answer, of `answer_len` bytes, will be the
    /// first to be [written](Self::wrote).
    pub(crate) fn opening(&mut self, head: &[u8], answer_len: usize, deflate: Option<DeflateParams>) {
        self.deflate = deflate;
        self.answer_left = u32::try_from(answer_len).unwrap_or(u32::MAX);
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
        if self.session.is_watched() || self.live.is_some() || self.answer_left > 0 {
            self.copy_written(bytes, begins_frame);
        }
    }

    /// The answer was written by somebody else, and this is what it was.
    pub(crate) fn answered(&mut self, answer: &[u8]) {
        self.answer_left = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        self.wrote(answer, false);
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
        let direction = Direction::ServerToClient;
        let head_len = usize::try_from(self.answer_left).unwrap_or(usize::MAX).min(bytes.len());
        self.answer_left -= u32::try_from(head_len).unwrap_or(self.answer_left);
        let Some(live) = self.live(now) else { return };
        let (head, frames) = bytes.split_at(head_len);
        // Whoever began to watch after the request is not shown the answer either: it is no frame, and what would be
        // secret in it is known only to a mask that has seen the request.
        if live.mask.is_some() && !head.is_empty() {
            live.bytes(direction, now, head);
        }
        if frames.is_empty() {
            return;
        }
        // What comes right behind the answer is a frame.
        if (begins_frame || !head.is_empty()) && live.is_lost[1] {
            live.find(direction);
        }
        live.bytes(direction, now, frames);
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

#[cfg(test)]
mod tests {
    use framescope_codec::capture::{Decoder, Record, What};
    use framescope_codec::{Frame, Opcode};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: a=secret\r\n\r\n";

    fn watch(session: &Session) -> Arc<Watcher> {
        let watcher = Arc::new(Watcher::new(1 << 20));
        session.join(watcher.clone());
        watcher
    }

    /// What a watcher is shown.
    fn shown(watcher: &Watcher) -> Vec<What> {
        let bytes = watcher.take();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        let (mut decoder, mut start) = (Decoder::new(), Vec::new());
        framescope_codec::capture::pcapng::write_start(&mut start);
        decoder.feed(&start);
        decoder.feed(&bytes);
        std::iter::from_fn(|| decoder.next_record())
            .map(|record| match record {
                Record::Event(event) => event.what,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// A watcher before the request or not, and then one between it and the answer, which is written in pieces as they
    /// come: with a frame behind the answer and in one piece, or byte by byte.
    #[test]
    fn who_begins_to_watch_before_the_answer_is_shown_frames_and_no_head() {
        let ends = (([127, 0, 0, 1], 50_000).into(), ([127, 0, 0, 1], 8080).into());
        let frame = Frame::new(Opcode::Text, b"hello").to_bytes();
        let written = [ANSWER, &frame].concat();
        for (size, is_watched) in [(usize::MAX, false), (usize::MAX, true), (1, false), (1, true), (ANSWER.len(), true)]
        {
            let session = Arc::new(Session::default());
            let early = is_watched.then(|| watch(&session));
            let mut tap = Tap::new(session.clone(), ends);
            tap.opening(REQUEST, ANSWER.len(), None);
            let late = watch(&session);
            for (number, piece) in written.chunks(size).enumerate() {
                tap.wrote(piece, number == 0);
            }
            tap.wrote(&frame, true);
            let is_hello = |what: &What| match what {
                What::Frame(frame) => {
                    assert!(frame.dissection.violations.is_empty(), "{frame:?}");
                    frame.dissection.message.as_ref().is_some_and(|message| message.payload == b"hello")
                }
                _ => false,
            };
            let seen = shown(&late);
            assert!(matches!(seen[0], What::JoinedLate { .. }), "{seen:?}");
            assert!(is_hello(seen.last().unwrap()), "{size}: {seen:?}");
            assert!(!seen.iter().any(|what| matches!(what, What::Response(_))), "{seen:?}");
            if let Some(early) = early {
                let seen = shown(&early);
                assert!(matches!(seen[..2], [What::Request(_), What::Response(_)]), "{seen:?}");
                assert_eq!(seen.iter().filter(|what| is_hello(what)).count(), 2, "{seen:?}");
            }
        }
    }
}
