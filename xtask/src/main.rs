//! The project's own commands: `cargo xtask up | test | ci | tidy | generate | bench | fuzz | sim | soak`.
//!
//! This crate is compiled before anything else, so it depends on almost nothing, and on nothing of Ostler's own. Whatever it
//! starts it stops, also when it is interrupted or killed (see `guard`).

#![allow(clippy::disallowed_methods, reason = "a build tool waits on real processes and reads the real clock")]
#![allow(unreachable_pub, reason = "in a program `pub` says: used outside this module")]

mod bench;
mod fuzz;
mod generate;
mod guard;
mod panel;
mod say;
mod shell;
mod sim;
mod soak;
mod test;
mod tidy;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything that is done to this repository rather than by the product.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build panel and binary, then run the whole house on this machine.
    Up(up::Args),
    /// Run the tests: all suites, or those named with --only.
    Test(test::Args),
    /// What CI runs: every suite, and whatever is missing is a failure.
    Ci,
    /// Check what the compiler cannot: arrows between crates, homes of calls, sizes, links.
    Tidy,
    /// Write the generated reference files, or with --check fail when one is stale.
    Generate(generate::Args),
    /// Measure against baselines taken in the same run; results go to docs/benchmarks.
    Bench(bench::Args),
    /// Run the decoders of what strangers send on mutated samples.
    Fuzz(fuzz::Args),
    /// Run the simulated fleet with many seeds, or replay one.
    Sim(sim::Args),
    /// Push against the bounds for minutes instead of seconds.
    Soak(soak::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Up(args) => up::run(args),
        Command::Test(args) => test::run(args),
        Command::Ci => test::run(test::Args::ci()),
        Command::Tidy => tidy::run(),
        Command::Generate(args) => generate::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Fuzz(args) => fuzz::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Soak(args) => soak::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
