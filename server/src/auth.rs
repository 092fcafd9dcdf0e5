//! Who is asking: where the page came from, which browser it runs in, and who is signed in there.
//!
//! Identity comes from the session alone. A connection or a request gets its [`Caller`] once, from its cookies; whether
//! the login in it still holds is asked each time something hangs on it.

use std::sync::Arc;

use crate::store::User;

pub(crate) use accounts::{Accounts, Login};
pub(crate) use ice::IceServers;
pub(crate) use operator::{NotOperator, Operator, Pass, Query};
pub(crate) use origin::{Origin, OriginPolicy, host_of};
pub(crate) use session::{SessionId, Token, clear_cookie, use_key};
pub(crate) use sign_in::{Credentials, Denied};
pub(crate) use throttle::Rule;

mod accounts;
mod ice;
mod operator;
mod origin;
mod password;
mod session;
mod sign_in;
mod throttle;

/// Who a request or a connection comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Whose taps show it: a browser, or for somebody who is signed in, that login. Without one nobody can watch.
    pub(crate) session: Option<SessionId>,
    pub(crate) login: Option<Arc<Login>>,
}

impl Caller {
    /// Nobody we know anything of.
    pub(crate) fn guest() -> Self {
        Self::default()
    }

    /// Who is signed in, as long as that holds: to be asked at each message that needs a user.
    pub(crate) fn user(&self) -> Option<&User> {
        self.login.as_ref().filter(|login| login.holds()).map(|login| login.user())
    }
}
