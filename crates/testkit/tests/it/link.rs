//! The link, over TCP on loopback and over the network in memory.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use ostler_agent::identity::{Asking, Identity, Key, Membership};
use ostler_agent::link::dial::{Ask, Dial, HttpDial};
use ostler_agent::link::{self, Leases, Links, Me};
use ostler_model::authz::{Authority, Collection, Origin, SystemReason, Write, authorize};
use ostler_model::node::{Facts, JoinToken, Node};
use ostler_model::{Id as _, InstallationId, Millis, NodeId, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::fleet::{Fleet, FleetError, LinkKey, Opening, Verifier, signed, way};
use ostler_store::event::Filter;
use ostler_store::{MasterKey, Options, Store};
use ostler_testkit::faults::Weather;
use ostler_testkit::transport::Net;
use ostler_wire::link::proof::For;
use ostler_wire::link::{Hello, UPGRADE};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Where the two sides meet.
#[derive(Debug, Clone, Copy)]
enum Way {
    Tcp,
    Memory,
}

/// What agents say that they dial.
const AT: &str = "http://localhost";

/// A control plane that knows nothing but links.
#[derive(Clone)]
struct Control {
    store: Store,
    clock: Clock,
    ids: Ids,
    verifier: Arc<Verifier>,
    fleet: Fleet,
    spawn: Spawn,
    installation: InstallationId,
    link_key: LinkKey,
}

impl Control {
    async fn new() -> Control {
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let store = Store::open(Options::memory(clock.clone(), MasterKey::new([7; 32]))).await.unwrap();
        Self::with(store, clock, ids.clone(), ids.next()).await
    }
    async fn with(store: Store, clock: Clock, ids: Ids, installation: InstallationId) -> Control {
        let spawn = Spawn::new();
        let fleet = Fleet::start(store.clone(), clock.clone(), spawn.clone(), installation);
        let link_key = LinkKey::load(&store, (&ids, &clock), installation, &[]).await.unwrap();
        Control { store, clock, ids, verifier: Arc::default(), fleet, spawn, installation, link_key }
    }
    /// The same database in a new process.
    async fn restarted(self) -> Control {
        self.spawn.shutdown().await;
        Self::with(self.store, self.clock, self.ids, self.installation).await
    }
    fn router(&self) -> Router {
        Router::new().route("/api/v1/agent/link", get(door)).with_state(self.clone())
    }
    async fn node(&self, key: &Key) -> Node {
        let system = Authority::system(SystemReason::Setup);
        let origin = Arc::new(Origin::default());
        let grant = authorize::<_, Write>(&system, &Collection::<Node>::platform(), &origin).unwrap();
        let now = self.clock.now();
        let token = JoinToken {
            id: self.ids.next(),
            workspace: None,
            created_by: None,
            label: None,
            created_at: now,
            expires_at: now + Millis::secs(60),
            used_at: None,
            node: None,
        };
        let hash: [u8; 32] = self.ids.bytes();
        self.store.join_token_create(&grant, &token, &hash, now).await.unwrap();
        let joining = ostler_store::node::Joining {
            id: self.ids.next(),
            name: "stable".parse().unwrap(),
            public_key: hex::decode(key.public_hex()).unwrap(),
            facts: Facts::default(),
        };
        self.store.node_join(&hash, &joining, &origin, now).await.unwrap()
    }
    async fn until_links(&self, node: NodeId, links: u32) {
        until(|| self.fleet.presence(node).links == links).await;
    }
}

async fn door(State(control): State<Control>, mut request: Request) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let (method, path) = (request.method().as_str(), request.uri().path());
    let (now, key) = (control.clock.now(), &control.link_key);
    let verified = control.verifier.verify(&control.store, now, method, path, (header, key)).await;
    let (signed, saw) = (signed(request.headers()), way(request.headers()));
    let Ok(node) = verified else {
        let proof = signed.and_then(|signed| key.prove(For::Answer, &signed, saw, (None, now)));
        let proof = proof.map(|text| [("ostler-server", text)]);
        return (StatusCode::UNAUTHORIZED, proof.unwrap_or_else(|| [("ostler-server", String::new())])).into_response();
    };
    let proof = signed.and_then(|signed| key.prove(For::Link, &signed, saw, (None, now)));
    let upgrade = hyper::upgrade::on(&mut request);
    let fleet = control.fleet.clone();
    control.spawn.spawn("attach", async move {
        if let Ok(io) = upgrade.await {
            fleet.attach(&node, Opening { proof, lease: None }, TokioIo::new(io)).await;
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, UPGRADE)]).into_response()
}

/// The network between one control plane and its agents.
struct Wires {
    net: Net,
    url: String,
    way: Way,
    spawn: Spawn,
    port: u16,
}

impl Wires {
    async fn new(way: Way, control: &Control) -> Wires {
        let wires =
            Wires { net: Net::new(control.clock.clone()), url: String::new(), way, spawn: Spawn::new(), port: 0 };
        wires.serve(control).await
    }
    async fn serve(mut self, control: &Control) -> Wires {
        match self.way {
            Way::Memory => self.net.serve(control.router(), control.spawn.clone()),
            Way::Tcp => {
                self.spawn.shutdown().await;
                self.spawn = Spawn::new();
                let listener = tokio::net::TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
                self.port = listener.local_addr().unwrap().port();
                let router = control.router();
                self.spawn.spawn("listener", async move { axum::serve(listener, router).await.unwrap() });
            }
        }
        self.url = format!("http://127.0.0.1:{}", self.port);
        self
    }
    fn dial(&self) -> Arc<dyn Dial> {
        match self.way {
            Way::Tcp => Arc::new(HttpDial::new(&self.url).unwrap()),
            Way::Memory => self.net.dial("stable"),
        }
    }
}

/// An agent that has nothing but links and a few routes.
struct Agent {
    links: Links,
    spawn: Spawn,
    /// Requests that arrived at `/slow`.
    slow: Arc<AtomicUsize>,
}

struct AgentOptions {
    links: usize,
    clock: Clock,
    me: fn(&Membership, &Hello) -> Result<ostler_wire::link::HelloAnswer, String>,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self { links: 1, clock: Clock::system(), me: |member, hello| link::hello(member, hello, me()) }
    }
}

fn me() -> Me {
    Me { facts: Facts { hostname: "stable".into(), ..Facts::default() }, desired_seq: 3, agent_boot: "boot".into() }
}

impl Agent {
    fn start(dial: Arc<dyn Dial>, key: Key, node: NodeId, control: &Control, options: AgentOptions) -> Agent {
        let (spawn, slow) = (Spawn::new(), Arc::new(AtomicUsize::new(0)));
        let name = "stable".parse().unwrap();
        let (installation, server_key) = (control.installation, Some(control.link_key.public()));
        let member = Membership { url: AT.to_owned(), node, name, installation, server_key };
        let identity = Arc::new(Identity { key, member });
        let member = identity.member.clone();
        let hello = move |body: Bytes| async move {
            match (options.me)(&member, &serde_json::from_slice(&body).unwrap()) {
                Ok(answer) => axum::Json(answer).into_response(),
                Err(why) => (StatusCode::UPGRADE_REQUIRED, why).into_response(),
            }
        };
        let arrived = slow.clone();
        let router = Router::new()
            .route("/hello", post(hello))
            .route("/health", get(|| async { "well" }))
            .route("/echo", post(|body: Body| async { body }))
            .route("/endless", get(|| async { Body::from_stream(endless()) }))
            .route(
                "/slow",
                any(move || {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>()
                }),
            )
            .route("/chatter/{bytes}", get(|Path(bytes): Path<usize>| async move { chatter(bytes) }))
            .route("/console", get(|| async { console() }))
            .route("/refuses", get(|| async { (StatusCode::CONFLICT, "no\n\u{1b}[2J".repeat(5000)) }))
            .route("/shout", any(shout));
        let links = link::start(link::Config {
            identity,
            leases: Arc::new(Leases::memory(Arc::default(), &control.ids)),
            dial,
            router,
            count: options.links,
            ids: Ids::system(options.clock.clone()),
            clock: options.clock,
            spawn: spawn.clone(),
        });
        Agent { links, spawn, slow }
    }
}

/// Bytes without end, as fast as the reader takes them.
fn endless() -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures_util::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 16 * 1024])))
}

/// Turns every byte into upper case, on a tunnel of bytes.
async fn shout(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgrade.await.unwrap());
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = io.read(&mut buffer).await {
            buffer[..n].make_ascii_uppercase();
            io.write_all(&buffer[..n]).await.unwrap();
        }
    });
    StatusCode::OK.into_response()
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            ostler_testkit::wait::pause(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it must come to be within 20 s");
}

fn key(control: &Control) -> Key {
    let dir = tempfile::tempdir().unwrap();
    Key::load_or_make(dir.path(), &control.ids).unwrap()
}

async fn linked(way: Way, options: AgentOptions) -> (Control, Wires, Agent, NodeId) {
    let control = Control::new().await;
    let wires = Wires::new(way, &control).await;
    let key = key(&control);
    let node = control.node(&key).await.id;
    let links = u32::try_from(options.links).unwrap();
    let agent = Agent::start(wires.dial(), key, node, &control, options);
    control.until_links(node, links).await;
    (control, wires, agent, node)
}

fn ask(method: Method, path: &str, body: impl Into<Body>) -> Request {
    Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

async fn both<F: Future<Output = ()>>(test: impl Fn(Way) -> F) {
    for way in [Way::Tcp, Way::Memory] {
        tokio::time::timeout(Duration::from_secs(60), test(way)).await.unwrap_or_else(|_| panic!("{way:?} hangs"));
    }
}

#[tokio::test]
async fn a_node_that_joined_answers_requests() {
    both(|way| async move {
        let (control, _wires, agent, node) = linked(way, AgentOptions::default()).await;
        let response = control.fleet.request(node, ask(Method::GET, "/health", "")).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"well");
        assert_eq!(control.fleet.hello(node).unwrap().desired_seq, 3);
        until(|| agent.links.state().open == 1).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_of_ten_megabytes_go_both_ways_unharmed() {
    both(|way| async move {
        let (control, _wires, _agent, node) = linked(way, AgentOptions::default()).await;
        let sent: Bytes =
            (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>().into();
        let response = control.fleet.request(node, ask(Method::POST, "/echo", sent.clone())).await.unwrap();
        let echoed = response.into_body().collect().await.unwrap().to_bytes();
        assert!(echoed == sent, "{} bytes came back, and not the same", echoed.len());
    })
    .await;
}

#[tokio::test]
async fn readers_who_stall_do_not_block_the_others() {
    both(|way| async move {
        let (control, _wires, _agent, node) = linked(way, AgentOptions::default()).await;
        let mut stalled = Vec::new();
        for _ in 0..40 {
            stalled.push(control.fleet.request(node, ask(Method::GET, "/endless", "")).await.unwrap());
        }
        // Everything that may be under way unread is.
        ostler_testkit::wait::pause(Duration::from_millis(300)).await;
        let sent = Bytes::from(vec![1; 3_000_000]);
        let work = async {
            let response = control.fleet.request(node, ask(Method::POST, "/echo", sent.clone())).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        };
        let echoed = tokio::time::timeout(Duration::from_secs(20), work).await.expect("the others wait for nobody");
        assert!(echoed == sent);
        drop(stalled);
    })
    .await;
}

#[tokio::test]
async fn bytes_travel_both_ways_on_a_tunnel() {
    both(|way| async move {
        let (control, _wires, _agent, node) = linked(way, AgentOptions::default()).await;
        let mut io = control.fleet.connect(node, "/shout", "websocket").await.unwrap();
        for word in ["hello", "world"] {
            io.write_all(word.as_bytes()).await.unwrap();
            let mut back = [0; 5];
            io.read_exact(&mut back).await.unwrap();
            assert_eq!(back.to_ascii_lowercase(), word.as_bytes());
            assert_ne!(back, word.as_bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_in_the_middle_of_an_answer_leaves_the_other_link() {
    let options = AgentOptions { links: 2, ..AgentOptions::default() };
    let (control, wires, _agent, node) = linked(Way::Memory, options).await;
    let mut changes = control.fleet.subscribe();
    let mut response = control.fleet.request(node, ask(Method::GET, "/endless", "")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    // Every link is cut a little later, the busy one first and in the middle of a frame.
    wires.net.cut_after("stable", 100_000);
    let error = loop {
        match response.body_mut().frame().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("an answer that was cut must not look complete"),
        }
    };
    drop(error);
    let answer = control.fleet.request(node, ask(Method::GET, "/health", "")).await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    // The busy link is replaced.
    while !matches!(changes.recv().await.unwrap(), ostler_server::fleet::Change::Up { .. }) {}
    control.until_links(node, 2).await;
}

#[tokio::test]
async fn a_request_that_was_under_way_when_the_link_broke_says_so() {
    both(|way| async move {
        let (control, _wires, agent, node) = linked(way, AgentOptions::default()).await;
        let fleet = control.fleet.clone();
        let pending = tokio::spawn(async move { fleet.request(node, ask(Method::POST, "/slow", "")).await });
        until(|| agent.slow.load(Ordering::SeqCst) == 1).await;
        agent.spawn.shutdown().await;
        let error = pending.await.unwrap().unwrap_err();
        assert!(matches!(error, FleetError::Cut { .. }), "{error:?}");
        control.until_links(node, 0).await;
        let error = control.fleet.request(node, ask(Method::GET, "/health", "")).await.unwrap_err();
        assert!(matches!(error, FleetError::Away(away) if away == node), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_request_without_an_answer_ends_at_its_limit() {
    let (control, _wires, _agent, node) = linked(Way::Memory, AgentOptions::default()).await;
    let request = ask(Method::GET, "/slow", "");
    let error = control.fleet.request_within(node, request, Millis(50)).await.unwrap_err();
    assert!(matches!(error, FleetError::Late(_)), "{error:?}");
    assert!(control.fleet.is_online(node), "a slow answer is no broken link");
}

#[tokio::test]
async fn agents_come_back_after_the_server_restarts() {
    both(|way| async move {
        let (control, wires, agent, node) = linked(way, AgentOptions { links: 2, ..AgentOptions::default() }).await;
        wires.net.unplug();
        let control = control.restarted().await;
        until(|| agent.links.state().open == 0).await;
        let _wires = wires.serve(&control).await;
        control.until_links(node, 2).await;
        let answer = control.fleet.request(node, ask(Method::GET, "/health", "")).await;
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_drained_agent_answers_what_is_under_way_and_goes() {
    both(|way| async move {
        let (control, _wires, agent, node) = linked(way, AgentOptions::default()).await;
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body = Body::from_stream(tokio_stream(receiver));
        sender.send(Ok("first ".into())).await.unwrap();
        let mut response = control.fleet.request(node, ask(Method::POST, "/echo", body)).await.unwrap();
        let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&first[..], b"first ");
        let links = agent.links.clone();
        let drained = tokio::spawn(async move { links.drain().await });
        // The agent says that it goes before the rest of the body is sent.
        while control.fleet.request(node, ask(Method::GET, "/health", "")).await.is_ok() {
            ostler_testkit::wait::pause(Duration::from_millis(5)).await;
        }
        assert!(!drained.is_finished(), "the answer under way holds the drain up");
        sender.send(Ok("second".into())).await.unwrap();
        drop(sender);
        assert_eq!(&response.into_body().collect().await.unwrap().to_bytes()[..], b"second");
        drained.await.unwrap();
        control.until_links(node, 0).await;
    })
    .await;
}

fn tokio_stream<T>(receiver: tokio::sync::mpsc::Receiver<T>) -> impl futures_util::Stream<Item = T> {
    futures_util::stream::unfold(receiver, |mut r| async move { r.recv().await.map(|item| (item, r)) })
}

#[tokio::test]
async fn a_server_of_another_installation_is_not_obeyed() {
    let control = Control::new().await;
    let wires = Wires::new(Way::Memory, &control).await;
    let key = key(&control);
    let node = control.node(&key).await.id;
    let elsewhere = Control { installation: control.ids.next(), ..control.clone() };
    let agent = Agent::start(wires.dial(), key, node, &elsewhere, AgentOptions::default());
    until(|| agent.links.state().trouble.is_some()).await;
    let why = agent.links.state().trouble.unwrap();
    assert!(why.contains("belongs to installation"), "{why}");
    assert_eq!(control.fleet.presence(node).links, 0);
}

#[tokio::test]
async fn a_version_without_a_common_protocol_is_refused_with_the_reason() {
    let control = Control::new().await;
    let wires = Wires::new(Way::Memory, &control).await;
    let key = key(&control);
    let node = control.node(&key).await.id;
    let me = |_: &Membership, hello: &Hello| {
        let newer = Hello { oldest: 7, newest: 8, ..hello.clone() };
        ostler_wire::link::agree(&newer).map(|_| panic!("protocol 7 is not spoken"))
    };
    let agent = Agent::start(wires.dial(), key, node, &control, AgentOptions { me, ..AgentOptions::default() });
    until(|| agent.links.state().trouble.is_some()).await;
    let why = agent.links.state().trouble.unwrap();
    assert!(why.contains("7 to 8") && why.contains("upgrade the agent"), "{why}");
    assert_eq!(control.fleet.presence(node).links, 0);
}

/// A control plane and an agent whose hello is this.
async fn refused(me: fn(&Membership, &Hello) -> Result<ostler_wire::link::HelloAnswer, String>) -> bool {
    let control = Control::new().await;
    let wires = Wires::new(Way::Memory, &control).await;
    let key = key(&control);
    let node = control.node(&key).await.id;
    let agent = Agent::start(wires.dial(), key, node, &control, AgentOptions { me, ..AgentOptions::default() });
    until(|| agent.links.state().trouble.is_some()).await;
    !control.fleet.is_online(node)
}

#[tokio::test]
async fn s10_a_hello_of_megabytes_is_not_read() {
    let huge = |member: &Membership, hello: &Hello| {
        let notes = vec!["x".repeat(1000); 10 * 256 * 1024 / 1000];
        let can = ostler_model::node::Abilities { notes, ..Default::default() };
        link::hello(member, hello, Me { facts: Facts { can, ..Facts::default() }, ..me() })
    };
    assert!(refused(huge).await);
    let hidden = |member: &Membership, hello: &Hello| {
        link::hello(member, hello, Me { facts: Facts { os: "\u{1b}[2J".into(), ..Facts::default() }, ..me() })
    };
    assert!(refused(hidden).await);
    let long =
        |member: &Membership, hello: &Hello| link::hello(member, hello, Me { agent_boot: "x".repeat(640), ..me() });
    assert!(refused(long).await);
}

/// A console that says the same line for ever.
fn console() -> Body {
    let line =
        r#"{"seq":1,"at":"2026-01-01T00:00:00Z","stream":"out","text":"TEXT"}"#.replace("TEXT", &"x".repeat(8000));
    let line = Bytes::from(line + "\n");
    Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(line.clone())))
}

/// A line of this many bytes, over and over.
fn chatter(bytes: usize) -> Body {
    let line = Bytes::from(format!("{}\n", "1".repeat(bytes)));
    Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(line.clone())))
}

#[tokio::test]
async fn s10_lines_ten_times_too_long_end_the_stream() {
    use ostler_model::bounds::link::{CONSOLE_LINE, REPORT_LINE, STATS_LINE};
    use ostler_server::fleet::Line;
    async fn ends<T: Line>(fleet: &Fleet, node: NodeId, path: &str) {
        let mut lines = fleet.lines::<T>(node, path).await.unwrap();
        let Some(Err(error)) = lines.next().await else { panic!("{path}: a line that long is not read") };
        assert!(matches!(error, FleetError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains(&T::MOST.to_string()), "{error}");
    }
    let (control, _wires, _agent, node) = linked(Way::Memory, AgentOptions::default()).await;
    ends::<ostler_wire::link::Observation>(&control.fleet, node, &format!("/chatter/{}", REPORT_LINE * 10)).await;
    ends::<ostler_wire::stats::NodeStats>(&control.fleet, node, &format!("/chatter/{}", STATS_LINE * 10)).await;
    ends::<ostler_wire::stats::WorkloadStats>(&control.fleet, node, &format!("/chatter/{}", STATS_LINE * 10)).await;
    ends::<ostler_wire::console::ConsoleLine>(&control.fleet, node, &format!("/chatter/{}", CONSOLE_LINE * 10)).await;
}

#[tokio::test]
async fn s10_a_console_answer_has_a_byte_budget() {
    use ostler_model::bounds::link::CONSOLE_ANSWER;
    let (control, _wires, _agent, node) = linked(Way::Memory, AgentOptions::default()).await;
    let path = "/console?after=0&follow=false";
    let mut lines = control.fleet.lines::<ostler_wire::console::ConsoleLine>(node, path).await.unwrap();
    let mut read = 0;
    let error = loop {
        match lines.next().await.expect("it never ends by itself") {
            Ok(line) => read += line.text.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("more lines than are read at once"), "{error}");
    assert!(read <= CONSOLE_ANSWER && read > CONSOLE_ANSWER / 2, "{read} bytes of text were read");
}

#[tokio::test]
async fn s10_an_endless_answer_is_read_up_to_its_bound() {
    let (control, _wires, _agent, node) = linked(Way::Memory, AgentOptions::default()).await;
    let error = control.fleet.get::<u64>(node, "/endless").await.unwrap_err();
    assert!(error.to_string().contains(&ostler_model::bounds::link::ANSWER_WHOLE.to_string()), "{error}");
    let error = control.fleet.get::<u64>(node, "/refuses").await.unwrap_err();
    let FleetError::Refused { message, .. } = &error else { panic!("{error:?}") };
    assert!(message.chars().count() <= 500 && !error.to_string().contains(['\n', '\u{1b}']), "{error}");
}

#[tokio::test]
async fn a_protocol_that_the_server_does_not_speak_ends_the_link() {
    let control = Control::new().await;
    let wires = Wires::new(Way::Memory, &control).await;
    let key = key(&control);
    let node = control.node(&key).await.id;
    let me = |member: &Membership, hello: &Hello| {
        link::hello(member, hello, me()).map(|answer| ostler_wire::link::HelloAnswer { protocol: 99, ..answer })
    };
    let agent = Agent::start(wires.dial(), key, node, &control, AgentOptions { me, ..AgentOptions::default() });
    until(|| agent.links.state().trouble.is_some()).await;
    assert_eq!(control.fleet.presence(node).links, 0);
}

fn asking<'a>(control: &Control, node: NodeId, method: &'a str, path: &'a str, at: Time) -> Asking<'a> {
    let installation = Some(control.installation);
    Asking { node, installation, authority: "localhost", method, path, at, lease: None, boot: [1; 16] }
}

/// Asks for a link with this header and says how that was answered.
async fn knock(wires: &Wires, authorization: &str) -> StatusCode {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    let ask = Ask { method: Method::GET, path: "/api/v1/agent/link".into(), headers, body: Bytes::new() };
    wires.dial().ask(ask).await.unwrap().status
}

#[tokio::test]
async fn signatures_are_accepted_once_fresh_and_from_their_own_node_only() {
    both(|way| async move {
        let control = Control::new().await;
        let wires = Wires::new(way, &control).await;
        let (own, other) = (key(&control), key(&control));
        let node = control.node(&own).await.id;
        let path = "/api/v1/agent/link";
        let sign = |key: &Key, node: NodeId, method: &str, path: &str, at: Time| {
            key.authorization(&asking(&control, node, method, path, at), control.ids.bytes())
        };
        let elsewhere = |change: fn(&mut Asking<'_>, &Ids)| {
            let mut asking = asking(&control, node, "GET", path, control.clock.now());
            change(&mut asking, &control.ids);
            own.authorization(&asking, control.ids.bytes())
        };
        let now = control.clock.now();
        let unknown = NodeId::from_parts(now, 1);
        let minute = Millis::secs(60);
        for (why, header) in [
            ("another node's key", sign(&other, node, "GET", path, now)),
            ("an unknown node", sign(&own, unknown, "GET", path, now)),
            ("another method", sign(&own, node, "POST", path, now)),
            ("another path", sign(&own, node, "GET", "/api/v1/agent/join", now)),
            ("too old", sign(&own, node, "GET", path, now - minute - minute)),
            ("too new", sign(&own, node, "GET", path, now + minute + minute)),
            ("another scheme", sign(&own, node, "GET", path, now).replace("Ostler-Node", "Bearer")),
            ("nothing", "Ostler-Node".to_owned()),
            ("another installation", elsewhere(|asking, ids| asking.installation = Some(ids.next()))),
            ("another server's name", elsewhere(|asking, _| asking.authority = "ostler.example.org")),
        ] {
            assert_eq!(knock(&wires, &header).await, StatusCode::UNAUTHORIZED, "{why} must be refused");
        }
        let header = sign(&own, node, "GET", path, now);
        assert_eq!(knock(&wires, &header).await, StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(knock(&wires, &header).await, StatusCode::UNAUTHORIZED, "a replay must be refused");
    })
    .await;
}

#[tokio::test]
async fn one_of_many_replays_at_once_is_accepted() {
    let control = Control::new().await;
    let wires = Wires::new(Way::Memory, &control).await;
    let own = key(&control);
    let node = control.node(&own).await.id;
    let asking = asking(&control, node, "GET", "/api/v1/agent/link", control.clock.now());
    let header = own.authorization(&asking, control.ids.bytes());
    let answers = futures_util::stream::iter(0..50).map(|_| knock(&wires, &header)).buffer_unordered(50);
    let accepted = answers.filter(|s| std::future::ready(*s == StatusCode::SWITCHING_PROTOCOLS)).count().await;
    assert_eq!(accepted, 1);
}

/// The machine's clock, wrong by hours.
struct Wrong(i64);
impl ostler_runtime::ClockSource for Wrong {
    fn now(&self) -> Time {
        Time::from_millis(ostler_runtime::SystemClock.now().as_millis() + self.0)
    }
    fn sleep_until(&self, at: Time) -> ostler_runtime::Sleep {
        ostler_runtime::SystemClock.sleep_until(Time::from_millis(at.as_millis() - self.0))
    }
    fn instant(&self) -> std::time::Instant {
        std::time::Instant::now()
    }
}

#[tokio::test]
async fn an_agent_with_a_wrong_clock_learns_the_servers_time() {
    for hours in [-30, 30] {
        let clock = Clock::new(Wrong(hours * 3_600_000));
        let (control, _wires, _agent, node) = linked(Way::Tcp, AgentOptions { clock, ..AgentOptions::default() }).await;
        assert!(control.fleet.is_online(node));
    }
}

#[tokio::test]
async fn coming_and_going_is_written_down_once_and_in_order() {
    let (control, wires, agent, node) = linked(Way::Memory, AgentOptions { links: 3, ..AgentOptions::default() }).await;
    let facts = || async { control.store.node_get(node).await.unwrap() };
    while facts().await.seen_at.is_none() || facts().await.facts.hostname != "stable" {
        ostler_testkit::wait::pause(Duration::from_millis(5)).await;
    }
    agent.spawn.shutdown().await;
    control.until_links(node, 0).await;
    let words = || async {
        let events = control.store.event_list(&Filter::default(), 0, 100).await.unwrap();
        events
            .iter()
            .map(|e| serde_json::to_value(&e.fact).unwrap()["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    while !words().await.contains(&"node.offline".to_owned()) {
        ostler_testkit::wait::pause(Duration::from_millis(5)).await;
    }
    let presence: Vec<String> = words().await.into_iter().filter(|w| w.ends_with("line")).collect();
    assert_eq!(presence, ["node.online", "node.offline"]);
    drop(wires);
}

#[tokio::test]
async fn a_node_behind_a_partition_is_missed_within_twenty_seconds() {
    let (control, wires, agent, node) = linked(Way::Memory, AgentOptions::default()).await;
    wires.net.set("stable", Weather::partitioned());
    let began = std::time::Instant::now();
    let gone = async {
        while control.fleet.is_online(node) || agent.links.state().open > 0 {
            ostler_testkit::wait::pause(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(25), gone).await.expect("both sides must notice");
    assert!(began.elapsed() < Duration::from_secs(20));
    wires.net.set("stable", Weather::fine());
    control.until_links(node, 1).await;
}
