//! A whole server that listens, and machines that join it: what the tests of the link's proofs share.

use axum::Router;
use axum::body::Bytes;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use ostler_agent::identity::Identity;
use ostler_agent::join::{Joining, join};
use ostler_agent::link::{self, Dial, HttpDial, Leases, Links, Me};
use ostler_model::authz::Role;
use ostler_model::node::{Facts, Lease};
use ostler_model::workspace::Workspace;
use ostler_model::{NodeId, Secret};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::{Running, listen};
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server on loopback with a workspace and its admin.
pub(crate) struct House {
    pub(crate) server: TestServer,
    pub(crate) running: Running,
    pub(crate) workspace: Workspace,
    pub(crate) admin: As,
}

impl House {
    pub(crate) async fn new() -> House {
        let server = TestServer::start().await;
        let owner = server.person(false).await;
        let workspace = server.workspace(&owner).await;
        let (_, admin) = server.member(&workspace, Role::Admin).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = listen(server.app.clone(), None, listener).unwrap();
        House { server, running, workspace, admin }
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }
    pub(crate) async fn token(&self) -> Value {
        let path = format!("/api/v1/workspaces/{}/join-tokens", self.workspace.id);
        self.server.post(&self.admin, &path, &json!({ "label": "Rack 1" })).await.is(201).json()
    }
    /// Whether a token has been used.
    pub(crate) async fn is_spent(&self, token: &Value) -> bool {
        let path = format!("/api/v1/workspaces/{}/join-tokens", self.workspace.id);
        let all = self.server.get(&self.admin, &path).await.is(200).json();
        let own = all["items"].as_array().unwrap().iter().find(|t| t["id"] == token["id"]).cloned();
        !own.expect("the token is listed")["used_at"].is_null()
    }
    pub(crate) async fn until_online(&self, node: NodeId) {
        let seen = async {
            while self.view(node).await["state"] != "online" {
                ostler_testkit::wait::pause(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the API says so within 20 s");
    }
    pub(crate) async fn view(&self, node: NodeId) -> Value {
        self.server.get(&self.admin, &format!("/api/v1/nodes/{node}")).await.is(200).json()
    }
}

pub(crate) fn facts() -> Facts {
    Facts { hostname: "rack-1".into(), ..Facts::default() }
}

/// Joins with this token by this URL, from this folder.
pub(crate) async fn enter(dir: &Path, url: &str, token: &Value) -> anyhow::Result<Identity> {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let dial = HttpDial::new(url).unwrap();
    let secret = Secret::new(token["token"].as_str().unwrap());
    let joining = Joining { dir, url, token: &secret, name: None, facts: facts(), clock: &clock, ids: &ids };
    join(&dial, joining).await
}

/// An agent's process: links, and a hello that counts.
pub(crate) struct Process {
    pub(crate) links: Links,
    pub(crate) spawn: Spawn,
    pub(crate) hellos: Arc<AtomicUsize>,
}

impl Process {
    /// With two links, as agents have them.
    pub(crate) fn start(identity: Identity, disk: &Arc<Mutex<Option<Lease>>>, dial: Arc<dyn Dial>) -> Process {
        Self::with(identity, disk, dial, Clock::system(), Router::new())
    }
    pub(crate) fn with(
        identity: Identity,
        disk: &Arc<Mutex<Option<Lease>>>,
        dial: Arc<dyn Dial>,
        clock: Clock,
        more: Router,
    ) -> Process {
        let (ids, spawn) = (Ids::system(clock.clone()), Spawn::new());
        let hellos = Arc::new(AtomicUsize::new(0));
        let (member, counted) = (identity.member.clone(), hellos.clone());
        let hello = move |body: Bytes| async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let me = Me { facts: facts(), desired_seq: 0, agent_boot: "boot".into() };
            match link::hello(&member, &serde_json::from_slice(&body).unwrap(), me) {
                Ok(answer) => axum::Json(answer).into_response(),
                Err(why) => (http::StatusCode::CONFLICT, why).into_response(),
            }
        };
        let router = more.route("/hello", post(hello)).route("/health", get(|| async { "well" }));
        let links = link::start(link::Config {
            identity: Arc::new(identity),
            leases: Arc::new(Leases::memory(disk.clone(), &ids)),
            dial,
            router,
            count: 2,
            clock,
            ids,
            spawn: spawn.clone(),
        });
        Process { links, spawn, hellos }
    }
    pub(crate) async fn until_open(&self, count: usize) {
        self.until(|state| state.open == count).await;
    }
    /// Waits for a reason why there is no link, and says it.
    pub(crate) async fn trouble(&self) -> String {
        self.until(|state| state.trouble.is_some()).await.trouble.unwrap()
    }
    async fn until(&self, is_so: impl Fn(&link::State) -> bool) -> link::State {
        let mut states = self.links.watch();
        let wait = states.wait_for(|state| is_so(state));
        let found = tokio::time::timeout(Duration::from_secs(20), wait).await;
        let found = found.unwrap_or_else(|_| panic!("within 20 s; it is {:?}", self.links.state()));
        found.unwrap().clone()
    }
}
