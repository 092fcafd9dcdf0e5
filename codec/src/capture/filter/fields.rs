//! What a filter can ask a row about: one table, from which parsing, completion, help and errors are made.

use crate::capture::insight::{self, Findings};
use crate::handshake::{Finding, HandshakeRule};
use crate::rules::Violation;

use super::table::{FIELDS, Field};

/// What kind of thing a field is, and with that what it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A number that goes by a name.
    Word,
    /// A number of bytes.
    Size,
    /// A span of time.
    Time,
    /// An IP address.
    Ip,
    /// Rules that are broken.
    Rules,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Values within JSON.
    Json,
}

impl Type {
    /// What it is called, with its article.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "a flag",
            Self::Number => "a number",
            Self::Word => "one of a few words",
            Self::Size => "a number of bytes",
            Self::Time => "a span of time",
            Self::Ip => "an IP address",
            Self::Rules => "a list of broken rules",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Json => "a place in JSON",
        }
    }
}

/// A name for some values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// The first of the values.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

/// What there is to say about a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Which.
    pub field: Field,
    /// What it is called.
    pub name: &'static str,
    /// What else it is called, Wireshark's names first.
    pub aliases: &'static [&'static str],
    /// What it is.
    pub kind: Type,
    /// What it says about a row.
    pub says: &'static str,
    /// How it is used.
    pub example: &'static str,
    /// Values that have names. The rules' names are [`rule_names`].
    pub values: &'static [Named],
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A frame.
    Frame,
    /// The first half of an opening handshake.
    Request,
    /// Its second half.
    Response,
    /// Bytes that were not captured.
    Gap,
    /// The end of a direction.
    End,
    /// Something to know.
    Note,
}

impl Field {
    /// All there is to say about it.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        &FIELDS[self as usize]
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Whether the bytes of a payload are needed to tell.
    #[must_use]
    pub const fn is_of_payload(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Content | Self::Payload | Self::CloseReason)
    }

    /// The field of this name, or of this other name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |info: &&FieldInfo| {
            info.name.eq_ignore_ascii_case(name) || info.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        };
        FIELDS.iter().find(is_it).map(|info| info.field)
    }
}

/// Rules that a row breaks: of frames and of opening handshakes, without touching the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules(pub(super) u128);

impl Rules {
    /// Whether none is broken.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This rule too.
    #[must_use]
    pub const fn with(self, violation: Violation) -> Self {
        Self(self.0 | 1 << violation as u8)
    }

    /// This rule of the opening handshake too.
    #[must_use]
    pub const fn with_handshake(self, rule: HandshakeRule) -> Self {
        Self(self.0 | 1 << (Violation::ALL.len() + rule as usize))
    }
}

/// What was found has its bits behind those of the rules.
impl From<Findings> for Rules {
    fn from(findings: Findings) -> Self {
        let first = Violation::ALL.len() + HandshakeRule::ALL.len();
        Self(findings.iter().fold(0, |bits, finding| bits | 1 << (first + finding as usize)))
    }
}

impl FromIterator<Violation> for Rules {
    fn from_iter<T: IntoIterator<Item = Violation>>(rules: T) -> Self {
        rules.into_iter().fold(Self::default(), Self::with)
    }
}

impl<'a> FromIterator<&'a Finding> for Rules {
    fn from_iter<T: IntoIterator<Item = &'a Finding>>(findings: T) -> Self {
        findings.into_iter().fold(Self::default(), |rules, finding| rules.with_handshake(finding.rule))
    }
}

/// The names of all rules, in the order of the bits of [`Rules`], and what each says.
pub fn rule_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_frames = Violation::ALL.into_iter().map(|rule| (rule.name(), rule.says()));
    of_frames.chain(HandshakeRule::ALL.into_iter().map(|rule| (rule.name(), rule.says())))
}

/// The names that a field of [`Type::Rules`] is compared with, what each says, and its bit in [`Rules`].
pub fn names_of(field: Field) -> impl Iterator<Item = (u32, &'static str, &'static str)> {
    let found = insight::Finding::ALL.into_iter().map(|finding| (finding.name(), finding.says()));
    let all = (0..).zip(rule_names().map(|rule| (false, rule)).chain(found.map(|found| (true, found))));
    let wanted = field == Field::Finding;
    all.filter(move |(_, (is_found, _))| *is_found == wanted).map(|(bit, (_, (name, says)))| (bit, name, says))
}
