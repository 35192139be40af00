//! One link from the server's side: HTTP/2 client on a connection that an agent dialled.

use super::error::FleetError;
use axum::body::Body;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use ostler_model::{InstallationId, NodeId};
use ostler_runtime::{Clock, HttpSpawn, HttpTimer, Spawn, Task};
use ostler_wire::link::{Hello, HelloAnswer, PROTOCOL, PROTOCOL_OLDEST, tuning};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// The longest answer that is read whole.
pub(super) const ANSWER_MOST: usize = 8 << 20;

/// A link whose agent has introduced itself.
pub(super) struct Link {
    pub id: u64,
    pub node: NodeId,
    pub sender: SendRequest<Body>,
    pub answer: HelloAnswer,
    pub task: Task,
    /// Set once the connection has ended.
    pub ended: CancellationToken,
}

/// Speaks HTTP/2 on a new connection and says hello.
pub(super) async fn open(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    id: u64,
    (node, installation): (NodeId, InstallationId),
    (clock, spawn): (&Clock, &Spawn),
) -> Result<Link, String> {
    let handshake = Builder::new(HttpSpawn::new(spawn.clone()))
        .timer(HttpTimer::new(clock.clone()))
        .keep_alive_interval(tuning::PING_EVERY.std())
        .keep_alive_timeout(tuning::PING_TIMEOUT.std())
        .keep_alive_while_idle(true)
        .initial_stream_window_size(tuning::STREAM_WINDOW)
        .initial_connection_window_size(tuning::CONNECTION_WINDOW)
        .max_frame_size(tuning::FRAME_MOST)
        .max_send_buf_size(tuning::SEND_BUFFER)
        .handshake(TokioIo::new(io))
        .await;
    let (mut sender, connection) = handshake.map_err(|e| format!("HTTP/2 did not begin: {e}"))?;
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    let task = spawn.spawn("link", async move {
        let _ended = guard;
        if let Err(error) = connection.await {
            tracing::debug!(link = id, %error, "a link broke");
        }
    });
    let greeting = greet(&mut sender, node, installation, clock);
    match clock.timeout(tuning::HELLO_LIMIT, greeting).await {
        Some(Ok(answer)) => Ok(Link { id, node, sender, answer, task, ended }),
        Some(Err(why)) => Err(give_up(task, why)),
        None => Err(give_up(task, "the agent did not answer the hello in time".to_owned())),
    }
}

fn give_up(task: Task, why: String) -> String {
    task.stop();
    why
}

async fn greet(
    sender: &mut SendRequest<Body>,
    node: NodeId,
    installation: InstallationId,
    clock: &Clock,
) -> Result<HelloAnswer, String> {
    let hello = Hello {
        installation,
        node,
        newest: PROTOCOL,
        oldest: PROTOCOL_OLDEST,
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        now: clock.now(),
    };
    let request = json_request(http::Method::POST, "/hello", &hello);
    let response =
        sender.send_request(addressed(request)?).await.map_err(|e| format!("the hello was not sent: {e}"))?;
    let answer: HelloAnswer = read_json(node, response).await.map_err(|e| e.to_string())?;
    if !(PROTOCOL_OLDEST..=PROTOCOL).contains(&answer.protocol) {
        return Err(format!(
            "the agent chose protocol {}, this server speaks {PROTOCOL_OLDEST} to {PROTOCOL}",
            answer.protocol
        ));
    }
    Ok(answer)
}

/// A request with a JSON body.
pub(super) fn json_request(method: http::Method, path: &str, body: &impl Serialize) -> Request<Body> {
    let bytes = serde_json::to_vec(body).expect("what is sent to agents is plain data that JSON can hold");
    Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(bytes))
        .expect("paths to agents are made of valid characters")
}

/// HTTP/2 needs a scheme and an authority; on a link both mean nothing.
pub(super) fn addressed<B>(mut request: Request<B>) -> Result<Request<B>, String> {
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority("node")
        .path_and_query(path)
        .build()
        .map_err(|e| format!("the path cannot be sent: {e}"))?;
    Ok(request)
}

/// The whole body of a good answer.
pub(super) async fn read_bytes(node: NodeId, response: Response<Incoming>) -> Result<bytes::Bytes, FleetError> {
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_MOST).collect().await;
    let bytes = body.map_err(|e| FleetError::Cut { node, why: e.to_string() })?.to_bytes();
    if status.is_success() {
        return Ok(bytes);
    }
    Err(refused(node, status, &bytes))
}

pub(super) fn refused(node: NodeId, status: StatusCode, bytes: &[u8]) -> FleetError {
    let message = match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(serde_json::Value::Object(fields)) if fields.get("message").is_some_and(serde_json::Value::is_string) => {
            fields.get("message").and_then(|m| m.as_str()).unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(bytes.get(..bytes.len().min(500)).unwrap_or_default()).into_owned(),
    };
    FleetError::Refused { node, status, message }
}

/// The whole body of a good answer, as JSON.
pub(super) async fn read_json<T: serde::de::DeserializeOwned>(
    node: NodeId,
    response: Response<Incoming>,
) -> Result<T, FleetError> {
    let bytes = read_bytes(node, response).await?;
    serde_json::from_slice(&bytes).map_err(|e| FleetError::Unreadable { node, why: e.to_string() })
}
