//! What the platform remembers of matches and of the bots that make them. Turns and players are the workers' to know.

use super::{GameId, Phase};
use crate::authz::{Kind, Resource};
use crate::{BotId, Label, Time, UserId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Who made a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// A named bot.
    Bot(BotId),
    /// The bot whose key is in the configuration.
    Platform,
    /// A person, in the panel or with an API key.
    User(UserId),
}

/// Why a match ended without an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The workload that hosted its worker was deleted, and the match with it.
    HostDeleted,
    /// Its worker does not know it any more: the journal could not be read, or the folder was emptied.
    Missing,
}

impl Lost {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lost::HostDeleted => "host_deleted",
            Lost::Missing => "missing",
        }
    }
}

impl FromStr for Lost {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Lost::HostDeleted, Lost::Missing].into_iter().find(|lost| lost.as_str() == text).ok_or(())
    }
}

/// A match, as the platform remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub id: GameId,
    /// `None` for those that the platform's own bot made.
    pub workspace: Option<WorkspaceId>,
    pub title: String,
    pub maker: Maker,
    /// The maker's name at that time.
    pub made_by: String,
    /// The worker that owns it: what stands behind `/w`.
    pub worker: u32,
    pub phase: Phase,
    /// How many are connected; of a finished match, how many took part.
    pub players: u32,
    pub turns: u64,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// Of a finished match without an archive.
    pub lost: Option<Lost>,
}

impl Resource for Match {
    const KIND: Kind = Kind::Match;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
    fn bot(&self) -> Option<BotId> {
        match self.maker {
            Maker::Bot(id) => Some(id),
            Maker::Platform | Maker::User(_) => None,
        }
    }
}

/// A program that makes matches in a workspace. Its key is shown once and stored as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    pub id: BotId,
    pub workspace: WorkspaceId,
    pub name: Label,
    /// What people recognise its key by.
    pub prefix: String,
    /// The titles that it may make matches of; empty is all.
    pub titles: Vec<String>,
    /// Requests a minute; zero is no limit of its own.
    pub per_minute: u32,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
}

impl Bot {
    /// Whether it may make matches of this title.
    pub fn may_make(&self, title: &str) -> bool {
        self.titles.is_empty() || self.titles.iter().any(|own| own == title)
    }
}

impl Resource for Bot {
    const KIND: Kind = Kind::Bot;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
}
