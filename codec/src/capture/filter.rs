//! The filter language: which rows of a capture are of interest.
//!
//! One language for the list, for colours, for search, for what the proxy holds, and for the command line. Who knows
//! Wireshark's display filters knows it: fields, comparisons, `and or not`, `in {..}`, `contains`, `matches`, also
//! Wireshark's own names of fields; and it knows what a WebSocket is.
//!
//! ```
//! use framescope_codec::capture::filter::Filter;
//!
//! let filter = Filter::parse(r#"dir == c2s and (length > 10KiB or text contains "error")"#).unwrap();
//! assert!(filter.needs_payload());
//!
//! let problem = Filter::parse("opcod == text").unwrap_err();
//! assert_eq!((problem.message.as_str(), problem.place()), ("There is no field `opcod`.", 0..5));
//! assert_eq!(problem.hint.as_deref(), Some("Did you mean `opcode`?"));
//! ```
//!
//! A row is anything that implements [`Subject`]. What a filter asks it for comes in an order that leaves the
//! expensive to the last: where a comparison of header fields settles the matter, no payload is fetched. A comparison
//! with something that a row does not have is false, also with `!=`; `not (opcode == text)` is true of a gap,
//! `opcode != text` is not. Where there are several values, as the addresses of both ends, `==` is true if one is equal,
//! and `!=` if none is.
//!
//! Nothing that is typed or pasted can take long or fail hard: text has [a longest length](LEN_MAX), brackets
//! [a greatest depth](DEPTH_MAX), and matching takes time in proportion to what is looked at.

mod check;
mod complete;
mod decimal;
mod event;
mod fields;
mod find;
mod habits;
mod json;
mod literal;
mod near;
mod parse;
mod place;
mod print;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod written;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

pub use complete::{Completion, Item, ItemKind, complete};
pub use event::{EventRow, Follower, of_frame};
pub use fields::{FieldInfo, Kind, Named, Rules, Type, names_of, rule_names};

pub use json::json_places;
pub use table::{FIELDS, Field};

use tree::Node;

/// The most bytes a filter can have.
pub const LEN_MAX: usize = 16 * 1024;

/// How deep brackets and `not` can be nested.
pub const DEPTH_MAX: usize = 64;

/// Which rows are of interest. One that was parsed from nothing finds all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Node);

impl Filter {
    /// Reads a filter, and checks that it makes sense.
    ///
    /// # Errors
    ///
    /// The first thing that does not, and where.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parse::parse(text).0.map(Self)
    }

    /// What a search finds, as a filter: one engine for both.
    ///
    /// # Errors
    ///
    /// Hex that is no hex, an expression that cannot be read, or a filter that is wrong.
    pub fn search(search: Search, text: &str, match_case: bool) -> Result<Self, Problem> {
        parse::search(search, text, match_case).map(Self)
    }

    /// Whether this row is of interest.
    #[must_use]
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        self.0.matches(subject)
    }

    /// Whether it finds everything, having no conditions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Node::All(nodes) if nodes.is_empty())
    }

    /// Whether it may ask for the bytes of a payload.
    #[must_use]
    pub fn needs_payload(&self) -> bool {
        self.any_field(Field::is_of_payload)
    }

    /// Whether it may ask for this field.
    #[must_use]
    pub fn asks_for(&self, field: Field) -> bool {
        self.any_field(|asked| asked == field)
    }

    /// The filter in words.
    #[must_use]
    pub fn describe(&self) -> String {
        print::describe(&self.0)
    }

    fn any_field(&self, mut is_it: impl FnMut(Field) -> bool) -> bool {
        let mut found = false;
        self.0.each_field(&mut |field| found |= is_it(field));
        found
    }
}

/// The filter as it could have been typed.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::print(&self.0, f)
    }
}

/// What to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// These characters.
    Text,
    /// These bytes, in hex.
    Hex,
    /// What this regular expression describes.
    Regex,
    /// What this filter finds.
    Filter,
}

impl Search {
    /// `text`, `hex`, `regex` or `filter`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "hex" => Self::Hex,
            "regex" => Self::Regex,
            "filter" => Self::Filter,
            _ => return None,
        })
    }
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What could be done about it.
    pub hint: Option<String>,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Problem {
    /// Where, in bytes of the text. May be empty, as at its end.
    #[must_use]
    pub const fn place(&self) -> Range<usize> {
        self.from..self.to
    }

    fn new(place: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, from: place.start, to: place.end }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_deref().map_or(Ok(()), |hint| write!(f, " {hint}"))
    }
}

impl std::error::Error for Problem {}

/// A row that a filter can be asked about.
pub trait Subject {
    /// The row's value; [`Value::Absent`] where it has none. Asked for again and again: whatever is expensive to make is
    /// to be kept while the row is looked at.
    fn value(&self, field: Field) -> Value<'_>;

    /// Of an opening handshake, the value of the first header of this name, in any case.
    fn header(&self, name: &str) -> Option<&[u8]> {
        let _ = name;
        None
    }
}

/// A value of a row. [`Field`] and its [`Type`] say which of these is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// There is none.
    Absent,
    /// Yes or no.
    Flag(bool),
    /// A number, a size, or a word as its number.
    Number(u64),
    /// A span of time in nanoseconds.
    Time(i64),
    /// An address.
    Ip(IpAddr),
    /// The rules that are broken.
    Rules(Rules),
    /// A masking key.
    Key([u8; 4]),
    /// Text or bytes.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// Bytes that are there already.
    #[must_use]
    pub const fn borrowed(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }

    /// Those of a text, if there is one.
    #[must_use]
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, |text| Self::borrowed(text.as_bytes()))
    }

    /// A number, if there is one.
    #[must_use]
    pub fn number(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Self::Absent, |number| Self::Number(number.into()))
    }
}
