//! The task of one connection of the server: a [`Pump`], an app, and the passing of time.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use framescope_codec::capture::Direction;
use framescope_codec::{CloseCode, CloseFrame, Event, Receiver};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Outbox;
use super::pump::{Pump, Stage, Witness};
use super::rate::{Rate, Verdict};
use super::thread::{self, Place, TICK_MILLIS, Tick};
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
    const fn parting(&self) -> u32 {
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

/// Everything about a connection but its bytes.
struct Watch {
    app: Box<dyn App>,
    habits: Rc<Habits>,
    rate: Option<Box<Rate>>,
    tap: Option<Box<Tap>>,
    place: Place,
    /// When the peer last showed that it lives: a byte came in, or it made room for one that had to wait. While
    /// parting, only the latter.
    heard: Tick,
    /// When the present phase began.
    since: Tick,
    /// The slot that is booked.
    booked: Tick,
    phase: Phase,
    /// A ping is out that nothing came in after.
    has_asked: bool,
    /// Something came in since what an idle connection need not hold was given back.
    is_warm: bool,
    /// It sent too many messages for too long.
    is_excessive: bool,
    /// There was more to write than the stream would take: what it takes next, the peer has made room for.
    is_blocked: bool,
    /// The app knows that nothing more can be sent.
    has_parted: bool,
}

/// How far a connection is, as far as deadlines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not polled yet.
    New,
    Open,
    /// Our Close is out, the peer's awaited.
    Closing,
    /// All is said, but not all written.
    Parting,
    /// Reading and throwing away.
    Lingering,
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

impl Drop for Watch {
    fn drop(&mut self) {
        self.habits.meter.closed();
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

impl Watch {
    /// Lets the app work. If it panics, its connection is closed with 1011, and nothing else happens.
    fn guarded(&mut self, outbox: &Outbox, work: impl FnOnce(&mut dyn App)) {
        let app = &mut self.app;
        if catch_unwind(AssertUnwindSafe(|| work(&mut **app))).is_err() {
            tracing::error!("a handler panicked: its connection is closed with 1011");
            outbox.end(Some(CloseFrame::new(CloseCode::INTERNAL_ERROR, "something went wrong here")));
        }
    }

    /// Tells the app, once, if nothing more is to be sent. Before a Close is answered, so that whoever reads the answer can
    /// count on its place being free; and when the peer has hung up without one, however long it takes what is left.
    fn part(&mut self, outbox: &Outbox, stage: Stage) {
        let is_over = !outbox.is_open() || stage == Stage::Draining;
        if is_over && !std::mem::replace(&mut self.has_parted, true) {
            self.guarded(outbox, |app| app.parted());
        }
    }

    /// Whether somebody may have come who watches this connection, or gone.
    #[inline]
    fn is_to_look(&self) -> bool {
        self.habits.hub.as_ref().is_some_and(|hub| hub.is_watched())
            || self.tap.as_ref().is_some_and(|tap| tap.is_live())
    }

    /// Does what is due by now. Ready when patience has ended.
    fn pass_time(&mut self, outbox: &Outbox) -> Poll<()> {
        let now = thread::now();
        let in_phase = now.since(self.since);
        let silent = now.since(self.heard);
        match self.phase {
            Phase::Open => {
                let Some(idle) = self.habits.idle else { return Poll::Pending };
                if silent >= idle {
                    outbox.end(Some(CloseFrame::new(CloseCode::GOING_AWAY, "nothing was heard for too long")));
                } else if silent >= idle / 2 && !self.has_asked {
                    self.has_asked = true;
                    // A full queue will be noticed by the deadline that follows.
                    let _ = outbox.ping([]);
                }
                Poll::Pending
            }
            Phase::Closing if in_phase >= self.habits.close => {
                outbox.end(None);
                Poll::Pending
            }
            // Who takes what is left for it has the time to, but not forever.
            Phase::Parting if in_phase >= self.habits.parting() => Poll::Ready(()),
            Phase::Parting if in_phase.min(silent) >= self.habits.close => Poll::Ready(()),
            Phase::Lingering if in_phase >= self.habits.linger => Poll::Ready(()),
            Phase::Lingering if in_phase.min(silent) >= self.habits.linger_quiet => Poll::Ready(()),
            Phase::New | Phase::Closing | Phase::Parting | Phase::Lingering => Poll::Pending,
        }
    }

    /// When this phase ends: `quiet` after the last sign of life, or `total` after it began.
    fn quiet_for(&self, quiet: u32, total: u32) -> Tick {
        let sign = if self.heard.is_before(self.since) { self.since } else { self.heard };
        let (quiet, end) = (sign.after(quiet), self.since.after(total));
        if quiet.is_before(end) { quiet } else { end }
    }

    /// Books a slot for the next thing that time will bring, unless an earlier one is booked.
    fn book(&mut self) {
        let now = thread::now();
        let deadline = match self.phase {
            Phase::Open => {
                let idle = self.habits.idle.map(|idle| self.heard.after(if self.has_asked { idle } else { idle / 2 }));
                match (idle, self.is_warm.then(|| self.heard.after(COOL_AFTER))) {
                    (Some(idle), Some(cool)) => {
                        if cool.is_before(idle) {
                            cool
                        } else {
                            idle
                        }
                    }
                    (Some(when), None) | (None, Some(when)) => when,
                    (None, None) => return,
                }
            }
            Phase::Closing => self.since.after(self.habits.close),
            Phase::Parting => self.quiet_for(self.habits.close, self.habits.parting()),
            Phase::Lingering => self.quiet_for(self.habits.linger_quiet, self.habits.linger),
            Phase::New => return,
        };
        // A booked slot that has passed has woken us by now.
        if deadline.is_before(self.booked) || !now.is_before(self.booked) {
            let when = if now.is_before(deadline) { deadline } else { now.after(TICK_MILLIS) };
            self.booked = thread::wake_at(self.place, when);
        }
    }
}

impl Witness for Watch {
    #[inline]
    fn read(&mut self, bytes: &[u8], receiver: &Receiver) {
        if self.phase != Phase::Parting {
            self.heard = thread::now();
        }
        self.has_asked = false;
        self.is_warm = true;
        if let Some(tap) = &mut self.tap {
            tap.read(bytes, receiver);
        }
    }

    #[inline]
    fn wrote(&mut self, bytes: &[u8], begins_frame: bool) {
        if self.is_blocked {
            // A slow reader is a living one, and while it is waited for, nothing is read that could say so. What the
            // stream takes without having been full, such as a ping to an idle peer, says nothing.
            self.heard = thread::now();
            self.has_asked = false;
        }
        if let Some(tap) = &mut self.tap {
            tap.wrote(bytes, begins_frame);
        }
    }

    fn reset(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.reset(Direction::ClientToServer);
        }
    }

    #[inline]
    fn event(&mut self, event: Event<'_>, outbox: &Outbox) {
        match event {
            Event::Message(message) => {
                self.habits.meter.message();
                if let Some(rate) = &mut self.rate {
                    rate.count();
                }
                self.guarded(outbox, |app| app.message(message, outbox));
            }
            Event::Ping(payload) => self.guarded(outbox, |app| app.ping(payload, outbox)),
            Event::Pong(payload) => self.guarded(outbox, |app| app.pong(payload, outbox)),
            Event::Closing(frame) => {
                self.guarded(outbox, |app| app.closing(frame.as_ref()));
                self.part(outbox, Stage::Flowing);
            }
            Event::Failed(violation) => {
                tracing::debug!(%violation, "the peer broke a rule");
                self.guarded(outbox, |app| app.failed(violation));
                self.part(outbox, Stage::Flowing);
            }
        }
    }

    #[inline]
    fn has_room(&mut self) -> bool {
        if !self.app.has_room() {
            // Who is not listened to is not silent, unless it is itself what is waited for.
            if !self.is_blocked {
                self.heard = thread::now();
            }
            return false;
        }
        let Some(rate) = &mut self.rate else { return true };
        if self.phase != Phase::Open {
            return true;
        }
        if self.is_excessive {
            return false;
        }
        match rate.verdict(thread::now()) {
            Verdict::Welcome => true,
            Verdict::Later => {
                thread::wake_at(self.place, thread::now().after(TICK_MILLIS));
                false
            }
            Verdict::Enough => {
                self.is_excessive = true;
                false
            }
        }
    }
}

/// How many close deadlines a slow reader has in all to take what is left.
const PARTING_CLOSES: u32 = 12;

/// How often an app that has more to send may send before others have their turn.
const ROUNDS: usize = 4;

/// A connection that is silent for this long gives back its compressor and the like, in milliseconds.
const COOL_AFTER: u32 = 2_000;

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
