//! From starting the program on an empty folder to the first 200 of `/ready`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::test::Scratch;

pub(super) const ROW: Row = Row {
    name: "cold start",
    what: "spawn `ostler server` on an empty folder until /ready answers 200",
    baseline: "spawn /bin/true until it has ended",
    unit: "ms",
    rounds: 20,
    ours,
    theirs,
};

const LIMIT: Duration = Duration::from_secs(20);

fn ours(bench: &Bench) -> Result<f64> {
    let data = Scratch::new("cold")?;
    // Free now and asked for at once: a port that the program chooses itself could not be asked before it says so.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?;
    let log = std::fs::File::create(data.path().join("log"))?;
    let mut command = Command::new(&bench.binary);
    command.arg("server").arg("--data").arg(data.path().join("data")).args(["--listen", &address.to_string()]);
    command.stdout(Stdio::null()).stderr(log);
    let began = Instant::now();
    let mut server = Guarded::spawn(&mut command, &Stop::default())?;
    loop {
        if is_ready(address) {
            return Ok(began.elapsed().as_secs_f64() * 1e3);
        }
        if server.wait(Duration::from_millis(1))?.is_some() || began.elapsed() > LIMIT {
            let log = std::fs::read_to_string(data.path().join("log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().skip(log.lines().count().saturating_sub(20)).collect();
            bail!("the server did not become ready:\n{}", end.join("\n"));
        }
    }
}

fn theirs(_: &Bench) -> Result<f64> {
    let began = Instant::now();
    let status = Command::new("/bin/true").status().context("could not start /bin/true")?;
    if !status.success() {
        bail!("/bin/true failed");
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(200))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.") && answer.get(9..12) == Some(b"200"))
    };
    ask().unwrap_or(false)
}
