//! The fleet's handle: attach links, send requests over them, ask who is there.

use super::error::FleetError;
use super::lines::{Line, Lines};
pub use super::link::Opening;
use super::link::{self, Link, addressed, json_request, read_json, refused};
use super::presence::{Notes, report_grant};
use super::rate::Rates;
use axum::body::{Body, HttpBody as _};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use ostler_model::bounds::link::{ANSWER_SHORT, ANSWER_WHOLE, LINKS_PER_NODE};
use ostler_model::node::Node;
use ostler_model::node::lease::Boot;
use ostler_model::{Foreign, InstallationId, Millis, NodeId, Time};
use ostler_runtime::{Clock, Spawn};
use ostler_store::Store;
use ostler_wire::link::{HelloAnswer, tuning};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, broadcast};

/// From sending a request to the head of its answer, unless said otherwise.
const ANSWER_LIMIT: Millis = Millis::secs(10);
/// A process that holds a node's lease and does not answer for this long has gone.
const HOLDER_LIMIT: Millis = Millis::secs(3);
/// Changes that a subscriber may lag behind before it has to look for itself.
const CHANGES_KEPT: usize = 1024;

/// The longest refusal that is read.
const REFUSAL_MOST: usize = 64 << 10;

/// The links to all agents. Cheap to clone.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    spawn: Spawn,
    installation: InstallationId,
    nodes: RwLock<HashMap<NodeId, Entry>>,
    changes: broadcast::Sender<Change>,
    notes: Notes,
    next: AtomicU64,
    /// One permit for each forward that a node may have open.
    forwards: Mutex<HashMap<NodeId, Arc<Semaphore>>>,
    reports: Rates,
}

/// What is known of a node that has been here since the server started.
struct Entry {
    /// Oldest first.
    links: Vec<Arc<Link>>,
    since: Time,
}

/// A link came or went.
#[derive(Debug, Clone)]
pub enum Change {
    /// A link is open. Sent for each, also when others were open before.
    Up { node: NodeId, link: u64, answer: Arc<HelloAnswer> },
    /// A link has ended.
    Down { node: NodeId, link: u64, is_last: bool },
}

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    pub links: u32,
    /// Since when it is there, or since when it is away; `None` when it has not been here since the server started.
    pub since: Option<Time>,
}

impl Presence {
    /// True when it has a link.
    pub fn is_online(self) -> bool {
        self.links > 0
    }
}

impl Fleet {
    /// A fleet without links. Also starts what tells the database who came and went.
    pub fn start(store: Store, clock: Clock, spawn: Spawn, installation: InstallationId) -> Fleet {
        let inner = Inner {
            store: store.clone(),
            clock,
            spawn: spawn.clone(),
            installation,
            nodes: RwLock::default(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            notes: Notes::default(),
            next: AtomicU64::new(1),
            forwards: Mutex::default(),
            reports: Rates::default(),
        };
        let fleet = Fleet(Arc::new(inner));
        let own = fleet.clone();
        spawn.spawn("fleet.presence", async move { super::presence::run(&own, &store).await });
        fleet
    }
    /// Whether and since when a node is there.
    pub fn presence(&self, node: NodeId) -> Presence {
        let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.get(&node).map_or(Presence { links: 0, since: None }, |entry| Presence {
            links: u32::try_from(entry.links.len()).unwrap_or(u32::MAX),
            since: Some(entry.since),
        })
    }
    /// True when the node has a link.
    pub fn is_online(&self, node: NodeId) -> bool {
        self.presence(node).is_online()
    }
    /// Every node with a link, in order of id.
    pub fn online(&self) -> Vec<NodeId> {
        let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let mut online: Vec<NodeId> = nodes.iter().filter(|(_, e)| !e.links.is_empty()).map(|(id, _)| *id).collect();
        online.sort_unstable();
        online
    }
    /// What the agent said in its latest hello, while it has a link.
    pub fn hello(&self, node: NodeId) -> Option<HelloAnswer> {
        self.newest(node, &[]).map(|link| link.answer.clone())
    }
    /// Follows links coming and going. Who lags behind is told so and looks at [`Fleet::online`].
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Serves one upgraded connection of this node until it ends.
    pub async fn attach(
        &self,
        node: &Node,
        opening: Opening,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let Inner { clock, spawn, installation, next, .. } = &*self.0;
        let (id, lease) = (next.fetch_add(1, Ordering::Relaxed), opening.lease);
        let link = match link::open(io, id, (node.id, *installation, opening), (clock, spawn)).await {
            Ok(link) => Arc::new(link),
            Err(why) => {
                let why = Foreign(why);
                tracing::warn!(node.id = %node.id, node.name = %node.name, %why, "a link was refused");
                return;
            }
        };
        if let (Some((number, boot)), true) = (lease, lease.map(|(number, _)| number) == link.stored) {
            match self.0.store.node_lease_stored(node.id, number, boot, clock.now()).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(node.id = %node.id, node.name = %node.name, "another process has become this node meanwhile");
                    link.task.stop();
                    return;
                }
                // It is noted with the next link; until then the lease before is accepted, too.
                Err(error) => tracing::warn!(node.id = %node.id, %error, "a stored lease was not noted"),
            }
        }
        if link.answer.facts != node.facts {
            self.0.notes.facts(node.id, link.answer.facts.clone());
        }
        let _up = Up::new(self, link.clone());
        tracing::info!(node.id = %node.id, node.name = %node.name, link = id, "a link is open");
        link.ended.cancelled().await;
    }
    /// Ends all links of a node, for one that was deleted.
    pub fn disconnect(&self, node: NodeId) {
        let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
        for link in nodes.get(&node).into_iter().flat_map(|entry| &entry.links) {
            link.task.stop();
        }
    }

    /// Whether another process of this node is here and answers. Links whose process does not are ended.
    pub async fn is_held(&self, node: NodeId, boot: Option<Boot>) -> bool {
        let others: Vec<Arc<Link>> = {
            let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
            let links = nodes.get(&node).map_or(&[][..], |entry| &entry.links);
            // Agents of protocol 1 do not say which process they are; all their links count as one.
            links.iter().filter(|link| link.boot != boot).cloned().collect()
        };
        for link in others {
            let Ok(request) = addressed(empty(Method::GET, "/health")) else { return false };
            let asked = link.sender.clone().try_send_request(request);
            match self.0.clock.timeout(HOLDER_LIMIT, asked).await {
                Some(Ok(_)) => return true,
                Some(Err(_)) | None => link.task.stop(),
            }
        }
        false
    }
    /// Ends the links of processes that are no longer their nodes: another server of this installation has let a newer one in.
    pub(super) async fn dismiss(&self) -> Result<(), ostler_store::StoreError> {
        let boots = self.0.store.node_boots(&self.online()).await?;
        let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
        for link in nodes.values().flat_map(|entry| &entry.links) {
            let now = boots.get(&link.node);
            if now.is_some() && link.boot.is_some() && now != link.boot.as_ref() {
                tracing::warn!(node.id = %link.node, "another process has become this node; its link is closed");
                link.task.stop();
            }
        }
        Ok(())
    }
    /// Another machine has shown this node's key.
    pub async fn conflict(&self, node: &Node, from: Option<&str>) -> Result<(), ostler_store::StoreError> {
        self.0.store.node_conflict(&report_grant(node), from, self.0.clock.now()).await
    }
    /// Takes so many reports of a node, and waits until more of it may be read. What it says meanwhile waits at the node.
    pub async fn reports_taken(&self, node: NodeId, count: u64) {
        let pause = self.0.reports.take(node, count, self.0.clock.now());
        if pause > Millis(0) {
            self.0.clock.sleep(pause).await;
        }
    }

    /// Sends a request over the freshest healthy link; the head of the answer comes within the usual limit.
    pub async fn request(&self, node: NodeId, request: Request<Body>) -> Result<Response<Incoming>, FleetError> {
        self.request_within(node, request, ANSWER_LIMIT).await
    }
    /// The same with a limit of its own. A link that dies before the request was sent is replaced by another; one that dies
    /// later only for a GET without a body, which may be sent twice.
    pub async fn request_within(
        &self,
        node: NodeId,
        request: Request<Body>,
        limit: Millis,
    ) -> Result<Response<Incoming>, FleetError> {
        let sent = self.0.clock.timeout(limit, self.send(node, request)).await;
        sent.unwrap_or(Err(FleetError::Late(node)))
    }
    /// Asks for JSON.
    pub async fn get<T: DeserializeOwned>(&self, node: NodeId, path: &str) -> Result<T, FleetError> {
        self.whole(node, empty(Method::GET, path)).await
    }
    /// Sends JSON and reads JSON.
    pub async fn send_json<T: DeserializeOwned>(
        &self,
        node: NodeId,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, FleetError> {
        self.whole(node, json_request(method, path, body)).await
    }
    /// Sends JSON and expects nothing but success.
    pub async fn tell(
        &self,
        node: NodeId,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(), FleetError> {
        let request = json_request(method, path, body);
        let work = async { link::read_bytes(node, self.send(node, request).await?, ANSWER_SHORT).await.map(|_| ()) };
        self.0.clock.timeout(ANSWER_LIMIT, work).await.unwrap_or(Err(FleetError::Late(node)))
    }
    /// Follows an answer of one JSON value per line.
    pub async fn lines<T: Line>(&self, node: NodeId, path: &str) -> Result<Lines<T>, FleetError> {
        let is_endless = !path.ends_with("follow=false");
        let response = self.request(node, empty(Method::GET, path)).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Lines::new(node, response.into_body(), is_endless));
        }
        let body = Limited::new(response.into_body(), REFUSAL_MOST).collect();
        let bytes = self.0.clock.timeout(ANSWER_LIMIT, body).await.and_then(Result::ok).map(|b| b.to_bytes());
        Err(refused(node, status, &bytes.unwrap_or_default()))
    }
    /// A stream of bytes in both directions to a route of the agent, by extended CONNECT with this protocol (`websocket`).
    pub async fn connect(
        &self,
        node: NodeId,
        path: &str,
        protocol: &'static str,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, FleetError> {
        let mut request = empty(Method::CONNECT, path);
        request.extensions_mut().insert(hyper::ext::Protocol::from_static(protocol));
        if protocol == "websocket" {
            request.headers_mut().insert("sec-websocket-version", http::HeaderValue::from_static("13"));
        }
        let response = self.request(node, request).await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = Limited::new(response.into_body(), REFUSAL_MOST).collect();
            let bytes = self.0.clock.timeout(ANSWER_LIMIT, body).await.and_then(Result::ok).map(|b| b.to_bytes());
            return Err(refused(node, status, &bytes.unwrap_or_default()));
        }
        let upgraded = hyper::upgrade::on(response).await;
        upgraded.map(TokioIo::new).map_err(|e| FleetError::Cut { node, why: e.to_string() })
    }

    async fn whole<T: DeserializeOwned>(&self, node: NodeId, request: Request<Body>) -> Result<T, FleetError> {
        let work = async { read_json(node, self.send(node, request).await?, ANSWER_WHOLE).await };
        self.0.clock.timeout(ANSWER_LIMIT, work).await.unwrap_or(Err(FleetError::Late(node)))
    }

    async fn send(&self, node: NodeId, request: Request<Body>) -> Result<Response<Incoming>, FleetError> {
        let unreadable = |why| FleetError::Unreadable { node, why };
        let mut request = addressed(request).map_err(unreadable)?;
        let mut tried = Vec::new();
        let mut broke = None;
        while let Some(link) = self.newest(node, &tried) {
            tried.push(link.id);
            let spare = spare(&request);
            let mut failed = match link.sender.clone().try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let unsent = failed.take_message();
            let why = failed.into_error().to_string();
            match unsent.or(spare) {
                Some(again) => request = again,
                None => return Err(FleetError::Cut { node, why }),
            }
            broke = Some(why);
        }
        Err(broke.map_or(FleetError::Away(node), |why| FleetError::Cut { node, why }))
    }

    fn newest(&self, node: NodeId, except: &[u64]) -> Option<Arc<Link>> {
        let nodes = self.0.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let links = &nodes.get(&node)?.links;
        links.iter().rev().find(|link| !except.contains(&link.id) && !link.sender.is_closed()).cloned()
    }
    /// What forwards to this node take their permits from.
    pub(super) fn forward_slots(&self, node: NodeId) -> Arc<Semaphore> {
        let mut all = self.0.forwards.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(node).or_insert_with(|| Arc::new(Semaphore::new(tuning::FORWARDS_MOST))).clone()
    }
    pub(super) fn notes(&self) -> &Notes {
        &self.0.notes
    }
    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

/// Keeps a link in the list while it lives, and tells when it came and went.
struct Up<'a> {
    fleet: &'a Fleet,
    link: Arc<Link>,
}

impl<'a> Up<'a> {
    fn new(fleet: &'a Fleet, link: Arc<Link>) -> Self {
        let (node, id, answer) = (link.node, link.id, Arc::new(link.answer.clone()));
        let now = fleet.0.clock.now();
        let mut nodes = fleet.0.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let entry = nodes.entry(node).or_insert_with(|| Entry { links: Vec::new(), since: now });
        if entry.links.is_empty() {
            entry.since = now;
            fleet.0.notes.presence(node, true, now);
        }
        entry.links.push(link.clone());
        let most = usize::try_from(LINKS_PER_NODE).unwrap_or(usize::MAX);
        for old in entry.links.drain(..entry.links.len().saturating_sub(most)) {
            tracing::warn!(node.id = %node, link = old.id, "a node has more links than it needs; its oldest is closed");
            old.task.stop();
        }
        // Told while the list is locked, so that changes are heard in the order in which they happened. No subscriber is no error.
        let _ = fleet.0.changes.send(Change::Up { node, link: id, answer });
        Self { fleet, link }
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let (node, id) = (self.link.node, self.link.id);
        self.link.task.stop();
        let now = self.fleet.0.clock.now();
        let mut nodes = self.fleet.0.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = nodes.get_mut(&node) else { return };
        entry.links.retain(|link| link.id != id);
        let is_last = entry.links.is_empty();
        if is_last {
            entry.since = now;
            self.fleet.0.notes.presence(node, false, now);
        }
        let _ = self.fleet.0.changes.send(Change::Down { node, link: id, is_last });
    }
}

fn empty(method: Method, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .expect("paths to agents are made of valid characters")
}

/// The same request once more, when sending it twice is harmless.
fn spare(request: &Request<Body>) -> Option<Request<Body>> {
    if request.method() != Method::GET || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}
