//! The table for people and the JSON for everybody else.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Measured;
use crate::{say, shell};

#[derive(Serialize)]
struct Run {
    /// UTC, to the second.
    at: String,
    commit: String,
    processor: String,
    processors: usize,
    rows: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    name: String,
    what: String,
    baseline: String,
    unit: String,
    ours: Side,
    theirs: Side,
}

#[derive(Serialize)]
struct Side {
    median: f64,
    least: f64,
    most: f64,
    /// Every measurement, in the order taken.
    runs: Vec<f64>,
}

/// A Markdown table: medians, and the span of all runs in brackets.
pub(super) fn table(measured: &[Measured]) -> String {
    let mut out =
        String::from("| what | ours | baseline | ours ÷ baseline | unit | runs |\n|---|---|---|---|---|---|\n");
    for Measured { row, ours, theirs } in measured {
        let (a, b) = (Side::of(ours), Side::of(theirs));
        let _ = writeln!(
            out,
            "| **{}**: {} | {} | {} ({}) | {:.2} | {} | {} |",
            row.name,
            row.what,
            a.cell(),
            b.cell(),
            row.baseline,
            a.median / b.median,
            row.unit,
            ours.len(),
        );
    }
    out
}

/// Writes `latest.md`, `latest.json`, and the raw run beside earlier ones.
pub(super) fn write(measured: &[Measured], table: &str) -> Result<()> {
    let run = Run {
        at: ask("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        commit: ask("git", &["rev-parse", "--short=12", "HEAD"]),
        processor: processor(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        rows: measured.iter().map(RowJson::of).collect(),
    };
    let folder = shell::root().join("docs/benchmarks");
    std::fs::create_dir_all(folder.join("runs")).context("could not make docs/benchmarks")?;
    let json = serde_json::to_string_pretty(&run)? + "\n";
    std::fs::write(folder.join("latest.json"), &json)?;
    std::fs::write(folder.join(format!("runs/{}.json", run.at.replace(':', ""))), &json)?;
    let head = format!(
        "# Benchmarks\n\nMedians with the least and the most of all runs in brackets. Ours and the baseline alternate within one run of\n\
         `cargo xtask bench`; every single measurement is in [latest.json](latest.json), earlier runs are in `runs/`.\n\n\
         {}, commit {}, {} × {}.\n\n",
        run.at, run.commit, run.processors, run.processor
    );
    std::fs::write(folder.join("latest.md"), head + table)?;
    say::step("wrote docs/benchmarks/latest.md");
    Ok(())
}

impl RowJson {
    fn of(measured: &Measured) -> Self {
        let row = measured.row;
        Self {
            name: row.name.to_owned(),
            what: row.what.to_owned(),
            baseline: row.baseline.to_owned(),
            unit: row.unit.to_owned(),
            ours: Side::of(&measured.ours),
            theirs: Side::of(&measured.theirs),
        }
    }
}

impl Side {
    fn of(runs: &[f64]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.wrapping_sub(1)), at(half)) };
        Self { median, least: at(0), most: at(sorted.len().wrapping_sub(1)), runs: runs.to_vec() }
    }

    fn cell(&self) -> String {
        let digits = if self.median.abs() >= 100.0 { 0 } else { 2 };
        format!("{:.digits$} [{:.digits$}–{:.digits$}]", self.median, self.least, self.most)
    }
}

fn ask(program: &str, args: &[&str]) -> String {
    let answer = shell::output(Command::new(program).args(args).current_dir(shell::root()));
    answer.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(|| "unknown processor".to_owned(), |line| line.trim_start_matches([' ', '\t', ':']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(Side::of(&[3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(Side::of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!((Side::of(&[5.0, 1.0]).least, Side::of(&[5.0, 1.0]).most), (1.0, 5.0));
        assert_eq!(Side::of(&[5.0, 1.0]).runs, [5.0, 1.0]);
    }
}
