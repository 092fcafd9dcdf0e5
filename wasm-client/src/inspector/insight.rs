//! What takes more than one row to know: connections in sum, round trips, and messages in their subprotocol's terms.

use framescope_codec::capture::insight::{ConnectionInfo, Conversation, RoundTrip};
use framescope_codec::capture::subprotocol::{Decoded, Message, Speech};

use super::Capture;
use super::entry::{Entry, flag};

impl Capture {
    /// All connections, in the order in which they came.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.insight.connections()
    }

    /// Everything about one, by the number that its rows have.
    #[must_use]
    pub fn conversation(&self, connection: u32) -> Option<Conversation> {
        self.insight.conversation(connection)
    }

    /// The pings of one connection, or of all, and the pongs that answer them; times are since the first row.
    #[must_use]
    pub fn round_trips(&self, connection: Option<u32>) -> Vec<RoundTrip> {
        let start_ns = self.start_ns.unwrap_or_default();
        let since_start = |trip: RoundTrip| RoundTrip { at: trip.at.saturating_sub(start_ns), ..trip };
        self.insight.round_trips(connection).into_iter().map(since_start).collect()
    }

    /// What the message that this frame completes is, in two words.
    pub(super) fn label(&self, index: u64, entry: &Entry) -> Option<String> {
        self.ask(index, entry, |speech, message| speech.label(message, index))
    }

    /// And in all its parts.
    pub(super) fn decoded(&self, index: u64, entry: &Entry) -> Option<Decoded> {
        self.ask(index, entry, |speech, message| speech.decode(message, index))
    }

    fn ask<T>(&self, index: u64, entry: &Entry, ask: impl FnOnce(&Speech, &Message<'_>) -> Option<T>) -> Option<T> {
        if !entry.has(flag::LAST) {
            return None;
        }
        let speech = self.insight.speech(entry.connection.checked_add(1)?)?;
        let dissection = self.dissection(index)?;
        let whole = dissection.message.as_ref().filter(|message| message.payload_is_whole)?;
        ask(speech, &Message { direction: entry.direction()?, kind: whole.kind?, payload: &whole.payload })
    }
}
