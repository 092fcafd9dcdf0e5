//! Filters made by chance.

use proptest::prelude::*;

use super::super::*;

/// Words that make up filters, so that chance makes some that are.
const WORDS: &[&str] = &[
    "opcode",
    "length",
    "text",
    "json",
    "json.a",
    "payload",
    "ip",
    "violation",
    "time",
    "fin",
    "masked",
    "header.a",
    "mask.key",
    "frame",
    "==",
    "!=",
    ">",
    "<=",
    "in",
    "not",
    "and",
    "or",
    "contains",
    "matches",
    "startswith",
    "{",
    "}",
    "(",
    ")",
    ",",
    "1",
    "0x1F",
    "10KiB",
    "1.5s",
    "1..3",
    "ping",
    "\"a\"i",
    "'b\\n'",
    "/x\\/y/i",
    "invalid-utf8",
    "10.0.0.0/8",
    "81:01",
    "[0:2]",
    "[*]",
    "* 3",
    "wire",
    "&&",
    "||",
    "!",
    "len(",
    "lower(",
    "close.code",
    "r\"\\\"",
];

proptest! {
    #[test]
    fn parsing_never_fails_hard_and_what_is_printed_reads_the_same(
        words in prop::collection::vec((prop::sample::select(WORDS), any::<bool>()), 0..12),
    ) {
        let text: String = words.iter().flat_map(|(word, has_space)| [*word, if *has_space { " " } else { "" }]).collect();
        same_again(&text)?;
    }

    #[test]
    fn nor_does_any_text(text in "\\PC{0,40}", at in 0_usize..60) {
        same_again(&text)?;
        let completion = complete(&text, at, &|_| vec![("a b".into(), String::new())]);
        prop_assert!(text.get(completion.place.clone()).is_some());
    }

    #[test]
    fn comparisons_of_all_kinds_come_back(
        place in prop::sample::select(&["opcode", "length", "time", "conn", "json.a[0][\"b c\"]", "text", "payload[1:]", "len(text)", "ip", "violation", "fin"][..]),
        operator in prop::sample::select(&["==", "!=", ">", "in", "contains", "matches", "endswith", "not in"][..]),
        operand in prop::sample::select(&["1", "{1, 2..3}", "\"x\\\"\"i", "/a\\/\\\\/i", "text", "12ms", "wire*2", "10.0.0.0/8", "0", "ff"][..]),
        wrap in prop::sample::select(&["{}", "not {}", "({} or fin) and gap", "not (not {})", "fin and (gap and {})"][..]),
    ) {
        same_again(&wrap.replace("{}", &format!("{place} {operator} {operand}")))?;
    }
}

fn same_again(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            let printed = filter.to_string();
            prop_assert_eq!(Filter::parse(&printed), Ok(filter), "{} was printed as {}", text, printed);
        }
        Err(problem) => prop_assert!(text.get(problem.place()).is_some(), "{problem:?}"),
    }
    Ok(())
}
