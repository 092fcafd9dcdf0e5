//! An opening handshake as a whole: every header judged, and what was agreed on (RFC 6455, 4).

use super::report::{Handshake, Subprotocol};
use super::{extensions, headers};
use crate::handshake::{JudgedRequest, JudgedResponse};

/// What both heads say, as far as they were captured, and what came of it.
#[must_use]
pub fn judge_handshake(request: Option<&JudgedRequest>, response: Option<&JudgedResponse>) -> Handshake {
    Handshake {
        headers: headers::judge(request, response),
        agreed: extensions::judge(request, response),
        subprotocol: subprotocol(request, response),
    }
}

fn subprotocol(request: Option<&JudgedRequest>, response: Option<&JudgedResponse>) -> Subprotocol {
    let offered = request.map(|request| request.subprotocols().to_vec()).unwrap_or_default();
    let chosen = response.and_then(JudgedResponse::subprotocol).map(str::to_owned);
    let is_offered = |name: &String| offered.contains(name);
    let place = |name: &String| offered.iter().position(|offer| offer == name);
    let mut says: String = match (&chosen, offered.is_empty(), response) {
        (None, true, _) => "None was offered: what the messages mean is between the two programs.".into(),
        (None, false, None) => "No answer was captured.".into(),
        (None, false, Some(response)) if response.status() != Some(101) => "The server did not agree to a WebSocket at all.".into(),
        (None, false, Some(_)) => "The server chose none of those offered. The RFC allows that, but a browser then fails the connection (RFC 6455, 4.2.2; WHATWG WebSockets).".into(),
        (Some(_), _, _) if request.is_none() => "The request was not captured, so it cannot be told whether this was offered.".into(),
        (Some(name), _, _) if !is_offered(name) => "The server chose one that was not offered: a client has to fail the connection (RFC 6455, 4.1).".into(),
        (Some(name), _, _) if place(name) == Some(0) => "The server chose the client's first choice.".into(),
        (Some(_), _, _) => "The server passed over what the client likes better: the order is a wish, no rule (RFC 6455, 4.1).".into(),
    };
    match chosen.as_deref() {
        Some("graphql-ws") => says.push_str(
            " Mind the names: graphql-ws is the older protocol of the package subscriptions-transport-ws; the package graphql-ws speaks graphql-transport-ws.",
        ),
        Some("graphql-transport-ws") => {
            says.push_str(" Mind the names: this is what the package graphql-ws speaks; the subprotocol graphql-ws is an older one.");
        }
        _ => {}
    }
    Subprotocol { offered, chosen, says }
}
