//! What a connection's task keeps beside the bytes: the app, who watches, and how late it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use framescope_codec::capture::Direction;
use framescope_codec::{CloseCode, CloseFrame, Event, Receiver};

use super::Outbox;
use super::driver::Habits;
use super::pump::{Stage, Witness};
use super::rate::{Rate, Verdict};
use super::thread::{self, Place, TICK_MILLIS, Tick};
use crate::apps::App;
use crate::inspect::Tap;

/// Everything about a connection but its bytes.
pub(super) struct Watch {
    pub(super) app: Box<dyn App>,
    pub(super) habits: Rc<Habits>,
    pub(super) rate: Option<Box<Rate>>,
    pub(super) tap: Option<Box<Tap>>,
    pub(super) place: Place,
    /// When the peer last showed that it lives: a byte came in, or it made room for one that had to wait. While
    /// parting, only the latter.
    pub(super) heard: Tick,
    /// When the present phase began.
    pub(super) since: Tick,
    /// The slot that is booked.
    pub(super) booked: Tick,
    pub(super) phase: Phase,
    /// A ping is out that nothing came in after.
    pub(super) has_asked: bool,
    /// Something came in since what an idle connection need not hold was given back.
    pub(super) is_warm: bool,
    /// It sent too many messages for too long.
    pub(super) is_excessive: bool,
    /// There was more to write than the stream would take: what it takes next, the peer has made room for.
    pub(super) is_blocked: bool,
    /// The app knows that nothing more can be sent.
    pub(super) has_parted: bool,
}

/// How far a connection is, as far as deadlines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
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

impl Drop for Watch {
    fn drop(&mut self) {
        self.habits.meter.closed();
    }
}

impl Watch {
    /// Lets the app work. If it panics, its connection is closed with 1011, and nothing else happens.
    pub(super) fn guarded(&mut self, outbox: &Outbox, work: impl FnOnce(&mut dyn App)) {
        let app = &mut self.app;
        if catch_unwind(AssertUnwindSafe(|| work(&mut **app))).is_err() {
            tracing::error!("a handler panicked: its connection is closed with 1011");
            outbox.end(Some(CloseFrame::new(CloseCode::INTERNAL_ERROR, "something went wrong here")));
        }
    }

    /// Tells the app, once, if nothing more is to be sent. Before a Close is answered, so that whoever reads the answer can
    /// count on its place being free; and when the peer has hung up without one, however long it takes what is left.
    pub(super) fn part(&mut self, outbox: &Outbox, stage: Stage) {
        let is_over = !outbox.is_open() || stage == Stage::Draining;
        if is_over && !std::mem::replace(&mut self.has_parted, true) {
            self.guarded(outbox, |app| app.parted());
        }
    }

    /// Whether somebody may have come who watches this connection, or gone.
    #[inline]
    pub(super) fn is_to_look(&self) -> bool {
        self.habits.hub.as_ref().is_some_and(|hub| hub.is_watched())
            || self.tap.as_ref().is_some_and(|tap| tap.is_live())
    }

    /// Does what is due by now. Ready when patience has ended.
    pub(super) fn pass_time(&mut self, outbox: &Outbox) -> Poll<()> {
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
    pub(super) fn book(&mut self) {
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

/// A connection that is silent for this long gives back its compressor and the like, in milliseconds.
pub(super) const COOL_AFTER: u32 = 2_000;
