//! The corpus with what the native codec makes of it, for `tests/browser/agreement.test.mjs`, which has the wasm module
//! do the same: one JSON object per line, streams first, then captures.
//!
//! `cargo run --example dissections [SCALE]`

use std::io::{BufWriter, Write};

use framescope_codec::capture::{Direction, pcapng, tap::Flow};
use framescope_codec::handshake::{Acceptance, HeadLimits, Request};
use framescope_codec::{DeflateParams, Role};
use framescope_tests::corpus::{self, Traffic};
use framescope_tests::opening_request;
use framescope_wasm::inspector::{Capture, dissect};
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let scale = std::env::args().nth(1).and_then(|scale| scale.parse().ok()).unwrap_or(100);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (place, traffic) in corpus::all(scale).iter().enumerate() {
        let direction = direction(traffic);
        let expected = dissect(direction, traffic.deflate, &traffic.bytes);
        let deflate = traffic.deflate.map(params);
        let (name, bytes) = (&traffic.name, hex(&traffic.bytes));
        writeln!(
            out,
            "{}",
            json!({ "name": name, "direction": direction.name(), "deflate": deflate, "bytes": bytes, "expected": expected })
        )?;
        if place % 4 == 0 || traffic.name.starts_with("in two") {
            let bytes = capture(traffic);
            let expected = read(&bytes, &traffic.pieces);
            // JavaScript has no usize::MAX.
            let pieces: Vec<_> = traffic.pieces.iter().map(|piece| piece.min(&(1 << 30))).collect();
            writeln!(
                out,
                "{}",
                json!({ "name": name, "capture": hex(&bytes), "pieces": pieces, "expected": expected })
            )?;
        }
    }
    out.flush()
}

const fn direction(traffic: &Traffic) -> Direction {
    match traffic.sender {
        Role::Client => Direction::ClientToServer,
        Role::Server => Direction::ServerToClient,
    }
}

fn params(params: DeflateParams) -> Value {
    json!({
        "serverNoContextTakeover": params.server_no_context_takeover,
        "clientNoContextTakeover": params.client_no_context_takeover,
        "serverMaxWindowBits": params.server_max_window_bits.get(),
        "clientMaxWindowBits": params.client_max_window_bits.get(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tap's capture of the traffic: with its opening handshake or, where that could not have agreed on these
/// parameters, joined late; in its pieces, with a gap now and then.
fn capture(traffic: &Traffic) -> Vec<u8> {
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    let (client, server) = (([127, 0, 0, 1], 50_000).into(), ([127, 0, 0, 1], 8080).into());
    let mut flow = Flow::new(client, server);
    let direction = direction(traffic);
    if traffic.deflate.is_none() {
        flow.open(1, &mut out);
        let request = opening_request(server, "/echo", &[]);
        let mut response = Vec::new();
        let (parsed, _) = Request::parse(&request, &HeadLimits::default()).expect("a good request").expect("all of it");
        let opening = parsed.check().expect("a good request");
        opening.accept(&Acceptance::default(), framescope_codec::Config::default(), &mut response);
        flow.bytes(Direction::ClientToServer, 2, &request, &mut out);
        flow.bytes(Direction::ServerToClient, 3, &response, &mut out);
    } else {
        flow.join_late(1, traffic.deflate, &mut out);
        flow.boundary(direction);
    }
    let has_gap = traffic.name.len().is_multiple_of(3);
    let mut rest = &traffic.bytes[..];
    for (time, &len) in (4..).zip(traffic.pieces.iter().cycle()) {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(len.min(rest.len()));
        if has_gap && time == 6 {
            flow.gap(direction, piece.len() as u64);
        } else {
            flow.bytes(direction, time, piece, &mut out);
        }
        rest = later;
    }
    flow.end(direction, u64::MAX / 4, &mut out);
    out
}

/// All that the inspector has to say about a capture.
fn read(bytes: &[u8], pieces: &[usize]) -> Value {
    let mut capture = Capture::new();
    let source = capture.add_source("tap", "");
    let mut rest = bytes;
    for &len in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(len.min(rest.len()));
        capture.feed(source, piece);
        rest = later;
    }
    let end = capture.status().end;
    let rows = capture.rows(0, usize::MAX);
    let status = serde_json::to_string(&capture.status()).expect("JSON");
    // What rows take up in memory depends on the size of a pointer: the one number in which the two sides differ.
    let held = format!("\"held\":{},", capture.status().held);
    let mut said = vec![
        Some(status.replacen(&held, "", 1)),
        Some(serde_json::to_string(&rows).expect("JSON")),
        Some(hex(&capture.save())),
    ];
    for index in 0..end {
        said.push(capture.details(index).map(|details| serde_json::to_string(&details).expect("JSON")));
        said.push(capture.wire(index).map(|bytes| hex(&bytes)));
        said.push(capture.unmasked(index).map(|bytes| hex(&bytes)));
        said.push(capture.message(index).map(|bytes| hex(&bytes)));
        said.push(capture.message_json(index));
    }
    let mut violation = -1;
    while let Some(index) = capture.next_violation(violation, false) {
        said.push(Some(index.to_string()));
        violation = i64::try_from(index).expect("few rows");
    }
    json!(said)
}
