//! The table for people and the JSON for everybody else.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Measured, ROWS};
use crate::{say, shell};

#[derive(Serialize, Deserialize, Default)]
struct Run {
    /// UTC, to the second.
    at: String,
    commit: String,
    processor: String,
    processors: usize,
    rows: Vec<RowJson>,
}

#[derive(Serialize, Deserialize)]
struct RowJson {
    name: String,
    /// When and of what it was measured.
    #[serde(default)]
    at: String,
    #[serde(default)]
    commit: String,
    what: String,
    baseline: String,
    unit: String,
    ours: Side,
    theirs: Side,
}

#[derive(Serialize, Deserialize)]
struct Side {
    median: f64,
    least: f64,
    most: f64,
    /// Every measurement, in the order taken.
    runs: Vec<f64>,
}

/// Everything that is known: what was measured now, and of the other rows what an earlier run has measured.
pub(super) struct Report(Run);

impl Report {
    /// What was measured now.
    pub(super) fn of(measured: &[Measured]) -> Self {
        let at = ask("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
        let commit = ask("git", &["rev-parse", "--short=12", "HEAD"]);
        let rows = measured.iter().map(|row| RowJson::of(row, &at, &commit)).collect();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Run { at, commit, processor: processor(), processors, rows })
    }

    /// A Markdown table: medians, and the span of all runs in brackets.
    pub(super) fn table(&self) -> String {
        let head =
            "| what | ours | baseline | ours ÷ baseline | unit | runs | measured |\n|---|---|---|---|---|---|---|\n";
        let mut out = String::from(head);
        for row in &self.0.rows {
            let _ = writeln!(
                out,
                "| **{}**: {} | {} | {} ({}) | {:.2} | {} | {} | {} |",
                row.name,
                row.what,
                row.ours.cell(),
                row.theirs.cell(),
                row.baseline,
                row.ours.median / row.theirs.median,
                row.unit,
                row.ours.runs.len(),
                row.at.split('T').next().unwrap_or_default(),
            );
        }
        out
    }

    /// Writes `latest.md`, `latest.json`, and the raw run beside earlier ones.
    pub(super) fn write(self) -> Result<()> {
        let folder = shell::root().join("docs/benchmarks");
        std::fs::create_dir_all(folder.join("runs")).context("could not make docs/benchmarks")?;
        let latest = folder.join("latest.json");
        let raw = serde_json::to_string_pretty(&self.0)? + "\n";
        std::fs::write(folder.join(format!("runs/{}.json", self.0.at.replace(':', ""))), raw)?;
        let before = std::fs::read_to_string(&latest).ok().and_then(|text| serde_json::from_str(&text).ok());
        let all = self.with(before.unwrap_or_default());
        std::fs::write(latest, serde_json::to_string_pretty(&all.0)? + "\n")?;
        let head = format!(
            "# Benchmarks\n\nMedians with the least and the most of all runs in brackets. Ours and the baseline alternate within one run of\n\
             `cargo xtask bench`; rows that a run left out keep what an earlier one has measured. Every single measurement is in\n\
             [latest.json](latest.json), each run in `runs/`.\n\n\
             {}, commit {}, {} × {}.\n\n",
            all.0.at, all.0.commit, all.0.processors, all.0.processor
        );
        std::fs::write(folder.join("latest.md"), head + &all.table())?;
        say::step("wrote docs/benchmarks/latest.md");
        Ok(())
    }

    /// Completed by earlier figures of rows that still exist, in the rows' own order.
    fn with(mut self, before: Run) -> Self {
        let now: Vec<String> = self.0.rows.iter().map(|row| row.name.clone()).collect();
        let (at, commit) = (before.at, before.commit);
        self.0.rows.extend(before.rows.into_iter().filter(|row| !now.contains(&row.name)).map(|row| {
            // Until rows had a date of their own, all of them were of the whole run's.
            let is_old = row.at.is_empty();
            if is_old { RowJson { at: at.clone(), commit: commit.clone(), ..row } } else { row }
        }));
        let place = |row: &RowJson| ROWS.iter().position(|known| known.name == row.name);
        self.0.rows.retain(|row| place(row).is_some());
        self.0.rows.sort_by_key(place);
        self
    }
}

impl RowJson {
    fn of(measured: &Measured, at: &str, commit: &str) -> Self {
        let row = measured.row;
        Self {
            name: row.name.to_owned(),
            at: at.to_owned(),
            commit: commit.to_owned(),
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

    #[test]
    fn rows_that_were_left_out_keep_what_was_measured_before() {
        let run = |rows: &[(&str, &str)]| Run {
            rows: rows
                .iter()
                .map(|(name, at)| RowJson {
                    name: (*name).to_owned(),
                    at: (*at).to_owned(),
                    commit: String::new(),
                    what: String::new(),
                    baseline: String::new(),
                    unit: String::new(),
                    ours: Side::of(&[1.0]),
                    theirs: Side::of(&[2.0]),
                })
                .collect(),
            ..Run::default()
        };
        let (first, last) = (ROWS[0].name, ROWS[ROWS.len() - 1].name);
        let all = Report(run(&[(last, "new")])).with(run(&[("gone", "old"), (last, "old"), (first, "old")]));
        let kept: Vec<_> = all.0.rows.iter().map(|row| (row.name.as_str(), row.at.as_str())).collect();
        assert_eq!(kept, [(first, "old"), (last, "new")]);
    }
}
