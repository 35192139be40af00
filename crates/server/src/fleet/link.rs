//! One link from the server's side: HTTP/2 client on a connection that an agent dialled.

use super::error::FleetError;
use axum::body::Body;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use ostler_model::bounds::link::{ANSWER_SHORT, REPORT_TEXT};
use ostler_model::node::lease::Boot;
use ostler_model::node::said::cleaned;
use ostler_model::{InstallationId, NodeId};
use ostler_runtime::{Clock, HttpSpawn, HttpTimer, Spawn, Task};
use ostler_wire::link::proof::STORED_HEADER;
use ostler_wire::link::{Hello, HelloAnswer, PROTOCOL, PROTOCOL_OLDEST, tuning};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// What the server's side of a link begins with.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// What proves this server to the agent. Absent for agents of protocol 1.
    pub proof: Option<String>,
    /// The lease that was handed out for it, by its number, and the process that it was handed to.
    pub lease: Option<(u32, Boot)>,
}

/// The longest name of an agent's start: an id.
const BOOT_MOST: usize = 64;
/// All headers of one answer: far more than an agent sends.
const HEADERS_MOST: u32 = 16 << 10;

/// A link whose agent has introduced itself.
pub(super) struct Link {
    pub id: u64,
    pub node: NodeId,
    pub sender: SendRequest<Body>,
    pub answer: HelloAnswer,
    /// The agent's process. Unknown for agents of protocol 1.
    pub boot: Option<Boot>,
    /// The number of the lease that the agent says it has stored.
    pub stored: Option<u32>,
    pub task: Task,
    /// Set once the connection has ended.
    pub ended: CancellationToken,
}

/// Speaks HTTP/2 on a new connection and says hello.
pub(super) async fn open(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    id: u64,
    (node, installation, opening): (NodeId, InstallationId, Opening),
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
        .max_header_list_size(HEADERS_MOST)
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
    let boot = opening.lease.map(|(_, boot)| boot);
    let greeting = greet(&mut sender, (node, installation, opening.proof), clock);
    match clock.timeout(tuning::HELLO_LIMIT, greeting).await {
        Some(Ok((answer, stored))) => Ok(Link { id, node, sender, answer, boot, stored, task, ended }),
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
    (node, installation, proof): (NodeId, InstallationId, Option<String>),
    clock: &Clock,
) -> Result<(HelloAnswer, Option<u32>), String> {
    let hello = Hello {
        installation,
        node,
        newest: PROTOCOL,
        oldest: PROTOCOL_OLDEST,
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        now: clock.now(),
        proof,
    };
    let request = json_request(http::Method::POST, "/hello", &hello);
    let response =
        sender.send_request(addressed(request)?).await.map_err(|e| format!("the hello was not sent: {e}"))?;
    let stored = response.headers().get(STORED_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    let answer: HelloAnswer = read_json(node, response, ANSWER_SHORT).await.map_err(|e| e.to_string())?;
    answer.facts.check().map_err(|unfit| format!("its facts are not accepted: {unfit}"))?;
    if answer.agent_boot.len() > BOOT_MOST {
        return Err(format!("agent_boot has {} bytes; at most {BOOT_MOST} are accepted", answer.agent_boot.len()));
    }
    let answer = HelloAnswer { facts: answer.facts.cleaned(), ..answer };
    if !(PROTOCOL_OLDEST..=PROTOCOL).contains(&answer.protocol) {
        return Err(format!(
            "the agent chose protocol {}, this server speaks {PROTOCOL_OLDEST} to {PROTOCOL}",
            answer.protocol
        ));
    }
    Ok((answer, stored))
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

/// The whole body of a good answer, if it is no longer than this.
pub(super) async fn read_bytes(
    node: NodeId,
    response: Response<Incoming>,
    most: u64,
) -> Result<bytes::Bytes, FleetError> {
    let status = response.status();
    // What is wrong is said in a sentence or two.
    let most = if status.is_success() { most } else { ANSWER_SHORT };
    let body = Limited::new(response.into_body(), usize::try_from(most).unwrap_or(usize::MAX)).collect().await;
    let bytes = body.map_err(|e| match e.downcast_ref::<http_body_util::LengthLimitError>() {
        Some(_) => FleetError::Unreadable { node, why: format!("more than {most} bytes") },
        None => FleetError::Cut { node, why: e.to_string() },
    });
    let bytes = bytes?.to_bytes();
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
        _ => String::from_utf8_lossy(bytes.get(..bytes.len().min(2000)).unwrap_or_default()).into_owned(),
    };
    // A node's words: people are shown them.
    FleetError::Refused { node, status, message: cleaned(&message, REPORT_TEXT) }
}

/// The whole body of a good answer, as JSON.
pub(super) async fn read_json<T: serde::de::DeserializeOwned>(
    node: NodeId,
    response: Response<Incoming>,
    most: u64,
) -> Result<T, FleetError> {
    let bytes = read_bytes(node, response, most).await?;
    serde_json::from_slice(&bytes).map_err(|e| FleetError::Unreadable { node, why: e.to_string() })
}
