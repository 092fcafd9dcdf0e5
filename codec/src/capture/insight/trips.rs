//! Round trips of a connection alone, for whoever needs nothing else of it.

use super::Taken;
use super::pings::Pings;
use crate::capture::{Event, What};
use crate::opcode::Opcode;

/// The pings of one connection, and the pongs that answer them.
#[derive(Debug, Default)]
pub struct Trips(Pings);

impl Trips {
    /// Takes in the next event, which has this row.
    pub fn take(&mut self, event: &Event, row: u64) -> Taken {
        let What::Frame(frame) = &event.what else { return Taken::default() };
        let payload = &frame.dissection.payload;
        match frame.dissection.header.opcode {
            Opcode::Ping => self.0.ping(event.direction, row, event.time_ns, payload),
            Opcode::Pong => {
                let answered = self.0.pong(event.direction, row, event.time_ns, payload);
                self.0.forget_answered();
                let (ping, round_trip_ns) = (answered.map(|(ping, _)| ping), answered.map(|(_, ns)| ns));
                return Taken { ping, round_trip_ns, ..Taken::default() };
            }
            _ => {}
        }
        Taken::default()
    }
}
