//! Plain HTTP: the pages, and who gets to see them.
//!
//! hyper parses and axum routes; [`strict`] stands in front of both for what hyper lets through.
//! Each connection is one local task on its thread.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::apps::Commons;
use crate::auth::{Accounts, IceServers, Operator, OriginPolicy, Rule, SessionId};
use crate::bus::local::{LocalBus, LocalLeases};
use crate::bus::{Bus, Leases};
use crate::config::Config;
use crate::inspect::intercept::Desk;
use crate::inspect::{Hub, Targets};
use crate::metrics::Metrics;
use crate::store::{self, Store};
use crate::ws::Endpoints;

use api::Asking;
use files::Files;
pub(crate) use serve::Http;

mod api;
mod cors;
mod encoding;
mod error;
mod files;
pub(crate) mod form;
mod headers;
mod inspector;
pub(crate) mod opening;
mod operator;
mod ops;
mod serve;
mod strict;

/// What all threads share, and what does not change while the server runs.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) origins: OriginPolicy,
    pub(crate) files: Files,
    pub(crate) encoded: encoding::Cache,
    pub(crate) hub: Arc<Hub>,
    /// Of a proxy: where operators intercept.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) operator: Arc<Operator>,
    pub(crate) services: Services,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) commons: Arc<Commons>,
    pub(crate) ice: IceServers,
    pub(crate) metrics: Metrics,
    /// It takes nobody in any more.
    pub(crate) is_stopping: AtomicBool,
    pub(crate) serves: Serves,
}

/// How much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// All of it.
    Everything,
    /// The inspector alone, for the operator alone: of a proxy.
    Inspector,
}

/// What outlives connections, or reaches beyond them.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) leases: Arc<dyn Leases>,
}

impl Site {
    pub(crate) fn new(mut config: Config, services: Services) -> Result<Self, String> {
        let origins = OriginPolicy::new(&config)?;
        let files = Files::new(config.www.clone());
        let ice = IceServers::new(&config)?;
        let targets = Arc::new(Targets::new(&config)?);
        let metrics = Metrics::new();
        let accounts = Accounts::new(&config, services.store.clone(), services.bus.clone(), &metrics);
        let accounts = Arc::new(accounts);
        let commons = Arc::new(Commons::new(&config, services.clone(), Endpoints::app_codec(&config)));
        // From here on, nothing holds the token itself.
        let token = config.operator_token.take().unwrap_or_else(Operator::generate_token);
        let rule = Rule { failures: config.login_failures, within: config.login_window };
        let operator = Arc::new(Operator::new(&token, config.listen.port(), rule));
        let (encoded, hub) = (encoding::Cache::default(), Arc::default());
        let is_stopping = AtomicBool::new(false);
        Ok(Self {
            config,
            origins,
            files,
            encoded,
            hub,
            desk: None,
            operator,
            targets,
            services,
            accounts,
            commons,
            ice,
            metrics,
            is_stopping,
            serves: Serves::Everything,
        })
    }

    /// Of a proxy, whose taps lead to `hub`, and whose connections are intercepted at `desk`.
    pub(crate) fn inspector(
        config: Config,
        services: Services,
        hub: Arc<Hub>,
        desk: Arc<Desk>,
    ) -> Result<Self, String> {
        Ok(Self { hub, desk: Some(desk), serves: Serves::Inspector, ..Self::new(config, services)? })
    }
}

impl Services {
    /// Opens all three, and waits for them: not on a runtime's thread.
    pub(crate) fn open(config: &Config) -> Result<Self, String> {
        let store = store::open(config)?;
        Ok(Self { store, bus: Arc::new(LocalBus::default()), leases: Arc::new(LocalLeases::default()) })
    }
}

/// The routes. Pages are whatever folders of `www` hold an `index.html`; those that send a form to their own address
/// are named here as well.
fn router(site: Arc<Site>) -> Router {
    if site.serves == Serves::Inspector {
        return inspector::router(site);
    }
    let changes = Router::new()
        .route("/register", get(file).post(api::register))
        .route("/login", get(file).post(api::login))
        .route("/logout", get(api::logout))
        .route("/api/account/password", post(api::change_password))
        .route("/api/account/sessions/end-others", post(api::end_others))
        .route("/api/video-calls", post(api::create_call))
        .route("/api/operator/forget", post(operator::forget))
        .route_layer(middleware::from_fn(see_through));
    Router::new()
        .merge(changes)
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .route("/api/users/@me", get(api::me))
        .route("/api/account/sessions", get(api::sessions))
        .route("/api/operator", get(operator::who))
        .route("/api/ice-servers", get(api::ice_servers))
        .route("/video-call/{id}", get(call))
        .route("/api/users/online", get(online))
        .route("/echo", get(not_upgraded))
        .route("/websocket", get(not_upgraded))
        .route("/inspect/live", get(not_upgraded))
        .route("/tunnel", get(not_upgraded))
        .route("/api/servers", get(api::servers))
        .fallback(file)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(site.clone(), operator::exchange))
        .layer(middleware::from_fn_with_state(site.clone(), cors::share))
        .layer(middleware::from_fn_with_state(site.clone(), strict::check))
        .layer(middleware::from_fn_with_state(site.clone(), headers::add))
        .with_state(site)
}

/// Does what was begun, even if whoever asked for it hangs up: what is stored and what others are told of it belong
/// together.
async fn see_through(request: Request, next: Next) -> Response {
    let seen = tokio::spawn(next.run(request)).await;
    seen.unwrap_or_else(|_| error::plain(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here"))
}

/// Who is online, for pages that want to know no more than that.
async fn online(State(site): State<Arc<Site>>) -> Response {
    let mut response = Response::new(body(site.commons.presence.names_as_json()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A plain GET where WebSocket is spoken (RFC 9110, 15.5.22).
async fn not_upgraded() -> Response {
    let mut response = error::plain(StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket");
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

async fn method_not_allowed() -> Response {
    error::plain(StatusCode::METHOD_NOT_ALLOWED, "this address does not answer that method")
}

async fn file(State(site): State<Arc<Site>>, request: Request) -> Response {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        if matches!(site.files.find(path).await, files::Found::Nothing) {
            return error::not_found(path);
        }
        let mut response = error::plain(StatusCode::METHOD_NOT_ALLOWED, "pages answer GET and HEAD");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match site.files.find(path).await {
        files::Found::File(found) => page(&site, found, &Asking::new(request.headers(), request.extensions())).await,
        files::Found::Folder(location) => error::redirect(&location),
        files::Found::Nothing => nothing(&site, path, request.headers()).await,
    }
}

/// 404: a page for a person, where there is one, and a line for a program.
async fn nothing(site: &Site, path: &str, headers: &HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_person = accepts.into_iter().any(|accepted| accepted.contains("text/html"));
    if is_person && let Some(found) = site.files.not_found_page().await {
        return files::respond_once(found, StatusCode::NOT_FOUND);
    }
    error::not_found(path)
}

/// The page of one call, whichever; or a file that lies beside the page of all calls.
async fn call(State(site): State<Arc<Site>>, request: Request) -> Response {
    let path = request.uri().path();
    let found = match site.files.find(path).await {
        files::Found::File(found) => Some(found),
        _ => site.files.call_page().await,
    };
    match found {
        Some(found) => page(&site, found, &Asking::new(request.headers(), request.extensions())).await,
        None => error::not_found(path),
    }
}

/// A file; with a page, a browser that we know nothing of gets its cookie.
async fn page(site: &Site, found: files::File, asking: &Asking) -> Response {
    let mut response = files::respond(found, &asking.headers, &site.encoded).await;
    if files::is_html(&response) {
        // When that cannot be found out, a login must not be overwritten.
        if site.caller(asking).await.is_ok_and(|caller| caller.session.is_none()) {
            let cookie = SessionId::generate().to_cookie(site.origins.is_secure());
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
    }
    response
}

/// What a connection over the limits is told.
pub(crate) const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\n\
    Retry-After: 5\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 33\r\n\r\n\
    too many connections; come again\n";

/// A body of some bytes.
fn body(bytes: impl Into<bytes::Bytes>) -> Body {
    Body::from(bytes.into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_to_one_too_many_states_its_length() {
        let text = std::str::from_utf8(super::FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
    }
}
