//! Matches as the platform's API shows them: for people, and for lists. The frames of their sockets are in `matches`.

use crate::matches::{GameInfo, GameStats};
use ostler_model::matches::{ClientId, Config, GameId, Lost, Phase};
use ostler_model::{Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A match in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchView {
    pub id: GameId,
    /// Absent for those that the platform's own bot made.
    pub workspace: Option<WorkspaceId>,
    pub title: String,
    /// Who made it, as the trail names them: `bot:ladder`.
    pub made_by: String,
    /// The worker that owns it.
    pub worker_index: u32,
    /// The prefix that reaches that worker: `w0`.
    pub worker_path: String,
    pub phase: Phase,
    /// How many are connected; of a finished match, how many took part.
    pub players: u32,
    /// Turns, once it is over.
    pub turns: u64,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// Why it ended without an archive; absent for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

/// A match with what its worker says of it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatchDetail {
    #[serde(rename = "match")]
    pub summary: MatchView,
    /// Absent once it is over, or while its worker is away.
    pub info: Option<GameInfo>,
    /// Absent once it is over, or while its worker is away.
    pub stats: Option<GameStats>,
}

/// Which matches to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchQuery {
    /// `live` or `archived`; both, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MatchState>,
    /// 1 to 200, default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub cursor: Option<String>,
}

/// Whether a match is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchState {
    /// Lobbies and running matches.
    Live,
    /// Finished ones.
    Archived,
}

/// Makes a private match.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchCreate {
    /// One of `/api/v1/matches/titles`.
    #[schemars(length(min = 1, max = 64))]
    pub title: String,
    /// A partial configuration over the title's defaults.
    #[serde(default)]
    pub config: Config,
}

/// Changes the configuration of a lobby. What is left out stays, except `hostCheats`: omitted means CLEARED.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchUpdate {
    /// A partial configuration; `null` unsets a field.
    pub config: Config,
}

/// Sets or clears the start of a lobby.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchStart {
    /// True: it starts after `startDelay`. False: it does not start by itself.
    pub is_set: bool,
}

/// Pauses a running match, or lets it go on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchPause {
    pub paused: bool,
}

/// Puts a player out, for good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchKick {
    pub client: ClientId,
}

/// How to open a match's socket.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchSocketQuery {
    /// Only receive: of an archived match, its turns once more.
    #[serde(default)]
    pub watch: bool,
    /// The first turn that is wanted.
    #[serde(default)]
    pub from: u64,
    /// Time between the turns of an archived match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10_000))]
    pub pace_ms: Option<u64>,
}

/// A game that matches can be made of.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TitleView {
    pub id: String,
    pub name: String,
    pub turn_ms: u64,
    pub min_players: u32,
    pub max_players: u32,
    pub cleared_when_omitted: Vec<String>,
    pub defaults: Config,
    /// JSON Schema of the configuration.
    pub config_schema: serde_json::Value,
    /// JSON Schema of one gameplay intent.
    pub intent_schema: serde_json::Value,
}

/// Every title.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Titles {
    pub items: Vec<TitleView>,
}

/// Finished matches of a bot, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveIds {
    pub items: Vec<GameId>,
    pub next_cursor: Option<String>,
}
