//! Which value of each setting holds.

use super::items::{ITEMS, find};
use super::problems::problems;
use crate::config::{Config, Mail};
use crate::http::{Error, Result};
use ostler_runtime::Ids;
use ostler_store::Store;
use ostler_store::setting::Put;
use ostler_wire::error::FieldError;
use ostler_wire::setting::{SettingView, SettingsView, Source};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// The settings of a running server.
#[derive(Debug, Clone)]
pub struct Settings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What file, environment and flags say.
    base: Config,
    /// What the server runs with.
    running: Config,
    live: RwLock<Arc<Mail>>,
    restart: Notify,
}

/// What would hold from the next start on.
#[derive(Debug, Clone)]
pub struct Effective {
    pub config: Config,
    base: Config,
    said_here: Vec<&'static str>,
}

impl Settings {
    /// Puts what the database says over what the process was told, and refuses what would not be safe.
    pub async fn load(base: Config, store: &Store) -> anyhow::Result<Self> {
        let effective = Effective::of(&base, store).await?;
        if let Some((name, why)) = problems(&effective.config).into_iter().find(|_| !effective.said_here.is_empty()) {
            let variable = find(name).map(super::Item::variable).unwrap_or_default();
            anyhow::bail!("{why}\nIt was said in the panel; the variable {variable} goes over that.");
        }
        let live = RwLock::new(Arc::new(effective.config.mail.clone()));
        Ok(Self(Arc::new(Inner { base, running: effective.config, live, restart: Notify::new() })))
    }
    /// What this server runs with.
    pub fn running(&self) -> &Config {
        &self.0.running
    }
    /// How mail leaves now.
    pub fn mail(&self) -> Arc<Mail> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Reads again what the database says; other servers may have changed it.
    pub async fn refresh(&self, store: &Store) -> anyhow::Result<()> {
        let mail = Arc::new(self.effective(store).await?.config.mail);
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = mail;
        Ok(())
    }
    /// What would hold from the next start on.
    pub async fn effective(&self, store: &Store) -> anyhow::Result<Effective> {
        Effective::of(&self.0.base, store).await
    }
    /// Whether the next start would change something.
    pub async fn is_restart_required(&self, store: &Store) -> anyhow::Result<bool> {
        let next = self.effective(store).await?;
        Ok(ITEMS.iter().any(|item| !item.is_live && item.get(&next.config) != item.get(&self.0.running)))
    }
    /// Everything as an admin sees it.
    pub async fn view(&self, store: &Store) -> anyhow::Result<SettingsView> {
        let next = self.effective(store).await?;
        let items: Vec<SettingView> = ITEMS
            .iter()
            .map(|item| {
                let value = item.get(&next.config);
                SettingView {
                    name: item.name.to_owned(),
                    is_set: !value.is_null(),
                    is_pending: !item.is_live && value != item.get(&self.0.running),
                    value: if item.is_secret { Value::Null } else { value },
                    source: next.source(item.name),
                    is_secret: item.is_secret,
                    is_editable: item.is_editable,
                    is_live: item.is_live,
                    variable: item.variable(),
                    says: item.says.to_owned(),
                }
            })
            .collect();
        Ok(SettingsView { restart_required: items.iter().any(|item| item.is_pending), items })
    }
    /// Asks whoever runs this server to start it anew.
    pub fn ask_restart(&self) {
        self.0.restart.notify_one();
    }
    /// Resolves when somebody has asked for that.
    pub async fn restart_asked(&self) {
        self.0.restart.notified().await;
    }
}

impl Effective {
    async fn of(base: &Config, store: &Store) -> anyhow::Result<Self> {
        let mut config = base.clone();
        let mut said_here = Vec::new();
        for (name, text) in store.setting_config().await? {
            // A name of another version is left alone.
            let Some(item) = find(&name).filter(|item| item.is_editable) else { continue };
            if base.sources.of(item.name) > Source::Database {
                continue;
            }
            let value = serde_json::from_str(text.reveal()).unwrap_or(Value::Null);
            if let Err(why) = item.set(&mut config, &value) {
                tracing::warn!(setting = item.name, why, "what the database says about a setting cannot be read");
                continue;
            }
            said_here.push(item.name);
        }
        Ok(Self { config, base: base.clone(), said_here })
    }
    /// Who says this one.
    fn source(&self, name: &str) -> Source {
        if self.said_here.contains(&name) { Source::Database } else { self.config.sources.of(name) }
    }
}

/// What is to be written so that these values hold.
pub(crate) struct Changes {
    pub(crate) puts: Vec<(&'static str, Put)>,
    pub(crate) config: Config,
}

/// Looks at values by name: which setting each is, whether it can be set here, and whether all of it together would be safe.
pub(crate) fn changes(values: &BTreeMap<String, Value>, now: &Effective, ids: &Ids, at: &str) -> Result<Changes> {
    let field = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let mut wrong = Vec::new();
    let mut changes = Changes { puts: Vec::new(), config: now.config.clone() };
    for (name, value) in values {
        let mut say = |message: String| wrong.push(FieldError { field: field(name), message });
        let Some(item) = find(name) else {
            say("there is no such setting".to_owned());
            continue;
        };
        let source = now.config.sources.of(item.name);
        if !item.is_editable {
            say(format!("this is set where the server is started: by the file or by {}", item.variable()));
        } else if source > Source::Database {
            say(format!("{} goes over this; remove it where the server is started", item.variable()));
        } else if value.is_null() {
            // What the file or the default says holds again, and is looked at together with the rest.
            let below = match item.get(&now.base) {
                Value::Null => json!(""),
                below => below,
            };
            if let Err(why) = item.set(&mut changes.config, &below) {
                say(why);
                continue;
            }
            changes.puts.push((item.name, Put::Unset));
        } else if let Err(why) = item.set(&mut changes.config, value) {
            say(why);
        } else if item.is_secret {
            let secret = ostler_model::Secret::new(value.to_string());
            changes.puts.push((item.name, Put::Secret(ids.next(), secret)));
        } else {
            changes.puts.push((item.name, Put::Plain(value.to_string())));
        }
    }
    if wrong.is_empty() {
        let broken = problems(&changes.config);
        wrong.extend(broken.into_iter().map(|(name, message)| FieldError { field: field(name), message }));
    }
    if wrong.is_empty() { Ok(changes) } else { Err(Error::Invalid(wrong)) }
}
