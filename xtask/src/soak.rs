//! `cargo xtask soak`: tests that push against bounds for minutes instead of seconds.
//!
//! Each is an ordinary test that takes seconds in CI; `OSTLER_SOAK_MINUTES` makes it as long as one likes. Adding one is adding
//! one row.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::{say, shell};

/// One run.
struct Soak {
    /// What it is called on the command line.
    name: &'static str,
    /// What it shows.
    what: &'static str,
    package: &'static str,
    /// The test's full name.
    test: &'static str,
}

const SOAKS: &[Soak] = &[Soak {
    name: "connections",
    what: "5,000 silent, slow and malformed connections from ten addresses, beside real users of whom no request fails",
    package: "ostler-e2e",
    test: "flood::s8_five_thousand_hostile_connections_beside_real_users",
}];

/// Which runs, and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// Only these (see --list).
    names: Vec<String>,
    /// How long each of them takes.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Print the names and what they show.
    #[arg(long)]
    list: bool,
}

/// Runs them one after the other, in the foreground. Success when all of them passed.
pub fn run(args: Args) -> Result<ExitCode> {
    if args.list {
        for soak in SOAKS {
            println!("{:<14} {}", soak.name, soak.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = args.names.iter().find(|name| SOAKS.iter().all(|soak| soak.name != **name)) {
        bail!("there is no run called {unknown}; `cargo xtask soak --list` names them");
    }
    if !(args.minutes > 0.0 && args.minutes <= 24.0 * 60.0) {
        bail!("--minutes is {}; use more than 0 and at most a day", args.minutes);
    }
    // The tests of whole installations start the program that lies beside them.
    shell::run(shell::cargo().args(["build", "-p", "ostler", "--bin", "ostler"]))?;
    let mut failed = Vec::new();
    for soak in SOAKS.iter().filter(|soak| args.names.is_empty() || args.names.iter().any(|name| name == soak.name)) {
        println!("{}: {} ({} minutes)", soak.name, soak.what, args.minutes);
        if !command(soak, args.minutes).status()?.success() {
            failed.push(soak.name);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say::error(&format!("failed: {}", failed.join(", ")));
    Ok(ExitCode::FAILURE)
}

fn command(soak: &Soak, minutes: f64) -> Command {
    let mut command = shell::cargo();
    // A profile without time limits.
    command.args(["nextest", "run", "--profile", "soak", "-p", soak.package, "--no-capture"]);
    command.args(["-E", &format!("test(={})", soak.test)]);
    command.env("OSTLER_SOAK_MINUTES", minutes.to_string());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_names_a_test_that_exists() {
        for soak in SOAKS {
            let name = soak.test.rsplit("::").next().unwrap();
            let mut found = false;
            let mut folders = vec![shell::root().join("tests"), shell::root().join("crates")];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                    let path = entry.path();
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|end| end == "rs") {
                        found |= std::fs::read_to_string(&path).unwrap().contains(&format!("fn {name}("));
                    }
                }
            }
            assert!(found, "{}: no test is called {name}", soak.name);
            assert!(SOAKS.iter().filter(|other| other.name == soak.name).count() == 1, "{} twice", soak.name);
        }
    }
}
