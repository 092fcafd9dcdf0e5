//! A connection's side of it: copies its bytes while somebody watches, and does nothing while nobody does.

use std::sync::Arc;
use std::task::Waker;

use framescope_codec::capture::Direction;
use framescope_codec::capture::intervention::Intervention;
use framescope_codec::{DeflateParams, Receiver};

use super::hub::{Hub, Session};
use super::live::{Ends, Live, now_ns};

/// One connection's tap.
pub(crate) struct Tap {
    session: Arc<Session>,
    ends: Ends,
    /// What a watcher that comes late could not know.
    deflate: Option<DeflateParams>,
    /// [`Session::changes`] when the watchers were last looked up.
    seen: u32,
    /// How much of the answer to the opening handshake is not written yet.
    answer_left: u32,
    /// By which the session knows the connection, once it is [open](Self::open).
    number: Option<u32>,
    live: Option<Box<Live>>,
    is_masked: bool,
}

impl Tap {
    /// On a connection of `session`.
    pub(crate) fn new(session: Arc<Session>, ends: impl Into<Ends>) -> Self {
        // Whatever number it is, there is somebody to look up if anybody watches.
        let seen = session.changes().wrapping_sub(1);
        Self {
            session,
            ends: ends.into(),
            deflate: None,
            seen,
            answer_left: 0,
            number: None,
            live: None,
            is_masked: true,
        }
    }

    /// On a connection that is relayed: nobody's own, and seen by those who see everything. Its relay says what passes
    /// with [`request`](Self::request), [`response`](Self::response) and [`relayed`](Self::relayed), and
    /// [looks](Self::look) who watches when the [bell](Hub::bell) rings.
    pub(crate) fn proxied(hub: &Hub, ends: impl Into<Ends>) -> Self {
        Self::new(hub.nobody().clone(), ends)
    }

    /// The same, and credentials are shown: for those alone who have asked for that.
    pub(crate) fn unmasked(mut self) -> Self {
        self.is_masked = false;
        self
    }

    /// On a connection of nobody that has been open for a while; `None` if nobody would see it.
    pub(crate) fn late(hub: &Hub, ends: impl FnOnce() -> Ends, deflate: Option<DeflateParams>) -> Option<Self> {
        hub.everything().is_any().then(|| {
            let mut tap = Self::new(hub.nobody().clone(), ends());
            tap.deflate = deflate;
            tap
        })
    }

    /// The opening handshake was accepted: `head` is the request, and the answer, of `answer_len` bytes, will be the
    /// first to be [written](Self::wrote).
    pub(crate) fn opening(&mut self, head: &[u8], answer_len: usize, deflate: Option<DeflateParams>) {
        self.deflate = deflate;
        self.answer_left = u32::try_from(answer_len).unwrap_or(u32::MAX);
        self.request(head);
    }

    /// The head of the request, whole, as the client sent it.
    pub(crate) fn request(&mut self, head: &[u8]) {
        if !self.session.is_watched() {
            return;
        }
        self.seen = self.session.changes();
        let now = now_ns();
        let mut live = Live::new(self.ends, self.session.watchers(), self.is_masked, now);
        live.bytes(Direction::ClientToServer, now, head);
        self.live = Some(live);
    }

    /// The head of the answer, whole, as the server sent it, and what the two have agreed on.
    pub(crate) fn response(&mut self, head: &[u8], deflate: Option<DeflateParams>) {
        self.deflate = deflate;
        if self.is_live() {
            self.copy_answer(head, now_ns());
        }
    }

    /// The answer was written by somebody else, and this is what it was.
    pub(crate) fn answered(&mut self, answer: &[u8]) {
        self.answer_left = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        self.wrote(answer, false);
    }

    /// The connection has a task of its own, which is to be woken, and then to [look](Self::look), when watchers come
    /// or go.
    pub(crate) fn open(&mut self, waker: &Waker) {
        // Those of nobody are seen by those alone who see everything: for them, each thread wakes all it has.
        if self.session.is_anybody() {
            self.number = u32::try_from(self.session.own().enter(waker)).ok();
        }
    }

    /// Whether there is any use in it while nobody watches.
    pub(crate) fn is_needed(&self) -> bool {
        self.is_live() || self.session.is_anybody()
    }

    /// Whether somebody watched when last looked.
    #[inline]
    pub(crate) const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Looks who watches. Whoever is new learns at once that this connection is open.
    #[inline]
    pub(crate) fn look(&mut self) {
        if self.seen != self.session.changes() {
            self.meet(now_ns());
        }
    }

    /// Bytes came in; `receiver` is as it was before them.
    #[inline]
    pub(crate) fn read(&mut self, bytes: &[u8], receiver: &Receiver) {
        if self.is_live() {
            self.copy_read(bytes, receiver);
        }
    }

    /// Bytes went out, which begin with a frame or somewhere within one.
    #[inline]
    pub(crate) fn wrote(&mut self, bytes: &[u8], begins_frame: bool) {
        if self.is_live() || self.answer_left > 0 {
            self.copy_written(bytes, begins_frame);
        }
    }

    /// Bytes passed, in which the next frame begins at `next_frame`, if one does and that is known.
    #[inline]
    pub(crate) fn relayed(&mut self, direction: Direction, bytes: &[u8], next_frame: Option<usize>) {
        if self.is_live() || self.session.is_watched() {
            let now = now_ns();
            if let Some(live) = self.meet(now) {
                live.relay(direction, now, bytes, next_frame);
            }
        }
    }

    /// Somebody had a hand in a frame, and this is what went on of it.
    pub(crate) fn intervened(&mut self, direction: Direction, bytes: &[u8], intervention: &Intervention) {
        if self.is_live() || self.session.is_watched() {
            let now = now_ns();
            if let Some(live) = self.meet(now) {
                live.intervened(direction, now, bytes, intervention);
            }
        }
    }

    /// Whoever sends in this direction has no more to send.
    pub(crate) fn shut(&mut self, direction: Direction) {
        if let Some(live) = &mut self.live {
            live.shut(direction, now_ns());
        }
    }

    /// Whoever sends in this direction tore the connection down.
    pub(crate) fn reset(&mut self, direction: Direction) {
        if let Some(live) = &mut self.live {
            live.reset(direction, now_ns());
        }
    }

    /// The connection is over.
    pub(crate) fn ended(&mut self) {
        Direction::BOTH.into_iter().for_each(|direction| self.shut(direction));
    }

    /// Whether those who keep everything keep up.
    pub(crate) fn has_room(&self) -> bool {
        self.live.as_ref().is_none_or(|live| live.has_room())
    }

    /// Waits until those who keep everything have kept up: a file does, and a page does not.
    pub(crate) async fn room(&self) {
        if let Some(live) = &self.live {
            live.room().await;
        }
    }

    #[cold]
    fn copy_read(&mut self, bytes: &[u8], receiver: &Receiver) {
        let now = now_ns();
        let Some(live) = self.meet(now) else { return };
        // How far it is to the next frame, if that is known.
        let ahead = match usize::try_from(receiver.remaining_in_frame()) {
            _ if receiver.at_frame_boundary() => Some(0),
            Ok(rest) if rest > 0 => Some(rest),
            _ => None,
        };
        live.relay(Direction::ClientToServer, now, bytes, ahead);
    }

    #[cold]
    fn copy_written(&mut self, bytes: &[u8], begins_frame: bool) {
        let now = now_ns();
        let head_len = usize::try_from(self.answer_left).unwrap_or(usize::MAX).min(bytes.len());
        self.answer_left -= u32::try_from(head_len).unwrap_or(self.answer_left);
        let (head, frames) = bytes.split_at(head_len);
        self.copy_answer(head, now);
        if !frames.is_empty()
            && let Some(live) = self.meet(now)
        {
            // What comes right behind the answer is a frame.
            let is_boundary = begins_frame || !head.is_empty();
            live.relay(Direction::ServerToClient, now, frames, is_boundary.then_some(0));
        }
    }

    /// Whoever began to watch after the request is not shown the answer either: it is no frame, and what would be
    /// secret in it is known only to a mask that has seen the request.
    fn copy_answer(&mut self, head: &[u8], now: u64) {
        if let Some(live) = self.meet(now)
            && live.is_in_heads()
            && !head.is_empty()
        {
            live.bytes(Direction::ServerToClient, now, head);
        }
    }

    /// Looks up who watches, if that has changed; `None` if nobody does.
    fn meet(&mut self, now: u64) -> Option<&mut Live> {
        let changes = self.session.changes();
        if self.seen != changes {
            let watchers = self.session.watchers();
            if watchers.is_empty() {
                (self.seen, self.live) = (changes, None);
                return None;
            }
            let ends = self.ends;
            let live = self.live.get_or_insert_with(|| Live::late(ends));
            // Who had no room to hear of it is tried again with the next bytes.
            self.seen = if live.meet(watchers, self.deflate, now) { changes } else { changes.wrapping_sub(1) };
        }
        self.live.as_deref_mut()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.session.own().exit(number as usize);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use framescope_codec::capture::{Decoder, Record, What};
    use framescope_codec::{Frame, MaskingKey, Opcode};

    use super::*;
    use crate::auth::SessionId;
    use crate::inspect::watcher::Watcher;

    pub(in crate::inspect) const REQUEST: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    pub(in crate::inspect) const ANSWER: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: a=secret\r\n\r\n";

    fn watch(session: &Session) -> Arc<Watcher> {
        let watcher = Arc::new(Watcher::new(1 << 20));
        assert!(session.own().join(watcher.clone()));
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

    #[test]
    fn what_a_full_watcher_misses_at_the_end_of_a_connection_is_a_gap() {
        let ends = (([127, 0, 0, 1], 50_000).into(), ([127, 0, 0, 1], 8080).into());
        let hub = Hub::default();
        let session = hub.session(SessionId::generate());
        let watcher = Arc::new(Watcher::new(8 << 10));
        assert!(session.own().join(watcher.clone()));
        let mut tap = Tap::new(session, ends);
        tap.opening(REQUEST, ANSWER.len(), None);
        tap.wrote(ANSWER, false);
        let frame = Frame::new(Opcode::Binary, vec![7; 60 << 10]).to_bytes();
        tap.wrote(&frame, true);
        tap.ended();
        let seen = shown(&watcher);
        let gap = seen.iter().position(|what| matches!(what, What::Gap { .. })).expect("a gap");
        assert!(matches!(&seen[gap], What::Gap { missing, .. } if *missing == frame.len() as u64), "{seen:?}");
        assert_eq!(seen.iter().filter(|what| matches!(what, What::End(_))).count(), 2, "{seen:?}");
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
            let hub = Hub::default();
            let session = hub.session(SessionId::generate());
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
    /// What a relay would say of this, with somebody watching from the beginning and somebody who comes in the middle of
    /// a frame.
    #[test]
    fn a_relayed_connection_is_seen_by_those_who_see_everything() {
        let ends = (([127, 0, 0, 1], 50_000).into(), ([127, 0, 0, 1], 9000).into());
        let hub = Hub::default();
        let watch_all = || {
            let watcher = Arc::new(Watcher::new(1 << 20));
            assert!(hub.everything().join(watcher.clone()));
            watcher
        };
        let early = watch_all();
        let own = watch(&hub.session(SessionId::generate()));
        let mut tap = Tap::proxied(&hub, ends);
        tap.request(REQUEST);
        tap.response(ANSWER, None);
        let mut frame = Frame::new(Opcode::Text, b"hello");
        frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
        let frame = frame.to_bytes();
        tap.relayed(Direction::ClientToServer, &frame[..4], Some(0));
        let late = watch_all();
        tap.look();
        let seen = shown(&late);
        assert!(matches!(seen[..], [What::JoinedLate { .. }]), "at once: {seen:?}");
        tap.relayed(Direction::ClientToServer, &[&frame[4..], &frame].concat(), Some(frame.len() - 4));
        tap.reset(Direction::ServerToClient);
        tap.ended();
        let hellos = |seen: &[What]| {
            let frames = seen.iter().filter_map(|what| if let What::Frame(frame) = what { Some(frame) } else { None });
            frames.filter(|frame| frame.dissection.message.as_ref().unwrap().payload == b"hello").count()
        };
        let seen = shown(&early);
        assert!(matches!(seen[..2], [What::Request(_), What::Response(_)]), "{seen:?}");
        assert_eq!(hellos(&seen), 2);
        assert!(own.take().is_empty(), "it is nobody's own");
        late.take();
    }
}
