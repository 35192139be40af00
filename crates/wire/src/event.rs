//! Events.

use ostler_model::event::Fact;
use ostler_model::{Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fact. In the stream, `id:` is the sequence number and `data:` is this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    pub seq: u64,
    pub at: Time,
    pub workspace: Option<WorkspaceId>,
    /// Who caused it, in words.
    pub actor: String,
    #[serde(flatten)]
    pub fact: Fact,
}

/// Which events a stream carries.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventStreamQuery {
    /// Nouns with commas between them, for example `workload,job`; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub topics: Option<String>,
    /// Only of this workspace, an id or a short name; all that you may see when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub workspace: Option<String>,
    /// Continue after this sequence number; the header `Last-Event-ID` wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Which events a list shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub cursor: Option<String>,
    /// Nouns with commas between them, for example `workload,job`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub topics: Option<String>,
    /// Only about the thing with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub subject: Option<String>,
}
