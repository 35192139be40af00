//! What knowing the caller adds to a request: a request with credentials that then finds nothing, beside one without.

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
    what: "what signing in with a password costs beyond its hash, from the request to the answer, in the mean of 150 (target: under 1,000 µs)",
    baseline: "the hash itself, as the server measures it in as many others",
    unit: "µs",
    rounds: 5,
    ours: |bench| sign_in(bench).map(|time| time.beyond),
    theirs: |bench| sign_in(bench).map(|time| time.hash),
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

struct SignIn {
    hash: f64,
    beyond: f64,
}

/// The hash is measured within the very sign-ins: it scatters by more than everything else takes.
fn sign_in(bench: &Bench) -> Result<SignIn> {
    let served = Served::start(bench)?;
    let mut line = connect(served.address)?;
    let request = post("/api/v1/auth/login", "", &json!({"email": EMAIL, "password": PASSWORD}));
    let mut sign_in = |times: usize| -> Result<f64> {
        let began = Instant::now();
        for _ in 0..times {
            let (status, _, body) = exchange(&mut line, &request)?;
            if status != 200 {
                bail!("signing in answered {status}: {body}");
            }
        }
        Ok(began.elapsed().as_secs_f64())
    };
    sign_in(SIGN_INS_WARM)?;
    let before = hashing(&served)?;
    let whole = sign_in(SIGN_INS)?;
    let hash = hashing(&served)? - before;
    let mean = |seconds: f64| seconds * 1e6 / SIGN_INS as f64;
    Ok(SignIn { hash: mean(hash), beyond: mean(whole - hash) })
}

/// Seconds since its start that the server has spent on hashes.
fn hashing(served: &Served) -> Result<f64> {
    let request = get("/metrics", &format!("Authorization: Bearer {}\r\n", served.key));
    let (status, _, text) = exchange(&mut connect(served.address)?, &request)?;
    let sum =
        text.lines().find_map(|line| line.strip_prefix("ostler_password_hash_seconds_sum")?.split_whitespace().next());
    sum.with_context(|| format!("the metrics ({status}) do not say how long hashes took"))?.parse().context("no number")
}
