//! `cargo xtask test`: installs what the tests need where it may, runs every suite, and prints one table and one line.
//!
//! A suite that cannot run is skipped by name and with the reason; in CI that is a failure, and so is a suite in which no
//! test ran. The rows are in `suites`; nothing here knows a particular suite.

mod counts;
mod direct;
mod engine;
mod needs;
mod postgres;
mod report;
mod runner;
mod scratch;
pub mod suites;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

pub use needs::{browser, cache};
pub use postgres::Postgres;
pub use scratch::Scratch;

use crate::say;
use counts::Counts;
use needs::Need;
use report::{Outcome, State};
use runner::House;
use suites::{SUITES, Suite};

/// Which suites, and how strictly.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Only these suites, separated by commas (see --list).
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Whatever is missing is a failure instead of a skipped suite.
    #[arg(long)]
    ci: bool,
    /// Print the names of the suites and what they need.
    #[arg(long)]
    list: bool,
}

impl Args {
    /// Every suite, strictly.
    pub fn ci() -> Self {
        Self { ci: true, ..Self::default() }
    }
}

/// Runs the suites; the exit code is success when nothing failed.
pub fn run(args: Args) -> Result<ExitCode> {
    if args.list {
        for suite in SUITES {
            let needs: Vec<_> = suite.needs.iter().map(|need| need.title()).collect();
            println!("{:<11} {}", suite.name, needs.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&args.only)?;
    let all: Vec<Need> = chosen.iter().flat_map(|suite| suite.needs.iter().chain(suite.wants)).copied().collect();
    needs::install(&all)?;

    let mut house = House::new(args.ci, chosen.iter().any(|suite| suite.name == "build"));
    let mut outcomes = Vec::new();
    for suite in chosen {
        outcomes.push(run_one(&mut house, suite, args.ci));
    }
    // Databases and engine stop before the verdict, so that the last line is the last line.
    drop(house);
    println!("\n{}", report::table(&outcomes));
    let failed = outcomes.iter().any(|outcome| matches!(outcome.state, State::Failed { .. }));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn choose(only: &[String]) -> Result<Vec<&'static Suite>> {
    if let Some(unknown) = only.iter().find(|name| SUITES.iter().all(|suite| suite.name != name.as_str())) {
        let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite {unknown:?}; there are {}", names.join(", "));
    }
    Ok(SUITES.iter().filter(|suite| only.is_empty() || only.iter().any(|name| name == suite.name)).collect())
}

fn run_one(house: &mut House, suite: &'static Suite, strict: bool) -> Outcome {
    let began = Instant::now();
    let missing: Vec<String> = suite.needs.iter().filter_map(|need| need.missing()).collect();
    if !missing.is_empty() {
        let why = missing.join("; ");
        say::note(&format!("skipping {}: {why}", suite.name));
        let counts = Counts { failed: u64::from(strict), ..Counts::default() };
        let state = if strict { State::Failed { why } } else { State::Skipped { why } };
        return Outcome { suite: suite.name, counts, took: began.elapsed(), state };
    }
    say::step(suite.name);
    let (mut counts, error) = house.run(suite);
    let without: Vec<_> = suite.wants.iter().filter(|need| need.missing().is_some()).map(|need| need.title()).collect();
    let why = match error {
        Some(error) => Some(format!("{error:#}")),
        None if counts.failed > 0 => Some(format!("{} failed", counts.failed)),
        None if strict && !without.is_empty() => Some(format!("ran without {}", without.join(", "))),
        None if strict && counts.passed == 0 => Some("no test ran".to_owned()),
        None => None,
    };
    let state = match why {
        Some(why) => {
            say::error(&format!("{}: {why}", suite.name));
            counts.failed = counts.failed.max(1);
            State::Failed { why: why.lines().next().unwrap_or_default().to_owned() }
        }
        None if !without.is_empty() => State::Passed { remark: format!("without {}", without.join(", ")) },
        None if counts.passed == 0 => State::Passed { remark: "no test yet".to_owned() },
        None => State::Passed { remark: String::new() },
    };
    Outcome { suite: suite.name, counts, took: began.elapsed(), state }
}
