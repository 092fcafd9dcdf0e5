//! The whole server: everything bound together.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::config::Config;
use crate::http::{self, Http, Services, Site};
use crate::inspect::Hub;
use crate::inspect::intercept::Desk;
use crate::{auth, net};

/// Framescope, bound to its address and ready to run.
///
/// ```
/// use framescope_server::{Config, Server};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let server = Server::bind(Config { listen: ([127, 0, 0, 1], 0).into(), in_memory: true, ..Config::default() }).await?;
/// println!("listening on {}", server.local_addr());
/// let shutdown = async {}; // a real one would wait for a signal
/// server.run(shutdown).await
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: net::Options,
    site: Arc<Site>,
    operator_token: Option<String>,
}

impl Server {
    /// Binds the address and prepares everything that can fail.
    ///
    /// # Errors
    ///
    /// One line for the operator: the address is taken or not ours, the database cannot be used, or a setting makes
    /// no sense.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let server = Self::open(config, Site::new).await?;
        // A debug build reads its pages from disk, and tests start many servers.
        if !cfg!(debug_assertions) {
            server.site.files.prepare(&server.site.encoded).await;
        }
        Ok(server)
    }

    /// The inspector of a proxy whose taps lead to `hub`, and where operators intercept at `desk`.
    pub(crate) async fn bind_inspector(config: Config, hub: Arc<Hub>, desk: Arc<Desk>) -> io::Result<Self> {
        Self::open(config, |config, services| Site::inspector(config, services, hub, desk)).await
    }

    async fn open(mut config: Config, site: impl FnOnce(Config, Services) -> Result<Site, String>) -> io::Result<Self> {
        let options = net::Options::new(&config, http::FULL);
        let listen = config.listen;
        let listener = net::listen(listen, &options)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {listen}: {e}")))?;
        let address = listener.local_addr()?;
        config.listen = address;
        let operator_token = config.operator_token.is_none().then(auth::Operator::generate_token);
        config.operator_token = config.operator_token.or_else(|| operator_token.clone());
        let settings = config.clone();
        let services = tokio::task::spawn_blocking(move || Services::open(&settings)).await?;
        let invalid = |e| io::Error::new(io::ErrorKind::InvalidInput, e);
        let services = services.map_err(invalid)?;
        auth::use_key(&services.store.secret("guests").await.map_err(io::Error::other)?);
        let site = site(config, services).map_err(invalid)?;
        Ok(Self { listener, address, options, site: Arc::new(site), operator_token })
    }

    /// The address it listens on, with the port the system chose if 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The operator's token, if none was configured and so one was made up for this run. It is given out once: the server
    /// itself keeps no more than its hash.
    pub const fn take_operator_token(&mut self) -> Option<String> {
        self.operator_token.take()
    }

    /// The link that opens the inspector to the operator. With a token that was configured, it has to be put in.
    pub fn operator_link(&mut self) -> String {
        let token = self.take_operator_token().unwrap_or_else(|| "(as configured)".to_owned());
        format!("{}/inspector?token={token}", self.url())
    }

    /// Where people find its pages, as far as it knows: the public address, or the one it listens on.
    #[must_use]
    pub fn url(&self) -> String {
        let listen = match (self.address.ip(), self.address.port()) {
            (ip, port) if !ip.is_unspecified() => SocketAddr::from((ip, port)),
            (std::net::IpAddr::V4(_), port) => (std::net::Ipv4Addr::LOCALHOST, port).into(),
            (std::net::IpAddr::V6(_), port) => (std::net::Ipv6Addr::LOCALHOST, port).into(),
        };
        let public = self.site.config.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        public.unwrap_or_else(|| format!("http://{listen}"))
    }

    /// Serves until `shutdown` is ready; then stops accepting, closes each WebSocket with 1001, and
    /// returns once all are gone or the shutdown deadline has passed. It brings its own threads,
    /// so it can be awaited on any runtime.
    ///
    /// # Errors
    ///
    /// When threads cannot be started, or one of them fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (site, accounts, store) = (self.site.clone(), self.site.accounts.clone(), self.site.services.store.clone());
        let serving = net::run(self.listener, self.options, move || Http::new(site.clone()), shutdown);
        let ended = tokio::select! {
            ended = serving => ended,
            () = accounts.watch_the_clock() => Ok(()),
        };
        store.close().await.map_err(io::Error::other)?;
        ended
    }
}
