//! What operators and their machines ask: does it live, may it be sent people, how does it fare.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::{Site, error};
use crate::metrics as names;

/// `GET /healthz`: the process lives and answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it would serve whoever came now. A server that is stopping would not, nor one that cannot store.
pub(super) async fn readyz(State(site): State<Arc<Site>>) -> Response {
    if site.is_stopping.load(Ordering::Relaxed) {
        return error::plain(StatusCode::SERVICE_UNAVAILABLE, "this server is stopping");
    }
    match site.services.store.check().await {
        Ok(()) => error::plain(StatusCode::OK, "ready"),
        Err(_) => error::plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not take anything"),
    }
}

impl Site {
    /// Counts an answer.
    pub(super) fn count(&self, status: u16) {
        let status = status.to_string();
        self.metrics.counter(names::HTTP_REQUESTS, &[("status", &status)]).increment(1);
    }
}

/// `GET /metrics`, in Prometheus's text format.
pub(super) async fn metrics(State(site): State<Arc<Site>>) -> Response {
    site.metrics.note_store(site.services.store.figures());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], site.metrics.render()).into_response()
}
