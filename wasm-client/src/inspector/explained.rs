//! Explain mode's texts are JavaScript, which loads them when somebody asks; that none is missing is checked here, where
//! the names are.

use framescope_codec::handshake::HandshakeRule;
use framescope_codec::{Field, Violation};

const FIELDS: &str = include_str!("../../../www/inspector/explain.js");
const RULES: &str = include_str!("../../../www/inspector/explain-rules.js");

/// Whether a member of this name stands in the text, quoted or not.
fn has(text: &str, name: &str) -> bool {
    text.contains(&format!("\n  \"{name}\":")) || text.contains(&format!("\n  {name}:"))
}

#[test]
fn every_rule_says_what_breaks_in_practice() {
    let names = Violation::ALL.iter().map(|rule| rule.name()).chain(HandshakeRule::ALL.iter().map(|rule| rule.name()));
    for name in names {
        assert!(has(RULES, name), "{name}");
    }
}

#[test]
fn every_field_is_explained() {
    let fields = [
        Field::Fin,
        Field::Rsv1,
        Field::Opcode,
        Field::Mask,
        Field::PayloadLength,
        Field::ExtendedPayloadLength,
        Field::MaskingKey,
        Field::PayloadData,
    ];
    let of_heads = ["start-line", "method", "target", "http-version", "status", "reason", "header", "end-of-head"];
    for name in fields.iter().map(|field| field.name()).chain(of_heads).chain(["close-code", "close-reason"]) {
        assert!(has(FIELDS, name), "{name}");
    }
    assert!(FIELDS.contains("\n  rsv2: reserved,") && FIELDS.contains("\n  rsv3: reserved,"));
}
