//! The words of a filter. What a word is depends on where it stands: behind a comparison `/socket.io/`, `::1` and `81:01`
//! are values, so the parser says what it looks for.

use std::ops::Range;

use super::Problem;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// What stood between quotation marks, or slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) text: String,
    pub(super) ignore_case: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Passes over white space, and says whether that was all.
    pub(super) fn is_end(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.rest().is_empty()
    }

    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.at += sign.len();
        }
        is_there
    }

    /// A word of the language, in any case, where no other word has it as its beginning.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let rest = self.rest();
        let is_there = rest.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword))
            && !rest[keyword.len()..].starts_with(is_of_name);
        if is_there {
            self.at += keyword.len();
        }
        is_there
    }

    /// What may be the name of a field: `mask.key`, `header.user-agent`.
    pub(super) fn name(&mut self) -> (&'a str, Range<usize>) {
        self.run(is_of_name)
    }

    /// A value without quotation marks.
    pub(super) fn word(&mut self) -> (&'a str, Range<usize>) {
        self.run(is_of_word)
    }

    /// What is at fault here: the next word, or the next sign.
    pub(super) fn next_place(&self) -> Range<usize> {
        let rest = self.rest();
        let word = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
        let sign = rest.chars().next().map_or(0, char::len_utf8);
        self.at..self.at + word.max(sign)
    }

    fn run(&mut self, is_of_it: fn(char) -> bool) -> (&'a str, Range<usize>) {
        let rest = self.rest();
        let len = rest.find(|c| !is_of_it(c)).unwrap_or(rest.len());
        let start = self.at;
        self.at += len;
        (&rest[..len], start..self.at)
    }

    /// Text in quotation marks of either kind, with an `r` in front if backslashes mean themselves, and an `i` behind if
    /// the case does not matter. For an expression backslashes are kept, but those before the mark.
    pub(super) fn quoted(&mut self, for_regex: bool) -> Result<Option<(Quoted, Range<usize>)>, Problem> {
        let start = self.at;
        let rest = self.rest();
        let is_raw = rest.starts_with("r\"") || rest.starts_with("r'");
        let Some(mark @ ('"' | '\'')) = rest.chars().nth(usize::from(is_raw)) else { return Ok(None) };
        self.at += 1 + usize::from(is_raw);
        let mut text = String::new();
        loop {
            let at = self.at;
            let Some(next) = self.next() else {
                return Err(Problem::new(start..self.text.len(), "The quotation mark behind this is missing."));
            };
            match next {
                end if end == mark => break,
                '\\' if is_raw => text.push('\\'),
                '\\' if for_regex => match self.next() {
                    Some(next) if next == mark => text.push(mark),
                    Some(next) => text.extend(['\\', next]),
                    None => {}
                },
                '\\' => text.push(self.escape(at)?),
                other => text.push(other),
            }
        }
        let ignore_case = self.eat_keyword("i");
        Ok(Some((Quoted { text, ignore_case }, start..self.at)))
    }

    /// An expression between slashes, with an `i` behind if the case does not matter.
    pub(super) fn slashed(&mut self) -> Result<Option<(Quoted, Range<usize>)>, Problem> {
        let start = self.at;
        if !self.eat("/") {
            return Ok(None);
        }
        let mut text = String::new();
        loop {
            match self.next() {
                Some('/') => break,
                Some('\\') => match self.next() {
                    Some('/') => text.push('/'),
                    next => text.extend(std::iter::once('\\').chain(next)),
                },
                Some(other) => text.push(other),
                None => {
                    return Err(Problem::new(start..self.text.len(), "The slash behind this expression is missing."));
                }
            }
        }
        let (flags, place) = self.name();
        match flags {
            "" | "i" => Ok(Some((Quoted { text, ignore_case: flags == "i" }, start..self.at))),
            _ => Err(Problem::new(place, format!("`{flags}` is no flag of an expression."))
                .hint("There is only `i`, for either case; within, there are (?m) and (?s).")),
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// What stands behind a backslash at `at`.
    fn escape(&mut self, at: usize) -> Result<char, Problem> {
        let escape = self.next();
        let hex = |digits: &str| u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
        let (value, len) = match escape {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('0') => return Ok('\0'),
            Some(same @ ('"' | '\'' | '\\' | '/')) => return Ok(same),
            Some('x') => (self.rest().get(..2).and_then(hex).filter(|value| *value < 0x80), 2),
            Some('u') if self.rest().starts_with('{') => {
                let end = self.rest().find('}').unwrap_or_default();
                (self.rest().get(1..end).and_then(hex), end + 1)
            }
            Some('u') => (self.rest().get(..4).and_then(hex), 4),
            _ => (None, 0),
        };
        match value.and_then(char::from_u32) {
            Some(character) => {
                self.at += len;
                Ok(character)
            }
            None => {
                let hint = match escape {
                    Some('x') => "Write bytes from 80 up as hex without quotation marks: 0xCAFE.",
                    Some('u') => "Write four hex digits, as \\u00e9, or any number of them in braces.",
                    _ => "Write \\\\ for a backslash, or an r in front of the quotation mark.",
                };
                Err(Problem::new(at..self.at, "This means nothing behind a backslash.").hint(hint))
            }
        }
    }
}

pub(super) fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | '$')
}

pub(super) fn is_of_word(character: char) -> bool {
    !character.is_whitespace()
        && !matches!(character, '(' | ')' | '{' | '}' | ',' | '&' | '|' | '!' | '<' | '>' | '=' | '"' | '\'' | '*')
}
