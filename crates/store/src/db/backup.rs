//! Backup of a running SQLite database.

use super::error::{Result, StoreError};
use super::store::Store;
use super::value::args;
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
        let copied = self.copy_into(text).await;
        if copied.is_err() {
            // A half-written copy must not be taken for a backup.
            let _ = std::fs::remove_file(path);
        }
        copied
    }

    async fn copy_into(&self, path: &str) -> Result<()> {
        let mut conn = self.reader("backing up").await?;
        conn.exec("VACUUM INTO $1", args![path]).await.map(|_| ())
    }
}

fn create_new(path: &Path) -> Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    made.map(|_| ()).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            StoreError::Unusable(format!("{} exists already; a backup never overwrites a file", path.display()))
        }
        _ => StoreError::Unusable(format!("{} cannot be written: {e}", path.display())),
    })
}
