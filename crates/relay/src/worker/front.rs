//! The one door to the workers of a process: `/wN/…` to worker N, everything else to the owner of the match it names.

use super::Worker;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use ostler_model::matches::{GameId, owner};
use std::sync::Arc;
use tower::ServiceExt as _;

/// One router for all workers of a process: the whole set in order of their index, or one of them alone, which says itself
/// what it does not own. With some of them, a match whose owner is not there would look as if it did not exist.
pub fn front(workers: Vec<Worker>) -> Router {
    let mut router = Router::new();
    for worker in &workers {
        router = router.nest(&format!("/w{}", worker.0.config.index), worker.router());
    }
    let workers = Arc::new(workers);
    router.fallback(move |request: Request| elsewhere(workers.clone(), request))
}

async fn elsewhere(workers: Arc<Vec<Worker>>, request: Request) -> Response {
    let Some(worker) = choose(&workers, request.uri().path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match worker.router().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The owner of the match that the path names; where it names none, the worker with the least to do.
fn choose<'a>(workers: &'a [Worker], path: &str) -> Option<&'a Worker> {
    if let [only] = workers {
        return Some(only);
    }
    let count = u32::try_from(workers.len()).ok()?;
    match named(path) {
        Some(id) => workers.get(owner(id, count) as usize),
        None => workers.iter().min_by_key(|worker| worker.load()),
    }
}

/// The id after the word that it belongs to. Other words may look like ids: `adminbot` has eight letters, too.
fn named(path: &str) -> Option<GameId> {
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().rposition(|part| ["game", "archive", "matches"].contains(part))?;
    parts.get(at + 1)?.parse().ok()
}
