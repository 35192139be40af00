//! `cargo xtask bench`: how fast, beside a baseline that the same machine reached in the same minutes.
//!
//! A figure without its baseline says more about the machine than about us, so a row cannot have one without the other, and
//! the two alternate: whatever disturbs the machine disturbs both. Every single measurement is kept in the JSON.

mod authentication;
mod cold_start;
mod console;
mod lighthouse;
mod matches;
mod memory;
mod read;
mod report;
mod search;
mod served;
mod tunnel;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::{panel, say, shell};
use report::Report;

/// Which rows.
#[derive(clap::Args)]
pub struct Args {
    /// Only rows whose name contains one of these.
    rows: Vec<String>,
    /// Measure each row this many times instead of its own number.
    #[arg(long)]
    rounds: Option<usize>,
    /// Print the table only; leave docs/benchmarks as it is.
    #[arg(long)]
    dry: bool,
    /// Measure this program instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Print the names of the rows.
    #[arg(long)]
    list: bool,
}

/// Something that is measured.
pub struct Row {
    /// A short name, stable over releases.
    pub name: &'static str,
    /// What the figure is, in words.
    pub what: &'static str,
    /// What the baseline is, in words.
    pub baseline: &'static str,
    /// The unit of both.
    pub unit: &'static str,
    /// How often each side is measured.
    pub rounds: usize,
    /// One measurement of ours.
    pub ours: fn(&Bench) -> Result<f64>,
    /// One measurement of the baseline.
    pub theirs: fn(&Bench) -> Result<f64>,
}

/// What every measurement gets.
pub struct Bench {
    /// The optimised binary.
    pub binary: PathBuf,
    /// Baselines, load and agents: `bench/`.
    pub tool: PathBuf,
}

/// Every row, in the order of the table.
const ROWS: &[Row] = &[
    read::NOTHING,
    read::ONE,
    read::LIST,
    authentication::KEY,
    authentication::SESSION,
    authentication::LOGIN,
    authentication::LOGIN_SEEN,
    search::SQLITE,
    search::POSTGRES,
    tunnel::SMALL,
    tunnel::BULK,
    console::ROW,
    cold_start::ROW,
    memory::SERVER,
    memory::AGENT,
    memory::MANY,
    memory::BUSY,
    matches::P50,
    matches::P99,
    matches::PROCESSOR,
    matches::BYTES,
    matches::COMPACT,
    lighthouse::OVERVIEW,
    lighthouse::WORKLOAD,
];

/// A row and what was measured.
pub struct Measured {
    pub row: &'static Row,
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
}

/// Builds the release binary, measures, and writes table and JSON.
pub fn run(args: Args) -> Result<ExitCode> {
    if args.list {
        ROWS.iter().for_each(|row| println!("{:<24} {} ({})", row.name, row.what, row.unit));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<_> = ROWS
        .iter()
        .filter(|row| args.rows.is_empty() || args.rows.iter().any(|name| row.name.contains(name.as_str())))
        .collect();
    if chosen.is_empty() {
        bail!("no row has such a name; see --list");
    }
    let binary = match args.binary {
        Some(binary) => binary.canonicalize().with_context(|| format!("there is no {}", binary.display()))?,
        None => build()?,
    };
    let tool = binary.with_file_name("ostler-bench");
    if !tool.is_file() {
        bail!("{} is missing; it is built together with ostler", tool.display());
    }
    let bench = Bench { binary, tool };
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for row in chosen {
        say::step(row.name);
        match measure(row, &bench, args.rounds.unwrap_or(row.rounds)) {
            Ok(row) => measured.push(row),
            // What has been measured is not lost to one row.
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    let report = Report::of(&measured);
    println!("{}", report.table());
    if !args.dry {
        report.write()?;
    }
    if !failed.is_empty() {
        bail!("{} rows could not be measured:\n{}", failed.len(), failed.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The optimised binary with the panel in it.
fn build() -> Result<PathBuf> {
    if panel::exists() {
        panel::build()?;
    }
    let what = ["build", "--release", "--package", "ostler", "--package", "ostler-bench", "--bins"];
    shell::run(shell::cargo().args(what))?;
    Ok(shell::binary(true))
}

fn measure(row: &'static Row, bench: &Bench, rounds: usize) -> Result<Measured> {
    let mut measured = Measured { row, ours: Vec::new(), theirs: Vec::new() };
    // One of each first, so that neither side pays for the page cache.
    (row.theirs)(bench).with_context(|| format!("the baseline of {} failed", row.name))?;
    (row.ours)(bench).with_context(|| format!("{} failed", row.name))?;
    for _ in 0..rounds.max(1) {
        measured.theirs.push((row.theirs)(bench).with_context(|| format!("the baseline of {} failed", row.name))?);
        measured.ours.push((row.ours)(bench).with_context(|| format!("{} failed", row.name))?);
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local!(static ORDER: RefCell<String> = const { RefCell::new(String::new()) });

    fn note(letter: char) -> Result<f64> {
        ORDER.with_borrow_mut(|order| order.push(letter));
        Ok(ORDER.with_borrow(String::len) as f64)
    }

    const ROW: Row =
        Row { name: "order", what: "", baseline: "", unit: "", rounds: 3, ours: |_| note('o'), theirs: |_| note('t') };

    #[test]
    fn ours_and_the_baseline_alternate_and_the_first_of_each_is_not_counted() {
        let measured = measure(&ROW, &Bench { binary: PathBuf::new(), tool: PathBuf::new() }, 3).unwrap();
        assert_eq!(ORDER.with_borrow(String::clone), "totototo");
        assert_eq!((measured.theirs, measured.ours), (vec![3.0, 5.0, 7.0], vec![4.0, 6.0, 8.0]));
    }

    #[test]
    fn names_are_unique() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(ROWS[at + 1..].iter().all(|other| other.name != row.name), "{} twice", row.name);
        }
    }
}
