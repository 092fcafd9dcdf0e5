//! The native half of `run.mjs`: for each line of input, a payload's length and `text` or `binary`, one line with how long a message of the
//! stream takes, in nanoseconds.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement")]

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use framescope_codec::{Config, Connection, Event, Input};
use framescope_tests::OutFrame;

/// What a read from a socket may bring.
const READ: usize = 128 << 10;
/// Bytes of payload in one go.
const VOLUME: usize = 16 << 20;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (len, kind) = line.split_once(' ').unwrap();
        let len: usize = len.parse().unwrap();
        let payload = vec![b'x'; len];
        let frame = if kind == "text" { OutFrame::text(payload) } else { OutFrame::binary(payload) };
        let count = (VOLUME / (len + 24)).max(4);
        let wire = frame.bytes().repeat(count);
        let started = Instant::now();
        assert_eq!(read(&wire), count * len);
        println!("{}", started.elapsed().as_nanos() as f64 / count as f64);
        std::io::stdout().flush().unwrap();
    }
}

/// Bytes of payload in all messages. A read is copied once, as from a socket, and the first byte of each message looked at.
fn read(wire: &[u8]) -> usize {
    let mut connection = Connection::server(Config::default(), None);
    let mut buffer = vec![0; READ];
    let (mut answers, mut total) = (Vec::new(), 0);
    for piece in wire.chunks(READ) {
        let read = &mut buffer[..piece.len()];
        read.copy_from_slice(piece);
        let mut input = Input::new(read);
        while let Some(event) = connection.receive(&mut input, &mut answers) {
            if let Event::Message(message) = event {
                let bytes = black_box(message.as_bytes());
                assert_eq!(bytes[0], b'x');
                total += bytes.len();
            }
        }
    }
    total
}
