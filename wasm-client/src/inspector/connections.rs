//! What rows of one connection have in common.

use std::net::SocketAddr;

use framescope_codec::DeflateParams;
use framescope_codec::capture::{Direction, End, Event, Note, Origin, What};

use super::reading::Base;

/// All connections that have rows, or may get some, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Connections {
    list: Vec<Option<Box<Connection>>>,
    present: usize,
    /// Bytes of what is known in front of the oldest rows.
    bases: usize,
}

impl Connections {
    pub(super) fn get(&self, number: u32) -> Option<&Connection> {
        self.list.get(number as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Connection> {
        self.list.get_mut(number as usize)?.as_deref_mut()
    }

    /// The one that this event is on.
    pub(super) fn hear(&mut self, number: u32, source: u32, event: &Event) -> Option<&mut Connection> {
        let place = number as usize;
        if self.list.len() <= place {
            self.list.resize_with(place + 1, || None);
        }
        let slot = self.list.get_mut(place)?;
        self.present += usize::from(slot.is_none());
        Some(slot.get_or_insert_with(|| Box::new(Connection::new(source, event))))
    }

    /// Sets what is known in front of the oldest row of a direction. Answers with what was known before, and counts bytes.
    pub(super) fn set_base(&mut self, number: u32, side: usize, base: Option<Base>) -> Option<Base> {
        let slot = &mut self.list.get_mut(number as usize)?.as_mut()?.bases[side];
        let old = std::mem::replace(slot, base);
        self.bases += slot.as_ref().map_or(0, Base::held);
        self.bases -= old.as_ref().map_or(0, Base::held);
        old
    }

    /// With their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Connection)> {
        (0..).zip(&self.list).filter_map(|(number, slot)| Some((number, slot.as_deref()?)))
    }

    /// Lets go of a connection.
    pub(super) fn forget(&mut self, number: u32) {
        if let Some(gone) = self.list.get_mut(number as usize).and_then(Option::take) {
            self.present -= 1;
            self.bases -= gone.bases_held();
        }
    }

    /// Lets go of all of a source.
    pub(super) fn forget_source(&mut self, source: u32) {
        let of_source = self.iter().filter(|(_, connection)| connection.source == source);
        let numbers: Vec<_> = of_source.map(|(number, _)| number).collect();
        for number in numbers {
            self.forget(number);
        }
    }

    /// The bytes that they take up.
    pub(super) fn held(&self) -> usize {
        self.list.len() * OF_EACH + self.present * (size_of::<Connection>() + HEADS) + self.bases
    }
}

/// What is noted of a connection even when it is gone: its slot, and its number in its source.
const OF_EACH: usize = size_of::<usize>() + size_of::<Option<u32>>() + size_of::<[u32; 3]>();
/// What the heads take up on the heap, about.
const HEADS: usize = 400;

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
    /// From its first row to its latest.
    pub(super) first_row: u64,
    pub(super) last_row: u64,
    /// The directions that have ended.
    ended: [bool; 2],
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
            first_row: u64::MAX,
            last_row: 0,
            ended: [false; 2],
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
    pub(super) fn hear(&mut self, event: &Event, row: u64) {
        self.first_row = self.first_row.min(row);
        self.last_row = row;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into();
        match &event.what {
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
            What::End(how) => {
                let [client, server] = self.ended;
                let (is_client, is_reset) = (event.direction == Direction::ClientToServer, *how == End::Reset);
                self.ended = [client || is_client || is_reset, server || !is_client || is_reset];
            }
            _ => {}
        }
    }

    /// Nothing will come any more.
    pub(super) fn is_over(&self) -> bool {
        self.ended == [true; 2]
    }

    /// The bytes of what is known in front of its oldest row.
    fn bases_held(&self) -> usize {
        self.bases.iter().flatten().map(Base::held).sum()
    }

    const fn agree(&mut self, deflate: Option<DeflateParams>) {
        self.agreed = Some(deflate);
        self.deflate = deflate;
    }
}
