//! A page that watches live taps, and reads what it sees with the codec.

use std::net::SocketAddr;

use framescope_codec::capture::{Decoder, Direction, Record, What};
use framescope_codec::{Dissection, Opcode};

use crate::WireClient;

/// What is seen at `/inspect/live`.
#[derive(Debug)]
pub struct Watch {
    /// The connection it comes by.
    pub client: WireClient,
    /// What has read it.
    pub decoder: Decoder,
    /// All that came, as it would be saved.
    pub capture: Vec<u8>,
}

impl Watch {
    /// Watches with this `Cookie` line.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn start(addr: SocketAddr, cookie: &str) -> Self {
        Self::start_at(addr, "/inspect/live", &[("Cookie", cookie)]).await
    }

    /// Watches at an address with these header lines.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn start_at(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let (client, _) = WireClient::open_with(addr, path, headers).await;
        Self { client, decoder: Decoder::new(), capture: Vec::new() }
    }

    /// Everything up to the first event that is `enough`.
    ///
    /// # Panics
    /// When it does not come, or the capture cannot be read.
    pub async fn until(&mut self, mut enough: impl FnMut(&What) -> bool) -> Vec<(Direction, What)> {
        let mut seen = Vec::new();
        loop {
            while let Some(record) = self.decoder.next_record() {
                match record {
                    Record::Event(event) => {
                        let is_enough = enough(&event.what);
                        seen.push((event.direction, event.what));
                        if is_enough {
                            return seen;
                        }
                    }
                    Record::Fault(fault) => panic!("the capture cannot be read: {fault:?}"),
                }
            }
            let (opcode, _, blocks) = self.client.message().await;
            assert_eq!(opcode, Opcode::Binary);
            self.decoder.feed(&blocks);
            self.capture.extend(blocks);
        }
    }

    /// Everything up to the `count`th frame of a message that says `text`.
    ///
    /// # Panics
    /// As [`until`](Self::until).
    pub async fn until_text(&mut self, text: &str, count: usize) -> Vec<(Direction, What)> {
        let mut found = 0;
        self.until(|what| {
            found += usize::from(is_text(what, text));
            found == count
        })
        .await
    }

    /// Whether this is anywhere in what came.
    #[must_use]
    pub fn has_seen(&self, text: &str) -> bool {
        self.capture.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Whether this frame completes a message that says `text`.
#[must_use]
pub fn is_text(what: &What, text: &str) -> bool {
    dissection(what).and_then(|frame| frame.message.as_ref()).is_some_and(|message| message.payload == text.as_bytes())
}

/// The frame, if this is one.
#[must_use]
pub fn dissection(what: &What) -> Option<&Dissection> {
    match what {
        What::Frame(frame) => Some(&frame.dissection),
        _ => None,
    }
}
