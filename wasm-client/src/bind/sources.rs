//! Where captures come from: taps, files, the page's own client.

use crate::numbers::nanoseconds;
use framescope_codec::capture::Word;
use wasm_bindgen::prelude::*;

use super::{Capture, Parsed};
use crate::{deflate_params, direction_of, to_json};

#[wasm_bindgen]
impl Capture {
    /// A source of this kind, `tap`, `proxy`, `client` or `file`: answers with its number.
    #[wasm_bindgen(js_name = addSource)]
    pub fn add_source(&mut self, #[wasm_bindgen(unchecked_param_type = "SourceKind")] kind: &str, name: &str) -> u32 {
        self.0.add_source(kind, name)
    }

    /// Takes the next bytes of a source, which are pcapng, cut anywhere. A file of another kind goes through an `Opener`.
    pub fn feed(&mut self, source: u32, bytes: &[u8]) {
        self.0.feed(source, bytes);
    }

    /// What a file was before it was opened as pcapng.
    #[wasm_bindgen(js_name = setFormat)]
    pub fn set_format(&mut self, source: u32, name: &str) {
        self.0.set_format(source, name);
    }

    /// Something in a file could not be opened: a row says so.
    pub fn fault(&mut self, source: u32, words: &str) {
        self.0.fault(source, words);
    }

    /// No more bytes will come: what was cut off comes out.
    pub fn finish(&mut self, source: u32) {
        self.0.finish(source);
    }

    /// The next bytes begin a pcapng section of their own, as after a lost connection to the tap.
    pub fn restart(&mut self, source: u32) {
        self.0.restart(source);
    }

    /// A source goes away with all its rows.
    #[wasm_bindgen(js_name = removeSource)]
    pub fn remove_source(&mut self, source: u32) {
        self.0.remove_source(source);
    }

    /// All sources: a `SourceInfo[]` as JSON.
    #[must_use]
    pub fn sources(&self) -> String {
        to_json(&self.0.sources())
    }

    /// Takes the user's word that a TCP connection is WebSocket, as `{stream, client, deflate}` in JSON, and reads the source
    /// again.
    ///
    /// # Errors
    ///
    /// When the client is no `address:port`, or parameters are outside what can be agreed on.
    pub fn assume(&mut self, source: u32, word: &str) -> Result<(), JsError> {
        let word = Parsed::new(word);
        let client = word.member("client").text();
        let client = client.parse().map_err(|_| JsError::new(&format!("{client:?} is no address with a port")))?;
        let stream = word.member("stream").count().unwrap_or_default();
        let deflate = deflate_params(&word.member("deflate").0)?;
        self.0.assume(source, Word { stream, client, deflate });
        Ok(())
    }

    /// A connection that the page's own client opens, and that belongs to this source: answers with a handle.
    #[wasm_bindgen(js_name = openClient)]
    pub fn open_client(&mut self, source: u32, url: &str) -> u32 {
        self.0.open_client(source, url)
    }

    /// The number of its connection in rows, once it has rows.
    #[wasm_bindgen(js_name = clientConnection)]
    #[must_use]
    pub fn client_connection(&self, handle: u32) -> Option<u32> {
        self.0.client_connection(handle)
    }

    /// Bytes that went over it, handshake included, at this time in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    #[wasm_bindgen(js_name = clientBytes)]
    pub fn client_bytes(
        &mut self,
        handle: u32,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        time_ms: f64,
        bytes: &[u8],
    ) -> Result<(), JsError> {
        self.0.client_bytes(handle, direction_of(direction)?, nanoseconds(time_ms), bytes);
        Ok(())
    }

    /// The same of a frame that somebody had a hand in on its way; the comment says what was done.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    #[wasm_bindgen(js_name = clientIntervened)]
    pub fn client_intervened(
        &mut self,
        handle: u32,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        time_ms: f64,
        bytes: &[u8],
        comment: &str,
    ) -> Result<(), JsError> {
        self.0.client_intervened(handle, direction_of(direction)?, nanoseconds(time_ms), bytes, comment);
        Ok(())
    }

    /// That direction has ended, or the connection was broken off.
    ///
    /// # Errors
    ///
    /// A direction other than `c2s` and `s2c`.
    #[wasm_bindgen(js_name = clientEnd)]
    pub fn client_end(
        &mut self,
        handle: u32,
        #[wasm_bindgen(unchecked_param_type = "Direction")] direction: &str,
        is_reset: bool,
    ) -> Result<(), JsError> {
        self.0.client_end(handle, direction_of(direction)?, is_reset);
        Ok(())
    }
}
