//! Measurements: recorded everywhere through the `metrics` crate, rendered here.

use super::registry::{self, JOBS_HELD, NODES_CONNECTED, SECONDS, STORE_IN_FLIGHT, TASKS_ALIVE};
use crate::app::App;
use crate::http::Text;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// The recorder of this process. There is one, however many servers run in it (tests run many).
fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(SECONDS).unwrap_or_default();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if ::metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; /metrics stays empty");
        }
        registry::describe();
        handle
    })
}

/// Begins to record.
pub(crate) fn start() {
    handle();
}

/// Folds what was recorded; called now and then so that memory stays bounded when nobody reads.
pub(crate) fn upkeep() {
    handle().run_upkeep();
}

/// Everything measured so far.
pub(crate) fn text(app: &App) -> Text {
    let count = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    ::metrics::gauge!(NODES_CONNECTED).set(count(app.fleet.online().len()));
    ::metrics::gauge!(TASKS_ALIVE).set(count(app.spawn.alive()));
    ::metrics::gauge!(JOBS_HELD).set(count(app.jobs.held()));
    ::metrics::gauge!(STORE_IN_FLIGHT).set(count(app.store.in_flight()));
    Text { content_type: "text/plain; version=0.0.4", text: handle().render() }
}
