//! Rows read again are what they were when they came: held against a plain decoder over the same bytes, on random traffic
//! with everything in it that makes this hard.

use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, Direction, Event, Pieces, Record, What, pcapng};
use framescope_codec::{Compressor, DeflateParams, WindowBits};

use super::*;

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll()).unwrap() % end
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn words(&mut self, len: usize) -> Vec<u8> {
        const WORDS: [&[u8]; 8] =
            [b"frame", b" ", b"{\"id\":", b"scope, ", "\u{e9}t\u{e9} ".as_bytes(), b"12345", b"}", b"message "];
        let mut text = Vec::new();
        while text.len() < len {
            text.extend_from_slice(WORDS[self.below(WORDS.len())]);
        }
        text
    }
}

/// One direction of a connection that somebody speaks, not always by the rules.
struct Speaker {
    direction: Direction,
    deflate: Option<DeflateParams>,
    compressor: Compressor,
    /// Bytes that were written and not yet captured.
    pending: Vec<u8>,
    /// Frames begin at these of them.
    boundaries: Vec<usize>,
}

impl Speaker {
    fn frame(&mut self, dice: &mut Dice, first_byte: u8, payload: &[u8]) {
        self.boundaries.push(self.pending.len());
        let masked = (self.direction == Direction::ClientToServer) != dice.one_in(40);
        let mask = if masked { 0x80 } else { 0 };
        self.pending.push(first_byte);
        match payload.len() {
            len @ 0..126 if !dice.one_in(30) => self.pending.push(mask | u8::try_from(len).unwrap()),
            len @ 0..65_536 => {
                self.pending.push(mask | 126);
                self.pending.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                self.pending.push(mask | 127);
                self.pending.extend((len as u64).to_be_bytes());
            }
        }
        if masked {
            let key = dice.roll().to_le_bytes();
            self.pending.extend_from_slice(&key[..4]);
            self.pending.extend(payload.iter().zip(key[..4].iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            self.pending.extend_from_slice(payload);
        }
    }

    /// A message in some frames, with others between them.
    fn message(&mut self, dice: &mut Dice) {
        let len = if dice.one_in(12) { dice.below(9_000) } else { dice.below(200) };
        let mut content = dice.words(len);
        if dice.one_in(15) {
            content.push(0xFF);
        }
        let opcode = if dice.one_in(3) { 2 } else { 1 };
        let mut rsv = 0;
        if self.deflate.is_some() && !dice.one_in(4) {
            let mut wire = Vec::new();
            self.compressor.compress(&content, &mut wire);
            if dice.one_in(60) {
                wire = dice.words(5);
            }
            (content, rsv) = (wire, 0x40);
        }
        let count = if dice.one_in(3) { 1 + dice.below(4) } else { 1 };
        let step = content.len().div_ceil(count).max(1);
        let mut parts: Vec<_> = content.chunks(step).map(<[u8]>::to_vec).collect();
        if parts.is_empty() || dice.one_in(20) {
            parts.push(Vec::new());
        }
        let last = parts.len() - 1;
        for (place, part) in parts.iter().enumerate() {
            let fin = if place == last && !dice.one_in(50) { 0x80 } else { 0 };
            let first_byte = if place == 0 { opcode | rsv } else { 0 };
            self.frame(dice, fin | first_byte, part);
            if dice.one_in(6) {
                let (opcode, len) = (if dice.one_in(2) { 0x89 } else { 0x8A }, dice.below(20));
                let payload = dice.words(len);
                self.frame(dice, opcode, &payload);
            }
        }
        if dice.one_in(60) {
            let odd = u8::try_from(dice.below(256)).unwrap();
            let payload = dice.words(4);
            self.frame(dice, odd, &payload);
        }
        if dice.one_in(80) {
            self.frame(dice, 0x88, b"\x03\xe8bye");
        }
    }
}

/// A connection: it opens, or was open already, and then both speak.
struct Talk {
    flow: Flow,
    speakers: [Speaker; 2],
}

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate\r\n\r\n";

fn talk(dice: &mut Dice, number: u16, out: &mut Vec<u8>) -> Talk {
    let deflate = (!dice.one_in(4)).then(|| DeflateParams {
        server_no_context_takeover: dice.one_in(4),
        client_no_context_takeover: dice.one_in(4),
        server_max_window_bits: WindowBits::new(if dice.one_in(3) { 10 } else { 15 }).unwrap(),
        ..DeflateParams::DEFAULT
    });
    let mut flow = Flow::in_process(40_000 + number);
    if dice.one_in(4) {
        flow.join_late(1_000, deflate, out);
        for direction in Direction::BOTH {
            flow.boundary(direction);
        }
    } else {
        flow.open(1_000, out);
        flow.bytes(Direction::ClientToServer, 2_000, REQUEST, out);
        let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            .to_vec();
        if let Some(deflate) = deflate {
            answer.extend_from_slice(b"Sec-WebSocket-Extensions: permessage-deflate");
            for (is_said, word) in [
                (deflate.server_no_context_takeover, "; server_no_context_takeover"),
                (deflate.client_no_context_takeover, "; client_no_context_takeover"),
                (deflate.server_max_window_bits != WindowBits::MAX, "; server_max_window_bits=10"),
            ] {
                answer.extend_from_slice(if is_said { word.as_bytes() } else { b"" });
            }
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"\r\n");
        flow.bytes(Direction::ServerToClient, 3_000, &answer, out);
    }
    let speaker = |direction: Direction| Speaker {
        direction,
        deflate,
        compressor: Compressor::new(deflate.unwrap_or(DeflateParams::DEFAULT), direction.sender(), 6),
        pending: Vec::new(),
        boundaries: Vec::new(),
    };
    Talk { flow, speakers: Direction::BOTH.map(speaker) }
}

/// The capture of some random talk.
fn traffic(dice: &mut Dice, steps: usize) -> Vec<u8> {
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    let count = 1 + dice.below(3);
    let mut talks: Vec<_> = (0..count).map(|number| talk(dice, u16::try_from(number).unwrap(), &mut out)).collect();
    for step in 0..steps {
        let time_ns = 10_000 * (1 + step as u64);
        let Talk { flow, speakers } = &mut talks[dice.below(count)];
        let speaker = &mut speakers[dice.below(2)];
        let direction = speaker.direction;
        speaker.message(dice);
        if dice.one_in(100) {
            // All that was said in between is lost, and where a frame begins again is known only sometimes.
            flow.gap(direction, speaker.pending.len() as u64);
            speaker.pending.clear();
            if !dice.one_in(4) {
                flow.boundary(direction);
            }
        } else if dice.one_in(100) && speaker.pending.len() > 30 {
            // A hole in what was said.
            let from = dice.below(speaker.pending.len() - 20);
            let missing = 1 + dice.below(15);
            flow.bytes(direction, time_ns, &speaker.pending[..from], &mut out);
            flow.gap(direction, missing as u64);
            let boundary = speaker.boundaries.iter().find(|at| **at >= from + missing).copied();
            let go_on = boundary.unwrap_or(speaker.pending.len());
            if from + missing < go_on {
                flow.bytes(direction, time_ns, &speaker.pending[from + missing..go_on], &mut out);
            }
            flow.boundary(direction);
            flow.bytes(direction, time_ns, &speaker.pending[go_on..], &mut out);
            speaker.pending.clear();
        } else if !dice.one_in(3) {
            let size = 1 + dice.below(3_000);
            let pending = std::mem::take(&mut speaker.pending);
            for chunk in pending.chunks(size) {
                flow.bytes(direction, time_ns, chunk, &mut out);
            }
        }
        if speaker.pending.is_empty() {
            speaker.boundaries.clear();
        }
    }
    out
}

/// What a plain decoder says.
fn expected(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    decoder.finish();
    let event = |record| match record {
        Record::Event(event) => event,
        Record::Fault(fault) => panic!("{fault}"),
    };
    std::iter::from_fn(|| decoder.next_record()).map(event).map(bare).collect()
}

/// Without what only the decoder knows.
fn bare(mut event: Event) -> Event {
    if let What::Frame(frame) = &mut event.what {
        frame.dissection.number = 0;
        frame.dissection.violations.sort_unstable_by_key(|found| found.violation);
        frame.dissection.violations.dedup_by_key(|found| found.violation);
        frame.pieces = Pieces::default();
        frame.checkpoint = None;
        if frame.dissection.payload.is_empty() && frame.began_ns == 0 {
            frame.began_ns = event.time_ns;
        }
    }
    event
}

fn check(capture: &mut Capture, expected: &[Event], rows: impl Iterator<Item = u64>, seed: u64) {
    for row in rows {
        let Some(event) = capture.event(row) else { panic!("seed {seed}: no row {row}") };
        let mut event = bare(event);
        let expected = &expected[usize::try_from(row).unwrap()];
        if let (What::Frame(frame), What::Frame(known)) = (&mut event.what, &expected.what) {
            frame.began_ns = known.began_ns;
        }
        assert_eq!(event, *expected, "seed {seed}, row {row}");
    }
}

#[test]
fn rows_read_again_are_what_they_were() {
    for seed in 1..=30 {
        let mut dice = Dice::new(seed);
        let bytes = traffic(&mut dice, 250);
        let expected = expected(&bytes);
        let mut capture = Capture::new();
        let source = capture.add_source("tap", "");
        for piece in bytes.chunks(1 + dice.below(20_000)) {
            capture.feed(source, piece);
        }
        capture.finish(source);
        assert_eq!(capture.end(), expected.len() as u64, "seed {seed}");
        // In order, backwards, and anywhere.
        check(&mut capture, &expected, 0..expected.len() as u64, seed);
        capture.readings.borrow_mut().clear();
        check(&mut capture, &expected, (0..expected.len() as u64).rev().step_by(7), seed);
        let anywhere: Vec<_> = (0..40).map(|_| dice.below(expected.len()) as u64).collect();
        check(&mut capture, &expected, anywhere.into_iter(), seed);
        assert_eq!(capture.save(), bytes, "seed {seed}");
    }
}

#[test]
fn what_is_left_is_read_as_if_nothing_had_gone() {
    for seed in 1..=16 {
        let mut dice = Dice::new(seed);
        let bytes = traffic(&mut dice, 800);
        let expected = expected(&bytes);
        let mut capture = Capture::new();
        let source = capture.add_source("tap", "");
        capture.set_budget(bytes.len() / 3 + (1 << 17));
        for (turn, piece) in bytes.chunks(3_000).enumerate() {
            capture.feed(source, piece);
            if turn % 50 == 49 && capture.store.len() > 0 {
                let row = capture.store.first() + dice.below(usize::try_from(capture.store.len()).unwrap()) as u64;
                let Some(row) = Some(row).filter(|row| *row + 50 < capture.end()) else { continue };
                check(&mut capture, &expected, row..row + 5, seed);
            }
        }
        capture.finish(source);
        let (first, end) = (capture.store.first(), capture.end());
        assert_eq!(end, expected.len() as u64, "seed {seed}");
        assert_eq!(capture.status().dropped, first);
        check(&mut capture, &expected, first..end, seed);
        capture.readings.borrow_mut().clear();
        check(&mut capture, &expected, (first..end).rev().step_by(5), seed);
        // What is saved begins with a section, and can be read again.
        let mut again = Capture::new();
        let source = again.add_source("tap", "");
        again.feed(source, &capture.save());
        again.finish(source);
        assert!(first == 0 || again.end() > 0, "seed {seed}");
    }
}

#[test]
fn damaged_captures_are_shown_as_far_as_they_go() {
    for seed in 1..=30 {
        let mut dice = Dice::new(seed);
        let mut bytes = traffic(&mut dice, 60);
        for _ in 0..1 + dice.below(40) {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        bytes.truncate(bytes.len() - dice.below(200));
        let mut capture = Capture::new();
        let source = capture.add_source("file", "");
        capture.set_budget(if dice.one_in(2) { 1 << 16 } else { 1 << 24 });
        for piece in bytes.chunks(1 + dice.below(9_000)) {
            capture.feed(source, piece);
        }
        capture.finish(source);
        capture
            .set_view(ViewSpec { filter: "text contains \"scope\" or violation".into(), ..ViewSpec::default() })
            .unwrap();
        while capture.work(&mut || true) {}
        for row in capture.store.first()..capture.end() {
            let details = capture.details(row);
            assert!(details.is_some(), "seed {seed}, row {row}");
            capture.wire(row);
            capture.unmasked(row);
        }
        assert!(!capture.save().is_empty());
        capture.clear();
        assert_eq!(capture.rows(0, 10).len(), 0);
    }
}
