//! The few characters that stand for a payload in the list, and JSON set out in lines.

use framescope_codec::capture::visible;

use super::dissection::hex;
use super::json;

/// Bytes of a payload that a preview looks at.
pub(super) const LOOKED_AT: usize = 200;

/// Text on one line, as it may stand in a list beside other people's text: what would break the line, turn its
/// direction or not be seen is shown by a sign of its own.
pub(super) fn text(bytes: &[u8]) -> String {
    let cut = bytes.len() > LOOKED_AT;
    let looked_at = &bytes[..bytes.len().min(LOOKED_AT)];
    // Cut at a character, so that the cut itself is not taken for bad UTF-8.
    let end = match std::str::from_utf8(looked_at) {
        Err(error) if cut && error.error_len().is_none() => error.valid_up_to(),
        _ => looked_at.len(),
    };
    let mut shown = String::with_capacity(end + 4);
    for character in String::from_utf8_lossy(&looked_at[..end]).chars() {
        visible::push(character, &mut shown);
    }
    if cut {
        shown.push('…');
    }
    shown
}

/// The first bytes in hex.
pub(super) fn bytes(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    let mut shown: Vec<_> = bytes.iter().take(SHOWN).map(|byte| hex(&[*byte])).collect();
    if bytes.len() > SHOWN {
        shown.push("…".into());
    }
    shown.join(" ")
}

/// Whether these bytes are text that one would want to read as text.
pub(super) fn is_readable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| !text.chars().any(|character| character.is_control() && !character.is_whitespace()))
}

/// The same for what may be cut off within a character.
pub(super) fn begins_readable(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Err(error) if bytes.len() > LOOKED_AT && error.error_len().is_none() => {
            is_readable(&bytes[..error.valid_up_to()])
        }
        _ => is_readable(bytes),
    }
}

/// Whether these bytes are JSON, an object or an array: a number or a word alone is text that happens to be.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    json::is_container(bytes)
}

/// JSON in lines and indented, each token as it was: numbers keep their digits, and members their order, also
/// where a name comes twice. `None` for what is not JSON.
pub(super) fn pretty_json(bytes: &[u8]) -> Option<String> {
    if !is_json(bytes) {
        return None;
    }
    let mut out = String::with_capacity(bytes.len() * 2);
    let mut depth = 0_usize;
    let mut characters = std::str::from_utf8(bytes).ok()?.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                let mut escaped = false;
                for inside in characters.by_ref() {
                    out.push(inside);
                    if inside == '"' && !escaped {
                        break;
                    }
                    escaped = inside == '\\' && !escaped;
                }
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other if other.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_stays_on_its_line_and_shows_what_cannot_be_seen() {
        assert_eq!(text(b"a\nb\0"), "a␊b␀");
        assert_eq!(text("x\u{202E}y".as_bytes()), "x⟨U+202E⟩y");
        assert_eq!(text(b"\xFF"), "\u{FFFD}");
    }

    #[test]
    fn a_preview_is_cut_at_a_character() {
        let long = format!("{}é{}", "a".repeat(LOOKED_AT - 1), "b".repeat(100));
        assert_eq!(text(long.as_bytes()), format!("{}…", "a".repeat(LOOKED_AT - 1)));
    }

    #[test]
    fn json_is_set_out_and_otherwise_left_alone() {
        let check = |json: &str, pretty: &str| assert_eq!(pretty_json(json.as_bytes()).as_deref(), Some(pretty));
        check(r#"{"a":1.50,"a":[],"b":{ }}"#, "{\n  \"a\": 1.50,\n  \"a\": [],\n  \"b\": {}\n}");
        check(r#"["x,\"}:", 12345678901234567890]"#, "[\n  \"x,\\\"}:\",\n  12345678901234567890\n]");
        assert_eq!(pretty_json(b"{"), None);
        assert_eq!(pretty_json(b"12"), None);
    }
}
