//! Chosen rows as pcapng: each connection is written anew, with the rows that are chosen, and with gaps for the rest.

use std::collections::HashMap;

use framescope_codec::capture::intervention::Intervention;
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, End, Event, Note, What as Happened, pcapng};

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
    /// What was done to the frame that comes next.
    intervention: Option<Intervention>,
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
                let mut flow = flow_of(event, capture);
                flow.open(time_ns, out);
                flow.bytes(direction, time_ns, wire, out);
                self.connections.insert(stream, Connection::new(flow, [Some(0); 2]));
            }
            Happened::Response(response) => {
                if let Some(connection) = self.connections.get_mut(&stream) {
                    connection.flow.bytes(direction, time_ns, wire, out);
                    connection.is_open |= response.status() == Some(101);
                }
            }
            Happened::Frame(frame) => {
                let Connection { flow, next, intervention, .. } = self.open(event, capture, out);
                let next = &mut next[usize::from(direction == Direction::ServerToClient)];
                let dissection = &frame.dissection;
                if *next != Some(dissection.offset) {
                    if let Some(next) = *next {
                        flow.gap(direction, dissection.offset.saturating_sub(next));
                    }
                    flow.boundary(direction);
                }
                match intervention.take() {
                    Some(intervention) => flow.intervened(direction, time_ns, wire, &intervention, out),
                    None => flow.bytes(direction, time_ns, wire, out),
                }
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
            Happened::Note(Note::Intervened(intervention)) => {
                let connection = self.open(event, capture, out);
                if intervention.has_frame() {
                    connection.intervention = Some(intervention.clone());
                } else {
                    connection.flow.intervened(direction, time_ns, &[], intervention, out);
                }
            }
            // What was not captured is not written, and the offsets of the frames say that.
            _ => {}
        }
    }

    /// The connection of something that happens behind the opening handshake.
    fn open(&mut self, event: &Event, capture: &Capture, out: &mut Vec<u8>) -> &mut Connection {
        let Event { stream, time_ns, .. } = *event;
        let known = self.connections.remove(&stream);
        let response = || capture.head(stream.wrapping_add(1), Direction::ServerToClient);
        let connection = match known {
            Some(connection) if connection.is_open => connection,
            known => match known.zip(response()) {
                Some((mut connection, response)) => {
                    // Only the request was chosen; without the answer nobody knows what was agreed on.
                    connection.flow.bytes(Direction::ServerToClient, time_ns, &response, out);
                    connection
                }
                None => {
                    // The handshake is not among the chosen: what was agreed on goes along as a comment.
                    let mut flow = flow_of(event, capture);
                    if capture.connections.get(stream).is_some_and(|connection| connection.is_bare) {
                        flow.join_without_handshake(time_ns, out);
                    } else {
                        flow.join_late(time_ns, capture.agreed(stream).flatten(), out);
                    }
                    Connection::new(flow, [None; 2])
                }
            },
        };
        self.connections.entry(stream).insert_entry(Connection { is_open: true, ..connection }).into_mut()
    }
}

impl Connection {
    const fn new(flow: Flow, next: [Option<u64>; 2]) -> Self {
        Self { flow, is_open: false, next, intervention: None }
    }
}

fn flow_of(event: &Event, capture: &Capture) -> Flow {
    let (client, server) = match event.direction {
        Direction::ClientToServer => (event.src, event.dst),
        Direction::ServerToClient => (event.dst, event.src),
    };
    let flow = if event.in_process { Flow::in_process(client.port()) } else { Flow::new(client, server) };
    match capture.connections.get(event.stream).and_then(|connection| connection.origin) {
        Some(origin) => flow.rebuilt_from(origin),
        None => flow,
    }
}
