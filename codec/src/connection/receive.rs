//! Bytes in, events out.

use std::fmt;
use std::ops::Range;

use super::incoming::{Content, Incoming};
use super::{Config, Event, Input, Sender};
use crate::close::CloseFrame;
use crate::deflate::Decompressor;
use crate::deflate::params::DeflateParams;
use crate::header::{FrameHeader, Rsv};
use crate::message::{Message, MessageKind};
use crate::opcode::Opcode;
use crate::rules::{self, Expected, Role, Violation};

/// The half of a [`Connection`](super::Connection) that receives.
pub struct Receiver {
    peer: Role,
    decompressor: Option<Box<Decompressor>>,
    /// The first bytes of a header of which the rest has not arrived.
    partial_header: PartialHeader,
    /// The frame whose payload is arriving.
    frame: Option<FrameInProgress>,
    /// The message whose fragments are arriving; also a single frame that arrives in pieces.
    message: Option<Box<Incoming>>,
    /// The payload of a control frame that arrives in pieces.
    control: Vec<u8>,
    /// What the event before was lent from.
    lent: Lent,
}

#[derive(Default)]
struct PartialHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

struct FrameInProgress {
    header: FrameHeader,
    /// How many bytes of the payload have arrived.
    arrived: u64,
}

enum Lent {
    Nothing,
    Text(String),
    Binary(Vec<u8>),
    Control(Vec<u8>),
}

/// What a frame that is now whole comes to, and where its payload is lent from.
enum Arrival {
    /// A message, put together.
    Assembled,
    Control(Opcode, ControlPlace),
}

/// How far the payload of the frame at hand has got.
enum Payload {
    /// There is more of it to come.
    Unfinished,
    /// It is whole, but its message is not.
    MessageUnfinished,
    Arrived(Arrival),
}

enum ControlPlace {
    Input(Range<usize>),
    Kept,
}

impl Receiver {
    pub(super) fn new(deflate: Option<DeflateParams>, peer: Role) -> Self {
        Self {
            peer,
            decompressor: deflate.map(|params| Box::new(Decompressor::new(params, peer))),
            partial_header: PartialHeader::default(),
            frame: None,
            message: None,
            control: Vec::new(),
            lent: Lent::Nothing,
        }
    }

    /// Takes the next event out of `input`; `None` once all of it is worked off.
    ///
    /// Never fails: a peer that breaks a rule becomes [`Event::Failed`]. What has to be answered at
    /// once (pongs, the Close that is owed) is appended to `out`; stop calling while that is fuller
    /// than it should be, keep what is [left](Input::remaining), and the peer has to wait.
    #[cfg_attr(target_arch = "wasm32", inline)] // into the one package of the module that is built for speed
    pub fn receive<'a>(
        &'a mut self,
        sender: &mut Sender,
        input: &'a mut Input<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        self.lent = Lent::Nothing;
        if sender.wants_shutdown() {
            sender.discard(input.len());
            input.advance(input.len());
            self.forget();
            return None;
        }
        if let Some((kind, range)) = self.take_whole_message(sender.config.message_max, input) {
            return Some(match kind {
                MessageKind::Binary => Event::Message(Message::Binary(input.get(range))),
                MessageKind::Text => match simdutf8::basic::from_utf8(input.get(range)) {
                    Ok(text) => Event::Message(Message::Text(text)),
                    Err(_) => self.fail(Violation::InvalidUtf8, sender, out),
                },
            });
        }
        let arrival = match self.advance(&sender.config, input) {
            Ok(arrival) => arrival?,
            Err(violation) => return Some(self.fail(violation, sender, out)),
        };
        match arrival {
            Arrival::Assembled => match &self.lent {
                Lent::Text(text) => Some(Event::Message(Message::Text(text))),
                Lent::Binary(bytes) => Some(Event::Message(Message::Binary(bytes))),
                Lent::Control(_) | Lent::Nothing => None,
            },
            Arrival::Control(opcode, place) => Some(self.receive_control(opcode, place, sender, input, out)),
        }
    }

    /// Whether the next byte from the peer begins a frame.
    #[must_use]
    pub const fn at_frame_boundary(&self) -> bool {
        self.frame.is_none() && self.partial_header.len == 0
    }

    /// How many bytes of payload are still to come of the frame that is arriving.
    #[must_use]
    pub fn remaining_in_frame(&self) -> u64 {
        self.frame.as_ref().map_or(0, |frame| frame.header.payload_length.get() - frame.arrived)
    }

    /// Whether the peer is half way through a message.
    #[must_use]
    pub const fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Gives back what an idle connection need not hold.
    pub fn release_idle(&mut self) {
        self.lent = Lent::Nothing;
        if let Some(decompressor) = self.decompressor.as_mut().filter(|_| self.message.is_none()) {
            decompressor.release();
        }
    }

    /// Nothing that is half received will be needed.
    fn forget(&mut self) {
        self.partial_header.len = 0;
        self.frame = None;
        self.message = None;
        self.control = Vec::new();
        self.decompressor = None;
    }

    fn fail(&mut self, violation: Violation, sender: &mut Sender, out: &mut Vec<u8>) -> Event<'static> {
        self.forget();
        sender.fail(violation, out);
        Event::Failed(violation)
    }

    fn receive_control<'a>(
        &'a mut self,
        opcode: Opcode,
        place: ControlPlace,
        sender: &mut Sender,
        input: &'a Input<'_>,
        out: &mut Vec<u8>,
    ) -> Event<'a> {
        if let ControlPlace::Kept = place {
            self.lent = Lent::Control(std::mem::take(&mut self.control));
        }
        if opcode == Opcode::Close {
            return match CloseFrame::decode(self.control_payload(&place, input)) {
                Ok(frame) => {
                    self.forget();
                    sender.receive_close(frame.clone(), out);
                    Event::Closing(frame)
                }
                Err(violation) => self.fail(violation, sender, out),
            };
        }
        let payload = self.control_payload(&place, input);
        if opcode == Opcode::Ping {
            sender.answer_ping(payload, out);
            Event::Ping(payload)
        } else {
            Event::Pong(payload)
        }
    }

    fn control_payload<'a>(&'a self, place: &ControlPlace, input: &'a Input<'_>) -> &'a [u8] {
        match (place, &self.lent) {
            (ControlPlace::Input(range), _) => input.get(range.clone()),
            (ControlPlace::Kept, Lent::Control(bytes)) => bytes,
            (ControlPlace::Kept, _) => &[],
        }
    }

    /// The way nearly every message goes: in one frame, plain, sound, and all of it in the input,
    /// where it is unmasked and from where it is lent. Whatever else comes is left to `advance`.
    #[inline]
    fn take_whole_message(&self, max: usize, input: &mut Input<'_>) -> Option<(MessageKind, Range<usize>)> {
        if self.frame.is_some() || self.partial_header.len != 0 {
            return None;
        }
        let (header, header_len) = FrameHeader::decode(input.remaining())?;
        let kind = match header.opcode {
            Opcode::Text => MessageKind::Text,
            Opcode::Binary => MessageKind::Binary,
            _ => return None,
        };
        let len = usize::try_from(header.payload_length.get()).ok()?;
        let is_whole = header.fin && header.rsv == Rsv::NONE && len <= input.len() - header_len && len <= max;
        if !is_whole || !rules::is_sound(&header, &self.expected()) {
            return None;
        }
        input.advance(header_len);
        let range = input.advance(len);
        if let Some(key) = header.masking_key {
            key.apply(input.get_mut(range.clone()), 0);
        }
        Some((kind, range))
    }

    fn expected(&self) -> Expected {
        Expected { sender: self.peer, compression: self.decompressor.is_some(), in_message: self.message.is_some() }
    }

    /// Goes on until a frame is whole that means something by itself, or the input is worked off.
    fn advance(&mut self, config: &Config, input: &mut Input<'_>) -> Result<Option<Arrival>, Violation> {
        loop {
            if self.frame.is_none() {
                let Some(header) = self.read_header(input) else { return Ok(None) };
                self.begin_frame(header, config)?;
            }
            match self.read_payload(config, input)? {
                Payload::Unfinished => return Ok(None),
                Payload::MessageUnfinished => {}
                Payload::Arrived(arrival) => return Ok(Some(arrival)),
            }
        }
    }

    /// The next header, or `None` with what there is of it put aside.
    fn read_header(&mut self, input: &mut Input<'_>) -> Option<FrameHeader> {
        let partial = &mut self.partial_header;
        if partial.len == 0
            && let Some((header, len)) = FrameHeader::decode(input.remaining())
        {
            input.advance(len);
            return Some(header);
        }
        loop {
            let have = usize::from(partial.len);
            if let Some((header, _)) = FrameHeader::decode(&partial.bytes[..have]) {
                partial.len = 0;
                return Some(header);
            }
            let want = if have < 2 { 2 } else { FrameHeader::len_from_second_byte(partial.bytes[1]) };
            let taken = (want - have).min(input.len());
            if taken == 0 {
                return None;
            }
            let range = input.advance(taken);
            partial.bytes[have..have + taken].copy_from_slice(input.get(range));
            partial.len += u8::try_from(taken).unwrap_or_default();
        }
    }

    /// Judges a header before a byte of its payload is looked at.
    fn begin_frame(&mut self, header: FrameHeader, config: &Config) -> Result<(), Violation> {
        let expected = self.expected();
        if !rules::is_sound(&header, &expected)
            && let Some(violation) = rules::check_header(&header, &expected).next()
        {
            return Err(violation);
        }
        if header.opcode.is_data() {
            let max = config.message_max;
            let length = header.payload_length.get();
            let fits = match &self.message {
                Some(message) => message.has_room(length, max),
                None => Incoming::new(MessageKind::Binary, header.rsv.contains(Rsv::RSV1)).has_room(length, max),
            };
            if !fits {
                return Err(Violation::MessageTooBig);
            }
            if self.message.as_ref().is_some_and(|message| message.fragments >= config.fragments_max) {
                return Err(Violation::TooManyFragments);
            }
        }
        self.frame = Some(FrameInProgress { header, arrived: 0 });
        Ok(())
    }

    /// Takes what has arrived of the frame's payload.
    fn read_payload(&mut self, config: &Config, input: &mut Input<'_>) -> Result<Payload, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(Payload::Unfinished) };
        let header = frame.header;
        let missing = header.payload_length.get() - frame.arrived;
        let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        let is_first_piece = frame.arrived == 0;
        let is_whole = taken as u64 == missing;
        if taken == 0 && !is_whole {
            return Ok(Payload::Unfinished);
        }
        let range = input.advance(taken);
        if let Some(key) = header.masking_key {
            key.apply(input.get_mut(range.clone()), frame.arrived);
        }
        frame.arrived += taken as u64;
        if is_whole {
            self.frame = None;
        }
        if header.opcode.is_control() {
            if is_whole && is_first_piece {
                return Ok(Payload::Arrived(Arrival::Control(header.opcode, ControlPlace::Input(range))));
            }
            self.control.extend_from_slice(input.get(range));
            let arrival = Arrival::Control(header.opcode, ControlPlace::Kept);
            return Ok(if is_whole { Payload::Arrived(arrival) } else { Payload::Unfinished });
        }
        if header.opcode != Opcode::Continuation && is_first_piece {
            let kind = if header.opcode == Opcode::Text { MessageKind::Text } else { MessageKind::Binary };
            let is_compressed = header.rsv.contains(Rsv::RSV1);
            self.message = Some(Box::new(Incoming::new(kind, is_compressed)));
        }
        self.read_fragment(&header, input.get(range), is_whole, config.message_max)
    }

    fn read_fragment(
        &mut self,
        header: &FrameHeader,
        piece: &[u8],
        is_whole: bool,
        max: usize,
    ) -> Result<Payload, Violation> {
        let Some(mut message) = self.message.take() else { return Ok(Payload::MessageUnfinished) };
        message.push(piece, self.decompressor.as_deref_mut(), max)?;
        if !is_whole {
            self.message = Some(message);
            return Ok(Payload::Unfinished);
        }
        message.fragments += 1;
        if !header.fin {
            self.message = Some(message);
            return Ok(Payload::MessageUnfinished);
        }
        self.lent = match message.finish(self.decompressor.as_deref_mut())? {
            Content::Text(text, _) => Lent::Text(text),
            Content::Binary(bytes) => Lent::Binary(bytes),
        };
        Ok(Payload::Arrived(Arrival::Assembled))
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("peer", &self.peer)
            .field("at_frame_boundary", &self.at_frame_boundary())
            .finish_non_exhaustive()
    }
}
