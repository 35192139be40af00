//! Roles of a workspace's own: named sets of capabilities. Never more than its owners hold.

use crate::authz::{Capability, CapabilitySet, Kind, Resource, Role, VerbKind};
use crate::{Label, RoleId, Time, WorkspaceId};

/// A role that a workspace made for itself. (The four that every workspace has are [`Role`].)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    pub id: RoleId,
    pub workspace: WorkspaceId,
    /// Unique in the workspace, in any case, and none of the built-in names.
    pub name: Label,
    pub description: String,
    pub capabilities: CapabilitySet,
    pub created_at: Time,
    pub changed_at: Time,
}

impl Resource for CustomRole {
    // Who may manage members may manage what members can be.
    const KIND: Kind = Kind::Member;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
}

/// Why a capability cannot be in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotInRole {
    #[error("{0} is not about a workspace, and a workspace's role cannot hold it")]
    Outside(Capability),
    #[error("{0} is nothing that anybody in a workspace can do, not even its owner")]
    Nobody(Capability),
}

/// True when a role of a workspace's own may hold this: whatever its owner holds.
pub fn check(capability: Capability) -> Result<(), NotInRole> {
    if !capability.kind.is_in_workspace() {
        return Err(NotInRole::Outside(capability));
    }
    if !Role::Owner.capabilities().allows(capability) {
        return Err(NotInRole::Nobody(capability));
    }
    Ok(())
}

/// What the stored words of a role allow. Words that this version does not know, or that no role can hold, allow nothing; that
/// the workspace itself can be seen is part of belonging to it.
pub fn effective(words: impl IntoIterator<Item = Capability>) -> CapabilitySet {
    let held: CapabilitySet = words.into_iter().filter(|capability| check(*capability).is_ok()).collect();
    held.with(Capability::new(Kind::Workspace, VerbKind::Read))
}

/// True when a role of the workspace's own may not be called this, because a built-in one is.
pub fn is_built_in_name(name: &Label) -> bool {
    name.as_str().to_lowercase().parse::<Role>().is_ok()
}
