//! What knowing the caller adds to a request: a request with credentials that then finds nothing, beside one without.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::test::Scratch;

pub(super) const KEY: Row = Row {
    name: "key check",
    what: "p50 of a request with an API key, whose path then names nothing; minus the baseline is what the check adds",
    baseline: "p50 of /api/v1/version of the same server, where nobody is asked",
    unit: "µs",
    rounds: 5,
    ours: |bench| median(bench, Who::Key),
    theirs: |bench| median(bench, Who::Nobody),
};

pub(super) const SESSION: Row = Row {
    name: "session check",
    what: "p50 of a request with a session cookie, whose path then names nothing; minus the baseline is what the check adds",
    baseline: "p50 of /api/v1/version of the same server, where nobody is asked",
    unit: "µs",
    rounds: 5,
    ours: |bench| median(bench, Who::Session),
    theirs: |bench| median(bench, Who::Nobody),
};

/// A page with every limit switched off: it is the check that is measured, not the limiter.
const CONFIG: &str = "[rates]\nper_address = 0\nper_address_burst = 0\nper_actor = 0\nper_actor_burst = 0\n";
const WARM: usize = 500;
const REQUESTS: usize = 5000;
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
enum Who {
    Nobody,
    Key,
    Session,
}

fn median(bench: &Bench, who: Who) -> Result<f64> {
    let data = Scratch::new("authentication")?;
    let config = data.path().join("config.toml");
    std::fs::write(&config, CONFIG)?;
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?;
    let log = data.path().join("log");
    let mut command = Command::new(&bench.binary);
    command.args(["server", "--listen", &address.to_string()]).arg("--config").arg(&config);
    command.arg("--data").arg(data.path().join("data"));
    command.stdout(std::fs::File::create(&log)?).stderr(Stdio::null());
    let _server = Guarded::spawn(&mut command, &Stop::default())?;
    let mut line = connect(address)?;
    let (cookie, key) = credentials(&mut line, &log)?;
    let request = match who {
        Who::Nobody => get("/api/v1/version", ""),
        Who::Key => get("/api/v1/keys/none", &format!("Authorization: Bearer {key}\r\n")),
        Who::Session => get("/api/v1/keys/none", &format!("Cookie: {cookie}\r\n")),
    };
    let expected = if matches!(who, Who::Nobody) { 200 } else { 404 };
    let mut times = Vec::with_capacity(REQUESTS);
    for n in 0..WARM + REQUESTS {
        let began = Instant::now();
        let (status, _, _) = exchange(&mut line, &request)?;
        if n >= WARM {
            times.push(began.elapsed());
        }
        if status != expected {
            bail!("answered {status}, not {expected}");
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

/// Signs the first admin in and makes a key.
fn credentials(line: &mut BufReader<TcpStream>, log: &std::path::Path) -> Result<(String, String)> {
    let began = Instant::now();
    let secret = loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some((_, rest)) = text.split_once("#secret=") {
            break rest.split_whitespace().next().unwrap_or_default().to_owned();
        }
        if began.elapsed() > LIMIT {
            bail!("the server printed no setup secret");
        }
        std::thread::yield_now();
    };
    let admin = json!({
        "secret": secret, "email": "ada@example.org", "name": "Ada", "password": "correct horse battery staple"
    });
    let (status, head, body) = exchange(line, &post("/api/v1/setup/install", "", &admin))?;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    let cookie = cookie.with_context(|| format!("no cookie in {status} {body}"))?.to_owned();
    let ask = json!({"label": "Bench", "capabilities": ["key:read"]});
    let extra = format!("Cookie: {cookie}\r\nX-Ostler-Csrf: 1\r\n");
    let (status, _, body) = exchange(line, &post("/api/v1/keys", &extra, &ask))?;
    let made: Value = serde_json::from_str(&body)?;
    let key = made["secret"].as_str().with_context(|| format!("no key in {status} {body}"))?;
    Ok((cookie, key.to_owned()))
}

fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let began = Instant::now();
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(LIMIT))?;
                return Ok(BufReader::new(stream));
            }
            Err(error) if began.elapsed() > LIMIT => return Err(error).context("the server does not listen"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

fn get(path: &str, extra: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n")
}

fn post(path: &str, extra: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{extra}\r\n{body}",
        body.len()
    )
}

/// Status, head in lower case as far as names go, and body.
fn exchange(line: &mut BufReader<TcpStream>, request: &str) -> Result<(u16, String, String)> {
    line.get_mut().write_all(request.as_bytes())?;
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if line.read_line(&mut head)? == 0 {
            bail!("the connection ended");
        }
        let last = head[start..].to_ascii_lowercase();
        if let Some(value) = last.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if last == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    line.read_exact(&mut body)?;
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).context("no status")?;
    Ok((status, head, String::from_utf8_lossy(&body).into_owned()))
}
