//! What Lighthouse says of the panel's two most visited pages, beside a page that has a heading and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Row;
use super::served::with_shell;
use crate::test::{browser, cache};
use crate::{say, shell};

pub(super) const OVERVIEW: Row = Row {
    name: "Lighthouse, overview",
    what: "Lighthouse's performance of the overview, in a desktop's window, of 100 (target: 95; accessibility is to reach that, too)",
    baseline: "a page with a heading and nothing else",
    unit: "points",
    rounds: 3,
    ours: |bench| with_shell(bench, |served, _| page(&format!("http://{}/", served.address), &served.cookie)),
    theirs: |_| scores(&[]).map(|scores| scores.0),
};

pub(super) const WORKLOAD: Row = Row {
    name: "Lighthouse, workload",
    what: "the same of a running workload's page",
    ours: |bench| {
        with_shell(bench, |served, id| page(&format!("http://{}/workloads/{id}", served.address), &served.cookie))
    },
    ..OVERVIEW
};

/// The least that accessibility may have.
const ACCESSIBLE: f64 = 95.0;
/// Pinned: a new release judges anew.
const PACKAGE: &str = "lighthouse@13.5.0";

fn page(address: &str, cookie: &str) -> Result<f64> {
    let (performance, accessibility) = scores(&[address, cookie])?;
    if accessibility < ACCESSIBLE {
        bail!("Lighthouse gives {address} {accessibility} of 100 for accessibility");
    }
    Ok(performance)
}

/// Performance and accessibility.
fn scores(page: &[&str]) -> Result<(f64, f64)> {
    let browser = browser().context("Lighthouse needs Chromium: apt-get install chromium")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/lighthouse.mjs");
    let text = shell::output(Command::new("node").arg(script).arg(packages()?).arg(browser).args(page))?;
    let (performance, accessibility) =
        text.trim().split_once(' ').with_context(|| format!("two figures, not {text}"))?;
    Ok((performance.parse()?, accessibility.parse()?))
}

/// Where Lighthouse is; installed when it is not there yet.
fn packages() -> Result<PathBuf> {
    let home = cache().context("HOME is not set")?.join(PACKAGE);
    if !home.join("node_modules/lighthouse/package.json").is_file() {
        say::step(&format!("installing {PACKAGE}"));
        std::fs::create_dir_all(&home)?;
        let npm = ["install", "--no-audit", "--no-fund", "--loglevel=error", PACKAGE, "--prefix"];
        shell::output(Command::new("npm").args(npm).arg(&home))?;
    }
    Ok(home)
}
