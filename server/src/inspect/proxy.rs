//! One thread's part of a proxy: accepted connections, each led to the upstream and then relayed.

use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::Role;
use framescope_codec::capture::Direction;
use framescope_codec::handshake::Request;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::HasEnds;
use super::intercept::{Desk, Interception, Setting};
use super::relay::{Over, Relay};
use super::taps::{Hubs, Taps};
use super::upstream::{Failed, Upstream};
use crate::config::Config;
use crate::http::opening::{self, Begun};
use crate::net::dial::Dialed;
use crate::net::{Guest, Serve, Stream};
use crate::ws::Refusal;

/// What all threads of a proxy share.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) upstream: Upstream,
    pub(crate) hubs: Hubs,
    /// Where operators intercept, if there is an inspector.
    pub(crate) desk: Option<Arc<Desk>>,
    /// Limits and deadlines.
    pub(crate) config: Config,
}

/// One thread's proxy.
pub(crate) struct Passage {
    course: Arc<Course>,
    stopping: CancellationToken,
}

impl Passage {
    pub(crate) fn new(course: Arc<Course>) -> Self {
        Self { course, stopping: CancellationToken::new() }
    }
}

impl Serve for Passage {
    fn serve(&self, socket: TcpStream, guest: Guest) {
        let (course, stopping) = (self.course.clone(), self.stopping.clone());
        tokio::task::spawn_local(async move {
            course.begin(socket, guest.address(), &stopping).await;
            // Until here it counts as there.
            drop(guest);
        });
    }

    fn stop(&self) {
        self.stopping.cancel();
    }
}

impl Course {
    async fn begin(&self, socket: TcpStream, client: SocketAddr, stopping: &CancellationToken) {
        let mut stream = Stream::from(socket);
        let taps = Taps::new(&self.hubs, stream.ends());
        let begun = timeout(self.config.head_deadline, opening::begin(&mut stream, self.config.head_limits()));
        let refusal = match stopping.run_until_cancelled(begun).await {
            None | Some(Ok(Begun::Gone)) => return,
            Some(Ok(Begun::Upgrade { request, behind })) => {
                return self.lead(stream, client, taps, &request, &behind, stopping).await;
            }
            Some(Ok(Begun::Plain { request, .. })) => no_handshake(&request),
            Some(Ok(Begun::Bad(error))) => Refusal::from(error),
            Some(Err(_elapsed)) => Refusal::TOO_SLOW,
        };
        tracing::debug!(%client, status = refusal.status, reason = %refusal.reason, "refused");
        opening::part(stream, &refusal.bytes(), &self.config).await;
    }

    /// Leads an opening handshake to the upstream, and relays if that switches.
    async fn lead(
        &self,
        stream: Stream,
        client: SocketAddr,
        mut taps: Taps,
        request: &Request,
        behind: &[u8],
        stopping: &CancellationToken,
    ) {
        taps.request(request.head().bytes());
        let opened = match request.check() {
            Err(error) => Err(Refusal::from(error).bytes()),
            Ok(_) => match stopping.run_until_cancelled(self.upstream.open(request)).await {
                None => return taps.ended(),
                Some(opened) => opened.map_err(|failed| told(client, failed)),
            },
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(answer) => {
                taps.response(&answer, None);
                opening::part(stream, &answer, &self.config).await;
                return taps.ended();
            }
        };
        let ends = stream.ends();
        let Stream::Tcp(socket) = stream else { return };
        let (answer, frames) = opened.received.split_at(opened.answer_len);
        taps.response(answer, opened.deflate);
        tracing::debug!(%client, path = request.path(), "relaying");
        let interception = self.desk.as_ref().map(|desk| {
            let setting = Setting {
                ends,
                path: request.path(),
                host: request.host().unwrap_or_default(),
                subprotocol: opened.subprotocol.as_deref(),
                deflate: opened.deflate,
            };
            Interception::new(desk, &setting, [request.head().bytes(), answer])
        });
        let mut relay = Relay::new(Dialed::Tcp(socket.into()), opened.stream, taps, interception);
        relay.put_first(Direction::ServerToClient, answer);
        relay.put_behind(Direction::ServerToClient, frames);
        relay.put_behind(Direction::ClientToServer, behind);
        let (over, [sent, received]) = relay.run(stopping).await;
        let how = match over {
            Over::Shut => "closed by both",
            Over::Broken(role) => {
                if role == Role::Client {
                    "broken off by the client"
                } else {
                    "broken off by the upstream"
                }
            }
            Over::Stopped => "stopped",
        };
        tracing::debug!(%client, sent, received, how, "relayed");
    }
}

/// What a client is told of an upstream that has not switched.
fn told(client: SocketAddr, failed: Failed) -> Vec<u8> {
    match failed {
        Failed::BadGateway(reason) => {
            tracing::warn!(%client, %reason, "no connection to the upstream");
            Refusal::bad_gateway(reason).bytes()
        }
        Failed::Refused { status, answer } => {
            tracing::info!(%client, status, "the upstream refuses");
            answer
        }
    }
}

/// A request that is not meant as an opening handshake.
fn no_handshake(request: &Request) -> Refusal {
    let mut refusal = request.check().err().map_or(Refusal::NOT_FOUND, Refusal::from);
    if refusal.status == 426 {
        refusal.reason = "this is a proxy for WebSockets: it passes on opening handshakes, and nothing else".into();
    }
    refusal
}
