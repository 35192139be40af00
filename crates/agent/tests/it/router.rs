//! The routes that the control plane calls, as it calls them.

use crate::support::{Node, but, workload};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use ostler_agent::driver::sim::SimHost;
use ostler_agent::router;
use ostler_model::workload::{Phase, Power};
use ostler_runtime::Clock;
use ostler_wire::console::{ConsoleLine, ConsoleStream};
use ostler_wire::link::{DesiredAnswer, Hello, HelloAnswer, Observation, PROTOCOL, Snapshot, Status, Want};
use ostler_wire::stats::{NodeStats, WorkloadStats};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tower::ServiceExt as _;

struct Caller(axum::Router);

impl Caller {
    async fn send(&self, method: &str, path: &str, body: &impl Serialize) -> (StatusCode, BodyDataStream) {
        let body = Body::from(serde_json::to_vec(body).unwrap());
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let answer = self.0.clone().oneshot(request).await.unwrap();
        (answer.status(), answer.into_body().into_data_stream())
    }
    async fn ask<T: DeserializeOwned>(&self, method: &str, path: &str, body: &impl Serialize) -> T {
        let (status, mut answer) = self.send(method, path, body).await;
        let mut bytes = vec![];
        while let Some(chunk) = answer.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }
    async fn lines(&self, path: &str) -> Lines {
        let (status, stream) = self.send("GET", path, &()).await;
        assert_eq!(status, StatusCode::OK);
        Lines { stream, held: vec![] }
    }
}

/// A stream of JSON lines.
struct Lines {
    stream: BodyDataStream,
    held: Vec<u8>,
}

impl Lines {
    async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            if let Some(at) = self.held.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.held.drain(..=at).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk =
                tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await.expect("a line in time")?;
            self.held.extend_from_slice(&chunk.unwrap());
        }
    }
}

#[tokio::test]
async fn the_control_plane_greets_wishes_and_watches() {
    let host = SimHost::new(Clock::system());
    let node = Node::on(&host).await;
    let caller = Caller(router(node.agent.clone()));
    let mut hello = Hello {
        installation: node.member.installation,
        node: node.member.node,
        newest: PROTOCOL,
        oldest: 1,
        server_version: "0".into(),
        now: Clock::system().now(),
        proof: None,
    };
    let answer: HelloAnswer = caller.ask("POST", "/hello", &hello).await;
    assert_eq!((answer.protocol, answer.desired_seq), (PROTOCOL, 0));
    hello.installation = node.ids.next();
    assert_eq!(caller.send("POST", "/hello", &hello).await.0, StatusCode::CONFLICT);

    let want = workload(&node.ids, &["game"]);
    let mut observed = caller.lines("/observed").await;
    assert_eq!(observed.next::<Observation>().await, Some(Observation::Synced { seq: 0 }));
    let snapshot = |seq, workloads| Want::Snapshot(Snapshot { installation: node.member.installation, seq, workloads });
    let answer: DesiredAnswer = caller.ask("PUT", "/desired", &snapshot(1, vec![want.clone()])).await;
    assert_eq!(answer, DesiredAnswer::Accepted { seq: 1 });
    let mut last = 0;
    loop {
        let Some(Observation::Workload { id, report }) = observed.next().await else { continue };
        assert!(id == want.id && report.seq > last);
        last = report.seq;
        if matches!(report.seen.phase, Phase::Running { .. }) {
            break;
        }
    }
    // Who comes later gets the latest at once.
    let mut late = caller.lines("/observed").await;
    let Some(Observation::Workload { report, .. }) = late.next().await else { panic!("a report first") };
    assert!(matches!(report.seen.phase, Phase::Running { .. }));
    assert_eq!(late.next::<Observation>().await, Some(Observation::Synced { seq: 1 }));

    let status: Status = caller.ask("GET", "/status", &()).await;
    assert_eq!((status.desired_seq, status.workloads), (1, 1));
    let node_stats: NodeStats = caller.lines("/stats").await.next().await.unwrap();
    assert_eq!(node_stats.workloads_running, 1);
    let stats: WorkloadStats = caller.lines(&format!("/workloads/{}/stats", want.id)).await.next().await.unwrap();
    assert!(stats.memory_bytes.is_some());

    let off = but(&want, |w| w.power = Power::Off);
    let _: DesiredAnswer = caller.ask("PUT", "/desired", &snapshot(2, vec![off])).await;
    node.stopped(want.id).await;
    let (status, _) =
        caller.send("POST", &format!("/workloads/{}/console", want.id), &serde_json::json!({"command": "x"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_console_is_read_followed_and_typed_into() {
    let host = SimHost::new(Clock::system());
    let mut node = Node::on(&host).await;
    let want = workload(&node.ids, &["game"]);
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    let caller = Caller(router(node.agent.clone()));
    let path = format!("/workloads/{}/console", want.id);
    let mut page = caller.lines(&path).await;
    let mut last = 0;
    while let Some(line) = page.next::<ConsoleLine>().await {
        last = line.seq;
    }
    let mut follow = caller.lines(&format!("{path}?after={last}&follow=true")).await;
    for wrong in ["", "two\nlines", "nul\0"] {
        let (status, _) = caller.send("POST", &path, &serde_json::json!({ "command": wrong })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    }
    let (status, _) = caller.send("POST", &path, &serde_json::json!({"command": "list"})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(host.inputs(want.id), ["list"]);
    let mut seen = vec![];
    while seen.len() < 2 {
        let line: ConsoleLine = follow.next().await.unwrap();
        assert!(line.seq > last);
        seen.push((line.stream, line.text));
    }
    assert!(seen.contains(&(ConsoleStream::In, "list".into())), "{seen:?}");
    assert!(seen.contains(&(ConsoleStream::Out, "you said: list".into())), "{seen:?}");
    let absent: ostler_model::WorkloadId = node.ids.next();
    assert_eq!(caller.send("GET", &format!("/workloads/{absent}/console"), &()).await.0, StatusCode::NOT_FOUND);
}
