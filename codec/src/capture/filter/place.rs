//! The left side of a comparison: a field, or a part of one.

use std::ops::Range;

use super::habits::NO_FIELDS;
use super::json::Step;
use super::near::nearest;
use super::parse::{Expected, Parser};
use super::scan::Quoted;
use super::tree::{Part, Place};
use super::{FIELDS, Field, Problem, Type};

impl Parser<'_> {
    /// A field or a part of it, and whether `lower` or `upper` was said about it.
    pub(super) fn place(&mut self) -> Result<(Place, bool), Problem> {
        let (name, span) = self.scan.name();
        if name.is_empty() {
            let place = self.scan.next_place();
            let found = &self.scan.text[place.clone()];
            return Err(Problem::new(place, format!("A condition cannot begin with `{found}`."))
                .hint("Begin with a field, as `opcode` or `length`, or with text in quotation marks."));
        }
        let function = ["len", "lower", "upper"].into_iter().find(|function| function.eq_ignore_ascii_case(name));
        let open = self.scan.at;
        let Some(function) = function.filter(|_| !self.scan.is_end() && self.scan.eat("(")) else {
            self.scan.at = span.end;
            return Ok((self.field(name, span)?, false));
        };
        if self.scan.is_end() {
            self.expect(|| Expected::Condition);
        }
        let (name, span) = self.scan.name();
        let mut place = self.field(name, span.clone())?;
        let kind = place.kind();
        let is_text = matches!(kind, Type::Text | Type::Bytes) || kind == Type::Json && function != "len";
        if !is_text {
            return Err(Problem::new(span, format!("`{name}` is {}, and `{function}` is of text.", kind.name())));
        }
        place.is_len = function == "len";
        if self.scan.is_end() || !self.scan.eat(")") {
            return Err(Problem::new(open..open + 1, "The ) to this is missing."));
        }
        Ok((place, function != "len"))
    }

    fn field(&mut self, name: &str, span: Range<usize>) -> Result<Place, Problem> {
        let rest_of = |prefix: &str| {
            name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)).map(|_| &name[prefix.len()..])
        };
        let mut place = if let Some(header) = rest_of("header.") {
            Place { part: Part::Header(header.to_ascii_lowercase()), ..Place::whole(Field::Header) }
        } else if let Some(path) = rest_of("json.") {
            Place { part: Part::Path(members(path, &span)?), ..Place::whole(Field::Json) }
        } else if let Some(field) = Field::named(name) {
            Place::whole(field)
        } else {
            return Err(unknown(name, span));
        };
        if place.field == Field::Header
            && matches!(&place.part, Part::Whole | Part::Header(_) if place.header().is_empty())
        {
            return Err(Problem::new(span, "Which header?").hint("Write its name behind a dot: `header.user-agent`."));
        }
        while self.scan.rest().starts_with('[') {
            let open = self.scan.at;
            self.scan.at += 1;
            match place.field.info().kind {
                Type::Json => self.step(&mut place, open)?,
                Type::Bytes | Type::Text if place.part == Part::Whole => place.part = self.slice(open)?,
                kind => {
                    return Err(Problem::new(
                        open..open + 1,
                        format!("`{name}` is {}, and has no parts.", kind.name()),
                    ));
                }
            }
            if !self.scan.eat("]") {
                return Err(Problem::new(open..self.scan.at, "The ] to this is missing."));
            }
            if place.field == Field::Json && self.scan.eat(".") {
                let (path, span) = self.scan.name();
                let path = members(path, &span)?;
                if let Part::Path(steps) = &mut place.part {
                    steps.extend(path);
                }
            }
        }
        Ok(place)
    }

    /// Into an array, or to a member whose name has other letters than others.
    fn step(&mut self, place: &mut Place, open: usize) -> Result<(), Problem> {
        let step = if let Some((Quoted { text, .. }, _)) = self.scan.quoted(false)? {
            Step::Member(text)
        } else if self.scan.eat("*") {
            Step::Each
        } else {
            let (digits, _) = self.scan.name();
            let Ok(index) = digits.parse() else {
                return Err(Problem::new(open..self.scan.at, "Which element?").hint("Write [0], [*] or [\"name\"]."));
            };
            Step::Index(index)
        };
        match &mut place.part {
            Part::Path(steps) => steps.push(step),
            part => *part = Part::Path(vec![step]),
        }
        Ok(())
    }

    /// `[from:length]`, `[from-last]`, `[at]`, as Wireshark has them.
    fn slice(&mut self, open: usize) -> Result<Part, Problem> {
        let rest = self.scan.rest();
        let inside = &rest[..rest.find(']').unwrap_or(rest.len())];
        self.scan.at += inside.len();
        let number = |text: &str| text.trim().parse::<i64>().ok();
        let part = if let Some((from, len)) = inside.split_once(':') {
            let from = if from.trim().is_empty() { Some(0) } else { number(from) };
            match (from, number(len)) {
                (Some(from), Some(len)) if len > 0 => {
                    // The end of what is counted from the end may be the end.
                    let to = from.checked_add(len);
                    to.filter(|to| from >= 0 || *to <= 0)
                        .map(|to| Part::Slice(from, Some(to).filter(|to| from >= 0 || *to < 0)))
                }
                (Some(from), None) if len.trim().is_empty() => Some(Part::Slice(from, None)),
                _ => None,
            }
        } else if let Some((from, last)) = inside.split_once('-').filter(|(from, _)| !from.trim().is_empty()) {
            number(from)
                .zip(number(last))
                .filter(|(from, last)| from <= last && *last < i64::MAX)
                .map(|(from, last)| Part::Slice(from, Some(last + 1)))
        } else {
            number(inside).filter(|at| *at < i64::MAX).map(|at| Part::Slice(at, Some(at + 1).filter(|end| *end != 0)))
        };
        part.ok_or_else(|| {
            Problem::new(open..self.scan.at, "This is no part of bytes.")
                .hint("Write [0:2] for two from the first on, [2:] for all from the third, [0] for one.")
        })
    }
}

impl Place {
    fn header(&self) -> &str {
        match &self.part {
            Part::Header(name) => name,
            _ => "",
        }
    }
}

fn members(path: &str, span: &Range<usize>) -> Result<Vec<Step>, Problem> {
    if path.split('.').any(str::is_empty) {
        return Err(Problem::new(span.clone(), "The name of a member is missing.")
            .hint("Write it behind the dot: `json.type`."));
    }
    Ok(path.split('.').map(|name| Step::Member(name.into())).collect())
}

/// No field has this name.
fn unknown(name: &str, span: Range<usize>) -> Problem {
    if name.is_empty() {
        return Problem::new(span, "The name of a field is missing.");
    }
    let problem = Problem::new(span, format!("There is no field `{name}`."));
    if let Some((_, hint)) = NO_FIELDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return problem.hint(*hint);
    }
    let names = || FIELDS.iter().flat_map(|info| std::iter::once(info.name).chain(info.aliases.iter().copied()));
    match nearest(name, names()) {
        Some(near) => problem.hint(format!("Did you mean `{}`?", Field::named(near).map_or(near, Field::name))),
        None => problem.hint(format!("To look for the word, put it in quotation marks: \"{name}\".")),
    }
}
