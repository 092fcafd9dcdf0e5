//! The server behind a proxy: how a client's request reaches it, and what its answer is worth.
//!
//! The request goes on as it came, but for two things that name its addressee. `Host` becomes the upstream's, or
//! virtual hosts and checks against rebinding would refuse it there. The target is written as a path where a client
//! wrote a whole URL, and is the operator's where that has a path of its own. Everything else keeps its bytes: order, case and
//! spacing of header lines, cookies, `Origin` (whether a page may connect is the upstream's to judge), what is offered.
//!
//! Nothing is relayed before a 101 that answers *this* request. Until then what comes back is kept, and what becomes
//! of it is decided as a whole.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use framescope_codec::DeflateParams;
use framescope_codec::Role;
use framescope_codec::handshake::{ClientHandshake, HandshakeError, Head, HeadLimits, HeadReader, Request, Url};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::net::dial::{self, Dialed, Tls, dial};

/// Where a proxy leads.
#[derive(Debug)]
pub(crate) struct Upstream {
    url: Url,
    tls: Option<(Tls, ServerName<'static>)>,
    /// What is asked for in place of what the client asks for.
    resource: Option<String>,
    /// For connecting, and for the answer.
    deadline: Duration,
    limits: HeadLimits,
    /// The proxy's own address, where it must not lead.
    own: SocketAddr,
}

/// An upstream that has switched protocols.
pub(crate) struct Opened {
    pub(crate) stream: Dialed,
    /// All it sent so far.
    pub(crate) received: Vec<u8>,
    /// How much of that is the answer. What follows are frames.
    pub(crate) answer_len: usize,
    pub(crate) deflate: Option<DeflateParams>,
    pub(crate) subprotocol: Option<String>,
}

/// An upstream that has not.
pub(crate) enum Failed {
    /// It cannot be reached, or what it answers is no answer: 502, and why.
    BadGateway(String),
    /// It says no, and this is how: for the client to read.
    Refused { status: u16, answer: Vec<u8> },
}

/// An upstream that has said what it thinks of the request.
enum Answered {
    Switched(Opened),
    Refused { status: u16, stream: Dialed, received: Vec<u8> },
}

impl Upstream {
    /// Leads to `url`, of which `own` is the proxy's side.
    ///
    /// # Errors
    ///
    /// One line for the operator.
    pub(crate) fn new(
        url: &str,
        ca: Option<&std::path::Path>,
        deadline: Duration,
        limits: HeadLimits,
        own: SocketAddr,
    ) -> Result<Self, String> {
        let parsed = Url::parse(url).map_err(|error| format!("to: {url:?}: {error}"))?;
        let tls = match (parsed.is_secure(), ca) {
            (true, ca) => Some((Tls::new(ca)?, dial::server_name(parsed.host())?)),
            (false, None) => None,
            (false, Some(_)) => return Err("ca: a ws:// upstream shows no certificate; wss:// would".to_owned()),
        };
        let resource = (parsed.resource() != "/").then(|| parsed.resource().to_owned());
        Ok(Self { url: parsed, tls, resource, deadline, limits, own })
    }

    /// Its address, for people.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// The client's request in the upstream's terms.
    fn rewrite(&self, request: &Request) -> Vec<u8> {
        let head = request.head();
        let line = head.start_line();
        let target = match (&self.resource, request.query()) {
            (Some(resource), _) => resource.clone(),
            (None, _) if request.target().starts_with('/') => request.target().to_owned(),
            (None, Some(query)) => format!("{}?{query}", request.path()),
            (None, None) => request.path().to_owned(),
        };
        let mut rewritten = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
        let mut copied = line.end;
        let mut hosts = head.lines().iter().filter(|line| head.at(&line.name).eq_ignore_ascii_case(b"host"));
        if let Some(host) = hosts.next() {
            rewritten.extend_from_slice(head.at(&(copied..host.value.start)));
            rewritten.extend_from_slice(self.url.host_header().as_bytes());
            copied = host.value.end;
        }
        rewritten.extend_from_slice(head.at(&(copied..head.bytes().len())));
        rewritten
    }

    /// Opens a connection and hands over the request; all of it before the deadline.
    pub(crate) async fn open(&self, request: &Request) -> Result<Opened, Failed> {
        match timeout(self.deadline, self.try_open(request)).await {
            Ok(Ok(Answered::Switched(opened))) => Ok(opened),
            // It has answered in time; how much more it says has a time of its own.
            Ok(Ok(Answered::Refused { status, stream, received })) => {
                Err(Failed::Refused { status, answer: whole_answer(stream, received).await })
            }
            Ok(Err(failed)) => Err(failed),
            Err(_) => Err(self.failed("it does not answer in time")),
        }
    }

    async fn try_open(&self, request: &Request) -> Result<Answered, Failed> {
        let rewritten = self.rewrite(request);
        let handshake = ClientHandshake::relaying(rewritten.clone(), self.limits);
        let mut handshake = handshake.map_err(|error| self.failed(&error.to_string()))?;
        let mut stream = self.connect().await?;
        let lost = |error: io::Error| self.failed(&dial::reason(&error));
        stream.write_all(&rewritten).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let mut received = Vec::with_capacity(1024);
        loop {
            if stream.read_buf(&mut received).await.map_err(lost)? == 0 {
                let what = if received.is_empty() { "before answering" } else { "in the middle of its answer" };
                return Err(self.failed(&format!("it hangs up {what}")));
            }
            match handshake.receive(&received) {
                Ok(None) => {}
                Ok(Some((response, answer_len))) => {
                    let (deflate, subprotocol) = (response.deflate(), response.subprotocol().map(str::to_owned));
                    return Ok(Answered::Switched(Opened { stream, received, answer_len, deflate, subprotocol }));
                }
                Err(HandshakeError::Refused { status: status @ 300..=599, .. }) => {
                    return Ok(Answered::Refused { status, stream, received });
                }
                Err(HandshakeError::Refused { status, .. }) => {
                    return Err(self.failed(&format!("it answers {status}, and not 101")));
                }
                Err(error) => return Err(self.failed(&format!("its answer is none to this request: {error}"))),
            }
        }
    }

    /// A connection to the first of its addresses where there is one to be had.
    async fn connect(&self) -> Result<Dialed, Failed> {
        let found = tokio::net::lookup_host((self.url.host(), self.url.port())).await;
        let addresses = found.map_err(|error| self.failed(&format!("its address is not known: {error}")))?;
        let mut failed = self.failed("it has no address");
        for address in addresses {
            if self.is_own(address) {
                failed = self.failed("that is this proxy itself");
                continue;
            }
            let tls = self.tls.as_ref().map(|(tls, name)| (tls, name.clone()));
            match dial(address, tls, self.deadline).await {
                Ok(stream) => {
                    // As those that we accept have it: a peer that is gone without a word is noticed some time.
                    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
                    if let Err(error) = SockRef::from(stream.wire().socket()).set_tcp_keepalive(&keepalive) {
                        tracing::debug!(%error, "a connection goes without keepalive");
                    }
                    return Ok(stream);
                }
                Err(error) => failed = self.failed(&dial::reason(&error)),
            }
        }
        Err(failed)
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        let is_this_machine = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        let (there, here) = (address.ip().to_canonical(), self.own.ip().to_canonical());
        address.port() == self.own.port()
            && (there == here || (is_this_machine(there) && (here.is_unspecified() || there.is_unspecified())))
    }

    fn failed(&self, why: &str) -> Failed {
        Failed::BadGateway(format!("{}: {why}", self.url))
    }
}

/// The body that belongs to a refusal, as far as it comes soon. It goes one way only, so this is no tunnel.
async fn whole_answer(mut stream: Dialed, mut received: Vec<u8>) -> Vec<u8> {
    let collect = async {
        while !is_whole(&received) && received.len() < REFUSAL_MAX {
            if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    // What there is by then has to do.
    let _ = timeout(REFUSAL_DEADLINE, collect).await;
    received.truncate(REFUSAL_MAX);
    received
}

/// Whether nothing more can come, as far as the answer says itself.
fn is_whole(received: &[u8]) -> bool {
    let limits = HeadLimits { bytes: REFUSAL_MAX, headers: usize::MAX };
    let Ok(Some(len)) = HeadReader::new(Role::Server, limits).find_end(received) else { return false };
    let head = Head::read(&received[..len]);
    if head.header("transfer-encoding").is_some() {
        return received.ends_with(b"0\r\n\r\n");
    }
    let length = head.header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    length.is_some_and(|length| received.len() - len >= length)
}

/// How much of a refusal is passed on.
const REFUSAL_MAX: usize = 64 << 10;
const REFUSAL_DEADLINE: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(60);
