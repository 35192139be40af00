//! Which control plane, and with which key: the environment, else a profile in the file that `ostler login` writes.

use crate::exit::Trouble;
use anyhow::{Context, Result};
use ostler_model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// The profile when none is named.
const DEFAULT: &str = "default";

/// A control plane and the key to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub url: String,
    pub key: String,
    /// To take the key back with; absent when it came from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

fn path() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let base = std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from).or_else(home);
    Ok(base.context("neither XDG_CONFIG_HOME nor HOME is set")?.join("ostler/config.toml"))
}

fn read() -> Result<File> {
    let path = path()?;
    match std::fs::read_to_string(&path) {
        // The parser's message quotes the line, and a line may be a key.
        Ok(text) => toml::from_str(&text)
            .map_err(|_| anyhow::anyhow!("{} cannot be read; mend it, or delete it and sign in again", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Keeps it for this person alone, whole or not at all.
fn write(file: &File) -> Result<PathBuf> {
    let path = path()?;
    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    // A file left over from a crash may have other rights; this one is made anew.
    drop(std::fs::remove_file(&fresh));
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    out.write_all(toml::to_string(file)?.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&fresh, &path)?;
    Ok(path)
}

fn name(profile: Option<&str>) -> &str {
    profile.unwrap_or(DEFAULT)
}

impl Profile {
    /// `OSTLER_URL` and `OSTLER_KEY` when no profile is named, else the file.
    pub(crate) fn load(profile: Option<&str>) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if profile.is_none()
            && let (Some(url), Some(key)) = (variable("OSTLER_URL"), variable("OSTLER_KEY"))
        {
            return Ok(Self { url, key, key_id: None });
        }
        let mut file = read()?;
        file.profiles.remove(name(profile)).ok_or_else(|| {
            let others = file.profiles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let hint = if others.is_empty() { String::new() } else { format!("; there are the profiles {others}") };
            let how = match profile {
                Some(name) => format!("there is no profile {name}; run: ostler login URL --profile {name}{hint}"),
                None => format!("not signed in; run: ostler login URL (or set OSTLER_URL and OSTLER_KEY){hint}"),
            };
            Trouble::NotAllowed(how).into()
        })
    }

    /// What the file has under this name.
    pub(crate) fn stored(profile: Option<&str>) -> Result<Option<Self>> {
        Ok(read()?.profiles.remove(name(profile)))
    }

    pub(crate) fn save(&self, profile: Option<&str>) -> Result<PathBuf> {
        let mut file = read()?;
        file.profiles.insert(name(profile).to_owned(), self.clone());
        write(&file)
    }

    pub(crate) fn forget(profile: Option<&str>) -> Result<PathBuf> {
        let mut file = read()?;
        file.profiles.remove(name(profile));
        write(&file)
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.key.clone())
    }
}

/// This machine's name, for the label of a key.
pub(crate) fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    if name.is_empty() { "this machine".to_owned() } else { name }
}
