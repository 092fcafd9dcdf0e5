//! From text to a checked filter, and what could stand where a text ends.

use std::ops::Range;

use super::check::Check;
use super::habits::{NO_SIGNS, NO_WORDS, SIGNS, WORDS};
use super::literal::{self, Unit};
use super::scan::{Quoted, Scan};
use super::tree::{Node, Operand, Operator, Place, Test};
use super::written::{Written, regex};
use super::{DEPTH_MAX, Field, LEN_MAX, Problem, Search, Type};

/// What could come where a text ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Condition,
    /// Or `and`, since a field can stand alone.
    Operator(Place),
    Value(Place, Operator),
    /// And with so many brackets open.
    Connective(usize),
}

pub(super) fn parse(text: &str) -> (Result<Node, Problem>, Option<Expected>) {
    let mut parser = Parser { scan: Scan { text, at: 0 }, depth: 0, brackets: 0, expected: None };
    if text.len() > LEN_MAX {
        let problem = Problem::new(text.floor_char_boundary(LEN_MAX)..text.len(), "This is too long for a filter.");
        return (Err(problem), None);
    }
    let parsed = if parser.scan.is_end() {
        parser.expected = Some(Expected::Condition);
        Ok(Node::all(Vec::new()))
    } else {
        parser.any().and_then(|node| parser.nothing_left().map(|()| node))
    };
    (parsed, parser.expected)
}

pub(super) fn search(search: Search, text: &str, match_case: bool) -> Result<Node, Problem> {
    let all = 0..text.len();
    if text.len() > LEN_MAX {
        return Err(Problem::new(all, "This is too long to search for."));
    }
    let (operator, operand) = match search {
        Search::Filter => return parse(text).0,
        _ if text.is_empty() => return Ok(Node::all(Vec::new())),
        Search::Text => (Operator::Contains, Operand::Quoted { text: text.into(), ignore_case: !match_case }),
        Search::Hex => {
            let Some(bytes) = literal::bytes(text.trim()) else {
                return Err(
                    Problem::new(all, "These are no bytes in hex.").hint("Write two digits for each, as 81 05.")
                );
            };
            let mut word = String::from("0x");
            for byte in bytes {
                for half in [byte >> 4, byte & 0xF] {
                    word.extend(char::from_digit(half.into(), 16));
                }
            }
            (Operator::Contains, Operand::Word(word))
        }
        Search::Regex => (Operator::Matches, Operand::Regex { pattern: bare_slashes(text), ignore_case: !match_case }),
    };
    of_content(operator, operand, all)
}

/// A condition on all that a row says.
fn of_content(operator: Operator, operand: Operand, place: Range<usize>) -> Result<Node, Problem> {
    let (content, operands) = (Place::whole(Field::Content), [(operand, place.clone())]);
    let written = Written { place: &content, name: "content", operator, sign: ("", place), operands: &operands };
    let check = written.check()?;
    let operands = operands.map(|(operand, _)| operand).into();
    Ok(Node::Test(Box::new(Test { place: content, operator, operands, check })))
}

/// An expression without backslashes before slashes, where they mean nothing.
fn bare_slashes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match (character, characters.clone().next()) {
            ('\\', Some('/')) => {}
            ('\\', Some(escaped)) => {
                out.extend(['\\', escaped]);
                characters.next();
            }
            _ => out.push(character),
        }
    }
    out
}

pub(super) struct Parser<'a> {
    pub(super) scan: Scan<'a>,
    depth: usize,
    brackets: usize,
    expected: Option<Expected>,
}

impl Parser<'_> {
    /// The text ends here, and this could have followed.
    pub(super) fn expect(&mut self, expected: impl FnOnce() -> Expected) {
        self.expected.get_or_insert_with(expected);
    }

    fn any(&mut self) -> Result<Node, Problem> {
        let mut nodes = vec![self.all()?];
        while self.connective("or", "||", '|')? {
            nodes.push(self.all()?);
        }
        Ok(Node::any(nodes))
    }

    fn all(&mut self) -> Result<Node, Problem> {
        let mut nodes = vec![self.condition()?];
        while self.connective("and", "&&", '&')? {
            nodes.push(self.condition()?);
        }
        Ok(Node::all(nodes))
    }

    fn connective(&mut self, word: &str, sign: &str, half: char) -> Result<bool, Problem> {
        if self.scan.is_end() {
            let brackets = self.brackets;
            self.expect(|| Expected::Connective(brackets));
            return Ok(false);
        }
        if self.scan.eat(sign) || self.scan.eat_keyword(word) {
            return Ok(true);
        }
        if self.scan.rest().starts_with(half) {
            return Err(Problem::new(self.scan.next_place(), format!("`{half}` is no operator."))
                .hint(format!("Write `{word}` or `{sign}`.")));
        }
        Ok(false)
    }

    fn nothing_left(&mut self) -> Result<(), Problem> {
        if self.scan.is_end() {
            return Ok(());
        }
        let place = self.scan.next_place();
        Err(if self.scan.rest().starts_with(')') {
            Problem::new(place, "There is no ( to this ).")
        } else {
            Problem::new(place, "This does not go on from what is before it.").hint(
                "Write `and` or `or` between conditions, and quotation marks around text that is more than a word.",
            )
        })
    }

    fn condition(&mut self) -> Result<Node, Problem> {
        let start = self.scan.at;
        if self.scan.is_end() {
            self.expect(|| Expected::Condition);
            let word = self.scan.text[..start].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
            return Err(Problem::new(start..start, format!("A condition is missing behind `{word}`."))
                .hint("Begin with a field, as `opcode` or `length`."));
        }
        let start = self.scan.at;
        if self.scan.eat_keyword("not") || (!self.scan.rest().starts_with("!=") && self.scan.eat("!")) {
            return self.deeper(start, |parser| Ok(Node::Not(Box::new(parser.condition()?))));
        }
        if self.scan.eat("(") {
            self.brackets += 1;
            let node = self.deeper(start, Self::any)?;
            if self.scan.is_end() {
                return Err(Problem::new(start..start + 1, "The ) to this is missing."));
            }
            if !self.scan.eat(")") {
                self.nothing_left()?;
            }
            self.brackets -= 1;
            return Ok(node);
        }
        // Text alone is looked for in all that a row says.
        if let Some((Quoted { text, .. }, place)) = self.scan.quoted(false)? {
            return of_content(Operator::Contains, Operand::Quoted { text, ignore_case: true }, place);
        }
        if let Some((Quoted { text, ignore_case }, place)) = self.scan.slashed()? {
            return of_content(Operator::Matches, Operand::Regex { pattern: text, ignore_case }, place);
        }
        self.test()
    }

    fn deeper(
        &mut self,
        start: usize,
        parse: impl FnOnce(&mut Self) -> Result<Node, Problem>,
    ) -> Result<Node, Problem> {
        if self.depth == DEPTH_MAX {
            return Err(Problem::new(start..start + 1, "This is nested too deeply."));
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
    }

    fn test(&mut self) -> Result<Node, Problem> {
        let start = self.scan.at;
        let (mut place, ignore_case) = self.place()?;
        let name = &self.scan.text[start..self.scan.at];
        let Some((operator, sign)) = self.operator(&place, name)? else {
            let check = Check::Present;
            return Ok(Node::Test(Box::new(Test { place, operator: Operator::Is, operands: Vec::new(), check })));
        };
        if place == Place::whole(Field::Frame) && matches!(operator, Operator::Contains | Operator::Matches) {
            place.field = Field::Content; // as Wireshark has it
        }
        let mut operands = self.operands(&place, name, operator)?;
        if ignore_case {
            operands.iter_mut().for_each(|(operand, _)| operand.ignore_case());
        }
        let sign = (&self.scan.text[sign.clone()], sign);
        let check = Written { place: &place, name, operator, sign, operands: &operands }.check()?;
        let operands = operands.into_iter().map(|(operand, _)| operand).collect();
        Ok(Node::Test(Box::new(Test { place, operator, operands, check })))
    }

    fn operator(&mut self, place: &Place, name: &str) -> Result<Option<(Operator, Range<usize>)>, Problem> {
        if self.scan.is_end() {
            self.expect(|| Expected::Operator(place.clone()));
            return Ok(None);
        }
        let start = self.scan.at;
        for (sign, hint) in NO_SIGNS {
            if self.scan.eat(sign) {
                return Err(Problem::new(start..self.scan.at, format!("`{sign}` is no operator."))
                    .hint(hint.replace("{}", name)));
            }
        }
        for (sign, operator) in SIGNS {
            if self.scan.eat(sign) {
                return Ok(Some((*operator, start..self.scan.at)));
            }
        }
        if self.scan.eat("=") {
            return Err(Problem::new(start..self.scan.at, "`=` is no operator.").hint("Write `==`."));
        }
        for (word, operator) in WORDS {
            if self.scan.eat_keyword(word) {
                return Ok(Some((*operator, start..self.scan.at)));
            }
        }
        for (word, hint) in NO_WORDS {
            if self.scan.eat_keyword(word) {
                return Err(Problem::new(start..self.scan.at, format!("`{word}` is no operator.")).hint(*hint));
            }
        }
        if self.scan.eat_keyword("not") && !self.scan.is_end() && self.scan.eat_keyword("in") {
            return Ok(Some((Operator::NotIn, start..self.scan.at)));
        }
        self.scan.at = start;
        if self.scan.rest().starts_with('&') && !self.scan.rest().starts_with("&&") {
            return Err(Problem::new(start..start + 1, "`&` is no operator.")
                .hint("Write `and`; single bits have names: `rsv1`, `fin`."));
        }
        Ok(None)
    }

    fn operands(
        &mut self,
        place: &Place,
        name: &str,
        operator: Operator,
    ) -> Result<Vec<(Operand, Range<usize>)>, Problem> {
        let expected = || Expected::Value(place.clone(), operator);
        if self.scan.is_end() {
            self.expect(expected);
        }
        let open = self.scan.at;
        if !self.scan.eat("{") {
            return Ok(vec![self.operand(place, name, operator)?]);
        }
        if !matches!(operator, Operator::In | Operator::NotIn) {
            return Err(
                Problem::new(open..open + 1, "A list goes with `in`.").hint(format!("Write `{name} in {{..}}`."))
            );
        }
        let mut operands = Vec::new();
        loop {
            if self.scan.is_end() {
                self.expect(expected);
                return Err(Problem::new(open..open + 1, "The } to this is missing."));
            }
            if self.scan.eat("}") {
                break;
            }
            operands.push(self.operand(place, name, operator)?);
            if !self.scan.is_end() {
                self.scan.eat(",");
            }
        }
        if operands.is_empty() {
            return Err(Problem::new(open..self.scan.at, "Nothing is in this list."));
        }
        Ok(operands)
    }

    fn operand(&mut self, place: &Place, name: &str, operator: Operator) -> Result<(Operand, Range<usize>), Problem> {
        let is_matches = operator == Operator::Matches;
        if let Some((Quoted { text, ignore_case }, span)) = self.scan.quoted(is_matches)? {
            let operand = if is_matches {
                Operand::Regex { pattern: bare_slashes(&text), ignore_case }
            } else {
                Operand::Quoted { text, ignore_case }
            };
            return Ok((operand, span));
        }
        if is_matches && let Some((Quoted { text, ignore_case }, span)) = self.scan.slashed()? {
            return Ok((Operand::Regex { pattern: text, ignore_case }, span));
        }
        let kind = place.kind();
        let (mut word, mut span) = self.scan.word();
        let has_ranges = !matches!(kind, Type::Text | Type::Bytes | Type::Rules | Type::Flag);
        let mut ahead = self.scan;
        if has_ranges && !word.contains("..") && !ahead.is_end() && ahead.rest().starts_with("..") {
            self.scan = ahead;
            span.end = self.scan.word().1.end;
            word = &self.scan.text[span.clone()];
        }
        if has_ranges && word.ends_with("..") && self.scan.is_end() {
            self.expect(|| Expected::Value(place.clone(), operator));
        } else if has_ranges && word.ends_with("..") {
            span.end = self.scan.word().1.end;
            word = &self.scan.text[span.clone()];
        }
        if word.is_empty() {
            let place = if self.scan.is_end() { span } else { self.scan.next_place() };
            return Err(Problem::new(place, format!("What `{name}` is compared with is missing.")).hint(example(kind)));
        }
        if has_ranges && let Some((from, to)) = word.split_once("..") {
            return Ok((Operand::Range(from.trim_end().into(), to.trim_start().into()), span));
        }
        if is_matches {
            // So that what is printed is read as the same.
            regex(word, false, span.clone())?;
            return Ok((Operand::Regex { pattern: bare_slashes(word), ignore_case: false }, span));
        }
        let is_number = matches!(kind, Type::Number | Type::Size | Type::Time);
        if is_number
            && literal::number(word, Unit::of(kind)).is_none()
            && let Some(field) = Field::named(word)
        {
            return self.times(field, span);
        }
        Ok((Operand::Word(word.into()), span))
    }

    /// Another field, and how many times.
    fn times(&mut self, field: Field, mut span: Range<usize>) -> Result<(Operand, Range<usize>), Problem> {
        let mut times = 1;
        if !self.scan.is_end() && self.scan.eat("*") {
            self.scan.is_end();
            let (word, place) = self.scan.word();
            times = word
                .parse()
                .map_err(|_| Problem::new(place.clone(), "How many times?").hint("Write a whole number behind *."))?;
            span.end = place.end;
        }
        Ok((Operand::Field(field, times), span))
    }
}

impl Operand {
    fn ignore_case(&mut self) {
        match self {
            Self::Word(word) => *self = Self::Quoted { text: std::mem::take(word), ignore_case: true },
            Self::Quoted { ignore_case, .. } | Self::Regex { ignore_case, .. } => *ignore_case = true,
            Self::Range(..) | Self::Field(..) => {}
        }
    }
}

const fn example(kind: Type) -> &'static str {
    match kind {
        Type::Flag => "Write 0 or 1.",
        Type::Number | Type::Word | Type::Json => "Write a number or a name.",
        Type::Size => Unit::Bytes.examples(),
        Type::Time => Unit::Time.examples(),
        Type::Ip => "Write an address, as 127.0.0.1 or ::1, or a network, as 10.0.0.0/8.",
        Type::Rules => "Write a name, as `invalid-utf8`; they are offered.",
        Type::Text => "Write text in quotation marks.",
        Type::Bytes => "Write bytes, as 81:01 or 0x8101, or text in quotation marks.",
    }
}
