//! Links through proxies that pass some upgrades, or none.
//!
//! The proxy here is a small one in the test's process, which does with upgrades what Apache's `upgrade=websocket` and nginx
//! without its two lines do. `proxies` has the real ones.

use super::machine::{House, Process, enter};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use ostler_agent::identity::Identity;
use ostler_agent::link::HttpDial;
use ostler_agent::link::dial::{Ask, Dial as _};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passes {
    Nothing,
    WebSockets,
    /// Answers upgrades that it does not know by itself.
    BadGateway,
}

/// A proxy in front of this address.
async fn proxy(to: SocketAddr, passes: Passes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A connection that breaks is the client's to notice.
                let _ = pass(client, to, passes).await;
            });
        }
    });
    format!("http://{address}")
}

async fn pass(mut client: TcpStream, to: SocketAddr, passes: Passes) -> std::io::Result<()> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8(head).unwrap();
    let is_named = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let wanted = text.lines().find(|line| is_named(line, "upgrade:")).map(|line| line[8..].trim().to_owned());
    let is_passed = passes == Passes::WebSockets && wanted.as_deref() == Some("websocket");
    if passes == Passes::BadGateway && wanted.is_some() {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    }
    let kept = |line: &&str| is_passed || !(is_named(line, "upgrade:") || is_named(line, "connection:"));
    let mut lines: Vec<&str> = text.trim_end().lines().filter(kept).collect();
    if !is_passed {
        lines.push("connection: close");
    }
    let mut server = TcpStream::connect(to).await?;
    server.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[tokio::test]
async fn f8_an_agent_joins_through_a_proxy_that_passes_websockets_only() {
    let house = House::new().await;
    let url = proxy(house.running.address, Passes::WebSockets).await;
    let dir = tempfile::tempdir().unwrap();
    let identity = enter(dir.path(), &url, &house.token().await).await.unwrap();
    let node = identity.member.node;
    let echo = Router::new()
        .route("/echo", post(|body: axum::body::Body| async { body }))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let dial = Arc::new(HttpDial::new(&url).unwrap());
    let clock = ostler_runtime::Clock::system();
    let agent = Process::with(identity, &Arc::default(), dial, clock, echo);
    agent.until_open(2).await;
    house.until_online(node).await;
    // The same HTTP/2 as on a bare connection, in both directions at once.
    let sent: axum::body::Bytes = (0..5_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let request = Request::builder().method(Method::POST).uri("/echo").body(sent.clone().into()).unwrap();
    let response = house.server.app.fleet.request(node, request).await.unwrap();
    let echoed = response.into_body().collect().await.unwrap().to_bytes();
    assert!(echoed == sent, "{} bytes came back", echoed.len());
    agent.links.drain().await;
    agent.spawn.shutdown().await;
}

#[tokio::test]
async fn f9_a_proxy_that_passes_no_upgrade_is_named_with_the_lines_to_add() {
    let house = House::new().await;
    for passes in [Passes::Nothing, Passes::BadGateway] {
        let url = proxy(house.running.address, passes).await;
        let (dir, token) = (tempfile::tempdir().unwrap(), house.token().await);
        if passes == Passes::Nothing {
            let why = enter(dir.path(), &url, &token).await.unwrap_err().to_string();
            assert!(why.contains("does not pass upgrades") && why.contains("proxy_set_header Upgrade"), "{why}");
            assert!(!house.is_spent(&token).await, "the token can still be used");
        }
        let identity = enter(dir.path(), &house.url(), &token).await.unwrap();
        // Later the proxy comes in between.
        let member = ostler_agent::identity::Membership { url: url.clone(), ..identity.member };
        let identity = Identity { key: identity.key, member };
        let agent = Process::start(identity, &Arc::default(), Arc::new(HttpDial::new(&url).unwrap()));
        let why = agent.trouble().await;
        assert!(why.contains("pass upgrades") && why.contains("upgrade=websocket"), "{passes:?}: {why}");
        agent.spawn.shutdown().await;
    }
}

/// Runs this test of this program once more, with these variables.
fn once_more(test: &str, variables: &[(&str, &str)]) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("OSTLER_TEST_INNER", "1").envs(variables.iter().copied());
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn f20_loopback_is_asked_directly_whatever_the_environment_says() {
    // Nothing listens at this port, and 192.0.2.1 is no machine's address.
    let nowhere = "http://127.0.0.1:9";
    if std::env::var_os("OSTLER_TEST_INNER").is_none() {
        let test = "proxy::f20_loopback_is_asked_directly_whatever_the_environment_says";
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        tokio::task::spawn_blocking(move || once_more(test, &names.map(|name| (name, nowhere)))).await.unwrap();
        return;
    }
    let house = House::new().await;
    let dir = tempfile::tempdir().unwrap();
    let identity = enter(dir.path(), &house.url(), &house.token().await).await.unwrap();
    let agent = Process::start(identity, &Arc::default(), Arc::new(HttpDial::new(&house.url()).unwrap()));
    agent.until_open(2).await;
    agent.spawn.shutdown().await;
    // Elsewhere the proxy is used, and named when it does not answer.
    let dial = HttpDial::new("https://192.0.2.1").unwrap();
    let ask = Ask { method: Method::GET, path: "/".into(), headers: HeaderMap::new(), body: Bytes::new() };
    let Err(error) = dial.ask(ask).await else { panic!("nothing answers there") };
    assert!(error.to_string().contains("HTTPS_PROXY") && error.to_string().contains("NO_PROXY"), "{error}");
}
