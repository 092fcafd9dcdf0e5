//! One lane of a relay while an operator is there: what is judged, held and let go, and what taps are shown of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use framescope_codec::capture::Direction;
use framescope_codec::capture::gate::{Candidate, Gate, How, Judge, Passed};
use framescope_codec::capture::intervention::{Intervention, Original};
use framescope_codec::{DeflateParams, FrameCursor, FrameHeader};

use super::desk::{Desk, Seat, Setting, Wishes};
use super::orders::Order;
use super::sight::Sight;
use super::talk::{self, Held};
use super::{FRAME_MAX, LANE_MAX};
use crate::inspect::taps::Taps;

/// Stands in one lane.
pub(in crate::inspect) struct Sluice {
    direction: Direction,
    gate: Gate,
    /// How much of what all lanes keep is kept here.
    kept: usize,
    /// How much the inflated copies of what is held here are.
    copied: Arc<AtomicUsize>,
}

/// What both lanes of a relay share.
pub(crate) struct Interception {
    seat: Seat,
    wishes: Wishes,
    sight: Sight,
    deflate: Option<DeflateParams>,
}

/// Looks at the frames of a lane for all operators.
struct Clerk<'a> {
    interception: &'a mut Interception,
    direction: Direction,
    copied: &'a Arc<AtomicUsize>,
}

impl Interception {
    /// Of a connection that opens, with both heads of its opening handshake.
    pub(crate) fn new(desk: &Arc<Desk>, setting: &Setting<'_>, heads: [&[u8]; 2]) -> Box<Self> {
        let seat = desk.take_seat(setting);
        let sight = Sight::new(seat.connection(), setting.ends, heads);
        Box::new(Self { seat, wishes: Wishes::default(), sight, deflate: setting.deflate })
    }

    pub(in crate::inspect) const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Looks who is there, and what is to be done.
    pub(in crate::inspect) fn look(&mut self) -> Vec<Order> {
        self.wishes = self.seat.wishes();
        self.seat.orders()
    }

    /// This cannot be done in that lane any more.
    pub(in crate::inspect) fn refuse(&self, order: &Order) {
        if let Order::Inject { tag, .. } = order {
            self.seat.refuse(*tag, "whoever sends in this direction has said all");
        }
    }

    /// The sender is gone, or has said all; but something is held that it said before.
    pub(in crate::inspect) fn tell_of_end(&self, direction: Direction, is_reset: bool) {
        self.seat.change(|info| {
            let who = if is_reset { &mut info.reset } else { &mut info.ended };
            who[place(direction)] = true;
        });
    }

    /// Whether any operator is there.
    pub(in crate::inspect) fn is_wanted(&self) -> bool {
        !self.wishes.is_empty()
    }
}

impl Order {
    /// In which lane.
    pub(in crate::inspect) const fn direction(&self) -> Direction {
        match self {
            Self::Decide { direction, .. } | Self::Inject { direction, .. } => *direction,
        }
    }
}

impl Sluice {
    /// In a lane that has come as far as `cursor`.
    pub(in crate::inspect) fn new(
        direction: Direction,
        interception: &Interception,
        cursor: &FrameCursor,
        is_first: bool,
    ) -> Box<Self> {
        let gate = Gate::new(direction.sender(), interception.deflate, cursor, is_first);
        let known = gate.knows_context();
        interception.seat.change(|info| {
            if let Some(compression) = &mut info.compression[place(direction)] {
                compression.known = known;
            }
        });
        Box::new(Self { direction, gate, kept: 0, copied: Arc::default() })
    }

    /// Begins to hold, or ends that, as operators wish. False if it is of no use any more.
    pub(in crate::inspect) fn obey(&mut self, interception: &Interception) -> bool {
        if interception.wishes.iter().any(|wish| wish.filter(self.direction).is_some()) {
            self.gate.judge();
        } else {
            self.gate.rest();
        }
        let is_needed = interception.is_wanted() || self.gate.is_mending();
        if !is_needed {
            self.gate.abandon_injections().for_each(drop);
        }
        is_needed
    }

    /// Where the receiver stands, and behind [`rest`](Self::rest), the sender, too.
    pub(in crate::inspect) const fn cursor(&self) -> &FrameCursor {
        self.gate.cursor()
    }

    /// Nothing more will be pushed.
    pub(in crate::inspect) fn finish(&mut self) {
        self.gate.finish();
    }

    /// Lets everything go.
    pub(in crate::inspect) fn rest(&mut self) {
        self.gate.rest();
    }

    pub(in crate::inspect) fn push(&mut self, bytes: &[u8], interception: &mut Interception) {
        self.gate.set_frame_max(if interception.seat.has_room() { FRAME_MAX } else { 0 });
        let direction = self.direction;
        self.gate.push(bytes, &mut Clerk { interception, direction, copied: &self.copied });
    }

    pub(in crate::inspect) fn carry_out(&mut self, order: Order) {
        match order {
            Order::Decide { id, decision, .. } => {
                self.gate.decide(id, decision);
            }
            Order::Inject { tag, bytes, is_forced, .. } => self.gate.inject(tag, bytes, is_forced),
        }
    }

    /// Whether something is held, and so what is behind it waits.
    pub(in crate::inspect) fn holds(&self) -> bool {
        self.gate.holds()
    }

    /// Whether no more is to be read for now.
    pub(in crate::inspect) fn is_full(&self) -> bool {
        self.gate.is_full(LANE_MAX.saturating_sub(self.copied.load(Ordering::Relaxed)))
    }

    /// Appends what is let go, and shows it to the taps.
    pub(in crate::inspect) fn drain(&mut self, interception: &Interception, taps: &mut Taps, out: &mut Vec<u8>) {
        while let Some(passed) = self.gate.next() {
            self.let_go(&passed, &interception.seat, taps);
            out.extend_from_slice(&passed.bytes);
        }
        let kept = self.gate.kept();
        interception.seat.keep(self.kept, kept);
        self.kept = kept;
    }

    fn let_go(&self, Passed { bytes, next_frame, how }: &Passed, seat: &Seat, taps: &mut Taps) {
        let intervention = match how {
            How::AsItWas => return taps.relayed(self.direction, bytes, *next_frame),
            How::Held { id } => {
                let millis = seat.released(*id, talk::How::Forwarded);
                if bytes.is_empty() {
                    // It is inflated, and comes behind this.
                    return;
                }
                Intervention::Held { millis }
            }
            How::Edited { id, original } => {
                let millis = seat.released(*id, talk::How::Edited);
                Intervention::Edited { millis, original: Original::new(original) }
            }
            How::Dropped { id, original } => {
                let millis = seat.released(*id, talk::How::Dropped);
                Intervention::Dropped { millis, original: Original::new(original) }
            }
            How::Injected { tag } => {
                seat.injected(*tag, None);
                Intervention::Injected
            }
            How::Unfit { tag, why } => return seat.injected(*tag, Some(*why)),
            How::Inflated { original } => Intervention::Inflated { original: Original::new(original) },
        };
        taps.intervened(self.direction, bytes, &intervention);
    }

    /// Nobody is there to take what is held.
    pub(in crate::inspect) fn abandon(&mut self, interception: &Interception, taps: &mut Taps) {
        for (id, original) in self.gate.abandon() {
            let millis = interception.seat.released(id, talk::How::Undelivered);
            let undelivered = Intervention::Undelivered { millis, original: Original::new(&original) };
            taps.intervened(self.direction, &[], &undelivered);
        }
        interception.seat.keep(self.kept, 0);
        self.kept = 0;
    }
}

impl Judge for Clerk<'_> {
    fn holds(&mut self, frame: Candidate<'_>) -> Option<u64> {
        let Candidate { dissection, wire, in_context, can_mend } = frame;
        let Interception { seat, wishes, sight, .. } = &mut *self.interception;
        let direction = self.direction;
        let (found, dissection) = sight.find(direction, dissection, wishes)?;
        let message = dissection.message.filter(|message| message.compressed && message.payload_is_whole);
        let message = message.filter(|message| message.payload.len() <= FRAME_MAX);
        let inflated = message.and_then(|message| seat.copy(message.payload, self.copied));
        let (connection, bytes) = (seat.connection(), Arc::clone(wire));
        seat.hold(found, Held { id: 0, connection, direction, bytes, inflated, since: 0, in_context, can_mend })
    }

    fn passes(&mut self, header: &FrameHeader) {
        let Interception { seat, wishes, .. } = &*self.interception;
        let why = if seat.has_room() { "longer than 1 MiB" } else { "as much as may be is held already" };
        seat.tell_unheld(wishes, self.direction, header.payload_length.get(), why);
    }
}

/// A direction's place in pairs.
pub(super) const fn place(direction: Direction) -> usize {
    match direction {
        Direction::ClientToServer => 0,
        Direction::ServerToClient => 1,
    }
}
