//! Why each extension that was offered is in force or not (RFC 6455, 9.1; RFC 7692, 5 and 7.1).

use super::report::{Agreed, Verdict};
use crate::deflate::params::{ClientWindow, DeflateParams, Offer};
use crate::handshake::grammar::{self, Extension};
use crate::handshake::{Head, JudgedRequest, JudgedResponse};
use crate::rules::Role;

/// An extension as it was written.
struct Written {
    text: String,
    extension: Extension,
}

/// What became of each offer, and of what was answered without one.
pub(super) fn judge(request: Option<&JudgedRequest>, response: Option<&JudgedResponse>) -> Vec<Agreed> {
    let offers = request.map(|request| read(request.head())).unwrap_or_default();
    let answers = response.map(|response| read(response.head())).unwrap_or_default();
    let was_accepted = response.is_some_and(|response| response.status() == Some(101));
    let answered = |name: &str| answers.iter().find(|answer| answer.extension.name == name);
    let params = response.and_then(JudgedResponse::deflate);

    let mut agreed = Vec::new();
    // The first offer that the answer fits is the one that was taken.
    let mut taken: Vec<&str> = Vec::new();
    for (place, offer) in offers.iter().enumerate() {
        let name = offer.extension.name.as_str();
        let answer = answered(name);
        let mut one = Agreed {
            extension: name.into(),
            offered: offer.text.clone(),
            answered: String::new(),
            in_force: false,
            verdict: Verdict::Plain,
            says: String::new(),
        };
        let legal = Offer::read(&offer.extension);
        let is_deflate = name == Offer::EXTENSION;
        if is_deflate && legal.is_none() {
            one.verdict = Verdict::Bad;
            one.says = format!("A server has to decline this offer: {}.", why_illegal(&offer.extension, false));
        } else if !was_accepted {
            one.says = if response.is_some() {
                "The server did not agree to a WebSocket at all.".into()
            } else {
                "No answer was captured.".into()
            };
        } else if taken.contains(&name) {
            one.says = "Not needed: the server took an offer in front of this one.".into();
        } else {
            let later = |other: &Written| {
                other.extension.name == name
                    && answer.is_some_and(|answer| {
                        Offer::read(&other.extension).is_some_and(|other| other.agree(&answer.extension).is_some())
                    })
            };
            match (answer, legal) {
                (None, _) => one.says = declined(name),
                (Some(answer), Some(legal)) if is_deflate => match legal.agree(&answer.extension) {
                    Some(_) => {
                        taken.push(name);
                        one.answered.clone_from(&answer.text);
                        one.in_force = true;
                        one.verdict = Verdict::Good;
                        one.says = params.map_or_else(String::new, |params| in_force(legal, params, &answer.extension));
                    }
                    None if offers.iter().skip(place + 1).any(later) => {
                        one.says = "Passed over: the server took a later offer, since it could not or would not keep this one.".into();
                    }
                    None => {
                        one.answered.clone_from(&answer.text);
                        one.verdict = Verdict::Bad;
                        one.says = format!(
                            "The answer does not fit: {}. A client has to fail the connection (RFC 7692, 7.1).",
                            why_no_fit(legal, &answer.extension)
                        );
                    }
                },
                (Some(answer), _) => {
                    taken.push(name);
                    one.answered.clone_from(&answer.text);
                    one.in_force = true;
                    one.says =
                        "Agreed, but not known here: what follows is shown as if it changed nothing, which may be wrong.".into();
                }
            }
        }
        agreed.push(one);
    }
    let unasked =
        answers.iter().filter(|answer| !offers.iter().any(|offer| offer.extension.name == answer.extension.name));
    agreed.extend(unasked.map(|answer| Agreed {
        extension: answer.extension.name.clone(),
        offered: String::new(),
        answered: answer.text.clone(),
        in_force: request.is_none(),
        verdict: if request.is_some() { Verdict::Bad } else { Verdict::Plain },
        says: if request.is_some() {
            "Answered without having been offered: a client has to fail the connection (RFC 6455, 4.1).".into()
        } else {
            "The request was not captured, so it cannot be told whether this was offered.".into()
        },
    }));
    agreed
}

/// The answer as it stands in the head.
pub(super) fn as_answered(response: &JudgedResponse) -> String {
    read(response.head()).into_iter().map(|answer| answer.text).collect::<Vec<_>>().join(", ")
}

fn read(head: &Head) -> Vec<Written> {
    let mut all = Vec::new();
    for value in head.headers("sec-websocket-extensions") {
        let text = |extension: &Extension| {
            String::from_utf8_lossy(value.get(extension.range.clone()).unwrap_or_default()).into_owned()
        };
        let extensions = grammar::extensions(value).unwrap_or_default();
        all.extend(extensions.into_iter().map(|extension| Written { text: text(&extension), extension }));
    }
    all.truncate(EXTENSIONS_MAX);
    all
}

fn declined(name: &str) -> String {
    match name {
        Offer::EXTENSION => "Declined: the answer does not name it, so no message is compressed. A server may decline for any reason.".into(),
        "x-webkit-deflate-frame" | "deflate-frame" => {
            "Declined: a forerunner of permessage-deflate that compressed frame by frame; hardly anything knows it still.".into()
        }
        _ => "Declined: the answer does not name it. A server declines what it does not know.".into(),
    }
}

/// What holds, parameter by parameter, and who asked for it.
fn in_force(offer: Offer, params: DeflateParams, answer: &Extension) -> String {
    let is_answered = |name: &str| answer.params.iter().any(|(param, _)| param == name);
    let mut says = Vec::new();
    let takeover = |sender: Role, asked: bool| {
        let who = if sender == Role::Server { "server" } else { "client" };
        if params.context_takeover(sender) {
            return format!("The {who} keeps its window from message to message, so that later ones get smaller");
        }
        let why = match (sender, asked) {
            (Role::Server, true) => "as the client asked",
            (Role::Server, false) => "of its own accord",
            (Role::Client, true) => "as it had offered",
            (Role::Client, false) => "because the server wants it",
        };
        format!("The {who} begins each message with an empty window ({who}_no_context_takeover), {why}")
    };
    says.push(takeover(Role::Server, offer.server_no_context_takeover));
    says.push(takeover(Role::Client, offer.client_no_context_takeover));
    let bits = |sender| params.max_window_bits(sender).get();
    let window = |sender| params.max_window_bits(sender).window_len();
    match (offer.server_max_window_bits, is_answered("server_max_window_bits")) {
        (Some(asked), true) if asked.get() > bits(Role::Server) => says.push(format!(
            "The server compresses within {} bytes, less than the {} that the client asked for",
            window(Role::Server),
            asked.window_len()
        )),
        (Some(_), _) => {
            says.push(format!("The server compresses within {} bytes, as the client asked", window(Role::Server)))
        }
        (None, true) => {
            says.push(format!("The server compresses within {} bytes, of its own accord", window(Role::Server)));
        }
        (None, false) => {}
    }
    match (offer.client_max_window_bits, is_answered("client_max_window_bits")) {
        (_, true) => says.push(format!(
            "The client must compress within {} bytes, because the server wants it and the client offered to be limited",
            window(Role::Client)
        )),
        (ClientWindow::Limitable, false) => {
            says.push("The client offered to have its window limited, and the server did not ask for it: it may use 32768 bytes".into());
        }
        (ClientWindow::AtMost(hint), false) => {
            says.push(format!("The client said that it stays within {} bytes, and the server added no limit", hint.window_len()));
        }
        (ClientWindow::Fixed, false) => {}
    }
    if bits(Role::Server) != bits(Role::Client)
        || params.context_takeover(Role::Server) != params.context_takeover(Role::Client)
    {
        says.push(
            "The two directions differ: each parameter binds the end that it is named after, as the compressor".into(),
        );
    }
    format!("Agreed. {}.", says.join(". "))
}

/// Why an offer, or an answer, is none (RFC 7692, 7.1).
fn why_illegal(extension: &Extension, is_answer: bool) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &extension.params {
        let name = name.as_str();
        if seen.contains(&name) {
            return format!("{name} stands in it twice");
        }
        seen.push(name);
        let window = |value: &str| {
            let is_number = !value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
            is_number && value.parse::<u8>().is_ok_and(|bits| (8..=15).contains(&bits))
        };
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", Some(value)) => {
                return format!("{name} takes no value, and has {value}");
            }
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            ("server_max_window_bits" | "client_max_window_bits", Some(value)) if !window(value) => {
                return format!("{name} is a number from 8 to 15 without leading zeros, and {value} is not");
            }
            ("server_max_window_bits", None) => return format!("{name} needs a value"),
            ("client_max_window_bits", None) if is_answer => return format!("{name} needs a value in an answer"),
            ("server_max_window_bits" | "client_max_window_bits", _) => {}
            (unknown, _) => return format!("{unknown} is no parameter of permessage-deflate"),
        }
    }
    "its parameters exclude each other".into()
}

/// Why a legal offer and this answer do not go together.
fn why_no_fit(offer: Offer, answer: &Extension) -> String {
    let param = |name: &str| answer.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_deref());
    if let Some(Some(bits)) = param("client_max_window_bits")
        && offer.client_max_window_bits == ClientWindow::Fixed
    {
        return format!("it limits the client's window to {bits} bits, though the client did not offer that");
    }
    if offer.server_no_context_takeover && param("server_no_context_takeover").is_none() {
        return "the client asked for server_no_context_takeover, and a server that takes the offer has to promise it"
            .into();
    }
    if let Some(asked) = offer.server_max_window_bits {
        match param("server_max_window_bits") {
            None => {
                return format!(
                    "the client asked for server_max_window_bits={}, and the answer does not promise it",
                    asked.get()
                );
            }
            Some(Some(bits)) if bits.parse::<u8>().is_ok_and(|bits| bits > asked.get() && bits <= 15) => {
                return format!(
                    "server_max_window_bits={bits} is more than the {} that the client asked for",
                    asked.get()
                );
            }
            Some(_) => {}
        }
    }
    why_illegal(answer, true)
}

/// Told of at most.
const EXTENSIONS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{judge_request, judge_response};

    /// Offers and an answer (empty for none), against `in force` per line and words that some line must say.
    fn check(offers: &str, answer: &str, in_force: &[bool], words: &str) {
        let header = |value: &str| match value {
            "" => String::new(),
            value => format!("Sec-WebSocket-Extensions: {value}\r\n"),
        };
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            header(offers)
        );
        let response = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{}\r\n",
            header(answer)
        );
        let request = judge_request(request.as_bytes());
        let response = judge_response(response.as_bytes(), Some(&request));
        let agreed = judge(Some(&request), Some(&response));
        let forces: Vec<_> = agreed.iter().map(|one| one.in_force).collect();
        let says: Vec<_> = agreed.iter().map(|one| one.says.as_str()).collect();
        assert_eq!(forces, in_force, "{offers} / {answer}: {says:?}");
        assert!(says.concat().contains(words), "{offers} / {answer}: {says:?}");
        // What is told and what is done are one.
        let is_on = agreed.iter().any(|one| one.in_force && one.extension == Offer::EXTENSION);
        assert_eq!(response.deflate().is_some(), is_on, "{offers} / {answer}");
    }

    #[test]
    fn each_offer_has_its_reason() {
        const P: &str = "permessage-deflate";
        check("", "", &[], "");
        check(P, "", &[false], "Declined");
        check(P, P, &[true], "keeps its window");
        check("x, permessage-deflate", P, &[false, true], "does not know");
        check("x", "x; a=1", &[true], "not known here");
        check(P, "x", &[false, false], "without having been offered");
        check("permessage-deflate; client_max_window_bits", P, &[true], "did not ask for it");
        check("permessage-deflate; client_max_window_bits=10", P, &[true], "stays within 1024 bytes");
        check(
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=9",
            &[true],
            "The two directions differ",
        );
        check(P, "permessage-deflate; server_no_context_takeover", &[true], "of its own accord");
        check(
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover",
            &[true],
            "as the client asked",
        );
        check(P, "permessage-deflate; client_no_context_takeover", &[true], "because the server wants it");
        check(
            "permessage-deflate; server_max_window_bits=12",
            "permessage-deflate; server_max_window_bits=10",
            &[true],
            "less than the 4096",
        );
        check("permessage-deflate; server_max_window_bits=10, permessage-deflate", P, &[false, true], "Passed over");
        check("permessage-deflate, permessage-deflate; server_max_window_bits=10", P, &[true, false], "Not needed");
    }

    #[test]
    fn what_is_against_the_rules_says_which_and_why() {
        const P: &str = "permessage-deflate";
        check("permessage-deflate; x=1", "", &[false], "x is no parameter");
        check("permessage-deflate; server_max_window_bits", "", &[false], "needs a value");
        check("permessage-deflate; server_max_window_bits=07", "", &[false], "without leading zeros");
        check("permessage-deflate; client_max_window_bits=16", "", &[false], "8 to 15");
        check("permessage-deflate; server_no_context_takeover=1", "", &[false], "takes no value");
        check("permessage-deflate; client_max_window_bits; client_max_window_bits", "", &[false], "twice");
        check(P, "permessage-deflate; client_max_window_bits=10", &[false], "did not offer that");
        check("permessage-deflate; server_no_context_takeover", P, &[false], "has to promise it");
        check("permessage-deflate; server_max_window_bits=10", P, &[false], "does not promise it");
        check(
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=11",
            &[false],
            "more than the 10",
        );
        check(P, "permessage-deflate; server_max_window_bits=16", &[false], "8 to 15");
        check(
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits",
            &[false],
            "in an answer",
        );
    }
}
