//! What rows of one connection have in common.

use std::net::SocketAddr;

use framescope_codec::DeflateParams;
use framescope_codec::capture::{Direction, Event, Note, Origin, What};

use super::reading::Base;

/// A connection of any source.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) source: u32,
    /// Its number within the source.
    pub(super) stream: u32,
    /// Client and server.
    pub(super) ends: [SocketAddr; 2],
    pub(super) in_process: bool,
    /// What was agreed on about compression, once it is open.
    pub(super) agreed: Option<Option<DeflateParams>>,
    pub(super) deflate: Option<DeflateParams>,
    /// What it was rebuilt from, if it was.
    pub(super) origin: Option<Origin>,
    /// It began with frames, and nothing is known of a handshake.
    pub(super) is_bare: bool,
    pub(super) heads: Option<Box<Heads>>,
    pub(super) rows: u64,
    /// One past the latest frame of data of each direction.
    pub(super) data_end: [u64; 2],
    /// The message of several frames that each direction is in, and its span.
    pub(super) span: [Option<(u64, u32)>; 2],
    /// What is known in front of the oldest row held.
    pub(super) bases: [Option<Base>; 2],
}

/// What the opening handshake said.
#[derive(Debug, Default)]
pub(super) struct Heads {
    pub(super) request_row: u64,
    pub(super) target: Box<str>,
    pub(super) host: Option<Box<str>>,
    pub(super) origin: Option<Box<str>>,
    pub(super) subprotocol: Option<Box<str>>,
    pub(super) extensions: Option<Box<str>>,
}

impl Connection {
    pub(super) fn new(source: u32, event: &Event) -> Self {
        let ends = match event.direction {
            Direction::ClientToServer => [event.src, event.dst],
            Direction::ServerToClient => [event.dst, event.src],
        };
        Self {
            source,
            stream: event.stream,
            ends,
            in_process: event.in_process,
            agreed: None,
            deflate: None,
            origin: None,
            is_bare: false,
            heads: None,
            rows: 0,
            data_end: [0; 2],
            span: [None; 2],
            bases: [None, None],
        }
    }

    /// Sender and receiver.
    pub(super) const fn ends(&self, direction: Direction) -> [SocketAddr; 2] {
        let [client, server] = self.ends;
        match direction {
            Direction::ClientToServer => [client, server],
            Direction::ServerToClient => [server, client],
        }
    }

    /// Learns from what becomes this row.
    pub(super) fn hear(&mut self, what: &What, row: u64) {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into();
        match what {
            What::Request(request) => {
                let head = request.head();
                self.heads = Some(Box::new(Heads {
                    request_row: row,
                    target: text(head.at(&request.start_line()[1])),
                    host: head.header("host").map(text),
                    origin: head.header("origin").map(text),
                    ..Heads::default()
                }));
            }
            What::Response(response) if response.status() == Some(101) => {
                let heads = self.heads.get_or_insert_default();
                heads.subprotocol = response.subprotocol().map(Into::into);
                heads.extensions = response.head().header("sec-websocket-extensions").map(text);
                self.agree(response.deflate());
            }
            What::JoinedLate { deflate } => self.agree(*deflate),
            What::Note(Note::Rebuilt(origin)) => self.origin = Some(*origin),
            What::Note(Note::WithoutHandshake) => self.is_bare = true,
            _ => {}
        }
    }

    const fn agree(&mut self, deflate: Option<DeflateParams>) {
        self.agreed = Some(deflate);
        self.deflate = deflate;
    }
}
