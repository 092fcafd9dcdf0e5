//! The board family of messages, told apart by `messageType`: one match from what is said to who handles it.

use std::rc::Rc;

use serde::Serialize;

use super::drawing;
use super::peer::{Peer, Refusal};
use super::said::BoardSaid;

/// What a client is shown at once.
#[derive(Serialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
enum Shown<'a> {
    EchoServer { text: &'a str },
}

/// Acts upon a message; `json` is the whole of it.
pub(super) fn handle(peer: &Rc<Peer>, said: BoardSaid<'_>, json: &str) -> Result<(), Refusal> {
    match said {
        BoardSaid::EchoClient(echo) if echo.text.len() > peer.limits().echo_text_max => {
            Err(Refusal::from("the text is too long"))
        }
        BoardSaid::EchoClient(echo) => {
            peer.show(&Shown::EchoServer { text: &echo.text });
            Ok(())
        }
        BoardSaid::Drawing(fields) => drawing::draw(peer, json, fields),
        BoardSaid::GetAllUsers => super::direct::all_users(peer),
        BoardSaid::SelectUser(select) => super::direct::select(peer, select),
        BoardSaid::DirectMessage(message) => super::direct::send(peer, message),
        BoardSaid::GetCalls => super::call::list(peer),
        BoardSaid::JoinCall(join) => super::call::join(peer, join),
        BoardSaid::Signal(signal) => super::call::signal(peer, signal),
    }
}
