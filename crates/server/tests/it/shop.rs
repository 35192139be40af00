//! A whole control plane in this process, with one agent of our own at the end of a real link.
//!
//! The agent is small: it keeps what is wanted, converges by the model's plan with effects that happen at once, and reports.
//! The real agent has its own tests; here it is the server that is looked at.

use crate::job::house::{furnish, right};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use ostler_model::authz::{CapabilitySet, Scope, SystemReason};
use ostler_model::key::Key;
use ostler_model::node::Node;
use ostler_model::workload::plan::{Exit, Happened, plan};
use ostler_model::workload::{Desired, Phase, Report, Seen, Step};
use ostler_model::{KeyId, UserId, WorkloadId};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::app::App;
use ostler_server::config::Config;
use ostler_server::http::Front;
use ostler_server::start::{Ground, build_app, service};
use ostler_store::{MasterKey, Options, Store};
use ostler_wire::console::{ConsoleCommand, ConsoleLine, ConsoleStream};
use ostler_wire::link::{DesiredAnswer, HelloAnswer, Observation, Want};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) struct Shop {
    pub(crate) app: App,
    pub(crate) user: UserId,
    pub(crate) node: Node,
    pub(crate) agent: Agent,
    token: String,
    front: Front,
}

impl Shop {
    /// With its agent connected.
    pub(crate) async fn open() -> Shop {
        let mut shop = Self::closed().await;
        shop.connect().await;
        shop
    }

    /// With its agent away.
    pub(crate) async fn closed() -> Shop {
        Self::with(Config { rates: ostler_server::config::Rates::NONE, ..Config::default() }).await
    }

    /// The same with a configuration of its own.
    pub(crate) async fn with(config: Config) -> Shop {
        let clock = Clock::system();
        let (ids, spawn) = (Ids::system(clock.clone()), Spawn::new());
        let store = Store::open(Options::memory(clock.clone(), MasterKey::new([9; 32]))).await.unwrap();
        let (user, _, node) = furnish(&store, &ids, clock.now()).await;
        let (app, _) = build_app(config, Ground { clock, ids, spawn, store }).await.unwrap();
        let node = app.store.node_get(node).await.unwrap();
        let token = key(&app, user, CapabilitySet::everything()).await;
        let front = service(&app);
        Shop { agent: Agent::new(), app, user, node, token, front }
    }

    /// Dials in and waits until the server has the link.
    pub(crate) async fn connect(&mut self) {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let service = self.agent.routes();
        let serving = tokio::spawn(async move {
            let service = hyper_util::service::TowerToHyperService::new(service);
            let _ = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
                .serve_connection(hyper_util::rt::TokioIo::new(theirs), service)
                .await;
        });
        let (fleet, node) = (self.app.fleet.clone(), self.node.clone());
        tokio::spawn(async move { fleet.attach(&node, ostler_server::fleet::Opening::default(), ours).await });
        self.agent.link = Some(serving);
        let fleet = self.app.fleet.clone();
        let id = self.node.id;
        until("the link is up", async || fleet.is_online(id)).await;
    }

    /// Cuts the link in the middle of whatever goes over it.
    pub(crate) async fn cut(&mut self) {
        self.agent.link.take().unwrap().abort();
        let (fleet, id) = (self.app.fleet.clone(), self.node.id);
        until("the link is down", async || !fleet.is_online(id)).await;
    }

    /// A key of the same person with these capabilities.
    pub(crate) async fn key(&self, capabilities: &[&str]) -> (KeyId, String) {
        let token = key(&self.app, self.user, capabilities.iter().map(|c| c.parse().unwrap()).collect()).await;
        let hash = ostler_server::auth::hash_token(&token);
        (self.app.store.key_authority(&hash, self.app.clock.now()).await.unwrap().unwrap().key.id, token)
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let response = self.raw(method, path, body, &self.token, &[]).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        token: &str,
        headers: &[(&str, &str)],
    ) -> http::Response<Body> {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.front.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Creates a workload and waits until its job has ended.
    pub(crate) async fn create(&self, body: Value) -> (String, Value) {
        let (status, accepted) = self.send("POST", "/api/v1/workloads", Some(body)).await;
        assert_eq!(status, 202, "{accepted}");
        let job = self.job(accepted["job_id"].as_str().unwrap()).await;
        (accepted["target"].as_str().unwrap().to_owned(), job)
    }

    /// A job once it has ended.
    pub(crate) async fn job(&self, id: &str) -> Value {
        let path = format!("/api/v1/jobs/{id}");
        let mut last = Value::Null;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            last = self.get(&path).await;
            if ["succeeded", "failed", "cancelled"].contains(&last["state"].as_str().unwrap()) {
                return last;
            }
            ostler_testkit::wait::pause(Duration::from_millis(10)).await;
        }
        panic!("the job never ended: {last}");
    }

    /// Waits until a workload is in this state.
    pub(crate) async fn state(&self, id: &str, state: &str) -> Value {
        let path = format!("/api/v1/workloads/{id}");
        let mut last = Value::Null;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            last = self.get(&path).await;
            if last["state"] == state {
                return last;
            }
            ostler_testkit::wait::pause(Duration::from_millis(10)).await;
        }
        panic!("never {state}: {last}");
    }
}

async fn key(app: &App, owner: UserId, capabilities: CapabilitySet) -> String {
    let token = format!("ost_{}", hex::encode(app.ids.bytes::<32>()));
    let id: KeyId = app.ids.next();
    let key = Key {
        id,
        owner,
        label: id.to_string().parse().unwrap(),
        prefix: token[..8].to_owned(),
        capabilities,
        scope: Scope::All,
        networks: Vec::new(),
        requests_per_minute: None,
        created_at: app.clock.now(),
        expires_at: None,
        last_used_at: None,
        last_used_from: None,
    };
    let user = app.store.user_get(owner).await.unwrap();
    let grant = right(SystemReason::Setup, &user);
    app.store.key_create(&grant, &key, &ostler_server::auth::hash_token(&token), &[], app.clock.now()).await.unwrap();
    token
}

/// Waits for a condition, with a deadline.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        ostler_testkit::wait::pause(Duration::from_millis(5)).await;
    }
}

/// The agent's side.
pub(crate) struct Agent {
    pub(crate) state: Arc<AgentState>,
    link: Option<tokio::task::JoinHandle<()>>,
}

pub(crate) struct AgentState {
    inner: Mutex<Disk>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) seq: u64,
    pub(crate) wanted: BTreeMap<WorkloadId, Desired>,
    pub(crate) seen: BTreeMap<WorkloadId, (Seen, u64)>,
    pub(crate) snapshots: usize,
    pub(crate) changes: usize,
    pub(crate) console: Vec<ConsoleLine>,
    reports: u64,
}

impl Agent {
    fn new() -> Self {
        let state = AgentState { inner: Mutex::default(), version: watch::Sender::new(0) };
        Self { state: Arc::new(state), link: None }
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/hello", post(hello))
            .route("/desired", put(desired))
            .route("/observed", get(observed))
            .route("/workloads/{id}/console", get(console).post(typed))
            .with_state(self.state.clone())
    }
}

impl AgentState {
    pub(crate) fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.inner.lock().unwrap()
    }
    pub(crate) fn says(&self, text: &str, stream: ConsoleStream) {
        {
            let mut disk = self.disk();
            let seq = disk.console.len() as u64 + 1;
            disk.console.push(ConsoleLine { seq, at: Clock::system().now(), stream, text: text.to_owned() });
        }
        self.version.send_modify(|v| *v += 1);
    }
    fn converge(&self) {
        let now = Clock::system().now();
        {
            let mut disk = self.disk();
            let Disk { wanted, seen, reports, .. } = &mut *disk;
            seen.retain(|id, _| wanted.contains_key(id));
            for (id, want) in wanted.iter() {
                let (mut at, _) = seen.get(id).cloned().unwrap_or_default();
                while let Some(step) = plan(want, &at, now).first().copied() {
                    at = at.after(want, Happened::Began(step), now);
                    let effect = match step {
                        Step::Prepare => Happened::Prepared { revision: want.blueprint.revision.clone() },
                        Step::Start => Happened::BecameReady,
                        Step::Stop | Step::Kill => {
                            Happened::Exited(Exit { at: now, code: Some(0), signal: None, is_out_of_memory: false })
                        }
                        Step::Remove => Happened::Removed,
                        Step::Abort | Step::Clear => continue,
                    };
                    at = at.after(want, effect, now);
                }
                *reports += 1;
                seen.insert(*id, (at, *reports));
            }
        }
        self.version.send_modify(|v| *v += 1);
    }
    fn lines(&self, after: u64) -> (Vec<Observation>, u64) {
        let disk = self.disk();
        let fresh = disk.seen.iter().filter(|(_, (_, seq))| *seq > after);
        let lines = fresh
            .map(|(id, (seen, seq))| {
                let report = Report {
                    generation: disk.wanted[id].generation,
                    seq: *seq,
                    at: Clock::system().now(),
                    seen: seen.clone(),
                    conditions: vec![],
                    players: None,
                };
                Observation::Workload { id: *id, report }
            })
            .collect();
        (lines, disk.reports)
    }
    pub(crate) fn running(&self) -> usize {
        self.disk().seen.values().filter(|(seen, _)| matches!(seen.phase, Phase::Running { .. })).count()
    }
}

type Shared = State<Arc<AgentState>>;

async fn hello(State(agent): Shared) -> axum::Json<HelloAnswer> {
    let desired_seq = agent.disk().seq;
    axum::Json(HelloAnswer { protocol: 1, facts: node_facts(), desired_seq, agent_boot: "boot".into() })
}

fn node_facts() -> ostler_model::node::Facts {
    ostler_model::node::Facts {
        memory_bytes: 4 << 30,
        cpu_count: 4,
        address: "node.test".into(),
        port_range: (27000, 27009),
        can: ostler_model::node::Abilities { isolation: ostler_model::node::Isolation::Full, ..Default::default() },
        ..Default::default()
    }
}

async fn desired(State(agent): Shared, axum::Json(want): axum::Json<Want>) -> axum::Json<DesiredAnswer> {
    let answer = {
        let mut disk = agent.disk();
        match want {
            Want::Snapshot(snapshot) if snapshot.seq < disk.seq => DesiredAnswer::Stale { have: disk.seq },
            Want::Snapshot(snapshot) => {
                disk.snapshots += 1;
                disk.seq = snapshot.seq;
                disk.wanted = snapshot.workloads.into_iter().map(|w| (w.id, w)).collect();
                DesiredAnswer::Accepted { seq: disk.seq }
            }
            Want::Change(change) if change.after != disk.seq => DesiredAnswer::NeedSnapshot { have: disk.seq },
            Want::Change(change) => {
                disk.changes += 1;
                disk.seq = change.seq;
                disk.wanted.insert(change.workload.id, change.workload);
                DesiredAnswer::Accepted { seq: disk.seq }
            }
        }
    };
    agent.converge();
    axum::Json(answer)
}

async fn observed(State(agent): Shared) -> Body {
    let version = agent.version.subscribe();
    let lines = futures_util::stream::unfold((agent, version, 0_u64), |(agent, mut version, after)| async move {
        let mut after = after;
        loop {
            version.borrow_and_update();
            let (lines, last) = agent.lines(after);
            after = last;
            if !lines.is_empty() {
                let text: String = lines.iter().map(|l| serde_json::to_string(l).unwrap() + "\n").collect();
                return Some((Ok::<_, std::io::Error>(Bytes::from(text)), (agent, version, after)));
            }
            version.changed().await.ok()?;
        }
    });
    Body::from_stream(lines.boxed())
}

#[derive(serde::Deserialize)]
struct ConsoleAsk {
    after: u64,
    follow: bool,
}

async fn console(State(agent): Shared, axum::extract::Query(ask): axum::extract::Query<ConsoleAsk>) -> Body {
    let version = agent.version.subscribe();
    let lines =
        futures_util::stream::unfold((agent, version, ask.after), move |(agent, mut version, after)| async move {
            loop {
                version.borrow_and_update();
                let lines: Vec<ConsoleLine> = agent.disk().console.iter().filter(|l| l.seq > after).cloned().collect();
                if let Some(last) = lines.last().map(|l| l.seq) {
                    let text: String = lines.iter().map(|l| serde_json::to_string(l).unwrap() + "\n").collect();
                    return Some((Ok::<_, std::io::Error>(Bytes::from(text)), (agent, version, last)));
                }
                if !ask.follow {
                    return None;
                }
                version.changed().await.ok()?;
            }
        });
    Body::from_stream(lines.boxed())
}

async fn typed(
    State(agent): Shared,
    Path(_): Path<String>,
    axum::Json(command): axum::Json<ConsoleCommand>,
) -> StatusCode {
    agent.says(&command.command, ConsoleStream::In);
    StatusCode::NO_CONTENT
}
