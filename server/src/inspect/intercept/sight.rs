//! What a filter can ask about a frame on its way.

use framescope_codec::Dissection;
use framescope_codec::capture::filter::Follower;
use framescope_codec::capture::mask::HeadMask;
use framescope_codec::capture::{CapturedFrame, Direction, Event, Pieces, What};
use framescope_codec::handshake::{judge_request, judge_response};

use super::desk::{Wish, Wishes};
use crate::inspect::live::{Ends, now_ns};

/// One connection as those see it who watch it: with credentials masked, and numbers from 0.
pub(super) struct Sight {
    connection: u32,
    ends: Ends,
    /// Both heads, until somebody wants to see anything.
    heads: Option<[Box<[u8]>; 2]>,
    follower: Follower,
}

impl Sight {
    pub(super) fn new(connection: u32, ends: Ends, heads: [&[u8]; 2]) -> Self {
        Self { connection, ends, heads: Some(heads.map(Into::into)), follower: Follower::of_connection(connection) }
    }

    /// The first wish that finds this frame, and the frame.
    pub(super) fn find<'w>(
        &mut self,
        direction: Direction,
        dissection: Dissection,
        wishes: &'w Wishes,
    ) -> Option<(&'w Wish, Dissection)> {
        self.see_heads();
        let now = now_ns();
        let frame = CapturedFrame { dissection, began_ns: now, pieces: Pieces::default(), checkpoint: None };
        let event = self.event(direction, now, What::Frame(Box::new(frame)));
        let row = self.follower.follow(&event);
        let wish = wishes.iter().find(|wish| wish.filter(direction).is_some_and(|filter| filter.matches(&row)))?;
        let What::Frame(frame) = event.what else { return None };
        Some((wish, frame.dissection))
    }

    fn see_heads(&mut self) {
        let Some([mut request, mut response]) = self.heads.take() else { return };
        let mut mask = HeadMask::new();
        mask.apply(Direction::ClientToServer, &mut request);
        mask.apply(Direction::ServerToClient, &mut response);
        let request = judge_request(&request);
        let response = judge_response(&response, Some(&request));
        let now = now_ns();
        for (direction, what) in [
            (Direction::ClientToServer, What::Request(Box::new(request))),
            (Direction::ServerToClient, What::Response(Box::new(response))),
        ] {
            let event = self.event(direction, now, what);
            self.follower.follow(&event);
        }
    }

    fn event(&self, direction: Direction, time_ns: u64, what: What) -> Event {
        let ends = match self.ends {
            Ends::Sockets { client, server } => [client, server],
            Ends::InProcess { port } => framescope_codec::capture::packet::in_process(port).into(),
        };
        let [src, dst] = match direction {
            Direction::ClientToServer => ends,
            Direction::ServerToClient => [ends[1], ends[0]],
        };
        let in_process = matches!(self.ends, Ends::InProcess { .. });
        Event { stream: self.connection, direction, src, dst, in_process, time_ns, what }
    }
}
