//! Frames that an operator holds on their way, and what becomes of them.

mod bounds;
mod endings;
mod holding;

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use framescope_tests::{OutFrame, ServerProcess, WireClient};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Upstream, connect};

/// An operator's page.
struct Operator(WireClient);

impl Operator {
    async fn at(proxy: &ServerProcess) -> Self {
        let (addr, token) = link(proxy);
        let (client, _) = WireClient::open_with(addr, &format!("/inspect/intercept?token={token}"), &[]).await;
        Self(client)
    }

    async fn say(&mut self, what: &Value) {
        self.0.send_frame(OutFrame::text(what.to_string())).await;
    }

    /// The next it is told that has this.
    async fn hear(&mut self, name: &str) -> Value {
        loop {
            let told: Value = serde_json::from_str(&self.0.text().await).unwrap();
            if let Some(value) = told.get(name) {
                // What belongs to it may stand beside it.
                return if value.is_object() { value.clone() } else { told };
            }
        }
    }

    /// Holds what this finds, from now on.
    async fn hold(&mut self, filter: &str) {
        self.say(&json!({ "filter": filter })).await;
        assert_eq!(self.hear("holding").await["filter"], filter);
    }

    /// The next frame that is held: its number, direction and bytes.
    async fn held(&mut self) -> (u64, String, Vec<u8>) {
        let held = self.hear("held").await;
        let bytes = BASE64_STANDARD.decode(held["bytes"].as_str().unwrap()).unwrap();
        (held["id"].as_u64().unwrap(), held["direction"].as_str().unwrap().to_owned(), bytes)
    }

    async fn inject(&mut self, connection: u64, direction: &str, bytes: &[u8], force: bool) -> Value {
        let bytes = BASE64_STANDARD.encode(bytes);
        let inject =
            json!({ "connection": connection, "direction": direction, "bytes": bytes, "force": force, "tag": 5 });
        self.say(&json!({ "inject": inject })).await;
        loop {
            let told: Value = serde_json::from_str(&self.0.text().await).unwrap();
            if told.get("injected").is_some() || told.get("refused").is_some() {
                return told;
            }
        }
    }

    /// The first list of connections that this is true of.
    async fn connections(&mut self, mut holds: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        loop {
            let list = self.hear("connections").await;
            let list = list["connections"].as_array().unwrap().clone();
            if holds(&list) {
                return list;
            }
        }
    }
}

/// A proxy with an inspector, an operator at it, and a connection through it.
async fn intercepted(filter: &str) -> (ServerProcess, Upstream, Operator, WireClient, TcpStream) {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let mut operator = Operator::at(&proxy).await;
    operator.hold(filter).await;
    let (client, stream) = connect(&proxy, &upstream).await;
    (proxy, upstream, operator, client, stream)
}

/// The address and the token of the operator's link.
fn link(proxy: &ServerProcess) -> (SocketAddr, String) {
    let rest = proxy.operator_link().strip_prefix("http://").expect("a link");
    let (addr, token) = rest.split_once("/inspector?token=").expect("a token");
    (addr.parse().unwrap(), token.to_owned())
}

/// Nothing comes for a while.
async fn stays_silent(stream: &mut TcpStream) {
    let mut byte = [0];
    let read = timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
    assert!(read.is_err(), "{read:?} {byte:?}");
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
