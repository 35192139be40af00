//! A server of a benchmark's own, with an admin, and just enough HTTP to talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Bench;
use crate::guard::{Guarded, Stop};
use crate::test::Scratch;

/// Every limit switched off: it is the work that is measured, not the limiter.
const CONFIG: &str = "[rates]\nper_address = 0\nper_address_burst = 0\nper_actor = 0\nper_actor_burst = 0\n";
/// The admin's.
pub(super) const EMAIL: &str = "ada@example.org";
pub(super) const PASSWORD: &str = "correct horse battery staple";
const LIMIT: Duration = Duration::from_secs(20);
const CAPABILITIES: [&str; 7] =
    ["key:read", "user:read", "workspace:write", "node:write", "workload:write", "workload:operate", "platform:write"];

/// A running server; it ends with this value.
pub(super) struct Served {
    pub address: SocketAddr,
    /// The admin's session, as a `Cookie` header wants it.
    pub cookie: String,
    /// The admin's key.
    pub key: String,
    pub process: Guarded,
    _data: Scratch,
}

impl Served {
    /// Starts the optimised binary on an empty folder and makes the first admin.
    pub fn start(bench: &Bench) -> Result<Self> {
        let data = Scratch::new("served")?;
        let config = data.path().join("config.toml");
        std::fs::write(&config, CONFIG)?;
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?;
        let log = data.path().join("log");
        let mut command = Command::new(&bench.binary);
        command.args(["server", "--listen", &address.to_string()]).arg("--config").arg(&config);
        command.arg("--data").arg(data.path().join("data"));
        command.stdout(std::fs::File::create(&log)?).stderr(Stdio::null());
        let process = Guarded::spawn(&mut command, &Stop::default())?;
        let mut line = connect(address)?;
        let (cookie, key) = credentials(&mut line, &log)?;
        Ok(Self { address, cookie, key, process, _data: data })
    }

    /// This machine as its node, running until the value is dropped. `files` is where the node keeps everything.
    pub fn node(&self, bench: &Bench, files: &std::path::Path) -> Result<Guarded> {
        let made = self.post(&mut connect(self.address)?, "/api/v1/workspaces/home/join-tokens", &json!({}))?;
        let token = made["token"].as_str().context("no token")?;
        let log = std::fs::File::create(files.join("log"))?;
        let mut command = Command::new(&bench.binary);
        command.args(["agent", "join", &format!("http://{}", self.address), token]);
        command.arg("--state-dir").arg(files.join("state")).arg("--data-dir").arg(files.join("data"));
        command.stdout(log.try_clone()?).stderr(log);
        Guarded::spawn(&mut command, &Stop::default())
    }

    /// A GET as the admin's key; the answer must be a success.
    pub fn read(&self, line: &mut BufReader<TcpStream>, path: &str) -> Result<Value> {
        let (status, _, text) = exchange(line, &get(path, &format!("Authorization: Bearer {}\r\n", self.key)))?;
        if status != 200 {
            bail!("GET {path} answered {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// A POST as the admin's key; the answer must be a success.
    pub fn post(&self, line: &mut BufReader<TcpStream>, path: &str, body: &Value) -> Result<Value> {
        let (status, _, text) = exchange(line, &post(path, &format!("Authorization: Bearer {}\r\n", self.key), body))?;
        if !(200..300).contains(&status) {
            bail!("POST {path} answered {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// A server with a node, on which a workload runs that is a shell and reads what is typed; does something with server and
/// workload, and ends them.
pub(super) fn with_shell<T>(bench: &Bench, work: impl FnOnce(&Served, &str) -> Result<T>) -> Result<T> {
    let served = Served::start(bench)?;
    let files = Scratch::new("shell")?;
    let _node = served.node(bench, files.path())?;
    let mut line = connect(served.address)?;
    // It may have to wait for the node.
    let shell = json!({"name": "Shell", "template": "process", "variables": {"program": "sh"}});
    let began = Instant::now();
    let id = loop {
        if let Ok(made) = served.post(&mut line, "/api/v1/workloads", &shell) {
            break made["target"].as_str().context("no workload")?.to_owned();
        }
        rest(began, "the node did not come")?;
    };
    let path = format!("/api/v1/workloads/{id}");
    loop {
        let shell = served.read(&mut line, &path)?;
        if shell["is_ready"] == true {
            break;
        }
        rest(began, &format!("the shell did not start: {shell}"))?;
    }
    let done = work(&served, &id);
    // What a node runs outlives its agent: it must not outlive the measurement.
    let began = Instant::now();
    served.post(&mut line, &format!("{path}/stop"), &json!({}))?;
    while served.read(&mut line, &path)?["state"] != "stopped" {
        rest(began, "the shell did not stop")?;
    }
    done
}

/// A moment's rest while something starts.
fn rest(began: Instant, why: &str) -> Result<()> {
    if began.elapsed() > LIMIT * 3 {
        bail!("{why}");
    }
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
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
        "secret": secret, "email": EMAIL, "name": "Ada", "password": PASSWORD
    });
    let (status, head, body) = exchange(line, &post("/api/v1/setup/install", "", &admin))?;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    let cookie = cookie.with_context(|| format!("no cookie in {status} {body}"))?.to_owned();
    let ask = json!({"label": "Bench", "capabilities": CAPABILITIES});
    let extra = format!("Cookie: {cookie}\r\nX-Ostler-Csrf: 1\r\n");
    let (status, _, body) = exchange(line, &post("/api/v1/keys", &extra, &ask))?;
    let made: Value = serde_json::from_str(&body)?;
    let key = made["secret"].as_str().with_context(|| format!("no key in {status} {body}"))?;
    Ok((cookie, key.to_owned()))
}

pub(super) fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
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

pub(super) fn get(path: &str, extra: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n")
}

pub(super) fn post(path: &str, extra: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{extra}\r\n{body}",
        body.len()
    )
}

/// Status, head in lower case as far as names go, and body.
pub(super) fn exchange(line: &mut BufReader<TcpStream>, request: &str) -> Result<(u16, String, String)> {
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
