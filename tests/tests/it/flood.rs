//! Thousands of connections that mean no good, beside people and a node at work.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use ostler_e2e::{House, minutes, until_async};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const CONNECTIONS: usize = 5_000;
const ADDRESSES: usize = 10;

/// What each of them says first. Then most say nothing, and some a byte now and then.
const KINDS: [&[u8]; 9] = [
    b"",
    b"G",
    b"PRI * HTT",
    PREFACE,
    b"GET / HTTP/1.1\r\nhost: x\r\nx: ",
    b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\nGET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
];

async fn dial(from: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, from), 0).into())?;
    // Slow readers have little room.
    socket.set_recv_buffer_size(4096)?;
    socket.connect(to).await
}

/// One hostile connection after the other, until told to stop.
async fn attack(number: usize, to: SocketAddr, stop: Arc<AtomicBool>, open: Arc<AtomicUsize>) {
    let from = u8::try_from(2 + number % ADDRESSES).unwrap();
    let kind = KINDS[number / ADDRESSES % KINDS.len()];
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = dial(from, to).await else { continue };
        open.fetch_add(1, Ordering::Relaxed);
        let _ = stream.write_all(kind).await;
        // A slow reader takes a byte a second; the others are there to be ended.
        let mut byte = [0; 1];
        loop {
            match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut byte)).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(_)) if number.is_multiple_of(2) => std::future::pending::<()>().await,
                _ if stop.load(Ordering::Relaxed) => break,
                _ => {}
            }
        }
    }
}

/// A person at work: requests on kept and on fresh connections. Returns how many, and the longest that one took.
async fn person(from: u8, url: String, key: String, until: Instant) -> Result<(usize, Duration)> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, from));
    let client = |kept| {
        let builder = reqwest::Client::builder().local_address(address).timeout(Duration::from_secs(20));
        // Less than the server keeps an idle connection, as every client does it.
        builder.pool_max_idle_per_host(kept).pool_idle_timeout(Duration::from_secs(20)).build()
    };
    let (kept, fresh) = (client(4)?, client(0)?);
    let (mut count, mut longest) = (0, Duration::ZERO);
    while Instant::now() < until {
        for (client, path) in
            [(&kept, "/api/v1/users/me"), (&fresh, "/health"), (&fresh, "/api/v1/nodes"), (&kept, "/ready")]
        {
            let began = Instant::now();
            let answer = client.get(format!("{url}{path}")).bearer_auth(&key).send().await;
            let answer = answer.with_context(|| format!("{path} from 127.0.0.{from}, request {count}"))?;
            let status = answer.status();
            let text = answer.text().await.with_context(|| format!("the body of {path}"))?;
            ensure!(status.is_success(), "{path} answered {status}: {text}");
            longest = longest.max(began.elapsed());
            count += 1;
        }
    }
    Ok((count, longest))
}

fn descriptors(process: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

fn memory_mib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

async fn beside_real_users(span: Duration) -> Result<()> {
    // In its own process, with an agent that holds a link the same way as any other.
    let house = House::start("up", &["--no-demo"]).await?;
    let process = house.server.as_ref().context("it runs")?.id();
    let to: SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let online = |nodes: &serde_json::Value| nodes["items"][0]["state"] == "online";
    let before = house.wait("/nodes", Duration::from_secs(30), online).await?;
    let events = house
        .http
        .get(format!("{}/api/v1/events/stream", house.url()))
        .bearer_auth(&house.key)
        .timeout(span + Duration::from_secs(120));
    let mut events = events.send().await?.error_for_status()?.bytes_stream();
    let (memory, idle) = (memory_mib(process)?, descriptors(process)?);

    let (stop, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let attackers: Vec<_> =
        (0..CONNECTIONS).map(|number| tokio::spawn(attack(number, to, stop.clone(), open.clone()))).collect();
    until_async("all of them have been open", Duration::from_secs(60), async || {
        Ok((open.load(Ordering::Relaxed) >= CONNECTIONS).then_some(()))
    })
    .await?;
    let until = Instant::now() + span;
    let people: Vec<_> =
        (100..104).map(|from| tokio::spawn(person(from, house.url(), house.key.clone(), until))).collect();
    let (mut count, mut longest) = (0, Duration::ZERO);
    for one in people {
        let (requests, slowest) = one.await??;
        (count, longest) = (count + requests, longest.max(slowest));
    }
    let (memory_then, open_then) = (memory_mib(process)?, descriptors(process)?);
    println!(
        "{count} requests of people, the slowest {longest:?}; {} hostile connections; {memory} → {memory_then} MiB; {idle} → {open_then} descriptors",
        open.load(Ordering::Relaxed)
    );
    ensure!(count > 50, "only {count} requests in {span:?}");
    ensure!(memory_then < memory + 250, "{memory} → {memory_then} MiB");
    // The stream of events has gone on, and so has the node's link.
    let after = house.get("/nodes").await?;
    ensure!(online(&after), "the node's link was lost: {after:#}");
    let since = |nodes: &serde_json::Value| nodes["items"][0]["since"].clone();
    ensure!(since(&before) == since(&after), "the node had to come back: {before:#} {after:#}");
    house.post("/workspaces", serde_json::json!({"name": "After the flood"})).await?;
    until_async("the stream tells of it", Duration::from_secs(20), async || {
        match tokio::time::timeout(Duration::from_secs(5), events.next()).await {
            Ok(Some(Ok(bytes))) => Ok(String::from_utf8_lossy(&bytes).contains("workspace").then_some(())),
            Ok(Some(Err(error))) => bail!("the stream was cut: {error}"),
            Ok(None) => bail!("the stream has ended"),
            Err(_) => Ok(None),
        }
    })
    .await?;
    stop.store(true, Ordering::Relaxed);
    for attacker in attackers {
        attacker.abort();
    }
    until_async("the descriptors are free again", Duration::from_secs(60), async || {
        Ok((descriptors(process)? < idle + 50).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_five_thousand_hostile_connections_beside_real_users() {
    beside_real_users(minutes(Duration::from_secs(8))).await.unwrap();
}

/// Ends with the test.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_few_descriptors_are_enough_for_real_users_and_the_database() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = ostler_e2e::folder().unwrap();
    let to = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 256 && exec \"$0\" server --data \"$1\" --listen \"$2\""]);
    command.arg(ostler_e2e::ostler().unwrap()).arg(dir.path().join("data")).arg(to.to_string());
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let child =
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(std::process::Stdio::null()).spawn().unwrap();
    let program = Program(child);
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 100));
    let client = reqwest::Client::builder().local_address(address).pool_max_idle_per_host(0);
    let client = client.timeout(Duration::from_secs(20)).build().unwrap();
    let ready = async || client.get(format!("http://{to}/ready")).send().await;
    let came = until_async("it is ready", Duration::from_secs(30), async || {
        Ok(ready().await?.status().is_success().then_some(()))
    });
    came.await.unwrap();

    // More than four times as many as the process may have files.
    let mut crowd = Vec::new();
    for number in 0..1_100_u32 {
        let from = if number % 2 == 0 { 2 } else { 3 };
        crowd.push(dial(from, to).await.unwrap());
        if number % 25 == 0 {
            let answer = ready().await.unwrap();
            assert!(answer.status().is_success(), "{number}: {}", answer.text().await.unwrap());
        }
    }
    assert!(descriptors(program.0.id()).unwrap() < 256);
}
