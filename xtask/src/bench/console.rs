//! One workload's console, watched by many at once, beside a shell whose lines one process hands to as many sockets.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::served::{Served, connect};
use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::shell;
use crate::test::Scratch;

pub(super) const ROW: Row = Row {
    name: "console fan-out",
    what: "lines of one workload, on a node, read by 50 WebSockets; all watchers together",
    baseline: "a shell's lines broadcast to 50 WebSockets by a bare axum server, without a node between",
    unit: "lines/s",
    rounds: 3,
    ours,
    theirs,
};

const WATCHERS: &str = "50";
const COMMANDS: &str = "40";
const LIMIT: Duration = Duration::from_secs(60);

fn ours(bench: &Bench) -> Result<f64> {
    let served = Served::start(bench)?;
    let files = Scratch::new("console")?;
    let _node = served.node(bench, files.path())?;
    let mut line = connect(served.address)?;
    // A shell that reads what is typed; it may have to wait for the node.
    let shell = json!({"name": "Shell", "template": "process", "variables": {"program": "sh"}});
    let began = Instant::now();
    let id = loop {
        if let Ok(made) = served.post(&mut line, "/api/v1/workloads", &shell) {
            break made["target"].as_str().context("no workload")?.to_owned();
        }
        wait(began, "the node did not come")?;
    };
    let path = format!("/api/v1/workloads/{id}");
    loop {
        let shell = served.read(&mut line, &path)?;
        if shell["is_ready"] == true {
            break;
        }
        wait(began, &format!("the shell did not start: {shell}"))?;
    }
    let figure = watch(bench, &format!("http://{}{path}/console", served.address), &served.key);
    // What a node runs outlives its agent: it must not outlive the measurement.
    let began = Instant::now();
    served.post(&mut line, &format!("{path}/stop"), &json!({}))?;
    while served.read(&mut line, &path)?["state"] != "stopped" {
        wait(began, "the shell did not stop")?;
    }
    figure
}

fn theirs(bench: &Bench) -> Result<f64> {
    let mut command = Command::new(&bench.tool);
    command.arg("bare-console").stdout(Stdio::piped());
    let mut bare = Guarded::spawn(&mut command, &Stop::default())?;
    let mut console = String::new();
    let out = bare.child().stdout.take().context("its output was asked for")?;
    BufReader::new(out).read_line(&mut console)?;
    watch(bench, console.trim(), "none")
}

fn watch(bench: &Bench, console: &str, key: &str) -> Result<f64> {
    let mut command = Command::new(&bench.tool);
    command.args(["watch", console, key, WATCHERS, COMMANDS]);
    Ok(shell::output(&mut command)?.trim().parse()?)
}

/// A moment's rest while something starts.
fn wait(began: Instant, why: &str) -> Result<()> {
    if began.elapsed() > LIMIT {
        bail!("{why}");
    }
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
}
