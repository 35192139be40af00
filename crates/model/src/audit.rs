//! Audit entries: who did what, append-only and hash-chained.

use crate::authz::{Kind, Resource};
use crate::{AuditId, Time, WorkspaceId};

/// One thing that somebody did or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: AuditId,
    /// Position in its chain: one chain per workspace and one for the platform, counted from 1.
    pub seq: u64,
    pub at: Time,
    pub workspace: Option<WorkspaceId>,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub actor_label: String,
    /// Noun and verb, for example `workload.start`.
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub outcome: Outcome,
    pub request_id: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// What changed, with secrets already removed. JSON.
    pub details: Option<String>,
    /// Hash over the entry and its predecessor's hash, hexadecimal SHA-256.
    pub hash: String,
    pub previous: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Refused,
}

impl Entry {
    /// The hash that this entry must carry: SHA-256 over the previous hash and all fields but the hash itself, each with its length.
    pub fn digest(&self) -> String {
        use sha2::Digest;
        let mut hasher = sha2::Sha256::new();
        let mut field = |text: &str| {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        };
        field(&self.previous);
        field(&self.id.to_string());
        field(&self.seq.to_string());
        field(&self.at.as_millis().to_string());
        field(&self.workspace.map(|w| w.to_string()).unwrap_or_default());
        field(&self.actor_kind);
        field(self.actor_id.as_deref().unwrap_or_default());
        field(&self.actor_label);
        field(&self.action);
        field(&self.target_kind);
        field(&self.target_id);
        field(if self.outcome == Outcome::Done { "done" } else { "refused" });
        field(self.request_id.as_deref().unwrap_or_default());
        field(self.address.as_deref().unwrap_or_default());
        field(self.user_agent.as_deref().unwrap_or_default());
        field(self.details.as_deref().unwrap_or_default());
        hex::encode(hasher.finalize())
    }
}

impl Resource for Entry {
    const KIND: Kind = Kind::Audit;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}
