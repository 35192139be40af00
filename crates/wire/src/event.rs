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
