//! What could be typed next.

use std::ops::Range;

use super::parse::{self, Expected};
use super::scan::{is_of_name, is_of_word};
use super::tree::{Operator, Place};
use super::{FIELDS, Field, Type, names_of};

/// What could stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that an item takes the place of: the word there, or nothing.
    pub place: Range<usize>,
    /// The likeliest first.
    pub items: Vec<Item>,
}

/// One of the things that could stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is put there.
    pub text: String,
    /// What it means.
    pub detail: String,
    /// What kind of thing it is.
    pub kind: ItemKind,
}

/// What could stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The name of a field.
    Field,
    /// A value of one.
    Value,
    /// A comparison, or what joins conditions.
    Operator,
    /// A function of a field.
    Function,
}

impl ItemKind {
    /// `field`, `value`, `operator` or `function`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Value => "value",
            Self::Operator => "operator",
            Self::Function => "function",
        }
    }
}

/// What could stand at byte `at` of the text. `known` tells the values of a field that the rows at hand have, each with
/// a word about it; of [`Field::Json`] and [`Field::Header`] the names behind the dot.
///
/// ```
/// use framescope_codec::capture::filter::complete;
///
/// let texts = |text: &str| complete(text, text.len(), &|_| Vec::new()).items.into_iter().map(|item| item.text);
/// assert_eq!(texts("opcode == pi").next().as_deref(), Some("ping"));
/// assert_eq!(texts("websocket.op").next().as_deref(), Some("opcode"));
/// ```
#[must_use]
pub fn complete(text: &str, at: usize, known: &dyn Fn(Field) -> Vec<(String, String)>) -> Completion {
    let at = text.floor_char_boundary(at);
    let (head, tail) = text.split_at(at);
    let start =
        |is_of_it: fn(char) -> bool| head.rfind(|c| !is_of_it(c)).map_or(0, |last| head.ceil_char_boundary(last + 1));
    let end = |is_of_it: fn(char) -> bool| at + tail.find(|c| !is_of_it(c)).unwrap_or(tail.len());
    // Behind a comparison a word may have other letters than the name of a field.
    for is_of_it in [is_of_name as fn(char) -> bool, is_of_word] {
        let mut from = start(is_of_it);
        if let Some(dots) = head[from..].rfind("..") {
            from += dots + 2;
        }
        let (_, expected) = parse::parse(&head[..from]);
        let Some(expected) = expected else { continue };
        let typed = &head[from..];
        let items = match &expected {
            Expected::Condition => fields(typed, known),
            Expected::Operator(place) => operators(place.kind(), typed),
            Expected::Value(place, operator) => values(place, *operator, typed, known),
            Expected::Connective(brackets) => connectives(*brackets, typed),
        };
        return Completion { place: from..end(is_of_it), items };
    }
    Completion { place: at..at, items: Vec::new() }
}

fn item(kind: ItemKind, text: impl Into<String>, detail: impl Into<String>) -> Item {
    Item { text: text.into(), detail: detail.into(), kind }
}

/// How well a name goes on from what is typed: it begins so, a part of it does, or it is somewhere in it.
fn rank(name: &str, typed: &str) -> Option<u8> {
    let (name, typed) = (name.to_lowercase(), typed.to_lowercase());
    let at = name.find(&typed)?;
    Some(match at {
        0 => 0,
        _ if name[..at].ends_with(['.', '-', '_', '/']) => 1,
        _ => 2,
    })
}

fn fields(typed: &str, known: &dyn Fn(Field) -> Vec<(String, String)>) -> Vec<Item> {
    let mut found: Vec<(u8, Item)> = Vec::new();
    for (prefix, field, always) in [("json.", Field::Json, &[][..]), ("header.", Field::Header, HEADERS)] {
        if typed.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let mut names = known(field);
            for name in always {
                if !names.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    names.push(((*name).into(), String::new()));
                }
            }
            let rest = &typed[prefix.len()..];
            found.extend(names.into_iter().filter_map(|(name, detail)| {
                let rank = rank(&name, rest)?;
                Some((rank, item(ItemKind::Field, format!("{prefix}{name}"), detail)))
            }));
            return sorted(found);
        }
    }
    for info in FIELDS {
        let text = if info.field == Field::Header { "header." } else { info.name };
        if let Some(rank) = rank(info.name, typed) {
            found.push((rank, item(ItemKind::Field, text, info.says)));
        } else if let Some((rank, alias)) = info.aliases.iter().find_map(|alias| Some((rank(alias, typed)?, alias))) {
            found.push((rank + 3, item(ItemKind::Field, text, format!("{alias}: {}", info.says))));
        }
    }
    for (text, detail) in FUNCTIONS {
        if let Some(rank) = rank(text, typed) {
            found.push((rank + 6, item(ItemKind::Function, *text, *detail)));
        }
    }
    if let Some(rank) = rank("not", typed) {
        found.push((rank + 6, item(ItemKind::Operator, "not", "The condition behind it does not hold")));
    }
    sorted(found)
}

fn operators(kind: Type, typed: &str) -> Vec<Item> {
    let equal = [("==", "Is"), ("!=", "Is not")];
    let list = [("in", "Is one of: in {.., ..}")];
    let order = [(">", "Is more than"), ("<", "Is less than"), (">=", "Is at least"), ("<=", "Is at most")];
    let range = [("in", "Is in a list or a range: in {1, 3..5}")];
    let parts = [
        ("contains", "Has this somewhere in it"),
        ("matches", "Fits a regular expression"),
        ("startswith", "Begins with this"),
        ("endswith", "Ends with this"),
    ];
    let join = [("and", "And another condition"), ("or", "Or another condition")];
    let mut all: Vec<(&str, &str)> = Vec::new();
    match kind {
        Type::Flag => {
            all.extend(join);
            all.extend(equal);
        }
        Type::Number | Type::Size | Type::Time => {
            all.extend(if kind == Type::Number { equal } else { [order[0], order[1]] });
            all.extend(if kind == Type::Number { [order[0], order[1]] } else { equal });
            all.extend([order[2], order[3]]);
            all.extend(range);
        }
        Type::Word => {
            all.extend(equal);
            all.extend(list);
            all.extend(order);
        }
        Type::Ip => {
            all.extend(equal);
            all.push(("in", "Is in a network or a list: in 10.0.0.0/8"));
        }
        Type::Rules => {
            all.extend(equal);
            all.extend(list);
            all.push(parts[0]);
            all.push(parts[1]);
        }
        Type::Text | Type::Bytes => {
            all.extend(parts);
            all.extend(equal);
            all.extend(list);
        }
        Type::Json => {
            all.extend(equal);
            all.extend(parts);
            all.extend(order);
            all.extend(range);
        }
    }
    if kind != Type::Flag {
        all.extend(join);
    }
    let fitting = all.into_iter().filter(|(sign, _)| sign.starts_with(typed));
    fitting.map(|(sign, detail)| item(ItemKind::Operator, sign, detail)).collect()
}

fn values(place: &Place, operator: Operator, typed: &str, known: &dyn Fn(Field) -> Vec<(String, String)>) -> Vec<Item> {
    let mut all: Vec<(String, String)> = Vec::new();
    let info = place.field.info();
    let kind = place.kind();
    if !place.is_len {
        for value in info.values {
            if !all.iter().any(|(name, _)| name == value.name) {
                let detail = match (value.from, value.to) {
                    (from, to) if from == to => from.to_string(),
                    (from, to) => format!("{from} to {to}"),
                };
                all.push((value.name.into(), if kind == Type::Word { detail } else { String::new() }));
            }
        }
        if operator != Operator::Matches {
            all.extend(known(place.field).into_iter().map(|(value, detail)| {
                let is_word = !value.is_empty() && value.chars().all(is_of_word);
                let text = if is_word || kind != Type::Text { value } else { format!("{value:?}") };
                (text, detail)
            }));
        }
    }
    let examples: &[&str] = match kind {
        Type::Rules => {
            all.extend(names_of(place.field).map(|(_, name, says)| (name.into(), says.into())));
            &[]
        }
        Type::Flag => &["1", "0"],
        Type::Size => &["125", "1KiB", "64KiB", "1MiB"],
        Type::Time => &["1ms", "10ms", "100ms", "1s"],
        Type::Ip => &["127.0.0.1", "localhost", "10.0.0.0/8", "::1"],
        Type::Json => &["true", "false", "null"],
        _ => &[],
    };
    all.extend(examples.iter().map(|example| ((*example).into(), String::new())));
    let ranked = all.into_iter().filter_map(|(text, detail)| {
        let rank = rank(&text, typed).or_else(|| rank(&text, typed.trim_start_matches('"')))?;
        Some((rank, item(ItemKind::Value, text, detail)))
    });
    sorted(ranked.collect())
}

fn connectives(brackets: usize, typed: &str) -> Vec<Item> {
    let all = [("and", "And another condition"), ("or", "Or another condition"), (")", "The end of what ( began")];
    let offered = all.into_iter().take(if brackets > 0 { 3 } else { 2 });
    let fitting = offered.filter(|(sign, _)| sign.starts_with(typed));
    fitting.map(|(sign, detail)| item(ItemKind::Operator, sign, detail)).collect()
}

fn sorted(mut found: Vec<(u8, Item)>) -> Vec<Item> {
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, item)| item).collect()
}

const FUNCTIONS: &[(&str, &str)] = &[
    ("len(", "The number of bytes of: len(text) > 100"),
    ("lower(", "In either case: lower(text) contains \"error\""),
];

const HEADERS: &[&str] = &[
    "host",
    "origin",
    "user-agent",
    "cookie",
    "authorization",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-accept",
    "server",
    "set-cookie",
    "x-forwarded-for",
];
