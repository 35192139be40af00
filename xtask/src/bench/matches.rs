//! A thousand matches of ten players on one core, beside the smallest relay on Node.js under the same load.
//!
//! One run gives every figure, so the rows share their runs. The relay has one core and the players have the other; how busy
//! the players were is checked, for a run in which they were the bottleneck says nothing about the relay.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::test::Scratch;
use crate::{panel, shell};

const MATCHES: &str = "1000";
const PLAYERS: &str = "10";
const SECONDS: &str = "10";
/// Above this, the players' own core was full.
const BUSY: f64 = 0.95;
const NODE: &str = "the smallest relay on Node.js `ws`, same load";
const CBOR: &str = "ostler.match.cbor";

pub(super) const P50: Row = Row {
    name: "matches, jitter p50",
    what: "how far the time between two turns is from 100 ms: 1,000 matches of 10 players on one core",
    ..row("ms", |bench| ours(bench, "p50_ms"), |bench| node(bench, "p50_ms"))
};

pub(super) const P99: Row = Row {
    name: "matches, jitter p99",
    what: "the same, 99 of 100 turns are nearer",
    ..row("ms", |bench| ours(bench, "p99_ms"), |bench| node(bench, "p99_ms"))
};

pub(super) const PROCESSOR: Row = Row {
    name: "matches, processor",
    what: "processor time of the relay for one player",
    ..row(
        "µs each second",
        |bench| ours(bench, "processor_us_per_player"),
        |bench| node(bench, "processor_us_per_player"),
    )
};

pub(super) const BYTES: Row = Row {
    name: "matches, bytes",
    what: "what one player receives, as JSON",
    ..row("bytes each second", |bench| ours(bench, "bytes_per_player"), |bench| node(bench, "bytes_per_player"))
};

pub(super) const COMPACT: Row = Row {
    name: "matches, bytes, CBOR",
    what: "what one player receives, with the subprotocol ostler.match.cbor",
    baseline: "the same in JSON",
    ..row(
        "bytes each second",
        |bench| figure(bench, Side::Cbor, "bytes_per_player"),
        |bench| ours(bench, "bytes_per_player"),
    )
};

const fn row(unit: &'static str, ours: fn(&Bench) -> Result<f64>, theirs: fn(&Bench) -> Result<f64>) -> Row {
    Row { name: "", what: "", baseline: NODE, unit, rounds: 3, ours, theirs }
}

/// Whose relay, and how it is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Json,
    Cbor,
    Node,
}

fn ours(bench: &Bench, field: &'static str) -> Result<f64> {
    figure(bench, Side::Json, field)
}

fn node(bench: &Bench, field: &'static str) -> Result<f64> {
    figure(bench, Side::Node, field)
}

/// Each row takes the runs of a side one after the other; whoever is first makes them.
fn figure(bench: &Bench, side: Side, field: &'static str) -> Result<f64> {
    static RUNS: Mutex<BTreeMap<Side, Vec<Value>>> = Mutex::new(BTreeMap::new());
    static TAKEN: Mutex<BTreeMap<(Side, &str), usize>> = Mutex::new(BTreeMap::new());
    let at = {
        let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = taken.entry((side, field)).or_default();
        *count += 1;
        *count - 1
    };
    let mut runs = RUNS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let runs = runs.entry(side).or_default();
    while runs.len() <= at {
        runs.push(run(bench, side)?);
    }
    runs[at][field].as_f64().with_context(|| format!("no {field} in {}", runs[at]))
}

fn run(bench: &Bench, side: Side) -> Result<Value> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 || shell::which("taskset").is_none() {
        bail!("this row needs two processors and `taskset` (apt-get install util-linux)");
    }
    let data = Scratch::new("matches")?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]);
    if side == Side::Node {
        panel::require_node()?;
        let folder = shell::root().join("bench/node");
        panel::install(&folder)?;
        command.arg("node").arg(folder.join("relay.js"));
    } else {
        command.arg(&bench.binary).args(["match-worker", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        command.env("ADMIN_BOT_API_KEY", "bench");
    }
    let mut relay = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()), &Stop::default())?;
    let mut line = String::new();
    BufReader::new(relay.child().stdout.take().context("its output was asked for")?).read_line(&mut line)?;
    let base = line.split_whitespace().last().context("the relay said no address")?;
    let mut players = Command::new("taskset");
    players.args(["-c", "1"]).arg(&bench.tool).args(["matches", base, &relay.child().id().to_string()]);
    players.args([MATCHES, PLAYERS, SECONDS]);
    if side == Side::Cbor {
        players.arg(CBOR);
    }
    let figures: Value = serde_json::from_str(&shell::output(&mut players)?)?;
    if figures["players_busy"].as_f64().is_none_or(|busy| busy > BUSY) {
        bail!("the players were the bottleneck: {figures}");
    }
    Ok(figures)
}
