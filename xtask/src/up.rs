//! `cargo xtask up`: from a clone to a running house.
//!
//! It checks the two tools, builds what changed, and then *becomes* `ostler up`: signals, exit code and terminal are that
//! program's own. A second start does no work but comparing file times.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{panel, say, shell};

/// The oldest compiler that builds the workspace (`rust-version` in Cargo.toml).
const RUST: (u32, u32) = (1, 95);

/// What `up` takes; all it does not know goes to `ostler up`.
#[derive(clap::Args)]
pub struct Args {
    /// Build optimised: slower to build, as fast as what is shipped.
    #[arg(long)]
    release: bool,
    /// Passed on to `ostler up`, for example `--listen 127.0.0.1:9000`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds, then replaces this process by `ostler up`.
pub fn run(args: Args) -> Result<ExitCode> {
    require_rust()?;
    if panel::exists() {
        panel::require_node()?;
        panel::build()?;
    } else {
        say::note("web/ is missing: this build has no panel");
    }
    let mut build = shell::cargo();
    build.args(["build", "--package", "ostler", "--bin", "ostler"]);
    if args.release {
        build.arg("--release");
    }
    if !shell::binary(args.release).exists() {
        say::step("building ostler (the first time takes some minutes)");
    }
    shell::run(&mut build)?;

    let mut up = Command::new(shell::binary(args.release));
    up.arg("up").current_dir(shell::root());
    if !args.rest.iter().any(|arg| arg == "--data" || arg.starts_with("--data=")) {
        up.args(["--data", "./data"]);
    }
    let error = up.args(&args.rest).exec();
    Err(error).with_context(|| format!("could not start {}", shell::binary(args.release).display()))
}

fn require_rust() -> Result<()> {
    let (major, minor) = RUST;
    let fix =
        format!("`rustup toolchain install {major}.{minor} && rustup default {major}.{minor}` (https://rustup.rs)");
    let text = shell::output(Command::new("rustc").arg("--version"))
        .map_err(|_| anyhow::anyhow!("Ostler needs Rust {major}.{minor}, and `rustc` is not on PATH: {fix}"))?;
    let found = version(&text).with_context(|| format!("`rustc --version` said {text:?}"))?;
    if found < RUST {
        bail!("Ostler needs Rust {major}.{minor} or newer, and this is {}: {fix}", text.trim());
    }
    if shell::which("cc").is_none() {
        bail!(
            "SQLite and the cryptography are compiled from C, and `cc` is not on PATH: `apt-get install gcc libc6-dev`"
        );
    }
    Ok(())
}

/// Major and minor of `rustc 1.95.0 (…)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn compiler_versions_are_compared_as_numbers() {
        assert_eq!(version("rustc 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(version("rustc 2.1.0-nightly (x)"), Some((2, 1)));
        assert!(version("rustc 1.100.0").unwrap() > (1, 95));
        assert_eq!(version("nonsense"), None);
    }
}
