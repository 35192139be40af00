//! Backup of a running SQLite database.

use super::error::{Result, StoreError};
use super::store::Store;
use std::path::Path;

impl Store {
    /// Writes a consistent copy of the database to a new file while it is in use. An existing file is never overwritten.
    pub async fn backup_to(&self, path: &Path) -> Result<()> {
        if self.backend() != "sqlite" {
            return Err(StoreError::Unusable(
                "this backup is for SQLite; back PostgreSQL up with pg_dump, which knows how to".to_owned(),
            ));
        }
        let Some(text) = path.to_str() else {
            return Err(StoreError::Unusable(format!("the path {} is not valid UTF-8", path.display())));
        };
        // Made here and empty: SQLite fills an empty file but refuses one with content, and the creation refuses any.
        create_new(path)?;
        let copied = self.copy_sqlite(text).await.and_then(|()| sync(path));
        if copied.is_err() {
            // A half-written copy must not be taken for a backup.
            let _ = std::fs::remove_file(path);
        }
        copied
    }
}

fn create_new(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // It holds hashes and sealed secrets: for its owner only.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(|_| ()).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            StoreError::Unusable(format!("{} exists already; a backup never overwrites a file", path.display()))
        }
        _ => StoreError::Unusable(format!("{} cannot be written: {e}", path.display())),
    })
}

/// A copy that a power cut could still take away is no backup.
fn sync(path: &Path) -> Result<()> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|e| StoreError::Unusable(format!("{} cannot be brought to disk: {e}", path.display())))
}
