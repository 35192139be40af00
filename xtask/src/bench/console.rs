//! One workload's console, watched by many at once, beside a shell whose lines one process hands to as many sockets.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::served::with_shell;
use super::{Bench, Row};
use crate::guard::{Guarded, Stop};
use crate::shell;

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

fn ours(bench: &Bench) -> Result<f64> {
    with_shell(bench, |served, id| {
        let console = format!("http://{}/api/v1/workloads/{id}/console", served.address);
        watch(bench, &console, &served.key)
    })
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
