//! The server under test, inside the test's own process.

use std::net::{Ipv4Addr, SocketAddr};

use framescope_server::{Config, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::PATIENCE;

/// A server on a free port of this machine. It is stopped by [`stop`](Self::stop), or left to end with the test.
#[derive(Debug)]
pub struct TestServer {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// A server with the default settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with some settings changed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { listen: (Ipv4Addr::LOCALHOST, 0).into(), in_memory: true, ..Config::default() };
        change(&mut config);
        let server = Server::bind(config).await.expect("the server starts");
        let addr = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            // Dropping the sender is as good as a message.
            let _ = stopped.await;
        }));
        Self { addr, stop: Some(stop), running }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks it to stop, as SIGTERM would, without waiting.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops it and waits until it has.
    ///
    /// # Panics
    /// When that takes too long, or the server failed.
    pub async fn stop(mut self) {
        self.begin_stop();
        timeout(PATIENCE, self.running).await.expect("the server stops").expect("no panic").expect("no failure");
    }
}
