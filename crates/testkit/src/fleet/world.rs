//! The world of a simulation: one server, its database, and machines with agents.

use super::Tally;
use crate::clock::{BEGIN, SimClock, SimIds};
use crate::faults::{Database, Mood, Weather};
use crate::transport::Net;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ostler_agent::driver::sim::SimHost;
use ostler_agent::identity::{Identity, Key, Membership};
use ostler_agent::link::dial::{Ask, Dial as _};
use ostler_agent::link::{self, Leases, Links};
use ostler_agent::{Agent, Config as AgentConfig, router};
use ostler_model::authz::{Authority, Collection, Grant, Origin, Resource, SystemReason, Write, authorize};
use ostler_model::node::{JoinToken, Lease, Node};
use ostler_model::user::User;
use ostler_model::workspace::Workspace;
use ostler_model::{InstallationId, JobId, Label, Millis, NodeId, Secret, WorkloadId, WorkspaceId};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::app::App;
use ostler_server::config::{Config, Rates};
use ostler_server::{Ground, auth, build_app, service};
use ostler_store::node::Joining;
use ostler_store::{MasterKey, Options, Store};
use ostler_wire::link::proof::ServerKey;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything there is.
pub struct World {
    pub sim: SimClock,
    pub clock: Clock,
    pub ids: Ids,
    pub net: Net,
    pub store: Store,
    pub mood: Arc<Mood>,
    pub workspace: WorkspaceId,
    /// `None` while the server is down.
    pub server: Option<App>,
    pub machines: Vec<Machine>,
    /// What was asked for, in order.
    pub asked: Vec<Asked>,
    /// How the API answered requests for changes: `POST …/stop 202` and how often; `none` for no answer at all.
    pub answers: BTreeMap<String, usize>,
    pub(super) wrongs: Arc<Mutex<BTreeSet<String>>>,
    bearer: HeaderValue,
    watchers: Spawn,
}

/// One machine that is a node.
pub struct Machine {
    pub name: String,
    pub host: SimHost,
    pub clock: Clock,
    pub identity: Arc<Identity>,
    /// What its disk has of leases.
    pub lease: Arc<Mutex<Option<Lease>>>,
    pub agent: Option<Running>,
}

/// An agent's process.
pub struct Running {
    pub agent: Agent,
    pub links: Links,
    pub spawn: Spawn,
}

/// A workload that somebody asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `None` when the answer was lost: it may or may not exist.
    pub id: Option<WorkloadId>,
    /// The job that sees it through its beginning.
    pub job: Option<JobId>,
    /// What was promised last: `on`, `off`, `absent`. `None` when an answer was lost.
    pub promised: Option<&'static str>,
}

impl World {
    /// A world in good health: a server and so many nodes, each with its agent.
    pub async fn new(sim: SimClock, seed: u64, nodes: usize, ahead_ms: &[i64]) -> World {
        let clock = sim.clock();
        let ids = SimIds::ids(seed, &clock);
        // Until the world is there, time stands still: password hashes and migrations are made on other threads.
        let is_building = Arc::new(AtomicBool::new(true));
        let gate = is_building.clone();
        sim.gate(move || gate.load(Ordering::SeqCst));
        let mood = Arc::new(Mood::new(SimIds::ids(!seed, &clock)));
        let options = Options::memory(clock.clone(), MasterKey::new([7; 32])).faults(mood.clone());
        let store = Store::open(options).await.expect("a database in memory opens");
        let gate = store.clone();
        sim.gate(move || gate.in_flight() > 0);
        let (workspace, bearer) = found(&store, &clock, &ids).await;
        let net = Net::new(clock.clone());
        let mut world = World {
            sim,
            clock,
            ids,
            net,
            store,
            mood,
            workspace,
            server: None,
            machines: Vec::new(),
            asked: Vec::new(),
            answers: BTreeMap::new(),
            wrongs: Arc::default(),
            bearer,
            watchers: Spawn::new(),
        };
        world.start_server().await;
        for number in 0..nodes {
            let clock = world.sim.skewed(ahead_ms.get(number).copied().unwrap_or(0));
            world.add_machine(number, clock).await;
        }
        world.watch();
        is_building.store(false, Ordering::SeqCst);
        world
    }
    /// Ends everything.
    pub async fn end(&mut self) {
        self.watchers.shutdown().await;
        for machine in &mut self.machines {
            machine.crash_agent().await;
        }
        self.stop_server().await;
        self.store.close().await;
    }

    /// Starts the server, if it is down.
    pub async fn start_server(&mut self) {
        if self.server.is_some() {
            return;
        }
        let config = Config { rates: Rates::NONE, ..Config::default() };
        let ground =
            Ground { clock: self.clock.clone(), ids: self.ids.clone(), spawn: Spawn::new(), store: self.store.clone() };
        let spawn = ground.spawn.clone();
        match build_app(config, ground).await {
            Ok((app, _)) => {
                self.net.serve(service(&app), app.spawn.clone());
                self.server = Some(app);
            }
            // The database does not let it, for now.
            Err(_) => spawn.shutdown().await,
        }
    }
    /// Kills the server: connections break, nothing is finished.
    pub async fn stop_server(&mut self) {
        self.net.unplug();
        if let Some(app) = self.server.take() {
            app.spawn.shutdown().await;
        }
    }

    async fn add_machine(&mut self, number: usize, clock: Clock) {
        let name = format!("stable-{number}");
        let host = SimHost::new(clock.clone());
        let key = Key::from_seed(&self.ids.bytes());
        let node = enlist(&self.store, &self.clock, &self.ids, self.workspace, &key, &name, &host).await;
        let server = self.server.as_ref().expect("the server runs by now");
        let member = member(&name, node, (server.installation, server.link_key.public()));
        let identity = Arc::new(Identity { key, member });
        self.machines.push(Machine { name, host, clock, identity, lease: Arc::default(), agent: None });
        self.start_agent(number).await;
    }
    /// Starts a node's agent, if it is not there.
    pub async fn start_agent(&mut self, node: usize) {
        let (ids, net) = (self.ids.clone(), self.net.clone());
        let Some(machine) = self.machines.get_mut(node).filter(|m| m.agent.is_none()) else { return };
        let clock = machine.clock.clone();
        let spawn = Spawn::new();
        let config = AgentConfig { member: machine.identity.member.clone(), facts: machine.host.facts(&machine.name) };
        let drivers = machine.host.drivers();
        // A full disk keeps an agent from starting, as it should; whoever supervises it tries again later.
        let Ok(agent) = Agent::open(config, clock.clone(), ids.clone(), spawn.clone(), drivers).await else {
            spawn.shutdown().await;
            return;
        };
        let links = link::start(link::Config {
            identity: machine.identity.clone(),
            leases: Arc::new(Leases::memory(machine.lease.clone(), &ids)),
            dial: net.dial(&machine.name),
            router: router(agent.clone()),
            count: 1 + node % 2,
            clock,
            ids,
            spawn: spawn.clone(),
        });
        agent.set_links(links.clone());
        machine.agent = Some(Running { agent, links, spawn });
    }

    /// Asks the API, as an admin who is always well connected.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Option<(StatusCode, Bytes)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.bearer.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let dial = self.net.browser("people");
        let ask = dial.ask(Ask { method, path: path.to_owned(), headers, body });
        let answer = self.clock.timeout(Millis::secs(60), ask).await?.ok()?;
        Some((answer.status, answer.body))
    }
    /// Asks for something that must be there.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let (status, body) = self.ask(Method::GET, path, None).await.ok_or_else(|| format!("{path} did not answer"))?;
        if !status.is_success() {
            return Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(|e| format!("{path} cannot be read: {e}"))
    }
    /// Lets time pass.
    pub async fn pause(&self, span: Millis) {
        self.clock.sleep(span).await;
    }

    /// Watches every machine at every change: whatever happens, nothing runs on two of them.
    fn watch(&self) {
        let hosts: Vec<SimHost> = self.machines.iter().map(|m| m.host.clone()).collect();
        for host in &hosts {
            let (mut changed, hosts, wrongs) = (host.watch(), hosts.clone(), self.wrongs.clone());
            self.watchers.spawn("witness", async move {
                while changed.changed().await.is_ok() {
                    let mut seen = BTreeSet::new();
                    for id in hosts.iter().flat_map(|host| host.running().into_keys()) {
                        if !seen.insert(id) {
                            let wrong = format!("{id} runs on two nodes at once");
                            wrongs.lock().unwrap_or_else(PoisonError::into_inner).insert(wrong);
                        }
                    }
                }
            });
        }
    }
    /// What must never happen and has happened.
    pub fn witness(&self) -> Result<(), String> {
        let wrongs = self.wrongs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrong) = wrongs.first() {
            return Err(wrong.clone());
        }
        match self.machines.iter().find(|m| m.host.doubles() > 0) {
            Some(machine) => Err(format!("{} started a workload that was still running there", machine.name)),
            None => Ok(()),
        }
    }

    /// What has happened so far.
    pub async fn tally(&self) -> Tally {
        Tally {
            answers: self.answers.clone(),
            runs: self.machines.iter().map(|machine| machine.host.begun()).sum(),
            events: self.store.event_head().await.unwrap_or_default(),
            passed: self.clock.now().since(BEGIN),
        }
    }
    /// Ends every fault: the network is fine, disks have room, workloads behave, everybody is there.
    pub async fn heal(&mut self) {
        for machine in &self.machines {
            self.net.set(&machine.name, Weather::fine());
            machine.host.disk().set_full(false);
            machine.host.forgive();
        }
        self.mood.set(Database::Fine);
        self.start_server().await;
        for node in 0..self.machines.len() {
            self.start_agent(node).await;
        }
    }
}

impl Machine {
    /// Kills the agent's process.
    pub async fn crash_agent(&mut self) {
        if let Some(running) = self.agent.take() {
            running.spawn.shutdown().await;
        }
    }
}

fn member(name: &str, node: NodeId, (installation, key): (InstallationId, ServerKey)) -> Membership {
    let name = name.parse().expect("it is a name");
    // The network in memory is the machine's own.
    Membership { url: "http://localhost".to_owned(), node, name, installation, server_key: Some(key) }
}

fn grant<R: Resource>(what: &R) -> Grant<R, Write> {
    let system = Authority::system(SystemReason::Setup);
    authorize(&system, what, &Arc::new(Origin::default())).expect("setting up may create these")
}

/// An admin with a workspace and an API key that may do everything.
async fn found(store: &Store, clock: &Clock, ids: &Ids) -> (WorkspaceId, HeaderValue) {
    let now = clock.now();
    let label = |text: &str| -> Label { text.parse().expect("it is a label") };
    let new = ostler_store::user::New {
        id: ids.next(),
        email: "ada@example.org".parse().expect("it is an address"),
        name: label("Ada"),
        state: ostler_model::user::State::Active,
        is_platform_admin: true,
        password_hash: None,
    };
    let user: User = store.user_create(&grant(&Collection::platform()), &new, now).await.expect("a user");
    let workspace = Workspace::new(ids.next(), "home".parse().expect("it is a name"), label("Home"), now);
    store.workspace_create(&grant(&Collection::platform()), &workspace, user.id, now).await.expect("a workspace");
    let secret = Secret::new(format!("{}{}", auth::KEY_PREFIX, hex::encode(ids.bytes::<32>())));
    let key = ostler_model::key::Key {
        id: ids.next(),
        owner: user.id,
        label: label("Simulation"),
        prefix: secret.reveal().chars().take(8).collect(),
        capabilities: ostler_model::authz::CapabilitySet::everything(),
        scope: ostler_model::authz::Scope::All,
        networks: Vec::new(),
        requests_per_minute: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        last_used_from: None,
    };
    store.key_create(&grant(&user), &key, &auth::hash_token(secret.reveal()), &[], now).await.expect("a key");
    let bearer = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).expect("it is plain text");
    (workspace.id, bearer)
}

/// Makes a machine a node of the workspace.
async fn enlist(
    store: &Store,
    clock: &Clock,
    ids: &Ids,
    workspace: WorkspaceId,
    key: &Key,
    name: &str,
    host: &SimHost,
) -> NodeId {
    let now = clock.now();
    let token = JoinToken {
        id: ids.next(),
        workspace: Some(workspace),
        created_by: None,
        label: None,
        created_at: now,
        expires_at: now + Millis::secs(60),
        used_at: None,
        node: None,
    };
    let hash: [u8; 32] = ids.bytes();
    let nodes = Collection::<Node>::of(workspace);
    store.join_token_create(&grant(&nodes), &token, &hash, now).await.expect("a token");
    let joining = Joining {
        id: ids.next(),
        name: name.parse().expect("it is a name"),
        public_key: hex::decode(key.public_hex()).expect("it is hexadecimal"),
        facts: host.facts(name),
    };
    store.node_join(&hash, &joining, &Origin::default(), now).await.expect("a node").id
}
