//! Connections that do nothing, little, or nonsense, over real sockets.

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ostler_model::Millis;
use ostler_model::bounds::http as bound;
use ostler_server::http::conn::Numbers;
use ostler_server::{Running, listen_with};
use ostler_testkit::server::{As, TestServer};
use ostler_testkit::wait::{until, until_so};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const GET: &str = "GET /health HTTP/1.1\r\nhost: ostler.test\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

async fn open(numbers: Numbers) -> (TestServer, Running) {
    let t = TestServer::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = listen_with(t.app.clone(), None, listener, numbers).unwrap();
    (t, running)
}

fn roomy() -> Numbers {
    Numbers::of(4096)
}

/// A connection from 127.0.0.`last`.
async fn dial(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

async fn dial_and_say(last: u8, to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = dial(last, to).await;
    stream.write_all(bytes).await.unwrap();
    stream
}

/// What comes until the end; a reset is an end, too.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await;
    let _ = read.expect("the connection was not closed");
    all
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        while !all.ends_with(b"}") {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&chunk[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("no answer came");
    String::from_utf8(all).unwrap()
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0; 1 << 16]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn s8_every_stage_of_a_connection_has_a_deadline() {
    let (t, running) = open(roomy()).await;
    let to = running.address;
    let mut silent = dial(1, to).await;
    let mut half_head = dial_and_say(1, to, b"GET /health HT").await;
    let mut half_preface = dial_and_say(1, to, &PREFACE[..10]).await;
    let mut no_settings = dial_and_say(1, to, PREFACE).await;
    let mut idle = dial_and_say(1, to, GET.as_bytes()).await;
    answer(&mut idle).await;
    let mut between = dial_and_say(1, to, GET.as_bytes()).await;
    answer(&mut between).await;
    let mut http2 = dial_and_say(1, to, &[PREFACE, SETTINGS].concat()).await;
    let mut frame = [0; 9];
    http2.read_exact(&mut frame).await.unwrap();

    t.time.skip(Millis(bound::FIRST_BYTE_MS + 100));
    assert_eq!(rest(&mut silent).await, b"");
    // A second head that never ends, on a connection that has been good before.
    between.write_all(b"GET /hea").await.unwrap();
    t.time.skip(Millis(bound::HEAD_MS - bound::FIRST_BYTE_MS));
    for stream in [&mut half_head, &mut half_preface, &mut no_settings] {
        rest(stream).await;
    }
    assert!(is_open(&idle), "it is between requests");
    idle.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut idle).await;
    t.time.skip(Millis(bound::HEAD_MS));
    rest(&mut between).await;
    assert!(is_open(&idle));
    t.time.skip(Millis(bound::IDLE_MS));
    assert_eq!(rest(&mut idle).await, b"", "told by a clean end");
    let end = rest(&mut http2).await;
    // A frame of type 7, GOAWAY.
    assert!(end.windows(5).any(|part| part[3] == 7), "{end:?}");
    running.stop().await;
}

#[tokio::test]
async fn s8_streams_outlive_every_deadline_of_a_connection() {
    let (t, running) = open(Numbers { all: 8, per_address: 8, descriptor: 100_000 }).await;
    let person = t.person(true).await;
    let As::Browser(token) = t.browser(&person).await else { unreachable!() };
    let cookie = format!("{}={token}", ostler_server::auth::COOKIE);
    let ask = format!("GET /api/v1/events/stream HTTP/1.1\r\nhost: ostler.test\r\ncookie: {cookie}\r\n\r\n");
    let mut stream = dial_and_say(1, running.address, ask.as_bytes()).await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    for _ in 0..20 {
        t.time.skip(Millis::secs(16));
        // A comment each time that nothing happened.
        let mut chunk = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut chunk)).await;
        assert!(read.expect("no comment came").unwrap() > 0);
    }
    // Nor does it leave when others want its place.
    let mut crowd = vec![];
    for last in 2..30 {
        crowd.push(dial(last, running.address).await);
    }
    let mut real = dial_and_say(100, running.address, GET.as_bytes()).await;
    answer(&mut real).await;
    t.time.skip(Millis::secs(16));
    let mut chunk = [0; 4096];
    assert!(stream.read(&mut chunk).await.unwrap() > 0);
    drop((stream, real, crowd));
    running.stop().await;
}

#[tokio::test]
async fn s8_an_address_at_its_cap_loses_its_own_silent_connections() {
    let (_t, running) = open(Numbers { all: 1000, per_address: 20, descriptor: 100_000 }).await;
    let mut other = dial_and_say(3, running.address, GET.as_bytes()).await;
    answer(&mut other).await;
    let mut crowd = vec![];
    // Ten times as many as it may have.
    for _ in 0..200 {
        crowd.push(dial(2, running.address).await);
    }
    until_so("the address has what it may have", || crowd.iter().filter(|stream| is_open(stream)).count() <= 20).await;
    let mut own = dial_and_say(2, running.address, GET.as_bytes()).await;
    answer(&mut own).await;
    other.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut other).await;
    running.stop().await;
}

#[tokio::test]
async fn s8_a_body_that_drips_is_refused() {
    let (t, running) = open(roomy()).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: ostler.test\r\ncontent-type: application/json\r\n\
                content-length: 10000\r\n\r\n{";
    let mut stopped = dial_and_say(1, running.address, head.as_bytes()).await;
    let mut drips = dial_and_say(1, running.address, head.as_bytes()).await;
    // The server has seen both when it has answered a third.
    let mut other = dial_and_say(1, running.address, GET.as_bytes()).await;
    answer(&mut other).await;
    t.time.skip(Millis(bound::BODY_STALL_MS / 2));
    drips.write_all(b" ").await.unwrap();
    t.time.skip(Millis(bound::BODY_STALL_MS / 2 + 200));
    for stream in [&mut stopped, &mut drips] {
        let text = String::from_utf8(rest(stream).await).unwrap();
        assert!(text.starts_with("HTTP/1.1 408"), "{text}");
        assert!(text.to_lowercase().contains("connection: close") && text.contains("too_slow"), "{text}");
    }
    running.stop().await;
}

#[tokio::test]
async fn s8_a_reader_that_stops_or_drips_is_let_go() {
    let (t, running) = open(roomy()).await;
    // Many answers of a megabyte are asked for, and none is read.
    let ask = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: ostler.test\r\n\r\n".repeat(40);
    let mut stops = dial_and_say(1, running.address, ask.as_bytes()).await;
    until("the socket is full", async || stops.peek(&mut [0; 1]).await.ok()).await;

    let stream = dial(1, running.address).await;
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    // Little is under way, so that what is not read is not sent.
    builder.initial_stream_window_size(16 << 10).initial_connection_window_size(1 << 20);
    let (mut sender, connection) =
        builder.handshake::<_, http_body_util::Empty<bytes::Bytes>>(TokioIo::new(stream)).await.unwrap();
    let driving = tokio::spawn(connection);
    let url = format!("http://{}/api/v1/openapi.json", running.address);
    let request = || http::Request::get(&url).body(http_body_util::Empty::new()).unwrap();
    let mut drips = sender.send_request(request()).await.unwrap().into_body();
    let mut rounds = 0;
    // A frame of 16 KiB each ten seconds, and never a pause as long as the longest.
    loop {
        t.time.skip(Millis(bound::WRITE_STALL_MS / 6));
        match drips.frame().await {
            Some(Ok(_)) => rounds += 1,
            Some(Err(_)) | None => break,
        }
        assert!(rounds < 30, "a megabyte in {rounds} rounds is read for ever");
    }
    assert!(rounds > 6, "a pause alone is no reason");
    drop((sender, drips));
    let _ = driving.await;
    let got = rest(&mut stops).await.len();
    assert!(got < 40 << 20, "the answers went on after the reader had stopped: {got}");
    running.stop().await;
}

/// Opens connections of every bad kind from ten addresses, each from `each` sockets.
async fn swarm(to: SocketAddr, each: usize) -> Vec<TcpStream> {
    let kinds: [&[u8]; 10] = [
        b"",
        b"G",
        &PREFACE[..12],
        PREFACE,
        b"GET / HTTP/1.1\r\nhost: x\r\nx: ",
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\nGET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    let mut all = vec![];
    for number in 0..each * 10 {
        let last = u8::try_from(2 + number % 10).unwrap();
        let mut stream = dial(last, to).await;
        let _ = stream.write_all(kinds[(number / 10) % kinds.len()]).await;
        all.push(stream);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_silent_slow_and_malformed_connections_hurt_nobody() {
    let (_t, running) = open(Numbers { all: 200, per_address: 10, descriptor: 100_000 }).await;
    let to = running.address;
    let mut kept = dial_and_say(100, to, GET.as_bytes()).await;
    answer(&mut kept).await;
    // Five times as many as there are places, and ten times as many as one address may have.
    let attack = tokio::spawn(swarm(to, 100));
    let mut count = 0;
    while !attack.is_finished() || count < 20 {
        kept.write_all(GET.as_bytes()).await.unwrap();
        assert!(answer(&mut kept).await.starts_with("HTTP/1.1 200"));
        let mut fresh = dial_and_say(101, to, GET.as_bytes()).await;
        assert!(answer(&mut fresh).await.starts_with("HTTP/1.1 200"));
        count += 1;
    }
    drop(attack.await.unwrap());
    running.stop().await;
}

/// A client that writes all it has before it reads anything, as many do.
async fn stubborn(to: SocketAddr, path: &str, bytes: usize) -> String {
    let mut stream = dial(1, to).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: ostler.test\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for chunk in vec![b' '; bytes].chunks(32 << 10) {
        stream.write_all(chunk).await.unwrap();
    }
    let mut all = Vec::new();
    let read = async {
        while !all.ends_with(b"}") {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await.unwrap() {
                0 => break,
                count => all.extend_from_slice(&chunk[..count]),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("no answer came");
    String::from_utf8(all).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s23_a_refusal_is_seen_by_clients_that_still_send() {
    let (_t, running) = open(roomy()).await;
    let to = running.address;
    let large = usize::try_from(bound::DRAIN_BYTES).unwrap() * 10;
    for _ in 0..20 {
        let answer = stubborn(to, "/api/v1/workspaces", large).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"), "{answer}");
        let answer = stubborn(to, "/api/v1/auth/login", large).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"), "{answer}");
        let answer = stubborn(to, "/nowhere", large).await;
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close"), "{answer}");
    }
    // What is little is read, and the connection is used again.
    let mut kept = dial(1, to).await;
    for _ in 0..5 {
        let body = " ".repeat(100_000);
        let head = "POST /api/v1/workspaces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
        kept.write_all(head.as_bytes()).await.unwrap();
        kept.write_all(body.as_bytes()).await.unwrap();
        let answer = answer(&mut kept).await;
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection: close"), "{answer}");
    }
    // Who waits for word before sending gets the refusal at once, and is not asked for the body.
    let head = "POST /api/v1/workspaces HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n";
    let mut waits = dial_and_say(1, to, head.as_bytes()).await;
    assert!(answer(&mut waits).await.starts_with("HTTP/1.1 401"));
    running.stop().await;
}

/// What `/metrics` answers through a trusted or untrusted hop of this machine: its reader's address decides.
async fn metrics(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
    let ask = "GET /metrics HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.7:51234\r\nconnection: close\r\n\r\n";
    let mut text = String::new();
    if stream.write_all(ask.as_bytes()).await.is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await.unwrap();
    }
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn s9_a_proxy_on_this_machine_is_known_by_its_account() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("http.sock");
    let me = rustix::process::geteuid().as_raw();
    // A server that is gone has left its socket.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    for (uid, over_tcp, over_unix) in
        [(me, "HTTP/1.1 401 Unauthorized", "HTTP/1.1 401 Unauthorized"), (me + 1, "HTTP/1.1 200 OK", "")]
    {
        let config = ostler_server::config::Config {
            rates: ostler_server::config::Rates::NONE,
            metrics_on_loopback: true,
            listen_socket: Some(socket.clone()),
            trusted_proxies: vec![
                format!("127.0.0.1 uid={uid}").parse().unwrap(),
                format!("unix uid={uid}").parse().unwrap(),
            ],
            ..Default::default()
        };
        config.check().unwrap();
        let t = TestServer::with(config).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = listen_with(t.app.clone(), None, listener, roomy()).unwrap();
        assert_eq!(metrics(dial(1, running.address).await).await, over_tcp, "uid {uid}");
        assert_eq!(metrics(tokio::net::UnixStream::connect(&socket).await.unwrap()).await, over_unix, "uid {uid}");
        running.stop().await;
    }
}
