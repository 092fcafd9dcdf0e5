//! Many rows, and what of them is held: what goes away takes its memory along, and what stays keeps its number.

use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, pcapng};

use super::*;

const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A section with one connection after the other, each with so many frames, all of them ended.
fn ended(connections: u16, frames: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    pcapng::write_start(&mut bytes);
    for port in 0..connections {
        let mut flow = Flow::in_process(1_000 + port);
        let time = 1_000_000 * u64::from(port);
        flow.open(time, &mut bytes);
        flow.bytes(Direction::ClientToServer, time, REQUEST, &mut bytes);
        flow.bytes(Direction::ServerToClient, time, RESPONSE, &mut bytes);
        for frame in 0..frames {
            flow.bytes(Direction::ServerToClient, time + frame, b"\x81\x05Hello", &mut bytes);
        }
        flow.end(Direction::ClientToServer, time + frames, &mut bytes);
        flow.end(Direction::ServerToClient, time + frames, &mut bytes);
    }
    bytes
}

fn indices(capture: &mut Capture) -> Vec<u64> {
    capture.rows(0, usize::MAX).iter().map(|row| row.index).collect()
}

#[test]
fn rows_of_a_removed_source_take_up_nothing() {
    let mut capture = Capture::new();
    let (tap, file) = (capture.add_source("tap", ""), capture.add_source("file", ""));
    capture.feed(tap, &ended(1, 1));
    let before = capture.status().held;
    capture.feed(file, &ended(1, 20_000));
    capture.feed(tap, &ended(1, 1));
    let rows = capture.status().end;
    capture.remove_source(file);
    let status = capture.status();
    // What is left of it: at both ends a part of a page that has other rows in it.
    assert!(status.held < before + 300_000, "{} bytes, before {before}", status.held);
    assert_eq!((status.first, status.end, status.dropped), (0, rows, 0));
    assert_eq!(indices(&mut capture), [0, 1, 2, 3, 4, rows - 5, rows - 4, rows - 3, rows - 2, rows - 1]);
    // Its neighbours know each other over what is gone.
    assert_eq!(capture.rows(rows - 5, 1)[0].since_previous, -1);
    while capture.work(&mut || true) {}
    assert_eq!(capture.view_rows(0, 100).len(), 10);
}

#[test]
fn removed_rows_in_front_go_at_once() {
    let mut capture = Capture::new();
    let (file, tap) = (capture.add_source("file", ""), capture.add_source("tap", ""));
    capture.feed(file, &ended(1, 3_000));
    capture.feed(tap, &ended(1, 1));
    capture.remove_source(file);
    let status = capture.status();
    assert_eq!((status.first, status.end, status.dropped), (3_004, 3_009, 0));
    // Nothing is missing in between, so no list of rows is kept beside them.
    assert_eq!((status.view.count, capture.view_held()), (5, 0));
    assert_eq!(capture.rows(3_004, 1)[0].since_previous, 0);
}

#[test]
fn connections_count_and_go_with_their_rows() {
    let mut capture = Capture::new();
    let tap = capture.add_source("tap", "");
    let bytes = ended(1_000, 1);
    capture.feed(tap, &bytes);
    let told = capture.connections.held();
    assert!(told > 1_000 * size_of::<connections::Connection>());
    assert!(capture.held() >= capture.sources.held() + capture.store.held() + told);
    capture.clear();
    assert_eq!(capture.connections.iter().count(), 0);
    assert!(capture.connections.held() < told / 10, "{} of {told}", capture.connections.held());
    // One that is open still is known.
    let mut open = Vec::new();
    let mut flow = Flow::in_process(7);
    flow.open(1, &mut open);
    flow.bytes(Direction::ClientToServer, 1, REQUEST, &mut open);
    flow.bytes(Direction::ServerToClient, 1, RESPONSE, &mut open);
    capture.feed(tap, &open);
    capture.clear();
    let mut more = Vec::new();
    flow.bytes(Direction::ServerToClient, 2, b"\x81\x05Hello", &mut more);
    capture.feed(tap, &more);
    assert_eq!(capture.rows(0, usize::MAX)[0].preview, "Hello");
    assert_eq!(capture.filter_rows("path == \"/echo\""), 1);
}

#[test]
fn everything_is_exported_a_chunk_at_a_time() {
    let bytes = ended(3, 15_000);
    for budget in [None, Some(3 << 20)] {
        let mut capture = Capture::new();
        let file = capture.add_source("file", "");
        if let Some(budget) = budget {
            capture.set_budget(budget);
        }
        capture.feed(file, &bytes);
        assert_eq!(capture.status().dropped > 0, budget.is_some());
        capture.export_begin(ExportSpec { format: ExportFormat::Pcapng, rows: ExportRows::All });
        let pieces: Vec<_> = std::iter::from_fn(|| capture.export_next()).collect();
        assert!(pieces.len() > 3);
        assert!(pieces.iter().all(|piece| piece.len() <= (1 << 20) + (1 << 14)), "no more than a chunk each");
        assert_eq!(pieces.concat(), capture.save());
        let mut again = Capture::new();
        let file = again.add_source("file", "");
        again.feed(file, &pieces.concat());
        let frames = |capture: &Capture| capture.status().frames;
        assert!(frames(&again).abs_diff(frames(&capture)) <= 1, "{} of {}", frames(&again), frames(&capture));
    }
}

#[test]
fn an_export_goes_on_behind_what_was_dropped_meanwhile() {
    let mut capture = Capture::new();
    let tap = capture.add_source("tap", "");
    capture.set_budget(4 << 20);
    capture.feed(tap, &ended(1, 20_000));
    capture.export_begin(ExportSpec { format: ExportFormat::Pcapng, rows: ExportRows::All });
    let mut saved = capture.export_next().unwrap();
    capture.feed(tap, &ended(4, 30_000));
    assert!(capture.status().first > 20_000);
    while let Some(piece) = capture.export_next() {
        saved.extend(piece);
    }
    let mut again = Capture::new();
    let file = again.add_source("file", "");
    again.feed(file, &saved);
    assert_eq!(again.status().trouble, None);
    assert_eq!((again.status().violations, again.status().connections), (0, 1 + capture.status().connections));
    assert!(again.status().frames >= capture.status().frames);
}

impl Capture {
    fn filter_rows(&mut self, filter: &str) -> u64 {
        self.set_view(ViewSpec { filter: filter.into(), ..ViewSpec::default() }).unwrap();
        while self.work(&mut || true) {}
        self.status().view.count
    }
}

#[test]
fn a_timeline_that_goes_on_counts_what_is_new() {
    let (mut live, mut again) = (Capture::new(), Capture::new());
    let bytes = ended(40, 100);
    for capture in [&mut live, &mut again] {
        capture.add_source("tap", "");
        let filter = "opcode == text or kind == request".into();
        capture.set_view(ViewSpec { filter, ..ViewSpec::default() }).unwrap();
    }
    let mut edges = Vec::new();
    for piece in bytes.chunks(bytes.len() / 200) {
        for capture in [&mut live, &mut again] {
            capture.feed(0, piece);
            while capture.work(&mut || true) {}
        }
        let told = live.timeline(None, None, 50).clone();
        assert!(told.to > live.status().duration_ns);
        again.times.forget();
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let counted = again.timeline(None, Some(told.to as f64), 50);
        assert_eq!((&told.rows, &told.bytes, &told.largest), (&counted.rows, &counted.bytes, &counted.largest));
        assert_eq!(live.silences(3), again.silences(3));
        edges.push(told.to);
    }
    edges.dedup();
    assert!(edges.len() < 80, "it began anew {} times", edges.len());
    // Once all is there, it ends where that does.
    live.finish(0);
    let end = live.timeline(None, None, 50).to;
    assert_eq!(end, live.status().duration_ns + 1);
}
