//! What is looked for in the payloads as they were meant: unmasked, inflated, put together.

use super::objects::{FilterProblem, SearchState};
use super::paged::Paged;
use super::{Capture, What};

/// What is looked for, and the rows that have it.
#[derive(Debug)]
pub(super) struct Search {
    needle: Needle,
    rows: Paged<u64>,
    /// The row to go on with.
    next: u64,
}

#[derive(Debug)]
enum Needle {
    Bytes(Vec<u8>),
    /// In lower case.
    AnyCase(Vec<u8>),
}

/// What is to be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchSpec {
    /// `text`, `hex`, `regex` or `filter`.
    pub kind: String,
    /// What that says; empty to look for nothing.
    pub text: String,
    /// Whether capitals are other letters.
    pub match_case: bool,
}

impl Capture {
    /// Looks for something in all rows; an empty text ends that.
    ///
    /// # Errors
    ///
    /// If it cannot be looked for. All stays as it was.
    pub fn set_search(&mut self, spec: SearchSpec) -> Result<(), FilterProblem> {
        let needle = Needle::read(spec)?;
        self.search = needle.map(|needle| Search { needle, rows: Paged::default(), next: self.first });
        self.generation += 1;
        Ok(())
    }

    /// The nearest row of the view after `from`, or before it, that has what is looked for. `from` may be -1.
    #[must_use]
    pub fn next_found(&self, from: i64, backwards: bool) -> Option<u64> {
        let hits = &self.search.as_ref()?.rows;
        let is_listed = |index: &u64| self.view_index(self.view_place(*index)) == Some(*index);
        let hit = |place: usize| hits.get(place).copied();
        if backwards {
            let place = u64::try_from(from).map_or(0, |from| hits.partition_point(|row| *row < from));
            (0..place).rev().filter_map(hit).find(is_listed)
        } else {
            let place = u64::try_from(from).map_or(0, |from| hits.partition_point(|row| *row <= from));
            (place..hits.len()).filter_map(hit).find(is_listed)
        }
    }

    pub(super) fn search_state(&self) -> Option<SearchState> {
        let search = self.search.as_ref()?;
        Some(SearchState { count: search.rows.len() as u64, done: search.next == self.end() })
    }

    /// Whether this row has what is looked for.
    pub(super) fn is_found(&self, index: u64) -> bool {
        self.search.as_ref().is_some_and(|search| {
            let place = search.rows.partition_point(|row| *row < index);
            search.rows.get(place) == Some(&index)
        })
    }

    /// Goes through all rows again.
    pub(super) fn restart_search(&mut self) {
        if let Some(search) = &mut self.search {
            search.rows = Paged::default();
            search.next = self.first;
        }
    }

    pub(super) fn forget_dropped_hits(&mut self) {
        let first = self.first;
        if let Some(search) = &mut self.search {
            search.rows.drop_front_while(|row| *row < first);
            search.next = search.next.max(first);
        }
    }

    /// Goes through some rows for the search; true if there are more.
    pub(super) fn scan_search(&mut self) -> bool {
        let Some(mut search) = self.search.take() else { return false };
        let end = self.end().min(search.next + STEP);
        for index in search.next..end {
            if self.has(index, &search.needle) {
                search.rows.push(index);
            }
        }
        search.next = end;
        self.search = Some(search);
        end < self.end()
    }

    fn has(&self, index: u64, needle: &Needle) -> bool {
        let Some(entry) = self.entry(index).filter(|entry| !self.is_removed(entry.source)) else { return false };
        match &entry.what {
            What::Frame(dissection) => match self.message_at(index) {
                Some(message) => needle.is_in(message),
                None => needle.is_in(&dissection.payload),
            },
            What::Handshake(handshake) => needle.is_in(handshake.head().bytes()),
            What::Gap(_, words) | What::End(words) | What::Note(words) => needle.is_in(words.as_bytes()),
        }
    }
}

impl Needle {
    fn read(spec: SearchSpec) -> Result<Option<Self>, FilterProblem> {
        if spec.text.is_empty() {
            return Ok(None);
        }
        match (&spec.kind[..], spec.match_case) {
            ("text", true) => Ok(Some(Self::Bytes(spec.text.into_bytes()))),
            ("text", false) => Ok(Some(Self::AnyCase(spec.text.to_ascii_lowercase().into_bytes()))),
            ("hex", _) => hex(&spec.text).map(Self::Bytes).map(Some),
            (kind, _) => Err(FilterProblem::plain(&format!("there is no search of the kind {kind}"))),
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Bytes(needle) => bytes.windows(needle.len()).any(|window| window == needle),
            Self::AnyCase(needle) => bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle)),
        }
    }
}

/// Bytes as people write them in hex: with or without spaces, colons, `0x`.
fn hex(text: &str) -> Result<Vec<u8>, FilterProblem> {
    let mut digits = Vec::new();
    let mut at = 0;
    for word in text.split([' ', ':', ',', '\t', '\n']) {
        let bare = word.strip_prefix("0x").unwrap_or(word);
        let prefix = word.len() - bare.len();
        for (place, digit) in bare.chars().enumerate() {
            let Some(digit) = digit.to_digit(16) else {
                let from = text[..at].encode_utf16().count() + prefix + place;
                let message = "this is no hexadecimal digit".into();
                return Err(FilterProblem { message, from, to: from + 1, ..FilterProblem::default() });
            };
            digits.push(u8::try_from(digit).unwrap_or_default());
        }
        at += word.len() + 1;
    }
    if digits.len() % 2 == 1 {
        let to = text.encode_utf16().count();
        return Err(FilterProblem {
            message: "half a byte is missing".into(),
            from: to,
            to,
            ..FilterProblem::default()
        });
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Rows gone through at a time.
const STEP: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_as_people_write_it() {
        for text in ["81 05 48", "810548", "0x81 0x05 0x48", "81:05:48", "81, 05, 48"] {
            assert_eq!(hex(text), Ok(vec![0x81, 0x05, 0x48]), "{text}");
        }
        assert_eq!(hex("81 0x0g").map_err(|problem| (problem.from, problem.to)), Err((6, 7)));
        assert_eq!(hex("810").map_err(|problem| problem.from), Err(3));
    }
}
