//! Where captures come from, and what is kept of each.

use framescope_codec::capture::intervention::Intervention;
use framescope_codec::capture::pcapng::{self, FaultKind};
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, Direction, Event, Record, Word};

use super::Capture;
use super::connections::Connections;
use super::kept::{FEED_MAX, Kept, Saving};
use super::objects::{SourceInfo, Unread};
use super::twins::Twins;

/// All sources, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sources {
    list: Vec<Source>,
    /// How many connections there were, of all sources.
    connections: u32,
    clients: Vec<Client>,
    twins: Twins,
    /// What chunks are made for.
    budget: Option<usize>,
}

/// How far all of them are saved.
#[derive(Debug, Default)]
pub(super) struct Saved {
    source: usize,
    saving: Saving,
}

/// One of them.
#[derive(Debug)]
struct Source {
    kind: String,
    name: String,
    /// What a file was before it was pcapng.
    format: String,
    decoder: Decoder,
    kept: Kept,
    /// The numbers of its connections among those of all sources, by the numbers that they have here.
    connections: Vec<Option<u32>>,
    /// In which chunk a packet of a stream was last noted: any, and one that begins a frame, by direction.
    noted: Vec<[u32; 3]>,
    words: Vec<Word>,
    bytes: u64,
    rows: u64,
    is_done: bool,
    is_removed: bool,
    trouble: Option<String>,
}

impl Source {
    /// Why a file that was read to its end has nothing to show, and no connection that might have.
    fn emptiness(&self) -> Option<String> {
        if self.kind != "file" || self.rows > 0 || self.trouble.is_some() || self.decoder.streams() > 0 {
            return None;
        }
        let packets = self.decoder.packets();
        Some(match packets.tcp + packets.other {
            0 => "There is no packet in this file.".into(),
            packets => format!("There is no TCP connection in this file; its packets: {packets}."),
        })
    }
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
        self.present().count()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.present().find_map(|source| source.trouble.as_deref())
    }

    pub(super) fn any_file(&self) -> bool {
        self.present().any(|source| source.kind == "file")
    }

    pub(super) fn held(&self) -> usize {
        self.list.iter().map(|source| source.kept.held()).sum()
    }

    pub(super) fn fit(&mut self, budget: usize) {
        self.budget = Some(budget);
        for source in &mut self.list {
            source.kept.fit(budget);
        }
    }

    pub(super) fn kept(&self, source: u32) -> Option<&Kept> {
        self.list.get(source as usize).map(|source| &source.kept)
    }

    pub(super) fn name(&self, source: u32) -> Option<&str> {
        self.list.get(source as usize).map(|source| &*source.name)
    }

    /// Writes the next of what is held of all, one section after the other; false once that is all.
    pub(super) fn save(&self, saved: &mut Saved, connections: &Connections, first: u64, out: &mut Vec<u8>) -> bool {
        while let Some(source) = self.list.get(saved.source) {
            let is_whole = |stream: u32| {
                let number = source.connections.get(stream as usize).copied().flatten();
                let connection = number.and_then(|number| connections.get(number));
                connection
                    .and_then(|connection| connection.heads.as_deref())
                    .is_some_and(|heads| heads.request_row >= first)
            };
            if !source.is_removed && source.kept.save(&mut saved.saving, is_whole, out) {
                return true;
            }
            *saved = Saved { source: saved.source + 1, ..Saved::default() };
        }
        false
    }

    pub(super) fn clear(&mut self) {
        for source in &mut self.list {
            source.kept.clear(source.decoder.position());
        }
    }

    /// The source whose oldest chunk has the oldest rows, and one past the last of them.
    pub(super) fn oldest(&self) -> Option<(usize, u64)> {
        let oldest = self.list.iter().enumerate().filter_map(|(place, source)| Some((place, source.kept.oldest()?)));
        oldest.min_by_key(|(_, rows_end)| *rows_end)
    }

    /// Drops the oldest chunk of a source, and what nothing else needs when the rows in front of `first` are gone.
    pub(super) fn drop_oldest(&mut self, source: usize, first: u64) {
        if let Some(source) = self.list.get_mut(source) {
            source.kept.drop_oldest();
        }
        for source in &mut self.list {
            while source.kept.oldest().is_some_and(|rows_end| rows_end <= first) {
                source.kept.drop_oldest();
            }
        }
    }

    pub(super) fn count_row(&mut self, source: u32, is_new: bool) {
        if let Some(source) = self.list.get_mut(source as usize) {
            source.rows = if is_new { source.rows + 1 } else { source.rows.saturating_sub(1) };
        }
    }

    /// A row in front of `row_end` has bytes here.
    pub(super) fn note_row(&mut self, source: u32, at: Option<u64>, row_end: u64) {
        if let (Some(source), Some(at)) = (self.list.get_mut(source as usize), at) {
            source.kept.note_row(at, row_end);
        }
    }

    fn present(&self) -> impl Iterator<Item = &Source> {
        self.list.iter().filter(|source| !source.is_removed)
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

    /// Notes where the packets stand that [`Kept::save`] may have to know of.
    fn note_places(&mut self) {
        let chunk = self.kept.chunk_number();
        for (at, place) in self.decoder.take_places() {
            let stream = place.stream as usize;
            if self.noted.len() <= stream {
                self.noted.resize(stream + 1, [0; 3]);
            }
            let Some(noted) = self.noted.get_mut(stream) else { continue };
            let of_direction = if place.direction == Direction::ClientToServer { 1 } else { 2 };
            let begins = place.begins_frame && noted[of_direction] != chunk;
            if noted[0] != chunk || begins {
                noted[0] = chunk;
                if place.begins_frame {
                    noted[of_direction] = chunk;
                }
                self.kept.note_place(at, place);
            }
        }
    }
}

impl Capture {
    /// A source of this kind, `tap`, `proxy`, `client` or `file`: answers with its number.
    pub fn add_source(&mut self, kind: &str, name: &str) -> u32 {
        let mut kept = Kept::default();
        if let Some(budget) = self.sources.budget {
            kept.fit(budget);
        }
        self.sources.list.push(Source {
            kind: kind.into(),
            name: name.into(),
            format: "pcapng".into(),
            decoder: Decoder::noting_places(),
            kept,
            connections: Vec::new(),
            noted: Vec::new(),
            words: Vec::new(),
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
        let unread = |unread: framescope_codec::capture::Unread| Unread {
            stream: unread.stream,
            client: unread.client.to_string(),
            server: unread.server.to_string(),
            bytes: unread.bytes,
            says: unread.looks.to_string(),
        };
        present
            .map(|(number, source)| SourceInfo {
                source: number,
                kind: &source.kind,
                name: &source.name,
                format: &source.format,
                bytes: source.bytes,
                rows: source.rows,
                done: source.is_done,
                trouble: source.trouble.as_deref(),
                unread: source.decoder.unread().into_iter().map(unread).collect(),
            })
            .collect()
    }

    /// The next bytes of a source begin a pcapng section of their own, as after a lost connection to the tap.
    pub fn restart(&mut self, source: u32) {
        if let Some(source) = self.sources.list.get_mut(source as usize) {
            source.kept.truncate(source.decoder.position());
            source.decoder.restart();
            source.trouble = None;
        }
    }

    /// Takes the next bytes of a source, cut anywhere.
    pub fn feed(&mut self, source: u32, bytes: &[u8]) {
        let Some(fed) = self.sources.list.get_mut(source as usize) else { return };
        fed.bytes += bytes.len() as u64;
        if fed.trouble.is_some() || fed.is_removed {
            return;
        }
        self.read(source, bytes);
        self.keep_within_budget();
        self.follow();
    }

    /// No more bytes will come from this source: what was cut off comes out.
    pub fn finish(&mut self, source: u32) {
        let Some(ended) = self.sources.list.get_mut(source as usize) else { return };
        if std::mem::replace(&mut ended.is_done, true) || ended.is_removed {
            return;
        }
        ended.decoder.finish();
        // Nothing comes behind what is there.
        self.times.forget();
        self.take_records(source);
        if let Some(words) = self.sources.list.get(source as usize).and_then(Source::emptiness) {
            self.take_fault(source, &words);
        }
        self.keep_within_budget();
        self.follow();
    }

    /// A source goes away with all its rows.
    pub fn remove_source(&mut self, source: u32) {
        let Some(removed) = self.sources.list.get_mut(source as usize) else { return };
        removed.is_removed = true;
        removed.kept = Kept::default();
        removed.decoder = Decoder::new();
        self.remove_rows(source);
        for twin in self.sources.twins.forget(source) {
            self.read_again(twin);
        }
        if self.sources.count() == 0 {
            self.clear();
        } else {
            self.restart_view();
            self.restart_search();
            self.generation += 1;
        }
        self.keep_within_budget();
        self.follow();
    }

    /// Takes somebody's word on a connection of this source that nothing else says is WebSocket. The rows of the source go
    /// away, and what is kept of it is read again.
    pub fn assume(&mut self, source: u32, word: Word) {
        let Some(again) = self.sources.list.get_mut(source as usize).filter(|source| !source.is_removed) else {
            return;
        };
        again.words.retain(|known| known.stream != word.stream);
        again.words.push(word);
        self.read_again(source);
        self.restart_view();
        self.restart_search();
        self.generation += 1;
        self.keep_within_budget();
    }

    /// The rows of a source go away, and what is kept of it is read again.
    fn read_again(&mut self, source: u32) {
        let Some(again) = self.sources.list.get_mut(source as usize).filter(|source| !source.is_removed) else {
            return;
        };
        let kept = std::mem::take(&mut again.kept);
        again.decoder = Decoder::noting_places();
        for word in &again.words {
            again.decoder.assume(*word);
        }
        (again.connections, again.noted) = (Vec::new(), Vec::new());
        if let Some(budget) = self.sources.budget {
            again.kept.fit(budget);
        }
        let is_done = again.is_done;
        self.remove_rows(source);
        for bytes in kept.into_chunks() {
            self.read(source, &bytes);
        }
        if let Some(again) = self.sources.list.get_mut(source as usize).filter(|_| is_done) {
            again.decoder.finish();
            self.take_records(source);
        }
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

    /// The same of a frame that somebody had a hand in; what is no such comment says nothing.
    pub fn client_intervened(&mut self, handle: u32, direction: Direction, time_ns: u64, bytes: &[u8], comment: &str) {
        let Some(intervention) = Intervention::parse(comment) else {
            return self.client_bytes(handle, direction, time_ns, bytes);
        };
        let Some(client) = self.sources.clients.get_mut(handle as usize) else { return };
        client.time_ns = time_ns;
        let mut blocks = Vec::with_capacity(bytes.len() + comment.len() + 96);
        client.flow.intervened(direction, time_ns, bytes, &intervention, &mut blocks);
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

    /// What a file was before it was opened as pcapng.
    pub fn set_format(&mut self, source: u32, name: &str) {
        if let Some(opened) = self.sources.list.get_mut(source as usize) {
            opened.format = name.into();
        }
    }

    /// Something in a file could not be opened: a row says so.
    pub fn fault(&mut self, source: u32, words: &str) {
        if self.sources.list.get(source as usize).is_some_and(|source| !source.is_removed) {
            self.take_fault(source, words);
            self.follow();
        }
    }

    /// Takes pcapng.
    fn read(&mut self, source: u32, bytes: &[u8]) {
        for piece in bytes.chunks(FEED_MAX / 2) {
            let Some(read) = self.sources.list.get_mut(source as usize) else { return };
            read.kept.push(piece);
            read.decoder.feed(piece);
            self.take_records(source);
            let Some(read) = self.sources.list.get_mut(source as usize) else { return };
            read.note_places();
            read.kept.settle(read.decoder.position());
        }
    }

    /// Takes in the rows that a source has ready.
    fn take_records(&mut self, source: u32) {
        while let Some(reading) = self.sources.list.get_mut(source as usize) {
            match reading.decoder.next_record() {
                None => return,
                Some(Record::Event(event)) => self.take(source, event),
                Some(Record::Fault(fault)) => {
                    if reading.kind != "file" && fault.kind == FaultKind::NotPcapng {
                        reading.trouble = Some("What comes from the tap is no pcapng; reload the page.".into());
                    }
                    self.take_fault(source, &fault.to_string());
                }
            }
        }
    }

    fn take(&mut self, number: u32, event: Event) {
        let Sources { list, connections, clients, twins, .. } = &mut self.sources;
        let Some(source) = list.get_mut(number as usize) else { return };
        let is_own = source.kind == "client";
        if twins.hides(number, &event, is_own) {
            return;
        }
        let connection = source.connection(event.stream, connections);
        if is_own {
            let ports = [event.src.port(), event.dst.port()];
            let mut clients = clients.iter_mut().rev();
            if let Some(client) = clients.find(|client| client.source == number && ports.contains(&client.port)) {
                client.connection = client.connection.or(Some(connection));
            }
        }
        self.take_event(number, connection, event);
    }
}
