//! What operators see: one line and one measurement per request. Names of fields and metrics are constants here.

mod api;
pub(crate) mod metrics;
mod registry;

use crate::http::{Access, Endpoint};
use http::{Method, StatusCode};
use ostler_model::RequestId;
use ostler_model::authz::ActorKind;
use std::net::IpAddr;
use std::time::Duration;

pub use api::routes;
pub use registry::markdown;

/// One answered request.
pub struct Request<'a> {
    pub id: RequestId,
    pub method: &'a Method,
    pub path: &'a str,
    /// Absent when no endpoint was reached.
    pub endpoint: Option<&'a Endpoint>,
    pub actor: Option<ActorKind>,
    pub address: IpAddr,
    pub status: StatusCode,
    pub took: Duration,
}

/// Counts a hash of a password.
pub fn hashed(took: Duration) {
    ::metrics::histogram!(registry::HASH_SECONDS).record(took.as_secs_f64());
}

/// Logs and counts a request. The path's pattern is the label, never the path: ids must not become time series.
pub fn request(request: &Request<'_>) {
    let route = request.endpoint.map_or("none", |endpoint| endpoint.path.as_str()).to_owned();
    let status = request.status.as_u16();
    ::metrics::counter!(registry::REQUESTS, "method" => request.method.as_str().to_owned(), "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    ::metrics::histogram!(registry::REQUEST_SECONDS, "route" => route).record(request.took.as_secs_f64());
    let actor = request.actor.and_then(|actor| actor.id()).unwrap_or_default();
    let ms = request.took.as_secs_f64() * 1000.0;
    // A secret in the path is worth a password; the pattern says enough.
    let secret = request.endpoint.filter(|e| e.access == Access::Public && e.params().any(|name| name == "token"));
    let path = secret.map_or(request.path, |endpoint| endpoint.path.as_str());
    tracing::debug!(
        request.id = %request.id, method = %request.method, path, status, actor, address = %request.address, ms,
        "answered"
    );
}
