//! Running test binaries without cargo-nextest: the same suites, a process per binary instead of one per test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::suites;
use crate::shell;

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Profile {
    test: bool,
}

/// Runs those tests of every binary that belong to `suite`; `follow` runs one command and counts in its output.
pub fn run(
    suite: &str,
    environment: &[(String, String)],
    mut follow: impl FnMut(&mut Command) -> Result<()>,
) -> Result<()> {
    for (binary, manifest, is_unit) in binaries()? {
        let dir = manifest.parent().context("a manifest lies in a folder")?;
        let package = package_name(&manifest)?;
        let listed = shell::output(Command::new(&binary).args(["--list", "--format", "terse"]).current_dir(dir))?;
        let tests: Vec<&str> = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .filter(|test| suites::owner(&package, is_unit, test) == Some(suite))
            .collect();
        if tests.is_empty() {
            continue;
        }
        let mut command = Command::new(&binary);
        command.arg("--exact").args(&tests).current_dir(dir).env("CARGO_MANIFEST_DIR", dir);
        follow(command.envs(environment.iter().map(|(name, value)| (name, value))))?;
    }
    Ok(())
}

/// Every test binary of the workspace: file, manifest, and whether it holds unit tests.
fn binaries() -> Result<Vec<(PathBuf, PathBuf, bool)>> {
    let mut build = shell::cargo();
    build.args([
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let out = build.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    if !out.status.success() {
        bail!("the tests do not build");
    }
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Message>(line) else { continue };
        if let (Some(file), Some(manifest), Some(target), true) =
            (message.executable, message.manifest_path, message.target, message.profile.test)
        {
            found.push((file, manifest, !target.kind.iter().any(|kind| kind == "test")));
        }
    }
    Ok(found)
}

fn package_name(manifest: &Path) -> Result<String> {
    let text = std::fs::read_to_string(manifest)?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = "));
    Ok(name.with_context(|| format!("{} has no name", manifest.display()))?.trim_matches('"').to_owned())
}
