//! Members of a workspace.

use ostler_model::authz::RoleRef;
use ostler_model::user::Email;
use ostler_model::{Time, UserId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person's place in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberView {
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: RoleRef,
    pub created_at: Time,
}

/// Adds a person who already has an account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberAdd {
    pub email: Email,
    pub role: RoleRef,
}

/// Changes a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberUpdate {
    pub role: RoleRef,
}
