//! First run.

use ostler_model::user::Email;
use ostler_model::{Label, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whether there is an admin yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetupStatus {
    /// `setup` until the first admin exists, then `installed`, or `restart_required`.
    pub state: SetupState,
    pub version: String,
}

/// Where the installation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupState {
    Setup,
    Installed,
    /// Installed, and the server has to start anew before it runs with what was said then or since.
    RestartRequired,
}

/// Creates the first admin and the first workspace. Possible once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The one-time secret that the server printed when it first started.
    pub secret: Secret,
    pub email: Email,
    pub name: Label,
    /// 12 to 256 characters.
    pub password: Secret,
    /// Name of the first workspace; `Home` when absent.
    #[serde(default)]
    pub workspace: Option<Label>,
    /// Settings to begin with, by name, for example `{"mail.host": "smtp.example.org"}`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100))]
    pub settings: BTreeMap<String, Value>,
}

/// Checks whether a PostgreSQL can be used, before it is installed into.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckDatabase {
    pub secret: Secret,
    /// `postgres://…`; the database that the server runs on when absent.
    #[serde(default)]
    pub url: Option<Secret>,
}

/// Checks whether a Redis or Valkey answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRedis {
    pub secret: Secret,
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    #[serde(default = "redis_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    #[serde(default)]
    pub password: Option<Secret>,
}

fn redis_port() -> u16 {
    6379
}

/// Checks whether mail can leave.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSmtp {
    pub secret: Secret,
    /// Settings of `mail.`, by name.
    #[schemars(extend("maxProperties" = 100))]
    pub values: BTreeMap<String, Value>,
    /// Send a mail to this address, too.
    #[serde(default)]
    pub to: Option<Email>,
}
