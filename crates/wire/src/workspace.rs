//! Workspaces.

use ostler_model::{Label, Name, Time, Timezone, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceView {
    pub id: WorkspaceId,
    pub slug: Name,
    pub name: Label,
    /// What its people mean by nine o'clock.
    #[serde(default)]
    pub timezone: Timezone,
    /// Since when it can be read and nothing in it changed.
    #[serde(default)]
    pub archived_at: Option<Time>,
    pub created_at: Time,
}

/// Creates a workspace; its creator becomes the owner.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceCreate {
    pub name: Label,
    /// Made from the name when absent, with a number when that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Name>,
    /// UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
}

/// Changes a workspace; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
}

/// Deletes a workspace for good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceDelete {
    /// The workspace's short name, once more.
    pub confirm: Name,
}
