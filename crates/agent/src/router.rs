//! What the control plane may ask over the link.
//!
//! Only resources, numbers and ids. Every stream holds a position and takes the latest from it, so a reader who stalls costs
//! nothing but his own connection's window.

use crate::agent::Agent;
use crate::driver::Meter;
use crate::limits;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{connect, get, post, put};
use futures_util::{Stream, StreamExt as _, stream};
use http::{StatusCode, header};
use ostler_model::WorkloadId;
use ostler_wire::console::{ConsoleCommand, ConsoleStream};
use ostler_wire::link::{Hello, Observation, Want};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// The routes of `wire::link`.
pub fn router(agent: Agent) -> Router {
    Router::new()
        .route("/hello", post(hello))
        .route("/health", get(async || StatusCode::OK))
        .route("/ready", get(async || StatusCode::OK))
        .route("/status", get(async |State(agent): State<Agent>| axum::Json(agent.status())))
        .route("/desired", put(desired).layer(DefaultBodyLimit::max(limits::SNAPSHOT_BYTES)))
        .route("/observed", get(observed))
        .route("/stats", get(node_stats))
        .route("/workloads/{id}/stats", get(workload_stats))
        .route("/workloads/{id}/console", get(console).post(command))
        .route("/workloads/{id}/ports/{port}", connect(crate::forward::forward))
        .with_state(agent)
}

/// Reads a body without minding fields that this build does not know.
#[allow(clippy::result_large_err, reason = "the refusal is returned as it is, once, by the handler")]
fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|e| (StatusCode::BAD_REQUEST, e.to_string()).into_response())
}

fn no_such_workload() -> Response {
    (StatusCode::NOT_FOUND, "no such workload is here").into_response()
}

async fn hello(State(agent): State<Agent>, body: Bytes) -> Result<Response, Response> {
    let hello: Hello = read(&body)?;
    let me = crate::link::Me {
        facts: agent.facts(),
        desired_seq: agent.supervisor().desired_seq(),
        agent_boot: agent.0.boot.clone(),
    };
    match crate::link::hello(&agent.0.member, &hello, me) {
        Ok(answer) => Ok(axum::Json(answer).into_response()),
        Err(why) => Err((StatusCode::CONFLICT, why).into_response()),
    }
}

async fn desired(State(agent): State<Agent>, body: Bytes) -> Result<Response, Response> {
    let want: Want = read(&body)?;
    match agent.supervisor().put(want).await {
        Ok(answer) => Ok(axum::Json(answer).into_response()),
        Err(e) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("it cannot be stored here: {e}")).into_response()),
    }
}

/// Values as lines of JSON; what is there at once goes out in one piece.
fn lines<T: Serialize>(batches: impl Stream<Item = Vec<T>> + Send + 'static) -> Response {
    let chunks = batches.map(|batch| {
        let mut chunk = Vec::new();
        for value in batch {
            serde_json::to_writer(&mut chunk, &value).expect("wire types are plain data that JSON can hold");
            chunk.push(b'\n');
        }
        Ok::<_, Infallible>(Bytes::from(chunk))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response()
}

async fn observed(State(agent): State<Agent>) -> Response {
    let newest = agent.supervisor().reports().watch();
    let batches = stream::unfold((agent, newest, 0, true), |(agent, mut newest, position, is_first)| async move {
        newest.mark_unchanged();
        let (mut batch, position) = agent.supervisor().reports().since(position);
        if is_first {
            batch.push(Observation::Synced { seq: agent.supervisor().desired_seq() });
            return Some((batch, (agent, newest, position, false)));
        }
        if !batch.is_empty() {
            return Some((batch, (agent, newest, position, false)));
        }
        let clock = agent.0.clock.clone();
        tokio::select! {
            biased;
            changed = newest.changed() => {
                changed.ok()?;
                let (batch, position) = agent.supervisor().reports().since(position);
                Some((batch, (agent, newest, position, false)))
            }
            () = clock.sleep(limits::BEAT_EVERY) => {
                Some((vec![Observation::Beat { at: clock.now() }], (agent, newest, position, false)))
            }
        }
    });
    lines(batches)
}

async fn node_stats(State(agent): State<Agent>) -> Response {
    let batches = stream::unfold((agent, Meter::default(), true), |(agent, mut meter, is_first)| async move {
        if !is_first {
            agent.0.clock.sleep(limits::STATS_EVERY).await;
        }
        let mut stats = agent.0.drivers.machine.stats(&mut meter).await;
        stats.workloads_running = u32::try_from(agent.supervisor().running()).unwrap_or(u32::MAX);
        Some((vec![stats], (agent, meter, false)))
    });
    lines(batches)
}

async fn workload_stats(State(agent): State<Agent>, Path(id): Path<WorkloadId>) -> Result<Response, Response> {
    agent.supervisor().run_of(id).ok_or_else(no_such_workload)?;
    let batches = stream::unfold((agent, Meter::default(), true), move |(agent, mut meter, is_first)| async move {
        if !is_first {
            agent.0.clock.sleep(limits::STATS_EVERY).await;
        }
        // The stream ends with the workload.
        let mut stats = match agent.supervisor().run_of(id)? {
            Some(run) => run.stats(&mut meter).await,
            None => ostler_wire::stats::WorkloadStats { at: agent.0.clock.now(), ..Default::default() },
        };
        stats.disk_bytes = stats.disk_bytes.or_else(|| agent.supervisor().disk_bytes(id));
        Some((vec![stats], (agent, meter, false)))
    });
    Ok(lines(batches))
}

#[derive(Deserialize)]
struct Position {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    follow: bool,
}

async fn console(
    State(agent): State<Agent>,
    Path(id): Path<WorkloadId>,
    Query(Position { after, follow }): Query<Position>,
) -> Result<Response, Response> {
    let console = agent.supervisor().console(id).ok_or_else(no_such_workload)?;
    let newest = console.watch();
    // The position may be of a former life of this console: numbers from then must not hide what is new.
    let after = after.min(console.last_seq());
    let batches = stream::unfold((console, newest, after), move |(console, mut newest, after)| async move {
        loop {
            newest.mark_unchanged();
            let page = console.page(after, limits::CONSOLE_BATCH);
            if let Some(last) = page.lines.last() {
                let after = last.seq;
                return Some((page.lines, (console, newest, after)));
            }
            if !follow {
                return None;
            }
            newest.changed().await.ok()?;
        }
    });
    Ok(lines(batches))
}

async fn command(State(agent): State<Agent>, Path(id): Path<WorkloadId>, body: Bytes) -> Result<StatusCode, Response> {
    let ConsoleCommand { command } = read(&body)?;
    if command.is_empty() || command.len() > limits::COMMAND_BYTES || command.contains(['\n', '\r', '\0']) {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "a command is one line of 1 to 4096 bytes").into_response());
    }
    let run = agent.supervisor().run_of(id).ok_or_else(no_such_workload)?;
    let Some(run) = run else { return Err((StatusCode::CONFLICT, "it is not running").into_response()) };
    match agent.0.clock.timeout(limits::STOP_CALL, run.input(&command)).await {
        Some(Ok(())) => {
            if let Some(console) = agent.supervisor().console(id) {
                console.push(ConsoleStream::In, &command);
            }
            Ok(StatusCode::NO_CONTENT)
        }
        Some(Err(message)) => Err((StatusCode::CONFLICT, message).into_response()),
        None => Err((StatusCode::CONFLICT, "it does not read its input").into_response()),
    }
}
