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

/// A link that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The entry with this number is not where it belongs: removed, moved, or of another chain.
    #[error("entry {seq} is missing or out of place")]
    Missing { seq: u64 },
    /// The entry says something else than when it was written.
    #[error("entry {seq} was changed")]
    Changed { seq: u64 },
    /// The entry before this one is not the one that it followed.
    #[error("entry {seq} does not follow the one before it")]
    Cut { seq: u64 },
}

impl Broken {
    /// The number of the entry.
    pub const fn seq(&self) -> u64 {
        match self {
            Broken::Missing { seq } | Broken::Changed { seq } | Broken::Cut { seq } => *seq,
        }
    }
}

/// Walks a chain from its beginning, or from its anchor, entry by entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    workspace: Option<WorkspaceId>,
    seq: u64,
    hash: String,
}

impl Walk {
    /// Begins after the entry with this number and hash; zero and an empty text where nothing was let go.
    pub fn after(workspace: Option<WorkspaceId>, seq: u64, hash: impl Into<String>) -> Self {
        Self { workspace, seq, hash: hash.into() }
    }
    /// Takes the next entry, when it is the next one and says what it said.
    pub fn step(&mut self, entry: &Entry) -> Result<(), Broken> {
        let seq = self.seq + 1;
        if entry.seq != seq || entry.workspace != self.workspace {
            return Err(Broken::Missing { seq });
        }
        if entry.hash != entry.digest() {
            return Err(Broken::Changed { seq });
        }
        if entry.previous != self.hash {
            return Err(Broken::Cut { seq });
        }
        self.seq = seq;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }
    /// The last entry that holds: its number and hash.
    pub fn position(&self) -> (u64, &str) {
        (self.seq, &self.hash)
    }
}

/// A signed statement that a chain had this hash at this entry. Kept elsewhere, it shows when a chain was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `platform`, or the workspace's id.
    pub chain: String,
    pub seq: u64,
    pub hash: String,
    pub at: Time,
    /// Which of the installation's keys signed it.
    pub key_id: String,
    /// Ed25519 over [`Checkpoint::message`], hexadecimal.
    pub signature: String,
}

impl Checkpoint {
    /// What is signed: all that it says, each part with its length.
    pub fn message(&self) -> Vec<u8> {
        let mut out = b"ostler audit checkpoint 1".to_vec();
        for part in [&self.chain, &self.seq.to_string(), &self.hash, &self.at.as_millis().to_string(), &self.key_id] {
            out.extend((part.len() as u64).to_be_bytes());
            out.extend(part.as_bytes());
        }
        out
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
