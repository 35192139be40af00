//! Settings of the platform: a few named texts, such as the installation's id and the state of the first run.

use crate::db::error::Result;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::Time;
use ostler_model::authz::{Grant, Platform, Write};
use std::collections::BTreeMap;

/// The installation's id.
pub const INSTALLATION: &str = "installation";
/// SHA-256 of the one-time setup secret, hexadecimal; present until the first admin exists.
pub const SETUP_SECRET_HASH: &str = "setup_secret_hash";
/// Present once the first admin exists.
pub const INSTALLED_AT: &str = "installed_at";

impl Store {
    /// A setting's value.
    pub async fn setting_get(&self, name: &str) -> Result<Option<String>> {
        read!(self, "setting_get", |db| {
            let row = db.opt("SELECT value FROM setting WHERE name = $1", args![name]).await?;
            row.map(|row| row.get("value")).transpose()
        })
    }
    /// All settings.
    pub async fn setting_all(&self) -> Result<BTreeMap<String, String>> {
        read!(self, "setting_all", |db| {
            let rows = db.all("SELECT name, value FROM setting", vec![]).await?;
            rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
        })
    }
    /// Sets a value. The audit entry names the setting, not the value.
    pub async fn setting_set(&self, grant: &Grant<Platform, Write>, name: &str, value: &str, at: Time) -> Result<()> {
        change!(self, "setting_set", at, |tx| {
            tx.exec(
                "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
                args![name, value, at],
            )
            .await?;
            tx.audit(grant, "platform.set", name, None);
            Ok(())
        })
    }
    /// Sets a value unless there is one, and returns the one that holds: of two servers that start at once, both get the same.
    pub async fn setting_init(
        &self,
        grant: &Grant<Platform, Write>,
        name: &str,
        value: &str,
        at: Time,
    ) -> Result<String> {
        change!(self, "setting_init", at, |tx| {
            let done = tx
                .exec(
                    "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
                    args![name, value, at],
                )
                .await?;
            if done > 0 {
                tx.audit(grant, "platform.set", name, None);
            }
            tx.one("SELECT value FROM setting WHERE name = $1", args![name]).await?.get("value")
        })
    }
    /// Removes a setting. True when there was one.
    pub async fn setting_delete(&self, grant: &Grant<Platform, Write>, name: &str, at: Time) -> Result<bool> {
        change!(self, "setting_delete", at, |tx| {
            let done = tx.exec("DELETE FROM setting WHERE name = $1", args![name]).await?;
            if done > 0 {
                tx.audit(grant, "platform.unset", name, None);
            }
            Ok(done > 0)
        })
    }
}
