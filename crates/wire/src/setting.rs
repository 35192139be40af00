//! Settings of the platform.

use ostler_model::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who said a value. A later one in this list goes over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody.
    Default,
    /// The configuration file.
    File,
    /// An admin, here.
    Database,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Flag,
}

/// All settings, and whether they hold already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsView {
    pub items: Vec<SettingView>,
    /// What was said since the server started differs from what it runs with.
    pub restart_required: bool,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingView {
    /// As in the configuration file, for example `mail.host`.
    pub name: String,
    /// The value from the next start on; `null` when there is none, and always for secrets.
    pub value: Value,
    pub source: Source,
    /// Can be set, never read.
    pub is_secret: bool,
    /// There is a value, also when it cannot be read.
    pub is_set: bool,
    /// Can be set here. Others come from the file, the environment or the command line only.
    pub is_editable: bool,
    /// Holds at once; others hold from the next start on.
    pub is_live: bool,
    /// Waits for the next start.
    pub is_pending: bool,
    /// The variable that goes over it.
    pub variable: String,
    /// What it is for.
    pub says: String,
}

/// Sets some settings and leaves the others. `null` takes back what was set here.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsUpdate {
    /// By name, for example `{"mail.host": "smtp.example.org", "mail.port": 587}`.
    #[schemars(extend("maxProperties" = 100))]
    pub values: BTreeMap<String, Value>,
}

/// How mail would leave.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailCheck {
    /// Settings that differ from the present ones, by name; only those of `mail.`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100))]
    pub values: BTreeMap<String, Value>,
    /// Send a mail to this address, too.
    #[serde(default)]
    pub to: Option<ostler_model::user::Email>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    pub is_good: bool,
    /// What is wrong and what to do, or what was found.
    pub says: String,
}

/// The server is about to start anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestartView {
    pub requested_at: Time,
    /// `/health` shows another `bootId` when it is done.
    pub boot_id: ostler_model::BootId,
}

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailView {
    pub id: ostler_model::MailId,
    /// Which template.
    pub kind: String,
    pub to: String,
    pub created_at: Time,
    /// The next attempt.
    pub due_at: Time,
    /// Not sent by then, it is dropped.
    pub expires_at: Time,
    pub attempts: u32,
    /// Why it was not sent yet.
    pub error: Option<String>,
}
