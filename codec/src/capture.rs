//! Captures: WebSocket connections as pcapng, written by the server's taps and read by the page.
//!
//! There is one format for everything that was seen on a wire, so there is one path in and one path
//! out, and every capture opens in Wireshark too.
//!
//! - Writing: [`pcapng`] frames blocks, [`tap::Flow`] turns chunks of one connection into TCP packets
//!   inside them, and [`mask::HeadMask`] hides credentials in the opening handshake first.
//! - What a tap knows and no packet can say, such as where a frame begins after a gap, travels in
//!   packet comments: [`comment::Comment`].
//! - Somebody in between may hold frames, change them or put others in: a [`gate::Gate`] in each direction. What was done
//!   to a frame stands in a comment as well: [`intervention::Intervention`].
//! - Reading: a [`Decoder`] takes the bytes of a capture as they come and gives [`Record`]s. Inside,
//!   blocks become packets, packets are put in order as two byte streams per connection, and streams that
//!   open with a WebSocket handshake go through a [`Dissector`](crate::Dissector) each.
//!
//! ```
//! use framescope_codec::capture::{Decoder, Direction, Record, What, pcapng, tap::Flow};
//!
//! let mut capture = Vec::new();
//! pcapng::write_start(&mut capture);
//! let mut flow = Flow::in_process(1);
//! flow.join_late(1_000, None, &mut capture);
//! flow.boundary(Direction::ServerToClient);
//! flow.bytes(Direction::ServerToClient, 2_000, b"\x81\x02Hi", &mut capture);
//!
//! let mut decoder = Decoder::new();
//! decoder.feed(&capture); // in whatever pieces it comes
//! let mut seen = Vec::new();
//! while let Some(record) = decoder.next_record() {
//!     if let Record::Event(event) = record && let What::Frame(frame) = event.what {
//!         seen.push((event.direction.name(), event.time_ns, frame.dissection.payload));
//!     }
//! }
//! assert_eq!(seen, [("s2c", 2_000, b"Hi".to_vec())]);
//! ```

pub mod comment;
mod conversation;
pub mod filter;
pub mod gate;
pub mod har;
pub mod insight;
pub mod intervention;
pub mod lines;
pub mod mask;
pub mod open;
mod opening;
mod origin;
pub mod packet;
pub mod pcapng;
mod pieces;
mod recognise;
pub mod save;
mod stream;
pub mod subprotocol;
pub mod tap;
mod tcp;
mod unread;
pub mod visible;
mod words;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use crate::deflate::params::DeflateParams;
use crate::dissect::{Checkpoint, Dissection};
use crate::handshake::{JudgedRequest, JudgedResponse};
use crate::rules::Role;
use intervention::Intervention;

pub use origin::Origin;
pub use pieces::{Piece, Pieces};
pub use unread::{Looks, Unread, Word};
pub use words::deflate_words;

/// Which way bytes go on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// What the client sends.
    ClientToServer,
    /// What the server sends.
    ServerToClient,
}

impl Direction {
    /// Both, the client's first.
    pub const BOTH: [Self; 2] = [Self::ClientToServer, Self::ServerToClient];

    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// Who sends this way.
    #[must_use]
    pub const fn sender(self) -> Role {
        match self {
            Self::ClientToServer => Role::Client,
            Self::ServerToClient => Role::Server,
        }
    }

    /// `c2s` or `s2c`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientToServer => "c2s",
            Self::ServerToClient => "s2c",
        }
    }

    /// Its place in a pair of things kept per direction.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::ClientToServer => 0,
            Self::ServerToClient => 1,
        }
    }
}

/// Reads a capture as it arrives, and tells what was said on its WebSocket connections. It never fails: what
/// cannot be read becomes a record that says where and why.
///
/// See the [module](self) for how to run it.
#[derive(Debug, Default)]
pub struct Decoder {
    reader: pcapng::Reader,
    streams: stream::Streams,
    records: VecDeque<Record>,
    packets: Packets,
    last_place: Option<save::Place>,
    last_packet: u64,
    /// The places of all packets since they were asked for; `None` if nobody asks.
    places: Option<Vec<(u64, save::Place)>>,
    /// Link types that were told not to be known.
    unknown_links: Vec<u16>,
    is_finished: bool,
}

/// What the packets of a capture were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Those with a TCP segment in them.
    pub tcp: u64,
    /// Fragments of IP packets with TCP in them, which are not put together.
    pub fragments: u64,
    /// All others.
    pub other: u64,
}

impl Decoder {
    /// At the beginning of a capture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes somebody's word on a connection that nothing else says is WebSocket. To be said before its first packet is
    /// fed: whoever learns from [`unread`](Self::unread) that there is one reads the capture again.
    pub fn assume(&mut self, word: Word) {
        self.streams.assume(word);
    }

    /// The connections with payload of which nothing was shown so far.
    #[must_use]
    pub fn unread(&self) -> Vec<Unread> {
        self.streams.unread()
    }

    /// The same, for whoever asks for [`take_places`](Self::take_places).
    #[must_use]
    pub fn noting_places() -> Self {
        Self { places: Some(Vec::new()), ..Self::default() }
    }

    /// Where the packets stand of which records were fetched since this was asked for the last time, each with where its
    /// block begins in what was fed. Those of connections that are no open WebSocket are left out.
    pub fn take_places(&mut self) -> Vec<(u64, save::Place)> {
        self.places.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes the next bytes of the capture. Fetch the records before the next call: until then the bytes wait.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
    }

    /// No more bytes will come. What was cut off comes out as far as it goes.
    pub fn finish(&mut self) {
        self.reader.finish();
        self.is_finished = true;
    }

    /// The next record, in the order of the capture; `None` if more bytes are needed.
    pub fn next_record(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Some(record);
            }
            let Self { reader, streams, records, packets, last_place, last_packet, places, unknown_links, .. } = self;
            match reader.next_item() {
                Some(pcapng::Item::Fault(fault)) => return Some(Record::Fault(fault)),
                Some(pcapng::Item::Packet(packet)) => match packet::Captured::read(packet.link_type, packet.data) {
                    Ok(captured) => {
                        *last_packet = packet.offset;
                        packets.tcp += 1;
                        let mut out = |event| records.push_back(Record::Event(event));
                        *last_place = streams.take(&captured, &packet, &mut out);
                        if let (Some(places), Some(place)) = (places, *last_place)
                            && place.agreed.is_some()
                        {
                            places.push((packet.offset, place));
                        }
                    }
                    Err(skipped) => {
                        *last_place = None;
                        let fault = |kind| Record::Fault(pcapng::Fault { offset: packet.offset, kind });
                        match skipped {
                            packet::Skipped::Fragment => {
                                packets.fragments += 1;
                                records.extend((packets.fragments == 1).then(|| fault(pcapng::FaultKind::Fragment)));
                            }
                            packet::Skipped::LinkType
                                if unknown_links.len() < LINKS_MAX && !unknown_links.contains(&packet.link_type) =>
                            {
                                unknown_links.push(packet.link_type);
                                packets.other += 1;
                                records.push_back(fault(pcapng::FaultKind::LinkType(packet.link_type)));
                            }
                            packet::Skipped::LinkType | packet::Skipped::Other => packets.other += 1,
                        }
                    }
                },
                None if std::mem::take(&mut self.is_finished) => {
                    streams.finish(&mut |event| records.push_back(Record::Event(event)));
                }
                None => return None,
            }
        }
    }

    /// Where the last packet read stands, for [`save::save`]; `None` if it was no TCP.
    #[must_use]
    pub const fn last_place(&self) -> Option<save::Place> {
        self.last_place
    }

    /// Where the block of the last packet read begins in what was fed.
    #[must_use]
    pub const fn last_packet(&self) -> u64 {
        self.last_packet
    }

    /// Where the first byte stands that was not read yet, as that of a block that is not there as a whole.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.reader.position()
    }

    /// The bytes from [`position`](Self::position) on will not be completed: others come in their place, and begin a
    /// section of their own, as when a lost tap was found again.
    pub fn restart(&mut self) {
        self.reader.restart();
    }

    /// What the packets so far were.
    #[must_use]
    pub const fn packets(&self) -> Packets {
        self.packets
    }

    /// How many TCP connections there were, WebSocket or not.
    #[must_use]
    pub const fn streams(&self) -> u32 {
        self.streams.count()
    }
}

/// So many unknown link types are told of. No honest capture has more.
const LINKS_MAX: usize = 64;

/// One thing to tell about a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Something that happened on a WebSocket connection.
    Event(Event),
    /// A place in the capture that cannot be read. Reading goes on behind it.
    Fault(pcapng::Fault),
}

/// Something that happened on a WebSocket connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of the TCP connection, from 0, in the order of first packets; the same number that
    /// Wireshark gives it.
    pub stream: u32,
    /// Which way.
    pub direction: Direction,
    /// The sender.
    pub src: SocketAddr,
    /// The receiver.
    pub dst: SocketAddr,
    /// The connection has no socket, and the addresses stand in for it.
    pub in_process: bool,
    /// When it was complete: the time of the packet that brought its last byte, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What happened.
    pub what: What,
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The opening handshake's first half, with its raw head and what is wrong with it.
    Request(Box<JudgedRequest>),
    /// Its second half. Frames follow if the status is 101.
    Response(Box<JudgedResponse>),
    /// The capture began when the connection was open already; this is what was agreed on.
    JoinedLate {
        /// The parameters of permessage-deflate, if it is in use.
        deflate: Option<DeflateParams>,
    },
    /// A frame.
    Frame(Box<CapturedFrame>),
    /// Bytes that were not captured.
    Gap {
        /// How many.
        missing: u64,
        /// They all belong to the payload of the frame under way. If not, frames cannot be told apart until
        /// a tap says where one begins.
        inside_payload: bool,
    },
    /// The sender closed its half of the TCP connection, or broke the connection off.
    End(End),
    /// Something to know.
    Note(Note),
}

/// A frame, and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// All there is to say about the frame.
    pub dissection: Dissection,
    /// When its first byte was captured; the event's time is that of its last.
    pub began_ns: u64,
    /// Where it lies in what the decoder was fed.
    pub pieces: Pieces,
    /// From here on its direction can be read without what came before. One is given for the first frame of data of a
    /// direction, for the first behind bytes that are missing, and from then on at times.
    pub checkpoint: Option<Box<Checkpoint>>,
}

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// FIN: the sender has said all.
    Finished,
    /// RST: the sender broke the connection off.
    Reset,
}

/// Something to know about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// TCP segments overlap and differ. The bytes that came first were taken.
    Differing {
        /// So many bytes behind what was put in order by then.
        ahead: u64,
    },
    /// The stream ends within a frame's header; these are its bytes.
    CutHeader(Vec<u8>),
    /// So many bytes came while it was not known where a frame begins.
    Unreadable {
        /// How many.
        bytes: u64,
    },
    /// The answer to the opening handshake was not captured: nobody knows what was agreed on.
    AnswerNotCaptured,
    /// Nothing but the frames themselves says that this is WebSocket.
    Recognised,
    /// Behind a gap the frames themselves say where one begins.
    FoundAgain,
    /// The bytes were given as frames, without an opening handshake.
    WithoutHandshake,
    /// The connection was rebuilt from something that is no capture of packets.
    Rebuilt(Origin),
    /// The frame behind this was tampered with on its way, or none is there because it was dropped.
    Intervened(Intervention),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differing { .. } => {
                f.write_str("TCP segments overlap and differ; the bytes that came first are shown")
            }
            Self::CutHeader(bytes) => write!(f, "the stream ends within a header, after {} bytes of it", bytes.len()),
            Self::Unreadable { bytes } => {
                write!(f, "{bytes} bytes were captured while it was not known where a frame begins")
            }
            Self::AnswerNotCaptured => f.write_str("the answer was not captured, so what was agreed on is not known"),
            Self::Recognised => f.write_str(
                "no opening handshake was captured, but these are frames of WebSocket by all that they say; whether \
                 compression was agreed on is not known",
            ),
            Self::FoundAgain => f.write_str("a frame begins here, as the frames that follow say"),
            Self::WithoutHandshake => {
                f.write_str("there is no opening handshake; whether compression was agreed on is not known")
            }
            Self::Rebuilt(origin) => origin.fmt(f),
            Self::Intervened(intervention) => intervention.fmt(f),
        }
    }
}
