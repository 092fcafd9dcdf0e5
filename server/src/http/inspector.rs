//! All that a proxy has for browsers: the inspector, for the operator and nobody else.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, Method, StatusCode, header};

use super::{Site, error, files, headers, method_not_allowed, not_upgraded, operator, strict};

/// The routes. Every one of them, the files too, is behind the operator's cookie.
pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/api/operator", get(operator::who))
        .route("/api/operator/forget", post(operator::forget))
        .route("/api/users/@me", get(nobody))
        .route("/inspect/live", get(not_upgraded))
        .route("/inspect/intercept", get(not_upgraded))
        .fallback(file)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(site.clone(), alone))
        .layer(middleware::from_fn_with_state(site.clone(), operator::exchange))
        .layer(middleware::from_fn_with_state(site.clone(), strict::check))
        .layer(middleware::from_fn_with_state(site.clone(), headers::add))
        .with_state(site)
}

/// Nobody but the operator gets any further.
async fn alone(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let cookies = request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    if site.operator.pass(cookies).is_some() {
        return next.run(request).await;
    }
    error::plain(
        StatusCode::FORBIDDEN,
        "this is the inspector of a proxy; the link that the proxy printed when it started opens it",
    )
}

/// What every page of ours asks: nobody is signed in here. A 404 would stand in red in the browser's console.
async fn nobody() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn home() -> Response {
    let mut response = error::plain(StatusCode::FOUND, "it is over there");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/inspector"));
    response
}

/// The page and what it is made of. No other page is here, and no cookie is set: another server on this host may have
/// one of that name.
async fn file(State(site): State<Arc<Site>>, request: Request) -> Response {
    let path = request.uri().path();
    let is_ours = path == "/inspector" || PARTS.iter().any(|part| path.starts_with(part));
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed().await;
    }
    match site.files.find(path).await {
        files::Found::File(found) if is_ours => files::respond(found, request.headers(), &site.encoded).await,
        _ => error::not_found(path),
    }
}

const PARTS: &[&str] =
    &["/inspector/", "/lib/", "/pkg/", "/style.css", "/favicon.svg", "/icons/", "/manifest.webmanifest"];
