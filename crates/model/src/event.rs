//! Events: facts with a sequence number, pushed live.

use crate::authz::{Kind, Resource};
use crate::matches::{GameId, Phase};
use crate::{BotId, JobId, NodeId, RoleId, TeamId, Time, UserId, WorkloadId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A fact, as stored and streamed. Sequence order is commit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub seq: u64,
    pub at: Time,
    pub workspace: Option<WorkspaceId>,
    pub fact: Fact,
    /// Who caused it, as a label for people.
    pub actor: String,
}

/// What happened. Serialised as `{"type": "workload.observed", …}`; ids and small facts only, never secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type")]
pub enum Fact {
    #[serde(rename = "workload.created")]
    WorkloadCreated { id: WorkloadId, name: String },
    /// The owner wants something else now.
    #[serde(rename = "workload.desired")]
    WorkloadDesired { id: WorkloadId, generation: u64 },
    /// The node reported something new.
    #[serde(rename = "workload.observed")]
    WorkloadObserved {
        id: WorkloadId,
        generation: u64,
        state: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    #[serde(rename = "workload.deleted")]
    WorkloadDeleted { id: WorkloadId, name: String },
    #[serde(rename = "node.joined")]
    NodeJoined { id: NodeId, name: String },
    #[serde(rename = "node.changed")]
    NodeChanged { id: NodeId },
    #[serde(rename = "node.online")]
    NodeOnline { id: NodeId },
    #[serde(rename = "node.offline")]
    NodeOffline { id: NodeId },
    #[serde(rename = "node.deleted")]
    NodeDeleted { id: NodeId, name: String },
    #[serde(rename = "job.changed")]
    JobChanged {
        id: JobId,
        state: String,
        step: Option<String>,
        progress: u8,
        /// The id of what it is done to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A match has come further, or somebody came or went.
    #[serde(rename = "match.changed")]
    MatchChanged { id: GameId, phase: Phase, players: u32 },
    #[serde(rename = "bot.changed")]
    BotChanged { id: BotId },
    #[serde(rename = "workspace.changed")]
    WorkspaceChanged { id: WorkspaceId },
    #[serde(rename = "member.changed")]
    MemberChanged { user: UserId },
    #[serde(rename = "role.changed")]
    RoleChanged { id: RoleId },
    #[serde(rename = "team.changed")]
    TeamChanged { id: TeamId },
    #[serde(rename = "user.changed")]
    UserChanged { id: UserId },
    #[serde(rename = "key.changed")]
    KeyChanged { owner: UserId },
}

impl Fact {
    /// The noun before the dot: what streams are filtered by and what a reader must be allowed to read.
    pub const fn topic(&self) -> Kind {
        match self {
            Fact::WorkloadCreated { .. }
            | Fact::WorkloadDesired { .. }
            | Fact::WorkloadObserved { .. }
            | Fact::WorkloadDeleted { .. } => Kind::Workload,
            Fact::NodeJoined { .. }
            | Fact::NodeChanged { .. }
            | Fact::NodeOnline { .. }
            | Fact::NodeOffline { .. }
            | Fact::NodeDeleted { .. } => Kind::Node,
            Fact::JobChanged { .. } => Kind::Job,
            Fact::MatchChanged { .. } => Kind::Match,
            Fact::BotChanged { .. } => Kind::Bot,
            Fact::WorkspaceChanged { .. } => Kind::Workspace,
            // Roles and teams are about members, and whoever may read these may read them.
            Fact::MemberChanged { .. } | Fact::RoleChanged { .. } | Fact::TeamChanged { .. } => Kind::Member,
            Fact::UserChanged { .. } => Kind::User,
            Fact::KeyChanged { .. } => Kind::Key,
        }
    }
    /// The id of the thing it is about.
    pub fn subject(&self) -> String {
        match self {
            Fact::WorkloadCreated { id, .. }
            | Fact::WorkloadDesired { id, .. }
            | Fact::WorkloadObserved { id, .. }
            | Fact::WorkloadDeleted { id, .. } => id.to_string(),
            Fact::NodeJoined { id, .. }
            | Fact::NodeChanged { id }
            | Fact::NodeOnline { id }
            | Fact::NodeOffline { id }
            | Fact::NodeDeleted { id, .. } => id.to_string(),
            Fact::JobChanged { id, .. } => id.to_string(),
            Fact::MatchChanged { id, .. } => id.to_string(),
            Fact::BotChanged { id } => id.to_string(),
            Fact::WorkspaceChanged { id } => id.to_string(),
            Fact::RoleChanged { id } => id.to_string(),
            Fact::TeamChanged { id } => id.to_string(),
            Fact::MemberChanged { user } | Fact::UserChanged { id: user } | Fact::KeyChanged { owner: user } => {
                user.to_string()
            }
        }
    }
    /// The person it is about, for facts about people.
    pub const fn person(&self) -> Option<UserId> {
        match self {
            Fact::MemberChanged { user } | Fact::UserChanged { id: user } | Fact::KeyChanged { owner: user } => {
                Some(*user)
            }
            _ => None,
        }
    }
    /// The name that the fact itself carries.
    pub fn named(&self) -> Option<&str> {
        match self {
            Fact::WorkloadCreated { name, .. }
            | Fact::WorkloadDeleted { name, .. }
            | Fact::NodeJoined { name, .. }
            | Fact::NodeDeleted { name, .. } => Some(name),
            _ => None,
        }
    }
    /// The fact in a few words, for those that people look for later; `None` for mere progress.
    pub fn title(&self) -> Option<String> {
        let title = match self {
            Fact::WorkloadCreated { .. } => "Workload created",
            Fact::WorkloadDesired { .. } => "Workload changed",
            Fact::WorkloadObserved { state, .. } => {
                return matches!(state.as_str(), "running" | "degraded" | "failed" | "unknown")
                    .then(|| format!("Workload {state}"));
            }
            Fact::WorkloadDeleted { .. } => "Workload deleted",
            Fact::NodeJoined { .. } => "Node joined",
            Fact::NodeChanged { .. } => "Node changed",
            Fact::NodeOnline { .. } => "Node online",
            Fact::NodeOffline { .. } => "Node offline",
            Fact::NodeDeleted { .. } => "Node deleted",
            Fact::JobChanged { state, .. } => {
                return matches!(state.as_str(), "failed" | "cancelled").then(|| format!("Job {state}"));
            }
            // Matches come and go by the hundred, and lists of bots are short.
            Fact::MatchChanged { .. } | Fact::BotChanged { .. } => return None,
            Fact::WorkspaceChanged { .. } => "Workspace changed",
            Fact::MemberChanged { .. } => "Member changed",
            Fact::UserChanged { .. } => "Person changed",
            Fact::KeyChanged { .. } => "API key changed",
            Fact::RoleChanged { .. } => "Role changed",
            Fact::TeamChanged { .. } => "Team changed",
        };
        Some(title.to_owned())
    }
}

impl Resource for Event {
    const KIND: Kind = Kind::Event;
    fn id(&self) -> String {
        self.seq.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}
