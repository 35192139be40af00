//! Asking a worker, and what its answers mean here.

use super::door::Door;
use crate::app::App;
use crate::http::{Error, Result};
use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use ostler_model::Millis;
use ostler_model::matches::GameId;
use ostler_wire::code;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A worker answers from memory; one that has not by then is stuck.
const TIME: Millis = Millis::secs(10);
/// The largest answer that is read whole. A list of all matches of a full worker is a tenth of it.
const BYTES: usize = 16 << 20;

/// The worker that hosts this match. It may be on its way up.
pub(super) fn door(app: &App, index: u32) -> Result<Door> {
    app.matches.door(index).ok_or_else(away)
}

/// No worker, or none that answers.
pub(super) fn away() -> Error {
    Error::Unavailable { message: "the match's worker is not there now".to_owned(), retry_after: Millis::secs(2) }
}

/// Asks and reads the whole answer.
pub(super) async fn ask<T: DeserializeOwned>(
    app: &App,
    door: &Door,
    method: Method,
    path: &str,
    body: Option<&Map<String, Value>>,
) -> Result<T> {
    whole(app, send(app, door, method, path, body).await?).await
}

/// Reads an answer whole.
pub(super) async fn whole<T: DeserializeOwned>(app: &App, response: Response<Body>) -> Result<T> {
    let status = response.status();
    let read = Limited::new(response.into_body(), BYTES).collect();
    let bytes = app.clock.timeout(TIME, read).await.ok_or_else(away)?.map_err(|_| away())?.to_bytes();
    if status.is_success() {
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        return serde_json::from_slice(text)
            .map_err(|error| Error::Internal(anyhow::anyhow!("a match worker's answer cannot be read: {error}")));
    }
    Err(refusal(status, &bytes))
}

/// Asks and leaves the answer's body to be read by somebody else.
pub(super) async fn send(
    app: &App,
    door: &Door,
    method: Method,
    path: &str,
    body: Option<&Map<String, Value>>,
) -> Result<Response<Body>> {
    let request = Request::builder().method(method).uri(format!("/api/adminbot{path}"));
    let request = match body {
        Some(body) => {
            let text = serde_json::to_string(body).map_err(|error| Error::Internal(error.into()))?;
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(text))
        }
        None => request.body(Body::empty()),
    };
    let request = request.map_err(|error| Error::Internal(error.into()))?;
    app.clock.timeout(TIME, door.as_platform(request)).await.ok_or_else(away)?
}

/// The worker's refusal, in the API's words.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = body["error"].as_str().unwrap_or_default();
    let known = code::find(said).filter(|code| code.statuses.contains(&status.as_u16()));
    let (code, when) = known.map_or(("refused", "The match refused this."), |code| (code.name, code.when));
    let message = body["message"].as_str().unwrap_or(when).chars().take(500).collect();
    match status {
        StatusCode::NOT_FOUND if code != "unknown_target" => Error::NotFound,
        StatusCode::UNAUTHORIZED => Error::Internal(anyhow::anyhow!("a match worker refused the platform's own key")),
        StatusCode::SERVICE_UNAVAILABLE => Error::Unavailable { message, retry_after: Millis::secs(5) },
        status if status.is_client_error() => Error::Worker { status, code, message },
        status => Error::Internal(anyhow::anyhow!("a match worker answered {status}: {message}")),
    }
}

/// One intent, by the platform.
pub(super) async fn intent<T: DeserializeOwned>(
    app: &App,
    worker: u32,
    id: GameId,
    intent: &Map<String, Value>,
) -> Result<T> {
    let told = ask(app, &door(app, worker)?, Method::POST, &format!("/game/{id}/intent"), Some(intent)).await?;
    app.matches.changed.notify_one();
    Ok(told)
}
