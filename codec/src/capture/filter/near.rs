//! What somebody meant who wrote something else.

/// The name that is nearest to what was written, if it is near.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let names: Vec<&str> = names.collect();
    // Who wrote the beginning of a name most likely meant that one.
    let begins =
        |name: &&&str| word.len() > 1 && name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(&word));
    if let Some(name) = names.iter().find(begins) {
        return Some(name);
    }
    let near = names.into_iter().map(|name| (distance(&word, name), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= 1 + word.len().min(near.1.len()) / 3 && near.0 < word.len().max(2)).then_some(near.1)
}

/// How many letters are other, more, fewer, or changed places.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut previous = '\0';
    for (number, letter) in one.chars().enumerate() {
        let mut next = vec![number + 1];
        for (at, against) in other.iter().enumerate() {
            let mut least = (row[at] + usize::from(letter != *against)).min(row[at + 1] + 1).min(next[at] + 1);
            if at > 0 && number > 0 && previous == *against && letter == other[at - 1] {
                least = least.min(before[at - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        previous = letter;
    }
    row.last().copied().unwrap_or_default()
}
