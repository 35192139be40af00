//! API keys.

use ostler_model::authz::Capability;
use ostler_model::{KeyId, Label, Network, Time, UserId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    pub id: KeyId,
    pub label: String,
    pub owner: UserId,
    /// The first characters, to recognise it by.
    pub prefix: String,
    pub capabilities: Vec<Capability>,
    pub scope: KeyScope,
    /// From where it may be used; empty is from everywhere.
    pub networks: Vec<Network>,
    /// How many requests it is good for in a minute; as many as anybody's when absent.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub last_used_at: Option<Time>,
    pub last_used_from: Option<String>,
}

/// Which things a key reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyScope {
    /// All that its owner reaches.
    #[default]
    All,
    /// All in one workspace.
    Workspace(WorkspaceId),
    /// Only the things with these ids: workloads, nodes, workspaces, jobs, matches, bots, roles, teams, people, keys and
    /// sessions that exist and that you can see, and names of templates.
    Only(Vec<String>),
}

/// Makes a key. Its capabilities must be among its owner's.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCreate {
    /// Unique among the owner's keys.
    pub label: Label,
    #[schemars(length(min = 1, max = 64))]
    pub capabilities: Vec<Capability>,
    #[serde(default)]
    pub scope: KeyScope,
    /// From where it may be used, such as `192.0.2.0/24`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub networks: Vec<Network>,
    /// How many requests it is good for in a minute, on each server; as many as anybody's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// Changes a key. What is absent stays, and so does the secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyUpdate {
    /// Unique among the owner's keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What it may do from now on, instead of what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub capabilities: Option<Vec<Capability>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<KeyScope>,
    /// From where it may be used, such as `192.0.2.0/24`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub networks: Option<Vec<Network>>,
    /// How many requests it is good for in a minute, on each server; `null` for as many as anybody's.
    #[serde(default, deserialize_with = "crate::said", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: Option<Option<u32>>,
    /// `null` lets it live for ever.
    #[serde(default, deserialize_with = "crate::said", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<Time>>,
}

/// A new key. The only answer that ever contains the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyCreated {
    pub key: KeyView,
    /// `ost_…`; shown now and never again.
    pub secret: String,
}
