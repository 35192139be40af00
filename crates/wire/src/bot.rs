//! Bots that make matches.

use ostler_model::{BotId, Label, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bot, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BotView {
    pub id: BotId,
    pub workspace: WorkspaceId,
    pub name: String,
    /// The first characters of its key, to recognise it by.
    pub prefix: String,
    /// The titles that it may make matches of; empty is all.
    pub titles: Vec<String>,
    /// Requests a minute; 0 is no limit of its own.
    pub per_minute: u32,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
}

/// Makes a bot.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BotCreate {
    /// Unique in its workspace; the trail shows it as `bot:<name>`.
    pub name: Label,
    /// The titles that it may make matches of; all, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub titles: Vec<String>,
    /// Requests a minute; 0 is no limit of its own.
    #[serde(default = "usual_rate")]
    #[schemars(range(max = 60_000))]
    pub per_minute: u32,
}

fn usual_rate() -> u32 {
    600
}

/// A new bot, or one with a new key. The only answer that ever contains the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BotCreated {
    pub bot: BotView,
    /// `ostbot_…`, for the header `x-admin-bot-key`; shown now and never again.
    pub secret: String,
}
