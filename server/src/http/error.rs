//! Answers that are not what was asked for: a short reason for people, no more.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// A status with a short reason.
pub(super) fn plain(status: StatusCode, reason: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{reason}\n")).into_response()
}

/// 404, with a hint where the cause is known.
pub(super) fn not_found(path: &str) -> Response {
    if path.starts_with("/pkg/") {
        return plain(StatusCode::NOT_FOUND, "the wasm module is not built: run `make wasm`");
    }
    plain(StatusCode::NOT_FOUND, "there is nothing here")
}

/// 308 to a path of our own.
pub(super) fn redirect(location: &str) -> Response {
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "it is over there");
    match HeaderValue::from_str(location) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Err(_) => not_found(location),
    }
}
