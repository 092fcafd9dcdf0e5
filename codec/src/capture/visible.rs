//! What others wrote, made fit for a line and a terminal.

use std::fmt::Write as _;

/// Appends a character such that it is seen and does nothing else: what would break the line, turn its direction, speak to
/// a terminal or not be seen is shown by a sign of its own.
///
/// ```
/// use framescope_codec::capture::visible;
///
/// let mut line = String::new();
/// for character in "a\tb\u{202E}c".chars() {
///     visible::push(character, &mut line);
/// }
/// assert_eq!(line, "a\u{2409}b⟨U+202E⟩c");
/// ```
pub fn push(character: char, out: &mut String) {
    match character {
        '\0'..='\x1F' => out.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{2400}')),
        '\x7F' => out.push('\u{2421}'),
        '\u{80}'..='\u{9F}'
        | '\u{61C}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}' => {
            // Writing to a string cannot fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(character));
        }
        other => out.push(other),
    }
}
