//! For pages that put text into HTML as it comes.

use std::borrow::Cow;

/// `text`, with what HTML would take for markup escaped.
pub(crate) fn escape_html(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(SPECIAL) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for letter in text[first..].chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

const SPECIAL: [char; 5] = ['&', '<', '>', '"', '\''];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_html_would_take_for_markup_is_escaped_once() {
        assert_eq!(escape_html("<b>\"R&D's\"</b>é😀"), "&lt;b&gt;&quot;R&amp;D&#39;s&quot;&lt;/b&gt;é😀");
        assert_eq!(escape_html("&amp;"), "&amp;amp;");
        assert!(matches!(escape_html("nothing here; 한"), Cow::Borrowed("nothing here; 한")));
        assert_eq!(escape_html(""), "");
    }
}
