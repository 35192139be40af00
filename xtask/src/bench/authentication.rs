//! What knowing the caller adds to a request: a request with credentials that then finds nothing, beside one without.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::served::{EMAIL, PASSWORD, Served, connect, exchange, get, post};
use super::{Bench, Row};

pub(super) const KEY: Row = Row {
    name: "key check",
    what: "p50 of a request with an API key, whose path then names nothing; minus the baseline is what the check adds (target: under 100 µs)",
    baseline: "p50 of /api/v1/version of the same server, where nobody is asked",
    unit: "µs",
    rounds: 5,
    ours: |bench| median(bench, Who::Key),
    theirs: |bench| median(bench, Who::Nobody),
};

pub(super) const SESSION: Row = Row {
    name: "session check",
    what: "p50 of a request with a session cookie, whose path then names nothing; minus the baseline is what the check adds (target: under 100 µs)",
    baseline: "p50 of /api/v1/version of the same server, where nobody is asked",
    unit: "µs",
    rounds: 5,
    ours: |bench| median(bench, Who::Session),
    theirs: |bench| median(bench, Who::Nobody),
};

pub(super) const LOGIN: Row = Row {
    name: "sign-in",
    what: "what signing in with a password costs beyond its hash: p50 of the difference to a bare hash computed right after it (target: under 1,000 µs)",
    baseline: "p50 of the bare hash, with the same parameters and its memory kept",
    unit: "µs",
    rounds: 5,
    ours: beyond_hash,
    theirs: hash,
};

const WARM: usize = 500;
const REQUESTS: usize = 5000;
/// The same for sign-ins, of which each takes a hash's time.
const SIGN_INS_WARM: usize = 5;
const SIGN_INS: usize = 150;

#[derive(Clone, Copy)]
enum Who {
    Nobody,
    Key,
    Session,
}

fn median(bench: &Bench, who: Who) -> Result<f64> {
    let served = Served::start(bench)?;
    let (cookie, key) = (&served.cookie, &served.key);
    let mut line = connect(served.address)?;
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

/// Sign-ins and bare hashes by turns, so that both meet the same machine.
fn beyond_hash(bench: &Bench) -> Result<f64> {
    let served = Served::start(bench)?;
    let mut line = connect(served.address)?;
    let mut hashes = Hashes::start(bench)?;
    let request = post("/api/v1/auth/login", "", &json!({"email": EMAIL, "password": PASSWORD}));
    middle(|| {
        let began = Instant::now();
        let (status, _, body) = exchange(&mut line, &request)?;
        let whole = began.elapsed();
        if status != 200 {
            bail!("signing in answered {status}: {body}");
        }
        Ok(whole.as_secs_f64() * 1e6 - hashes.next()?)
    })
}

fn hash(bench: &Bench) -> Result<f64> {
    let mut hashes = Hashes::start(bench)?;
    middle(|| hashes.next())
}

/// The middle one of what is measured again and again.
fn middle(mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut found = Vec::with_capacity(SIGN_INS);
    for n in 0..SIGN_INS_WARM + SIGN_INS {
        let value = measure()?;
        if n >= SIGN_INS_WARM {
            found.push(value);
        }
    }
    found.sort_unstable_by(f64::total_cmp);
    Ok(found[found.len() / 2])
}

/// A process that computes bare hashes, and ends when nobody asks any more.
struct Hashes {
    process: Child,
    ask: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
}

impl Hashes {
    fn start(bench: &Bench) -> Result<Self> {
        let mut command = Command::new(&bench.tool);
        let mut process = command.arg("hash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let told = BufReader::new(process.stdout.take().context("its output was asked for")?);
        Ok(Self { ask: process.stdin.take(), told, process })
    }
    /// How long the next one took, in microseconds.
    fn next(&mut self) -> Result<f64> {
        self.ask.as_mut().context("its input was asked for")?.write_all(b"\n")?;
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Hashes {
    fn drop(&mut self) {
        self.ask = None;
        let _ = self.process.wait();
    }
}
