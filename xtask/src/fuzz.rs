//! `cargo xtask fuzz`: the decoders of what strangers send, on mutated samples, for as long as one likes.
//!
//! Each target is a test `fuzz_<name>` beside its decoder; its corpus is `tests/fuzz/corpus/<name>/`. An input that fails
//! stays in the corpus, small, so that the tests of every change run it from then on.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::{say, shell};

/// Target and package.
const TARGETS: &[(&str, &str)] = &[
    ("assertion", "ostler-server"),
    ("attestation", "ostler-server"),
    ("console_text", "ostler-cli"),
    ("cose_key", "ostler-server"),
    ("foreign_text", "ostler-model"),
    ("journal", "ostler-relay"),
    ("jwks", "ostler-server"),
    ("jwt", "ostler-server"),
    ("link_json", "ostler-wire"),
    ("link_lines", "ostler-server"),
    ("match_cbor", "ostler-wire"),
    ("match_frames", "ostler-relay"),
    ("match_json", "ostler-wire"),
    ("names", "ostler-model"),
    ("node_signature", "ostler-wire"),
    ("requests", "ostler-server"),
    ("search_cursor", "ostler-server"),
    ("search_query", "ostler-model"),
    ("sse", "ostler-wire"),
    ("template", "ostler-model"),
];

/// What to run, and how long.
#[derive(clap::Args)]
pub struct Args {
    /// One target; all of them when absent.
    target: Option<String>,
    /// Minutes for each target.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Where the inputs begin, to see the same ones again; different each time when absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Only say which targets there are.
    #[arg(long)]
    list: bool,
}

/// Runs one target after the other, also when one has failed.
pub fn run(args: Args) -> Result<ExitCode> {
    if args.list {
        TARGETS.iter().for_each(|(name, package)| println!("{name:16} {package}"));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<_> =
        TARGETS.iter().filter(|(name, _)| args.target.as_deref().is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no target {}; `cargo xtask fuzz --list` names them", args.target.unwrap_or_default());
    }
    if !(0.0..=100_000.0).contains(&args.minutes) {
        bail!("--minutes {}: between 0 and 100000", args.minutes);
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let seed = args.seed.unwrap_or_else(now);
    let mut failed = vec![];
    for (name, package) in chosen {
        say::step(&format!("{name} of {package}, {} minutes, seed {seed}", args.minutes));
        let mut command = shell::cargo();
        command.args(["test", "--quiet", "--package", package, "--lib", "--bins", "--tests", &format!("fuzz_{name}")]);
        command.args(["--", "--nocapture"]);
        command.env("OSTLER_FUZZ_SECONDS", format!("{:.0}", (args.minutes * 60.0).ceil()));
        command.env("OSTLER_FUZZ_SEED", seed.to_string());
        if !command.status()?.success() {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say::error(&format!("failed: {}; their inputs are in tests/fuzz/corpus", failed.join(", ")));
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn targets_below(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                targets_below(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let calls = text.split("ostler_fuzz::run(\"").skip(1);
                found.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_target_is_in_the_table_and_has_a_corpus() {
        let mut found = BTreeSet::new();
        targets_below(&shell::root().join("crates"), &mut found);
        let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, known);
        for name in known {
            let folder = shell::root().join("tests/fuzz/corpus").join(&name);
            assert!(
                std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()),
                "{} is empty",
                folder.display()
            );
        }
    }
}
