//! The apps under load, each command by itself: `make load LOAD=strokes`. See `../run.sh`.
//!
//! Everything stays on this machine, and ends after a number of messages and a time that are known before. The server
//! is a process of its own that stores on disk; who speaks to it here speaks through the codec. Latencies count from
//! the moment at which a message was due to be sent, so a server that makes its senders wait does not look better for
//! it; both ends share the machine, so what the sender is late is in there as well.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a measurement")]
#![allow(clippy::cast_sign_loss, reason = "a measurement")]

mod board;
mod client;
mod direct;
mod measure;
#[path = "../measured/mod.rs"]
mod measured;
mod people;
mod presence;
mod server;
mod start;
mod strokes;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let commands: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    for command in commands {
        let run: std::pin::Pin<Box<dyn Future<Output = ()>>> = match command.as_str() {
            "strokes" => Box::pin(strokes::run()),
            "direct" => Box::pin(direct::run()),
            "presence" => Box::pin(presence::run()),
            "board" => Box::pin(board::run()),
            "start" => Box::pin(start::run()),
            _ => panic!("no such load: {command}; there are strokes, direct, presence, board and start"),
        };
        tokio::task::LocalSet::new().run_until(run).await;
    }
}
