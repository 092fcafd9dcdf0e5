//! From an opening handshake to a running connection: which endpoint, whether it may, and on what terms.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use framescope_codec::Connection;
use framescope_codec::deflate::params::DeflatePolicy;
use framescope_codec::handshake::{Acceptance, HandshakeError, Request, refuse};

use super::outbox::Writes;
use super::{Driver, Habits, Outbox, Pump, thread};
use crate::apps::echo::Echo;
use crate::apps::{App, Conversation, Shard, Spoken};
use crate::auth::{Caller, OriginPolicy, SessionId};
use crate::config::Config;
use crate::inspect::intercept::{self, Operator};
use crate::inspect::{
    Ends, Errand, Feed, Goal, Heir, Hub, Inward, Tap, Targets, Tunnel, Unseen, Viewer, Watching, tunnel,
};
use crate::metrics::{Meter, Metrics};
use crate::net::{Guest, Stream};

/// Everything that can be connected to, on one thread.
pub(crate) struct Endpoints {
    echo: Endpoint,
    board: Endpoint,
    rooms: Endpoint,
    live: Endpoint,
    intercept: Endpoint,
    tunnel: Endpoint,
    targets: Arc<Targets>,
    inward: Inward,
    patience: Duration,
    watching: Watching,
    shard: Rc<Shard>,
    inspect_queue_max: usize,
}

/// One address that speaks WebSocket, and on what terms.
pub(crate) struct Endpoint {
    codec: framescope_codec::Config,
    deflate: Option<DeflatePolicy>,
    habits: Rc<Habits>,
    queue_max: usize,
    writes: Writes,
}

/// An endpoint by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Echo,
    /// Both families of messages.
    Board,
    /// The rooms family alone, for clients that take little for granted.
    Rooms,
    Live,
    Intercept,
    Tunnel,
}

/// Where a handshake comes from.
#[derive(Clone)]
pub(crate) struct Source {
    /// Who sent it.
    pub(crate) peer: SocketAddr,
    /// What a capture shows.
    pub(crate) ends: Ends,
    /// If it came through a tunnel: whose it is.
    pub(crate) heir: Option<Rc<Heir>>,
}

/// Why a handshake was not accepted; becomes an HTTP response.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason: Cow<'static, str>,
    /// Names in lower case.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// A handshake that was accepted. Nothing has been sent yet.
pub(crate) struct Accepted {
    connection: Connection,
    answer: Vec<u8>,
    habits: Rc<Habits>,
    queue_max: usize,
    writes: Writes,
}

/// The same, with all that is to become of it.
pub(crate) struct Opened {
    accepted: Accepted,
    app: MakeApp,
    tap: Option<Box<Tap>>,
    heir: Option<Rc<Heir>>,
}

/// Makes a connection's app once there is something to send through.
type MakeApp = Box<dyn FnOnce(&Rc<Outbox>, &Guest) -> Box<dyn App>>;

impl Endpoints {
    /// What a conversation's messages are sent with.
    pub(crate) fn app_codec(config: &Config) -> framescope_codec::Config {
        Endpoint::app(config, None).codec
    }

    /// `targets` are where tunnels may lead, and `inward` serves those that lead to ourselves.
    pub(crate) fn new(
        config: &Config,
        watching: Watching,
        targets: Arc<Targets>,
        inward: Inward,
        shard: Rc<Shard>,
        metrics: &Metrics,
    ) -> Self {
        let hub = &watching.hub;
        // Nobody's text is to share a context with another's, and a broadcast is compressed once.
        let no_takeover = DeflatePolicy { server_no_context_takeover: true, ..DeflatePolicy::default() };
        let mut live = Endpoint::app(config, None);
        live.codec.message_max = 1024;
        let mut intercept = Endpoint::app(config, None);
        intercept.codec.message_max = intercept::MESSAGE_MAX;
        intercept.habits = Rc::new(Habits::new(config, None));
        let mut tunnel = Endpoint::app(config, None);
        tunnel.queue_max = tunnel.queue_max.min(tunnel::QUEUE_MAX);
        let mut bell = hub.bell();
        tokio::task::spawn_local(async move {
            while bell.changed().await.is_ok() {
                thread::wake_all().await;
            }
        });
        Self {
            echo: Endpoint::echo(config).counted(metrics, "/echo").tapped(hub),
            board: Endpoint::app(config, Some(no_takeover)).counted(metrics, "/websocket").tapped(hub),
            rooms: Endpoint::rooms(config).counted(metrics, "/chat").tapped(hub),
            // What is watched is mostly compressed or masked: no use to try again.
            live: live.counted(metrics, "/inspect/live"),
            intercept: intercept.counted(metrics, "/inspect/intercept"),
            tunnel: tunnel.counted(metrics, "/tunnel"),
            targets,
            inward,
            patience: config.close_deadline,
            watching,
            shard,
            inspect_queue_max: config.inspect_queue_max,
        }
    }

    /// Judges a handshake, and if it is welcome, makes everything ready for the connection.
    /// `caller` is who its cookies belong to, or whom it has inherited from.
    pub(crate) fn open(
        &self,
        origins: &OriginPolicy,
        request: &Request,
        source: Source,
        caller: &Caller,
    ) -> Result<Opened, Refusal> {
        let Source { peer, ends, heir } = source;
        let name = match request.path() {
            path if self.watching.is_operators_alone && !path.starts_with("/inspect/") => return Err(nothing(request)),
            "/echo" => Name::Echo,
            "/websocket" => Name::Board,
            "/" | "/chat" => Name::Rooms,
            "/inspect/live" => Name::Live,
            "/inspect/intercept" if self.watching.desk.is_some() => Name::Intercept,
            "/tunnel" => Name::Tunnel,
            _ => return Err(nothing(request)),
        };
        let accepted = self.endpoint(name).accept(origins, request)?;
        let session = caller.session;
        let (app, mut tap): (MakeApp, _) = match name {
            Name::Echo => (Box::new(|_, _| Box::new(Echo)), self.tap(session, ends)),
            Name::Board => (self.conversation(caller, Spoken::Both), self.tap(session, ends)),
            Name::Rooms => (self.conversation(caller, Spoken::Rooms), self.tap(session, ends)),
            Name::Live => {
                let viewer = self.watching.viewer(origins, request, peer, caller)?;
                // It watches from now on, not from when its 101 is out.
                let feed = Feed::new(&self.watching.hub, viewer, self.inspect_queue_max, peer);
                let feed = feed.ok_or(Refusal::TOO_MANY_WATCH)?;
                (Box::new(|_, _| Box::new(feed)), None)
            }
            Name::Intercept => {
                let viewer = self.watching.viewer(origins, request, peer, caller)?;
                let Some(desk) = self.watching.desk.as_ref().filter(|_| matches!(viewer, Viewer::Operator(_))) else {
                    return Err(Unseen::NotOperator.into());
                };
                let operator = Operator::new(desk, viewer, peer);
                (Box::new(|_, _| Box::new(operator)), None)
            }
            Name::Tunnel => {
                ask_for_our_name(origins, request)?;
                session.ok_or(Refusal::new(403, "there is no session to tunnel for: open a page first"))?;
                (self.dig(request, caller), None)
            }
        };
        if let Some(tap) = &mut tap {
            tap.opening(request.head().bytes(), accepted.answer.len(), accepted.connection.deflate());
        }
        Ok(Opened { accepted, app, tap, heir })
    }

    const fn endpoint(&self, name: Name) -> &Endpoint {
        match name {
            Name::Echo => &self.echo,
            Name::Board => &self.board,
            Name::Rooms => &self.rooms,
            Name::Live => &self.live,
            Name::Intercept => &self.intercept,
            Name::Tunnel => &self.tunnel,
        }
    }

    fn conversation(&self, caller: &Caller, spoken: Spoken) -> MakeApp {
        let (caller, shard) = (caller.clone(), self.shard.clone());
        Box::new(move |outbox, _| Box::new(Conversation::new(caller, spoken, shard, outbox.clone())))
    }

    fn dig(&self, request: &Request, caller: &Caller) -> MakeApp {
        let goal = Goal::read(request.query().unwrap_or_default(), &self.targets);
        let (caller, inward, patience) = (caller.clone(), self.inward.clone(), self.patience);
        Box::new(move |outbox, guest| {
            let errand = Errand { goal, caller, guest: guest.another(), inward, patience };
            Box::new(Tunnel::new(errand, outbox.clone()))
        })
    }

    /// The place of a tap on a connection of this browser session. Without a session it is made when somebody comes who
    /// watches everything, which may be now.
    fn tap(&self, session: Option<SessionId>, ends: Ends) -> Option<Box<Tap>> {
        match session {
            Some(session) => Some(Box::new(Tap::new(self.watching.hub.session(session), ends))),
            None => Tap::late(&self.watching.hub, || ends, None).map(Box::new),
        }
    }
}

/// There is no such endpoint; but who gets the handshake wrong hears of that first.
fn nothing(request: &Request) -> Refusal {
    request.check().err().map_or(Refusal::NOT_FOUND, Refusal::from)
}

impl Endpoint {
    /// With the limits of an app.
    pub(crate) fn app(config: &Config, deflate: Option<DeflatePolicy>) -> Self {
        let codec = framescope_codec::Config {
            message_max: config.message_max,
            fragments_max: config.fragments_max,
            compression_level: config.compression_level.into(),
            linger_max: config.linger_max as u64,
            ..framescope_codec::Config::default()
        };
        let habits = Rc::new(Habits::new(config, Some(config.message_rate)));
        Self { codec, deflate, habits, queue_max: config.queue_max, writes: Writes::Together }
    }

    /// For clients that compress nothing, answer no pings and take what one read gives them for one frame. The kernel
    /// finds those that are gone.
    fn rooms(config: &Config) -> Self {
        let mut rooms = Self::app(config, None);
        rooms.habits = Rc::new(Habits { idle: None, ..Habits::new(config, Some(config.message_rate)) });
        rooms.writes = Writes::FrameByFrame;
        rooms
    }

    /// With larger limits, no limit on the rate, and compression at work whatever the size, as a conformance suite
    /// wants it.
    fn echo(config: &Config) -> Self {
        let mut echo = Self::app(config, Some(DeflatePolicy::default()));
        echo.codec.message_max = config.echo_message_max;
        echo.codec.fragments_max = config.echo_fragments_max;
        (echo.codec.compress_min, echo.codec.compress_always) = (0, true);
        echo.habits = Rc::new(Habits::new(config, None));
        echo
    }

    /// The same with its connections counted.
    fn counted(mut self, metrics: &Metrics, name: &str) -> Self {
        if let Some(habits) = Rc::get_mut(&mut self.habits) {
            habits.meter = Meter::new(metrics, name);
        }
        self
    }

    /// The same with its connections open to those who may watch them.
    fn tapped(mut self, hub: &Arc<Hub>) -> Self {
        if let Some(habits) = Rc::get_mut(&mut self.habits) {
            habits.hub = Some(hub.clone());
        }
        self
    }

    /// Judges a handshake, and writes the answer to one that is welcome.
    pub(crate) fn accept(&self, origins: &OriginPolicy, request: &Request) -> Result<Accepted, Refusal> {
        let opening = request.check()?;
        if !origins.admits(request.origin().as_deref(), request.host()) {
            return Err(Refusal::new(403, "this server does not talk to pages of that origin"));
        }
        let mut answer = Vec::new();
        let acceptance = Acceptance { deflate: self.deflate, ..Acceptance::default() };
        let connection = opening.accept(&acceptance, self.codec, &mut answer);
        Ok(Accepted { connection, answer, habits: self.habits.clone(), queue_max: self.queue_max, writes: self.writes })
    }
}

impl Accepted {
    /// Sends the answer and runs the connection with an app of its own. `behind` came behind the request.
    pub(crate) fn drive(
        self,
        stream: Stream,
        behind: &[u8],
        mut tap: Option<Box<Tap>>,
        guest: Guest,
        app: impl FnOnce(&Rc<Outbox>, &Guest) -> Box<dyn App>,
    ) {
        let (receiver, sender) = self.connection.into_halves();
        if let Some(tap) = &mut tap
            && !behind.is_empty()
        {
            tap.read(behind, &receiver);
        }
        let outbox = Rc::new(Outbox::new(sender, self.answer, self.queue_max));
        outbox.set_writes(self.writes);
        let pump = Pump::new(stream, receiver, behind);
        let app = app(&outbox, &guest);
        tokio::task::spawn_local(Driver::new(pump, outbox, app, self.habits, tap, Some(guest.into_seat())));
    }
}

impl Opened {
    /// The 101.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.accepted.answer
    }

    /// Sends the answer and runs the connection. `behind` came behind the request.
    pub(crate) fn drive(self, stream: Stream, behind: &[u8], guest: Guest) {
        let Self { accepted, app, tap, heir } = self;
        accepted.drive(stream, behind, tap, guest, |outbox, guest| {
            if let Some(heir) = heir {
                heir.entrust(outbox);
            }
            app(outbox, guest)
        });
    }

    /// Runs a connection whose answer was sent by somebody else, in these words.
    pub(crate) fn drive_answered(mut self, answer: &[u8], stream: Stream, behind: &[u8], guest: Guest) {
        self.accepted.answer = Vec::new();
        if let Some(tap) = &mut self.tap {
            tap.answered(answer);
        }
        self.drive(stream, behind, guest);
    }
}

/// Bytes of others, and ways into where this server stands, are given out under names that are ours alone: under one
/// that somebody else makes point at us, a foreign page would pass for ours.
fn ask_for_our_name(origins: &OriginPolicy, request: &Request) -> Result<(), Refusal> {
    let is_ours = request.host().is_some_and(|host| origins.knows_host(host));
    if is_ours { Ok(()) } else { Err(Refusal::new(403, "taps and tunnels do not answer under this name")) }
}

impl Refusal {
    pub(crate) const NOT_FOUND: Self = Self::new(404, "there is no WebSocket here");
    pub(crate) const TOO_LARGE: Self = Self::new(413, "the body is too large");
    pub(crate) const STORE: Self = Self {
        status: 503,
        reason: Cow::Borrowed("who you are cannot be looked up just now; try again"),
        headers: &[("retry-after", "2")],
    };
    const TOO_MANY_WATCH: Self = Self::new(429, "so many watch this already that one more would be felt");
    pub(crate) const TOO_SLOW: Self = Self::new(408, "the request took too long");

    /// What is not reached through a tunnel.
    pub(crate) const WITHIN: Self = Self::new(403, "neither tunnels nor taps are reached through a tunnel");

    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason: Cow::Borrowed(reason), headers: &[] }
    }

    /// Somebody further on is at fault.
    pub(crate) fn bad_gateway(reason: String) -> Self {
        Self { status: 502, reason: reason.into(), headers: &[] }
    }

    /// The whole response.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        refuse(self.status, &self.reason, self.headers, &mut bytes);
        bytes
    }
}

impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        Self { status: error.status(), reason: error.to_string().into(), headers: error.headers() }
    }
}

impl From<Unseen> for Refusal {
    fn from(unseen: Unseen) -> Self {
        Self::new(unseen.status(), unseen.reason())
    }
}
