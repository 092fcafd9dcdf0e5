//! Pings and the pongs that answer them (RFC 6455, 5.5.2 and 5.5.3).
//!
//! A pong carries the payload of its ping. An end that has several to answer may answer the latest alone, so a ping
//! that was passed over is not an error, and stays open: over a capture with repeats and holes its pong may still turn
//! up. Where open pings have the same payload, most often none, the oldest is answered first: both ends keep order.

use std::collections::VecDeque;

use super::report::{RoundTrip, RoundTrips};
use super::{end, sort};
use crate::capture::Direction;
use crate::rules::MAX_CONTROL_PAYLOAD;

/// The pings of one connection.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// Unanswered ones, by the direction of the ping.
    open: [VecDeque<Open>; 2],
    /// By the same direction: pings of rows before this need no answer, since a later one has one, or it may have been lost
    /// with what was not captured.
    settled: [u64; 2],
    answered: VecDeque<Answered>,
    /// Including those that are no longer kept.
    count: u64,
    given_up: u64,
    unsolicited: u64,
}

#[derive(Debug)]
struct Open {
    row: u64,
    time_ns: u64,
    payload: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    at: u64,
    ping: u64,
    pong: u64,
    ns: u64,
    direction: Direction,
}

impl Pings {
    pub(super) fn ping(&mut self, direction: Direction, row: u64, time_ns: u64, payload: &[u8]) {
        let open = &mut self.open[direction.index()];
        if open.len() == OPEN_MAX {
            open.pop_front();
            self.given_up += 1;
        }
        open.push_back(Open { row, time_ns, payload: compared(payload).into() });
    }

    /// A pong that goes this way. If it answers a ping: that one's row, and the time between.
    pub(super) fn pong(&mut self, direction: Direction, row: u64, time_ns: u64, payload: &[u8]) -> Option<(u64, u64)> {
        let asked = direction.reverse();
        let open = &mut self.open[asked.index()];
        // Of a pong that was captured before its ping, the ping is still to come: that is another one's.
        let is_it = |ping: &Open| *ping.payload == *compared(payload) && ping.time_ns <= time_ns;
        let Some(ping) = open.iter().position(is_it).and_then(|place| open.remove(place)) else {
            self.unsolicited += 1;
            return None;
        };
        if self.answered.len() == ANSWERED_MAX {
            self.answered.pop_front();
        }
        let ns = time_ns - ping.time_ns;
        let settled = &mut self.settled[asked.index()];
        *settled = (*settled).max(ping.row);
        self.answered.push_back(Answered { at: ping.time_ns, ping: ping.row, pong: row, ns, direction: asked });
        self.count += 1;
        Some((ping.row, ns))
    }

    /// Nobody will ask for what was answered so far.
    pub(super) fn forget_answered(&mut self) {
        self.answered.clear();
    }

    /// The bytes on the heap, about.
    pub(super) fn held(&self) -> usize {
        let open: usize = self.open.iter().map(VecDeque::len).sum();
        open * (size_of::<Open>() + PAYLOAD) + self.answered.len() * size_of::<Answered>()
    }

    /// Bytes that went this way are missing, and pongs may have been among them.
    pub(super) fn gap(&mut self, direction: Direction, row: u64) {
        self.settled[direction.reverse().index()] = row;
    }

    /// Whether pings of this direction wait in vain: one for so long that it is no matter of distance, or so many that
    /// none was answered while there was time.
    pub(super) fn are_unanswered(&self, direction: Direction, now_ns: u64) -> bool {
        let way = direction.index();
        let mut waiting = self.open[way].iter().filter(|ping| ping.row >= self.settled[way]);
        let is_long = |ping: &Open| now_ns.saturating_sub(ping.time_ns) >= WAIT_NS;
        waiting.next().is_some_and(is_long) || waiting.count() >= WAITING_MAX
    }

    /// The time that this pong's ping took, as far as it is kept.
    pub(super) fn time_of(&self, pong: u64) -> Option<u64> {
        let place = self.answered.binary_search_by_key(&pong, |answered| answered.pong).ok()?;
        Some(self.answered.get(place)?.ns)
    }

    /// All that are kept, in the order of their pings.
    pub(super) fn list(&self, connection: u32) -> Vec<RoundTrip> {
        let trip = |ping: u64, at, pong, ns, direction| {
            let by = end(direction);
            RoundTrip { connection, at, ping, pong, ns, by }
        };
        let answered = |one: &Answered| trip(one.ping, one.at, Some(one.pong), Some(one.ns), one.direction);
        let mut trips: Vec<_> = self.answered.iter().map(answered).collect();
        for direction in Direction::BOTH {
            let open = self.open[direction.index()].iter();
            trips.extend(open.map(|ping| trip(ping.row, ping.time_ns, None, None, direction)));
        }
        let mut order: Vec<_> = (0..).zip(&trips).map(|(place, trip)| (trip.ping, place)).collect();
        sort(&mut order);
        let places = order.into_iter().filter_map(|(_, place)| usize::try_from(place).ok());
        places.filter_map(|place| trips.get(place).copied()).collect()
    }

    pub(super) fn in_sum(&self) -> Option<RoundTrips> {
        let unanswered = self.given_up + self.open.iter().map(|open| open.len() as u64).sum::<u64>();
        if self.count + unanswered + self.unsolicited == 0 {
            return None;
        }
        let mut times: Vec<_> = self.answered.iter().map(|answered| (answered.ns, 0)).collect();
        sort(&mut times);
        let at = |place: usize| times.get(place).map_or(0, |(ns, _)| *ns);
        Some(RoundTrips {
            count: self.count,
            min: at(0),
            median: at(times.len().saturating_sub(1) / 2),
            max: at(times.len().saturating_sub(1)),
            unanswered,
            unsolicited: self.unsolicited,
        })
    }
}

/// A payload that is longer than it may be is held to what would have been allowed.
fn compared(payload: &[u8]) -> &[u8] {
    let most = usize::try_from(MAX_CONTROL_PAYLOAD).unwrap_or(usize::MAX);
    payload.get(..most).unwrap_or(payload)
}

/// No way on earth and back takes as long.
const WAIT_NS: u64 = 2_000_000_000;
/// So many pings behind the first, and none answered.
const WAITING_MAX: usize = 3;
/// Unanswered pings kept per direction: more than any program has under way.
const OPEN_MAX: usize = 256;
/// What the payload of one takes up, about.
const PAYLOAD: usize = 16;
/// Answered ones kept per connection; at one a second, more than an hour.
const ANSWERED_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ClientToServer as C, ServerToClient as S};

    /// What happens, as `C?a` (the client pings with "a") and `S!a` (the server pongs), a nanosecond apart; against
    /// `ping-pong` rows, with `.` for no answer, and the number of unsolicited pongs.
    fn check(events: &str, expected: &str, unsolicited: u64) {
        let mut pings = Pings::default();
        for (row, event) in (0..).zip(events.split(' ')) {
            let direction = if event.starts_with('C') { C } else { S };
            let (what, payload) = event[1..].split_at(1);
            match what {
                "?" => pings.ping(direction, row, row, payload.as_bytes()),
                _ => assert_eq!(
                    pings.pong(direction, row, row, payload.as_bytes()).map(|(ping, ns)| ping + ns),
                    pings.answered.back().filter(|last| last.pong == row).map(|_| row),
                    "{events}"
                ),
            }
        }
        let one = |trip: RoundTrip| match trip.pong {
            Some(pong) => format!("{}{}-{pong}", &trip.by[..1], trip.ping),
            None => format!("{}{}-.", &trip.by[..1], trip.ping),
        };
        assert_eq!(pings.list(1).into_iter().map(one).collect::<Vec<_>>().join(" "), expected, "{events}");
        assert_eq!(pings.unsolicited, unsolicited, "{events}");
    }

    #[test]
    fn a_pong_answers_the_ping_with_its_payload_and_from_the_other_end() {
        check("C?a S!a", "c0-1", 0);
        check("S?a C!a", "s0-1", 0);
        check("C?a C!a", "c0-.", 1); // one does not answer oneself
        check("C?a S!b", "c0-.", 1);
        check("C?a S?a S!a C!a", "c0-2 s1-3", 0);
        check("S!", "", 1);
        check("C? S! S!", "c0-1", 1);
    }

    #[test]
    fn order_is_no_matter_and_the_latest_may_be_answered_alone() {
        check("C?a C?b C?c S!c S!a", "c0-4 c1-. c2-3", 0);
        check("C?a C?b S!b C?c S!c", "c0-. c1-2 c3-4", 0);
        check("C? C? S! S!", "c0-2 c1-3", 0); // alike: the oldest first
        check("C?a C?b S!a S!b", "c0-2 c1-3", 0);
    }

    #[test]
    fn a_flood_of_pings_takes_no_memory_and_is_counted() {
        let mut pings = Pings::default();
        for row in 0..10_000 {
            pings.ping(C, row, row, b"x");
        }
        assert_eq!(pings.list(0).len(), OPEN_MAX);
        assert_eq!(pings.in_sum().unwrap().unanswered, 10_000);
        for row in 0..10_000 {
            pings.ping(S, row, row, b"x");
            pings.pong(C, row, row + 3, b"x");
        }
        let sum = pings.in_sum().unwrap();
        assert_eq!((sum.count, sum.min, sum.median, sum.max), (10_000, 3, 3, 3));
    }
}
