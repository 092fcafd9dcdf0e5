//! JSON-RPC 2.0: requests, notifications, responses, and batches of them.

use super::decoded::Decoded;
use super::json::Json;
use super::{Said, said_text};

/// Every message says its version, so there is no mistaking it.
pub(super) fn fits(said: &Said<'_>) -> bool {
    let Some(json) = said.text.and_then(Json::read) else { return false };
    let is_one = |json: Json<'_>| json.said("jsonrpc").as_deref() == Some("2.0");
    if json.is_array() { json.items().next().is_some_and(is_one) } else { is_one(json) }
}

pub(super) fn decode(said: &Said<'_>) -> Decoded {
    let text = match said_text(said, NAME) {
        Ok(text) => text,
        Err(wrong) => return wrong,
    };
    let Some(json) = Json::read(text) else {
        return Decoded::wrong(NAME, "This is not JSON; the answer to it is error -32700, parse error.");
    };
    if !json.is_array() {
        return one(json);
    }
    let all: Vec<Decoded> = json.items().take(BATCH_MAX).map(one).collect();
    let count = json.items().count();
    let mut batch = Decoded::new(NAME, "batch");
    batch.summary = format!("batch of {count}");
    if count == 0 {
        batch.problem("An empty batch is an invalid request.");
    }
    for (number, member) in (1..).zip(all) {
        batch.part(&format!("{number}: {}", member.name), &member.summary, "", "JSON-RPC 2.0, 6");
        if let Some(problem) = member.problem {
            batch.problem(format!("In number {number}: {problem}"));
        }
    }
    batch
}

fn one(json: Json<'_>) -> Decoded {
    if !json.is_object() {
        return Decoded::wrong(NAME, "A request or a response is an object.");
    }
    let [version, id, method, params, result, error] =
        ["jsonrpc", "id", "method", "params", "result", "error"].map(|name| json.member(name));
    let id_text = id.map_or("", Json::text);
    let is_response = method.is_none() && (result.is_some() || error.is_some());
    let mut decoded = if is_response {
        let failed = error.is_some();
        let mut decoded = Decoded::new(NAME, if failed { "error" } else { "result" });
        decoded.summary = match error {
            Some(error) => format!("error for {id_text}: {}", error_words(error)),
            None => format!("result for {id_text}"),
        };
        decoded
    } else {
        let named = method.and_then(Json::string).unwrap_or_default();
        let mut decoded = Decoded::new(NAME, if id.is_some() { "request" } else { "notification" });
        decoded.summary =
            if id.is_some() { format!("request {id_text}: {named}") } else { format!("notification: {named}") };
        decoded
    };
    match version {
        Some(version) if version.string().as_deref() == Some("2.0") => {
            decoded.part("jsonrpc", version.text(), "The version, in every message.", "JSON-RPC 2.0, 4");
        }
        Some(_) => decoded.problem("The version has to be the text 2.0."),
        None => decoded.problem("The member jsonrpc is missing: without it this is JSON-RPC 1.0 or none."),
    }
    match id {
        Some(id) => {
            decoded.part(
                "id",
                id.text(),
                "Ties a response to its request.",
                if is_response { "JSON-RPC 2.0, 5" } else { "JSON-RPC 2.0, 4" },
            );
            if !(id.is_string() || id.is_number() || id.is_null()) {
                decoded.problem("An id is a text, a number or null.");
            }
        }
        None if is_response => {
            decoded.problem("A response has an id: null where that of the request could not be read.")
        }
        None => {}
    }
    if is_response {
        response(&mut decoded, result, error);
    } else {
        request(&mut decoded, method, params, id.is_some());
    }
    decoded
}

fn request(decoded: &mut Decoded, method: Option<Json<'_>>, params: Option<Json<'_>>, is_answered: bool) {
    match method {
        Some(method) => {
            let named = method.string().unwrap_or_else(|| method.text().into());
            let says = match (named.starts_with("rpc."), is_answered) {
                (true, _) => "Names with rpc. in front are reserved for extensions of JSON-RPC.",
                (false, true) => "What is to be called.",
                (false, false) => "What is to be called. Without an id there is no answer, not even an error.",
            };
            decoded.part("method", &named, says, "JSON-RPC 2.0, 4");
            if !method.is_string() {
                decoded.problem("A method is a text.");
            }
        }
        None => decoded.problem("Neither method nor result nor error: neither a request nor a response."),
    }
    if let Some(params) = params {
        let says = if params.is_object() { "By name." } else { "By place." };
        decoded.part("params", params.text(), says, "JSON-RPC 2.0, 4.2");
        if !(params.is_object() || params.is_array()) {
            decoded.problem("params is an array or an object.");
        }
    }
}

fn response(decoded: &mut Decoded, result: Option<Json<'_>>, error: Option<Json<'_>>) {
    if let Some(result) = result {
        decoded.part("result", result.text(), "What came of the call.", "JSON-RPC 2.0, 5");
    }
    let Some(error) = error else { return };
    let code = error.member("code");
    decoded.part("error", error.text(), &error_words(error), "JSON-RPC 2.0, 5.1");
    if result.is_some() {
        decoded.problem("A response has a result or an error, not both.");
    }
    if !code.is_some_and(|code| code.is_number() && !code.text().contains(['.', 'e', 'E'])) {
        decoded.problem("An error has a whole number as its code.");
    } else if error.said("message").is_none() {
        decoded.problem("An error has a text as its message.");
    }
}

fn error_words(error: Json<'_>) -> String {
    let code = error.member("code").map_or("", Json::text);
    let named = match code {
        "-32700" => "parse error: what came was no JSON",
        "-32600" => "invalid request",
        "-32601" => "method not found",
        "-32602" => "invalid params",
        "-32603" => "internal error",
        _ => match code.parse::<i64>() {
            Ok(-32099..=-32000) => "an error of the server's own",
            Ok(-32768..=-32100) => "reserved by the protocol",
            _ => "the application's own",
        },
    };
    format!("{code} ({named}) {}", error.said("message").unwrap_or_default())
}

const NAME: &str = "json-rpc";
/// Members of a batch that are looked at.
const BATCH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::tests::{check, client};

    #[test]
    fn the_examples_of_the_specification() {
        let rpc = |text: &str, name: &str, summary: &str, problem: &str| {
            check(&client(text), "json-rpc", name, summary, problem);
        };
        rpc(
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
            "request",
            "request 1: subtract",
            "",
        );
        rpc(r#"{"jsonrpc": "2.0", "result": 19, "id": 1}"#, "result", "result for 1", "");
        rpc(
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
            "request",
            "3",
            "",
        );
        rpc(
            r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#,
            "notification",
            "notification: update",
            "",
        );
        rpc(r#"{"jsonrpc": "2.0", "method": "foobar"}"#, "notification", "foobar", "");
        rpc(
            r#"{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}"#,
            "error",
            "-32601 (method not found)",
            "",
        );
        rpc(
            r#"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}"#,
            "error",
            "parse error",
            "",
        );
        rpc(r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, "notification", "", "A method is a text");
        rpc(
            r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
            "batch",
            "batch of 2",
            "",
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let rpc = |text: &str, problem: &str| check(&client(text).speaking("jsonrpc"), "json-rpc", "", "", problem);
        rpc("{", "not JSON");
        rpc("[]", "empty batch");
        rpc("1", "is an object");
        rpc("[1,2,3]", "In number 1");
        rpc(r#"{"jsonrpc":"2.0"}"#, "Neither");
        rpc(r#"{"method":"a"}"#, "jsonrpc is missing");
        rpc(r#"{"jsonrpc":"2.0","result":1}"#, "has an id");
        rpc(r#"{"jsonrpc":"2.0","result":1,"error":{"code":1,"message":""},"id":1}"#, "not both");
        rpc(r#"{"jsonrpc":"2.0","error":{"code":1.5,"message":""},"id":1}"#, "whole number");
        rpc(r#"{"jsonrpc":"2.0","method":"a","params":1}"#, "array or an object");
    }
}
