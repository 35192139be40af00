//! Workspaces, the tenants, and who belongs to them.

use crate::authz::{Kind, Resource, RoleRef};
use crate::user::Email;
use crate::{Label, Name, Time, Timezone, UserId, WorkspaceId};

/// A tenant. Everything except users, platform settings and shared nodes belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub slug: Name,
    pub name: Label,
    /// What its people mean by nine o'clock.
    pub timezone: Timezone,
    /// Since when it can be read and nothing in it changed.
    pub archived_at: Option<Time>,
    pub created_at: Time,
}

impl Workspace {
    /// A workspace as it begins: on world time, and open.
    pub fn new(id: WorkspaceId, slug: Name, name: Label, created_at: Time) -> Self {
        Self { id, slug, name, timezone: Timezone::default(), archived_at: None, created_at }
    }
}

impl Resource for Workspace {
    const KIND: Kind = Kind::Workspace;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.id)
    }
}

/// A person's place in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub email: Email,
    pub name: Label,
    pub role: RoleRef,
    pub created_at: Time,
}

impl Resource for Member {
    const KIND: Kind = Kind::Member;
    fn id(&self) -> String {
        self.user.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
    /// One's place is one's own: everybody may leave. A role above the present one is refused where roles are written.
    fn owner(&self) -> Option<UserId> {
        Some(self.user)
    }
}
