//! `cargo xtask sim`: the simulated fleet with as many seeds as one likes, or one of them again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::shell;
use crate::test::suites;

/// Which seeds.
#[derive(clap::Args)]
pub struct Args {
    /// How many seeds to try.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed; with `--seeds 1` the only one.
    #[arg(long)]
    from: Option<u64>,
    /// Run a saved plan of operations instead of a generated one.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Only simulations whose name contains this.
    filter: Option<String>,
}

/// Runs the simulations in the foreground. They read `OSTLER_SIM_SEEDS`, `OSTLER_SIM_FROM` and `OSTLER_SIM_REPLAY`.
pub fn run(args: Args) -> Result<ExitCode> {
    if let Some(plan) = args.replay.as_ref().filter(|plan| !plan.is_file()) {
        bail!("there is no plan at {}", plan.display());
    }
    let Some(mut expression) = suites::filter("fleet") else { bail!("the table of suites has lost the fleet") };
    if let Some(name) = &args.filter {
        expression = format!("({expression}) & test(~{name})");
    }
    let mut command = shell::cargo();
    // Without the suite's time limit: a night's run is meant to be long.
    command.args(["nextest", "run", "--workspace", "--no-capture", "-E", &expression]);
    command.env("OSTLER_SIM_SEEDS", args.seeds.to_string());
    command.envs(args.from.map(|seed| ("OSTLER_SIM_FROM", seed.to_string())));
    command.envs(args.replay.and_then(|plan| plan.canonicalize().ok()).map(|plan| ("OSTLER_SIM_REPLAY", plan)));
    Ok(if command.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
