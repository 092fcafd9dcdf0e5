//! WebSocket (RFC 6455) and its compression (RFC 7692), without I/O, clock or randomness.
//!
//! Everything that is WebSocket is in this crate, and nothing else is: no sockets, no timers, no
//! threads. It is handed bytes and hands back bytes, so the same code runs in a server, in a client,
//! in a proxy, and in a browser as WebAssembly. It has two faces over one set of types and rules:
//!
//! - [`Connection`] *runs* the protocol. It stops at the first rule that the peer breaks.
//! - [`Dissector`] *explains* it. It never stops, and names every bit and every broken rule.
//!
//! # A connection, from the first byte to the last
//!
//! Two ends in one thread; with sockets, the buffers in the middle are what is read and written.
//!
//! ```
//! use framescope_codec::{Config, Connection, Event, Input, MaskingKey};
//!
//! let mut client = Connection::client(Config::default(), None, || MaskingKey([1, 2, 3, 4])); // random, in earnest
//! let mut server = Connection::server(Config::default(), None);
//! let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
//!
//! client.send("Hello", &mut to_server)?;
//! client.close(None, &mut to_server)?;
//!
//! let mut closed_by_peer = false;
//! while !(to_server.is_empty() && to_client.is_empty()) {
//!     let mut bytes = std::mem::take(&mut to_server);
//!     let mut input = Input::new(&mut bytes);
//!     let (receiver, sender) = server.halves();
//!     while let Some(event) = receiver.receive(sender, &mut input, &mut to_client) {
//!         match event {
//!             Event::Message(message) => sender.send(message, &mut to_client)?, // an echo server
//!             Event::Ping(_) | Event::Pong(_) => {} // answered already
//!             Event::Closing(_) => closed_by_peer = true, // answered already
//!             Event::Failed(violation) => panic!("the client broke a rule: {violation}"),
//!         }
//!     }
//!
//!     let mut bytes = std::mem::take(&mut to_client);
//!     let mut input = Input::new(&mut bytes);
//!     while let Some(event) = client.receive(&mut input, &mut to_server) {
//!         println!("{event:?}");
//!     }
//! }
//! assert!(closed_by_peer && server.wants_shutdown() && client.wants_shutdown());
//! assert!(client.receive_eof().was_clean);
//! # Ok::<(), framescope_codec::SendError>(())
//! ```
//!
//! # The tour
//!
//! Read in this order, each module stands on those before it:
//!
//! 1. [`opcode`], [`header`], [`mask`]: the bytes in front of each payload. Decoding a header cannot
//!    fail: any two to fourteen bytes mean something, and `encode` gives the same bytes back.
//! 2. [`rules`]: every rule a frame can break, written once, with its RFC section, the field at
//!    fault and the code a strict endpoint closes with.
//! 3. [`utf8`], [`close`], [`message`], [`deflate`]: what a payload is made of.
//! 4. [`handshake`]: how a connection begins, for both ends, and what a captured one was worth.
//! 5. [`connection`] and [`dissect`]: the two faces. A property test holds them together: a
//!    connection fails exactly when the dissector shows a violation, and with the same one.
//! 6. [`frame`]: a frame as an object, of which every bit can be set, also wrong. [`cursor`]: where frames begin, for
//!    whoever only passes bytes on.
//! 7. `capture` (a feature): what was on the wire as pcapng, written and read.
//!
//! [`course`] has three small functions under the names that a course assignment gave them.

#[cfg(feature = "capture")]
pub mod capture;
pub mod close;
pub mod connection;
pub mod course;
pub mod cursor;
pub mod deflate;
pub mod dissect;
pub mod frame;
pub mod handshake;
pub mod header;
pub mod mask;
pub mod message;
pub mod opcode;
pub mod rules;
pub mod utf8;

pub use close::{CloseCode, CloseFrame, close_code_name};
pub use connection::{
    Broadcast, Closed, Config, Connection, ControlPayload, ControlTooLong, Event, Input, Piece, Receiver, SendError,
    Sender,
};
pub use course::{ParsedFrame, generate_ws_frame, parse_ws_frame};
pub use cursor::FrameCursor;
pub use deflate::params::{DeflateParams, WindowBits};
pub use deflate::{Compressor, Decompressor, InvalidDeflate};
pub use dissect::{DissectedClose, DissectedMessage, Dissection, Dissector, Found, Fragment, Inflation};
pub use frame::Frame;
pub use handshake::compute_accept;
pub use header::{Field, FrameHeader, LengthForm, PayloadLength, Rsv};
pub use mask::MaskingKey;
pub use message::{Message, MessageKind};
pub use opcode::Opcode;
pub use rules::{Role, Violation};
pub use utf8::{Utf8Error, Utf8Validator};
