//! Forwards, over HTTP/2 as the control plane speaks it: what is reached, what is refused, and how streams end.

use crate::support::{Node, but, eventually, workload};
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use ostler_agent::driver::sim::SimHost;
use ostler_agent::router;
use ostler_model::workload::blueprint::{Protocol, Resource, What};
use ostler_model::workload::{Desired, Power};
use ostler_runtime::Clock;
use ostler_wire::link::tuning;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

const SOON: Duration = Duration::from_secs(30);

/// A node at the end of a link.
struct Link {
    sender: SendRequest<Body>,
    serving: Option<AbortOnDropHandle<()>>,
}

impl Link {
    async fn to(node: &Node) -> Link {
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        let service = TowerToHyperService::new(router(node.agent.clone()));
        let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .initial_stream_window_size(tuning::STREAM_WINDOW)
            .initial_connection_window_size(tuning::CONNECTION_WINDOW)
            .serve_connection(TokioIo::new(theirs), service);
        let serving = Some(AbortOnDropHandle::new(tokio::spawn(async move { drop(served.await) })));
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(tuning::STREAM_WINDOW)
            .initial_connection_window_size(tuning::CONNECTION_WINDOW)
            .handshake(TokioIo::new(ours))
            .await
            .unwrap();
        tokio::spawn(connection);
        // The other side's settings say that it knows extended CONNECT; they are here with its first answer.
        let health = Request::builder().uri("http://node/health").body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(health).await.unwrap().status(), StatusCode::OK);
        Link { sender, serving }
    }

    async fn ask(&mut self, path: &str, protocol: &'static str) -> Response<Incoming> {
        let mut request =
            Request::builder().method(Method::CONNECT).uri(format!("http://node{path}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(hyper::ext::Protocol::from_static(protocol));
        self.sender.send_request(request).await.unwrap()
    }

    async fn refused(&mut self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(path, "ostler-forward").await;
        let status = answer.status();
        let said = axum::body::to_bytes(Body::new(answer.into_body()), 4096).await.unwrap();
        (status, String::from_utf8(said.to_vec()).unwrap())
    }

    async fn open(&mut self, want: &Desired) -> TokioIo<hyper::upgrade::Upgraded> {
        let answer = self.ask(&format!("/workloads/{}/ports/web", want.id), "ostler-forward").await;
        assert_eq!(answer.status(), StatusCode::OK);
        TokioIo::new(hyper::upgrade::on(answer).await.unwrap())
    }
}

fn with_port(mut want: Desired, name: &str, port: u16, protocol: Protocol) -> Desired {
    let what = What::Port { name: name.to_owned(), port, protocol };
    want.blueprint.resources.push(Resource { key: format!("port/{name}"), what });
    want
}

/// A node with a workload that has this machine's listener as its port `web`.
async fn place() -> (Node, Desired, TcpListener) {
    let node = Node::on(&SimHost::new(Clock::system())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let want = with_port(workload(&node.ids, &["site"]), "web", port, Protocol::Tcp);
    let want = with_port(want, "game", port, Protocol::Udp);
    (node, want, listener)
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(SOON, listener.accept()).await.expect("a connection in time").unwrap().0
}

#[tokio::test]
async fn only_tcp_ports_of_what_runs_are_reached_by_their_names() {
    let (mut node, want, listener) = place().await;
    let port = listener.local_addr().unwrap().port();
    let stranger = workload(&node.ids, &["other"]);
    node.want(&[want.clone(), stranger.clone()]).await;
    node.running(want.id).await;
    node.running(stranger.id).await;
    let mut link = Link::to(&node).await;
    let absent: ostler_model::WorkloadId = node.ids.next();
    for (id, name, status) in [
        (want.id, "web2".to_owned(), 404),
        // A number is no name, not even the right one; and a datagram's port is none.
        (want.id, port.to_string(), 404),
        (want.id, "game".to_owned(), 404),
        // A port of another workload.
        (stranger.id, "web".to_owned(), 404),
        (absent, "web".to_owned(), 404),
    ] {
        let (seen, why) = link.refused(&format!("/workloads/{id}/ports/{name}")).await;
        assert_eq!(seen.as_u16(), status, "{name}: {why}");
        assert!(!why.is_empty(), "{name}");
    }
    let path = format!("/workloads/{}/ports/web", want.id);
    assert_eq!(link.ask(&path, "websocket").await.status(), StatusCode::BAD_REQUEST);

    // What it is now wanted to have counts, not what it was started with.
    let moved = but(&want, |w| w.blueprint.resources.retain(|r| !r.key.starts_with("port/web")));
    node.want(&[moved.clone(), stranger.clone()]).await;
    assert_eq!(link.refused(&path).await.0, StatusCode::NOT_FOUND);
    let again = but(&moved, |w| w.blueprint = want.blueprint.clone());
    node.want(&[again.clone(), stranger.clone()]).await;
    link.open(&again).await;

    let off = but(&again, |w| w.power = Power::Off);
    node.want(&[off.clone(), stranger.clone()]).await;
    node.stopped(want.id).await;
    let (status, why) = link.refused(&path).await;
    assert_eq!(status, StatusCode::CONFLICT, "{why}");
    node.want(&[but(&off, |w| w.power = Power::On), stranger]).await;
    node.running(want.id).await;
    drop(listener);
    let (status, why) = link.refused(&path).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{why}");
}

#[tokio::test]
async fn each_half_closes_on_its_own() {
    let (mut node, want, listener) = place().await;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let mut link = Link::to(&node).await;

    // The caller has said all, and still hears the answer.
    let (mut caller, mut service) = (link.open(&want).await, accepted(&listener).await);
    caller.write_all(b"question").await.unwrap();
    caller.shutdown().await.unwrap();
    let mut heard = String::new();
    service.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "question");
    service.write_all(b"answer").await.unwrap();
    drop(service);
    let mut heard = String::new();
    caller.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "answer");

    // And the other way round.
    let (mut caller, mut service) = (link.open(&want).await, accepted(&listener).await);
    service.write_all(b"greeting").await.unwrap();
    service.shutdown().await.unwrap();
    let mut heard = String::new();
    caller.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "greeting");
    caller.write_all(b"thanks").await.unwrap();
    caller.shutdown().await.unwrap();
    let mut heard = String::new();
    service.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "thanks");
}

/// Bytes that show where one is missing; more than the kernel keeps for a connection.
fn bytes(seed: usize) -> Vec<u8> {
    (0..24 << 20).map(|i: usize| ((i + seed) % 251) as u8).collect()
}

/// Writes in pieces, as whoever copies does: a stream takes each piece whole, however large.
async fn write(mut to: impl AsyncWrite + Unpin, all: Vec<u8>) {
    for piece in all.chunks(16 << 10) {
        to.write_all(piece).await.unwrap();
    }
    to.shutdown().await.unwrap();
}

/// Reads a little at a time until the end.
async fn read(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let (mut all, mut some) = (Vec::new(), [0; 1500]);
    loop {
        match from.read(&mut some).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&some[..n]),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte_and_holds_up_nobody_else() {
    let (mut node, want, listener) = place().await;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let mut link = Link::to(&node).await;
    let (caller, service) = (link.open(&want).await, accepted(&listener).await);
    let (mut from_service, to_service) = tokio::io::split(caller);
    let (mut from_caller, to_caller) = tokio::io::split(service);
    let up = tokio::spawn(write(to_service, bytes(1)));
    let down = tokio::spawn(write(to_caller, bytes(2)));
    // Nobody reads: both sides stand still, and another stream goes its way.
    let (mut second, mut other) = (link.open(&want).await, accepted(&listener).await);
    second.write_all(b"ping").await.unwrap();
    let mut heard = [0; 4];
    other.read_exact(&mut heard).await.unwrap();
    assert!(!up.is_finished() && !down.is_finished(), "so much fits into no buffer on the way");
    let both = tokio::time::timeout(SOON, async { tokio::join!(read(&mut from_caller), read(&mut from_service)) });
    let (at_service, at_caller) = both.await.expect("all bytes in time");
    assert!(at_service == bytes(1) && at_caller == bytes(2));
    up.await.unwrap();
    down.await.unwrap();
}

#[tokio::test]
async fn a_cut_link_ends_its_streams() {
    let (mut node, want, listener) = place().await;
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let mut link = Link::to(&node).await;
    let (mut caller, mut service) = (link.open(&want).await, accepted(&listener).await);
    drop(link.serving.take());
    let mut rest = Vec::new();
    tokio::time::timeout(SOON, service.read_to_end(&mut rest)).await.expect("it hears of the end").ok();
    tokio::time::timeout(SOON, caller.read_to_end(&mut rest)).await.expect("and so does the other end").ok();
    assert!(rest.is_empty());
    let slots = || node.agent.forwards_open() == 0;
    eventually("every place is free again", slots).await;
}
