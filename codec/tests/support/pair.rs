//! Two ends of a connection in memory: what one writes, the other reads, in pieces of any size.

#![allow(dead_code, reason = "each test file uses its part")]

use framescope_codec::{CloseFrame, Config, Connection, DeflateParams, Event, Input, MaskingKey, Message, Violation};

/// An event that owns what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closing(Option<CloseFrame>),
    Failed(Violation),
}

impl From<Event<'_>> for Got {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Closing(frame) => Self::Closing(frame),
            Event::Failed(violation) => Self::Failed(violation),
        }
    }
}

/// Masking keys that are all different, and the same in every run.
pub(crate) fn keys() -> impl FnMut() -> MaskingKey + Send + 'static {
    let mut state = 0x2545_F491_u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        MaskingKey(state.to_be_bytes())
    }
}

/// Hands `bytes` to `conn` in pieces of the given lengths, over and over, and gathers the events.
pub(crate) fn receive_in(conn: &mut Connection, bytes: &[u8], lengths: &[usize], out: &mut Vec<u8>) -> Vec<Got> {
    let mut got = Vec::new();
    let mut rest = bytes.to_vec();
    let mut rest = &mut rest[..];
    for &len in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at_mut(len.clamp(1, rest.len()));
        let mut input = Input::new(piece);
        while let Some(event) = conn.receive(&mut input, out) {
            got.push(event.into());
        }
        assert!(input.is_empty(), "what was read is worked off");
        rest = later;
    }
    got
}

/// The same in one piece.
pub(crate) fn receive(conn: &mut Connection, bytes: &[u8], out: &mut Vec<u8>) -> Vec<Got> {
    receive_in(conn, bytes, &[usize::MAX], out)
}

/// A client and a server with a wire between them.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
    /// What the client has said and the server not yet read.
    pub(crate) to_server: Vec<u8>,
    /// What the server has said and the client not yet read.
    pub(crate) to_client: Vec<u8>,
    /// What each end was told.
    pub(crate) client_got: Vec<Got>,
    pub(crate) server_got: Vec<Got>,
}

impl Pair {
    pub(crate) fn new(config: Config, deflate: Option<DeflateParams>) -> Self {
        Self {
            client: Connection::client(config, deflate, keys()),
            server: Connection::server(config, deflate),
            to_server: Vec::new(),
            to_client: Vec::new(),
            client_got: Vec::new(),
            server_got: Vec::new(),
        }
    }

    /// Carries bytes to and fro, in pieces of these lengths, until nobody has anything to say.
    pub(crate) fn drive_in(&mut self, lengths: &[usize]) {
        while !self.to_server.is_empty() || !self.to_client.is_empty() {
            let wire = std::mem::take(&mut self.to_server);
            self.server_got.extend(receive_in(&mut self.server, &wire, lengths, &mut self.to_client));
            let wire = std::mem::take(&mut self.to_client);
            self.client_got.extend(receive_in(&mut self.client, &wire, lengths, &mut self.to_server));
        }
    }

    pub(crate) fn drive(&mut self) {
        self.drive_in(&[usize::MAX]);
    }
}

/// Bytes written as in the RFC's examples: `hex("81 85 37fa213d 7f9f4d5158")`.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits")).collect()
}
