//! Teams: people of a workspace, and what they may do together.

use ostler_model::authz::RoleRef;
use ostler_model::{Label, TeamId, Time, UserId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamView {
    pub id: TeamId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub description: String,
    /// How many people are in it.
    pub members: u64,
    /// What they may do beyond their own roles.
    pub grant: Option<TeamGrant>,
    pub created_at: Time,
    pub changed_at: Time,
}

/// A role, and on what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamGrant {
    pub role: RoleRef,
    pub on: TeamReach,
}

/// On what a team's role holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TeamReach {
    /// On everything in the workspace.
    Workspace,
    /// Only on the nodes and workloads of the workspace with these ids; at most 100.
    Only(Vec<String>),
}

/// Makes a team.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamCreate {
    /// Unique in the workspace, in any case.
    pub name: Label,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// What its members may do beyond their own roles; nothing, when absent. You must hold it yourself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<TeamGrant>,
}

/// Changes a team. What is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// `null` takes away what it gives.
    #[serde(default, deserialize_with = "crate::said", skip_serializing_if = "Option::is_none")]
    pub grant: Option<Option<TeamGrant>>,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamMemberView {
    pub team: TeamId,
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub created_at: Time,
}

/// Puts a member of the workspace into a team.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamMemberAdd {
    pub user: UserId,
}
