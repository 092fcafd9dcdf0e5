//! Chosen rows as HAR: connection by connection, with the messages that are whole.

use std::collections::HashMap;

use framescope_codec::capture::har::{Connection, Writer};
use framescope_codec::capture::{Direction, What as Happened};
use framescope_codec::handshake::{JudgedRequest, JudgedResponse};

use super::{Capture, PIECE, Rows, Step, said};

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Archive {
    writer: Writer,
    /// The chosen rows that belong to a connection, with it, as far as they are known.
    gathered: Vec<(u32, u64)>,
    /// All of them in the order of their connections.
    rows: Option<std::vec::IntoIter<(u32, u64)>>,
    handshakes: HashMap<u32, Opening>,
    /// The connection that is being written.
    current: Option<u32>,
    is_finished: bool,
}

#[derive(Debug, Default)]
struct Opening {
    request: Option<Box<JudgedRequest>>,
    response: Option<Box<JudgedResponse>>,
    last_row: u64,
}

impl Archive {
    /// True once all rows are written.
    pub(super) fn write(&mut self, capture: &mut Capture, rows: &mut Rows, out: &mut Vec<u8>) -> bool {
        if self.rows.is_none() {
            loop {
                match rows.next(capture) {
                    Step::Row(row) => self.gathered.extend(capture.connection_of(row).map(|number| (number, row))),
                    Step::Later => return false,
                    Step::End => break,
                }
            }
            *rows = Rows::Done;
            self.rows = Some(self.sort(capture).into_iter());
        }
        while out.len() < PIECE {
            let Some((connection, row)) = self.rows.as_mut().and_then(Iterator::next) else {
                if !std::mem::replace(&mut self.is_finished, true) {
                    self.writer.finish(out);
                }
                return true;
            };
            self.write_row(connection, row, capture, out);
        }
        false
    }

    /// What was gathered by connection, and every connection's handshake.
    fn sort(&mut self, capture: &mut Capture) -> Vec<(u32, u64)> {
        let mut sorted = std::mem::take(&mut self.gathered);
        sorted.sort_unstable();
        for (connection, row) in &sorted {
            self.handshakes.entry(*connection).or_default().last_row = *row;
        }
        // The target is wanted even where the handshake is not among the chosen.
        for row in capture.store.first()..capture.end() {
            if !capture.is_handshake(row) {
                continue;
            }
            let Some(event) = capture.event(row) else { continue };
            let Some(opening) = self.handshakes.get_mut(&event.stream) else { continue };
            match event.what {
                Happened::Request(request) => opening.request = Some(request),
                Happened::Response(response) => opening.response = Some(response),
                _ => {}
            }
        }
        sorted
    }

    fn write_row(&mut self, connection: u32, row: u64, capture: &mut Capture, out: &mut Vec<u8>) {
        let Some(event) = capture.event(row) else { return };
        if self.current != Some(connection) {
            self.current = Some(connection);
            let opening = self.handshakes.remove(&connection).unwrap_or_default();
            let ended_ns = capture.event(opening.last_row).map_or(event.time_ns, |last| last.time_ns);
            let heads = Connection {
                started_ns: event.time_ns,
                ended_ns,
                server: if event.direction == Direction::ClientToServer { event.dst } else { event.src },
                number: connection + 1,
                request: opening.request.as_deref(),
                response: opening.response.as_deref(),
            };
            self.writer.connection(&heads, out);
        }
        if let Happened::Frame(frame) = &event.what
            && let Some((kind, payload)) = said(frame)
        {
            let opcode = match kind {
                "text" => 1,
                "binary" => 2,
                _ => frame.dissection.header.opcode.bits(),
            };
            self.writer.message(event.direction, event.time_ns, opcode, payload, out);
        }
    }
}
