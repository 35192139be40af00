//! Workspaces, the tenants, and who belongs to them.

use crate::authz::{Kind, Resource, RoleRef};
use crate::user::Email;
use crate::{Label, Name, Time, UserId, WorkspaceId};

/// A tenant. Everything except users, platform settings and shared nodes belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub slug: Name,
    pub name: Label,
    pub created_at: Time,
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
}
