//! The filter language for a page: problems with places as JavaScript counts them, completion with what the rows at
//! hand have, and help.

use framescope_codec::capture::filter::{self, FIELDS, Field, Filter, Problem, Type};
use serde::Serialize;

use super::Capture;
use super::objects::FilterProblem;

/// What there is to say about a text that is to be a filter.
#[derive(Debug, Serialize)]
pub struct FilterCheck {
    problem: Option<FilterProblem>,
    /// The filter in words.
    says: Option<String>,
}

/// What could stand at a place.
#[derive(Debug, Serialize)]
pub struct Completion {
    from: usize,
    to: usize,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    text: String,
    detail: String,
    kind: &'static str,
}

/// What a filter can ask about.
#[derive(Debug, Serialize)]
pub struct FieldHelp {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    says: &'static str,
    example: &'static str,
    values: Vec<&'static str>,
    aliases: &'static [&'static str],
}

impl Capture {
    /// Whether a text is a filter, and what that says.
    #[must_use]
    pub fn check_filter(&self, text: &str) -> FilterCheck {
        match Filter::parse(text) {
            Ok(filter) => FilterCheck { problem: None, says: Some(filter.describe()) },
            Err(problem) => FilterCheck { problem: Some(FilterProblem::new(problem, text)), says: None },
        }
    }

    /// What could stand at a place, in UTF-16 units.
    #[must_use]
    pub fn complete_filter(&self, text: &str, at: u64) -> Completion {
        let at = utf16_to_byte(text, usize::try_from(at).unwrap_or(usize::MAX));
        let filter::Completion { place, items } = filter::complete(text, at, &|field| self.known_values(field));
        let item = |item: filter::Item| Item { text: item.text, detail: item.detail, kind: item.kind.name() };
        Completion {
            from: byte_to_utf16(text, place.start),
            to: byte_to_utf16(text, place.end),
            items: items.into_iter().map(item).collect(),
        }
    }

    /// Everything a filter can ask about.
    #[must_use]
    pub fn filter_fields(&self) -> Vec<FieldHelp> {
        let help = |info: &filter::FieldInfo| {
            let mut values: Vec<_> = match info.kind {
                Type::Rules => filter::rule_names().map(|(name, _)| name).collect(),
                _ => info.values.iter().map(|value| value.name).collect(),
            };
            values.dedup();
            FieldHelp {
                name: info.name,
                kind: info.kind.name(),
                says: info.says,
                example: info.example,
                values,
                aliases: info.aliases,
            }
        };
        FIELDS.iter().map(help).collect()
    }

    /// The values that a field has among the rows held, as far as they are cheap to tell.
    fn known_values(&self, field: Field) -> Vec<(String, String)> {
        match field {
            Field::Connection => {
                let numbers = (1..).zip(&self.connections).filter(|(_, connection)| connection.rows > 0);
                let says = |heads: &super::connections::Heads| heads.target.to_string();
                let named = |connection: &super::Connection| connection.heads.as_deref().map_or_else(String::new, says);
                numbers.take(NAMED_MAX).map(|(number, known): (u32, _)| (number.to_string(), named(known))).collect()
            }
            Field::Source => {
                self.sources().into_iter().map(|source| (source.name.to_owned(), source.kind.to_owned())).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl FilterProblem {
    /// What is wrong with this text.
    pub(super) fn new(problem: Problem, text: &str) -> Self {
        let place = problem.place();
        let (from, to) = (byte_to_utf16(text, place.start), byte_to_utf16(text, place.end));
        Self { message: problem.message, from, to, hint: problem.hint, rule: None }
    }
}

/// More connections than anybody looks through.
const NAMED_MAX: usize = 500;

fn byte_to_utf16(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].encode_utf16().count()
}

fn utf16_to_byte(text: &str, at: usize) -> usize {
    let mut units = 0;
    for (byte, character) in text.char_indices() {
        if units >= at {
            return byte;
        }
        units += character.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_javascript_counts_them() {
        let text = "\"\u{1F600}é\" and opcode = x";
        let problem = Capture::new().check_filter(text).problem.unwrap();
        assert_eq!((problem.from, problem.to), (17, 18));
        let completion = Capture::new().complete_filter("\"\u{1F600}\" and opco", 13);
        assert_eq!((completion.from, completion.to, &*completion.items[0].text), (9, 13, "opcode"));
        assert_eq!(utf16_to_byte("\u{1F600}a", 1), 4, "never within a character");
        assert_eq!(utf16_to_byte("a", 9), 1);
    }
}
