//! Requests through the link, beside the same requests to the same router on loopback.
//!
//! Both ends are in this process either way, so the difference is the link and nothing else.

use crate::wait::until;
use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ostler_agent::identity::{Identity, Key, Membership};
use ostler_agent::link::{self, HttpDial, Leases, Me};
use ostler_model::authz::{Authority, Collection, Origin, SystemReason, Write, authorize};
use ostler_model::node::{Facts, JoinToken, Node};
use ostler_model::{InstallationId, Millis, NodeId};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_server::fleet::{Fleet, LinkKey, Opening, Verifier, signed, way};
use ostler_store::{MasterKey, Options, Store};
use ostler_wire::link::UPGRADE;
use ostler_wire::link::proof::For;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const AT_ONCE: usize = 32;
const SPAN: Duration = Duration::from_secs(3);
const CHUNK: usize = 64 << 10;
const BULK: usize = 512 << 20;

/// `small`: requests a second, 32 at once. `bulk`: MB a second of one answer. Through the link for `ours`.
pub(super) async fn run(what: &str, side: &str) -> Result<f64> {
    let way = match side {
        "ours" => Way::Link(Linked::start().await?),
        "theirs" => Way::loopback().await?,
        _ => bail!("the side is ours or theirs"),
    };
    let way = Arc::new(way);
    match what {
        "small" => small(way).await,
        "bulk" => bulk(way).await,
        _ => bail!("small or bulk is measured"),
    }
}

async fn small(way: Arc<Way>) -> Result<f64> {
    let answers = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let warm = began + Duration::from_millis(500);
    let end = warm + SPAN;
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (way, answers) = (way.clone(), answers.clone());
        tasks.spawn(async move {
            while Instant::now() < end {
                let body = way.ask("/health").await?.into_body().collect().await?.to_bytes();
                anyhow::ensure!(&body[..] == b"well");
                if Instant::now() >= warm {
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(answers.load(Ordering::Relaxed) as f64 / SPAN.as_secs_f64())
}

async fn bulk(way: Arc<Way>) -> Result<f64> {
    let began = Instant::now();
    let mut body = way.ask("/bulk").await?.into_body();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        seen += frame?.data_ref().map_or(0, Bytes::len);
    }
    anyhow::ensure!(seen == BULK, "{seen} bytes came");
    Ok(seen as f64 / 1e6 / began.elapsed().as_secs_f64())
}

/// What is asked in either case.
fn work() -> Router {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let bulk = move || {
        let chunk = chunk.clone();
        async move { Body::new(http_body_util::StreamBody::new(chunks(chunk))) }
    };
    Router::new().route("/health", get(|| async { "well" })).route("/bulk", get(bulk))
}

fn chunks(chunk: Bytes) -> Chunks {
    Chunks { chunk, left: BULK / CHUNK }
}

/// The same chunk again and again.
struct Chunks {
    chunk: Bytes,
    left: usize,
}

impl futures_util::Stream for Chunks {
    type Item = Result<http_body::Frame<Bytes>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.left == 0 {
            return std::task::Poll::Ready(None);
        }
        self.left -= 1;
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(self.chunk.clone()))))
    }
}

enum Way {
    Link(Linked),
    Loopback { client: Box<Client<HttpConnector, Body>>, base: String },
}

impl Way {
    async fn loopback() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, work()).await });
        Ok(Self::Loopback { client: Box::new(Client::builder(TokioExecutor::new()).build_http()), base })
    }

    async fn ask(&self, path: &str) -> Result<Response<Body>> {
        let request = |uri: &str| Request::builder().method(Method::GET).uri(uri).body(Body::empty());
        Ok(match self {
            Self::Link(linked) => linked.fleet.request(linked.node, request(path)?).await?.map(Body::new),
            Self::Loopback { client, base } => client.request(request(&format!("{base}{path}"))?).await?.map(Body::new),
        })
    }
}

/// A control plane that knows nothing but links, and an agent that answers.
struct Linked {
    fleet: Fleet,
    node: NodeId,
    _links: link::Links,
}

#[derive(Clone)]
struct Door {
    store: Store,
    clock: Clock,
    verifier: Arc<Verifier>,
    fleet: Fleet,
    spawn: Spawn,
    key: LinkKey,
}

impl Linked {
    async fn start() -> Result<Self> {
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let spawn = Spawn::new();
        let store = Store::open(Options::memory(clock.clone(), MasterKey::new([7; 32]))).await?;
        let installation: InstallationId = ids.next();
        let fleet = Fleet::start(store.clone(), clock.clone(), spawn.clone(), installation);
        let link_key = LinkKey::load(&store, (&ids, &clock), installation, &[]).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let here = Door {
            store: store.clone(),
            clock: clock.clone(),
            verifier: Arc::default(),
            fleet: fleet.clone(),
            spawn: spawn.clone(),
            key: link_key.clone(),
        };
        let router = Router::new().route("/api/v1/agent/link", get(door)).with_state(here);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let dir = tempfile::tempdir()?;
        let key = Key::load_or_make(dir.path(), &ids)?;
        let node = node(&store, &clock, &ids, &key).await?;
        let server_key = Some(link_key.public());
        let member = Membership { url: url.clone(), node: node.id, name: node.name, installation, server_key };
        let identity = Arc::new(Identity { key, member: member.clone() });
        let hello = move |body: Bytes| async move {
            let me = Me { facts: Facts::default(), desired_seq: 0, agent_boot: "bench".into() };
            match serde_json::from_slice(&body).map(|asked| link::hello(&member, &asked, me)) {
                Ok(Ok(answer)) => axum::Json(answer).into_response(),
                _ => StatusCode::UPGRADE_REQUIRED.into_response(),
            }
        };
        let leases = Arc::new(Leases::load(dir.path(), &ids)?);
        let links = link::start(link::Config {
            identity,
            leases,
            dial: Arc::new(HttpDial::new(&url)?),
            router: work().route("/hello", post(hello)),
            count: 1,
            clock,
            ids,
            spawn,
        });
        until("the node's link to be open", || fleet.presence(node.id).links > 0).await?;
        Ok(Self { fleet, node: node.id, _links: links })
    }
}

async fn node(store: &Store, clock: &Clock, ids: &Ids, key: &Key) -> Result<Node> {
    let origin = Arc::new(Origin::default());
    let system = Authority::system(SystemReason::Setup);
    let grant = authorize::<_, Write>(&system, &Collection::<Node>::platform(), &origin)
        .map_err(|denied| anyhow::anyhow!("{denied:?}"))?;
    let now = clock.now();
    let token = JoinToken {
        id: ids.next(),
        workspace: None,
        created_by: None,
        label: None,
        created_at: now,
        expires_at: now + Millis::secs(60),
        used_at: None,
        node: None,
    };
    let hash: [u8; 32] = ids.bytes();
    store.join_token_create(&grant, &token, &hash, now).await?;
    let joining = ostler_store::node::Joining {
        id: ids.next(),
        name: "stable".parse()?,
        public_key: hex::decode(key.public_hex()).context("a key in hexadecimal digits")?,
        facts: Facts::default(),
    };
    Ok(store.node_join(&hash, &joining, &origin, now).await?)
}

async fn door(State(here): State<Door>, mut request: Request) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let (method, path) = (request.method().as_str(), request.uri().path());
    let (now, key) = (here.clock.now(), &here.key);
    let verified = here.verifier.verify(&here.store, now, method, path, (header, key)).await;
    let saw = way(request.headers());
    let proof = signed(request.headers()).and_then(|signed| key.prove(For::Link, &signed, saw, (None, now)));
    let Ok(node) = verified else { return StatusCode::UNAUTHORIZED.into_response() };
    let upgrade = hyper::upgrade::on(&mut request);
    let fleet = here.fleet.clone();
    here.spawn.spawn("attach", async move {
        if let Ok(io) = upgrade.await {
            fleet.attach(&node, Opening { proof, lease: None }, TokioIo::new(io)).await;
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, UPGRADE)]).into_response()
}
