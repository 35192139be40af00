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
    what: "server time of signing in with a password, without its hash, in the mean of 150 (target: under 1,000 µs)",
    baseline: "the hash itself, in as many others",
    unit: "µs",
    rounds: 5,
    ours: |bench| sign_in(bench).map(|time| time.server),
    theirs: |bench| sign_in(bench).map(|time| time.hash),
};

pub(super) const LOGIN_SEEN: Row = Row {
    name: "sign-in seen",
    what: "the same as its client sees it: from sending the request to having the answer, without the hash",
    baseline: "the hash itself, in as many others",
    unit: "µs",
    rounds: 5,
    ours: |bench| sign_in(bench).map(|time| time.seen),
    theirs: |bench| sign_in(bench).map(|time| time.hash),
};

const SIGN_IN_ROUTE: &str = "/api/v1/auth/login";
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

/// What one sign-in takes in the mean, in µs.
struct SignIn {
    hash: f64,
    server: f64,
    seen: f64,
}

/// The hash is measured within the very sign-ins: it scatters by more than everything else takes.
fn sign_in(bench: &Bench) -> Result<SignIn> {
    let served = Served::start(bench)?;
    let mut line = connect(served.address)?;
    let request = post(SIGN_IN_ROUTE, "", &json!({"email": EMAIL, "password": PASSWORD}));
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
    let before = Spent::so_far(&served)?;
    let whole = sign_in(SIGN_INS)?;
    let spent = Spent::so_far(&served)?;
    let mean = |seconds: f64| seconds * 1e6 / SIGN_INS as f64;
    let (hash, server) = (spent.hashing - before.hashing, spent.answering - before.answering);
    Ok(SignIn { hash: mean(hash), server: mean(server - hash), seen: mean(whole - hash) })
}

/// Seconds that the server has spent since its start, by its own metrics.
struct Spent {
    hashing: f64,
    /// Sign-ins, each from the head of its request to the head of its answer.
    answering: f64,
}

impl Spent {
    fn so_far(served: &Served) -> Result<Self> {
        let request = get("/metrics", &format!("Authorization: Bearer {}\r\n", served.key));
        let (status, _, text) = exchange(&mut connect(served.address)?, &request)?;
        let sum = |metric: String| -> Result<f64> {
            let value = text.lines().find_map(|line| line.strip_prefix(&metric)?.split_whitespace().next());
            value.with_context(|| format!("the metrics ({status}) lack {metric}"))?.parse().context("no number")
        };
        let answering = format!("ostler_http_request_seconds_sum{{route=\"{SIGN_IN_ROUTE}\"}}");
        Ok(Self { hashing: sum("ostler_password_hash_seconds_sum".to_owned())?, answering: sum(answering)? })
    }
}
