//! The audit trail.

use ostler_model::audit::Outcome;
use ostler_model::{AuditId, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One audit entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditView {
    pub id: AuditId,
    pub seq: u64,
    pub at: Time,
    pub workspace: Option<WorkspaceId>,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub actor_label: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub outcome: Outcome,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub details: Option<serde_json::Value>,
    pub hash: String,
}
