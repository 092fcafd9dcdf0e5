//! What pages ask for and send by HTTP: accounts, sessions, calls.
//!
//! Answers to people are one sentence of text that a page can show beside the field; answers to scripts are JSON. None
//! of them may be kept by a cache.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Site, error, form};
use crate::auth::{Caller, Credentials, Denied, Login, clear_cookie};
use crate::metrics as names;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Whose a request is that came through a tunnel, whatever its cookies say.
#[derive(Clone, Debug)]
pub(super) struct Inherited(pub(super) Caller);

/// A request, as far as it tells who is asking.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) headers: HeaderMap,
    inherited: Option<Caller>,
}

impl Asking {
    pub(super) fn new(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let inherited = extensions.get().map(|Inherited(caller)| caller.clone());
        Self { headers: headers.clone(), inherited }
    }
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::new(&parts.headers, &parts.extensions))
    }
}

/// `POST /register`.
pub(super) async fn register(State(site): State<Arc<Site>>, headers: HeaderMap, body: Body) -> Response {
    let [name, password] = match form::read_fields(&headers, body, &site.config, ["username", "password"]).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    match site.accounts.register(Credentials { name, password }).await {
        Ok(user) => {
            tracing::info!(user = %user.name, "registered");
            site.metrics.counter(names::REGISTRATIONS, &[]).increment(1);
            error::plain(StatusCode::CREATED, "registered")
        }
        Err(denied) => refusal(denied),
    }
}

/// `POST /login`: a fresh session, whatever the browser had before.
pub(super) async fn login(
    State(site): State<Arc<Site>>,
    Extension(Peer(peer)): Extension<Peer>,
    asking: Asking,
    body: Body,
) -> Response {
    let [name, password] = match form::read_fields(&asking.headers, body, &site.config, ["username", "password"]).await
    {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let agent = asking.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let signed_in = site.accounts.sign_in(Credentials { name, password }, peer.ip(), agent).await;
    let outcome = signed_in.as_ref().map_or_else(|denied| outcome(*denied), |_| "ok");
    site.metrics.counter(names::LOGINS, &[("outcome", outcome)]).increment(1);
    let token = match signed_in {
        Ok(token) => token,
        Err(denied) => return refusal(denied),
    };
    // The cookie of the session before is about to be gone, and nobody could end it later. If that fails, it runs out.
    if let Ok(before) = site.caller(&asking).await {
        let _ = site.accounts.sign_out(&before).await;
    }
    let cookie = token.to_cookie(site.origins.is_secure(), site.config.session_lifetime);
    with_cookie(error::plain(StatusCode::OK, "signed in"), &cookie)
}

/// `GET /logout`. A GET that does something: so it does it only for whom a person, or a page of ours, has sent.
pub(super) async fn logout(State(site): State<Arc<Site>>, method: Method, asking: Asking) -> Response {
    let mut response = error::plain(StatusCode::FOUND, "signed out");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    if method == Method::HEAD {
        return response;
    }
    let said = |name| asking.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // What is no text is nobody's origin.
    let origin = asking.headers.contains_key(header::ORIGIN).then(|| said(header::ORIGIN).unwrap_or("null"));
    if !site.origins.admits(origin, said(header::HOST))
        || !means_to_leave(&asking.headers, |origin| site.origins.allows(origin))
    {
        return error::plain(StatusCode::FORBIDDEN, "the request comes from a foreign page");
    }
    let caller = match site.caller(&asking).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    match site.accounts.sign_out(&caller).await {
        Ok(()) => with_cookie(response, &clear_cookie(site.origins.is_secure())),
        Err(denied) => refusal(denied),
    }
}

/// Whether a request to sign out is somebody's wish: a link or an address that was followed, wherever it stood, or a
/// script of ours. Not an image in a foreign page, and not a browser that fetches ahead. `allows` tells whether an
/// origin is one of those that were configured.
fn means_to_leave(headers: &HeaderMap, allows: impl Fn(&str) -> bool) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if ["sec-purpose", "purpose", "x-moz"].iter().any(|name| says(name).is_some_and(|it| it.contains("prefetch"))) {
        return false;
    }
    match says("sec-fetch-site") {
        // Nobody but a browser says it, and one that does not is too old to be told apart from a program.
        None | Some("same-origin" | "none") => true,
        Some(_) => {
            let is_followed =
                says("sec-fetch-mode") == Some("navigate") && matches!(says("sec-fetch-dest"), None | Some("document"));
            is_followed || says("origin").is_some_and(allows)
        }
    }
}

/// `GET /api/users/@me`.
pub(super) async fn me(State(site): State<Arc<Site>>, asking: Asking) -> Response {
    #[derive(Serialize)]
    struct Me<'a> {
        id: i64,
        username: &'a str,
    }
    match site.user(&asking).await {
        Ok(login) => Json(Me { id: login.user().id.0, username: &login.user().name }).into_response(),
        Err(response) => response,
    }
}

/// `POST /api/account/password`.
pub(super) async fn change_password(
    State(site): State<Arc<Site>>,
    Extension(Peer(peer)): Extension<Peer>,
    asking: Asking,
    body: Body,
) -> Response {
    let login = match site.user(&asking).await {
        Ok(login) => login,
        Err(response) => return response,
    };
    let [current, new] = match form::read_fields(&asking.headers, body, &site.config, ["current", "new"]).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    match site.accounts.change_password(&login, peer.ip(), current, new).await {
        Ok(()) => {
            tracing::info!(user = %login.user().name, "changed their password");
            error::plain(StatusCode::OK, "the password is changed")
        }
        Err(denied) => refusal(denied),
    }
}

/// `GET /api/account/sessions`.
pub(super) async fn sessions(State(site): State<Arc<Site>>, asking: Asking) -> Response {
    #[derive(Serialize)]
    struct Shown {
        created: i64,
        expires: i64,
        agent: String,
        current: bool,
    }
    let login = match site.user(&asking).await {
        Ok(login) => login,
        Err(response) => return response,
    };
    match site.accounts.sessions(&login).await {
        Ok(sessions) => {
            let shown: Vec<_> = sessions
                .into_iter()
                .map(|session| Shown {
                    created: session.created,
                    expires: session.expires,
                    current: session.token == login.token(),
                    agent: session.agent,
                })
                .collect();
            Json(json!({ "sessions": shown })).into_response()
        }
        Err(denied) => refusal(denied),
    }
}

/// `POST /api/account/sessions/end-others`.
pub(super) async fn end_others(State(site): State<Arc<Site>>, asking: Asking) -> Response {
    let login = match site.user(&asking).await {
        Ok(login) => login,
        Err(response) => return response,
    };
    match site.accounts.end_others(&login).await {
        Ok(ended) => Json(json!({ "ended": ended })).into_response(),
        Err(denied) => refusal(denied),
    }
}

/// `POST /api/video-calls`. JSON whatever the `Content-Type` says: scripts forget to.
pub(super) async fn create_call(State(site): State<Arc<Site>>, asking: Asking, body: Body) -> Response {
    #[derive(Deserialize)]
    struct Wanted {
        name: String,
    }
    if let Err(response) = site.user(&asking).await {
        return response;
    }
    let bytes = match form::read_body(body, &site.config).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let bad = |reason: &str| json_error(StatusCode::BAD_REQUEST, reason);
    // serde would take a list for an object whose keys are left out.
    let wanted = Some(&bytes).filter(|bytes| bytes.trim_ascii_start().starts_with(b"{"));
    let Some(Wanted { name }) = wanted.and_then(|bytes| serde_json::from_slice(bytes).ok()) else {
        return bad("the body must be JSON with a name");
    };
    if name.trim().is_empty() {
        return bad("a call needs a name");
    }
    if name.chars().count() > site.config.name_max {
        return bad(&format!("the name is longer than {} characters", site.config.name_max));
    }
    if name.contains('\0') {
        return bad("the name has a NUL in it");
    }
    match site.services.store.create_call(name).await {
        Ok(call) => Json(json!({ "id": call.id })).into_response(),
        Err(_) => refusal(Denied::Store),
    }
}

/// `GET /api/ice-servers`.
pub(super) async fn ice_servers(State(site): State<Arc<Site>>, asking: Asking) -> Response {
    match site.user(&asking).await {
        Ok(login) => Json(json!({ "iceServers": site.ice.for_user(&login.user().name) })).into_response(),
        Err(response) => response,
    }
}

/// `GET /api/servers`: which servers besides this one our pages may talk to, under which names.
pub(super) async fn servers(State(site): State<Arc<Site>>) -> Response {
    let servers = site.targets.iter().map(|target| json!({ "name": target.name, "url": target.url.to_string() }));
    Json(json!({ "servers": servers.collect::<Vec<_>>() })).into_response()
}

impl Site {
    /// Who sent this; or that it could not be found out.
    pub(super) async fn caller(&self, asking: &Asking) -> Result<Caller, Response> {
        if let Some(caller) = &asking.inherited {
            return Ok(caller.clone());
        }
        let cookies = asking.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        self.accounts.caller(cookies).await.map_err(|_| refusal(Denied::Store))
    }

    /// Who is signed in; or the answer to a guest.
    async fn user(&self, asking: &Asking) -> Result<Arc<Login>, Response> {
        let caller = self.caller(asking).await?;
        caller.login.filter(|login| login.holds()).ok_or_else(|| json_error(StatusCode::UNAUTHORIZED, "not signed in"))
    }
}

fn json_error(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// What somebody is told who does not get what they asked for.
fn refusal(denied: Denied) -> Response {
    let (status, reason, seconds) = match denied {
        Denied::Refused(reason) => return error::plain(StatusCode::BAD_REQUEST, reason),
        Denied::Throttled(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords; try again later", wait.as_secs() + 1)
        }
        Denied::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many people sign in just now; try again", 2),
        Denied::Store => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again", 2),
    };
    let mut response = error::plain(status, reason);
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// For the count of logins.
const fn outcome(denied: Denied) -> &'static str {
    match denied {
        Denied::Refused(_) => "wrong",
        Denied::Throttled(_) => "throttled",
        Denied::Busy | Denied::Store => "unavailable",
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_out_takes_somebody_who_means_it() {
        let leaves = |lines: &[(&'static str, &str)]| {
            let headers =
                lines.iter().map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap())).collect();
            means_to_leave(&headers, |origin| origin == "http://app.example")
        };
        let (site, mode, dest) = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest");
        for lines in [
            &[][..],
            &[(site, "same-origin"), (mode, "cors"), (dest, "empty")],
            &[(site, "none"), (mode, "navigate"), (dest, "document")],
            &[(site, "cross-site"), (mode, "navigate"), (dest, "document")],
            &[(site, "same-site"), (mode, "cors"), ("origin", "http://app.example")],
        ] {
            assert!(leaves(lines), "{lines:?}");
        }
        for lines in [
            &[(site, "cross-site"), (mode, "no-cors"), (dest, "image")][..],
            &[(site, "same-site"), (mode, "no-cors"), (dest, "image")],
            &[(site, "same-site"), (mode, "navigate"), (dest, "iframe")],
            &[(site, "cross-site"), (mode, "cors"), ("origin", "http://evil.example")],
            &[(site, "same-origin"), (mode, "navigate"), ("sec-purpose", "prefetch;prerender")],
        ] {
            assert!(!leaves(lines), "{lines:?}");
        }
    }
}
