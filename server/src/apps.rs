//! What connections are for. An app is handed messages and an outbox; frames, sockets and time are
//! somebody else's.

use framescope_codec::{CloseFrame, Closed, Message, Violation};

use crate::ws::Outbox;

pub(crate) mod board;
pub(crate) mod echo;

/// One connection's application. It runs on the connection's thread, one call at a time; if a call
/// panics, the connection is closed with 1011, and all others go on.
pub(crate) trait App {
    /// The connection is open.
    fn opened(&mut self, _outbox: &Outbox) {}

    /// A message came in. The outbox has room for one in return.
    fn message(&mut self, message: Message<'_>, outbox: &Outbox);

    /// A ping came in, and is answered already.
    fn ping(&mut self, _payload: &[u8], _outbox: &Outbox) {}

    /// A pong came in.
    fn pong(&mut self, _payload: &[u8], _outbox: &Outbox) {}

    /// The peer's Close came in, and is answered already.
    fn closing(&mut self, _frame: Option<&CloseFrame>) {}

    /// The peer broke a rule, and has been told which.
    fn failed(&mut self, _violation: Violation) {}

    /// The connection is over, however it ended. Called once, last.
    fn closed(&mut self, _closed: &Closed) {}

    /// Whether it wants to send something unasked. Whoever says no wakes the connection's task later.
    fn has_more(&self) -> bool {
        false
    }

    /// It wants to, and there is room.
    fn send_more(&mut self, _outbox: &Outbox) {}

    /// Whether more messages may come in. Whoever says no wakes the connection's task later.
    fn has_room(&self) -> bool {
        true
    }
}
