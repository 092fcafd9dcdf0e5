//! Open WebSockets: how bytes, events, time and what is to be sent meet.
//!
//! ```text
//!            ┌────────────── Driver, one task ──────────────┐
//!   socket ──┤ Pump: read, Receiver, write    Watch: events,│── App
//!            │                                time, tap     │
//!            └───────────────────┬──────────────────────────┘
//!                        Rc<Outbox>: Sender and the bytes to be written
//! ```
//!
//! A connection is one task on one thread, and three allocations: the task, its outbox and Tokio's
//! entry for the socket. Whatever it needs only now and then (read buffer, clock, timers) belongs to
//! the [thread](thread) and is borrowed while the task runs; whatever it rarely needs is boxed when
//! first needed. There is no channel and no timer per connection, and nothing of HTTP.

pub(crate) use driver::{Driver, Habits};
pub use outbox::{Outbox, SendError};
pub(crate) use pump::{Pump, Witness};
pub(crate) use upgrade::{Endpoint, Endpoints, Opened, Refusal, Source};

mod driver;
mod outbox;
mod pump;
mod rate;
pub(crate) mod thread;
mod upgrade;
mod watch;
