//! What knowing the caller adds to a request: a request with credentials that then finds nothing, beside one without.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;

use super::served::{EMAIL, PASSWORD, Served, connect, exchange, get, post};
use super::{Bench, Row};
use crate::shell;

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
    what: "p50 of signing in with a password; minus the baseline is what it costs beyond the hash (target: under 1,000 µs)",
    baseline: "p50 of the bare hash with the same parameters",
    unit: "µs",
    rounds: 5,
    ours: sign_in,
    theirs: hash,
};

const WARM: usize = 500;
const REQUESTS: usize = 5000;
/// The same for sign-ins, of which each takes a hash's time.
const SIGN_INS_WARM: usize = 5;
const SIGN_INS: usize = 60;

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

fn sign_in(bench: &Bench) -> Result<f64> {
    let served = Served::start(bench)?;
    let mut line = connect(served.address)?;
    let request = post("/api/v1/auth/login", "", &json!({"email": EMAIL, "password": PASSWORD}));
    let mut times = Vec::with_capacity(SIGN_INS);
    for n in 0..SIGN_INS_WARM + SIGN_INS {
        let began = Instant::now();
        let (status, _, body) = exchange(&mut line, &request)?;
        if n >= SIGN_INS_WARM {
            times.push(began.elapsed());
        }
        if status != 200 {
            bail!("signing in answered {status}: {body}");
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

fn hash(bench: &Bench) -> Result<f64> {
    Ok(shell::output(Command::new(&bench.tool).arg("hash"))?.trim().parse()?)
}
