//! Who is asking: where the page came from, and which browser it runs in.

pub(crate) use origin::{Origin, OriginPolicy, host_of};
pub(crate) use session::SessionId;

mod origin;
mod session;
