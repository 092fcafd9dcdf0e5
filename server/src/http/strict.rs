//! What hyper lets through and we do not.
//!
//! hyper answers malformed heads by itself. It does not ask for a `Host`, though, takes two of them,
//! and leaves a `Content-Length` beside a `Transfer-Encoding` to whoever comes after it: the stuff
//! that request smuggling is made of (RFC 9112, 3.2 and 6.1).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};

use super::{Serves, Site, error};
use crate::auth::host_of;

/// Refuses with 400 what is ambiguous, with 413 what is too long, with 421 pages of the inspector
/// under a name that is not ours, and with 403 what a foreign page sends to change something.
pub(super) async fn check(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match judge(&site, &request) {
        Ok(()) => next.run(request).await,
        Err((status, reason)) => error::plain(status, reason),
    }
}

fn judge(site: &Site, request: &Request) -> Result<(), (StatusCode, &'static str)> {
    let headers = request.headers();
    let host = the_host(headers, request.version())?;
    let length = the_length(headers)?;
    if length.is_some_and(|length| length > site.config.body_max as u64) {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
    }
    if request.uri().path().len() > URI_MAX {
        return Err((StatusCode::URI_TOO_LONG, "the address is too long"));
    }
    let path = request.uri().path();
    let is_inspector = site.serves == Serves::Inspector || path == "/inspector" || path.starts_with("/inspect");
    if is_inspector && !host.is_none_or(|host| site.origins.knows_host(host)) {
        let reason =
            "the inspector answers under an IP address, localhost, or a name given by --allow-host or --public-url";
        return Err((StatusCode::MISDIRECTED_REQUEST, reason));
    }
    if !request.method().is_safe() {
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        if !site.origins.admits(origin, host) {
            return Err((StatusCode::FORBIDDEN, "the request comes from a foreign page"));
        }
    }
    Ok(())
}

/// Exactly one valid `Host`; HTTP/1.0 may do without.
fn the_host(headers: &HeaderMap, version: Version) -> Result<Option<&str>, (StatusCode, &'static str)> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (None, None) if version < Version::HTTP_11 => Ok(None),
        (Some(Ok(host)), None) if host_of(host).is_some() => Ok(Some(host)),
        _ => Err((StatusCode::BAD_REQUEST, "there must be exactly one valid Host header")),
    }
}

fn the_length(headers: &HeaderMap) -> Result<Option<u64>, (StatusCode, &'static str)> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = match (lengths.next(), lengths.next()) {
        (None, None) => None,
        (Some(length), None) => {
            let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            Some(digits.and_then(|digits| digits.parse().ok()).ok_or((StatusCode::BAD_REQUEST, "bad Content-Length"))?)
        }
        _ => return Err((StatusCode::BAD_REQUEST, "there must be at most one Content-Length")),
    };
    if length.is_some() && headers.contains_key(header::TRANSFER_ENCODING) {
        return Err((StatusCode::BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other"));
    }
    Ok(length)
}

/// Longer than any address of ours.
const URI_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::config::Config;

    /// The status that a request with these headers gets, 200 if none of ours.
    fn judged(method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let config = Config { in_memory: true, ..Config::default() };
        let services = crate::http::Services::open(&config).unwrap();
        let site = Site::new(config, services).unwrap();
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        judge(&site, &request.body(Body::empty()).unwrap()).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn there_is_exactly_one_valid_host() {
        assert_eq!(judged("GET", "/", &[("host", "a")]), 200);
        assert_eq!(judged("GET", "/", &[]), 400);
        assert_eq!(judged("GET", "/", &[("host", "a"), ("host", "a")]), 400);
        assert_eq!(judged("GET", "/", &[("host", "a b")]), 400);
        assert_eq!(judged("GET", "/", &[("host", "user@a")]), 400);
    }

    #[test]
    fn the_length_is_said_once_if_at_all() {
        let host = ("host", "localhost");
        assert_eq!(judged("GET", "/", &[host, ("content-length", "0")]), 200);
        assert_eq!(judged("GET", "/", &[host, ("content-length", "+0")]), 400);
        assert_eq!(judged("GET", "/", &[host, ("content-length", "0"), ("content-length", "0")]), 400);
        assert_eq!(judged("GET", "/", &[host, ("content-length", "0"), ("transfer-encoding", "chunked")]), 400);
        assert_eq!(judged("POST", "/", &[host, ("content-length", "65537")]), 413);
    }

    #[test]
    fn the_inspector_shows_itself_under_names_that_are_ours_alone() {
        assert_eq!(judged("GET", "/inspector", &[("host", "127.0.0.1:8080")]), 200);
        assert_eq!(judged("GET", "/inspector", &[("host", "attacker.example")]), 421);
        assert_eq!(judged("GET", "/", &[("host", "attacker.example")]), 200);
    }

    #[test]
    fn foreign_pages_change_nothing() {
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(judged("POST", "/login", &[host, ("origin", "http://127.0.0.1:8080")]), 200);
        assert_eq!(judged("POST", "/login", &[host, ("origin", "http://evil.example")]), 403);
        assert_eq!(judged("POST", "/login", &[host, ("origin", "null")]), 403);
        assert_eq!(judged("POST", "/login", &[host]), 200);
    }
}
