//! Where tunnels may lead besides this server itself: what the operator has listed, and nothing else.
//!
//! A tunnel connects from where this server stands, which may be inside a network that its users are outside of. So
//! nothing of what a user sends takes part in connecting: it only chooses from the list, letter by letter, and what is
//! connected to is what the list says. An address or `localhost` in the list is the operator's word for that machine. Any
//! other name is the word of whoever runs its name server, and they may change their mind: a name that leads to an
//! address that is not public is refused, all of it, if only one of its addresses is such a one. It is looked up once,
//! and what was looked at is what is connected to, so that no second answer can differ from the first.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use framescope_codec::handshake::Url;
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::net::dial::{self, Dialed, Tls, dial};

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Targets(Vec<Arc<Target>>);

/// One server that tunnels may lead to.
pub(crate) struct Target {
    /// What it is chosen by, and called on pages.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: Url,
    tls: Option<Tls>,
    lookup: Arc<Lookup>,
}

/// Finds the addresses of a name.
type Lookup = dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Why there is no connection to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It cannot be reached just now, and why.
    Unreachable(String),
    /// Its name leads to where names may not lead.
    NotPublic(IpAddr),
}

impl Targets {
    /// As configured.
    ///
    /// # Errors
    ///
    /// One line for the operator about the first entry that is none, or why there is no TLS for those that need it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        Self::with_lookup(&config.tunnel_to, Arc::new(|host, port| Box::pin(look_up(host, port))))
    }

    fn with_lookup(entries: &[String], lookup: Arc<Lookup>) -> Result<Self, String> {
        let mut targets: Vec<Arc<Target>> = Vec::new();
        let mut tls = None;
        for entry in entries {
            let (name, url) = split(entry);
            let url = Url::parse(url).map_err(|error| format!("tunnel-to: {entry:?}: {error}"))?;
            let name = match name {
                Some(name) if is_name(name) => name.to_owned(),
                Some(name) => return Err(format!("tunnel-to: {name:?} is no name: up to 32 of A-Z a-z 0-9 _ . -")),
                None => authority(&url),
            };
            if name.eq_ignore_ascii_case(SELF) {
                return Err(format!("tunnel-to: {name:?} means this server itself already"));
            }
            if targets.iter().any(|other| other.name == name) {
                return Err(format!("tunnel-to: {name:?} is there twice"));
            }
            if url.is_secure() {
                dial::server_name(url.host()).map_err(|error| format!("tunnel-to: {error}"))?;
                if tls.is_none() {
                    tls = Some(Tls::new(None).map_err(|error| format!("tunnel-to: {error}"))?);
                }
            }
            let tls = tls.clone().filter(|_| url.is_secure());
            targets.push(Arc::new(Target { name, url, tls, lookup: lookup.clone() }));
        }
        Ok(Self(targets))
    }

    /// The one that is meant by its name, or by exactly its host and port.
    pub(crate) fn find(&self, to: &str) -> Option<&Arc<Target>> {
        let by_name = self.0.iter().find(|target| target.name == to);
        by_name.or_else(|| self.0.iter().find(|target| authority(&target.url) == to))
    }

    /// All of them, as they are listed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Target> {
        self.0.iter().map(|target| &**target)
    }
}

impl Target {
    /// Its addresses, looked up now, if it may be connected to.
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>, Refused> {
        let (host, port) = (self.url.host(), self.url.port());
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = (self.lookup)(host.to_owned(), port).await;
        let found = found.map_err(|error| Refused::Unreachable(format!("its name cannot be looked up: {error}")))?;
        let is_ours = |address: IpAddr| if host == "localhost" { address.is_loopback() } else { is_public(address) };
        if let Some(other) = found.iter().find(|address| !is_ours(address.ip())) {
            return Err(Refused::NotPublic(other.ip()));
        }
        if found.is_empty() {
            return Err(Refused::Unreachable("its name has no address".to_owned()));
        }
        Ok(found)
    }

    /// Connects to it: to the first of its addresses that answers.
    pub(crate) async fn connect(&self) -> Result<Dialed, Refused> {
        let deadline = Instant::now() + CONNECT_DEADLINE;
        let too_late = || Refused::Unreachable("it does not answer in time".to_owned());
        let addresses = timeout_at(deadline, self.resolve()).await.map_err(|_| too_late())??;
        let mut last = too_late();
        for address in addresses {
            let tls = match &self.tls {
                None => None,
                Some(tls) => Some((tls, dial::server_name(self.url.host()).map_err(Refused::Unreachable)?)),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match dial(address, tls, left).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Refused::Unreachable(dial::reason(&error)),
            }
        }
        Err(last)
    }

    /// Scheme, host and port, as a content security policy names it.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.url.is_secure() { "wss" } else { "ws" };
        format!("{scheme}://{}", self.url.host_header())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            // Which one, is the operator's affair.
            Self::NotPublic(_) => f.write_str("its name leads to an address that is not public"),
        }
    }
}

/// `[NAME=]URL`. An address may have an `=` of its own, but not before its `://`.
fn split(entry: &str) -> (Option<&str>, &str) {
    match entry.split_once('=') {
        Some((name, url)) if !name.contains("://") => (Some(name), url),
        _ => (None, entry),
    }
}

fn is_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=32).contains(&name.len()) && name.bytes().all(is_fine)
}

/// `host:port`, with the port whatever it is.
fn authority(url: &Url) -> String {
    let host = url.host();
    if host.contains(':') { format!("[{host}]:{}", url.port()) } else { format!("{host}:{}", url.port()) }
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// Whether an address is one that anybody on the internet may be reached under: neither this machine, nor a network of
/// one's own, nor one of the ranges that have another meaning (RFC 6890 and its registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..) // this network; private; loopback; multicast and reserved
            | (100, 64..=127, _) // shared by a provider's customers
            | (169, 254, _) // link-local, the metadata services of clouds among it
            | (172, 16..=31, _) | (192, 168, _) // private
            | (192, 0, 0) | (192, 88, 99) // protocol assignments; 6to4 relays
            | (198, 18 | 19, _) // benchmarks
            | (192, 0, 2) | (198, 51, 100) | (203, 0, 113) // documentation
    )
}

/// Of what is global unicast, what leads back into IPv4 or is kept for something else is out as well.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Teredo, benchmarks, ORCHID and more; documentation; 6to4.
        [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..0x1000, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

/// What this server itself is called where a tunnel is asked for.
pub(crate) const SELF: &str = "self";

/// Looking up, connecting and TLS, all together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
