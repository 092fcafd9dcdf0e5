//! A WebSocket server in a few lines.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use framescope_codec::deflate::params::DeflatePolicy;
use framescope_codec::handshake::{HandshakeError, HandshakeRule, Request};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::WebSocketConnection;
use super::connection::Callbacks;
use crate::auth::OriginPolicy;
use crate::config::Config;
use crate::http::opening::{self, Begun};
use crate::net::{self, Guest, Serve, Stream};
use crate::ws::{Endpoint, Refusal, thread};

/// A server that hands each connection to a handler.
///
/// The handler is cloned to each of the server's threads and called there with every new
/// [`WebSocketConnection`]; what it makes for a connection stays on that thread, and need not be `Send`.
///
/// ```
/// use framescope_server::{WebSocketClient, WebSocketConnection, WebSocketServer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut server = WebSocketServer::new("127.0.0.1:0", |connection: WebSocketConnection| {
///     connection.on_message(|message, connection| connection.send(message));
/// });
/// let address = server.bind()?;
/// tokio::spawn(server.run());
///
/// let mut client = WebSocketClient::connect(&format!("ws://{address}/")).await?;
/// client.send("Hello")?;
/// let echo = client.next().await.expect("an event");
/// assert_eq!(echo.message(), Some("Hello".into()));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WebSocketServer<H> {
    address: ListenAddress,
    handler: H,
    config: Config,
    listener: Option<TcpListener>,
}

/// Where to listen: a port on 127.0.0.1, an address, or an address as text.
#[derive(Clone, Debug)]
pub struct ListenAddress(Result<SocketAddr, String>);

impl From<u16> for ListenAddress {
    fn from(port: u16) -> Self {
        Self(Ok(SocketAddr::from(([127, 0, 0, 1], port))))
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self(Ok(address))
    }
}

impl From<&str> for ListenAddress {
    fn from(text: &str) -> Self {
        Self(text.parse().map_err(|_| format!("{text:?} is not ADDRESS:PORT")))
    }
}

impl<H: Fn(WebSocketConnection) + Clone + Send + 'static> WebSocketServer<H> {
    /// A server for `address`, which may be a port alone.
    pub fn new(address: impl Into<ListenAddress>, handler: H) -> Self {
        Self { address: address.into(), handler, config: Config::default(), listener: None }
    }

    /// Limits, deadlines, threads and origins other than the defaults. The address in it is not used, nor is what has
    /// to do with pages and logs.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Takes the address, and says which it is: port 0 becomes one that is free. Connections wait until the server
    /// runs.
    ///
    /// # Errors
    ///
    /// The address is malformed, taken, or not ours.
    pub fn bind(&mut self) -> io::Result<SocketAddr> {
        let address = self.address.0.clone().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let listener = net::listen(address, &self.options())?;
        let address = listener.local_addr()?;
        self.listener = Some(listener);
        Ok(address)
    }

    /// Serves until the future is dropped. Binds first, if that was not done.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), and when threads cannot be started.
    pub async fn run(self) -> io::Result<()> {
        self.run_until(pending()).await
    }

    /// Serves until `shutdown` is ready, then closes each connection with 1001 and returns.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        if self.listener.is_none() {
            self.bind()?;
        }
        let origins = OriginPolicy::new(&self.config).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let options = self.options();
        let Self { handler, config, .. } = self;
        let (config, origins) = (Arc::new(config), Arc::new(origins));
        let make = move || {
            let endpoint = Endpoint::app(&config, Some(DeflatePolicy::default()));
            let stopping = CancellationToken::new();
            Plain(Rc::new(Inner {
                config: config.clone(),
                origins: origins.clone(),
                endpoint,
                handler: handler.clone(),
                stopping,
            }))
        };
        net::run(listener, options, make, shutdown).await
    }

    fn options(&self) -> net::Options {
        net::Options::new(&self.config, crate::http::FULL)
    }
}

/// One thread's server, with no HTTP but the handshake.
struct Plain<H>(Rc<Inner<H>>);

struct Inner<H> {
    config: Arc<Config>,
    origins: Arc<OriginPolicy>,
    endpoint: Endpoint,
    handler: H,
    stopping: CancellationToken,
}

impl<H: Fn(WebSocketConnection) + Clone + Send + 'static> Serve for Plain<H> {
    fn serve(&self, socket: TcpStream, guest: Guest) {
        tokio::task::spawn_local(self.0.clone().begin(socket.into(), guest));
    }

    fn stop(&self) {
        self.0.stopping.cancel();
        thread::stop();
    }
}

impl<H: Fn(WebSocketConnection) + Clone + 'static> Inner<H> {
    async fn begin(self: Rc<Self>, mut stream: Stream, guest: Guest) {
        let begun =
            tokio::time::timeout(self.config.head_deadline, opening::begin(&mut stream, self.config.head_limits()));
        let refusal = match self.stopping.run_until_cancelled(begun).await {
            None | Some(Ok(Begun::Gone)) => return,
            Some(Ok(Begun::Upgrade { request, behind })) => {
                let accepted = self.endpoint.accept(&self.origins, &request);
                match accepted {
                    Ok(accepted) => {
                        let (peer, target) = (guest.address(), request.target().to_owned());
                        let handler = self.handler.clone();
                        return accepted.drive(stream, &behind, None, guest, |outbox, _| {
                            let connection = WebSocketConnection::new(outbox.clone(), peer, target);
                            Box::new(Callbacks::new(connection, handler))
                        });
                    }
                    Err(refusal) => refusal,
                }
            }
            Some(Ok(Begun::Plain { request, .. })) => Refusal::plain(&request),
            Some(Ok(Begun::Bad(error))) => error.into(),
            Some(Err(_elapsed)) => Refusal::TOO_SLOW,
        };
        opening::part(stream, &refusal.bytes(), &self.config).await;
    }
}

impl<H> fmt::Debug for Plain<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

impl Refusal {
    /// Where only WebSocket is spoken, a plain request is a handshake that lacks everything.
    fn plain(request: &Request) -> Self {
        let error = request.check().err();
        error.unwrap_or(HandshakeError::Request(HandshakeRule::UpgradeNotWebSocket)).into()
    }
}
