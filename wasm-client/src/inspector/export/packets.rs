//! Chosen rows as pcapng: each connection is written anew, with the rows that are chosen, and with gaps for the rest.

use std::collections::HashMap;

use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, End, Event, What as Happened, pcapng};

use super::{Capture, PIECE, Rows, Step};

/// The connections written so far.
#[derive(Debug, Default)]
pub(super) struct Packets {
    has_begun: bool,
    connections: HashMap<u32, Connection>,
}

#[derive(Debug)]
struct Connection {
    flow: Flow,
    is_open: bool,
    /// Where the next frame of each direction begins in its stream, if all in front of it is written.
    next: [Option<u64>; 2],
}

impl Packets {
    /// True once all rows are written.
    pub(super) fn write(&mut self, capture: &mut Capture, rows: &mut Rows, out: &mut Vec<u8>) -> bool {
        if !std::mem::replace(&mut self.has_begun, true) {
            pcapng::write_start(out);
        }
        while out.len() < PIECE {
            let row = match rows.next(capture) {
                Step::Row(row) => row,
                step => return step == Step::End,
            };
            let Some(event) = capture.event(row) else { continue };
            let wire = capture.wire(row).unwrap_or_default();
            self.write_event(&event, &wire, capture, out);
        }
        false
    }

    fn write_event(&mut self, event: &Event, wire: &[u8], capture: &Capture, out: &mut Vec<u8>) {
        let Event { stream, direction, time_ns, .. } = *event;
        match &event.what {
            Happened::Request(_) => {
                let mut flow = flow_of(event);
                flow.open(time_ns, out);
                flow.bytes(direction, time_ns, wire, out);
                self.connections.insert(stream, Connection { flow, is_open: false, next: [Some(0); 2] });
            }
            Happened::Response(response) => {
                if let Some(connection) = self.connections.get_mut(&stream) {
                    connection.flow.bytes(direction, time_ns, wire, out);
                    connection.is_open |= response.status() == Some(101);
                }
            }
            Happened::Frame(frame) => {
                let is_open = self.connections.get(&stream).is_some_and(|connection| connection.is_open);
                if !is_open {
                    // Its handshake is not among the chosen: what was agreed on goes along as a comment.
                    let mut flow = flow_of(event);
                    flow.join_late(time_ns, capture.agreed(stream).flatten(), out);
                    self.connections.insert(stream, Connection { flow, is_open: true, next: [None; 2] });
                }
                let Some(Connection { flow, next, .. }) = self.connections.get_mut(&stream) else { return };
                let next = &mut next[usize::from(direction == Direction::ServerToClient)];
                let dissection = &frame.dissection;
                if *next != Some(dissection.offset) {
                    if let Some(next) = *next {
                        flow.gap(direction, dissection.offset.saturating_sub(next));
                    }
                    flow.boundary(direction);
                }
                flow.bytes(direction, time_ns, wire, out);
                if dissection.payload_missing > 0 {
                    flow.gap(direction, dissection.payload_missing);
                }
                *next = Some(dissection.offset + wire.len() as u64 + dissection.payload_missing);
            }
            Happened::End(end) => {
                if let Some(connection) = self.connections.get_mut(&stream) {
                    match end {
                        End::Finished => connection.flow.end(direction, time_ns, out),
                        End::Reset => connection.flow.reset(direction, time_ns, out),
                    }
                }
            }
            // What was not captured is not written, and the offsets of the frames say that.
            _ => {}
        }
    }
}

fn flow_of(event: &Event) -> Flow {
    let (client, server) = match event.direction {
        Direction::ClientToServer => (event.src, event.dst),
        Direction::ServerToClient => (event.dst, event.src),
    };
    if event.in_process { Flow::in_process(client.port()) } else { Flow::new(client, server) }
}
