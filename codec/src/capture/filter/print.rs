//! A filter as text: as it is typed, and as it is said.

use std::fmt::{self, Write};

use super::json::{Step, is_plain};
use super::tree::{Node, Operand, Operator, Part, Place, Test};
use super::{Field, Type};

/// As it could have been typed: parsing it gives the same filter.
pub(super) fn print(node: &Node, out: &mut dyn Write) -> fmt::Result {
    let mut join = |nodes: &[Node], word: &str| {
        for (number, node) in nodes.iter().enumerate() {
            if number > 0 {
                out.write_str(word)?;
            }
            nested(node, out)?;
        }
        Ok(())
    };
    match node {
        Node::All(branches) => join(&branches.nodes, " and "),
        Node::Any(branches) => join(&branches.nodes, " or "),
        Node::Not(node) => {
            out.write_str("not ")?;
            nested(node, out)
        }
        Node::Test(test) => print_test(test, out),
    }
}

fn nested(node: &Node, out: &mut dyn Write) -> fmt::Result {
    match node {
        Node::All(branches) | Node::Any(branches) if !branches.is_empty() => {
            out.write_char('(')?;
            print(node, out)?;
            out.write_char(')')
        }
        node => print(node, out),
    }
}

fn print_test(test: &Test, out: &mut dyn Write) -> fmt::Result {
    print_place(&test.place, out)?;
    let sign = match test.operator {
        Operator::Is => return Ok(()),
        Operator::Equal => "==",
        Operator::NotEqual => "!=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::In => "in",
        Operator::NotIn => "not in",
        Operator::Contains => "contains",
        Operator::Matches => "matches",
        Operator::StartsWith => "startswith",
        Operator::EndsWith => "endswith",
    };
    write!(out, " {sign} ")?;
    let is_list = matches!(test.operator, Operator::In | Operator::NotIn);
    out.write_str(if is_list { "{" } else { "" })?;
    for (number, operand) in test.operands.iter().enumerate() {
        out.write_str(if number > 0 { ", " } else { "" })?;
        print_operand(operand, out)?;
    }
    out.write_str(if is_list { "}" } else { "" })
}

fn print_place(place: &Place, out: &mut dyn Write) -> fmt::Result {
    out.write_str(if place.is_len { "len(" } else { "" })?;
    out.write_str(place.field.name())?;
    match &place.part {
        Part::Whole => {}
        Part::Header(name) => write!(out, ".{name}")?,
        Part::Slice(from, None) => write!(out, "[{from}:]")?,
        Part::Slice(from, Some(to)) => write!(out, "[{from}:{}]", to - from)?,
        Part::Path(steps) => {
            for step in steps {
                match step {
                    Step::Member(name) if is_plain(name) => {
                        write!(out, ".{name}")?;
                    }
                    Step::Member(name) => {
                        out.write_char('[')?;
                        quote(name, out)?;
                        out.write_char(']')?;
                    }
                    Step::Index(index) => write!(out, "[{index}]")?,
                    Step::Each => out.write_str("[*]")?,
                }
            }
        }
    }
    out.write_str(if place.is_len { ")" } else { "" })
}

fn print_operand(operand: &Operand, out: &mut dyn Write) -> fmt::Result {
    let either_case = |is_so: bool| if is_so { "i" } else { "" };
    match operand {
        Operand::Word(word) => out.write_str(word),
        Operand::Quoted { text, ignore_case } => {
            quote(text, out)?;
            out.write_str(either_case(*ignore_case))
        }
        Operand::Regex { pattern, ignore_case } => {
            out.write_char('/')?;
            let mut is_escaped = false;
            for character in pattern.chars() {
                if character == '/' && !is_escaped {
                    out.write_char('\\')?;
                }
                is_escaped = character == '\\' && !is_escaped;
                out.write_char(character)?;
            }
            write!(out, "/{}", either_case(*ignore_case))
        }
        Operand::Range(from, to) => write!(out, "{from}..{to}"),
        Operand::Field(field, 1) => out.write_str(field.name()),
        Operand::Field(field, times) => write!(out, "{} * {times}", field.name()),
    }
}

fn quote(text: &str, out: &mut dyn Write) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(out, "\\{character}")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            other if other.is_control() => write!(out, "\\u{{{:x}}}", u32::from(other))?,
            other => out.write_char(other)?,
        }
    }
    out.write_char('"')
}

/// In words, for whoever listens.
pub(super) fn describe(node: &Node) -> String {
    let mut out = String::new();
    if matches!(node, Node::All(branches) if branches.is_empty()) {
        return "everything".into();
    }
    // Writing to a string cannot fail.
    let _ = say(node, false, &mut out);
    out
}

fn say(node: &Node, is_inner: bool, out: &mut String) -> fmt::Result {
    let mut join = |nodes: &[Node], words: &str| {
        out.push_str(if is_inner { "(" } else { "" });
        for (number, node) in nodes.iter().enumerate() {
            out.push_str(if number > 0 { words } else { "" });
            say(node, true, out)?;
        }
        out.push_str(if is_inner { ")" } else { "" });
        Ok(())
    };
    match node {
        Node::All(branches) => join(&branches.nodes, ", and "),
        Node::Any(branches) => join(&branches.nodes, ", or "),
        Node::Not(node) => {
            out.push_str("not: ");
            say(node, true, out)
        }
        Node::Test(test) => say_test(test, out),
    }
}

fn say_test(test: &Test, out: &mut String) -> fmt::Result {
    match (test.place.field.info().kind, test.place.field) {
        _ if test.place.is_len => {
            out.push_str("the length of ");
            print_place(&Place { is_len: false, ..test.place.clone() }, out)?;
        }
        (Type::Flag, field) if test.operator == Operator::Is => {
            out.push_str(field.name());
            return Ok(());
        }
        (_, Field::Content) => out.push_str("anything in it"),
        _ => print_place(&test.place, out)?,
    }
    out.push_str(match test.operator {
        Operator::Is if matches!(test.place.field, Field::Violation | Field::Finding) => ": any",
        Operator::Is => " is there",
        Operator::Equal => " is ",
        Operator::NotEqual => " is not ",
        Operator::Greater => " is more than ",
        Operator::GreaterOrEqual => " is at least ",
        Operator::Less => " is less than ",
        Operator::LessOrEqual => " is at most ",
        Operator::In => " is one of ",
        Operator::NotIn => " is none of ",
        Operator::Contains => " contains ",
        Operator::Matches => " fits the expression ",
        Operator::StartsWith => " begins with ",
        Operator::EndsWith => " ends with ",
    });
    for (number, operand) in test.operands.iter().enumerate() {
        out.push_str(if number > 0 { ", " } else { "" });
        match operand {
            Operand::Quoted { text, ignore_case } => {
                quote(text, out)?;
                out.push_str(if *ignore_case { " in either case" } else { "" });
            }
            Operand::Regex { pattern, ignore_case } => {
                out.push_str(pattern);
                out.push_str(if *ignore_case { " in either case" } else { "" });
            }
            Operand::Range(from, to) => write!(out, "{from} to {to}")?,
            Operand::Field(field, 1) => write!(out, "the {}", field.name())?,
            Operand::Field(field, times) => write!(out, "{times} times the {}", field.name())?,
            Operand::Word(word) => out.push_str(word),
        }
    }
    Ok(())
}
