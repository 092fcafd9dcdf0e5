//! What every connection to `/websocket` is told before anything else.

use std::net::SocketAddr;

use serde_json::Value;

use crate::WireClient;

/// A connection to `/websocket`, and the two messages it begins with.
#[derive(Debug)]
pub struct Greeted {
    /// It has read both.
    pub client: WireClient,
    /// The strokes of `init_strokes`.
    pub strokes: Vec<Value>,
    /// The names of `active_users_list`.
    pub online: Vec<String>,
}

/// Opens `/websocket` with these headers, such as a cookie, and reads the greeting.
///
/// # Panics
/// When it is not as the contract has it.
pub async fn greeted(addr: SocketAddr, headers: &[(&str, &str)]) -> Greeted {
    let (mut client, head) = WireClient::open_with(addr, "/websocket", headers).await;
    assert_eq!(head.status, 101, "{head:?}");
    let board: Value = serde_json::from_str(&client.text().await).expect("JSON");
    assert_eq!(board["messageType"], "init_strokes", "{board}");
    let strokes = board["strokes"].as_array().expect("a list").clone();
    let list: Value = serde_json::from_str(&client.text().await).expect("JSON");
    Greeted { client, strokes, online: names(&list) }
}

/// The names in an `active_users_list`.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn names(list: &Value) -> Vec<String> {
    assert_eq!(list["messageType"], "active_users_list", "{list}");
    let users = list["users"].as_array().expect("a list");
    users.iter().map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}
