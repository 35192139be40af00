//! Sign-in and sessions.

use crate::factor::FactorStanding;
use crate::user::UserView;
use ostler_model::authz::{Capability, RoleRef};
use ostler_model::user::{Email, SessionKind};
use ostler_model::{Secret, SessionId, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signs in with e-mail and password. The answer sets the session cookie, or holds tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub email: Email,
    pub password: Secret,
    /// For programs and apps: answer with tokens instead of a cookie.
    #[serde(default)]
    pub token: bool,
}

/// Who has signed in, and the tokens, when these were asked for instead of a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    #[serde(flatten)]
    pub me: Me,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
}

/// An access token for a quarter of an hour, and what to get the next one with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tokens {
    /// The session that both belong to; ending it ends both at once.
    pub session: SessionId,
    /// `Bearer`.
    pub token_type: String,
    /// For the header `Authorization: Bearer …`.
    pub access_token: String,
    pub access_expires_at: Time,
    /// Works once, at `POST /api/v1/auth/refresh`, and nowhere else.
    pub refresh_token: String,
    pub refresh_expires_at: Time,
}

/// Exchanges a refresh token for new tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshInput {
    pub refresh_token: Secret,
}

/// How many of one's sessions were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionsEnded {
    pub count: u64,
}

/// Who is signed in, and what they may do where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    pub user: UserView,
    pub memberships: Vec<MembershipView>,
    /// What I mean when I name no workspace.
    #[serde(default)]
    pub default_workspace: Option<WorkspaceId>,
    /// Whether I have a second factor, and who demands one of me until when.
    #[serde(default)]
    pub second_factor: FactorStanding,
}

/// One workspace of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembershipView {
    pub workspace: WorkspaceId,
    pub slug: String,
    pub name: String,
    /// Absent for platform admins who are not members.
    pub role: Option<RoleRef>,
    /// Since when it can be read and nothing in it changed.
    #[serde(default)]
    pub archived_at: Option<Time>,
    /// What I may do there now, for example `workload:operate`.
    pub capabilities: Vec<Capability>,
    /// What my teams let me do beyond that, on single nodes and workloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<OnThingView>,
}

/// What I may do on one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnThingView {
    /// The node or workload.
    pub id: String,
    pub capabilities: Vec<Capability>,
}

/// One of a person's sign-ins: a browser, or a program with tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    pub id: SessionId,
    pub kind: SessionKind,
    pub created_at: Time,
    pub seen_at: Time,
    pub expires_at: Time,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The one that asks.
    pub is_current: bool,
}
