//! Teams: people of a workspace, and what they may do together beyond their own roles.

use crate::authz::{Kind, Resource, RoleRef};
use crate::user::Email;
use crate::{Label, NodeId, TeamId, Time, UserId, WorkloadId, WorkspaceId};

/// Some people of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub workspace: WorkspaceId,
    /// Unique in the workspace, in any case.
    pub name: Label,
    pub description: String,
    /// What its members may do beyond their own roles.
    pub grant: Option<TeamGrant>,
    pub created_at: Time,
    pub changed_at: Time,
}

/// A role, and on what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamGrant {
    pub role: RoleRef,
    pub reach: TeamReach,
}

/// On what a team's role holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamReach {
    /// On everything in the workspace.
    Workspace,
    /// On these nodes and workloads only. What is deleted leaves the list, so it may become empty.
    Only(Vec<String>),
}

/// One of the things that a team's role can be confined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Node(NodeId),
    Workload(WorkloadId),
}

impl std::str::FromStr for Thing {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let node = text.parse().map(Thing::Node).ok();
        node.or_else(|| text.parse().map(Thing::Workload).ok()).ok_or(())
    }
}

impl Resource for Team {
    // Who may manage members may put them together.
    const KIND: Kind = Kind::Member;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
}

/// A person's place in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamMember {
    pub team: TeamId,
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub email: Email,
    pub name: Label,
    pub created_at: Time,
}

impl Resource for TeamMember {
    const KIND: Kind = Kind::Member;
    fn id(&self) -> String {
        format!("{}/{}", self.team, self.user)
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
}
