//! The audit trail.

use ostler_model::audit::{Checkpoint, Entry, Outcome};
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

/// Filters of the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// 1 to 200, default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub cursor: Option<String>,
    /// Who did it: an id of a person, key or node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub actor: Option<String>,
    /// Noun and verb, for example `workload.start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub action: Option<String>,
    /// What it was done to: an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Without this moment itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// One line of an export: everything that an entry's hash is made of, and the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
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
    /// JSON as text, byte for byte as it was hashed.
    pub details: Option<String>,
    pub hash: String,
    pub previous: String,
}

impl From<Entry> for AuditRecord {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            seq: entry.seq,
            at: entry.at,
            workspace: entry.workspace,
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            actor_label: entry.actor_label,
            action: entry.action,
            target_kind: entry.target_kind,
            target_id: entry.target_id,
            outcome: entry.outcome,
            request_id: entry.request_id,
            address: entry.address,
            user_agent: entry.user_agent,
            details: entry.details,
            hash: entry.hash,
            previous: entry.previous,
        }
    }
}

impl From<AuditRecord> for Entry {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            seq: record.seq,
            at: record.at,
            workspace: record.workspace,
            actor_kind: record.actor_kind,
            actor_id: record.actor_id,
            actor_label: record.actor_label,
            action: record.action,
            target_kind: record.target_kind,
            target_id: record.target_id,
            outcome: record.outcome,
            request_id: record.request_id,
            address: record.address,
            user_agent: record.user_agent,
            details: record.details,
            hash: record.hash,
            previous: record.previous,
        }
    }
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditFormat {
    /// One JSON object per line.
    #[default]
    Jsonl,
    /// A table for spreadsheets; texts that these would take for formulas begin with an apostrophe.
    Csv,
}

/// What to export, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditExportQuery {
    #[serde(default)]
    pub format: AuditFormat,
    /// Only entries after this number: continues an earlier export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Who did it: an id of a person, key or node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub actor: Option<String>,
    /// Noun and verb, for example `workload.start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub action: Option<String>,
    /// What it was done to: an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Without this moment itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// An entry's place in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPlace {
    /// Zero before the first entry.
    pub seq: u64,
    /// Empty before the first entry.
    pub hash: String,
}

/// What a whole chain can be checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditChain {
    /// `platform`, or the workspace's id.
    pub chain: String,
    pub workspace: Option<WorkspaceId>,
    /// The last entry that was let go by policy; the chain begins after it.
    pub anchor: AuditPlace,
    /// The newest entry.
    pub head: AuditPlace,
    /// The newest thousand, oldest first.
    pub checkpoints: Vec<AuditCheckpoint>,
    /// The installation's keys for checkpoints. Compare them with what you wrote down earlier.
    pub keys: Vec<AuditKey>,
}

/// A signed statement that a chain had this hash at this entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditCheckpoint {
    /// `platform`, or a workspace's id.
    pub chain: String,
    pub seq: u64,
    pub hash: String,
    pub at: Time,
    pub key_id: String,
    /// Ed25519, hexadecimal.
    pub signature: String,
}

/// A public key that checkpoints are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditKey {
    pub id: String,
    /// Ed25519, hexadecimal.
    pub public_key: String,
}

impl From<Checkpoint> for AuditCheckpoint {
    fn from(mark: Checkpoint) -> Self {
        let Checkpoint { chain, seq, hash, at, key_id, signature } = mark;
        Self { chain, seq, hash, at, key_id, signature }
    }
}

impl From<AuditCheckpoint> for Checkpoint {
    fn from(mark: AuditCheckpoint) -> Self {
        let AuditCheckpoint { chain, seq, hash, at, key_id, signature } = mark;
        Self { chain, seq, hash, at, key_id, signature }
    }
}

/// The checkpoints that were just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditCheckpoints {
    pub items: Vec<AuditCheckpoint>,
}

/// How long entries are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRetention {
    /// At least 30; absent means for good.
    #[schemars(range(min = 30, max = 36500))]
    pub keep_days: Option<u32>,
}
