//! The messages in one direction of a connection, found as fast as they can be: as a table of where each lies.
//!
//! A package of its own because cargo chooses between speed and size by package. The module of the pages is built to be small,
//! which would cost this loop half of its speed.
//!
//! ```
//! use framescope_codec::capture::Direction;
//! use framescope_messages::{Found, Messages};
//!
//! let mut messages = Messages::new(Direction::ClientToServer, None, 1024);
//! messages.feed(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec()); // "Hello", masked
//! let [Found { opcode: 1, start, end }] = *messages.find() else { panic!("no text") };
//! assert_eq!(end - start, 5);
//! assert!(messages.find().is_empty()); // that was all
//! ```

use framescope_codec::capture::Direction;
use framescope_codec::{Config, Connection, DeflateParams, Event, Input, MaskingKey, Message, Opcode, Violation};

/// What one end of a connection sends, behind the handshake: unmasked, inflated, put together and checked, as whoever it is sent to would.
#[derive(Debug)]
pub struct Messages {
    connection: Connection,
    /// What came, and how much of it is worked off.
    input: Vec<u8>,
    at: usize,
    found: Vec<Found>,
    violation: Option<Violation>,
}

/// A message, a ping or a pong. Its payload lies in memory between two addresses, until anything else is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Found {
    /// The four bits of the opcode.
    pub opcode: usize,
    /// Where the payload begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Messages {
    /// At the first byte behind the handshake. A longer message than `message_max` is a violation.
    #[must_use]
    pub fn new(direction: Direction, deflate: Option<DeflateParams>, message_max: usize) -> Self {
        let config = Config { message_max, ..Config::DEFAULT };
        let connection = match direction {
            Direction::ClientToServer => Connection::server(config, deflate),
            // Its answers, for which it wants keys, are never sent.
            Direction::ServerToClient => Connection::client(config, deflate, || MaskingKey([0; MaskingKey::LEN])),
        };
        Self { connection, input: Vec::new(), at: 0, found: Vec::new(), violation: None }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: Vec<u8>) {
        self.input.drain(..self.at);
        self.at = 0;
        if self.input.is_empty() {
            self.input = bytes;
        } else {
            self.input.extend_from_slice(&bytes);
        }
    }

    /// What those bytes complete. Call it until nothing is found: a message that was put together is the last of its table.
    pub fn find(&mut self) -> &[Found] {
        self.found.clear();
        let lent = address(&self.input)..=address(&self.input) + self.input.len();
        let mut input = Input::new(&mut self.input[self.at..]);
        let mut answers = Vec::new();
        while let Some(event) = self.connection.receive(&mut input, &mut answers) {
            let (opcode, payload) = match event {
                Event::Message(Message::Text(text)) => (Opcode::Text, text.as_bytes()),
                Event::Message(Message::Binary(bytes)) => (Opcode::Binary, bytes),
                Event::Ping(payload) => (Opcode::Ping, payload),
                Event::Pong(payload) => (Opcode::Pong, payload),
                Event::Closing(_) => continue,
                Event::Failed(violation) => {
                    self.violation = Some(violation);
                    continue;
                }
            };
            let start = address(payload);
            self.found.push(Found { opcode: usize::from(opcode.bits()), start, end: start + payload.len() });
            if opcode.is_control() {
                answers.clear();
            }
            // Elsewhere it only lies until the next.
            if !lent.contains(&start) {
                break;
            }
        }
        let left = input.len();
        self.at = self.input.len() - left;
        &self.found
    }

    /// The rule that was broken, if one was. Nothing behind it is read.
    #[must_use]
    pub const fn violation(&self) -> Option<Violation> {
        self.violation
    }
}

fn address(bytes: &[u8]) -> usize {
    bytes.as_ptr().addr()
}
