//! Sign-in and sessions.

use crate::user::UserView;
use ostler_model::authz::{Capability, Role};
use ostler_model::user::Email;
use ostler_model::{Secret, SessionId, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signs in with e-mail and password. The answer sets the session cookie.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub email: Email,
    pub password: Secret,
}

/// Who is signed in, and what they may do where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    pub user: UserView,
    pub memberships: Vec<MembershipView>,
}

/// One workspace of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembershipView {
    pub workspace: WorkspaceId,
    pub slug: String,
    pub name: String,
    /// Absent for platform admins who are not members.
    pub role: Option<Role>,
    /// What I may do there now, for example `workload:operate`.
    pub capabilities: Vec<Capability>,
}

/// One of a person's browser sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    pub id: SessionId,
    pub created_at: Time,
    pub seen_at: Time,
    pub expires_at: Time,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The one that asks.
    pub is_current: bool,
}
