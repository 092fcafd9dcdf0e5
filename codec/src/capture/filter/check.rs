//! What a comparison comes to once its types are known, and how it is made.

use std::borrow::Cow;

use regex_lite::{Regex, RegexBuilder};

use super::find::Finder;
use super::json::{self, Step};
use super::literal::{self, Spot, Unit};
use super::tree::{self, Operand, Operator, Place, ip_number};
use super::{Field, Problem, Subject, Type, Value, rule_names};
use std::ops::Range;

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

/// What was written, and where: for whoever has to say that it makes no sense.
pub(super) struct Written<'a> {
    pub(super) place: &'a Place,
    /// The field as it was written.
    pub(super) name: &'a str,
    pub(super) operator: Operator,
    /// The operator as it was written, and where.
    pub(super) sign: (&'a str, Range<usize>),
    pub(super) operands: &'a [(Operand, Range<usize>)],
}

impl Check {
    /// Of a comparison as it was written.
    pub(super) fn new(written: &Written<'_>) -> Result<Self, Problem> {
        if written.operator == Operator::Is {
            return Ok(Self::Present);
        }
        if let [(Operand::Field(field, times), place)] = written.operands {
            return written.against(*field, *times, place.clone());
        }
        match written.place.kind() {
            Type::Flag => written.flags(),
            kind @ (Type::Number | Type::Word | Type::Size | Type::Time) => written.numbers(kind),
            Type::Ip => written.ips(),
            Type::Rules => written.rules(),
            Type::Text => written.bytes(false),
            Type::Bytes => written.bytes(true),
            Type::Json => written.json(),
        }
    }

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
    fn new(bytes: &[u8], ignore_case: bool, relation: Relation) -> Self {
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

    fn fits(&self, relation: Relation, bytes: &[u8]) -> bool {
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
        let as_number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
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

impl Written<'_> {
    fn against(&self, field: Field, times: u64, place: Range<usize>) -> Result<Check, Problem> {
        let (one, other) = (self.place.kind(), field.info().kind);
        if one != other {
            return Err(Problem::new(
                place,
                format!("`{}` is {}, and `{}` is {}.", self.name, one.name(), field.name(), other.name()),
            ));
        }
        match self.operator {
            Operator::Equal
            | Operator::NotEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::LessOrEqual => Ok(Check::Against { field, operator: self.operator, times }),
            _ => Err(self.unfit("Compare them with ==, >, < and their like.")),
        }
    }

    fn flags(&self) -> Result<Check, Problem> {
        let how = format!("Alone, `{0}` is true where it is set; `not {0}` where it is not.", self.name);
        if !matches!(self.operator, Operator::Equal | Operator::NotEqual) {
            return Err(self.unfit(&how));
        }
        let ranges = self.each(|word, place| match word.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "set" => Ok((1, 1)),
            "0" | "false" | "no" | "unset" => Ok((0, 0)),
            _ => Err(Problem::new(place, format!("`{}` is a flag, 0 or 1.", self.name)).hint(&how)),
        })?;
        Ok(Check::Numbers { ranges, is_negated: self.is_negated() })
    }

    fn numbers(&self, kind: Type) -> Result<Check, Problem> {
        let unit = Unit::of(kind);
        let mut ranges = Vec::new();
        let is_order = self.is_order();
        if !is_order && !self.is_equality() {
            return Err(self.unfit("Compare it with ==, >, < or `in`."));
        }
        for (operand, place) in self.operands {
            let spots = match operand {
                Operand::Range(from, to) => {
                    let from = self.spots(from, unit, place)?;
                    let to = self.spots(to, unit, place)?;
                    let low = from.iter().map(|spot| if spot.is_exact { spot.low } else { spot.high }).min();
                    let high = to.iter().map(|spot| if spot.is_exact { spot.high } else { spot.low }).max();
                    match (low, high) {
                        (Some(low), Some(high)) if low <= high => vec![Spot::range(low, high)],
                        _ => {
                            return Err(Problem::new(place.clone(), "Nothing is in this range.")
                                .hint("Write the smaller one first."));
                        }
                    }
                }
                operand => self.spots(self.word(operand, place)?, unit, place)?,
            };
            let Some((low, high)) =
                spots.iter().map(|spot| (spot.low, spot.high)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            else {
                continue;
            };
            let is_exact = spots.iter().all(|spot| spot.is_exact);
            match self.operator {
                Operator::Greater if is_exact => ranges.push((high + 1, i128::MAX)),
                Operator::Greater => ranges.push((high, i128::MAX)),
                Operator::GreaterOrEqual => ranges.push((if is_exact { low } else { high }, i128::MAX)),
                Operator::Less if is_exact => ranges.push((i128::MIN, low - 1)),
                Operator::Less => ranges.push((i128::MIN, low)),
                Operator::LessOrEqual => ranges.push((i128::MIN, if is_exact { high } else { low })),
                _ => ranges.extend(spots.iter().filter(|spot| spot.is_exact).map(|spot| (spot.low, spot.high))),
            }
        }
        Ok(Check::Numbers { ranges, is_negated: self.is_negated() })
    }

    /// A number, or the values that go by this name.
    fn spots(&self, word: &str, unit: Unit, place: &Range<usize>) -> Result<Vec<Spot>, Problem> {
        if let Some(spot) = literal::number(word, unit) {
            return Ok(vec![spot]);
        }
        let values = if self.place.is_len { &[] } else { self.place.field.info().values };
        let as_written = |name: &str| {
            let is_space = |c: char| matches!(c, ' ' | '_');
            name.eq_ignore_ascii_case(&word.replace(is_space, "-"))
        };
        let named: Vec<_> = values
            .iter()
            .filter(|value| as_written(value.name))
            .map(|value| Spot::range(value.from.into(), value.to.into()))
            .collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let problem = Problem::new(
            place.clone(),
            match self.place.kind() {
                Type::Word => format!("`{}` is never `{word}`.", self.name),
                kind => format!("`{}` is {}, and `{word}` is not.", self.name, kind.name()),
            },
        );
        Err(match nearest(word, values.iter().map(|value| value.name)) {
            Some(name) => problem.hint(format!("Did you mean `{name}`?")),
            None if values.is_empty() => problem.hint(unit.examples()),
            None => {
                let mut names: Vec<_> = values.iter().map(|value| value.name).collect();
                names.dedup();
                problem.hint(format!("It is a number, or one of {}.", names.join(", ")))
            }
        })
    }

    fn ips(&self) -> Result<Check, Problem> {
        if !self.is_equality() {
            return Err(self.unfit("Compare it with ==, != or `in`, as in `ip in 10.0.0.0/8`."));
        }
        let mut ranges = Vec::new();
        for (operand, place) in self.operands {
            let read = |word: &str| {
                literal::addresses(word).ok_or_else(|| {
                    let problem = Problem::new(place.clone(), format!("`{word}` is no IP address."));
                    match word.parse::<std::net::SocketAddr>() {
                        Ok(address) => {
                            problem.hint(format!("The port has a field of its own: `port == {}`.", address.port()))
                        }
                        Err(_) => problem.hint("Write an address, as 127.0.0.1 or ::1, or a network, as 10.0.0.0/8."),
                    }
                })
            };
            if let Operand::Range(from, to) = operand {
                match (read(from)?.first(), read(to)?.first()) {
                    (Some((low, _)), Some((_, high))) if low <= high => ranges.push((*low, *high)),
                    _ => {
                        return Err(Problem::new(place.clone(), "Nothing is in this range.")
                            .hint("Write the smaller one first."));
                    }
                }
            } else {
                ranges.extend(read(self.word(operand, place)?)?);
            }
        }
        Ok(Check::Ips { ranges, is_negated: self.is_negated() })
    }

    fn rules(&self) -> Result<Check, Problem> {
        let mut among = 0;
        let mut add = |fits: &dyn Fn(&str) -> bool| {
            let found =
                rule_names().enumerate().filter(|(_, (name, _))| fits(name)).fold(0, |bits, (at, _)| bits | 1 << at);
            among |= found;
            found != 0
        };
        match self.operator {
            Operator::Matches => {
                let regex = self.regex()?;
                add(&|name| regex.is_match(name));
            }
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                let relation = self.relation();
                for needle in self.needles(false)? {
                    add(&|name| needle.fits(relation, name.as_bytes()));
                }
            }
            _ if self.is_equality() => {
                for (operand, place) in self.operands {
                    let word = self.word(operand, place)?;
                    if !add(&|name| name.eq_ignore_ascii_case(word)) {
                        let problem = Problem::new(place.clone(), format!("No rule is called `{word}`."));
                        return Err(match nearest(word, rule_names().map(|(name, _)| name)) {
                            Some(name) => problem.hint(format!("Did you mean `{name}`?")),
                            None => problem.hint("Alone, `violation` finds what breaks any rule."),
                        });
                    }
                }
            }
            _ => {
                return Err(self.unfit("Compare it with ==, `in` or `contains`; alone, it finds what breaks any rule."));
            }
        }
        Ok(Check::Rules { among, is_negated: self.is_negated() })
    }

    fn bytes(&self, is_hex: bool) -> Result<Check, Problem> {
        if self.operator == Operator::Matches {
            return self.regex().map(Check::Regex);
        }
        if self.is_order() {
            return Err(self.unfit(&format!("`len({})` is its length, and that can be compared so.", self.name)));
        }
        Ok(Check::Bytes { relation: self.relation(), needles: self.needles(is_hex)?, is_negated: self.is_negated() })
    }

    fn json(&self) -> Result<Check, Problem> {
        match self.operator {
            Operator::Matches => return self.regex().map(Check::Regex),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => return self.bytes(false),
            _ => {}
        }
        let number = |word: &str| word.parse::<f64>().ok().filter(|number| number.is_finite());
        let need = |word: &str, place: &Range<usize>| {
            number(word).ok_or_else(|| {
                Problem::new(place.clone(), format!("`{word}` is no number.")).hint("Only numbers can be compared so.")
            })
        };
        let mut wanted = Vec::new();
        for (operand, place) in self.operands {
            wanted.push(match (operand, self.operator) {
                (Operand::Range(from, to), _) => {
                    Wanted::Numbers { from: (need(from, place)?, true), to: (need(to, place)?, true) }
                }
                (operand, order) if self.is_order() => {
                    let value = need(self.word(operand, place)?, place)?;
                    let (low, high) = ((f64::NEG_INFINITY, true), (f64::INFINITY, true));
                    match order {
                        Operator::Greater => Wanted::Numbers { from: (value, false), to: high },
                        Operator::GreaterOrEqual => Wanted::Numbers { from: (value, true), to: high },
                        Operator::Less => Wanted::Numbers { from: low, to: (value, false) },
                        _ => Wanted::Numbers { from: low, to: (value, true) },
                    }
                }
                (Operand::Quoted { text, ignore_case }, _) => {
                    Wanted::Text(Needle::new(text.as_bytes(), *ignore_case, Relation::Equal))
                }
                (operand, _) => {
                    let word = self.word(operand, place)?;
                    Wanted::Word(Needle::new(word.as_bytes(), false, Relation::Equal), number(word))
                }
            });
        }
        Ok(Check::Json { wanted, is_negated: self.is_negated() })
    }

    fn needles(&self, is_hex: bool) -> Result<Vec<Needle>, Problem> {
        let relation = self.relation();
        let needle = |(operand, place): &(Operand, Range<usize>)| match operand {
            Operand::Quoted { text, ignore_case } => Ok(Needle::new(text.as_bytes(), *ignore_case, relation)),
            operand => {
                let word = self.word(operand, place)?;
                if !is_hex {
                    return Ok(Needle::new(word.as_bytes(), false, relation));
                }
                let bytes = literal::bytes(word).ok_or_else(|| {
                    Problem::new(place.clone(), format!("`{word}` are no bytes in hex."))
                        .hint(format!("Write bytes, as 81:01 or 0x8101, or text in quotation marks: \"{word}\"."))
                })?;
                Ok(Needle::new(&bytes, false, relation))
            }
        };
        self.operands.iter().map(needle).collect()
    }

    fn regex(&self) -> Result<Regex, Problem> {
        let Some((operand, place)) = self.operands.first() else {
            return Err(Problem::new(self.sign.1.clone(), "An expression is missing."));
        };
        match operand {
            Operand::Regex { pattern, ignore_case } => regex(pattern, *ignore_case, place.clone()),
            operand => regex(self.word(operand, place)?, false, place.clone()),
        }
    }

    fn each<T>(&self, read: impl Fn(&str, Range<usize>) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        self.operands.iter().map(|(operand, place)| read(self.word(operand, place)?, place.clone())).collect()
    }

    fn word<'o>(&self, operand: &'o Operand, place: &Range<usize>) -> Result<&'o str, Problem> {
        match operand {
            Operand::Word(word) | Operand::Quoted { text: word, .. } => Ok(word),
            Operand::Range(..) => Err(Problem::new(place.clone(), format!("`{}` has no ranges.", self.name))
                .hint("Put quotation marks around the dots if they are meant as such.")),
            Operand::Regex { pattern, .. } => {
                Err(Problem::new(place.clone(), "A regular expression goes with `matches`.")
                    .hint(format!("`{} matches /{pattern}/`.", self.name)))
            }
            Operand::Field(field, _) => {
                Err(Problem::new(place.clone(), format!("`{}` cannot be compared with another field.", self.name))
                    .hint(format!("Put quotation marks around `{}` if the word is meant.", field.name())))
            }
        }
    }

    const fn relation(&self) -> Relation {
        match self.operator {
            Operator::Contains => Relation::Contains,
            Operator::StartsWith => Relation::StartsWith,
            Operator::EndsWith => Relation::EndsWith,
            _ => Relation::Equal,
        }
    }

    const fn is_negated(&self) -> bool {
        matches!(self.operator, Operator::NotEqual | Operator::NotIn)
    }

    const fn is_equality(&self) -> bool {
        matches!(self.operator, Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn)
    }

    const fn is_order(&self) -> bool {
        matches!(self.operator, Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual)
    }

    /// The operator does not go with the field.
    fn unfit(&self, hint: &str) -> Problem {
        let (sign, place) = &self.sign;
        let kind = self.place.kind().name();
        Problem::new(place.clone(), format!("`{}` is {kind}, and `{sign}` does not go with that.", self.name))
            .hint(hint)
    }
}

pub(super) fn regex(pattern: &str, ignore_case: bool, place: Range<usize>) -> Result<Regex, Problem> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .nest_limit(REGEX_DEPTH)
        .size_limit(REGEX_SIZE)
        .build()
        .map_err(|error| Problem::new(place, format!("This is no regular expression: {error}.")))
}

/// The name that is nearest to what was written, if it is near.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let near = names.map(|name| (distance(&word, name), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= 1 + word.len().min(near.1.len()) / 3 && near.0 < word.len().max(2)).then_some(near.1)
}

/// How many letters are other, more, fewer, or changed places.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut previous = '\0';
    for (number, letter) in one.chars().enumerate() {
        let mut next = vec![number + 1];
        for (at, against) in other.iter().enumerate() {
            let mut least = (row[at] + usize::from(letter != *against)).min(row[at + 1] + 1).min(next[at] + 1);
            if at > 0 && number > 0 && previous == *against && letter == other[at - 1] {
                least = least.min(before[at - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        previous = letter;
    }
    row.last().copied().unwrap_or_default()
}

const REGEX_DEPTH: u32 = 50;
const REGEX_SIZE: usize = 256 * 1024;
