//! TCP connections as others captured them: out of order, damaged, joined in their middle, and none of them labelled.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is its message")]

mod recognise;
#[path = "../support/records.rs"]
mod records;
mod tcp;
#[path = "../support/wire.rs"]
mod wire;
