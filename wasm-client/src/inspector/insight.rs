//! What takes more than one row to know: connections in sum, and round trips.

use framescope_codec::capture::Direction;
use framescope_codec::capture::insight::{ConnectionInfo, Conversation, Findings, RoundTrip};

use super::Capture;
use super::objects::Spoken;

impl Capture {
    /// All connections, in the order in which they came.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.insight.connections().into_iter().map(|info| self.timed(info)).collect()
    }

    /// Everything about one but its opening handshake, by the number that its rows have.
    #[must_use]
    pub fn conversation(&self, connection: u32) -> Option<Conversation> {
        let mut conversation = self.insight.conversation(connection)?;
        conversation.info = self.timed(conversation.info);
        Some(conversation)
    }

    /// The head that was sent this way when it was opened. Judging it is not this module's affair.
    #[must_use]
    pub fn head(&self, connection: u32, direction: Direction) -> Option<Vec<u8>> {
        let [request, response] = self.insight.heads(connection);
        let head = if direction == Direction::ClientToServer { request } else { response };
        head.map(|head| head.bytes().to_vec())
    }

    /// What is certain of its connection from this row on.
    pub(super) fn noticed(&self, row: u64) -> Findings {
        let place = self.noticed.binary_search_by_key(&row, |(row, _)| *row);
        place.ok().and_then(|place| self.noticed.get(place)).map(|(_, findings)| *findings).unwrap_or_default()
    }

    /// Its times as those of rows.
    fn timed(&self, info: ConnectionInfo) -> ConnectionInfo {
        let since = |time_ns| self.span.since(time_ns);
        ConnectionInfo { start_ns: since(info.start_ns), end_ns: info.end_ns.map(since), ..info }
    }

    /// The pings of one connection, or of all, and the pongs that answer them; times are since the earliest row.
    #[must_use]
    pub fn round_trips(&self, connection: Option<u32>) -> Vec<RoundTrip> {
        let since_start = |trip: RoundTrip| RoundTrip { at: self.span.since(trip.at), ..trip };
        self.insight.round_trips(connection).into_iter().map(since_start).collect()
    }

    /// What says which subprotocol is spoken on a connection: the one that was agreed on, and the target.
    #[must_use]
    pub fn spoken(&self, connection: u32) -> Option<Spoken> {
        let target = self.insight.target(connection)?;
        Some(Spoken { subprotocol: self.insight.subprotocol(connection).map(str::to_owned), target })
    }
}
