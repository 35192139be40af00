//! Which control plane, and with which key: the environment, else the file that `ostler login` wrote.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// A control plane and the key to it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub url: String,
    pub key: String,
}

fn file() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    Ok(base.context("neither XDG_CONFIG_HOME nor HOME is set")?.join("ostler/config.toml"))
}

impl Profile {
    /// `OSTLER_URL` and `OSTLER_KEY`, else the file.
    pub(crate) fn load() -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let (Some(url), Some(key)) = (variable("OSTLER_URL"), variable("OSTLER_KEY")) {
            return Ok(Self { url, key });
        }
        let path = file()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                toml::from_str(&text).with_context(|| format!("{} cannot be read; sign in again", path.display()))
            }
            Err(_) => bail!("not signed in; run: ostler login URL (or set OSTLER_URL and OSTLER_KEY)"),
        }
    }

    /// Keeps it for this person alone.
    pub(crate) fn save(&self) -> Result<PathBuf> {
        let path = file()?;
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        let fresh = path.with_extension("new");
        // A file left over from a crash may have other rights; this one is made anew.
        drop(std::fs::remove_file(&fresh));
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        out.write_all(toml::to_string(self)?.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        Ok(path)
    }
}
