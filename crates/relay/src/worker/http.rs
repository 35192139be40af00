//! The worker's HTTP: sockets, game info, and the trusted bot's routes.

use super::socket::{Purpose, Trusted, accept};
use super::{NewMatch, Worker, WorkerError};
use crate::engine::IntentActor;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use ostler_model::Millis;
use ostler_model::matches::{GameId, owner};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The largest body of the bot's.
const BODY_BYTES: usize = 64 * 1024;
/// The title of a match whose maker names none.
const TITLE: &str = "openfront";

pub(super) fn router(worker: Worker) -> Router {
    let bot = Router::new()
        .route("/create_game", post(create))
        .route("/game/{id}", get(info).delete(end))
        .route("/game/{id}/intent", post(intent))
        .route("/game/{id}/stats", get(stats))
        .route("/games", get(games))
        .route("/archive", get(archives))
        .route("/archive/{id}", get(archive))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(worker.clone(), require_bot));
    Router::new()
        .route("/", get(play))
        .route("/api/game/{id}", get(info))
        .route("/api/v1/matches/{id}/socket", get(panel_socket))
        .nest("/api/adminbot", bot)
        .with_state(worker)
}

/// Without a configured key these routes do not exist: 404 and no body. A missing or wrong key is 401.
async fn require_bot(State(worker): State<Worker>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let Some(key) = &worker.0.config.admin_bot_key else { return StatusCode::NOT_FOUND.into_response() };
    let given = headers.get("x-admin-bot-key").map(|value| value.as_bytes()).unwrap_or_default();
    // Digests have one length, so the comparison tells nothing about the key's.
    let is_right: bool = Sha256::digest(given).ct_eq(&Sha256::digest(key.reveal().as_bytes())).into();
    if !is_right || given.is_empty() {
        return refuse(401, "unauthorized", "The header x-admin-bot-key is missing or wrong.");
    }
    next.run(request).await
}

fn refuse(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({"error": code, "message": message}))).into_response()
}

fn not_found() -> Response {
    refuse(404, "not_found", "There is no such match here.")
}

impl IntoResponse for WorkerError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        match self {
            WorkerError::Config(_) => refuse(400, "invalid_config", &text),
            WorkerError::OnlyPrivate => refuse(400, "only_private", &text),
            WorkerError::Title(_) => refuse(400, "unknown_title", &text),
            WorkerError::Busy => refuse(503, "busy", &text),
            WorkerError::Disk(error) => {
                tracing::error!("the worker's folder failed: {error}");
                refuse(500, "internal", "The worker could not do that.")
            }
        }
    }
}

/// The id in the path, if it is one and this worker owns it.
fn owned(worker: &Worker, id: &str) -> Result<GameId, Box<Response>> {
    let id = id.parse::<GameId>().map_err(|error| Box::new(refuse(400, "invalid_id", &error.to_string())))?;
    if owner(id, worker.0.config.count) != worker.0.config.index {
        return Err(Box::new(refuse(400, "wrong_worker", "Another worker owns this match.")));
    }
    Ok(id)
}

type Body = Result<Json<Map<String, Value>>, JsonRejection>;

fn body(read: Body) -> Result<Map<String, Value>, Box<Response>> {
    read.map(|Json(map)| map).map_err(|error| {
        let status = if error.status() == StatusCode::PAYLOAD_TOO_LARGE { 413 } else { 400 };
        Box::new(refuse(status, "invalid_body", "The body must be a JSON object."))
    })
}

#[derive(serde::Deserialize)]
struct Made {
    title: Option<String>,
}

async fn create(State(worker): State<Worker>, Query(made): Query<Made>, config: Body) -> Response {
    let config = match body(config) {
        Ok(config) => config,
        Err(refusal) => return *refusal,
    };
    let title = made.title.unwrap_or_else(|| TITLE.to_owned());
    let new = NewMatch { title, config, creator_token: None, starts_at: None, may_be_public: false };
    match worker.create(new) {
        Ok(created) => Json(created).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn intent(State(worker): State<Worker>, Path(id): Path<String>, intent: Body) -> Response {
    let id = match owned(&worker, &id) {
        Ok(id) => id,
        Err(refusal) => return *refusal,
    };
    let intent = match body(intent) {
        Ok(intent) => intent,
        Err(refusal) => return *refusal,
    };
    match worker.intent(id, &intent, IntentActor::BOT) {
        None => not_found(),
        Some(outcome) if outcome.status != 200 => {
            let (code, message) = match outcome.error.as_deref() {
                // Most refusals need no more words than their code has in the one table.
                Some(text) => text.split_once(": ").unwrap_or_else(|| {
                    (text, ostler_wire::code::find(text).map_or("The match refused this.", |code| code.when))
                }),
                None => ("refused", "The match refused this."),
            };
            refuse(outcome.status, code, message)
        }
        Some(_) => worker.info(id).map_or_else(not_found, |info| Json(info).into_response()),
    }
}

async fn info(State(worker): State<Worker>, Path(id): Path<String>) -> Response {
    match owned(&worker, &id) {
        Ok(id) => worker.info(id).map_or_else(not_found, |info| Json(info).into_response()),
        Err(refusal) => *refusal,
    }
}

async fn stats(State(worker): State<Worker>, Path(id): Path<String>) -> Response {
    match owned(&worker, &id) {
        Ok(id) => worker.stats(id).map_or_else(not_found, |stats| Json(stats).into_response()),
        Err(refusal) => *refusal,
    }
}

async fn end(State(worker): State<Worker>, Path(id): Path<String>) -> Response {
    match owned(&worker, &id) {
        Ok(id) if worker.end(id) => StatusCode::NO_CONTENT.into_response(),
        Ok(_) => not_found(),
        Err(refusal) => *refusal,
    }
}

/// Every match here, for the platform in front.
async fn games(State(worker): State<Worker>) -> Response {
    let each = |(info, title, phase)| json!({"info": info, "title": title, "phase": phase});
    let items: Vec<Value> = worker.list().into_iter().map(each).collect();
    Json(json!({ "items": items, "takes_new": worker.takes_new() })).into_response()
}

async fn archives(State(worker): State<Worker>) -> Response {
    match worker.archives(200).await {
        Ok(ids) => Json(json!({"items": ids, "next_cursor": null})).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn archive(State(worker): State<Worker>, Path(id): Path<String>) -> Response {
    let id = match owned(&worker, &id) {
        Ok(id) => id,
        Err(refusal) => return *refusal,
    };
    match worker.archive(id).await {
        Ok(Some(archive)) => Json(archive).into_response(),
        Ok(None) => not_found(),
        Err(error) => error.into_response(),
    }
}

/// `/wN`: a player's socket. The first frame says which match.
async fn play(State(worker): State<Worker>, trusted: Option<Extension<Trusted>>, request: Request) -> Response {
    accept(worker, request, trusted.map(|Extension(trusted)| trusted).unwrap_or_default(), Purpose::Play)
}

#[derive(serde::Deserialize)]
struct Watching {
    /// A person who watches says so; everybody else joins in the first frame.
    #[serde(default)]
    watch: bool,
    #[serde(default)]
    from: u64,
    /// Time between the turns of an archived match.
    pace_ms: Option<u64>,
}

/// The panel's socket: the same frames; with `?watch=true` a spectator, and of an archived match a replay.
async fn panel_socket(
    State(worker): State<Worker>,
    Path(id): Path<String>,
    Query(watching): Query<Watching>,
    trusted: Option<Extension<Trusted>>,
    request: Request,
) -> Response {
    let id = match owned(&worker, &id) {
        Ok(id) => id,
        Err(refusal) => return *refusal,
    };
    let pace = Millis(watching.pace_ms.unwrap_or(100).min(10_000));
    let purpose = if watching.watch { Purpose::Watch { id, from: watching.from, pace } } else { Purpose::Play };
    accept(worker, request, trusted.map(|Extension(trusted)| trusted).unwrap_or_default(), purpose)
}
