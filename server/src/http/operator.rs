//! The operator's way in: a link with the token becomes a cookie, and the token is out of sight at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;

use super::api::Peer;
use super::{Site, error};
use crate::auth::{NotOperator, Query};

/// Takes the token out of the address of the inspector's page: who has the right one is sent to the same address
/// without it, with a cookie in its place. Neither a history nor a log nor a `Referer` is left with the token.
pub(super) async fn exchange(
    State(site): State<Arc<Site>>,
    peer: Option<Extension<Peer>>,
    request: Request,
    next: Next,
) -> Response {
    let is_page = request.uri().path() == PAGE && matches!(*request.method(), Method::GET | Method::HEAD);
    let query = if is_page { Query::read(request.uri().query().unwrap_or_default()) } else { Query::default() };
    let mut response = match (&query.tokens[..], peer) {
        ([], _) | (_, None) => return next.run(request).await,
        // A picture or a frame in somebody else's page: its tries are not to count as its reader's.
        _ if !is_navigation(request.headers()) => error::plain(StatusCode::FORBIDDEN, "a token is for the address bar"),
        ([token], Some(Extension(Peer(peer)))) => {
            match site.operator.exchange(token, peer.ip(), site.origins.is_secure()) {
                Ok(cookie) => admitted(&query.rest, &cookie),
                Err(denied) => refused(denied),
            }
        }
        (_, Some(_)) => error::plain(StatusCode::BAD_REQUEST, "there are two tokens in this address"),
    };
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `GET /api/operator`: whether this browser is the operator's, and whether there is anything here to intercept.
pub(super) async fn who(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let is_operator = site.operator.pass(cookies(&headers)).is_some();
    let answer = match &site.desk {
        Some(_) => json!({ "operator": is_operator, "intercepts": true }),
        None => json!({ "operator": is_operator }),
    };
    Json(answer).into_response()
}

/// `POST /api/operator/forget`: it is no more, and what it watched as such ends.
pub(super) async fn forget(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let cleared = site.operator.forget(cookies(&headers), site.origins.is_secure());
    let mut response = Json(json!({ "operator": false })).into_response();
    set_cookie(&mut response, &cleared);
    response
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes)
}

/// Whether a person goes there. Who is no browser does not say.
fn is_navigation(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_none_or(|dest| dest == "document")
}

fn admitted(rest: &str, cookie: &str) -> Response {
    let location = if rest.is_empty() { PAGE.to_owned() } else { format!("{PAGE}?{rest}") };
    let mut response = error::plain(StatusCode::FOUND, "welcome; it is over there");
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    set_cookie(&mut response, cookie);
    response
}

fn refused(denied: NotOperator) -> Response {
    match denied {
        NotOperator::Wrong => error::plain(
            StatusCode::FORBIDDEN,
            "this is not the operator's token: the link that the server printed when it started last has the right one",
        ),
        NotOperator::Throttled(wait) => {
            let mut response = error::plain(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; try again later");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            response
        }
    }
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

const PAGE: &str = "/inspector";
