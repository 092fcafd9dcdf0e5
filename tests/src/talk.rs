//! A client that speaks JSON over raw frames.

use std::net::SocketAddr;

use framescope_codec::Opcode;
use serde_json::{Value, json};

use crate::{OutFrame, WireClient, http};

/// A connection that speaks JSON.
#[derive(Debug)]
pub struct Talker {
    /// What it speaks through.
    pub wire: WireClient,
}

impl Talker {
    /// A guest on `/websocket`, greeted.
    pub async fn guest(addr: SocketAddr) -> Self {
        Self::on_board(addr, &[]).await
    }

    /// A user on `/websocket`, signed in by this cookie and greeted.
    pub async fn user(addr: SocketAddr, cookie: &str) -> Self {
        Self::on_board(addr, &[("Cookie", cookie)]).await
    }

    async fn on_board(addr: SocketAddr, extra: &[(&str, &str)]) -> Self {
        let mut talker = Self { wire: WireClient::open_with(addr, "/websocket", extra).await.0 };
        assert_eq!(talker.hear_any().await["messageType"], "init_strokes");
        assert_eq!(talker.hear_any().await["messageType"], "active_users_list");
        talker
    }

    /// A guest on an endpoint that speaks the rooms family alone.
    pub async fn in_rooms(addr: SocketAddr, path: &str) -> Self {
        Self { wire: WireClient::open(addr, path).await }
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &Value) {
        self.wire.send_frame(OutFrame::text(message.to_string())).await;
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes, or it is not JSON.
    pub async fn hear_any(&mut self) -> Value {
        let (opcode, _, payload) = self.wire.message().await;
        assert_eq!(opcode, Opcode::Text);
        serde_json::from_slice(&payload).expect("JSON")
    }

    /// The next message but for lists of who is online, which come when they come.
    pub async fn hear(&mut self) -> Value {
        loop {
            let message = self.hear_any().await;
            if message["messageType"] != "active_users_list" {
                return message;
            }
        }
    }

    /// Sends a message and hears what comes next.
    pub async fn ask(&mut self, message: &Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    /// Hears exactly this next.
    ///
    /// # Panics
    /// When it is something else.
    pub async fn expect(&mut self, message: &Value) {
        assert_eq!(&self.hear().await, message);
    }

    /// Sends a message that is to be refused in the words of the board family, or of the rooms family.
    ///
    /// # Panics
    /// When it is not.
    pub async fn expect_refusal(&mut self, message: &Value) -> String {
        let error = self.ask(message).await;
        let (tag, other) =
            if message.get("messageType").is_some() { ("messageType", "type") } else { ("type", "messageType") };
        assert_eq!(error[tag], "error", "{error} to {message}");
        assert!(error.get(other).is_none(), "{error}");
        error["error"].as_str().filter(|text| !text.is_empty()).expect("a reason").to_owned()
    }
}

/// Creates a call; its id.
///
/// # Panics
/// When that is refused.
pub async fn create_call(addr: SocketAddr, cookie: &str, name: &str) -> String {
    let body = json!({ "name": name }).to_string();
    let answer = http(addr, "POST", "/api/video-calls", &[("Cookie", cookie)], &body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    body["id"].as_str().expect("an id").to_owned()
}
