//! What a comparison comes to once its types are known, and how it is made.

use std::borrow::Cow;

use regex_lite::Regex;

use super::decimal::decimal;
use super::find::Finder;
use super::json::{self, Step};
use super::tree::{self, Operator, ip_number};
use super::{Field, Subject, Value};

/// A comparison, ready to be made.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// It is there; a flag is set; a rule is broken.
    Present,
    /// It is in one of these ranges, or in none of them.
    Numbers { ranges: Vec<(i128, i128)>, is_negated: bool },
    /// Likewise.
    Ips { ranges: Vec<(u128, u128)>, is_negated: bool },
    /// One of these is broken, or none of them.
    Rules { among: u128, is_negated: bool },
    /// It stands in this relation to one of these, or to none of them.
    Bytes { relation: Relation, needles: Vec<Needle>, is_negated: bool },
    /// It is described by this.
    Regex(Regex),
    /// In JSON: it is one of these, or none of them.
    Json { wanted: Vec<Wanted>, is_negated: bool },
    /// It stands in this relation to another field, so many times.
    Against { field: Field, operator: Operator, times: u64 },
}

/// How bytes and a needle are to go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Contains,
    StartsWith,
    EndsWith,
}

/// Bytes to be compared with.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    bytes: Box<[u8]>,
    finder: Option<Finder>,
    ignore_case: bool,
    /// Its letters have cases that ASCII does not know of.
    is_unicode: bool,
}

/// A value in JSON.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// A string.
    Text(Needle),
    /// A string, or what is written so: a number, `true`, `false`, `null`.
    Word(Needle, Option<f64>),
    /// A number from here to there, each included or not.
    Numbers { from: (f64, bool), to: (f64, bool) },
}

impl Check {
    pub(super) fn of(&self, value: &Value<'_>, subject: &dyn Subject) -> bool {
        match (self, value) {
            (_, Value::Absent) => false,
            (Self::Present, Value::Flag(is_set)) => *is_set,
            (Self::Present, Value::Rules(rules)) => !rules.is_empty(),
            (Self::Present, _) => true,
            (Self::Numbers { ranges, is_negated }, value) => number(value)
                .is_some_and(|number| ranges.iter().any(|(low, high)| (*low..=*high).contains(&number)) != *is_negated),
            (Self::Ips { ranges, is_negated }, Value::Ip(ip)) => {
                let ip = ip_number(*ip);
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&ip)) != *is_negated
            }
            (Self::Rules { among, is_negated }, Value::Rules(rules)) => {
                !rules.is_empty() && (rules.0 & among != 0) != *is_negated
            }
            (Self::Bytes { .. } | Self::Regex(_), Value::Bytes(bytes)) => self.of_bytes(bytes),
            (Self::Bytes { .. } | Self::Regex(_), Value::Key(key)) => self.of_bytes(key),
            (Self::Against { field, operator, times }, value) => {
                let (Some(one), Some(other)) = (number(value), number(&tree::value(subject, *field))) else {
                    return false;
                };
                let other = other.saturating_mul(i128::from(*times));
                match operator {
                    Operator::Equal => one == other,
                    Operator::NotEqual => one != other,
                    Operator::Greater => one > other,
                    Operator::GreaterOrEqual => one >= other,
                    Operator::Less => one < other,
                    _ => one <= other,
                }
            }
            _ => false,
        }
    }

    /// Of both ends of a connection.
    pub(super) fn of_two(&self, values: [Value<'_>; 2]) -> bool {
        struct Nothing;
        impl Subject for Nothing {
            fn value(&self, _: Field) -> Value<'_> {
                Value::Absent
            }
        }
        match self {
            Self::Numbers { is_negated: true, .. } | Self::Ips { is_negated: true, .. } => {
                values.iter().all(|value| self.of(value, &Nothing))
            }
            _ => values.iter().any(|value| self.of(value, &Nothing)),
        }
    }

    fn of_bytes(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Bytes { relation, needles, is_negated } => {
                needles.iter().any(|needle| needle.fits(*relation, bytes)) != *is_negated
            }
            Self::Regex(regex) => match String::from_utf8_lossy(bytes) {
                Cow::Borrowed(text) => regex.is_match(text),
                Cow::Owned(text) => regex.is_match(&text),
            },
            _ => false,
        }
    }

    /// Of the values at this path.
    pub(super) fn of_json(&self, text: &[u8], path: &[Step]) -> bool {
        match self {
            Self::Json { wanted, is_negated: true } => {
                let mut is_there = false;
                let is_one = json::any(text, path, &mut |value| {
                    is_there = true;
                    wanted.iter().any(|wanted| wanted.is(value))
                });
                is_there && !is_one
            }
            Self::Json { wanted, .. } => {
                json::any(text, path, &mut |value| wanted.iter().any(|wanted| wanted.is(value)))
            }
            Self::Present => json::any(text, path, &mut |_| true),
            _ => json::any(text, path, &mut |value| match json::string(value) {
                Some(string) => self.of_bytes(&string),
                None => self.of_bytes(value),
            }),
        }
    }
}

fn number(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Number(number) => Some(i128::from(*number)),
        Value::Time(time) => Some(i128::from(*time)),
        Value::Flag(is_set) => Some(i128::from(*is_set)),
        _ => None,
    }
}

impl Needle {
    pub(super) fn new(bytes: &[u8], ignore_case: bool, relation: Relation) -> Self {
        let lower = std::str::from_utf8(bytes).ok().filter(|text| ignore_case && !text.is_ascii());
        let lower = lower.map(str::to_lowercase);
        let bytes = lower.as_deref().map_or(bytes, str::as_bytes);
        Self {
            bytes: bytes.into(),
            finder: (relation == Relation::Contains).then(|| Finder::new(bytes, ignore_case)),
            ignore_case,
            is_unicode: lower.is_some(),
        }
    }

    pub(super) fn fits(&self, relation: Relation, bytes: &[u8]) -> bool {
        let lower;
        let bytes = if self.is_unicode {
            lower = String::from_utf8_lossy(bytes).to_lowercase();
            lower.as_bytes()
        } else {
            bytes
        };
        let part = match relation {
            Relation::Equal => Some(bytes),
            Relation::StartsWith => bytes.get(..self.bytes.len()),
            Relation::EndsWith => bytes.len().checked_sub(self.bytes.len()).and_then(|from| bytes.get(from..)),
            Relation::Contains => {
                return self.finder.as_ref().is_some_and(|finder| finder.find(bytes).is_some());
            }
        };
        part.is_some_and(|part| match self.ignore_case {
            true => part.eq_ignore_ascii_case(&self.bytes),
            false => *part == *self.bytes,
        })
    }
}

impl Wanted {
    fn is(&self, value: &[u8]) -> bool {
        let as_number = || decimal(value);
        match (self, json::string(value)) {
            (Self::Text(needle) | Self::Word(needle, _), Some(string)) => needle.fits(Relation::Equal, &string),
            (Self::Text(_) | Self::Numbers { .. }, _) if value.first() == Some(&b'"') => false,
            (Self::Text(_), None) => false,
            (Self::Word(needle, number), None) => {
                *value == *needle.bytes || number.is_some_and(|number| as_number() == Some(number))
            }
            (Self::Numbers { from, to }, _) => as_number().is_some_and(|number| {
                (number > from.0 || number == from.0 && from.1) && (number < to.0 || number == to.0 && to.1)
            }),
        }
    }
}
