//! Roles: the four that every workspace has, and those that it made for itself.

use ostler_model::authz::{Capability, RoleRef};
use ostler_model::{Label, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleView {
    /// How it is named wherever a role is given.
    pub id: RoleRef,
    pub workspace: WorkspaceId,
    pub name: String,
    pub description: String,
    /// Every workspace has it, and nobody changes it.
    pub is_built_in: bool,
    pub capabilities: Vec<Capability>,
    /// Who has it now.
    pub used_by: RoleUses,
    pub created_at: Option<Time>,
    pub changed_at: Option<Time>,
}

/// Who has a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleUses {
    pub members: u64,
    pub teams: u64,
    /// Invitations that nobody has accepted or withdrawn.
    pub invites: u64,
}

/// Makes a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleCreate {
    /// Unique in the workspace, in any case.
    pub name: Label,
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub description: String,
    /// You must hold each of them yourself. Seeing the workspace itself is always among them.
    #[schemars(length(max = 64))]
    pub capabilities: Vec<Capability>,
}

/// Changes a role, for all who have it. What is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub capabilities: Option<Vec<Capability>>,
}

/// What becomes of those who have a role that is deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDelete {
    /// The role that they get instead. Without it, only a role that nobody has can be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<RoleRef>,
}
