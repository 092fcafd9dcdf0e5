//! The task of one connection of the server: a [`Pump`], an app, and the passing of time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use framescope_codec::{CloseCode, CloseFrame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Outbox;
use super::pump::{Pump, Stage};
use super::rate::Rate;
use super::thread::{self, Place};
use super::watch::{COOL_AFTER, Phase, Watch};
use crate::apps::App;
use crate::config::Config;
use crate::inspect::{HasEnds, Hub, Tap};
use crate::metrics::Meter;
use crate::net::Seat;

/// What all connections of one endpoint have in common.
#[derive(Debug)]
pub(crate) struct Habits {
    /// Silence after which a connection is given up, in milliseconds; a ping asks at half of it. `None`: never.
    pub(crate) idle: Option<u32>,
    pub(crate) close: u32,
    pub(crate) linger_quiet: u32,
    pub(crate) linger: u32,
    /// Messages a second; `None`: as fast as they come.
    pub(crate) rate: Option<u32>,
    pub(crate) meter: Meter,
    /// Where those are who watch; `None` where nobody may.
    pub(crate) hub: Option<Arc<Hub>>,
}

impl Habits {
    pub(crate) fn new(config: &Config, rate: Option<u32>) -> Self {
        Self {
            idle: Some(thread::millis(config.idle_deadline)),
            close: thread::millis(config.close_deadline),
            linger_quiet: thread::millis(config.linger_quiet),
            linger: thread::millis(config.linger_deadline),
            rate: rate.filter(|rate| *rate > 0),
            meter: Meter::default(),
            hub: None,
        }
    }

    /// How long a peer may take over what is left for it once all is said, if it never pauses for longer than the
    /// close deadline: a minute, if that is five seconds.
    pub(super) const fn parting(&self) -> u32 {
        self.close.saturating_mul(PARTING_CLOSES)
    }
}

/// Runs a connection to its end. Must be a task of its own on a local runtime: its waker is kept.
pub(crate) struct Driver<S> {
    pump: Pump<S>,
    outbox: Rc<Outbox>,
    watch: Watch,
    _seat: Option<Seat>,
}

impl<S: AsyncRead + AsyncWrite + HasEnds + Unpin> Driver<S> {
    pub(crate) fn new(
        pump: Pump<S>,
        outbox: Rc<Outbox>,
        app: Box<dyn App>,
        habits: Rc<Habits>,
        tap: Option<Box<Tap>>,
        seat: Option<Seat>,
    ) -> Self {
        let now = thread::now();
        habits.meter.opened();
        let rate = habits.rate.map(|per_second| Box::new(Rate::new(per_second)));
        let watch = Watch {
            app,
            habits,
            rate,
            tap,
            place: Place::NONE,
            heard: now,
            since: now,
            booked: now,
            phase: Phase::New,
            has_asked: false,
            is_warm: true,
            is_excessive: false,
            is_blocked: false,
            has_parted: false,
        };
        Self { pump, outbox, watch, _seat: seat }
    }

    /// Takes its place among the thread's connections, and greets.
    fn begin(&mut self, cx: &Context<'_>) {
        let watch = &mut self.watch;
        watch.place = thread::enter(cx.waker());
        let now = thread::now();
        (watch.heard, watch.since, watch.phase) = (now, now, Phase::Open);
        // Further off than any deadline, so that the first one is booked.
        watch.booked = now.after(u32::MAX / 2);
        self.outbox.set_place(watch.place);
        if let Some(tap) = &mut watch.tap {
            tap.open(cx.waker());
        }
        let outbox = &self.outbox;
        watch.guarded(outbox, |app| app.opened(outbox));
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_new = self.watch.phase == Phase::New;
        if is_new {
            self.begin(cx);
        }
        if self.watch.is_to_look() && !self.look() && is_new {
            // The answer is written in this turn.
            cx.waker().wake_by_ref();
        }
        let _running = thread::run(self.watch.place);
        if thread::is_stopping() && self.outbox.is_open() && self.watch.app.may_stop() {
            let frame = CloseFrame::new(CloseCode::GOING_AWAY, "the server is shutting down");
            // It is open, so this cannot fail.
            let _ = self.outbox.close(Some(frame));
        }
        if self.watch.pass_time(&self.outbox).is_ready() {
            return Poll::Ready(());
        }
        let outbox = &self.outbox;
        for round in 0.. {
            if outbox.is_open() && self.watch.app.has_more(outbox) {
                self.watch.guarded(outbox, |app| app.send_more(outbox));
            }
            self.watch.part(outbox, self.pump.stage());
            if self.pump.poll(cx, outbox, &mut self.watch).is_ready() {
                return Poll::Ready(());
            }
            if self.watch.is_excessive && outbox.is_open() {
                outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, "too many messages for too long")));
                // What still comes is read and thrown away, however fast.
                self.watch.rate = None;
            } else if !outbox.is_open() || !self.watch.app.has_more(outbox) {
                break;
            }
            if round == ROUNDS {
                cx.waker().wake_by_ref();
                break;
            }
        }
        self.watch.is_blocked = outbox.waiting() > 0;
        self.watch.part(outbox, self.pump.stage());
        let phase = match self.pump.stage() {
            Stage::Lingering => Phase::Lingering,
            Stage::Draining => Phase::Parting,
            Stage::Flowing if outbox.is_open() => Phase::Open,
            Stage::Flowing if outbox.wants_shutdown() => Phase::Parting,
            Stage::Flowing => Phase::Closing,
        };
        if phase != self.watch.phase {
            (self.watch.phase, self.watch.since) = (phase, thread::now());
        }
        if self.watch.is_warm && thread::now().since(self.watch.heard) >= COOL_AFTER {
            self.watch.is_warm = false;
            self.pump.release_idle();
            outbox.release_idle();
        }
        self.watch.book();
        Poll::Pending
    }

    /// Looks who watches this connection. False if it is too early to begin with that.
    #[cold]
    fn look(&mut self) -> bool {
        let Watch { tap, habits, .. } = &mut self.watch;
        if tap.is_none()
            && let Some(hub) = &habits.hub
        {
            // What is not watched from its first byte on is not before the first frame either.
            if self.outbox.is_answering() {
                return false;
            }
            *tap = Tap::late(hub, || self.pump.stream().ends(), self.outbox.deflate()).map(Box::new);
        }
        if let Some(present) = tap {
            present.look();
            if !present.is_needed() {
                *tap = None;
            }
        }
        true
    }

    fn finish(&mut self) {
        let closed = self.outbox.closed();
        tracing::debug!(code = closed.code, was_clean = closed.was_clean, "WebSocket closed");
        if let Some(tap) = &mut self.watch.tap {
            tap.ended();
        }
        let outbox = &self.outbox;
        self.watch.guarded(outbox, |app| app.closed(&closed));
    }
}

impl<S: AsyncRead + AsyncWrite + HasEnds + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match this.turn(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                this.finish();
                Poll::Ready(())
            }
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        thread::leave(self.watch.place);
    }
}

/// How many close deadlines a slow reader has in all to take what is left.
const PARTING_CLOSES: u32 = 12;

/// How often an app that has more to send may send before others have their turn.
const ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use framescope_codec::{Connection, Frame, MaskingKey, Message, Opcode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::apps::echo::Echo;

    const LEN: usize = 400 << 10;

    /// An echo with small buffers and little patience, that has taken in a message and cannot get rid of its echo.
    /// With `close`, a Close has come behind it, and been read.
    async fn stuffed(habits: Habits, close: bool) -> (DuplexStream, JoinHandle<()>) {
        // With a full queue nothing is read, not even a Close.
        let queue_max = if close { usize::MAX } else { 16 << 10 };
        let (mut peer, driver) = stuffed_with(Box::new(Echo), habits, queue_max).await;
        if close {
            peer.write_all(&frame(Opcode::Close, &[3, 232])).await.unwrap();
        }
        (peer, driver)
    }

    async fn stuffed_with(app: Box<dyn App>, habits: Habits, queue_max: usize) -> (DuplexStream, JoinHandle<()>) {
        let config = framescope_codec::Config { message_max: LEN, ..framescope_codec::Config::default() };
        let (receiver, sender) = Connection::server(config, None).into_halves();
        let (mut peer, stream) = tokio::io::duplex(4 << 10);
        let outbox = Rc::new(Outbox::new(sender, Vec::new(), queue_max));
        let pump = Pump::new(stream, receiver, &[]);
        let driver = tokio::task::spawn_local(Driver::new(pump, outbox, app, Rc::new(habits), None, None));
        peer.write_all(&frame(Opcode::Binary, &vec![7; LEN])).await.unwrap();
        (peer, driver)
    }

    fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut frame = Frame::new(opcode, payload);
        frame.set_masking_key(Some(MaskingKey([1, 2, 3, 4])));
        frame.to_bytes()
    }

    fn habits(millis: u32) -> Habits {
        Habits {
            idle: Some(millis),
            close: millis,
            linger_quiet: millis,
            linger: millis,
            rate: None,
            meter: Meter::default(),
            hub: None,
        }
    }

    /// Reads 4 KiB at a time until `len` bytes are there. The pace is what is tested: slow in all, but never a long
    /// pause.
    async fn sip(peer: &mut DuplexStream, len: usize) -> Vec<u8> {
        let mut pace = tokio::time::interval(Duration::from_millis(15));
        let mut received = Vec::new();
        while received.len() < len {
            pace.tick().await;
            let mut piece = vec![0; (len - received.len()).min(4 << 10)];
            peer.read_exact(&mut piece).await.unwrap();
            received.extend(piece);
        }
        received
    }

    #[tokio::test]
    async fn who_reads_slowly_but_steadily_gets_everything() {
        tokio::task::LocalSet::new()
            .run_until(async {
                for close in [false, true] {
                    let (mut peer, _driver) = stuffed(habits(1000), close).await;
                    let echo = sip(&mut peer, 10 + LEN).await;
                    assert!(echo[10..].iter().all(|byte| *byte == 7), "with a Close behind it: {close}");
                    let mut next = [0; 4];
                    // And then what is next: the Close's echo, or the pong to show that it is still there.
                    if !close {
                        peer.write_all(&frame(Opcode::Ping, b"!!")).await.unwrap();
                    }
                    peer.read_exact(&mut next).await.unwrap();
                    assert_eq!(next, if close { [0x88, 2, 3, 232] } else { *b"\x8A\x02!!" });
                }
            })
            .await;
    }

    #[tokio::test]
    async fn who_never_reads_is_given_up_and_who_only_sips_in_the_end() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let (_peer, driver) = stuffed(habits(100), false).await;
                tokio::time::timeout(Duration::from_secs(10), driver).await.unwrap().unwrap();
                // Its Close has come, and all that is left to do is to read: at this pace it would take hours.
                let (mut peer, driver) = stuffed(habits(100), true).await;
                let sipping = async {
                    let mut pace = tokio::time::interval(Duration::from_millis(20));
                    loop {
                        pace.tick().await;
                        if peer.read_u8().await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    ended = tokio::time::timeout(Duration::from_secs(10), driver) => ended.unwrap().unwrap(),
                    () = sipping => {}
                }
            })
            .await;
    }

    /// An echo that shows whether it was told that all is said.
    struct Parting(Rc<Cell<bool>>);

    impl App for Parting {
        fn message(&mut self, message: Message<'_>, outbox: &Outbox) {
            Echo.message(message, outbox);
        }

        fn parted(&mut self) {
            self.0.set(true);
        }
    }

    #[tokio::test]
    async fn who_hangs_up_without_a_close_has_parted_though_much_waits_for_it_still() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let has_parted = Rc::<Cell<bool>>::default();
                let app = Box::new(Parting(has_parted.clone()));
                let (mut peer, driver) = stuffed_with(app, habits(60_000), usize::MAX).await;
                assert!(!has_parted.get());
                peer.shutdown().await.unwrap();
                let told = async {
                    while !has_parted.get() {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
                assert!(!driver.is_finished());
                let mut echo = Vec::new();
                peer.read_to_end(&mut echo).await.unwrap();
                assert_eq!(echo.len(), 10 + LEN);
            })
            .await;
    }

    #[test]
    fn an_idle_connection_stays_small() {
        // The task, its outbox and Tokio's entry are all there is per connection (1 KiB, targets).
        // Tokio adds about 100 bytes to a task and rounds up to a multiple of 128: up to here it is 384.
        assert!(size_of::<Driver<crate::net::Stream>>() <= 280, "{}", size_of::<Driver<crate::net::Stream>>());
        assert!(size_of::<Outbox>() <= 168, "{}", size_of::<Outbox>());
    }
}
