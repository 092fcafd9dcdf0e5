//! `WebSocketClient`, as JavaScript gets it: a class in `js/client.js`, which owns streams, timers and listeners, over
//! an [`Engine`], which owns the protocol.
//!
//! The engine never calls back. JavaScript hands it bytes, asks for what happened one event at a time, and fetches the
//! bytes that are due: so a listener may do whatever it likes to the client that called it.

mod engine;
mod keys;
mod splitter;

use framescope_codec::deflate::params::{ClientWindow, Offer};
use framescope_codec::handshake::ExtraHeaders;
use framescope_codec::{Message, Opcode, WindowBits};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use engine::{Asked, Happening, Protocol};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("client.d.ts");

#[wasm_bindgen(module = "/js/client.js")]
extern "C" {
    // Named as a function, which Rust never calls, because only of functions a declaration can be left out: `client.d.ts`
    // has a better one.
    #[wasm_bindgen(reexport, skip_typescript, js_name = WebSocketClient)]
    fn web_socket_client();

    #[wasm_bindgen(js_name = useEngine)]
    fn use_engine(sample: Engine);
}

/// Has wasm-bindgen carry a file along that `client.js` imports, by naming something in it. Few files: each is a round
/// trip of a page's, and the server of wasm-bindgen's test runner hangs when five are asked for at once.
macro_rules! carry {
    ($($file:literal $name:ident),+) => {$(
        #[wasm_bindgen(module = $file)]
        extern "C" {
            type $name;
        }
    )+};
}

carry!(
    "/js/connection.js" Connection,
    "/js/streams.js" Streams,
    "/js/values.js" Values
);

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]);
}

/// Random bytes from the host, fit for masking keys (RFC 6455, 5.3).
pub(crate) fn random(bytes: &mut [u8]) {
    get_random_values(bytes);
}

/// Lets `client.js` know the class of engines, which it cannot import: the module that exports it imports that file.
pub(crate) fn introduce() {
    use_engine(Engine::new());
}

/// The protocol's end of one connection. What the numbers mean, `connection.js` repeats.
#[wasm_bindgen(skip_typescript)]
#[derive(Debug)]
pub struct Engine {
    asked: Asked,
    protocol: Protocol,
    /// What the event at hand is about, until it is fetched.
    data: Option<Uint8Array>,
}

#[wasm_bindgen]
impl Engine {
    /// An engine that was told nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self { asked: Asked::default(), protocol: Protocol::new(random), data: None }
    }

    /// Offers a subprotocol, behind those offered before.
    pub fn offer_protocol(&mut self, name: String) {
        self.asked.subprotocols.push(name);
    }

    /// Adds a header to the request. False if it cannot be: the name is no token, or the handshake's own; the value
    /// holds control bytes.
    pub fn add_header(&mut self, name: &str, value: &str) -> bool {
        self.asked.headers.get_or_insert_with(ExtraHeaders::new).push(name, value).is_ok()
    }

    /// Offers permessage-deflate. Window bits of 0 say nothing; a client's of 1 leave it to the server.
    pub fn offer_deflate(&mut self, no_takeover: u8, server_bits: u8, client_bits: u8, level: u8, threshold: f64) {
        self.asked.offer = Some(Offer {
            server_no_context_takeover: no_takeover & 1 != 0,
            client_no_context_takeover: no_takeover & 2 != 0,
            server_max_window_bits: WindowBits::new(server_bits),
            client_max_window_bits: match WindowBits::new(client_bits) {
                Some(bits) => ClientWindow::AtMost(bits),
                None if client_bits == 1 => ClientWindow::Limitable,
                None => ClientWindow::Fixed,
            },
        });
        self.asked.config.compression_level = level.into();
        self.asked.config.compress_min = size(threshold);
        // As elsewhere: without a threshold all is compressed, whether it pays or not.
        self.asked.config.compress_always = self.asked.config.compress_min == 0;
    }

    /// Sets what is taken at most.
    pub fn set_limits(&mut self, message_max: f64, fragments_max: f64) {
        self.asked.config.message_max = size(message_max);
        self.asked.config.fragments_max = u32::try_from(size(fragments_max)).unwrap_or(u32::MAX);
    }

    /// Prepares the request to `url`, or says why there can be none.
    pub fn prepare(&mut self, url: &str) -> Option<String> {
        self.protocol.prepare(url, &self.asked).err()
    }

    /// Writes the request.
    pub fn request(&mut self) {
        self.protocol.request();
    }

    /// Whether whole frames are to be cut out of what comes and goes.
    pub fn watch(&mut self, is_watched: bool) {
        self.protocol.watch(is_watched);
    }

    /// Takes bytes as they came from the stream. True if `place_start` will count in them.
    pub fn receive(&mut self, bytes: Vec<u8>) -> bool {
        self.protocol.receive(bytes)
    }

    /// What happened next, as a number.
    pub fn next(&mut self) -> u8 {
        self.data = None;
        let data = &mut self.data;
        let happening = self.protocol.next(&mut |bytes| *data = Some(Uint8Array::from(bytes)));
        match happening {
            Happening::Nothing => 0,
            Happening::Opened => 1,
            Happening::Text => 2,
            Happening::Binary => 3,
            Happening::Ping => 4,
            Happening::Pong => 5,
            Happening::Closing => 6,
            Happening::Failed => 7,
            Happening::Refused => 8,
            Happening::Frame => 9,
            Happening::Stalled => 10,
        }
    }

    /// Where in what was received the bytes that belong to it begin, if `place_end` is not 0. To cut them out there is
    /// much quicker than to carry them across.
    #[must_use]
    pub fn place_start(&self) -> usize {
        self.protocol.place().start
    }

    /// And where they end.
    #[must_use]
    pub fn place_end(&self) -> usize {
        self.protocol.place().end
    }

    /// The bytes that belong to it, if they have no place.
    pub fn take(&mut self) -> Option<Uint8Array> {
        self.data.take()
    }

    /// Words about the connection or what went wrong with it.
    #[must_use]
    pub fn text(&self, which: u8) -> String {
        match which {
            0 => self.protocol.subprotocol(),
            1 => self.protocol.extensions(),
            2 => self.protocol.trouble().message.as_str(),
            3 => self.protocol.trouble().rule,
            4 => self.protocol.trouble().section,
            _ => return self.protocol.response(),
        }
        .into()
    }

    /// A number about what went wrong: an HTTP status or a close code; 0 if there is none.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.protocol.trouble().number
    }

    /// How many bytes of the body of a refusal are still worth waiting for.
    #[must_use]
    pub fn body_missing(&self) -> usize {
        self.protocol.body_missing()
    }

    /// Sends a text message, in fragments of `fragment_size` bytes unless that is 0.
    pub fn send_text(&mut self, text: &str, fragment_size: usize, compress: bool) {
        self.protocol.send(Message::Text(text), fragment_size, compress);
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: &[u8], fragment_size: usize, compress: bool) {
        self.protocol.send(Message::Binary(bytes), fragment_size, compress);
    }

    /// Sends a ping, or else a pong.
    pub fn send_control(&mut self, is_ping: bool, payload: &[u8]) {
        self.protocol.send_control(if is_ping { Opcode::Ping } else { Opcode::Pong }, payload);
    }

    /// Sends a Close; without a code if that is 0.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.protocol.close(code, reason);
    }

    /// Puts bytes on the wire as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.protocol.send_raw(bytes);
    }

    /// How many bytes are due.
    #[must_use]
    pub fn due(&self) -> usize {
        self.protocol.due()
    }

    /// The bytes that are due, if any.
    pub fn output(&mut self) -> Option<Uint8Array> {
        let mut output = None;
        self.protocol.output(&mut |bytes| output = Some(Uint8Array::from(bytes)));
        output
    }

    /// The next whole frame of what was fetched, while frames are watched.
    pub fn sent(&mut self) -> Option<Uint8Array> {
        let mut frame = None;
        self.protocol.next_sent(&mut |bytes| frame = Some(Uint8Array::from(bytes)));
        frame
    }

    /// Whether both have said all, or need say no more.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.protocol.is_ended()
    }

    /// Whether so much came behind the end that it is time to leave.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.protocol.is_exhausted()
    }

    /// The stream is over: the close code; `text(2)` is the reason, and `number()` 1 if it was clean.
    pub fn end(&mut self) -> u16 {
        self.protocol.end()
    }
}

/// Sizes come as JavaScript's only kind of number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is right for a limit")]
const fn size(number: f64) -> usize {
    number as usize
}
