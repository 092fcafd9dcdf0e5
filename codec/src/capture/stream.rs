//! TCP connections, told apart and followed.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::comment::Comment;
use super::conversation::Conversation;
use super::intervention::Intervention;
use super::origin::Origin;
use super::packet::{Captured, Segment};
use super::pcapng::Packet;
use super::save::Place;
use super::tcp::{Arrival, HalfStream};
use super::unread::{Looks, Unread, Word};
use super::{Direction, End, Event, Note, What};
use crate::deflate::params::DeflateParams;
use crate::rules::Role;

/// All connections of a capture, by the addresses of both ends.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_ends: HashMap<[SocketAddr; 2], Stream>,
    count: u32,
    /// What the user says about some of them.
    words: Vec<Word>,
    /// Those that are over and were never read.
    unread: Vec<Unread>,
}

/// One connection.
#[derive(Debug)]
struct Stream {
    number: u32,
    /// Client and server.
    ends: [SocketAddr; 2],
    halves: [HalfStream; 2],
    /// The sequence numbers of the SYNs.
    syns: [Option<u32>; 2],
    conversation: Conversation,
    in_process: bool,
    /// Of the last packet.
    time_ns: u64,
    /// How much payload there was, and what it began with.
    payload_len: u64,
    looks: Looks,
}

/// What a tap has to say about a packet.
#[derive(Debug, Default)]
struct Remarks {
    interventions: Vec<Intervention>,
    gap: Option<u64>,
    boundary: bool,
    /// It is the next that the tap saw of its direction.
    in_order: bool,
    joined_late: Option<JoinedLate>,
    in_process: bool,
    rebuilt: Option<Origin>,
    without_handshake: Option<Role>,
}

/// Who sends, and what was agreed on.
type JoinedLate = (Role, Option<DeflateParams>);

impl Streams {
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn assume(&mut self, word: Word) {
        self.words.push(word);
    }

    /// Those with payload of which nothing was shown, in the order of their numbers.
    pub(super) fn unread(&self) -> Vec<Unread> {
        let mut unread = self.unread.clone();
        unread.extend(self.by_ends.values().filter_map(Stream::unread));
        unread.sort_unstable_by_key(|unread| unread.stream);
        unread
    }

    /// Takes in the segment of this packet, and says where it stands.
    pub(super) fn take(
        &mut self,
        captured: &Captured<'_>,
        packet: &Packet<'_>,
        out: &mut dyn FnMut(Event),
    ) -> Option<Place> {
        let segment = &captured.segment;
        let remarks = Remarks::read(packet);
        let mut key = [segment.src, segment.dst];
        key.sort_unstable();
        let known = self.by_ends.get_mut(&key);
        let is_new = known.as_ref().is_none_or(|stream| stream.is_over_with(segment, &remarks));
        if is_new {
            // The same addresses again: whatever waits on the old connection waits in vain.
            if let Some(old) = known {
                old.finish(out);
                keep_unread(&mut self.unread, old.unread());
            }
            self.make_room(out);
            let word = self.words.iter().find(|word| word.stream == self.count);
            self.by_ends.insert(key, Stream::new(self.count, segment, &remarks, word));
            self.count = self.count.wrapping_add(1);
        }
        let stream = self.by_ends.get_mut(&key)?;
        let begins_frame = stream.take(captured, packet, &remarks, out);
        Some(Place {
            stream: stream.number,
            direction: stream.direction(segment),
            is_first: is_new,
            begins_frame,
            agreed: stream.conversation.agreed(),
            in_process: stream.in_process,
        })
    }

    /// The capture is over.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(Event)) {
        let mut streams: Vec<_> = std::mem::take(&mut self.by_ends).into_values().collect();
        streams.sort_unstable_by_key(|stream| stream.number);
        for mut stream in streams {
            stream.finish(out);
            keep_unread(&mut self.unread, stream.unread());
        }
    }

    /// Keeps the number of connections in bounds: first those go that are of no interest, then all.
    fn make_room(&mut self, out: &mut dyn FnMut(Event)) {
        if self.by_ends.len() < STREAMS_MAX {
            return;
        }
        let unread = &mut self.unread;
        self.by_ends.retain(|_, stream| {
            let stays = stream.conversation.is_web_socket() && !stream.has_ended();
            if !stays {
                keep_unread(unread, stream.unread());
            }
            stays
        });
        if self.by_ends.len() > STREAMS_MAX / 2 {
            self.finish(out);
        }
    }
}

impl Stream {
    fn new(number: u32, segment: &Segment<'_>, remarks: &Remarks, word: Option<&Word>) -> Self {
        let is_from_client = word.map_or_else(|| is_from_client(segment, remarks), |word| word.client == segment.src);
        let ends = if is_from_client { [segment.src, segment.dst] } else { [segment.dst, segment.src] };
        let conversation = match word {
            Some(word) => Conversation::assumed(word.deflate, segment.flags.syn),
            None => Conversation::new(!remarks.in_order || remarks.rebuilt == Some(Origin::Bytes)),
        };
        Self {
            number,
            ends,
            halves: Default::default(),
            syns: [None; 2],
            conversation,
            in_process: remarks.in_process,
            time_ns: 0,
            payload_len: 0,
            looks: Looks::Unknown,
        }
    }

    fn direction(&self, segment: &Segment<'_>) -> Direction {
        if segment.src == self.ends[0] { Direction::ClientToServer } else { Direction::ServerToClient }
    }

    /// Whether this segment belongs to a new connection between the same ends.
    fn is_over_with(&self, segment: &Segment<'_>, remarks: &Remarks) -> bool {
        let index = self.direction(segment).index();
        // One with the number of the old is a repeat, but taps repeat nothing.
        let is_other_syn = segment.flags.syn
            && self.halves[index].has_begun()
            && (remarks.in_order || self.syns[index] != Some(segment.seq));
        // Behind the end of both directions, numbers of another connection, of which the beginning was not captured.
        let is_other = self.has_ended() && !segment.payload.is_empty() && !self.halves[index].is_near(segment.seq);
        is_other_syn || is_other || remarks.joined_late.is_some() || remarks.without_handshake.is_some()
    }

    fn unread(&self) -> Option<Unread> {
        let is_read = self.conversation.is_web_socket() || self.conversation.was_web_socket();
        let [client, server] = self.ends;
        let looks =
            if self.looks == Looks::Unknown && self.conversation.may_be_frames() { Looks::Frames } else { self.looks };
        let unread = Unread { stream: self.number, client, server, bytes: self.payload_len, looks };
        (!is_read && self.payload_len > 0).then_some(unread)
    }

    fn has_ended(&self) -> bool {
        self.halves.iter().all(HalfStream::has_ended)
    }

    /// True if the segment's first byte begins a frame.
    fn take(
        &mut self,
        captured: &Captured<'_>,
        packet: &Packet<'_>,
        remarks: &Remarks,
        out: &mut dyn FnMut(Event),
    ) -> bool {
        let segment = &captured.segment;
        let time_ns = packet.time_ns;
        self.time_ns = time_ns;
        self.in_process |= remarks.in_process;
        self.payload_len += segment.payload.len() as u64;
        if self.looks == Looks::Unknown {
            self.looks = Looks::of(segment.payload);
        }
        if !self.conversation.has_begun() && self.direction(segment).index() == 1 && begins_as_request(segment.payload)
        {
            // Without a SYN it was a guess who is the client, and a wrong one.
            self.reverse();
        }
        let direction = self.direction(segment);
        if segment.flags.syn {
            self.syns[direction.index()] = Some(segment.seq);
        }
        if let Some(origin) = remarks.rebuilt {
            self.parts(out).2(direction, time_ns, What::Note(Note::Rebuilt(origin)));
        }
        if remarks.without_handshake.is_some() {
            let (_, conversation, mut sink) = self.parts(out);
            conversation.join_without_handshake(direction, time_ns, &mut sink);
        }
        if let Some((_, deflate)) = remarks.joined_late {
            let (_, conversation, mut sink) = self.parts(out);
            conversation.join_late(direction, time_ns, deflate, &mut sink);
        }
        if self.conversation.is_ignored() {
            return false;
        }
        let begins_frame = !segment.payload.is_empty()
            && (remarks.boundary
                || self.halves[direction.index()].is_next(segment.seq)
                    && self.conversation.at_frame_boundary(direction));
        if self.conversation.agreed().is_some() {
            let sink = &mut self.parts(out).2;
            for intervention in &remarks.interventions {
                sink(direction, time_ns, What::Note(Note::Intervened(intervention.clone())));
            }
        }
        self.follow(direction, captured, packet.place_of(segment.payload), remarks, out);
        begins_frame
    }

    fn reverse(&mut self) {
        self.ends.reverse();
        self.halves.reverse();
        self.syns.reverse();
        self.conversation.reverse();
    }

    /// Shows what turned out to be frames, though nothing else said so.
    fn recognise(&mut self, has_ended: bool, out: &mut dyn FnMut(Event)) {
        let Some(recognised) = self.conversation.recognise(has_ended) else { return };
        if recognised.is_reversed {
            self.reverse();
        }
        let time_ns = self.time_ns;
        let (_, conversation, mut sink) = self.parts(out);
        conversation.open_recognised(recognised, time_ns, &mut sink);
    }

    fn follow(
        &mut self,
        direction: Direction,
        captured: &Captured<'_>,
        at: u64,
        remarks: &Remarks,
        out: &mut dyn FnMut(Event),
    ) {
        let Captured { segment, cut_off } = captured;
        let time_ns = self.time_ns;
        let arrival = Arrival {
            time_ns,
            seq: segment.seq,
            syn: segment.flags.syn,
            fin: segment.flags.fin,
            payload: segment.payload,
            at,
            cut_off: *cut_off,
            gap: remarks.gap,
            boundary: remarks.boundary,
            in_order: remarks.in_order,
        };
        {
            let (halves, conversation, mut sink) = self.parts(out);
            if segment.flags.ack {
                let acknowledged = direction.reverse();
                halves[acknowledged.index()].acknowledge(segment.ack, &mut |piece| {
                    conversation.hear(acknowledged, time_ns, piece, &mut sink);
                });
            }
            halves[direction.index()].arrive(&arrival, &mut |piece| {
                conversation.hear(direction, time_ns, piece, &mut sink);
            });
        }
        if !segment.payload.is_empty() {
            self.recognise(false, out);
        }
        // Anybody can make up a reset; the receiver believes one that has the right number.
        if segment.flags.rst && self.halves[direction.index()].is_near(segment.seq) {
            self.finish(out);
            if self.conversation.is_web_socket() {
                self.parts(out).2(direction, time_ns, What::End(End::Reset));
            }
        }
    }

    /// Nothing more will come: what waits is handed on.
    fn finish(&mut self, out: &mut dyn FnMut(Event)) {
        let time_ns = self.time_ns;
        {
            let (halves, conversation, mut sink) = self.parts(out);
            for direction in Direction::BOTH {
                halves[direction.index()].flush(&mut |piece| conversation.hear(direction, time_ns, piece, &mut sink));
            }
        }
        self.recognise(true, out);
        let (_, conversation, mut sink) = self.parts(out);
        for direction in Direction::BOTH {
            conversation.finish(direction, time_ns, &mut sink);
        }
    }

    /// Both halves, the conversation, and where its records go.
    fn parts<'a>(
        &'a mut self,
        out: &'a mut dyn FnMut(Event),
    ) -> (&'a mut [HalfStream; 2], &'a mut Conversation, impl FnMut(Direction, u64, What) + 'a) {
        let Self { number, ends, in_process, halves, conversation, .. } = self;
        let (stream, ends, in_process) = (*number, *ends, *in_process);
        let sink = move |direction: Direction, time_ns, what| {
            let (src, dst) = (ends[direction.index()], ends[direction.reverse().index()]);
            out(Event { stream, direction, src, dst, in_process, time_ns, what });
        };
        (halves, conversation, sink)
    }
}

fn keep_unread(list: &mut Vec<Unread>, unread: Option<Unread>) {
    if list.len() < UNREAD_MAX {
        list.extend(unread);
    }
}

/// Whether the first packet seen of a connection comes from its client.
fn is_from_client(segment: &Segment<'_>, remarks: &Remarks) -> bool {
    if segment.flags.syn {
        return !segment.flags.ack;
    }
    let sender = remarks.joined_late.map(|(sender, _)| sender).or(remarks.without_handshake);
    if let Some(sender) = sender {
        return sender == Role::Client;
    }
    if begins_as_request(segment.payload) {
        return true;
    }
    // Servers wait at low ports.
    segment.dst.port() <= segment.src.port() && !segment.payload.starts_with(b"HTTP/")
}

fn begins_as_request(payload: &[u8]) -> bool {
    payload.starts_with(b"GET ")
}

impl Remarks {
    fn read(packet: &Packet<'_>) -> Self {
        let mut remarks = Self { in_order: packet.is_from_tap, ..Self::default() };
        for comment in &packet.comments {
            let Some(comment) = Comment::parse(comment) else {
                remarks.interventions.extend(Intervention::parse(comment));
                continue;
            };
            match comment {
                // A tap wrote it, whoever merged the files since.
                Comment::FrameBoundary => (remarks.boundary, remarks.in_order) = (true, true),
                Comment::Gap(bytes) => remarks.gap = Some(bytes),
                Comment::JoinedLate { sender, deflate } => remarks.joined_late = Some((sender, deflate)),
                Comment::InProcess => remarks.in_process = true,
                Comment::Rebuilt(origin) => remarks.rebuilt = Some(origin),
                Comment::WithoutHandshake { sender } => remarks.without_handshake = Some(sender),
            }
        }
        remarks
    }
}

/// So many are listed that were not read and are over.
const UNREAD_MAX: usize = 1 << 12;
/// So many connections are followed at a time.
const STREAMS_MAX: usize = 1 << 16;
