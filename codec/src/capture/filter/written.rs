//! From a comparison as it was written to one that can be made: here the types are checked.

use std::ops::Range;

use regex_lite::{Regex, RegexBuilder};

use super::check::{Check, Needle, Relation, Wanted};
use super::decimal::decimal;
use super::literal::{self, Spot, Unit};
use super::near::nearest;
use super::tree::{Operand, Operator, Place};
use super::{Field, Problem, Type, names_of};

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

impl Written<'_> {
    /// What it comes to.
    pub(super) fn check(&self) -> Result<Check, Problem> {
        if self.operator == Operator::Is {
            return Ok(Check::Present);
        }
        if let [(Operand::Field(field, times), place)] = self.operands {
            return self.against(*field, *times, place.clone());
        }
        match self.place.kind() {
            Type::Flag => self.flags(),
            kind @ (Type::Number | Type::Word | Type::Size | Type::Time) => self.numbers(kind),
            Type::Ip => self.ips(),
            Type::Rules => self.rules(),
            Type::Text => self.bytes(false),
            Type::Bytes => self.bytes(true),
            Type::Json => self.json(),
        }
    }

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
        let field = self.place.field;
        let mut add = |fits: &dyn Fn(&str) -> bool| {
            let found = names_of(field).filter(|(_, name, _)| fits(name)).fold(0, |bits, (bit, _, _)| bits | 1 << bit);
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
                        let what = if field == Field::Finding { "finding" } else { "rule" };
                        let problem = Problem::new(place.clone(), format!("No {what} is called `{word}`."));
                        return Err(match nearest(word, names_of(field).map(|(_, name, _)| name)) {
                            Some(name) => problem.hint(format!("Did you mean `{name}`?")),
                            None => problem.hint(format!("Alone, `{}` finds any.", field.name())),
                        });
                    }
                }
            }
            _ => {
                return Err(self.unfit("Compare it with ==, `in` or `contains`; alone, it finds any."));
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
        let number = |word: &str| decimal(word.as_bytes());
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
        .map_err(|error| {
            let error = error.to_string();
            if error.contains("size limit") {
                return Problem::new(place, "This regular expression is too large.")
                    .hint("Repeat and list less in it, or look for parts of it, joined by `and` or `or`.");
            }
            Problem::new(place, format!("This is no regular expression: {error}."))
        })
}

const REGEX_DEPTH: u32 = 50;
/// The most bytes of a compiled expression. In the worst case each byte of a text is compared with all of it, and nobody
/// else is served meanwhile: at this size, a message of 1 MiB takes 0.7 s of a processor then, most take 0.1 s. Where
/// pointers are short, so is what is compiled.
const REGEX_SIZE: usize = 256 * (size_of::<usize>() + 4);
