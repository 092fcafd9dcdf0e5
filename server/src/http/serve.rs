//! One thread's connections: which of them speak HTTP, and which WebSocket.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use framescope_codec::handshake::Request;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::api::{Inherited, Peer};
use super::opening::{self, Begun, Heads, Replay};
use super::{Serves, Site, error};
use crate::apps::Shard;
use crate::inspect::{HasEnds, Heir, Inward, Watching};
use crate::net::{Guest, Serve, Stream};
use crate::ws::{Endpoints, Opened, Refusal, Source, thread};

/// One thread's server.
pub(crate) struct Http(Rc<Inner>);

struct Inner {
    site: Arc<Site>,
    endpoints: Endpoints,
    router: Router,
    protocol: http1::Builder,
    stopping: CancellationToken,
}

impl Http {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        let config = &site.config;
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(config.head_deadline)
            .max_headers(config.head_headers_max)
            // hyper wants at least 8 KiB here; the head's own limit is the smaller of the two.
            .max_buf_size(config.head_max.max(8192))
            .max_header_size(config.head_max)
            .title_case_headers(true);
        let is_operators_alone = site.serves == Serves::Inspector;
        let (hub, desk, operator) = (site.hub.clone(), site.desk.clone(), site.operator.clone());
        let watching = Watching { hub, desk, operator, is_operators_alone };
        let targets = site.targets.clone();
        let shard = Shard::start(site.commons.clone());
        let router = super::router(site.clone());
        Self(Rc::new_cyclic(|inner: &Weak<Inner>| {
            let inner = inner.clone();
            let inward: Inward = Rc::new(move |pipe, guest, heir| {
                if let Some(inner) = inner.upgrade() {
                    tokio::task::spawn_local(inner.begin(pipe.into(), guest, Some(heir)));
                }
            });
            let endpoints = Endpoints::new(&site.config, watching, targets, inward, shard, &site.metrics);
            Inner { site, endpoints, router, protocol, stopping: CancellationToken::new() }
        }))
    }
}

impl Serve for Http {
    fn serve(&self, socket: TcpStream, guest: Guest) {
        tokio::task::spawn_local(self.0.clone().begin(socket.into(), guest, None));
    }

    fn stop(&self) {
        self.0.site.is_stopping.store(true, Ordering::Relaxed);
        self.0.stopping.cancel();
        thread::stop();
    }
}

impl Inner {
    /// Reads the first head and passes the connection on. What follows is a task of its own, so that each is as
    /// small as its kind allows. `heir` is whose it is, if it came through a tunnel.
    async fn begin(self: Rc<Self>, mut stream: Stream, guest: Guest, heir: Option<Rc<Heir>>) {
        let config = &self.site.config;
        let begun = tokio::time::timeout(config.head_deadline, opening::begin(&mut stream, config.head_limits()));
        let refusal = match self.stopping.run_until_cancelled(begun).await {
            None | Some(Ok(Begun::Gone)) => return,
            Some(Ok(Begun::Plain { request, .. })) if self.announces_too_much(&request) => Refusal::TOO_LARGE,
            Some(Ok(Begun::Plain { received, .. })) => {
                tokio::task::spawn_local(self.clone().converse(
                    Replay::new(received, stream, config.head_max),
                    guest,
                    heir,
                ));
                return;
            }
            Some(Ok(Begun::Upgrade { request, behind })) => {
                let source = source(&stream, &guest, heir);
                match self.open(&request, source).await {
                    Ok(opened) => {
                        self.site.count(101);
                        return opened.drive(stream, &behind, guest);
                    }
                    Err(refusal) => refusal,
                }
            }
            Some(Ok(Begun::Bad(error))) => {
                tracing::debug!(peer = %guest.address(), %error, "bad request");
                Refusal::from(error)
            }
            Some(Err(_elapsed)) => Refusal::TOO_SLOW,
        };
        self.site.count(refusal.status);
        opening::part(stream, &refusal.bytes(), config).await;
    }

    /// Judges an opening handshake, once it is known who sent it.
    async fn open(&self, request: &Request, source: Source) -> Result<Opened, Refusal> {
        let caller = match &source.heir {
            Some(_) if is_out_of_reach(request.path()) => return Err(Refusal::WITHIN),
            Some(heir) => heir.caller().clone(),
            None => self.site.accounts.caller(request.headers("cookie")).await.map_err(|_| Refusal::STORE)?,
        };
        self.endpoints.open(&self.site.origins, request, source, &caller)
    }

    /// Whether a body is to come that nobody will read. The library would answer and hang up, and the answer
    /// might not survive it.
    fn announces_too_much(&self, request: &Request) -> bool {
        let length = request.header("content-length").and_then(|value| std::str::from_utf8(value).ok());
        length
            .and_then(|length| length.parse::<u64>().ok())
            .is_some_and(|length| length > self.site.config.body_max as u64)
    }

    /// Speaks HTTP for as long as the peer does.
    async fn converse(self: Rc<Self>, stream: Replay, guest: Guest, heir: Option<Rc<Heir>>) {
        let peer = guest.address();
        let source = source(stream.stream(), &guest, heir);
        // An upgrade takes the guest along, and so outlives this task.
        let guest = Rc::new(Cell::new(Some(guest)));
        let service = {
            let (this, guest, heads) = (self.clone(), guest.clone(), stream.heads().clone());
            hyper::service::service_fn(move |request| {
                let read = as_it_was_read(&request, &heads);
                this.clone().answer(request, read, source.clone(), guest.clone())
            })
        };
        let connection = self.protocol.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = match self.stopping.run_until_cancelled(connection.as_mut()).await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "HTTP connection ended");
        }
        drop(guest);
    }

    async fn answer(
        self: Rc<Self>,
        mut request: hyper::Request<Incoming>,
        read: Request,
        source: Source,
        guest: Rc<Cell<Option<Guest>>>,
    ) -> Result<Response, Infallible> {
        if !read.is_upgrade() {
            request.extensions_mut().insert(Peer(source.peer));
            let response = match source.heir {
                Some(_) if is_out_of_reach(read.path()) => refused(&Refusal::WITHIN),
                Some(heir) => {
                    request.extensions_mut().insert(Inherited(heir.caller().clone()));
                    let Ok(mut response) = self.router.clone().oneshot(request).await;
                    // A script would be shown what is kept from scripts; and the page around the tunnel has its own.
                    response.headers_mut().remove(header::SET_COOKIE);
                    response
                }
                None => {
                    let Ok(response) = self.router.clone().oneshot(request).await;
                    response
                }
            };
            self.site.count(response.status().as_u16());
            return Ok(response);
        }
        let opened = match self.open(&read, source).await {
            Ok(opened) => opened,
            Err(refusal) => {
                self.site.count(refusal.status);
                return Ok(refused(&refusal));
            }
        };
        self.site.count(101);
        let response = switch(opened.answer());
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::task::spawn_local(async move {
            let upgraded = match upgrade.await {
                Ok(upgraded) => upgraded,
                Err(error) => return tracing::debug!(%error, "an upgrade came to nothing"),
            };
            let Ok(parts) = upgraded.downcast::<TokioIo<Replay>>() else {
                return tracing::error!("the stream under an upgrade is not ours");
            };
            if let Some(guest) = guest.take() {
                let replay = parts.io.into_inner();
                let answer = replay.heads().answer();
                opened.drive_answered(&answer, replay.into_inner(), &parts.read_buf, guest);
            }
        });
        Ok(response)
    }
}

/// Neither tunnels nor taps through a tunnel: there are no loops, and nobody watches the watching.
fn is_out_of_reach(path: &str) -> bool {
    path == "/tunnel" || path.starts_with("/inspect/")
}

/// Where it comes from. That a socket does not know its own address is of no interest to anything but a capture.
fn source(stream: &Stream, guest: &Guest, heir: Option<Rc<Heir>>) -> Source {
    let peer = guest.address();
    let ends = match stream {
        Stream::Tcp(socket) => {
            (peer, socket.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))).into()
        }
        Stream::Pipe(_) => stream.ends(),
    };
    Source { peer, ends, heir }
}

/// The request for those who judge handshakes, and those who watch them: as it was on the wire, or if other requests came
/// along with it, put together again.
fn as_it_was_read(request: &hyper::Request<Incoming>, heads: &Heads) -> Request {
    let rebuilt = as_codec_reads_it(request);
    if !rebuilt.is_upgrade() {
        return rebuilt;
    }
    let is_same = |read: &Request| {
        let named = |request: &Request, name: &str| request.headers(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
        read.method() == rebuilt.method()
            && read.target() == rebuilt.target()
            && read.version() == rebuilt.version()
            && request.headers().keys().all(|name| named(read, name.as_str()) == named(&rebuilt, name.as_str()))
    };
    heads.request().filter(is_same).unwrap_or(rebuilt)
}

/// The same, of what the library kept.
fn as_codec_reads_it(request: &hyper::Request<Incoming>) -> Request {
    let version = if request.version() == Version::HTTP_10 { (1, 0) } else { (1, 1) };
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Request::from_parts(request.method().as_str(), &request.uri().to_string(), version, headers)
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = error::plain(status, &refusal.reason);
    for (name, value) in refusal.headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// The codec's 101 in the HTTP library's terms.
fn switch(head: &[u8]) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let lines = std::str::from_utf8(head).unwrap_or_default().split("\r\n").skip(1);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
