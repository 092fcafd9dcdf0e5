//! Who may see what at `/inspect/live`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::handshake::Request;

use super::Hub;
use super::intercept::Desk;
use crate::auth::{Caller, Login, NotOperator, Operator, OriginPolicy, Pass, Query, SessionId};

/// What deciding that takes. The same for all threads.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    pub(crate) hub: Arc<Hub>,
    /// Of a proxy: where operators intercept.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) operator: Arc<Operator>,
    /// There is nothing here that is anybody else's.
    pub(crate) is_operators_alone: bool,
}

/// Somebody who may watch, and what.
#[derive(Clone, Debug)]
pub(crate) enum Viewer {
    /// Their own connections.
    Browser {
        /// Whose they are.
        session: SessionId,
        /// Who watches, if they are signed in. When they no longer are, that is the end of it: who signs out on a
        /// machine that is not theirs leaves nothing behind that goes on to show.
        login: Option<Arc<Login>>,
    },
    /// Everything, as long as this holds.
    Operator(Arc<Pass>),
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// The inspector does not answer under that name.
    Host,
    /// There is no session to watch.
    NoSession,
    /// The token is wrong.
    Token,
    /// Too many wrong ones came from there.
    Throttled,
    /// Everything is asked for, by somebody who is not the operator.
    NotOperator,
    /// More than one token, or two wishes that exclude each other.
    Ambiguous,
}

impl Watching {
    /// What this request asks for, and may have. Its `Origin` has been found good.
    pub(crate) fn viewer(
        &self,
        origins: &OriginPolicy,
        request: &Request,
        peer: SocketAddr,
        caller: &Caller,
    ) -> Result<Viewer, Unseen> {
        if !request.host().is_some_and(|host| origins.knows_host(host)) {
            return Err(Unseen::Host);
        }
        let query = Query::read(request.query().unwrap_or_default());
        let (wants_own, wants_all) = (query.says("own"), query.says("all"));
        if wants_own && wants_all {
            return Err(Unseen::Ambiguous);
        }
        // A wrong token is an error, whatever else there is: who shows one means it.
        let pass = match &tokens(&query, request)[..] {
            [] => self.operator.pass(request.headers("cookie")),
            [token] => Some(self.operator.admit(token, peer.ip())?),
            _ => return Err(Unseen::Ambiguous),
        };
        // A page of another origin may be let in for what its own reader does here, and for no more than that.
        let is_elsewhere = request.origin().is_some_and(|origin| origins.allows(&origin));
        match pass.filter(|_| !is_elsewhere) {
            Some(pass) if !wants_own => Ok(Viewer::Operator(pass)),
            _ if self.is_operators_alone => Err(Unseen::NotOperator),
            None if wants_all => Err(Unseen::NotOperator),
            _ => {
                let session = caller.session.ok_or(Unseen::NoSession)?;
                Ok(Viewer::Browser { session, login: caller.login.clone() })
            }
        }
    }
}

/// The tokens that a request shows, in its address or as programs do it (RFC 6750, 2.1).
fn tokens(query: &Query, request: &Request) -> Vec<Vec<u8>> {
    let bearer = request.headers("authorization").filter_map(|value| {
        let (scheme, token) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii().to_vec())
    });
    query.tokens.iter().cloned().chain(bearer).collect()
}

impl Viewer {
    /// Whether they may still.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Browser { login, .. } => login.as_ref().is_none_or(|login| login.holds()),
            Self::Operator(pass) => pass.holds(),
        }
    }

    /// Waits until they may not; forever, if there is nothing that could end.
    pub(super) async fn ended(&self) {
        match self {
            Self::Browser { login: Some(login), .. } => login.ended().await,
            Self::Browser { login: None, .. } => std::future::pending().await,
            Self::Operator(pass) => pass.ended().await,
        }
    }
}

impl fmt::Display for Viewer {
    /// For the log: whose connections are watched, and by whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Browser { session, login: Some(login) } => {
                write!(f, "{} ({session:?}), their own", login.user().name)
            }
            Self::Browser { session, login: None } => write!(f, "a guest ({session:?}), their own"),
            Self::Operator(_) => f.write_str("the operator, everybody's"),
        }
    }
}

impl Unseen {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Host | Self::NoSession | Self::Token | Self::NotOperator => 403,
            Self::Throttled => 429,
            Self::Ambiguous => 400,
        }
    }

    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Host => "the inspector does not answer under this name",
            Self::NoSession => "there is no session to watch: open a page first",
            Self::Token => "this is not the operator's token",
            Self::Throttled => "too many wrong tokens; try again later",
            Self::NotOperator => "only the operator sees everybody's connections",
            Self::Ambiguous => "it has to be one token at most, and not both own and all",
        }
    }
}

impl From<NotOperator> for Unseen {
    fn from(denied: NotOperator) -> Self {
        match denied {
            NotOperator::Wrong => Self::Token,
            NotOperator::Throttled(_) => Self::Throttled,
        }
    }
}
