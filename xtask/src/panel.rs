//! Building the panel, and doing nothing when there is nothing to build.
//!
//! Two stamps lie beside what they vouch for: one says which lock file `node_modules` was installed from, one says which
//! inputs `web/dist` was built from. Both are numbers from file sizes and times, so the check costs milliseconds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{say, shell};

/// The oldest Node.js that the panel's tools support.
const NODE: u32 = 20;

/// The panel's folder.
pub fn folder() -> PathBuf {
    shell::root().join("web")
}

/// Whether the panel's sources are here.
pub fn exists() -> bool {
    folder().join("package.json").is_file()
}

/// Fails, with the fix, when Node.js or npm are missing or too old.
pub fn require_node() -> Result<()> {
    let fix =
        format!("install Node.js {NODE} or newer, for example `apt-get install nodejs npm` or from https://nodejs.org");
    let version = shell::output(Command::new("node").arg("--version"))
        .map_err(|_| anyhow::anyhow!("the panel needs Node.js, and `node` is not on PATH: {fix}"))?;
    let major: u32 = version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if major < NODE {
        bail!("the panel needs Node.js {NODE} or newer, and this is {}: {fix}", version.trim());
    }
    if shell::which("npm").is_none() {
        bail!("the panel needs npm, which is not on PATH: `apt-get install npm`, or reinstall Node.js with it");
    }
    Ok(())
}

/// Installs exactly what the lock file in `dir` says, unless that has been done.
pub fn install(dir: &Path) -> Result<()> {
    let lock = dir.join("package-lock.json");
    if !lock.is_file() {
        bail!("{} is missing: run `npm install` in {} once and commit it", lock.display(), dir.display());
    }
    let stamp = Stamp::new(dir.join("node_modules/.ostler-install"), &[lock, dir.join("package.json")], &[])?;
    if stamp.is_fresh() {
        return Ok(());
    }
    say::step(&format!("installing npm packages in {}", name(dir)));
    shell::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(dir))?;
    stamp.set()
}

/// Builds the panel into `web/dist`, unless nothing has changed since the last time. True when it built.
pub fn build() -> Result<bool> {
    let dir = folder();
    install(&dir)?;
    let inputs = [dir.clone(), shell::root().join("docs/reference/openapi.json")];
    let except = ["node_modules", "dist", "e2e", "test-results", "playwright-report"];
    let stamp = Stamp::new(dir.join("node_modules/.ostler-build"), &inputs, &except)?;
    if stamp.is_fresh() && dir.join("dist/index.html").is_file() {
        return Ok(false);
    }
    say::step("building the panel");
    shell::run(Command::new("npm").args(["run", "--silent", "build"]).current_dir(&dir))?;
    // Looked at again: the build itself may write generated sources.
    Stamp::new(stamp.file, &inputs, &except)?.set()?;
    Ok(true)
}

/// A file that remembers the fingerprint of what something was made from.
struct Stamp {
    file: PathBuf,
    now: u64,
}

impl Stamp {
    fn new(file: PathBuf, inputs: &[PathBuf], except: &[&str]) -> Result<Self> {
        Ok(Self { file, now: shell::fingerprint(inputs, except)? })
    }

    fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|text| text == self.now.to_string())
    }

    fn set(&self) -> Result<()> {
        let folder = self.file.parent().context("a stamp lies in a folder")?;
        // npm makes no folder for a package without dependencies.
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&self.file, self.now.to_string()))
            .with_context(|| format!("could not write {}", self.file.display()))
    }
}

fn name(dir: &Path) -> String {
    dir.strip_prefix(shell::root()).unwrap_or(dir).display().to_string()
}
