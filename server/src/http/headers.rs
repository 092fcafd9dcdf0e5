//! The headers that every answer carries.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, header};

use super::Site;

/// Adds what keeps a browser from guessing types, telling others where its user has been, and being
/// framed; and the content security policy, which other people's pages (`--www`) do without.
pub(super) async fn add(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry("cross-origin-resource-policy").or_insert(HeaderValue::from_static("same-origin"));
    // Files say for themselves how long they are good for. Everything else is so for the moment, and for one person.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if site.config.www.is_none() {
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
        headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
        let policy = content_security_policy(&site, host.as_deref());
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    response
}

/// Nothing but our own files, and wasm. Sockets are named outright: not every browser takes
/// `'self'` to cover them.
fn content_security_policy(site: &Site, host: Option<&str>) -> String {
    let scheme = if site.origins.is_secure() { "wss" } else { "ws" };
    // Only a host that is ours by configuration may write into a header of ours.
    let socket = match host.filter(|host| site.origins.knows_host(host)) {
        Some(host) => format!(" {scheme}://{host}"),
        None => String::new(),
    };
    let others: String = site.targets.iter().map(|target| format!(" {}", target.origin())).collect();
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         font-src 'self'; media-src 'self' blob:; connect-src 'self'{socket}{others}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// What our pages may ask their user for: what calls need.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
     fullscreen=(self), geolocation=(), payment=(), usb=(), serial=(), midi=()";
