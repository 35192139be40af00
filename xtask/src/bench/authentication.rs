//! What knowing the caller adds to a request: a request with credentials that then finds nothing, beside one without.

use std::time::Instant;

use anyhow::{Result, bail};

use super::served::{Served, connect, exchange, get};
use super::{Bench, Row};

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

const WARM: usize = 500;
const REQUESTS: usize = 5000;

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
