//! permessage-deflate from outside: what is agreed on, what is refused, and what a small message may cost.

#![allow(clippy::cast_possible_truncation, reason = "patterns of bytes, and numbers that are small")]

use std::time::{Duration, Instant};

use framescope_codec::{Compressor, Decompressor, DeflateParams, InvalidDeflate, Opcode, Role, Rsv};
use framescope_tests::{OutFrame, ServerProcess, TestServer, WireClient, frames, hex};

/// What /echo answers to these offers: the value of `Sec-WebSocket-Extensions`.
async fn answer(server: &TestServer, offers: &str) -> Option<String> {
    let (_, head) = WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", offers)]).await;
    head.header("Sec-WebSocket-Extensions").map(str::to_owned)
}

async fn open(server: &TestServer) -> WireClient {
    let (client, head) =
        WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", "permessage-deflate")]).await;
    assert!(head.header("Sec-WebSocket-Extensions").is_some_and(|value| value.starts_with("permessage-deflate")));
    client
}

fn compress(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new(DeflateParams::DEFAULT, Role::Client, 6).compress(text, &mut out);
    out
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut take = |part: &[u8]| {
        out.extend_from_slice(part);
        Ok::<_, InvalidDeflate>(())
    };
    let mut decompressor = Decompressor::new(DeflateParams::DEFAULT, Role::Server);
    decompressor.inflate(payload, &mut take).expect("DEFLATE");
    decompressor.finish_message().expect("DEFLATE");
    out
}

fn compressed(opcode: Opcode, payload: &[u8]) -> OutFrame {
    OutFrame::new(opcode, compress(payload)).rsv(4)
}

async fn check_close(server: &TestServer, bytes: &[u8], codes: &[u16]) {
    let mut client = open(server).await;
    client.send(bytes).await;
    let close = client.close_frame().await;
    assert!(close.close_code().is_some_and(|code| codes.contains(&code)), "{:?}, not {codes:?}", close.close_code());
    client.assert_ended().await;
    WireClient::open(server.addr(), "/echo").await.assert_echoes("bystander").await;
}

#[tokio::test]
async fn an_offer_outside_the_rules_is_declined() {
    let server = TestServer::start().await;
    for offer in [
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits",
        "server_max_window_bits=99",
        "server_max_window_bits=-9",
        "server_max_window_bits=9.0",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=99",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "unknown",
        "unknown=1",
        "server_no_context_takeover; server_no_context_takeover",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits; client_max_window_bits=9",
    ] {
        assert_eq!(answer(&server, &format!("permessage-deflate; {offer}")).await, None, "{offer}");
        let second = answer(&server, &format!("permessage-deflate; {offer}, permessage-deflate")).await;
        assert_eq!(second.as_deref().map(|value| value.starts_with("permessage-deflate")), Some(true), "after {offer}");
    }
    assert_eq!(answer(&server, "x-webkit-deflate-frame, permessage-bzip2").await, None);
}

#[tokio::test]
async fn what_was_asked_for_is_in_the_answer_and_on_the_wire() {
    let server = TestServer::start().await;
    for bits in 8..=15u32 {
        let offer = format!("permessage-deflate; server_no_context_takeover; server_max_window_bits={bits}");
        let (mut client, head) =
            WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", &offer)]).await;
        let Some(answer) = head.header("Sec-WebSocket-Extensions") else { continue }; // declined, which is honest too
        assert!(answer.contains("server_no_context_takeover"), "{answer}");
        assert!(answer.contains(&format!("server_max_window_bits={bits}")), "{answer}");
        // What repeats only at a distance beyond the window, and again in the next message.
        let window = 1usize << bits;
        let mut far: Vec<u8> = (0..window + 300).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        far.extend_from_within(..200);
        for _ in 0..2 {
            client.send_frame(OutFrame::binary(far.clone())).await;
            let (_, rsv, payload) = client.message().await;
            assert_eq!(rsv, Rsv::RSV1, "/echo compresses whatever the size");
            assert!(
                inflates_within(&payload, window, &far),
                "a window of more than {bits} bits, or context taken over"
            );
        }
    }
}

/// Whether DEFLATE data refers to nothing further back than `window`, nor to before its start. The
/// inflater behind [`inflate`] would not notice, so here every distance is looked at.
fn inflates_within(payload: &[u8], window: usize, expected: &[u8]) -> bool {
    let mut reader = Bits { bytes: &[payload, &[0, 0, 0xFF, 0xFF]].concat(), at: 0 };
    let mut out = Vec::new();
    while reader.at / 8 < payload.len() {
        let is_final = reader.take(1) == 1;
        match reader.take(2) {
            0 => {
                reader.at = reader.at.next_multiple_of(8);
                let len = reader.take(16);
                reader.take(16);
                for _ in 0..len {
                    out.push(reader.take(8) as u8);
                }
            }
            kind => {
                let (literals, distances) = if kind == 1 { fixed_codes() } else { reader.codes() };
                if !reader.block(&literals, &distances, window, &mut out) {
                    return false;
                }
            }
        }
        if is_final {
            break;
        }
    }
    out == expected
}

/// Code lengths by symbol (RFC 1951, 3.2.2), and the codes they make: (length, code) to symbol.
type Codes = std::collections::HashMap<(u32, u32), u32>;

fn codes_of(lengths: &[u32]) -> Codes {
    let mut codes = Codes::new();
    let mut code = 0;
    for len in 1..=15 {
        code <<= 1;
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, other)| **other == len) {
            codes.insert((len, code), symbol as u32);
            code += 1;
        }
    }
    codes
}

fn fixed_codes() -> (Codes, Codes) {
    let lengths: Vec<u32> = (0..288)
        .map(|symbol| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        })
        .collect();
    (codes_of(&lengths), codes_of(&[5; 30]))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, place| {
            let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
            self.at += 1;
            value | u32::from(bit) << place
        })
    }

    fn symbol(&mut self, codes: &Codes) -> u32 {
        let (mut len, mut code) = (0, 0);
        loop {
            (len, code) = (len + 1, code << 1 | self.take(1));
            if let Some(&symbol) = codes.get(&(len, code)) {
                return symbol;
            }
            assert!(len < 15, "no such code");
        }
    }

    fn codes(&mut self) -> (Codes, Codes) {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (literals, distances, used) = (self.take(5) + 257, self.take(5) + 1, self.take(4) + 4);
        let mut lengths = [0; 19];
        for &place in &ORDER[..used as usize] {
            lengths[place] = self.take(3);
        }
        let codes = codes_of(&lengths);
        let mut lengths: Vec<u32> = Vec::new();
        while (lengths.len() as u32) < literals + distances {
            let (value, times) = match self.symbol(&codes) {
                16 => (*lengths.last().expect("a length before"), 3 + self.take(2)),
                17 => (0, 3 + self.take(3)),
                18 => (0, 11 + self.take(7)),
                length => (length, 1),
            };
            lengths.extend((0..times).map(|_| value));
        }
        let (literals, distances) = lengths.split_at(literals as usize);
        (codes_of(literals), codes_of(distances))
    }

    fn block(&mut self, literals: &Codes, distances: &Codes, window: usize, out: &mut Vec<u8>) -> bool {
        const LENGTHS: [(usize, u32); 29] = [
            (3, 0),
            (4, 0),
            (5, 0),
            (6, 0),
            (7, 0),
            (8, 0),
            (9, 0),
            (10, 0),
            (11, 1),
            (13, 1),
            (15, 1),
            (17, 1),
            (19, 2),
            (23, 2),
            (27, 2),
            (31, 2),
            (35, 3),
            (43, 3),
            (51, 3),
            (59, 3),
            (67, 4),
            (83, 4),
            (99, 4),
            (115, 4),
            (131, 5),
            (163, 5),
            (195, 5),
            (227, 5),
            (258, 0),
        ];
        loop {
            match self.symbol(literals) {
                256 => return true,
                literal @ 0..256 => out.push(literal as u8),
                length => {
                    let (base, extra) = LENGTHS[length as usize - 257];
                    let length = base + self.take(extra) as usize;
                    let symbol = self.symbol(distances);
                    let extra = (symbol / 2).saturating_sub(1);
                    let base = if symbol < 4 { symbol + 1 } else { ((2 + symbol % 2) << extra) + 1 };
                    let distance = (base + self.take(extra)) as usize;
                    if distance > window || distance > out.len() {
                        return false;
                    }
                    for _ in 0..length {
                        out.push(out[out.len() - distance]);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn compressed_messages_are_echoed_compressed() {
    let server = TestServer::start().await;
    let mut client = open(&server).await;
    for text in ["", "x", &"to be or not to be ".repeat(50)] {
        client.send_frame(compressed(Opcode::Text, text.as_bytes())).await;
        let (opcode, rsv, payload) = client.message().await;
        assert_eq!((opcode, rsv), (Opcode::Text, Rsv::RSV1));
        // A window shared with the message before could not be inflated by itself.
        if text.is_empty() {
            assert_eq!(inflate(&payload), b"");
        }
    }
    // In fragments, with a ping between, and a plain one behind.
    let payload = compress(b"Hello, Hello, Hello");
    let (front, back) = payload.split_at(4);
    client
        .send(&frames(&[
            OutFrame::text(front).rsv(4).unfinished(),
            OutFrame::new(Opcode::Ping, b"".to_vec()),
            OutFrame::continuation(back),
        ]))
        .await;
    client.message().await;
    client.send_frame(OutFrame::text("plain")).await;
    client.message().await;
}

#[tokio::test]
async fn rsv1_belongs_on_the_first_frame_of_a_message_alone() {
    let server = TestServer::start().await;
    check_close(&server, &frames(&[OutFrame::text("x").unfinished(), OutFrame::continuation("x").rsv(4)]), &[1002])
        .await;
    for opcode in [Opcode::Ping, Opcode::Pong, Opcode::Close] {
        check_close(&server, &OutFrame::new(opcode, b"".to_vec()).rsv(4).bytes(), &[1002]).await;
    }
    for bits in [2, 1, 3, 6] {
        check_close(&server, &OutFrame::text("x").rsv(bits).bytes(), &[1002]).await;
    }
}

#[tokio::test]
async fn what_does_not_inflate_is_invalid_payload() {
    let server = TestServer::start().await;
    let garbage = OutFrame::binary(hex("ffffffffffffffffffff")).rsv(4);
    check_close(&server, &garbage.bytes(), &[1007, 1002]).await;
    // "Hello" by reference to a message before that was never sent.
    let before_the_start = OutFrame::text(hex("f200110000")).rsv(4);
    check_close(&server, &before_the_start.bytes(), &[1007, 1002]).await;
    let bad_utf8 = compressed(Opcode::Text, b"ok \xFF not");
    check_close(&server, &bad_utf8.bytes(), &[1007]).await;
}

#[tokio::test]
async fn the_limit_holds_for_what_a_message_inflates_to() {
    let server = TestServer::with(|config| config.echo_message_max = 100_000).await;
    for (len, code) in [(100_000, None), (100_001, Some(1009)), (100_002, Some(1009)), (10_000_000, Some(1009))] {
        let mut client = open(&server).await;
        client.send_frame(compressed(Opcode::Binary, &vec![7; len])).await;
        match code {
            None => {
                let (_, _, payload) = client.message().await;
                assert_eq!(inflate(&payload), vec![7; len]);
            }
            Some(code) => client.assert_closed(code).await,
        }
    }
}

/// The same zeros again and again: each piece, compressed behind the first, refers to the zeros before.
fn zeros(mebibytes: usize) -> (Vec<u8>, Vec<u8>) {
    let mut compressor = Compressor::new(DeflateParams::DEFAULT, Role::Client, 6);
    let block = vec![0; 1 << 20];
    let flushed = |compressor: &mut Compressor| {
        let mut out = Vec::new();
        compressor.compress(&block, &mut out);
        out.extend(hex("0000ffff"));
        out
    };
    let first = flushed(&mut compressor);
    let next = flushed(&mut compressor);
    (first, next.repeat(mebibytes - 1))
}

#[tokio::test]
async fn half_a_gigabyte_of_zeros_is_refused_while_it_inflates() {
    let server = ServerProcess::start(&[]).await;
    let before = server.peak_rss();
    let (first, rest) = zeros(512);
    let (first, rest) = (&first, &rest);
    let one_frame = [&first[..], rest].concat();
    assert!(one_frame.len() < 1 << 20, "{}", one_frame.len());
    let in_fragments: Vec<_> = std::iter::once(OutFrame::binary(first.clone()).rsv(4).unfinished())
        .chain(rest.chunks(rest.len() / 511).map(|chunk| OutFrame::continuation(chunk).unfinished()))
        .collect();
    for bytes in [OutFrame::binary(one_frame).rsv(4).bytes(), frames(&in_fragments)] {
        let (mut client, _) =
            WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", "permessage-deflate")]).await;
        let started = Instant::now();
        let _ = client.try_send(&bytes).await;
        let close = client.close_frame().await;
        assert_eq!(close.close_code(), Some(1009));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    let grown = server.peak_rss() - before;
    // The limit of 16 MiB in a buffer that grows by doubling, and nothing like 512.
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
}

#[tokio::test]
async fn idle_connections_with_live_windows_are_small() {
    const COUNT: usize = 100;
    let server = ServerProcess::start(&["--idle-deadline", "60s"]).await;
    let before = server.rss();
    let mut clients = Vec::new();
    for at in 0..COUNT {
        let (mut client, _) =
            WireClient::open_with(server.addr(), "/echo", &[("Sec-WebSocket-Extensions", "permessage-deflate")]).await;
        let text: Vec<u8> = (0..40_000).map(|i: usize| b'a' + (i * i / 7 + at) as u8 % 26).collect();
        client.send_frame(compressed(Opcode::Text, &text)).await;
        client.message().await;
        clients.push(client);
    }
    // After two seconds of silence the server gives back all but the windows, of 32 KiB. What it gives back lies
    // scattered between them, so the process does not shrink to just that.
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    loop {
        let each = server.rss().saturating_sub(before) / COUNT as u64;
        if each < 128 << 10 {
            break;
        }
        assert!(Instant::now() < deadline, "{} KiB each", each >> 10);
        pace.tick().await;
    }
    for client in &mut clients {
        client.send_frame(OutFrame::text("still there")).await;
        client.message().await;
    }
}
