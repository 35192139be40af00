//! Settings of the platform: a few named texts, such as the installation's id and the state of the first run.

use crate::db::error::Result;
use crate::db::redact::Told;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::secret::sealed;
use ostler_model::authz::{Grant, Platform, Write};
use ostler_model::{Secret, SecretId, Time};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The installation's id.
pub const INSTALLATION: &str = "installation";
/// SHA-256 of the one-time setup secret, hexadecimal; present until the first admin exists.
pub const SETUP_SECRET_HASH: &str = "setup_secret_hash";
/// Present once the first admin exists.
pub const INSTALLED_AT: &str = "installed_at";
/// What settings of the configuration are called here.
const CONFIG: &str = "config.";
/// What stands in the place of a secret: the id of the sealed one.
const SEALED: &str = "sealed:";
/// Whose secrets they are.
const OWNER: &str = "platform";

/// What becomes of one setting of the configuration.
#[derive(Debug, Clone)]
pub enum Put {
    /// This text from now on.
    Plain(String),
    /// This secret from now on, sealed under this id.
    Secret(SecretId, Secret),
    /// Nothing is said here any more.
    Unset,
}

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
            let before = since(tx, name).await?;
            tx.exec(
                "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
                args![name, value, at],
            )
            .await?;
            tx.audit(grant, "platform.set", name, Told::changed(&before, &set_at(at)));
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
                tx.audit(grant, "platform.set", name, Told::made(&set_at(at)));
            }
            tx.one("SELECT value FROM setting WHERE name = $1", args![name]).await?.get("value")
        })
    }
    /// What is said here about the configuration, by its names there; secrets opened.
    pub async fn setting_config(&self) -> Result<BTreeMap<String, Secret>> {
        let rows: BTreeMap<String, String> = read!(self, "setting_config", |db| {
            let rows = db.all("SELECT name, value FROM setting WHERE name LIKE 'config.%'", vec![]).await?;
            rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
        })?;
        let mut all = BTreeMap::new();
        for (name, text) in rows {
            let value = match text.strip_prefix(SEALED) {
                Some(id) => {
                    let id = id.parse().map_err(|_| crate::db::row::unreadable("value"))?;
                    self.secret_get(id, OWNER).await?
                }
                None => Secret::new(text),
            };
            all.insert(name.trim_start_matches(CONFIG).to_owned(), value);
        }
        Ok(all)
    }
    /// Changes settings of the configuration, all or nothing, in one audit entry, which says of secrets only that they changed.
    pub async fn setting_change(
        &self,
        grant: &Grant<Platform, Write>,
        changes: &[(&str, Put)],
        at: Time,
    ) -> Result<()> {
        change!(self, "setting_change", at, |tx| {
            tx.lock("settings").await?;
            let (mut before, mut after) = (Map::new(), Map::new());
            for (name, put) in changes {
                let said = (*name).to_owned();
                let name = format!("{CONFIG}{name}");
                let old = tx.opt("DELETE FROM setting WHERE name = $1 RETURNING value", args![name]).await?;
                let old: Option<String> = old.map(|row| row.get("value")).transpose()?;
                if let Some(id) = old.as_deref().and_then(|text| text.strip_prefix(SEALED)) {
                    tx.exec("DELETE FROM secret WHERE id = $1 AND owner = $2", args![id, OWNER]).await?;
                }
                before.insert(said.clone(), old.as_deref().map_or(Value::Null, plain));
                let value = match put {
                    Put::Unset => {
                        after.insert(said, Value::Null);
                        continue;
                    }
                    Put::Plain(text) => text.clone(),
                    Put::Secret(id, secret) => {
                        let (key, bytes) = sealed(self.key(), *id, OWNER, secret);
                        tx.exec(
                            "INSERT INTO secret (id, owner, key_id, sealed, created_at, changed_at)
                             VALUES ($1, $2, $3, $4, $5, $5)",
                            args![id, OWNER, key, bytes, at],
                        )
                        .await?;
                        format!("{SEALED}{id}")
                    }
                };
                after.insert(said, plain(&value));
                tx.exec("INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)", args![name, value, at])
                    .await?;
            }
            tx.audit(grant, "platform.update_settings", "platform", Told::changed(&before, &after));
            Ok(())
        })
    }
    /// Writes down that something was done about settings that changes none: a check, a restart.
    pub async fn setting_note(
        &self,
        grant: &Grant<Platform, Write>,
        action: &str,
        is_good: bool,
        at: Time,
    ) -> Result<()> {
        change!(self, "setting_note", at, |tx| {
            let told = Told::elsewhere(Some(json!({ "is_good": is_good })));
            tx.audit(grant, action, "platform", told);
            Ok(())
        })
    }
    /// Removes a setting. True when there was one.
    pub async fn setting_delete(&self, grant: &Grant<Platform, Write>, name: &str, at: Time) -> Result<bool> {
        change!(self, "setting_delete", at, |tx| {
            let before = since(tx, name).await?;
            let done = tx.exec("DELETE FROM setting WHERE name = $1", args![name]).await?;
            if done > 0 {
                tx.audit(grant, "platform.unset", name, Told::gone(&before));
            }
            Ok(done > 0)
        })
    }
}

/// What the audit trail says about a setting's value: of a secret, under which id it is kept.
fn plain(value: &str) -> Value {
    match value.strip_prefix(SEALED) {
        Some(id) => id.into(),
        None => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    }
}

/// What it says about other settings: since when they are so. The values are nobody's business.
fn set_at(at: Time) -> Value {
    json!({ "set_at": at })
}

async fn since(tx: &mut Tx, name: &str) -> Result<Value> {
    let row = tx.opt("SELECT changed_at FROM setting WHERE name = $1", args![name]).await?;
    row.map_or(Ok(json!({})), |row| Ok(set_at(row.get("changed_at")?)))
}
