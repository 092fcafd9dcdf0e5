//! Live taps: the raw bytes of a browser's own connections, for that browser; and of everybody's, for the operator.
//!
//! ```text
//!   connection ── Tap ──┐ blocks of pcapng            bytes ── Feed ── /inspect/live ── page
//!   connection ── Tap ──┴──► Session ──► Watcher (bounded) ─┘
//!                              └──► everything ──► Watcher ── Feed of the operator, or Recording ── file
//! ```
//!
//! Who sees what is decided in one place: a [`Tap`] holds the [`hub::Session`] of the cookie its connection came
//! with; a [`Feed`] watches the session of the cookie it came with itself, or everything, if it has shown that it is the
//! operator's. There is no other way from one to the other. A feed has no tap, so nobody watches the watching.
//!
//! The tapped connection never waits: a watcher that is full is passed over, and the sequence numbers show the gap.
//! Whoever comes late is told at once of what is open: a session knows its connections and wakes them, and for those
//! who see everything each thread wakes all it has, so that a connection without a session has no tap until then.
//! Nothing here knows what the bytes mean; the page explains them, with the codec.
//!
//! Beside it lies the other way of a page to raw bytes: the [tunnel], for a client of its own.

pub(crate) use feed::Feed;
pub(crate) use hub::Hub;
pub(crate) use live::{Ends, HasEnds};
pub(crate) use proxy::{Course, Passage};
pub(crate) use recording::Recording;
pub(crate) use tap::Tap;
pub(crate) use taps::Hubs;
pub(crate) use targets::Targets;
pub(crate) use tunnel::{Errand, Goal, Heir, Inward, Tunnel};
pub(crate) use upstream::Upstream;
pub(crate) use viewer::{Unseen, Viewer, Watching};

mod bore;
mod feed;
mod hub;
pub(crate) mod intercept;
mod live;
mod proxy;
mod recording;
mod relay;
mod tap;
mod taps;
mod targets;
#[cfg(test)]
mod tests;
pub(crate) mod tunnel;
mod upstream;
mod viewer;
mod watcher;
