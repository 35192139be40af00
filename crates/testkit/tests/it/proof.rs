//! Both ends of the link prove themselves: wrong servers, wrong agents, replays, clocks, copies.

use super::machine::{House, Process, enter, facts};
use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use futures_util::future::BoxFuture;
use http::{Method, StatusCode, header};
use hyper_util::rt::TokioIo;
use ostler_agent::identity::{Asking, Identity, Key};
use ostler_agent::link::dial::{Answer, Ask, Dial, DialError};
use ostler_agent::link::{Claimed, HttpDial, Leases, claim};
use ostler_model::node::Lease;
use ostler_model::{Millis, NodeId, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::fleet::{Fleet, LinkKey, Opening, signed};
use ostler_store::{MasterKey, Options, Store};
use ostler_testkit::server::{As, TestServer};
use ostler_wire::link::UPGRADE;
use ostler_wire::link::proof::{For, Way};
use ostler_wire::link::sign::Signed;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Disk = Arc<Mutex<Option<Lease>>>;

async fn joined(house: &House) -> (tempfile::TempDir, Identity) {
    let dir = tempfile::tempdir().unwrap();
    let identity = enter(dir.path(), &house.url(), &house.token().await).await.unwrap();
    (dir, identity)
}

fn again(dir: &tempfile::TempDir) -> Identity {
    Identity::load(dir.path()).unwrap().unwrap()
}

fn dial(url: &str) -> Arc<dyn Dial> {
    Arc::new(HttpDial::new(url).unwrap())
}

/// The same identity, for a server that has taken the port: another address stands for it.
fn misled(identity: Identity, url: &str) -> Identity {
    let mut identity = identity;
    identity.member.url = url.to_owned();
    identity
}

#[tokio::test]
async fn s5_an_agent_does_not_obey_the_server_that_took_the_port() {
    let (own, other) = (House::new().await, House::new().await);
    let (_dir, identity) = joined(&own).await;
    let agent = Process::start(misled(identity, &other.url()), &Disk::default(), dial(&other.url()));
    let why = agent.trouble().await;
    assert!(why.contains("does not hold the key that this node pinned"), "{why}");
    assert_eq!(agent.hellos.load(std::sync::atomic::Ordering::SeqCst), 0, "it is asked for nothing");
    agent.spawn.shutdown().await;
}

#[tokio::test]
async fn s5_the_token_is_not_sent_to_a_server_without_its_key() {
    let (own, other) = (House::new().await, House::new().await);
    let (dir, token) = (tempfile::tempdir().unwrap(), own.token().await);
    let why = enter(dir.path(), &other.url(), &token).await.unwrap_err().to_string();
    assert!(why.contains("does not hold the key") && why.contains("The token was not sent"), "{why}");
    let bare = json!({ "token": token["token"].as_str().unwrap().split('.').next() });
    let why = enter(dir.path(), &own.url(), &bare).await.unwrap_err().to_string();
    assert!(why.contains("carries no key"), "{why}");
    assert!(!own.is_spent(&token).await);
    enter(dir.path(), &own.url(), &token).await.unwrap();
}

#[tokio::test]
async fn s5_the_command_that_is_shown_leaves_no_token_in_the_list_of_processes() {
    let house = House::new().await;
    let made = house.token().await;
    let (token, command) = (made["token"].as_str().unwrap(), made["command"].as_str().unwrap());
    // The shell's own echo is no process; the program reads standard input.
    let (echo, program) = command.split_once(" | ").unwrap();
    assert_eq!(echo, format!("echo {token}"));
    assert!(
        program.starts_with("ostler agent join ") && program.ends_with(" -") && !program.contains("ojt_"),
        "{program}"
    );
    let key = ostler_agent::join::server_key(token).unwrap();
    assert_eq!(key, house.server.app.link_key.public(), "the operator copies one thing");
}

/// A server that upgrades every request and says hello with the proof that it is given.
async fn impostor(key: LinkKey, proof: impl Fn(&Signed) -> Option<String> + Clone + Send + Sync + 'static) -> String {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let store = Store::open(Options::memory(clock.clone(), MasterKey::new([7; 32]))).await.unwrap();
    let spawn = Spawn::new();
    let fleet = Fleet::start(store, clock.clone(), spawn.clone(), key.installation());
    let handler = move |mut request: Request| {
        let (fleet, proof, spawn, ids) = (fleet.clone(), proof.clone(), spawn.clone(), ids.clone());
        async move {
            let signed = signed(request.headers()).unwrap();
            let node = ostler_model::node::Node {
                id: signed.node,
                workspace: None,
                name: "stable".parse().unwrap(),
                public_key: vec![],
                facts: facts(),
                is_draining: false,
                min_isolation: Default::default(),
                desired_seq: 0,
                joined_at: Time::ZERO,
                seen_at: None,
            };
            let opening = Opening { proof: proof(&signed), lease: None };
            let upgrade = hyper::upgrade::on(&mut request);
            let _ = ids;
            spawn.spawn("attach", async move {
                if let Ok(io) = upgrade.await {
                    fleet.attach(&node, opening, TokioIo::new(io)).await;
                }
            });
            let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, UPGRADE)];
            (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
        }
    };
    serve(Router::new().fallback(handler)).await
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn s5_a_hello_without_proof_with_another_key_or_a_replayed_one_is_refused() {
    let house = House::new().await;
    let (dir, _) = joined(&house).await;
    let own = house.server.app.link_key.clone();
    let other = House::new().await.server.app.link_key.clone();
    let clock = Clock::system();
    let now = clock.now();
    // What a thief on the way recorded: a genuine proof, made for an earlier request.
    let recorded = Mutex::new(None::<String>);
    let replay = {
        let own = own.clone();
        let recorded = Arc::new(recorded);
        move |signed: &Signed| {
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            let earlier = Signed { nonce: [1; 16], ..signed.clone() };
            recorded.get_or_insert_with(|| own.prove(For::Link, &earlier, Way::Bare, (None, now)).unwrap());
            recorded.clone()
        }
    };
    let no_lease = (None, now);
    let (for_answer, of_other) = (own.clone(), other.clone());
    let cases: Vec<(&str, String)> = vec![
        ("does not prove", impostor(own.clone(), |_| None).await),
        ("unreadable", impostor(own.clone(), |_| Some("none of it".to_owned())).await),
        (
            "does not hold the key",
            impostor(own.clone(), move |s| of_other.prove(For::Link, s, Way::Bare, no_lease)).await,
        ),
        ("repeats an answer", impostor(own.clone(), replay).await),
        (
            "repeats an answer",
            impostor(own.clone(), move |s| for_answer.prove(For::Answer, s, Way::Bare, no_lease)).await,
        ),
    ];
    for (reason, url) in cases {
        let agent = Process::start(misled(again(&dir), &url), &Disk::default(), dial(&url));
        let why = agent.trouble().await;
        assert!(why.contains(reason), "{reason}: {why}");
        assert_eq!(agent.hellos.load(std::sync::atomic::Ordering::SeqCst), 0, "{reason}");
        agent.spawn.shutdown().await;
    }
    // The same impostor with the key itself would be believed: it is the proof that decides.
    let genuine = own.clone();
    let url = impostor(own, move |s| genuine.prove(For::Link, s, Way::Bare, no_lease)).await;
    let agent = Process::start(misled(again(&dir), &url), &Disk::default(), dial(&url));
    agent.until_open(2).await;
    agent.spawn.shutdown().await;
}

/// Remembers what was signed.
struct Witness {
    way: Arc<dyn Dial>,
    signed: Mutex<Vec<Signed>>,
}

impl Dial for Witness {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, DialError>> {
        let signed = Signed::parse(ask.headers[header::AUTHORIZATION].to_str().unwrap()).unwrap();
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).push(signed);
        self.way.ask(ask)
    }
}

impl Witness {
    fn on(url: &str) -> Arc<Witness> {
        Arc::new(Witness { way: dial(url), signed: Mutex::default() })
    }
    fn latest(&self) -> Time {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!signed.is_empty());
        signed.iter().map(|s| s.at).max().unwrap()
    }
}

#[tokio::test]
async fn s5_a_date_from_anyone_makes_no_signature_for_the_future() {
    let house = House::new().await;
    let (dir, _) = joined(&house).await;
    let far = || (StatusCode::UNAUTHORIZED, [(header::DATE, "Wed, 01 Jan 2031 00:00:00 GMT")]).into_response();
    let url = serve(Router::new().fallback(move || async move { far() })).await;
    let witness = Witness::on(&url);
    let agent = Process::start(misled(again(&dir), &url), &Disk::default(), witness.clone());
    let why = agent.trouble().await;
    assert!(why.contains("does not prove that it is this node's control plane"), "{why}");
    agent.spawn.shutdown().await;
    assert!(witness.latest() <= Clock::system().now(), "nothing was signed for {:?}", witness.latest());
}

#[tokio::test]
async fn s5_the_control_planes_own_time_is_believed_up_to_two_days() {
    let house = House::new().await;
    let (dir, _) = joined(&house).await;
    house.server.time.skip(Millis::secs(10 * 24 * 3600));
    let witness = Witness::on(&house.url());
    let agent = Process::start(again(&dir), &Disk::default(), witness.clone());
    let why = agent.trouble().await;
    assert!(why.contains("clock is 24") || why.contains("clock is 23"), "{why}");
    agent.spawn.shutdown().await;
    assert!(witness.latest() <= Clock::system().now());
}

fn asking<'a>(house: &House, node: NodeId, authority: &'a str) -> Asking<'a> {
    let (installation, at) = (Some(house.server.app.installation), house.server.app.clock.now());
    Asking { node, installation, authority, method: "GET", path: "/api/v1/agent/link", at, lease: None, boot: [1; 16] }
}

/// What the server answers to this header, without an upgrade.
async fn shown(house: &House, header: String) -> ostler_testkit::server::Answer {
    house.server.ask(&As::Header(header), Method::GET, "/api/v1/agent/link", None).await
}

#[tokio::test]
async fn s5_a_signature_for_another_servers_name_is_refused_with_the_reason() {
    let house = House::new().await;
    let (dir, identity) = joined(&house).await;
    let key = Key::load(dir.path()).unwrap().unwrap();
    let header =
        |authority| key.authorization(&asking(&house, identity.member.node, authority), house.server.app.ids.bytes());
    let answer = shown(&house, header("ostler.example.org")).await.is(403).code("dialled_elsewhere");
    assert!(answer.json()["message"].as_str().unwrap().contains("ostler.example.org"));
    assert!(answer.header("ostler-server").is_some(), "a node can tell that its control plane says so");
    assert_eq!(shown(&house, header("localhost:4711")).await.status, StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn s5_an_agent_of_the_older_release_is_let_in_until_it_has_been_a_newer_one() {
    let house = House::new().await;
    let (dir, identity) = joined(&house).await;
    let key = Key::load(dir.path()).unwrap().unwrap();
    let old = || {
        let (node, at, nonce) = (identity.member.node, house.server.app.clock.now(), house.server.app.ids.bytes());
        let mut signed = Signed { node, at, nonce, dialled: None, signature: [0; 64] };
        let bytes = signed.message("GET", "/api/v1/agent/link", house.server.app.installation);
        signed.signature = key.sign(&bytes);
        signed.header()
    };
    assert_eq!(shown(&house, old()).await.status, StatusCode::UPGRADE_REQUIRED);
    let new = key.authorization(&asking(&house, identity.member.node, "localhost"), house.server.app.ids.bytes());
    assert_eq!(shown(&house, new).await.status, StatusCode::UPGRADE_REQUIRED);
    let why = shown(&house, old()).await.is(409).code("node_copied").json();
    assert!(why["message"].as_str().unwrap().contains("upgrade this one"), "{why}");
}

#[tokio::test]
async fn s5_a_node_of_the_older_release_pins_the_key_before_it_obeys() {
    let house = House::new().await;
    let (dir, mut identity) = joined(&house).await;
    identity.member.server_key = None;
    let (clock, ids) = (house.server.app.clock.clone(), house.server.app.ids.clone());
    let leases = Leases::memory(Arc::default(), &ids);
    let http = HttpDial::new(&house.url()).unwrap();
    let Claimed::Refused(why) = claim(&identity, &leases, &http, (&clock, &ids)).await else { panic!("without TLS") };
    assert!(why.contains("ostler agent pin"), "{why}");
    let token = house.token().await;
    let text = token["token"].as_str().unwrap();
    let pinned = ostler_agent::join::pin(dir.path(), ostler_agent::join::server_key(text).unwrap()).unwrap();
    assert_eq!(pinned.server_key, Some(house.server.app.link_key.public()));
    let claimed = claim(&again(&dir), &leases, &http, (&clock, &ids)).await;
    assert!(matches!(claimed, Claimed::Yes { pin: None }), "{claimed:?}");
}

/// What the node's view says of a copy: the messages of that problem.
fn copied(view: &Value) -> Vec<String> {
    let problems = view["problems"].as_array().unwrap().iter().filter(|problem| problem["code"] == "copied");
    problems.map(|problem| problem["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn f5_a_copy_of_an_agents_state_is_refused_and_named() {
    let house = House::new().await;
    let (dir, identity) = joined(&house).await;
    let (node, disk) = (identity.member.node, Disk::default());
    let agent = Process::start(identity, &disk, dial(&house.url()));
    agent.until_open(2).await;
    assert!(copied(&house.view(node).await).is_empty());
    // A disk image, taken while the agent runs.
    let image: Disk = Arc::new(Mutex::new(*disk.lock().unwrap()));
    let copy = Process::start(again(&dir), &image, dial(&house.url()));
    let why = copy.trouble().await;
    assert!(why.contains("another machine is the node") && why.contains("ostler node accept"), "{why}");
    assert_eq!(agent.links.state().open, 2, "the node goes on");
    let said = copied(&house.view(node).await);
    assert!(said[0].contains("Another machine shows this node's key"), "{said:?}");
    copy.spawn.shutdown().await;
    // The agent is restarted: what the copy has is old now, also when no other process is there.
    agent.spawn.shutdown().await;
    let agent = Process::start(again(&dir), &disk, dial(&house.url()));
    agent.until_open(2).await;
    agent.spawn.shutdown().await;
    let (clock, ids) = (house.server.app.clock.clone(), house.server.app.ids.clone());
    let http = HttpDial::new(&house.url()).unwrap();
    let claimed = claim(&again(&dir), &Leases::memory(image.clone(), &ids), &http, (&clock, &ids)).await;
    let Claimed::Copied(why) = claimed else { panic!("a copy must not run anything: {claimed:?}") };
    assert!(why.contains("ostler agent leave"), "{why}");
    // The owner decides that the other machine is the node.
    let path = format!("/api/v1/nodes/{node}");
    let seen =
        house.server.ask(&house.admin, Method::PATCH, &path, Some(&json!({ "accept_next": true }))).await.is(200);
    assert!(copied(&seen.json()).is_empty());
    let copy = Process::start(again(&dir), &image, dial(&house.url()));
    copy.until_open(2).await;
    let agent = Process::start(again(&dir), &disk, dial(&house.url()));
    assert!(agent.trouble().await.contains("another machine is the node"));
    agent.spawn.shutdown().await;
    copy.spawn.shutdown().await;
}

#[tokio::test]
async fn f5_a_crash_before_the_lease_was_stored_locks_no_node_out() {
    let house = House::new().await;
    let (dir, _) = joined(&house).await;
    let (clock, ids) = (house.server.app.clock.clone(), house.server.app.ids.clone());
    let http = HttpDial::new(&house.url()).unwrap();
    for _ in 0..3 {
        // What is handed out goes to a disk that is lost with the process.
        let lost = Leases::memory(Arc::default(), &ids);
        let claimed = claim(&again(&dir), &lost, &http, (&clock, &ids)).await;
        assert!(matches!(claimed, Claimed::Yes { .. }), "{claimed:?}");
    }
    let disk = Disk::default();
    let agent = Process::start(again(&dir), &disk, dial(&house.url()));
    agent.until_open(2).await;
    agent.spawn.shutdown().await;
    // From here on the lease is stored, and one who shows none is a copy.
    let claimed = claim(&again(&dir), &Leases::memory(Arc::default(), &ids), &http, (&clock, &ids)).await;
    assert!(matches!(claimed, Claimed::Copied(_)), "{claimed:?}");
}

#[tokio::test]
async fn s10_a_join_with_facts_out_of_bounds_is_refused_by_field() {
    let server = TestServer::start().await;
    let key = Key::from_seed(&server.app.ids.bytes());
    let mut body = json!({ "token": "ojt_x", "public_key": key.public_hex(), "facts": facts() });
    body["facts"]["os"] = json!("x".repeat(100_000));
    let answer = server.post(&As::Nobody, "/api/v1/agent/join", &body).await.is(422).json();
    assert_eq!(answer["fields"][0]["field"], "facts.os");
}

#[tokio::test]
async fn s10_a_node_has_at_most_so_many_links() {
    let house = House::new().await;
    let (dir, identity) = joined(&house).await;
    let (node, disk) = (identity.member.node, Disk::default());
    let ids = house.server.app.ids.clone();
    let leases = Arc::new(Leases::memory(disk.clone(), &ids));
    let most = ostler_model::bounds::link::LINKS_PER_NODE;
    let spawn = Spawn::new();
    let member = identity.member.clone();
    let hello = move |body: axum::body::Bytes| async move {
        let me = ostler_agent::link::Me { facts: facts(), desired_seq: 0, agent_boot: "boot".into() };
        axum::Json(ostler_agent::link::hello(&member, &serde_json::from_slice(&body).unwrap(), me).unwrap())
    };
    let router = Router::new()
        .route("/hello", axum::routing::post(hello))
        .route("/health", axum::routing::get(|| async { "well" }));
    let _links = ostler_agent::link::start(ostler_agent::link::Config {
        identity: Arc::new(again(&dir)),
        leases,
        dial: dial(&house.url()),
        router,
        count: usize::try_from(most * 10).unwrap(),
        clock: Clock::system(),
        ids,
        spawn: spawn.clone(),
    });
    let mut opened = house.server.app.fleet.subscribe();
    let (mut ups, mut peak) = (0, 0);
    while ups < most * 10 {
        let change = tokio::time::timeout(Duration::from_secs(30), opened.recv()).await.expect("links come");
        if matches!(change, Ok(ostler_server::fleet::Change::Up { .. })) {
            ups += 1;
        }
        peak = peak.max(house.server.app.fleet.presence(node).links);
    }
    assert_eq!(u64::from(peak), most, "links at once");
    spawn.shutdown().await;
}
