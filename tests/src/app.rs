//! A client of the apps: JSON objects over our own native client.

use std::net::SocketAddr;

use framescope_codec::Closed;
use framescope_server::{ClientOptions, Event, WebSocketClient};
use serde_json::Value;
use tokio::time::timeout;

use crate::PATIENCE;

/// Somebody who speaks a family of messages.
#[derive(Debug)]
pub struct AppClient {
    /// The connection itself.
    pub client: WebSocketClient,
}

impl AppClient {
    /// Connects; with an empty cookie as a guest.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn open(addr: SocketAddr, path: &str, cookie: &str) -> Self {
        let headers = if cookie.is_empty() { Vec::new() } else { vec![("Cookie".to_owned(), cookie.to_owned())] };
        // A board's history is one message, and may be large.
        let limits = framescope_codec::Config { message_max: 1 << 30, ..framescope_codec::Config::default() };
        let options = ClientOptions { headers, limits, compression: Vec::new(), ..ClientOptions::default() };
        let client = WebSocketClient::connect_with(&format!("ws://{addr}{path}"), options).await;
        Self { client: client.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// The same at `/websocket`, greeted: the strokes so far come back, too.
    ///
    /// # Panics
    /// When it is not greeted as the contract says.
    pub async fn greeted(addr: SocketAddr, cookie: &str) -> (Self, Vec<Value>) {
        let mut client = Self::open(addr, "/websocket", cookie).await;
        let first = client.hear().await;
        assert_eq!(first["messageType"], "init_strokes", "{first}");
        let Value::Array(strokes) = first["strokes"].clone() else { panic!("{first}") };
        let second = client.hear().await;
        assert_eq!(second["messageType"], "active_users_list", "{second}");
        (client, strokes)
    }

    /// Sends this.
    ///
    /// # Panics
    /// When the connection is closing, or much already waits.
    pub fn say(&self, message: &Value) {
        self.client.send(message.to_string().as_str()).expect("it is taken");
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes.
    pub async fn hear(&mut self) -> Value {
        self.hear_or_end().await.unwrap_or_else(|closed| panic!("{closed:?} in place of a message"))
    }

    /// The next message whose `messageType` or `type` is this; those before it are dropped.
    ///
    /// # Panics
    /// When none comes.
    pub async fn hear_a(&mut self, kind: &str) -> Value {
        let mut before = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                match self.hear_or_end().await {
                    Ok(message) if message["messageType"] == kind || message["type"] == kind => return Some(message),
                    Ok(message) => before.push(message.to_string()),
                    Err(closed) => {
                        before.push(format!("{closed:?}"));
                        return None;
                    }
                }
            }
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| {
            let last: Vec<_> = before.iter().rev().take(5).map(|text| &text[..text.floor_char_boundary(200)]).collect();
            panic!("no {kind}; the last to come were {last:?}")
        })
    }

    /// Says this, and hears the next message.
    ///
    /// # Panics
    /// As [`say`](Self::say) and [`hear`](Self::hear).
    pub async fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear().await
    }

    /// The next message, or how the connection ended.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When neither comes, or what comes is no JSON.
    pub async fn hear_or_end(&mut self) -> Result<Value, Closed> {
        loop {
            match timeout(PATIENCE, self.client.next()).await.expect("a message in time") {
                Some(Event::Text(text)) => {
                    return Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}")));
                }
                Some(Event::Closed(closed)) => return Err(closed),
                Some(Event::Ping(_) | Event::Pong(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Demands that the next thing to come is the answer to an echo: nothing else was sent before it.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn assert_quiet(&mut self) {
        let text = "nothing came before this";
        let answer = self.ask(&serde_json::json!({"messageType": "echo_client", "text": text})).await;
        assert_eq!(answer, serde_json::json!({"messageType": "echo_server", "text": text}));
    }
}
