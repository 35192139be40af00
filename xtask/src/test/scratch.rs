//! A folder for one run, gone afterwards.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// A folder below `/tmp` that is removed with this value. Its path is short: unix sockets in it have room for 107 bytes.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new folder.
    pub fn new(name: &str) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        let path = PathBuf::from(format!("/tmp/ostler-{name}-{}-{now}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("could not make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Shell text that removes it, for a guard that outlives this process.
    pub fn removal(&self) -> String {
        format!("rm -rf '{}'", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
