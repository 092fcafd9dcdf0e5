//! Bytes in, events out.

use std::ops::Range;

use super::incoming::{Content, Incoming};
use super::{Connection, Event, FrameInProgress, Input, Lent, State};
use crate::close::CloseFrame;
use crate::header::{FrameHeader, Rsv};
use crate::message::{Message, MessageKind};
use crate::opcode::Opcode;
use crate::rules::{self, Violation};

/// What a frame that is now whole comes to, and where its payload is lent from.
enum Arrival {
    /// A message in one frame, whole in the input: nothing was copied.
    Whole(MessageKind, Range<usize>),
    /// A message that was put together.
    Assembled,
    Control(Opcode, ControlPlace),
}

enum ControlPlace {
    Input(Range<usize>),
    Kept,
}

impl Connection {
    /// Takes the next event out of `input`; `None` once all of it is worked off.
    ///
    /// Never fails: a peer that breaks a rule becomes [`Event::Failed`]. What has to be answered at
    /// once (pongs, the Close that is owed) is appended to `out`; stop calling while that is fuller
    /// than it should be, and the peer has to wait.
    pub fn receive<'a>(&'a mut self, input: &'a mut Input<'_>, out: &mut Vec<u8>) -> Option<Event<'a>> {
        self.lent = Lent::Nothing;
        let arrival = match self.advance(input) {
            Ok(arrival) => arrival?,
            Err(violation) => return Some(self.fail(violation, out)),
        };
        match arrival {
            Arrival::Whole(MessageKind::Binary, range) => Some(Event::Message(Message::Binary(input.get(range)))),
            Arrival::Whole(MessageKind::Text, range) => match simdutf8::basic::from_utf8(input.get(range)) {
                Ok(text) => Some(Event::Message(Message::Text(text))),
                Err(_) => Some(self.fail(Violation::InvalidUtf8, out)),
            },
            Arrival::Assembled => match &self.lent {
                Lent::Text(text) => Some(Event::Message(Message::Text(text))),
                Lent::Binary(bytes) => Some(Event::Message(Message::Binary(bytes))),
                Lent::Control(_) | Lent::Nothing => None,
            },
            Arrival::Control(opcode, place) => {
                if let ControlPlace::Kept = place {
                    self.lent = Lent::Control(std::mem::take(&mut self.control));
                }
                self.receive_control(opcode, place, input, out)
            }
        }
    }

    fn receive_control<'a>(
        &'a mut self,
        opcode: Opcode,
        place: ControlPlace,
        input: &'a Input<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        let kept = std::mem::replace(&mut self.lent, Lent::Nothing);
        let payload = match (&place, &kept) {
            (ControlPlace::Input(range), _) => input.get(range.clone()),
            (ControlPlace::Kept, Lent::Control(bytes)) => bytes,
            (ControlPlace::Kept, _) => &[],
        };
        match opcode {
            Opcode::Close => {
                return Some(match CloseFrame::decode(payload) {
                    Ok(frame) => self.receive_close(frame, out),
                    Err(violation) => self.fail(violation, out),
                });
            }
            Opcode::Ping if self.is_open() => self.write_frame(FrameHeader::new(Opcode::Pong, 0), payload, out),
            _ => {}
        }
        self.lent = kept;
        let payload = match (place, &self.lent) {
            (ControlPlace::Input(range), _) => input.get(range),
            (ControlPlace::Kept, Lent::Control(bytes)) => bytes,
            (ControlPlace::Kept, _) => &[],
        };
        Some(if opcode == Opcode::Ping { Event::Ping(payload) } else { Event::Pong(payload) })
    }

    /// Goes on until a frame is whole that means something by itself, or the input is worked off.
    fn advance(&mut self, input: &mut Input<'_>) -> Result<Option<Arrival>, Violation> {
        loop {
            if let State::Ended { discarded, .. } = &mut self.state {
                let rest = input.len();
                *discarded = discarded.saturating_add(rest as u64);
                input.advance(rest);
                return Ok(None);
            }
            if self.frame.is_none() {
                let Some(header) = self.read_header(input) else { return Ok(None) };
                self.begin_frame(header)?;
            }
            let Some(arrival) = self.read_payload(input)? else { return Ok(None) };
            if arrival.is_some() {
                return Ok(arrival);
            }
        }
    }

    /// The next header, or `None` with what there is of it put aside.
    fn read_header(&mut self, input: &mut Input<'_>) -> Option<FrameHeader> {
        let partial = &mut self.partial_header;
        if partial.len == 0 {
            if let Some((header, len)) = FrameHeader::decode(input.rest()) {
                input.advance(len);
                return Some(header);
            }
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
    fn begin_frame(&mut self, header: FrameHeader) -> Result<(), Violation> {
        let expected = self.expected();
        if !rules::is_sound(&header, &expected) {
            if let Some(violation) = rules::check_header(&header, &expected).next() {
                return Err(violation);
            }
        }
        if header.opcode.is_data() {
            let max = self.config.message_max;
            let length = header.payload_length.get();
            let fits = match &self.message {
                Some(message) => message.has_room(length, max),
                None => Incoming::new(MessageKind::Binary, header.rsv.contains(Rsv::RSV1)).has_room(length, max),
            };
            if !fits {
                return Err(Violation::MessageTooBig);
            }
            if self.message.as_ref().is_some_and(|message| message.fragments >= self.config.fragments_max) {
                return Err(Violation::TooManyFragments);
            }
        }
        self.frame = Some(FrameInProgress { header, arrived: 0 });
        Ok(())
    }

    /// Takes what has arrived of the frame's payload. `None`: there is more to come.
    /// `Some(None)`: the frame is whole, but its message is not.
    fn read_payload(&mut self, input: &mut Input<'_>) -> Result<Option<Option<Arrival>>, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        let header = frame.header;
        let missing = header.payload_length.get() - frame.arrived;
        let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        let is_first_piece = frame.arrived == 0;
        let is_whole = taken as u64 == missing;
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
                return Ok(Some(Some(Arrival::Control(header.opcode, ControlPlace::Input(range)))));
            }
            self.control.extend_from_slice(input.get(range));
            let arrival = Arrival::Control(header.opcode, ControlPlace::Kept);
            return Ok(is_whole.then_some(Some(arrival)));
        }
        let starts_message = header.opcode != Opcode::Continuation && is_first_piece;
        if starts_message {
            let kind = if header.opcode == Opcode::Text { MessageKind::Text } else { MessageKind::Binary };
            let is_compressed = header.rsv.contains(Rsv::RSV1);
            if is_whole && header.fin && !is_compressed {
                return Ok(Some(Some(Arrival::Whole(kind, range))));
            }
            if self.message.is_none() {
                self.message = Some(Box::new(Incoming::new(kind, is_compressed)));
            }
        }
        self.read_fragment(&header, input.get(range), is_whole)
    }

    fn read_fragment(
        &mut self,
        header: &FrameHeader,
        piece: &[u8],
        is_whole: bool,
    ) -> Result<Option<Option<Arrival>>, Violation> {
        let max = self.config.message_max;
        let Some(mut message) = self.message.take() else { return Ok(None) };
        let mut decompressor = self.deflate.as_mut().map(|deflate| &mut deflate.decompressor);
        message.push(piece, decompressor.as_deref_mut(), max)?;
        if !is_whole {
            self.message = Some(message);
            return Ok(None);
        }
        message.fragments += 1;
        if !header.fin {
            self.message = Some(message);
            return Ok(Some(None));
        }
        self.lent = match message.finish(decompressor, max)? {
            Content::Text(text, _) => Lent::Text(text),
            Content::Binary(bytes) => Lent::Binary(bytes),
        };
        Ok(Some(Some(Arrival::Assembled)))
    }
}
