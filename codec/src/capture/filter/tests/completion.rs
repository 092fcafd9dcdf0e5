//! What is offered where.

use super::super::*;

/// Text with a `|` where the cursor is, the part that would be replaced, and the first things offered.
fn check(marked: &str, replaced: &str, offered: &[&str]) {
    let at = marked.find('|').expect("a cursor");
    let text = marked.replacen('|', "", 1);
    let known = |field| {
        let known: &[&str] = match field {
            Field::Connection => &["0", "12"],
            Field::Subprotocol => &["graphql-transport-ws", "has space"],
            Field::Json => &["type", "data.id"],
            _ => &[],
        };
        known.iter().map(|value| ((*value).to_owned(), String::new())).collect()
    };
    let completion = complete(&text, at, &known);
    let items: Vec<_> = completion.items.iter().map(|item| item.text.as_str()).collect();
    assert_eq!(&text[completion.place.clone()], replaced, "{marked}");
    assert!(items.starts_with(offered), "{marked}: {items:?}");
    assert!(!offered.is_empty() || items.is_empty(), "{marked}: {items:?}");
}

#[test]
fn fields_come_first_then_what_goes_with_them_then_their_values() {
    check("|", "", &["kind", "frame", "handshake"]);
    check("op|", "op", &["opcode"]);
    check("op|co == 1", "opco", &["opcode"]);
    check("websocket.payload_l|", "websocket.payload_l", &["length"]);
    check("not mas|", "mas", &["masked", "mask.key"]);
    check("(fin and le|", "le", &["length", "length.bits"]);
    check("reason|", "reason", &["close.reason"]);
    check("opcode |", "", &["==", "!=", "in"]);
    check("length |", "", &[">", "<", "=="]);
    check("text |", "", &["contains", "matches"]);
    check("text co|", "co", &["contains"]);
    check("masked |", "", &["and", "or"]);
    check("opcode == |", "", &["text", "binary", "continuation"]);
    check("opcode==p|", "p", &["ping", "pong"]);
    check("opcode in {text, b|", "b", &["binary"]);
    check("violation == inv|", "inv", &["invalid-utf8", "invalid-deflate"]);
    check("violation == utf|", "utf", &["invalid-utf8"]);
    check("close.code == go|", "go", &["going-away"]);
    check("dir == |", "", &["c2s", "s2c"]);
    check("conn == |", "", &["0", "12"]);
    check("conn in 0..|", "", &["0", "12"]);
    check("subprotocol == |", "", &["graphql-transport-ws", "\"has space\""]);
    check("json.|", "json.", &["json.type", "json.data.id"]);
    check("json.ty|", "json.ty", &["json.type"]);
    check("header.user|", "header.user", &["header.user-agent"]);
    check("fin == 1 |", "", &["and", "or"]);
    check("(fin == 1 |", "", &["and", "or", ")"]);
    check("fin == 1 a|", "a", &["and"]);
    check("len|", "len", &["length"]);
    check("len(|", "", &["kind"]);
    check("lower(te|", "te", &["text"]);
}

#[test]
fn nothing_is_offered_where_nothing_fits() {
    check("wibble == |", "", &[]);
    check("text contains \"a|", "", &[]);
    check("opcode = |", "", &[]);
    check("opcode == xyz|", "xyz", &[]);
}
