//! What is counted, for `/metrics`. Each server counts for itself, also when several run in one process: nothing here is
//! global, and what counts holds its counter.

use std::fmt;
use std::sync::atomic::Ordering;

use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::store::Figures;

/// Where counters come from, and where they can be read.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        for (name, what) in COUNTERS {
            recorder.describe_counter(KeyName::from_const_str(name), None, (*what).into());
        }
        for (name, what) in GAUGES {
            recorder.describe_gauge(KeyName::from_const_str(name), None, (*what).into());
        }
        Self { recorder, handle }
    }

    /// The counter by this name and labels.
    pub(crate) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    /// The gauge by this name and labels.
    pub(crate) fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// Takes over what the store has counted.
    pub(crate) fn note_store(&self, figures: &Figures) {
        for (name, figure) in [
            (STORE_COMMITS, &figures.commits),
            (STORE_FAILURES, &figures.failures),
            (STORE_WRITES, &figures.writes),
            (STORE_MICROSECONDS, &figures.busy),
        ] {
            self.counter(name, &[]).absolute(figure.load(Ordering::Relaxed));
        }
    }

    /// All of it in Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }
}

/// What is counted of one endpoint's connections. The default counts nothing.
pub(crate) struct Meter {
    open: Gauge,
    messages: Counter,
    opened: Counter,
}

impl Meter {
    pub(crate) fn new(metrics: &Metrics, endpoint: &str) -> Self {
        let labels = [("endpoint", endpoint)];
        Self {
            open: metrics.gauge(CONNECTIONS, &labels),
            messages: metrics.counter(MESSAGES, &labels),
            opened: metrics.counter(OPENED, &labels),
        }
    }

    pub(crate) fn opened(&self) {
        self.open.increment(1.0);
        self.opened.increment(1);
    }

    pub(crate) fn closed(&self) {
        self.open.decrement(1.0);
    }

    #[inline]
    pub(crate) fn message(&self) {
        self.messages.increment(1);
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self { open: Gauge::noop(), messages: Counter::noop(), opened: Counter::noop() }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    Key::from_parts(name, labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect::<Vec<_>>())
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

pub(crate) const HTTP_REQUESTS: &str = "framescope_http_requests_total";
pub(crate) const LOGINS: &str = "framescope_logins_total";
pub(crate) const PASSWORD_HASHES: &str = "framescope_password_hashes_total";
pub(crate) const REGISTRATIONS: &str = "framescope_registrations_total";
pub(crate) const SESSIONS_ENDED: &str = "framescope_sessions_ended_total";
const STORE_COMMITS: &str = "framescope_store_commits_total";
const STORE_FAILURES: &str = "framescope_store_failures_total";
const STORE_WRITES: &str = "framescope_store_writes_total";
const STORE_MICROSECONDS: &str = "framescope_store_commit_microseconds_total";
pub(crate) const CONNECTIONS: &str = "framescope_websocket_connections";
pub(crate) const OPENED: &str = "framescope_websocket_opened_total";
pub(crate) const MESSAGES: &str = "framescope_websocket_messages_received_total";

const COUNTERS: &[(&str, &str)] = &[
    (HTTP_REQUESTS, "Requests answered, by status"),
    (LOGINS, "Attempts to sign in, by outcome"),
    (PASSWORD_HASHES, "Password hashes made, to store or to compare"),
    (REGISTRATIONS, "Users registered"),
    (SESSIONS_ENDED, "Sessions that were ended, or ran out while in use"),
    (OPENED, "WebSocket connections opened, by endpoint"),
    (MESSAGES, "Messages received, by endpoint"),
    (STORE_COMMITS, "Transactions that the store has on disk"),
    (STORE_FAILURES, "Transactions that could not be stored"),
    (STORE_WRITES, "What was written in them: messages, strokes, accounts, sessions"),
    (STORE_MICROSECONDS, "How long all of them took, until they were on disk"),
];

const GAUGES: &[(&str, &str)] = &[(CONNECTIONS, "WebSocket connections open now, by endpoint")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_counts_for_itself() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.counter(LOGINS, &[("outcome", "ok")]).increment(2);
        one.gauge(CONNECTIONS, &[("endpoint", "/echo")]).increment(1.0);
        let text = one.render();
        for line in [
            "# TYPE framescope_logins_total counter",
            "framescope_logins_total{outcome=\"ok\"} 2",
            "framescope_websocket_connections{endpoint=\"/echo\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
        assert!(!other.render().contains("outcome"));
    }
}
