//! What is wrong with filters, and where.

use super::super::*;

/// The part at fault stands between `«` and `»`.
fn check(marked: &str, message: &str, hint: &str) {
    let text = marked.replace(['«', '»'], "");
    let problem = Filter::parse(&text).expect_err(marked);
    let place = problem.place();
    let shown = format!("{}«{}»{}", &text[..place.start], &text[place.clone()], &text[place.end..]);
    assert_eq!(
        (shown.as_str(), problem.message.as_str(), problem.hint.as_deref().unwrap_or_default()),
        (marked, message, hint)
    );
}

#[test]
fn names_that_are_not_known() {
    check("«opcod» == text", "There is no field `opcod`.", "Did you mean `opcode`?");
    check("fin and «lenght» > 5", "There is no field `lenght`.", "Did you mean `length`?");
    check("«websocket.opcde» == 1", "There is no field `websocket.opcde`.", "Did you mean `opcode`?");
    check("«wibble»", "There is no field `wibble`.", "To look for the word, put it in quotation marks: \"wibble\".");
    check("«ping»", "There is no field `ping`.", "Write `opcode == ping`.");
    check("«larger-than»:10k", "There is no field `larger-than`.", "Write `length > 10KiB`.");
    check("«header» contains a", "Which header?", "Write its name behind a dot: `header.user-agent`.");
    check("«json.» == 1", "The name of a member is missing.", "Write it behind the dot: `json.type`.");
    check("opcode == «tex»", "`opcode` is never `tex`.", "Did you mean `text`?");
    check(
        "kind == «wibble»",
        "`kind` is never `wibble`.",
        "It is a number, or one of frame, handshake, request, response, gap, end, note.",
    );
    check(
        "violation == «reserved-opcode»",
        "No rule is called `reserved-opcode`.",
        "Did you mean `reserved-data-opcode`?",
    );
    check("violation == «1»", "No rule is called `1`.", "Alone, `violation` finds any.");
}

#[test]
fn operators_that_are_none_or_do_not_fit() {
    check("opcode «=» text", "`=` is no operator.", "Write `==`.");
    check("opcode «===» text", "`===` is no operator.", "Write `==`.");
    check("host«:»example.org", "`:` is no operator.", "Write `host == ..`.");
    check("text «!~» /a/", "`!~` is no operator.", "Write `not text matches ..`.");
    check("opcode «is» text", "`is` is no operator.", "Write `==`; a flag stands alone.");
    check("rsv «&» 4", "`&` is no operator.", "Write `and`; single bits have names: `rsv1`, `fin`.");
    check("fin == 1 «|» gap", "`|` is no operator.", "Write `or` or `||`.");
    check(
        "length «contains» 5",
        "`length` is a number of bytes, and `contains` does not go with that.",
        "Compare it with ==, >, < or `in`.",
    );
    check(
        "text «>» 5",
        "`text` is text, and `>` does not go with that.",
        "`len(text)` is its length, and that can be compared so.",
    );
    check(
        "masked «>» 0",
        "`masked` is a flag, and `>` does not go with that.",
        "Alone, `masked` is true where it is set; `not masked` where it is not.",
    );
    check(
        "ip «>» ::1",
        "`ip` is an IP address, and `>` does not go with that.",
        "Compare it with ==, != or `in`, as in `ip in 10.0.0.0/8`.",
    );
    check("opcode == «{»1}", "A list goes with `in`.", "Write `opcode in {..}`.");
}

#[test]
fn values_of_the_wrong_kind() {
    check(
        "length > «big»",
        "`length` is a number of bytes, and `big` is not.",
        "Write a number of bytes, as 100, 10KiB or 1.5MB.",
    );
    check(
        "length > «50ms»",
        "`length` is a number of bytes, and `50ms` is not.",
        "Write a number of bytes, as 100, 10KiB or 1.5MB.",
    );
    check("rtt > «5KiB»", "`rtt` is a span of time, and `5KiB` is not.", "Write a time, as 1.5s, 50ms or 20us.");
    check("conn == «5s»", "`conn` is a number, and `5s` is not.", "Write a number, as 12 or 0x0C.");
    check("length > «rtt»", "`length` is a number of bytes, and `rtt` is a span of time.", "");
    check("length in «5..3»", "Nothing is in this range.", "Write the smaller one first.");
    check("ip == «10.0.0.1:80»", "`10.0.0.1:80` is no IP address.", "The port has a field of its own: `port == 80`.");
    check(
        "ip == «example.org»",
        "`example.org` is no IP address.",
        "Write an address, as 127.0.0.1 or ::1, or a network, as 10.0.0.0/8.",
    );
    check(
        "payload contains «hello»",
        "`hello` are no bytes in hex.",
        "Write bytes, as 81:01 or 0x8101, or text in quotation marks: \"hello\".",
    );
    check("fin == «2»", "`fin` is a flag, 0 or 1.", "Alone, `fin` is true where it is set; `not fin` where it is not.");
    check(
        "text == «/a/»".replace("«/a/»", "x «matches»").as_str(),
        "This does not go on from what is before it.",
        "Write `and` or `or` between conditions, and quotation marks around text that is more than a word.",
    );
    check("text contains «\"a»", "The quotation mark behind this is missing.", "");
    check(
        "text contains \"«\\q»\"",
        "This means nothing behind a backslash.",
        "Write \\\\ for a backslash, or an r in front of the quotation mark.",
    );
    check("json.a > «x»", "`x` is no number.", "Only numbers can be compared so.");
    check(
        "payload[«»x] == 00".replace("[«»x]", "«[x»]").as_str(),
        "This is no part of bytes.",
        "Write [0:2] for two from the first on, [2:] for all from the third, [0] for one.",
    );
    check("opcode«[»0] == 1", "`opcode` is one of a few words, and has no parts.", "");
    check("len(«length») > 1", "`length` is a number of bytes, and `len` is of text.", "");
    check(
        "text matches /a/«x»",
        "`x` is no flag of an expression.",
        "There is only `i`, for either case; within, there are (?m) and (?s).",
    );
}

#[test]
fn things_that_are_missing_or_too_many() {
    check("fin and«»", "A condition is missing behind `and`.", "Begin with a field, as `opcode` or `length`.");
    check("opcode == «»", "What `opcode` is compared with is missing.", "Write a number or a name.");
    check(
        "length > «»",
        "What `length` is compared with is missing.",
        "Write a number of bytes, as 100, 10KiB or 1.5MB.",
    );
    check(
        "length > «)»",
        "What `length` is compared with is missing.",
        "Write a number of bytes, as 100, 10KiB or 1.5MB.",
    );
    check("«(»fin", "The ) to this is missing.", "");
    check("fin«)»", "There is no ( to this ).", "");
    check(
        "(fin«}»)",
        "This does not go on from what is before it.",
        "Write `and` or `or` between conditions, and quotation marks around text that is more than a word.",
    );
    check("opcode in «{»text", "The } to this is missing.", "");
    check("opcode in «{}»", "Nothing is in this list.", "");
    check(
        "fin «gap»",
        "This does not go on from what is before it.",
        "Write `and` or `or` between conditions, and quotation marks around text that is more than a word.",
    );
    check(
        "«=»= 5",
        "A condition cannot begin with `=`.",
        "Begin with a field, as `opcode` or `length`, or with text in quotation marks.",
    );
    check("length > wire * «x»", "How many times?", "Write a whole number behind *.");
    check("text contains «\"äöü»", "The quotation mark behind this is missing.", "");
    check(
        "json[«»".replace("«»", "").replace("json[", "json«[»").as_str(),
        "Which element?",
        "Write [0], [*] or [\"name\"].",
    );
}

#[test]
fn an_expression_that_would_take_long_is_refused_and_usual_ones_are_not() {
    let hint = "Repeat and list less in it, or look for parts of it, joined by `and` or `or`.";
    for pattern in ["(?:[a-z]{1,20}){20}9", "x{128}y", r"\w{1,64}9"] {
        check(&format!("fin and text matches «/{pattern}/»"), "This regular expression is too large.", hint);
        let problem = Filter::search(Search::Regex, pattern, true).expect_err(pattern);
        assert_eq!(problem.message, "This regular expression is too large.");
    }
    for pattern in [
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"\b(error|warning|exception|failure|timeout|refused|denied)\b",
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})",
        r"https?:\/\/[^\s\/]+\/.*\.(png|jpe?g|gif|webp|svg)(\?.*)?$",
        r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+",
    ] {
        Filter::parse(&format!("text matches /{pattern}/i")).expect(pattern);
    }
}
