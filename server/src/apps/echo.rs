//! `/echo`: every message comes back as it was, for conformance suites, load tests and the curious.

use framescope_codec::Message;

use super::App;
use crate::ws::Outbox;

/// Sends back what came in, with the same opcode.
#[derive(Debug)]
pub(crate) struct Echo;

impl App for Echo {
    #[inline]
    fn message(&mut self, message: Message<'_>, outbox: &Outbox) {
        // There is room, as messages only come in while there is; and once we are closing, nobody
        // waits for an echo.
        let _ = outbox.send(message);
    }
}
