//! Framescope's server as a library.

pub use config::{Config, LogFormat, Settings, with_environment};
pub use server::Server;
pub use ws::SendError;

mod apps;
mod auth;
mod config;
mod http;
mod inspect;
mod net;
mod server;
mod ws;

/// Lets this process open as many files as the system allows it. For the program's start: it is the
/// whole process that changes.
pub fn raise_file_limit() {
    net::raise_file_limit();
}
