//! Bytes that are nothing but the streams of one connection: frames, with or without the heads of a handshake.

use super::super::tap::Flow;
use super::super::{Direction, Origin, opening};
use super::rebuilt;
use crate::capture::pcapng;
use crate::header::FrameHeader;
use crate::rules::{self, Expected, Role};

/// Writes streams of bytes as a connection.
#[derive(Debug)]
pub(super) struct Bare {
    flow: Flow,
    has_handshake: bool,
    /// Who sends what is not marked.
    unmarked: Unmarked,
}

/// Who sends bytes of which nobody says it.
#[derive(Debug)]
enum Unmarked {
    One(Direction),
    /// Whoever the mask says, frame by frame, behind both heads of a handshake.
    ByHeads(Split),
    /// Whoever the mask of the first frame says; each chunk is whole frames.
    ByChunk,
}

/// Where a stream of both directions is.
#[derive(Debug)]
struct Split {
    /// A head under way, or a frame's header.
    begun: Vec<u8>,
    /// So much of a payload is to come, and who sends it.
    payload: Option<(u64, Direction)>,
}

/// How well bytes can be read as frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    /// So many headers in a row could be some.
    headers: u32,
    /// None of them breaks a rule.
    is_sound: bool,
    /// From header to header they lead to the last byte.
    pub(super) is_exact: bool,
}

impl Fit {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if opening::may_begin_head(bytes) && bytes.len() >= 16 {
            return Self { headers: 1, is_sound: true, is_exact: true };
        }
        let mut fit = Self { is_sound: true, ..Self::default() };
        let mut rest = bytes;
        let mut sender = None;
        let mut in_message = false;
        while let Some((header, len)) = FrameHeader::decode(rest) {
            let by_mask = if header.masking_key.is_some() { Role::Client } else { Role::Server };
            let sender = *sender.get_or_insert(by_mask);
            fit.is_sound &= rules::is_sound(&header, &Expected { sender, compression: true, in_message });
            fit.headers += 1;
            in_message = if header.opcode.is_control() { in_message } else { !header.fin };
            let end = usize::try_from(header.payload_length.get()).unwrap_or(usize::MAX).saturating_add(len);
            match rest.get(end..) {
                Some([]) => {
                    fit.is_exact = true;
                    break;
                }
                Some(behind) => rest = behind,
                None => break,
            }
        }
        fit
    }

    /// Enough for bytes that somebody wrote down: these may well break rules.
    pub(super) const fn will_do(self) -> bool {
        self.headers > 0 && (self.is_sound || self.is_exact)
    }

    /// Enough for bytes that could be anything, of which `is_all` or only the beginning was seen.
    pub(super) const fn is_certain(self, is_all: bool) -> bool {
        self.is_sound && (self.headers >= 3 || (is_all && self.is_exact && self.headers > 0))
    }
}

impl Bare {
    /// For these bytes and others like them; each a chunk of its own, with who sends it if that is marked.
    pub(super) fn new<'a>(
        chunks: impl Iterator<Item = (Option<Direction>, &'a [u8])> + Clone,
        out: &mut Vec<u8>,
    ) -> Self {
        let (client, server) = rebuilt::ends(0, None, 80);
        let mut flow = Flow::new(client, server).rebuilt_from(Origin::Bytes);
        let firsts = chunks.clone().map(|(_, bytes)| bytes);
        let has_handshake = firsts.clone().any(|bytes| opening::may_begin_head(bytes) && bytes.len() >= 5);
        let mut unmarked_chunks = chunks.filter(|(direction, _)| direction.is_none()).map(|(_, bytes)| bytes);
        let all_exact = {
            let mut chunks = unmarked_chunks.clone();
            chunks.clone().nth(1).is_some() && chunks.all(|bytes| Fit::of(bytes).is_exact)
        };
        let unmarked = if has_handshake {
            Unmarked::ByHeads(Split { begun: Vec::new(), payload: None })
        } else if all_exact {
            Unmarked::ByChunk
        } else {
            Unmarked::One(unmarked_chunks.next().map_or(Direction::ServerToClient, sender))
        };
        pcapng::write_start_about("rebuilt from bytes", out);
        if has_handshake {
            flow.open(0, out);
        } else {
            flow.join_without_handshake(0, out);
            Direction::BOTH.into_iter().for_each(|direction| flow.boundary(direction));
        }
        Self { flow, has_handshake, unmarked }
    }

    /// The next bytes, perhaps behind some that are missing.
    pub(super) fn bytes(&mut self, direction: Option<Direction>, missing: u64, bytes: &[u8], out: &mut Vec<u8>) {
        let Self { flow, unmarked, .. } = self;
        let direction = match (direction, unmarked) {
            (Some(direction), _) => direction,
            (None, Unmarked::One(direction)) => *direction,
            (None, Unmarked::ByChunk) => sender(bytes),
            (None, Unmarked::ByHeads(split)) => {
                split.bytes(bytes, |direction, bytes| flow.bytes(direction, 0, bytes, out));
                return;
            }
        };
        if missing > 0 {
            flow.gap(direction, missing);
        }
        flow.bytes(direction, 0, bytes, out);
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let (true, Unmarked::ByHeads(split)) = (self.has_handshake, &self.unmarked) {
            self.flow.bytes(split.sender(), 0, &split.begun, out);
        }
    }
}

/// Who sends this frame, by its mask.
fn sender(bytes: &[u8]) -> Direction {
    match bytes {
        [_, second, ..] if second & 0x80 != 0 => Direction::ClientToServer,
        _ => Direction::ServerToClient,
    }
}

impl Split {
    fn bytes(&mut self, mut bytes: &[u8], mut out: impl FnMut(Direction, &[u8])) {
        while !bytes.is_empty() {
            if let Some((left, direction)) = &mut self.payload {
                let (piece, rest) = bytes.split_at(usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len()));
                out(*direction, piece);
                *left -= piece.len() as u64;
                bytes = rest;
                if *left == 0 {
                    self.payload = None;
                }
                continue;
            }
            let (first, rest) = bytes.split_at(1);
            bytes = rest;
            self.begun.extend_from_slice(first);
            if opening::may_begin_head(&self.begun) {
                if self.begun.ends_with(b"\n\r\n") || self.begun.ends_with(b"\n\n") {
                    out(self.sender(), &self.begun);
                    self.begun.clear();
                }
            } else if let Some((header, _)) = FrameHeader::decode(&self.begun) {
                let direction = self.sender();
                out(direction, &self.begun);
                self.begun.clear();
                self.payload = Some((header.payload_length.get(), direction)).filter(|(len, _)| *len > 0);
            }
        }
    }

    /// Who sends what has begun.
    fn sender(&self) -> Direction {
        if self.begun.starts_with(b"HTTP/") {
            Direction::ServerToClient
        } else if opening::may_begin_head(&self.begun) {
            Direction::ClientToServer
        } else {
            sender(&self.begun)
        }
    }
}
