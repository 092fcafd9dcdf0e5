//! From text to a checked filter, and what could stand where a text ends.

use std::ops::Range;

use super::check::{Check, Written, nearest, regex};
use super::json::Step;
use super::literal::{self, Unit};
use super::scan::{Quoted, Scan};
use super::tree::{Node, Operand, Operator, Part, Place, Test};
use super::{DEPTH_MAX, FIELDS, Field, LEN_MAX, Problem, Search, Type};

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
    let check = Check::new(&written)?;
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

struct Parser<'a> {
    scan: Scan<'a>,
    depth: usize,
    brackets: usize,
    expected: Option<Expected>,
}

impl Parser<'_> {
    /// The text ends here, and this could have followed.
    fn expect(&mut self, expected: impl FnOnce() -> Expected) {
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
        let check = Check::new(&Written { place: &place, name, operator, sign, operands: &operands })?;
        let operands = operands.into_iter().map(|(operand, _)| operand).collect();
        Ok(Node::Test(Box::new(Test { place, operator, operands, check })))
    }

    /// A field or a part of it, and whether `lower` or `upper` was said about it.
    fn place(&mut self) -> Result<(Place, bool), Problem> {
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

impl Place {
    fn header(&self) -> &str {
        match &self.part {
            Part::Header(name) => name,
            _ => "",
        }
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

const fn example(kind: Type) -> &'static str {
    match kind {
        Type::Flag => "Write 0 or 1.",
        Type::Number | Type::Word | Type::Json => "Write a number or a name.",
        Type::Size => Unit::Bytes.examples(),
        Type::Time => Unit::Time.examples(),
        Type::Ip => "Write an address, as 127.0.0.1 or ::1, or a network, as 10.0.0.0/8.",
        Type::Rules => "Write the name of a rule, as `invalid-utf8`.",
        Type::Text => "Write text in quotation marks.",
        Type::Bytes => "Write bytes, as 81:01 or 0x8101, or text in quotation marks.",
    }
}

/// Longer ones first.
const SIGNS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("≠", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("≥", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("≤", Operator::LessOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Matches),
];

const WORDS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("ge", Operator::GreaterOrEqual),
    ("le", Operator::LessOrEqual),
    ("gt", Operator::Greater),
    ("lt", Operator::Less),
    ("contains", Operator::Contains),
    ("matches", Operator::Matches),
    ("startswith", Operator::StartsWith),
    ("endswith", Operator::EndsWith),
    ("in", Operator::In),
];

/// What people write elsewhere, and what it is here.
const NO_SIGNS: &[(&str, &str)] = &[
    ("===", "Write `==`."),
    ("!==", "Write `!=`."),
    ("=~", "Write `matches` or `~`."),
    ("!~", "Write `not {} matches ..`."),
    ("=>", "Write `>=`."),
    ("=<", "Write `<=`."),
    ("<>", "Write `!=`."),
    (":", "Write `{} == ..`."),
];

const NO_WORDS: &[(&str, &str)] = &[
    ("is", "Write `==`; a flag stands alone."),
    ("equals", "Write `==`."),
    ("includes", "Write `contains`."),
    ("has", "Write `contains`."),
    ("like", "Write `contains`, or `matches` for an expression."),
    ("starts", "Write `startswith`."),
    ("ends", "Write `endswith`."),
    ("between", "Write `in from..to`."),
    ("xor", "Write `!=` between flags, or `and`, `or`, `not`."),
];

const NO_FIELDS: &[(&str, &str)] = &[
    ("larger-than", "Write `length > 10KiB`."),
    ("status_code", "Did you mean `status`, or `close.code`?"),
    ("code", "Did you mean `close.code`?"),
    ("reason", "Did you mean `close.reason`?"),
    ("http.user_agent", "Write `header.user-agent`."),
    ("user-agent", "Write `header.user-agent`."),
    ("cookie", "Write `header.cookie`."),
    ("is", "A flag stands alone: `masked`."),
    ("tcp", "Everything listed came over TCP. `frame` finds frames, `handshake` handshakes."),
    ("ping", "Write `opcode == ping`."),
    ("pong", "Write `opcode == pong`."),
    ("close", "Write `opcode == close`."),
    ("binary", "Write `opcode == binary`, or `message.kind == binary`."),
    ("c2s", "Write `dir == c2s`."),
    ("s2c", "Write `dir == s2c`."),
    ("sent", "Write `dir == c2s`."),
    ("received", "Write `dir == s2c`."),
    ("websocket.payload.ping", "Write `opcode == ping`, and `payload` for its bytes."),
    ("websocket.payload.pong", "Write `opcode == pong`, and `payload` for its bytes."),
];
