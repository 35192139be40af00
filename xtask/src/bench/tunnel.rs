//! Requests to a node through the link that it dialled, beside the same router on loopback.

use std::process::Command;

use anyhow::Result;

use super::{Bench, Row};
use crate::shell;

pub(super) const SMALL: Row = Row {
    name: "tunnel, small",
    what: "GET of 4 bytes through one link, 32 at once",
    baseline: "the same router on loopback, same client code",
    unit: "requests/s",
    rounds: 5,
    ours: |bench| tool(bench, "small", "ours"),
    theirs: |bench| tool(bench, "small", "theirs"),
};

pub(super) const BULK: Row = Row {
    name: "tunnel, bulk",
    what: "one answer of 512 MiB through one link",
    baseline: "the same router on loopback, same client code",
    unit: "MB/s",
    rounds: 5,
    ours: |bench| tool(bench, "bulk", "ours"),
    theirs: |bench| tool(bench, "bulk", "theirs"),
};

fn tool(bench: &Bench, what: &str, side: &str) -> Result<f64> {
    Ok(shell::output(Command::new(&bench.tool).args(["tunnel", what, side]))?.trim().parse()?)
}
