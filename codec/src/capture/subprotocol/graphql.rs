//! GraphQL over WebSocket, of which there are two: `graphql-transport-ws`, which the package graphql-ws speaks, and the
//! older `graphql-ws`, which the package subscriptions-transport-ws spoke. The names are as crossed as they look.

use super::decoded::Decoded;
use super::json::Json;
use super::{Said, said_text};
use crate::capture::Direction;

struct Kind {
    name: &'static str,
    /// Who may send it; `None` for both.
    from: Option<Direction>,
    needs_id: bool,
    says: &'static str,
}

const C: Option<Direction> = Some(Direction::ClientToServer);
const S: Option<Direction> = Some(Direction::ServerToClient);

const fn kind(name: &'static str, from: Option<Direction>, needs_id: bool, says: &'static str) -> Kind {
    Kind { name, from, needs_id, says }
}

const TRANSPORT: [Kind; 8] = [
    kind(
        "connection_init",
        C,
        false,
        "The client asks to begin; the server answers with connection_ack, or closes with 4408 if this never comes.",
    ),
    kind("connection_ack", S, false, "The server agrees: operations may begin."),
    kind("ping", None, false, "Is the other end there? Not a ping frame, but a message of the subprotocol."),
    kind("pong", None, false, "Answers a ping, or comes unasked."),
    kind(
        "subscribe",
        C,
        true,
        "Begins an operation: a query, a mutation or a subscription. Before connection_ack the server closes with 4401.",
    ),
    kind("next", S, true, "A result of the operation; more may follow."),
    kind("error", S, true, "The operation was not begun; nothing more comes for its id."),
    kind("complete", None, true, "From the server: there will be no more results. From the client: it wants no more."),
];

const LEGACY: [Kind; 10] = [
    kind("connection_init", C, false, "The client asks to begin."),
    kind("connection_ack", S, false, "The server agrees."),
    kind("connection_error", S, false, "The server does not agree."),
    kind("ka", S, false, "A sign of life."),
    kind("start", C, true, "Begins an operation. In graphql-transport-ws this is subscribe."),
    kind("data", S, true, "A result of the operation. In graphql-transport-ws this is next."),
    kind("error", S, true, "The operation failed before it began."),
    kind("complete", S, true, "There will be no more results."),
    kind("stop", C, true, "The client wants no more. In graphql-transport-ws this is complete."),
    kind("connection_terminate", C, false, "The client ends the connection."),
];

/// Only what no other protocol says: an operation with its query, or the beginning of a connection.
pub(super) fn transport_fits(said: &Said<'_>) -> bool {
    let Some(json) = object(said) else { return false };
    let payload = json.member("payload");
    match json.said("type").as_deref() {
        Some("connection_init" | "connection_ack") => {
            json.members().all(|(name, _)| matches!(name.as_str(), "type" | "payload"))
        }
        Some("subscribe") => {
            json.said("id").is_some() && payload.is_some_and(|payload| payload.said("query").is_some())
        }
        Some("next") => json.said("id").is_some() && payload.is_some_and(is_result),
        _ => false,
    }
}

/// The same of the older protocol.
pub(super) fn legacy_fits(said: &Said<'_>) -> bool {
    let Some(json) = object(said) else { return false };
    let payload = json.member("payload");
    match json.said("type").as_deref() {
        Some("start") => json.said("id").is_some() && payload.is_some_and(|payload| payload.said("query").is_some()),
        Some("data") => json.said("id").is_some() && payload.is_some_and(is_result),
        _ => false,
    }
}

fn object<'a>(said: &Said<'a>) -> Option<Json<'a>> {
    said.text.and_then(Json::read).filter(|json| json.is_object())
}

fn is_result(payload: Json<'_>) -> bool {
    payload.member("data").is_some() || payload.member("errors").is_some_and(Json::is_array)
}

pub(super) fn decode_transport(said: &Said<'_>) -> Decoded {
    decode(
        said,
        "graphql-transport-ws",
        "PROTOCOL.md of graphql-ws",
        &TRANSPORT,
        &LEGACY,
        "the older graphql-ws (package subscriptions-transport-ws)",
    )
}

pub(super) fn decode_legacy(said: &Said<'_>) -> Decoded {
    decode(
        said,
        "graphql-ws",
        "PROTOCOL.md of subscriptions-transport-ws",
        &LEGACY,
        &TRANSPORT,
        "graphql-transport-ws (package graphql-ws)",
    )
}

fn decode(
    said: &Said<'_>,
    protocol: &'static str,
    section: &'static str,
    kinds: &[Kind],
    others: &[Kind],
    other_protocol: &str,
) -> Decoded {
    let text = match said_text(said, protocol) {
        Ok(text) => text,
        Err(wrong) => return wrong,
    };
    let Some(json) = Json::read(text).filter(|json| json.is_object()) else {
        return Decoded::wrong(protocol, "Every message is a JSON object; the other end closes with 4400.");
    };
    let Some(named) = json.said("type") else {
        return Decoded::wrong(protocol, "Every message has a type; the other end closes with 4400.");
    };
    let id = json.said("id");
    let payload = json.member("payload");
    let operation = payload.and_then(|payload| {
        payload.said("operationName").or_else(|| payload.said("query").map(|query| first_line(&query)))
    });
    let mut decoded = Decoded::new(protocol, named.as_str());
    decoded.summary =
        [Some(named.clone()), id.clone(), operation.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    match kinds.iter().find(|kind| kind.name == named) {
        Some(kind) => {
            decoded.part("type", &named, kind.says, section);
            if kind.from.is_some_and(|from| from != said.direction) {
                let who = if kind.from == C { "client" } else { "server" };
                decoded.problem(format!("Only a {who} sends {named}."));
            }
            if kind.needs_id && id.as_deref().unwrap_or_default().is_empty() {
                decoded.problem(format!("{named} needs an id, a text."));
            }
        }
        None => {
            decoded.part("type", &named, "Not a message of this protocol.", section);
            decoded.problem(if others.iter().any(|kind| kind.name == named) {
                format!("{named} belongs to {other_protocol}: the two ends do not mean the same protocol.")
            } else {
                format!("{named} is no type of message; the other end closes with 4400.")
            });
        }
    }
    if let Some(id) = &id {
        decoded.part(
            "id",
            id,
            "Names the operation; unique among those under way, else the server closes with 4409.",
            section,
        );
    }
    if let Some(payload) = payload {
        look_into(&mut decoded, &named, payload, section);
    } else if matches!(named.as_str(), "subscribe" | "start" | "next" | "data") {
        decoded.problem(format!("{named} needs a payload."));
    }
    decoded
}

fn look_into(decoded: &mut Decoded, named: &str, payload: Json<'_>, section: &'static str) {
    match named {
        "subscribe" | "start" => {
            for (name, says) in [
                ("query", "The GraphQL document."),
                ("operationName", "Which operation of the document."),
                ("variables", "Values for its variables."),
                ("extensions", "Beyond GraphQL itself, as a persisted query's hash."),
            ] {
                if let Some(value) = payload.member(name) {
                    decoded.part(name, &value.string().unwrap_or_else(|| value.text().into()), says, section);
                }
            }
            if payload.said("query").is_none() && payload.member("extensions").is_none() {
                decoded.problem("The payload of an operation has a query.");
            }
        }
        "next" | "data" => {
            for (name, says) in
                [("data", "The result."), ("errors", "What went wrong in the execution."), ("extensions", "")]
            {
                if let Some(value) = payload.member(name) {
                    decoded.part(name, value.text(), says, section);
                }
            }
            let errors = payload.member("errors").map_or(0, |errors| errors.items().count());
            if errors > 0 {
                decoded.summary.push_str(&format!(" with {errors} errors"));
            }
        }
        "error" => {
            decoded.part("errors", payload.text(), "Why the operation was not begun.", section);
            if decoded.protocol == "graphql-transport-ws" && !payload.is_array() {
                decoded.problem("The payload of error is an array of GraphQL errors.");
            }
        }
        _ => decoded.part("payload", payload.text(), "Whatever the two ends agreed on, often a token.", section),
    }
}

fn first_line(query: &str) -> String {
    let line = query.trim_start().lines().next().unwrap_or_default();
    let end = line.floor_char_boundary(60);
    line.get(..end).unwrap_or_default().trim_end_matches([' ', '{', '\r']).into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, client, server};

    #[test]
    fn each_type_of_message_of_the_newer_protocol() {
        const P: &str = "graphql-transport-ws";
        let from_client = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&client(text).speaking(P), P, name, summary, problem)
        };
        let from_server = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&server(text).speaking(P), P, name, summary, problem)
        };
        from_client(r#"{"type":"connection_init"}"#, "connection_init", "", "");
        from_server(r#"{"type":"connection_ack","payload":{}}"#, "connection_ack", "", "");
        from_client(r#"{"type":"ping"}"#, "ping", "", "");
        from_server(r#"{"type":"pong"}"#, "pong", "", "");
        from_client(
            r#"{"id":"1","type":"subscribe","payload":{"query":"query Q {\n a }","variables":null}}"#,
            "subscribe",
            "subscribe 1 query Q",
            "",
        );
        from_server(
            r#"{"id":"1","type":"next","payload":{"data":null,"errors":[{},{}]}}"#,
            "next",
            "with 2 errors",
            "",
        );
        from_server(r#"{"id":"1","type":"error","payload":[{"message":"x"}]}"#, "error", "error 1", "");
        from_client(r#"{"id":"1","type":"complete"}"#, "complete", "complete 1", "");
        from_server(r#"{"id":"1","type":"error","payload":{}}"#, "error", "", "array of GraphQL errors");
        from_server(r#"{"type":"subscribe"}"#, "subscribe", "", "Only a client");
        from_client(r#"{"type":"subscribe","payload":{"query":"{a}"}}"#, "subscribe", "", "needs an id");
        from_client(r#"{"id":"1","type":"subscribe","payload":{}}"#, "subscribe", "", "has a query");
        from_client(r#"{"id":"1","type":"start","payload":{"query":"{a}"}}"#, "start", "", "the older graphql-ws");
        from_client(r#"{"type":"other"}"#, "other", "", "4400");
        from_client("[]", "", "", "JSON object");
        from_client("{}", "", "", "has a type");
    }

    #[test]
    fn each_type_of_message_of_the_older_protocol() {
        const P: &str = "graphql-ws";
        let from_client =
            |text: &str, name: &str, problem: &str| check(&client(text).speaking(P), P, name, "", problem);
        let from_server =
            |text: &str, name: &str, problem: &str| check(&server(text).speaking(P), P, name, "", problem);
        from_client(r#"{"id":"1","type":"start","payload":{"query":"{a}"}}"#, "start", "");
        from_server(r#"{"id":"1","type":"data","payload":{"data":{"a":1}}}"#, "data", "");
        from_server(r#"{"type":"ka"}"#, "ka", "");
        from_client(r#"{"id":"1","type":"stop"}"#, "stop", "");
        from_client(r#"{"type":"connection_terminate"}"#, "connection_terminate", "");
        from_server(r#"{"type":"connection_error","payload":{"message":"no"}}"#, "connection_error", "");
        from_client(
            r#"{"id":"1","type":"subscribe","payload":{"query":"{a}"}}"#,
            "subscribe",
            "graphql-transport-ws (package graphql-ws)",
        );
    }
}
