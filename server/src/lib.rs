//! Framescope's server, and WebSockets for programs of your own.
//!
//! # A server
//!
//! The handler is called with each new [`WebSocketConnection`]. Everything else hangs on that.
//!
//! ```
//! use framescope_server::{WebSocketClient, WebSocketConnection, WebSocketServer};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = WebSocketServer::new(0, |connection: WebSocketConnection| { // a port; 0 is any that is free
//!     connection.on_message(|message, connection| connection.send(message));
//!     connection.on_close(|connection| println!("{} left", connection.peer()));
//! });
//! let address = server.bind()?;
//! tokio::spawn(server.run());
//!
//! // A client, with the same words.
//! let mut client = WebSocketClient::connect(&format!("ws://{address}/")).await?;
//! client.send("Hello")?;
//! while let Some(event) = client.next().await {
//!     println!("{event:?}"); // Text("Hello"), then Closed(Closed { code: 1005, .. })
//!     client.close(None).ok();
//! }
//! # Ok(()) }
//! ```
//!
//! # The tour
//!
//! The program itself is [`Server`], made from a [`Config`]. From the wire inwards, each layer calls only the next and
//! is blind to what the one after it knows:
//!
//! - `net`: threads, accepting, limits. One current-thread runtime per core; a connection stays on one.
//! - `http`: the first head of each connection decides. An opening handshake goes to the codec on the bare socket;
//!   everything else is replayed into hyper and axum, behind a strict layer.
//! - `ws`: one task per connection joins [the codec](framescope_codec) to a stream; buffers, clock and timers belong to
//!   the thread, so an idle connection is about a kilobyte.
//! - `apps`: what connections are for; sees messages and an [`Outbox`], no frames.
//! - `inspect`: copies the bytes of a browser's own connections for that browser's `/inspector`, and of all for the
//!   operator's; carries the bytes of a client in the page through `/tunnel`.
//! - `decode`: reads a capture and prints it; the codec does the reading.
//! - `library`: the public server and client above, on the same driver.

pub use config::{Config, LogFormat, ProxySettings, Settings, with_environment};
pub use decode::{DecodeSettings, decode};
pub use framescope_codec::deflate::params::Offer;
pub use framescope_codec::{CloseCode, CloseFrame, Closed, Message, Violation};
pub use library::{
    ClientOptions, ConnectError, Event, Events, ListenAddress, WebSocketClient, WebSocketConnection, WebSocketServer,
};
pub use proxy::Proxy;
pub use server::Server;
#[doc(hidden)] // for the example store_speed, which sees only what is public
pub use store::speed::{Load, Speed, measure};
pub use ws::{Outbox, SendError};

mod apps;
mod auth;
mod bus;
mod config;
mod decode;
mod http;
mod inspect;
mod library;
mod metrics;
mod net;
mod proxy;
mod server;
mod store;
mod ws;

/// Lets this process open as many files as the system allows it. For the program's start: it is the
/// whole process that changes.
pub fn raise_file_limit() {
    net::raise_file_limit();
}
