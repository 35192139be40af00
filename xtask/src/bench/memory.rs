//! What the processes hold in memory, idle and with two thousand agents connected.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::served::Served;
use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::test::Scratch;

pub(super) const SERVER: Row = Row {
    name: "memory, server",
    what: "resident memory of an idle server with one admin",
    baseline: "resident memory of a bare axum server",
    unit: "MiB",
    rounds: 3,
    ours: |bench| {
        let mut served = Served::start(bench)?;
        settle();
        resident(served.process.child().id())
    },
    theirs: bare,
};

pub(super) const AGENT: Row = Row {
    name: "memory, agent",
    what: "resident memory of an idle agent that has joined",
    baseline: "resident memory of a bare axum server",
    unit: "MiB",
    rounds: 3,
    ours: agent,
    theirs: bare,
};

pub(super) const MANY: Row = Row {
    name: "2000 agents, memory",
    what: "resident memory of a server to which 2,000 agents are connected",
    baseline: "the same server before the first joined",
    unit: "MiB",
    rounds: 1,
    ours: |bench| Ok(many(bench)?.0),
    theirs: SERVER.ours,
};

pub(super) const BUSY: Row = Row {
    name: "2000 agents, processor",
    what: "processor time of a server to which 2,000 idle agents are connected, over 20 s",
    baseline: "one whole core",
    unit: "ms each second",
    rounds: 1,
    ours: |bench| Ok(many(bench)?.1),
    theirs: |_| Ok(1000.0),
};

const AGENTS: &str = "2000";
const SPAN: Duration = Duration::from_secs(20);

/// Idle is not the moment after the start.
fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}

fn bare(bench: &Bench) -> Result<f64> {
    let files = Scratch::new("bare")?;
    let file = files.path().join("body");
    std::fs::write(&file, "{}")?;
    let mut command = Command::new(&bench.tool);
    command.arg("bare").arg(&file).stdout(Stdio::null());
    let mut bare = Guarded::spawn(&mut command, &Stop::default())?;
    settle();
    resident(bare.child().id())
}

fn agent(bench: &Bench) -> Result<f64> {
    let served = Served::start(bench)?;
    let files = Scratch::new("agent")?;
    let mut agent = served.node(bench, files.path())?;
    settle();
    if agent.wait(Duration::ZERO)?.is_some() {
        bail!("the agent ended: {}", std::fs::read_to_string(files.path().join("log"))?);
    }
    resident(agent.child().id())
}

/// Memory and processor time with all of them connected: two figures of one measurement, which takes a minute.
fn many(bench: &Bench) -> Result<(f64, f64)> {
    static MEASURED: OnceLock<(f64, f64)> = OnceLock::new();
    match MEASURED.get() {
        Some(measured) => Ok(*measured),
        None => connect_many(bench).map(|measured| *MEASURED.get_or_init(|| measured)),
    }
}

fn connect_many(bench: &Bench) -> Result<(f64, f64)> {
    let mut served = Served::start(bench)?;
    let mut command = Command::new(&bench.tool);
    command.args(["agents", &format!("http://{}", served.address), &served.key, AGENTS]).stdout(Stdio::piped());
    let mut agents = Guarded::spawn(&mut command, &Stop::default())?;
    let mut connected = String::new();
    let out = agents.child().stdout.take().context("its output was asked for")?;
    BufReader::new(out).read_line(&mut connected)?;
    if connected.trim().is_empty() {
        bail!("the agents could not all connect");
    }
    println!("{AGENTS} agents joined and connected in {} s", connected.trim());
    settle();
    let process = served.process.child().id();
    let (began, before) = (Instant::now(), busy(process)?);
    std::thread::sleep(SPAN);
    let used = (busy(process)? - before) / began.elapsed().as_secs_f64();
    Ok((resident(process)?, used))
}

/// Resident memory in MiB.
fn resident(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}

/// Processor time used so far, in milliseconds. The kernel counts in hundredths of a second here.
fn busy(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks * 10.0)
}
