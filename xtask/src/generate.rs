//! `cargo xtask generate`: what is written by programs and committed, so that a change to it is a visible diff.
//!
//! A row is a command and the files it writes. `--check` lets it write into a scratch folder and compares.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::test::Scratch;
use crate::{panel, say, shell};

/// Whether to write or to compare.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when a committed file is stale, missing or no longer generated.
    #[arg(long)]
    check: bool,
}

/// Something that writes files.
struct Row {
    name: &'static str,
    /// The folder it owns: every file in it is generated.
    folder: &'static str,
    /// Writes into a folder that exists and is empty.
    write: fn(&Path) -> Result<()>,
    /// Whether its sources are in this clone.
    applies: fn() -> bool,
}

const ROWS: &[Row] = &[
    Row { name: "reference", folder: "docs/reference", write: reference, applies: || true },
    Row { name: "api types", folder: "web/src/api/generated", write: api_types, applies: panel::exists },
];

/// OpenAPI document, error codes, access table, configuration, command help: asked from the program itself, which is built
/// unless `OSTLER_BIN` names one.
fn reference(out: &Path) -> Result<()> {
    let mut command = match std::env::var_os("OSTLER_BIN") {
        Some(binary) => Command::new(binary),
        None => {
            let mut cargo = shell::cargo();
            cargo.args(["run", "--quiet", "--package", "ostler", "--"]);
            cargo
        }
    };
    shell::run(command.args(["server", "generate", "--out"]).arg(out).current_dir(shell::root()))
}

/// TypeScript types of the API, from the committed OpenAPI document.
fn api_types(out: &Path) -> Result<()> {
    panel::require_node()?;
    panel::install(&panel::folder())?;
    let mut command = Command::new("npx");
    command.args(["--no-install", "openapi-typescript"]).arg(shell::root().join("docs/reference/openapi.json"));
    command.arg("--output").arg(out.join("schema.ts")).current_dir(panel::folder());
    shell::output(&mut command).map(drop)
}

/// Writes or checks every row.
pub fn run(args: Args) -> Result<ExitCode> {
    let mut stale = Vec::new();
    for row in ROWS.iter().filter(|row| (row.applies)()) {
        let scratch = Scratch::new("gen")?;
        (row.write)(scratch.path()).with_context(|| format!("could not generate {}", row.name))?;
        let committed = shell::root().join(row.folder);
        let differences = compare(scratch.path(), &committed)?;
        if args.check {
            stale.extend(differences.iter().map(|change| format!("{}/{change}", row.folder)));
        } else {
            apply(scratch.path(), &committed, &differences)?;
            differences.iter().for_each(|change| say::step(&format!("{}/{change}", row.folder)));
        }
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    stale.iter().for_each(|file| say::error(file));
    bail!("{} generated files differ: run `cargo xtask generate` and commit what it writes", stale.len());
}

/// A file that is not the same on both sides.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Stale(PathBuf),
    Missing(PathBuf),
    Unreferenced(PathBuf),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stale(path) => write!(f, "{} (stale)", path.display()),
            Self::Missing(path) => write!(f, "{} (missing)", path.display()),
            Self::Unreferenced(path) => write!(f, "{} (no longer generated)", path.display()),
        }
    }
}

fn compare(fresh: &Path, committed: &Path) -> Result<Vec<Change>> {
    let new = files(fresh, Path::new(""))?;
    if new.is_empty() {
        bail!("nothing was written");
    }
    let mut out = Vec::new();
    for path in &new {
        match std::fs::read(committed.join(path)) {
            Ok(old) if old == std::fs::read(fresh.join(path))? => {}
            Ok(_) => out.push(Change::Stale(path.clone())),
            Err(_) => out.push(Change::Missing(path.clone())),
        }
    }
    let old = files(committed, Path::new(""))?;
    out.extend(old.into_iter().filter(|path| !new.contains(path)).map(Change::Unreferenced));
    Ok(out)
}

fn apply(fresh: &Path, committed: &Path, changes: &[Change]) -> Result<()> {
    for change in changes {
        match change {
            Change::Stale(path) | Change::Missing(path) => {
                let to = committed.join(path);
                std::fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
                std::fs::copy(fresh.join(path), to)?;
            }
            Change::Unreferenced(path) => std::fs::remove_file(committed.join(path))?,
        }
    }
    Ok(())
}

/// Files below `root`, as paths from it; none when it does not exist.
fn files(root: &Path, below: &Path) -> Result<Vec<PathBuf>> {
    let dir = root.join(below);
    if !dir.is_dir() {
        return Ok(vec![]);
    }
    let mut out = Vec::new();
    for entry in std::fs::read_dir(&dir)? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            out.extend(files(root, &path)?);
        } else {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_missing_and_left_over_files_are_told_apart_and_mended() {
        let scratch = Scratch::new("gentest").unwrap();
        let (fresh, old) = (scratch.path().join("new"), scratch.path().join("old"));
        for (path, text) in
            [("new/a", "1"), ("new/sub/b", "2"), ("new/same", "s"), ("old/a", "0"), ("old/same", "s"), ("old/c", "3")]
        {
            let path = scratch.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let changes = compare(&fresh, &old).unwrap();
        let expected = [Change::Stale("a".into()), Change::Missing("sub/b".into()), Change::Unreferenced("c".into())];
        assert_eq!(changes, expected);
        apply(&fresh, &old, &changes).unwrap();
        assert_eq!(compare(&fresh, &old).unwrap(), []);
    }

    #[test]
    fn a_generator_that_writes_nothing_is_not_up_to_date() {
        let scratch = Scratch::new("genempty").unwrap();
        assert!(compare(scratch.path(), scratch.path()).is_err());
    }
}
