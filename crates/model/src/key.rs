//! API keys: never stronger than their owner is now.

mod strength;

use crate::authz::{CapabilitySet, Kind, Resource, Scope};
use crate::{KeyId, Label, Network, Time, UserId, WorkspaceId};

pub use strength::{Beyond, covers, holds, lasts_within};

/// A key. The secret is shown once and stored as a hash; `prefix` is what people recognise it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub owner: UserId,
    pub label: Label,
    pub prefix: String,
    pub capabilities: CapabilitySet,
    pub scope: Scope,
    /// From where it may be used; empty is from everywhere.
    pub networks: Vec<Network>,
    /// How many requests it is good for in a minute; as many as anybody's when absent.
    pub requests_per_minute: Option<u32>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub last_used_at: Option<Time>,
    pub last_used_from: Option<String>,
}

impl Resource for Key {
    const KIND: Kind = Kind::Key;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        match &self.scope {
            Scope::Workspace(id) => Some(*id),
            Scope::All | Scope::Only(_) => None,
        }
    }
    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}
