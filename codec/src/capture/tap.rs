//! The wire, drawn from memory: chunks of one connection as the TCP packets that would have carried them.
//!
//! A tap sees what was read from and written to a socket, not packets. A [`Flow`] frames these chunks so
//! that any tool takes them for a capture: addresses, ports, running sequence numbers, acknowledgments,
//! checksums. Bytes that a tap had to leave out are missing from the sequence, as in any capture with
//! losses, so whoever reads it sees a gap and never wrong bytes.
//!
//! ```
//! use framescope_codec::capture::{pcapng, tap::Flow, Direction};
//!
//! let mut capture = Vec::new();
//! pcapng::write_start(&mut capture);
//! let mut flow = Flow::new("192.168.0.7:50000".parse()?, "192.168.0.1:8080".parse()?);
//! flow.open(1_000, &mut capture);
//! flow.bytes(Direction::ClientToServer, 2_000, b"GET /echo HTTP/1.1\r\n", &mut capture);
//! flow.gap(Direction::ClientToServer, 70_000);
//! flow.boundary(Direction::ClientToServer);
//! flow.bytes(Direction::ClientToServer, 3_000, &[0x89, 0x80, 1, 2, 3, 4], &mut capture);
//! flow.end(Direction::ClientToServer, 4_000, &mut capture);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use std::net::SocketAddr;

use super::Direction;
use super::comment::Comment;
use super::intervention::Intervention;
use super::origin::Origin;
use super::packet::{self, Flags, Front, Segment};
use super::pcapng;
use crate::deflate::params::DeflateParams;
use crate::rules::Role;

/// One connection as a watcher sees it. Calls write whole pcapng blocks to the end of `out`.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Client, server.
    ends: [SocketAddr; 2],
    /// What the packets of each direction begin with.
    fronts: [Front; 2],
    /// What each direction has sent so far.
    sent: [Sent; 2],
    is_in_process: bool,
    /// Its sequence numbers are settled.
    is_counting: bool,
    /// What it is rebuilt from, until that is said.
    origin: Option<Origin>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The next sequence number.
    next: u32,
    /// Bytes left out since the last packet.
    gap: u64,
    at_boundary: bool,
    has_ended: bool,
}

impl Flow {
    /// A connection between these two. IPv4 addresses in IPv6 clothes are shown as IPv4.
    #[must_use]
    pub fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let sent = Sent { next: FIRST_SEQUENCE_NUMBER, gap: 0, at_boundary: false, has_ended: false };
        let [client, server] = [client, server].map(packet::canonical);
        let fronts = [Front::new(client, server), Front::new(server, client)];
        let ends = [client, server];
        Self { ends, fronts, sent: [sent; 2], is_in_process: false, is_counting: false, origin: None }
    }

    /// A connection that has no socket: documentation addresses stand in, and the first packet says so.
    /// `port` is the client's, and tells it from others like it; a high one, since tools take low ones for
    /// some other protocol.
    #[must_use]
    pub fn in_process(port: u16) -> Self {
        let (client, server) = packet::in_process(port);
        Self { is_in_process: true, ..Self::new(client, server) }
    }

    /// The same connection, rebuilt from something that is no capture of packets. Its first packet says so.
    #[must_use]
    pub const fn rebuilt_from(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The flow begins with the connection: SYN, SYN and ACK, ACK.
    pub fn open(&mut self, time_ns: u64, out: &mut Vec<u8>) {
        use Direction::{ClientToServer, ServerToClient};
        self.count_from(time_ns);
        let syn = Flags { syn: true, ..Flags::default() };
        let comments: &[Comment] = if self.is_in_process { &[Comment::InProcess] } else { &[] };
        let origin = self.origin.take().map(|origin| Comment::Rebuilt(origin).to_string());
        self.packet(ClientToServer, time_ns, syn, &[], comments, origin.as_deref(), out);
        self.packet(ServerToClient, time_ns, Flags { ack: true, ..syn }, &[], &[], None, out);
        self.packet(ClientToServer, time_ns, ACK, &[], &[], None, out);
    }

    /// The flow begins when the connection is open already. An empty packet carries what the missing
    /// handshake agreed on. A direction's bytes make sense from its first [`boundary`](Self::boundary) on.
    ///
    /// Of a flow that has begun, it tells somebody else that it is there, at the place where it is.
    pub fn join_late(&mut self, time_ns: u64, deflate: Option<DeflateParams>, out: &mut Vec<u8>) {
        self.count_from(time_ns);
        let comments = [Comment::JoinedLate { sender: Role::Client, deflate }, Comment::InProcess];
        let used = if self.is_in_process { 2 } else { 1 };
        let origin = self.origin.take().map(|origin| Comment::Rebuilt(origin).to_string());
        self.packet(Direction::ClientToServer, time_ns, ACK, &[], &comments[..used], origin.as_deref(), out);
    }

    /// The flow begins somewhere, and nothing is known of a handshake. A direction's bytes make sense from its first
    /// [`boundary`](Self::boundary) on.
    pub fn join_without_handshake(&mut self, time_ns: u64, out: &mut Vec<u8>) {
        self.count_from(time_ns);
        let comments = [Comment::WithoutHandshake { sender: Role::Client }];
        let origin = self.origin.take().map(|origin| Comment::Rebuilt(origin).to_string());
        self.packet(Direction::ClientToServer, time_ns, ACK, &[], &comments, origin.as_deref(), out);
    }

    /// Two connections between the same ends, in one file after the other or in two that somebody merged, are told apart
    /// by where they begin to count; so that depends on the time, as it does with TCP itself (RFC 9293, 3.4.1). Once it
    /// counts, it goes on.
    fn count_from(&mut self, time_ns: u64) {
        if std::mem::replace(&mut self.is_counting, true) {
            return;
        }
        for sent in &mut self.sent {
            sent.next = advance(sent.next, time_ns / CLOCK_NS);
        }
    }

    /// `bytes` were seen, in as many packets as they need.
    pub fn bytes(&mut self, direction: Direction, time_ns: u64, bytes: &[u8], out: &mut Vec<u8>) {
        self.remarked(direction, time_ns, bytes, None, out);
    }

    /// Somebody in between had a hand in a frame: these bytes are what the receiver got of it. There are none if it was
    /// dropped, and then an empty packet says so.
    pub fn intervened(
        &mut self,
        direction: Direction,
        time_ns: u64,
        bytes: &[u8],
        intervention: &Intervention,
        out: &mut Vec<u8>,
    ) {
        let remark = intervention.comment();
        if bytes.is_empty() {
            self.packet(direction, time_ns, ACK, &[], &[], Some(&remark), out);
        } else {
            self.remarked(direction, time_ns, bytes, Some(&remark), out);
        }
    }

    /// The remark is about the first packet.
    fn remarked(
        &mut self,
        direction: Direction,
        time_ns: u64,
        bytes: &[u8],
        mut remark: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        for payload in bytes.chunks(packet::MAX_PAYLOAD) {
            if remark.is_none() && self.is_plain(direction) {
                self.plain_packet(direction, time_ns, ACK, payload, out);
                continue;
            }
            let sent = &mut self.sent[direction.index()];
            let mut comments = [Comment::FrameBoundary; 2];
            let mut used = 0;
            if sent.gap > 0 {
                comments[used] = Comment::Gap(sent.gap);
                used += 1;
            }
            if sent.at_boundary {
                comments[used] = Comment::FrameBoundary;
                used += 1;
            }
            (sent.gap, sent.at_boundary) = (0, false);
            self.packet(direction, time_ns, ACK, payload, &comments[..used], remark.take(), out);
        }
    }

    /// How many bytes [`bytes`](Self::bytes) will append for so many of this direction, where that is one packet about
    /// which there is nothing to say; else `None`.
    #[must_use]
    pub fn plain_len(&self, direction: Direction, len: usize) -> Option<usize> {
        let is_one_packet = (1..=packet::MAX_PAYLOAD).contains(&len) && self.is_plain(direction);
        is_one_packet.then(|| pcapng::plain_len(self.fronts[direction.index()].packet_len(len)))
    }

    /// `len` bytes went by that are not written, as there is no room for them. Unlike a [`gap`](Self::gap) this is not
    /// told; the sequence numbers show it.
    pub fn pass_over(&mut self, direction: Direction, len: usize) {
        let sent = &mut self.sent[direction.index()];
        sent.next = advance(sent.next, len as u64);
    }

    /// Whether there is nothing to say about the next bytes of this direction.
    const fn is_plain(&self, direction: Direction) -> bool {
        let sent = &self.sent[direction.index()];
        sent.gap == 0 && !sent.at_boundary
    }

    /// `missing` bytes went by unseen.
    pub fn gap(&mut self, direction: Direction, missing: u64) {
        let sent = &mut self.sent[direction.index()];
        sent.gap += missing;
        sent.next = advance(sent.next, missing);
        sent.at_boundary &= missing == 0;
    }

    /// Tells of a gap at once, by an empty packet behind it, and not with the bytes that follow.
    pub fn told_gap(&mut self, direction: Direction, time_ns: u64, out: &mut Vec<u8>) {
        self.last_packet(direction, time_ns, ACK, out);
    }

    /// The next byte of this direction is the first of a WebSocket frame. Worth saying after a gap and
    /// after joining late; elsewhere it does no harm.
    pub fn boundary(&mut self, direction: Direction) {
        self.sent[direction.index()].at_boundary = true;
    }

    /// This direction is shut down: FIN. Saying it again says nothing.
    pub fn end(&mut self, direction: Direction, time_ns: u64, out: &mut Vec<u8>) {
        if !self.sent[direction.index()].has_ended {
            self.last_packet(direction, time_ns, Flags { fin: true, ..ACK }, out);
            self.sent[direction.index()].has_ended = true;
        }
    }

    /// This end tore the connection down: RST.
    pub fn reset(&mut self, direction: Direction, time_ns: u64, out: &mut Vec<u8>) {
        if self.sent.iter().any(|sent| !sent.has_ended) {
            self.last_packet(direction, time_ns, Flags { rst: true, ..ACK }, out);
            self.sent.iter_mut().for_each(|sent| sent.has_ended = true);
        }
    }

    /// An empty packet that still tells of a gap in front of it.
    fn last_packet(&mut self, direction: Direction, time_ns: u64, flags: Flags, out: &mut Vec<u8>) {
        let gap = [Comment::Gap(std::mem::take(&mut self.sent[direction.index()].gap))];
        let comments = if gap == [Comment::Gap(0)] { &[] } else { &gap[..] };
        self.packet(direction, time_ns, flags, &[], comments, None, out);
    }

    #[expect(clippy::too_many_arguments, reason = "each is one thing that a packet has")]
    fn packet(
        &mut self,
        direction: Direction,
        time_ns: u64,
        flags: Flags,
        payload: &[u8],
        comments: &[Comment],
        remark: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        if comments.is_empty() && remark.is_none() && !flags.syn {
            return self.plain_packet(direction, time_ns, flags, payload, out);
        }
        let (from, to) = (direction.index(), direction.reverse().index());
        let segment = Segment {
            src: self.ends[from],
            dst: self.ends[to],
            seq: self.sent[from].next,
            // Whatever passed the tap before this packet has been received.
            ack: if flags.ack { self.sent[to].next } else { 0 },
            flags,
            payload,
        };
        let taken = payload.len() as u64 + u64::from(flags.syn) + u64::from(flags.fin);
        self.sent[from].next = advance(self.sent[from].next, taken);
        let comments: Vec<_> = comments.iter().map(ToString::to_string).chain(remark.map(str::to_owned)).collect();
        pcapng::write_packet(time_ns, &comments, out, |out| segment.write(out));
    }

    /// What nearly all packets are: nothing is said about them, and they begin nothing.
    fn plain_packet(&mut self, direction: Direction, time_ns: u64, flags: Flags, payload: &[u8], out: &mut Vec<u8>) {
        let (from, to) = (direction.index(), direction.reverse().index());
        // Whatever passed the tap before this packet has been received.
        let ack = if flags.ack { self.sent[to].next } else { 0 };
        let headers = self.fronts[from].headers(self.sent[from].next, ack, flags, payload);
        self.sent[from].next = advance(self.sent[from].next, payload.len() as u64 + u64::from(flags.fin));
        pcapng::write_plain_packet(time_ns, &headers, payload, out);
    }
}

const ACK: Flags = Flags { ack: true, syn: false, fin: false, rst: false };

/// Where both directions of a connection at time 0 start counting.
const FIRST_SEQUENCE_NUMBER: u32 = 1_000_000;

/// So long it takes until a connection starts at the next number.
const CLOCK_NS: u64 = 4_000;

/// Sequence numbers wrap (RFC 9293, 3.4).
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is what sequence numbers are")]
const fn advance(number: u32, by: u64) -> u32 {
    number.wrapping_add(by as u32)
}
