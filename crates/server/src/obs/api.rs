//! Endpoints about the server itself.

use super::metrics;
use crate::app::App;
use crate::http::openapi;
use crate::http::{Allowed, Error, JsonText, Public, Result, Routes, Text, View};
use ostler_model::Millis;
use ostler_model::authz::{Platform, Read};
use ostler_wire::system::{HealthView, ReadyView, VersionView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("platform")
        .get("/health", health)
        .get("/api/v1/health", health)
        .get("/ready", ready)
        .get("/api/v1/ready", ready)
        .get("/api/v1/version", version)
        .get("/metrics", read_metrics)
        .get("/api/v1/openapi.json", document)
        .get("/api/v1/docs-json", document)
}

/// Whether the process answers at all. Touches nothing but the clock.
pub async fn health(app: App, _: Public, _: ()) -> Result<View<HealthView>> {
    Ok(View(HealthView {
        service: "ostler".to_owned(),
        status: "ok".to_owned(),
        timestamp: app.clock.now(),
        started_at: app.started_at,
        boot_id: app.boot,
    }))
}

/// Whether the server can do its work: the database answers, its disk has room, and nobody has asked it to stop. 503 with the
/// reason when not; over by itself when the reason is gone.
pub async fn ready(app: App, _: Public, _: ()) -> Result<View<ReadyView>> {
    let unready = |message: &str| Error::Unavailable { message: message.to_owned(), retry_after: Millis::secs(5) };
    if app.drain.is_cancelled() {
        return Err(unready("the server is stopping"));
    }
    let look = async {
        app.store.ping().await?;
        Ok::<_, ostler_store::StoreError>(app.store.shortage(app.clock.now()).await)
    };
    match app.clock.timeout(Millis::secs(3), Box::pin(look)).await {
        Some(Ok(Some(shortage))) => {
            tracing::error!(%shortage, "the server is not ready");
            Err(unready(&shortage.to_string()))
        }
        Some(Ok(None)) => Ok(View(ReadyView {
            status: "ready".to_owned(),
            database: app.store.backend().to_owned(),
            nodes_connected: u32::try_from(app.fleet.online().len()).unwrap_or(u32::MAX),
        })),
        Some(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            Err(unready("the database does not answer"))
        }
        None => Err(unready("the database does not answer in time")),
    }
}

/// Which version this is.
pub async fn version(_: App, _: Public, _: ()) -> Result<View<VersionView>> {
    Ok(View(VersionView { version: env!("CARGO_PKG_VERSION").to_owned(), api: "v1".to_owned() }))
}

/// Measurements in Prometheus' text format.
///
/// For whoever may read the platform; when the configuration says so, also without credentials from this machine.
pub async fn read_metrics(app: App, _: Allowed<Platform, Read>, _: ()) -> Result<Text> {
    Ok(metrics::text(&app))
}

/// This document: the API as OpenAPI 3.1.
pub async fn document(_: App, _: Public, _: ()) -> Result<JsonText> {
    Ok(JsonText(openapi::text()))
}
