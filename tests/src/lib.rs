//! What the tests of the whole house share: a server to test, and a client that says anything.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use framescope_tests::{OutFrame, TestServer, WireClient};
//!
//! let server = TestServer::start().await;
//! let mut client = WireClient::open(server.addr(), "/echo").await;
//! client.send_frame(OutFrame::text("x").rsv(2)).await; // a reserved bit: RFC 6455, 5.2
//! client.assert_closed(1002).await;
//! # }
//! ```

use std::time::Duration;

mod app;
pub mod bystander;
pub mod corpus;
mod greeting;
mod http;
mod process;
mod server;
mod talk;
mod tunnel;
pub mod watch;
mod wire;

pub use app::AppClient;
pub use greeting::{Greeted, greeted, names};
pub use http::{HttpAnswer, PASSWORD, http, person, post_form, sign_in};
pub use process::{ServerProcess, program};
pub use server::TestServer;
pub use talk::{Talker, create_call};
pub use tunnel::{TunnelClient, Word, guest};
pub use watch::Watch;
pub use wire::{ACCEPT, Ending, InFrame, KEY, NONCE, OutFrame, ResponseHead, WireClient, frames, hex, opening_request};

/// How long a test waits for what should come at once, before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
