//! A server on a real socket: starting, answering, draining, starting again.

use ostler_server::config::{Config, Rates};
use ostler_server::{Running, serve};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

async fn start(dir: &Path) -> Running {
    let config = Config {
        data_dir: dir.join("data"),
        listen: ([127, 0, 0, 1], 0).into(),
        rates: Rates::NONE,
        ..Config::default()
    };
    serve(config).await.unwrap()
}

/// One request by hand: the test needs no client of its own kind.
async fn ask(address: std::net::SocketAddr, head: &str, body: &str) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let text = format!("{head}\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the text contains this, or the connection ends.
async fn read_until(stream: &mut tokio::net::TcpStream, wanted: &str) -> String {
    use tokio::io::AsyncReadExt as _;
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let count = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await.unwrap().unwrap();
        if count == 0 {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

async fn install(running: &Running) -> String {
    let secret = running.setup_secret.as_ref().unwrap().reveal().to_owned();
    let body =
        json!({"secret": secret, "email": "ada@example.org", "name": "Ada", "password": "correct horse battery"});
    let head = "POST /api/v1/setup/install HTTP/1.1\r\ncontent-type: application/json\r\nconnection: close";
    let mut stream = ask(running.address, head, &body.to_string()).await;
    let text = read_until(&mut stream, "\u{0}").await;
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    let cookie = text.lines().find_map(|l| l.strip_prefix("set-cookie: ")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_survives_a_restart_and_streams_end_when_the_server_stops() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path()).await;
    let cookie = install(&running).await;
    let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/master.key")), (0o700, 0o600));

    let head = format!("GET /api/v1/events/stream HTTP/1.1\r\ncookie: {cookie}");
    let mut stream = ask(running.address, &head, "").await;
    let text = read_until(&mut stream, "retry").await;
    assert!(text.contains("text/event-stream") && !text.contains("content-encoding"), "{text}");
    let mut idle = ask(running.address, "GET /health HTTP/1.1", "").await;
    read_until(&mut idle, "bootId").await;

    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "neither a stream nor an idle connection holds the server up");
    read_until(&mut stream, "\u{0}").await;

    let again = start(dir.path()).await;
    assert!(again.setup_secret.is_none(), "it is installed");
    let head = format!("GET /api/v1/users/me HTTP/1.1\r\nconnection: close\r\ncookie: {cookie}");
    let text = read_until(&mut ask(again.address, &head, "").await, "\u{0}").await;
    let body: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap_or(Value::Null);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(body.is_null() || body["user"]["email"] == "ada@example.org");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_finished_before_the_server_ends() {
    use tokio::io::AsyncWriteExt as _;
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path()).await;
    let secret = running.setup_secret.as_ref().unwrap().reveal().to_owned();
    let body = json!({"secret": secret, "email": "a@example.org", "name": "A", "password": "correct horse battery"});
    let body = body.to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let length = first.len() + rest.len();
    let head = format!(
        "POST /api/v1/setup/install HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{first}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Another request on another connection proves that the first has arrived before the server is asked to stop.
    read_until(&mut ask(running.address, "GET /health HTTP/1.1", "").await, "bootId").await;
    let stopping = tokio::spawn(running.stop());
    stream.write_all(rest.as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "memberships").await;
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_port_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path()).await;
    let config = Config { data_dir: dir.path().join("other"), listen: running.address, ..Config::default() };
    let error = format!("{:#}", serve(config).await.unwrap_err());
    assert!(error.contains("is another server running?"), "{error}");
    running.stop().await;
}
