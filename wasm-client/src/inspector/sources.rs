//! Where captures come from, and what is kept of each.

use framescope_codec::capture::insight::Place;
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Direction, Record, pcapng};

use super::Capture;
use super::blocks::{Blocks, NotPcapng};
use super::objects::SourceInfo;
use super::records::{self, Reader};
use super::twins::Twins;

/// All sources, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sources {
    list: Vec<Source>,
    /// How many connections there were, of all sources.
    connections: u32,
    clients: Vec<Client>,
    twins: Twins,
}

/// One of them.
#[derive(Debug)]
struct Source {
    kind: String,
    name: String,
    reader: Reader,
    blocks: Blocks,
    /// The numbers of its connections among those of all sources, by the numbers that they have here.
    connections: Vec<Option<u32>>,
    bytes: u64,
    rows: u64,
    is_done: bool,
    is_removed: bool,
    trouble: Option<String>,
}

/// A connection of the page's own client.
#[derive(Debug)]
struct Client {
    source: u32,
    flow: Flow,
    /// Its client's port, which tells it from others of the source.
    port: u16,
    connection: Option<u32>,
    has_begun: bool,
    time_ns: u64,
}

impl Sources {
    pub(super) fn count(&self) -> usize {
        self.list.iter().filter(|source| !source.is_removed).count()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.list.iter().filter(|source| !source.is_removed).find_map(|source| source.trouble.as_deref())
    }

    pub(super) fn held(&self) -> usize {
        self.list.iter().map(|source| source.blocks.held()).sum()
    }

    /// What is held of all, one section after the other.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for source in &self.list {
            out.extend(source.blocks.save());
        }
        out
    }

    pub(super) fn clear(&mut self) {
        for source in &mut self.list {
            source.blocks.clear();
            source.rows = 0;
        }
    }

    /// Drops the oldest block; answers with one past the last row that goes with it.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        let oldest = self.list.iter_mut().filter_map(|source| Some((source.blocks.oldest()?, source)));
        let (_, source) = oldest.min_by_key(|(rows_end, _)| *rows_end)?;
        source.blocks.drop_oldest()
    }

    pub(super) fn gain_row(&mut self, source: u32) {
        if let Some(source) = self.list.get_mut(source as usize) {
            source.rows += 1;
        }
    }

    pub(super) fn lose_row(&mut self, source: u32) {
        if let Some(source) = self.list.get_mut(source as usize) {
            source.rows = source.rows.saturating_sub(1);
        }
    }
}

impl Source {
    /// The number among all connections of what is number `stream` here.
    fn connection(&mut self, stream: u32, count: &mut u32) -> u32 {
        let place = stream as usize;
        if self.connections.len() <= place {
            self.connections.resize(place + 1, None);
        }
        *self.connections[place].get_or_insert_with(|| {
            *count += 1;
            *count - 1
        })
    }
}

impl Capture {
    /// A source of this kind, `tap`, `proxy`, `client` or `file`: answers with its number.
    pub fn add_source(&mut self, kind: &str, name: &str) -> u32 {
        self.sources.list.push(Source {
            kind: kind.into(),
            name: name.into(),
            reader: Reader::default(),
            blocks: Blocks::default(),
            connections: Vec::new(),
            bytes: 0,
            rows: 0,
            is_done: false,
            is_removed: false,
            trouble: None,
        });
        u32::try_from(self.sources.list.len() - 1).unwrap_or(u32::MAX)
    }

    /// All sources, without those that were removed.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceInfo<'_>> {
        let present = (0..).zip(&self.sources.list).filter(|(_, source)| !source.is_removed);
        present
            .map(|(number, source)| SourceInfo {
                source: number,
                kind: &source.kind,
                name: &source.name,
                format: "pcapng",
                bytes: source.bytes,
                rows: source.rows,
                done: source.is_done,
                trouble: source.trouble.as_deref(),
                unread: &[],
            })
            .collect()
    }

    /// The next bytes of a source begin a pcapng section of their own, as after a lost connection to the tap.
    pub fn restart(&mut self, source: u32) {
        if let Some(source) = self.sources.list.get_mut(source as usize) {
            source.blocks.begin();
            source.trouble = None;
        }
    }

    /// Takes the next bytes of a source, cut anywhere.
    pub fn feed(&mut self, source: u32, bytes: &[u8]) {
        let number = source;
        let Some(source) = self.sources.list.get_mut(number as usize) else { return };
        source.bytes += bytes.len() as u64;
        if source.trouble.is_some() || source.is_removed {
            return;
        }
        source.blocks.feed(bytes);
        let mut at = 0;
        while let Some(source) = self.sources.list.get_mut(number as usize) {
            match source.blocks.whole_block_at(at) {
                Ok(None) => break,
                Ok(Some(len)) => {
                    source.reader.feed(source.blocks.bytes(at, len));
                    let place = self.take_rows(number);
                    let end = self.end();
                    let Some(source) = self.sources.list.get_mut(number as usize) else { break };
                    source.blocks.keep(at, len, place, end);
                    at += len;
                }
                Err(NotPcapng) => {
                    source.trouble = Some("What comes from the tap is no pcapng; reload the page.".into());
                    break;
                }
            }
        }
        if let Some(source) = self.sources.list.get_mut(number as usize) {
            source.blocks.settle(at);
        }
        self.keep_within_budget();
        self.follow();
    }

    /// No more bytes will come from this source: what was cut off comes out.
    pub fn finish(&mut self, source: u32) {
        let Some(ended) = self.sources.list.get_mut(source as usize) else { return };
        ended.is_done = true;
        ended.reader.finish();
        self.take_rows(source);
        self.follow();
    }

    /// A source goes away with all its rows.
    pub fn remove_source(&mut self, source: u32) {
        let Some(removed) = self.sources.list.get_mut(source as usize) else { return };
        removed.is_removed = true;
        removed.blocks = Blocks::default();
        removed.reader = Reader::default();
        self.insight.forget_source(source);
        if self.sources.count() == 0 {
            self.clear();
        } else {
            self.restart_view();
            self.restart_search();
            self.generation += 1;
        }
        self.follow();
    }

    /// Whether the rows of this source are not to be seen any more.
    pub(super) fn is_removed(&self, source: u32) -> bool {
        self.sources.list.get(source as usize).is_none_or(|source| source.is_removed)
    }

    /// Whether there are such rows among those held.
    pub(super) fn any_removed(&self) -> bool {
        self.sources.list.iter().any(|source| source.is_removed && source.rows > 0)
    }

    /// A connection that the page's own client opens: answers with a handle.
    pub fn open_client(&mut self, source: u32, _url: &str) -> u32 {
        let handle = u32::try_from(self.sources.clients.len()).unwrap_or(u32::MAX);
        // Documentation addresses, each connection at its own port, high enough to be nobody's.
        let port = 49_152 + u16::try_from(handle % 16_384).unwrap_or_default();
        let flow = Flow::in_process(port);
        let is_first = !self.sources.clients.iter().any(|client| client.source == source);
        self.sources.clients.push(Client { source, flow, port, connection: None, has_begun: false, time_ns: 0 });
        if is_first {
            let mut start = Vec::new();
            pcapng::write_start(&mut start);
            self.feed(source, &start);
        }
        handle
    }

    /// Bytes that went over it, handshake included.
    pub fn client_bytes(&mut self, handle: u32, direction: Direction, time_ns: u64, bytes: &[u8]) {
        let Some(client) = self.sources.clients.get_mut(handle as usize) else { return };
        let mut blocks = Vec::with_capacity(bytes.len() + 96);
        if !std::mem::replace(&mut client.has_begun, true) {
            client.flow.open(time_ns, &mut blocks);
        }
        client.time_ns = time_ns;
        client.flow.bytes(direction, time_ns, bytes, &mut blocks);
        let source = client.source;
        self.feed(source, &blocks);
    }

    /// That direction has ended, or the connection was broken off.
    pub fn client_end(&mut self, handle: u32, direction: Direction, is_reset: bool) {
        let Some(client) = self.sources.clients.get_mut(handle as usize) else { return };
        let mut blocks = Vec::new();
        if is_reset {
            client.flow.reset(direction, client.time_ns, &mut blocks);
        } else {
            client.flow.end(direction, client.time_ns, &mut blocks);
        }
        let source = client.source;
        self.feed(source, &blocks);
    }

    /// The number that the rows of the client's connection have; `None` as long as it has none.
    #[must_use]
    pub fn client_connection(&self, handle: u32) -> Option<u32> {
        self.sources.clients.get(handle as usize)?.connection.map(|connection| connection + 1)
    }

    /// Takes in the rows that a source has ready; answers with the place of its last packet.
    fn take_rows(&mut self, number: u32) -> Option<framescope_codec::capture::save::Place> {
        loop {
            let row = self.end();
            let Sources { list, connections, clients, twins } = &mut self.sources;
            let source = list.get_mut(number as usize)?;
            let Some(record) = source.reader.next() else { return source.reader.last_place() };
            let mut connection = None;
            if let Record::Event(event) = &record {
                let is_own = source.kind == "client";
                if twins.hides(number, event, is_own) {
                    continue;
                }
                let own = source.connection(event.stream, connections);
                connection = Some(own);
                if is_own {
                    let ports = [event.src.port(), event.dst.port()];
                    let mut clients = clients.iter_mut().rev();
                    let client = clients.find(|client| client.source == number && ports.contains(&client.port));
                    if let Some(client) = client {
                        client.connection = client.connection.or(connection);
                    }
                }
                self.insight.take(Place { connection: own + 1, source: number, row }, event);
            }
            self.push(records::entry(number, connection, record));
        }
    }
}
