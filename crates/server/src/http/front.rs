//! The front door: what happens to every request, also to those that reach no endpoint.
//!
//! Order: request id and address, path rewriting, rate per address, router (panics caught), security headers, log, metrics.

use super::call::Arrival;
use super::client::{Hop, Peer, client};
use super::error::Error;
use super::output::Output as _;
use super::registry::Endpoint;
use crate::app::App;
use crate::obs;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use futures_util::FutureExt as _;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Response, header};
use ostler_model::RequestId;
use ostler_model::authz::{ActorKind, Origin};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tower::ServiceExt as _;

/// Left in an answer by the pipeline, for log and metrics.
#[derive(Clone)]
pub(super) struct Matched {
    pub endpoint: Arc<Endpoint>,
}

/// Left in an answer by the pipeline: who it was.
#[derive(Clone, Copy)]
pub(super) struct ActorLabel(pub ActorKind);

/// Answers one request.
pub async fn handle(app: &App, router: &Router, mut request: Request) -> Response<Body> {
    let began = app.clock.instant();
    let request_id = request_id(app, request.headers());
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    let trusted = &app.config.trusted_proxies;
    let hop = request.extensions().get::<Hop>();
    let is_proxy = hop.map_or_else(|| trusted.iter().any(|proxy| proxy.is_at(peer)), |hop| hop.is_proxy);
    let (address, is_secure) = client(peer, is_proxy, request.headers(), trusted);
    let is_secure = is_secure || app.config.is_public_over_tls();
    let origin = Arc::new(Origin {
        request_id: Some(request_id),
        address: Some(address.to_string()),
        user_agent: text(request.headers(), &header::USER_AGENT, 200),
    });
    let worker = crate::matches::by_worker(&mut request);
    request.extensions_mut().insert(Arrival { request_id, origin, client: address, is_secure, worker });
    rewrite(&mut request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // The reference of the API is a page of the panel, also when it is asked for directly.
    let is_api = path.starts_with("/api/") && !crate::panel::is_docs(&path);

    let standing = app.rates.address(address);
    let refused = standing.and_then(|standing| standing.retry_after);
    let mut response = match refused {
        Some(retry_after) => Error::TooMany { retry_after }.respond(request_id),
        None if path == "/metrics" && app.config.metrics_on_loopback && address.is_loopback() => {
            obs::metrics::text(app).respond()
        }
        None if app.matches.hides(&path) => nothing(),
        None => match AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => Error::Internal(anyhow::anyhow!("panic: {}", told(panic.as_ref()))).respond(request_id),
        },
    };
    // A key's own limit is what its user has to know about.
    if let Some(standing) = standing
        && !response.headers().contains_key("ratelimit-limit")
    {
        standing.write(response.headers_mut());
    }
    dress(response.headers_mut(), request_id, is_api, is_secure);
    let endpoint = response.extensions_mut().remove::<Matched>().map(|matched| matched.endpoint);
    let actor = response.extensions_mut().remove::<ActorLabel>();
    let took = app.clock.instant().saturating_duration_since(began);
    obs::request(&obs::Request {
        id: request_id,
        method: &method,
        path: &path,
        endpoint: endpoint.as_deref(),
        actor: actor.map(|actor| actor.0),
        address,
        status: response.status(),
        took,
    });
    response
}

/// As if there were nothing at this path, and no platform either.
fn nothing() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::NOT_FOUND;
    response
}

/// An id that a client sends is kept when it is one of ours in form, so that it can be followed through both logs.
fn request_id(app: &App, headers: &HeaderMap) -> RequestId {
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    given.unwrap_or_else(|| app.ids.next())
}

/// `/api/<x>` is `/api/v1/<x>`: the paths of the sources that had no versions yet.
fn rewrite(request: &mut Request) {
    let path = request.uri().path();
    let Some(rest) = path.strip_prefix("/api/") else { return };
    if rest == "v1" || rest.starts_with("v1/") {
        return;
    }
    let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    let Ok(target) = PathAndQuery::try_from(format!("/api/v1/{rest}{query}")) else { return };
    point(request, target);
}

/// Lets a request lead elsewhere.
pub(crate) fn point(request: &mut Request, target: PathAndQuery) {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// The panel loads nothing from elsewhere and runs no script that is not a file of its own.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
/// Nothing of the API's is a document.
const CSP_API: &str = "default-src 'none'; frame-ancestors 'none'";

fn dress(headers: &mut HeaderMap, request_id: RequestId, is_api: bool, is_secure: bool) {
    if let Ok(id) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(if is_api { CSP_API } else { CSP }));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

fn text(headers: &HeaderMap, name: &header::HeaderName, most: usize) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.chars().filter(|c| !c.is_control()).take(most).collect())
}

fn told(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
