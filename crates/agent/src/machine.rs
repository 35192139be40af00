//! What the operator has decided about this machine, kept so that it holds at the next start.
//!
//! One file in the state folder, `machine.json`, which only the agent's account can write. A flag that is given replaces what
//! is stored; one that is not given leaves it.

use crate::identity::{Replace, write_private};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

const FILE: &str = "machine.json";

/// The decisions; what is absent was never made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Where players and browsers reach this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Ports that workloads may get, first and last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_range: Option<(u16, u16)>,
    /// Address on which containers publish their ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<IpAddr>,
    /// Folder for what workloads store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Images that containers may run beside those of their templates, as patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_images: Option<Vec<String>>,
}

impl Choices {
    /// What is stored in this state folder; nothing when nothing was.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged; delete it and give --address and --port-range again", path.display())
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
    /// These, and where one is absent, what is stored. From here on they are stored.
    pub fn keep(self, dir: &Path) -> Result<Self> {
        let stored = Self::load(dir)?;
        let kept = Self {
            address: self.address.or_else(|| stored.address.clone()),
            port_range: self.port_range.or(stored.port_range),
            publish: self.publish.or(stored.publish),
            data_dir: self.data_dir.or_else(|| stored.data_dir.clone()),
            allow_images: self.allow_images.or_else(|| stored.allow_images.clone()),
        };
        if kept != stored {
            let text = serde_json::to_vec_pretty(&kept).context("the machine's settings cannot be written")?;
            write_private(dir, FILE, &text, Replace::Always)?;
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f31_what_was_decided_holds_until_it_is_decided_again() {
        let dir = tempfile::tempdir().unwrap();
        let keep = |choices: Choices| choices.keep(dir.path()).unwrap();
        assert_eq!(keep(Choices::default()), Choices::default());
        let joined = Choices {
            address: Some("203.0.113.7".into()),
            port_range: Some((30_000, 30_099)),
            data_dir: Some("/srv/games".into()),
            ..Choices::default()
        };
        assert_eq!(keep(joined.clone()), joined);
        assert_eq!(keep(Choices::default()), joined);
        let moved = Choices { address: Some("198.51.100.1".into()), ..Choices::default() };
        assert_eq!(keep(moved), Choices { address: Some("198.51.100.1".into()), ..joined.clone() });
        assert_eq!(keep(Choices::default()).port_range, joined.port_range);
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(format!("{:#}", Choices::load(dir.path()).unwrap_err()).contains("machine.json is damaged"));
    }
}
