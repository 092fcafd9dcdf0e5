//! Live taps: the raw bytes of a browser's own connections, for that browser.
//!
//! ```text
//!   connection ── Tap ──┐ blocks of pcapng            bytes ── Feed ── /inspect/live ── page
//!   connection ── Tap ──┴──► Session ──► Watcher (bounded) ─┘
//! ```
//!
//! Who sees what is decided in one place: a [`Tap`] holds the [`hub::Session`] of the cookie its connection came
//! with, a [`Feed`] watches the session of the cookie it came with itself, and there is no other way from one to
//! the other. A feed has no tap, so nobody watches the watching.
//!
//! The tapped connection never waits: a watcher that is full is passed over, and the sequence numbers show the gap.
//! Nothing here knows what the bytes mean; the page explains them, with the codec.

pub(crate) use feed::Feed;
pub(crate) use hub::Hub;
pub(crate) use tap::Tap;

mod feed;
mod hub;
mod tap;
#[cfg(test)]
mod tests;
