//! End-to-end tests: the built `ostler`, real databases, a real container engine, real games, a real browser.
//!
//! This library holds what the tests in `tests/it` share: the binary, folders that disappear, and waiting with a deadline.
//! It knows nothing of the product's inside; what it cannot see through a socket, a file or an exit code it does not test.

#![allow(clippy::disallowed_methods, reason = "these tests wait on real processes and read the real clock")]

mod binary;
mod host;
mod house;
pub mod luanti;
mod soak;
mod wait;

pub use binary::{Running, ostler};
pub use host::{BOT_KEY, MatchHost};
pub use house::{EMAIL, House, PASSWORD};
pub use soak::minutes;
pub use wait::{until, until_async};

use anyhow::{Context, Result};

/// A folder for one installation, removed with the value. Other accounts may enter it: workloads run as their own.
pub fn folder() -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("ostler-").tempdir().context("could not make a folder")?;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))
        .context("could not open the folder")?;
    Ok(dir)
}
