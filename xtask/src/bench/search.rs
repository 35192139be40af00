//! Search in a database of 100,000 workloads and their events, on both databases.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::{Bench, Row};
use crate::shell;
use crate::test::{Postgres, Scratch};

pub(super) const SQLITE: Row = Row {
    name: "search, SQLite",
    what: "p99 of twelve kinds of search at 100,000 rows (target: 10 ms)",
    baseline: "p99 of a read by primary key in the same database",
    unit: "ms",
    rounds: 1,
    ours: |bench| sqlite(bench).map(|measured| measured.0),
    theirs: |bench| sqlite(bench).map(|measured| measured.1),
};

pub(super) const POSTGRES: Row = Row {
    name: "search, PostgreSQL",
    what: "p99 of twelve kinds of search at 100,000 rows (target: 10 ms)",
    baseline: "p99 of a read by primary key in the same database",
    unit: "ms",
    rounds: 1,
    ours: |bench| postgres(bench).map(|measured| measured.0),
    theirs: |bench| postgres(bench).map(|measured| measured.1),
};

const ROWS: &str = "100000";

/// Two figures of one measurement: most of it is filling the database, which takes minutes.
fn sqlite(bench: &Bench) -> Result<(f64, f64)> {
    static MEASURED: OnceLock<(f64, f64)> = OnceLock::new();
    once(&MEASURED, || {
        let files = Scratch::new("search")?;
        measure(bench, &files.path().join("search.db").display().to_string())
    })
}

fn postgres(bench: &Bench) -> Result<(f64, f64)> {
    static MEASURED: OnceLock<(f64, f64)> = OnceLock::new();
    once(&MEASURED, || {
        let cluster = Postgres::start()?;
        measure(bench, &cluster.url())?;
        // What PostgreSQL does by itself a minute or two after so many rows have come, beside whoever searches meanwhile.
        shell::run(Command::new("psql").args([&cluster.url(), "-q", "-c", "VACUUM ANALYZE"]))?;
        measure(bench, &cluster.url())
    })
}

fn once(measured: &OnceLock<(f64, f64)>, work: impl FnOnce() -> Result<(f64, f64)>) -> Result<(f64, f64)> {
    match measured.get() {
        Some(measured) => Ok(*measured),
        None => work().map(|fresh| *measured.get_or_init(|| fresh)),
    }
}

fn measure(bench: &Bench, database: &str) -> Result<(f64, f64)> {
    let text = shell::output(Command::new(&bench.tool).args(["search", database, ROWS]))?;
    let (search, read) = text.trim().split_once(' ').with_context(|| format!("two figures, not {text}"))?;
    Ok((search.parse()?, read.parse()?))
}
