//! A parsed filter, and what it says about a row.

use std::borrow::Cow;
use std::net::IpAddr;

use super::check::Check;
use super::json::{self, Step};
use super::{Field, Kind, Subject, Type, Value};
use crate::opcode::Opcode;

/// Conditions, and how they go together.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// All of these are true.
    All(Branches),
    /// One of these is.
    Any(Branches),
    /// This is not.
    Not(Box<Self>),
    /// One condition.
    Test(Box<Test>),
}

/// Nodes as they were written, and the order in which to ask them.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Branches {
    pub(super) nodes: Vec<Node>,
    /// Places in `nodes`, the cheapest first.
    order: Vec<u16>,
}

/// A field and what it is held against.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) place: Place,
    pub(super) operator: Operator,
    pub(super) operands: Vec<Operand>,
    /// What comes of the three above.
    pub(super) check: Check,
}

/// They are the same if they were written the same; what they come to then is, too.
impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        (&self.place, self.operator, &self.operands) == (&other.place, other.operator, &other.operands)
    }
}

/// A field, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) field: Field,
    pub(super) part: Part,
    /// Not itself, but how many bytes it has.
    pub(super) is_len: bool,
}

/// Which part of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// Of JSON.
    Path(Vec<Step>),
    /// Of headers.
    Header(String),
    /// Of bytes: from where, counted from the end if negative, and up to where.
    Slice(i64, Option<i64>),
}

/// How a field is held against something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// By being there at all, or being true.
    Is,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
    Contains,
    Matches,
    StartsWith,
    EndsWith,
}

/// What a field is held against, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Word(String),
    Quoted {
        text: String,
        ignore_case: bool,
    },
    Regex {
        pattern: String,
        ignore_case: bool,
    },
    Range(String, String),
    /// Another field, so many times.
    Field(Field, u64),
}

impl Node {
    pub(super) fn all(nodes: Vec<Self>) -> Self {
        Self::joined(nodes, Self::All)
    }

    pub(super) fn any(nodes: Vec<Self>) -> Self {
        Self::joined(nodes, Self::Any)
    }

    fn joined(mut nodes: Vec<Self>, join: fn(Branches) -> Self) -> Self {
        if nodes.len() == 1
            && let Some(only) = nodes.pop()
        {
            return only;
        }
        // A text has not as many words as a u16 has numbers.
        let mut order: Vec<u16> = (0..nodes.len()).filter_map(|at| u16::try_from(at).ok()).collect();
        order.sort_by_key(|at| nodes[usize::from(*at)].cost());
        join(Branches { nodes, order })
    }

    pub(super) fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::All(branches) => branches.in_order().all(|node| node.matches(subject)),
            Self::Any(branches) => branches.in_order().any(|node| node.matches(subject)),
            Self::Not(node) => !node.matches(subject),
            Self::Test(test) => test.matches(subject),
        }
    }

    /// How much it takes to find out: what stands in a header, what is said about the connection, what takes a
    /// payload, and what goes through it in slow steps.
    fn cost(&self) -> u8 {
        match self {
            Self::All(branches) | Self::Any(branches) => {
                branches.nodes.iter().map(Self::cost).max().unwrap_or_default()
            }
            Self::Not(node) => node.cost(),
            Self::Test(test) => {
                let slow = matches!(test.check, Check::Regex(..)) || test.place.field == Field::Json;
                match test.place.field.info().kind {
                    _ if test.place.field.is_of_payload() => 3 + u8::from(slow),
                    Type::Text => 1 + u8::from(slow),
                    _ => 0,
                }
            }
        }
    }

    pub(super) fn each_field(&self, take: &mut dyn FnMut(Field)) {
        match self {
            Self::All(branches) | Self::Any(branches) => {
                branches.nodes.iter().for_each(|node| node.each_field(take));
            }
            Self::Not(node) => node.each_field(take),
            Self::Test(test) => {
                take(test.place.field);
                if let Check::Against { field, .. } = test.check {
                    take(field);
                }
            }
        }
    }
}

impl Branches {
    pub(super) const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn in_order(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().map(|at| &self.nodes[usize::from(*at)])
    }
}

impl Test {
    fn matches(&self, subject: &dyn Subject) -> bool {
        let (place, check) = (&self.place, &self.check);
        match (place.field, &place.part) {
            (Field::Ip, _) => check.of_two([Field::Src, Field::Dst].map(|field| subject.value(field))),
            (Field::Port, _) => check.of_two([Field::SrcPort, Field::DstPort].map(|field| subject.value(field))),
            (Field::Json, Part::Path(path)) => {
                let Value::Bytes(content) = subject.value(Field::Content) else { return false };
                check.of_json(&content, path)
            }
            (Field::Json, _) => {
                matches!(subject.value(Field::Content), Value::Bytes(content) if json::is_json(&content))
            }
            (Field::Header, Part::Header(name)) => check.of(&place.part_of(subject.header(name).into()), subject),
            (field, _) => check.of(&place.part_of(value(subject, field)), subject),
        }
    }
}

impl<'a> From<Option<&'a [u8]>> for Value<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Self::Absent, Self::borrowed)
    }
}

/// A field's value, also of those that are made of others.
pub(super) fn value(subject: &dyn Subject, field: Field) -> Value<'_> {
    let opcode = |is_it: fn(Opcode) -> bool| match subject.value(Field::Opcode) {
        Value::Number(number) => Value::Flag(is_it(Opcode::from_bits(u8::try_from(number).unwrap_or_default()))),
        _ => Value::Absent,
    };
    let kind = |kinds: &[Kind]| match subject.value(Field::Kind) {
        Value::Number(number) => Value::Flag(kinds.iter().any(|kind| *kind as u64 == number)),
        _ => Value::Absent,
    };
    let rsv = |bit: u64| match subject.value(Field::Rsv) {
        Value::Number(number) => Value::Flag(number & bit != 0),
        _ => Value::Absent,
    };
    let end = |from_client: Field, from_server: Field| match subject.value(Field::Direction) {
        Value::Number(0) => subject.value(from_client),
        Value::Number(_) => subject.value(from_server),
        _ => Value::Absent,
    };
    match field {
        Field::Frame => kind(&[Kind::Frame]),
        Field::Handshake => kind(&[Kind::Request, Kind::Response]),
        Field::Gap => kind(&[Kind::Gap]),
        Field::Control => opcode(Opcode::is_control),
        Field::Data => opcode(Opcode::is_data),
        Field::Rsv1 => rsv(4),
        Field::Rsv2 => rsv(2),
        Field::Rsv3 => rsv(1),
        Field::Client => end(Field::Src, Field::Dst),
        Field::Server => end(Field::Dst, Field::Src),
        other => subject.value(other),
    }
}

impl Place {
    pub(super) const fn whole(field: Field) -> Self {
        Self { field, part: Part::Whole, is_len: false }
    }

    /// What it is, which may be other than what its field is.
    pub(super) fn kind(&self) -> Type {
        if self.is_len { Type::Size } else { self.field.info().kind }
    }

    fn part_of<'a>(&self, value: Value<'a>) -> Value<'a> {
        let value = match (&self.part, value) {
            (Part::Slice(from, to), Value::Key(key)) => slice(Cow::Owned(key.to_vec()), *from, *to),
            (Part::Slice(from, to), Value::Bytes(bytes)) => slice(bytes, *from, *to),
            (_, value) => value,
        };
        match value {
            Value::Bytes(bytes) if self.is_len => Value::Number(bytes.len() as u64),
            Value::Key(key) if self.is_len => Value::Number(key.len() as u64),
            value => value,
        }
    }
}

/// Part of these bytes. What is not all there is absent.
fn slice(bytes: Cow<'_, [u8]>, from: i64, to: Option<i64>) -> Value<'_> {
    let len = bytes.len();
    let place = |at: i64| {
        let at = if at < 0 { i64::try_from(len).ok()?.checked_add(at)? } else { at };
        usize::try_from(at).ok().filter(|at| *at <= len)
    };
    let (Some(from), Some(to)) = (place(from), to.map_or(Some(len), place)) else { return Value::Absent };
    match bytes {
        _ if from > to => Value::Absent,
        Cow::Borrowed(bytes) => Value::borrowed(&bytes[from..to]),
        Cow::Owned(bytes) => Value::Bytes(Cow::Owned(bytes[from..to].to_vec())),
    }
}

/// As one number for both families, so that IPv4 within IPv6 is what it is.
pub(super) const fn ip_number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}
