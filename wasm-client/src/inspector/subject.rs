//! Rows as a filter asks about them: header fields from what is held of each, payloads read again when nothing else
//! settles the matter.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use framescope_codec::capture::What;
use framescope_codec::capture::filter::{self, Field, Filter, Kind as Asked, Rules, Subject, Value};
use framescope_codec::dissect::Dissection;
use framescope_codec::{LengthForm, Opcode};

use super::Capture;
use super::connections::{Connection, Heads};
use super::entry::{Entry, Kind, flag};
use super::handshake::Handshake;
use super::store::Extra;

/// A row, and what was read of it so far.
struct RowSubject<'a> {
    capture: &'a Capture,
    index: u64,
    entry: &'a Entry,
    /// Of a message that came plain in one frame, or of a control frame.
    payload: OnceCell<Cow<'a, [u8]>>,
    dissection: OnceCell<Option<Rc<Dissection>>>,
}

impl Capture {
    /// Whether a row passes a filter.
    pub(super) fn passes(&self, index: u64, filter: &Filter) -> bool {
        let Some(entry) = self.store.get(index).filter(|entry| entry.kind != Kind::Removed) else { return false };
        let subject = RowSubject { capture: self, index, entry, payload: OnceCell::new(), dissection: OnceCell::new() };
        filter.matches(&subject)
    }
}

impl<'a> RowSubject<'a> {
    fn connection(&self) -> Option<&'a Connection> {
        self.capture.connections.get(self.entry.connection)
    }

    fn head(&self, part: fn(&Heads) -> Option<&str>) -> Value<'a> {
        Value::text(self.connection().and_then(|connection| connection.heads.as_deref()).and_then(part))
    }

    fn payload(&self) -> &[u8] {
        self.payload.get_or_init(|| self.capture.payload_of(self.entry, usize::MAX).unwrap_or_default())
    }

    fn dissection(&self) -> Option<&Dissection> {
        self.dissection.get_or_init(|| self.capture.dissection(self.index)).as_deref()
    }

    /// The frame is all there is to its message, and nothing has to be inflated.
    const fn is_plain(&self) -> bool {
        self.entry.has(flag::LAST) && !self.entry.has(flag::IN_SPAN) && !self.entry.has(flag::COMPRESSED)
    }

    fn of_frame(&self, field: Field) -> Value<'_> {
        let Self { capture, entry, index, .. } = self;
        let store = &capture.store;
        let in_message = entry.has(flag::IN_MESSAGE);
        match field {
            Field::Opcode => Value::Number(entry.opcode().bits().into()),
            Field::Fin => Value::Flag(entry.fin()),
            Field::Rsv => Value::Number(entry.rsv().bits().into()),
            Field::Masked => Value::Flag(entry.has(flag::MASKED)),
            Field::MaskKey => {
                let key = capture.header(entry).and_then(|header| header.masking_key);
                key.map_or(Value::Absent, |key| Value::Key(key.0))
            }
            Field::Length => Value::Number(store.length(*index, entry)),
            Field::LengthBits => {
                let form = capture.header(entry).map(|header| header.payload_length.form());
                Value::number(form.map(|form| match form {
                    LengthForm::Bits7 => 7_u64,
                    LengthForm::Bits16 => 16,
                    LengthForm::Bits64 => 64,
                }))
            }
            Field::Wire => Value::Number(store.length(*index, entry).saturating_add(u64::from(entry.header_len))),
            Field::Missing if !entry.has(flag::SCATTERED) => Value::Absent,
            Field::Fragment => Value::Flag(entry.has(flag::IN_SPAN)),
            Field::FragmentNumber => Value::number(in_message.then(|| u64::from(entry.fragment) + 1)),
            Field::Compressed => Value::Flag(entry.has(flag::COMPRESSED)),
            Field::Message => Value::Flag(entry.has(flag::LAST)),
            Field::MessageNumber => Value::number(in_message.then(|| store.message_number(entry) + 1)),
            Field::Took => Value::Time(i64::try_from(store.took(entry)).unwrap_or(i64::MAX)),
            Field::Rtt => match store.round_trip(*index) {
                Some(ns) => Value::Time(i64::try_from(ns).unwrap_or(i64::MAX)),
                None => Value::Absent,
            },
            Field::CloseCode | Field::CloseReason if entry.opcode() != Opcode::Close => Value::Absent,
            Field::Payload => Value::borrowed(self.payload()),
            Field::Text | Field::Content | Field::MessageKind | Field::MessageLength | Field::Fragments
                if !entry.has(flag::LAST) && !entry.opcode().is_control() =>
            {
                Value::Absent
            }
            Field::MessageKind if !entry.has(flag::IN_SPAN) => Value::number(match entry.opcode() {
                Opcode::Text => Some(1_u64),
                Opcode::Binary => Some(2),
                _ => None,
            }),
            Field::Text if entry.opcode() == Opcode::Binary && !entry.has(flag::IN_SPAN) => Value::Absent,
            Field::MessageLength if self.is_plain() => Value::Number(store.length(*index, entry)),
            Field::Fragments if !entry.has(flag::IN_SPAN) => Value::number(entry.has(flag::LAST).then_some(1_u64)),
            Field::Text if self.is_plain() => Value::borrowed(self.payload()),
            Field::Content if self.is_plain() || entry.opcode().is_control() => Value::borrowed(self.payload()),
            field => self.dissection().map_or(Value::Absent, |dissection| filter::of_frame(dissection, field)),
        }
    }
}

impl Subject for RowSubject<'_> {
    fn value(&self, field: Field) -> Value<'_> {
        let Self { capture, entry, index, .. } = self;
        let end = |place: usize| capture.ends(entry).map(|ends| ends[place]);
        match field {
            Field::Kind => Value::Number(match entry.kind {
                Kind::Frame => Asked::Frame,
                Kind::Request => Asked::Request,
                Kind::Response => Asked::Response,
                Kind::Gap => Asked::Gap,
                Kind::End => Asked::End,
                Kind::Note | Kind::Removed => Asked::Note,
            } as u64),
            Field::Number => Value::Number(*index + 1),
            Field::Time => Value::Time(capture.since_start(entry)),
            Field::Delta => Value::Time(capture.since_previous(*index, entry)),
            Field::Connection => Value::number(self.connection().map(|_| u64::from(entry.connection) + 1)),
            Field::Stream => Value::number(self.connection().map(|connection| connection.stream)),
            Field::Direction => Value::number(entry.direction().map(|_| entry.side() as u64)),
            Field::Source => Value::text(capture.sources.name(capture.source_of(entry))),
            Field::Src => end(0).map_or(Value::Absent, |end| Value::Ip(end.ip())),
            Field::Dst => end(1).map_or(Value::Absent, |end| Value::Ip(end.ip())),
            Field::SrcPort => Value::number(end(0).map(|end| end.port())),
            Field::DstPort => Value::number(end(1).map(|end| end.port())),
            Field::Target => self.head(|heads| Some(&heads.target)),
            Field::Path => self.head(|heads| heads.target.split('?').next()),
            Field::Host => self.head(|heads| heads.host.as_deref()),
            Field::Origin => self.head(|heads| heads.origin.as_deref()),
            Field::Subprotocol => self.head(|heads| heads.subprotocol.as_deref()),
            Field::Extensions => self.head(|heads| heads.extensions.as_deref()),
            Field::Deflate => Value::Flag(self.connection().is_some_and(|connection| connection.deflate.is_some())),
            Field::Finding => Value::Rules(capture.noticed(*index).into()),
            Field::Violation if entry.is_frame() => Value::Rules(entry.rules().collect::<Rules>()),
            _ if entry.is_frame() => self.of_frame(field),
            _ => match capture.store.extra(*index) {
                Some(Extra::Handshake(handshake)) => of_handshake(handshake, field),
                Some(Extra::Said(what)) => match (&**what, field) {
                    (What::Gap { missing, .. }, Field::Missing) => Value::Number(*missing),
                    (what, Field::Content) => Value::Bytes(Cow::Owned(capture.words(entry, what).into_bytes())),
                    _ => Value::Absent,
                },
                Some(Extra::Fault(words)) if field == Field::Content => Value::borrowed(words.as_bytes()),
                _ => Value::Absent,
            },
        }
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        match self.capture.store.extra(self.index) {
            Some(Extra::Handshake(handshake)) => handshake.head().header(name),
            _ => None,
        }
    }
}

fn of_handshake(handshake: &Handshake, field: Field) -> Value<'_> {
    match field {
        Field::Content => Value::borrowed(handshake.head().bytes()),
        Field::Wire => Value::Number(handshake.head().bytes().len() as u64),
        Field::Violation => Value::Rules(handshake.findings().iter().collect()),
        Field::Status => match handshake {
            Handshake::Response(response) => Value::number(response.status()),
            Handshake::Request(_) => Value::Absent,
        },
        _ => Value::Absent,
    }
}
