//! The node's lease: what the control plane handed to this machine, so that a copy of its state is told apart.

use crate::identity::{Replace, write_private};
use anyhow::{Context as _, Result};
use ostler_model::node::Lease;
use ostler_model::node::lease::Boot;
use ostler_runtime::Ids;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const FILE: &str = "node.lease";

/// The lease of one agent process, and where it is kept.
#[derive(Debug)]
pub struct Leases {
    boot: Boot,
    kept: Arc<Mutex<Option<Lease>>>,
    path: Option<PathBuf>,
}

impl Leases {
    /// For this process, with what the state folder has.
    pub fn load(dir: &Path, ids: &Ids) -> Result<Leases> {
        let path = dir.join(FILE);
        let kept = match std::fs::read_to_string(&path) {
            // One that cannot be read is like none: the control plane then decides.
            Ok(text) => text.trim().parse().ok(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(e).with_context(|| format!("{} cannot be read", path.display())),
        };
        Ok(Leases { boot: ids.bytes(), kept: Arc::new(Mutex::new(kept)), path: Some(path) })
    }
    /// For a process of a simulated machine, whose disk this is.
    pub fn memory(disk: Arc<Mutex<Option<Lease>>>, ids: &Ids) -> Leases {
        Leases { boot: ids.bytes(), kept: disk, path: None }
    }
    /// Forgets it, with the node.
    pub(crate) fn forget(dir: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(dir.join(FILE)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
    /// This process.
    pub fn boot(&self) -> Boot {
        self.boot
    }
    /// What is shown.
    pub fn shown(&self) -> Option<Lease> {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Stores what was handed out. The number that is on the disk afterwards; a disk that is full keeps the one before.
    pub(crate) fn store(&self, lease: Lease) -> Option<u32> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept == Some(lease) {
            return Some(lease.number);
        }
        if let Some(path) = &self.path {
            let dir = path.parent().unwrap_or(Path::new("."));
            if let Err(error) = write_private(dir, FILE, lease.to_string().as_bytes(), Replace::Always) {
                tracing::warn!("the node's lease was not stored; the one before still holds: {error:#}");
                return kept.map(|lease| lease.number);
            }
        }
        *kept = Some(lease);
        Some(lease.number)
    }
}
