//! A capture saved when its beginning is gone.
//!
//! Whoever watches for long keeps only the newest blocks. Put end to end behind their section header they
//! are a valid file, but one in which connections begin in the middle: nobody could tell where a frame
//! begins, or what was agreed on. [`save`] writes the same blocks, and says both in comments, as a tap does
//! that joins late.

use std::collections::HashMap;

use super::Direction;
use super::comment::Comment;
use super::pcapng::{self, Item, Reader};
use crate::deflate::params::DeflateParams;

/// Where a packet stands, as a [`Decoder`](super::Decoder) found out when it read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its TCP connection.
    pub stream: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// It is the connection's first.
    pub is_first: bool,
    /// Its first payload byte begins a WebSocket frame.
    pub begins_frame: bool,
    /// What was agreed on about compression; `None` if the connection is not, or not yet, an open WebSocket.
    pub agreed: Option<Option<DeflateParams>>,
    /// The connection has no socket.
    pub in_process: bool,
}

/// Writes blocks that were kept, oldest first, each with its [`Place`] if it is a packet that has one. The section
/// header and the interfaces that they belong to must be among them, in front.
///
/// ```
/// use framescope_codec::capture::{Decoder, Direction, pcapng, save, tap::Flow};
///
/// let (mut start, mut packets, mut decoder) = (Vec::new(), Vec::new(), Decoder::new());
/// pcapng::write_start(&mut start);
/// decoder.feed(&start);
/// let mut flow = Flow::in_process(50_001);
/// for n in 0..100 {
///     let mut block = Vec::new();
///     if n == 0 {
///         flow.join_late(n, None, &mut block);
///         flow.boundary(Direction::ServerToClient);
///     } else {
///         flow.bytes(Direction::ServerToClient, n, b"\x81\x02Hi", &mut block);
///     }
///     decoder.feed(&block);
///     while decoder.next_record().is_some() {}
///     packets.push((block, decoder.last_place()));
/// }
/// packets.drain(..90); // memory was short
///
/// let mut saved = Vec::new();
/// let packets = packets.iter().map(|(block, place)| (&block[..], *place));
/// save::save(std::iter::once((&start[..], None)).chain(packets), &mut saved);
/// let mut decoder = Decoder::new();
/// decoder.feed(&saved);
/// assert_eq!(std::iter::from_fn(|| decoder.next_record()).count(), 1 + 10); // joined late, and the frames
/// ```
pub fn save<'a>(blocks: impl IntoIterator<Item = (&'a [u8], Option<Place>)>, out: &mut Vec<u8>) {
    Saver::default().write(blocks, out);
}

/// The same in pieces: for who would not have all of it in memory twice.
#[derive(Debug, Default)]
pub struct Saver {
    reader: Reader,
    /// By the numbers of the connections.
    joined: HashMap<u32, Joined>,
}

impl Saver {
    /// Writes the next blocks.
    pub fn write<'a>(&mut self, blocks: impl IntoIterator<Item = (&'a [u8], Option<Place>)>, out: &mut Vec<u8>) {
        let Self { reader, joined } = self;
        for (block, place) in blocks {
            reader.feed(block);
            let written = match reader.next_item() {
                Some(Item::Packet(packet)) => place.is_some_and(|place| {
                    let comments =
                        missing_comments(&place, joined.entry(place.stream).or_insert_with(|| Joined::at(&place)));
                    !comments.is_empty() && pcapng::write_commented(&packet, &comments, out)
                }),
                _ => false,
            };
            if !written {
                out.extend_from_slice(block);
            }
            // Blocks that come several at a time are taken as they are.
            while reader.next_item().is_some() {}
        }
    }
}

/// What the saved capture says of a connection so far.
#[derive(Debug)]
struct Joined {
    /// Its beginning is missing, and nothing was said about that yet.
    is_untold: bool,
    /// The directions of which no frame boundary is known yet.
    unknown: [bool; 2],
}

impl Joined {
    fn at(first: &Place) -> Self {
        Self { is_untold: !first.is_first, unknown: [!first.is_first; 2] }
    }
}

/// What has to be said on a packet for the capture to make sense from here on.
fn missing_comments(place: &Place, joined: &mut Joined) -> Vec<String> {
    let Some(deflate) = place.agreed else { return Vec::new() };
    let mut comments = Vec::new();
    if std::mem::take(&mut joined.is_untold) {
        comments.push(Comment::JoinedLate { sender: place.direction.sender(), deflate });
        if place.in_process {
            comments.push(Comment::InProcess);
        }
    }
    if place.begins_frame && std::mem::take(&mut joined.unknown[place.direction.index()]) {
        comments.push(Comment::FrameBoundary);
    }
    comments.iter().map(ToString::to_string).collect()
}
