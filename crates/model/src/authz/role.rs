//! The four roles of a workspace, as one table.

use super::capability::{Capability, CapabilitySet, Kind, VerbKind};
use serde::{Deserialize, Serialize};

/// What a member may do in a workspace. Each role holds all that the one below it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but keys of others and the audit trail; changes nothing.
    Viewer,
    /// Creates and runs workloads.
    Member,
    /// Also manages nodes, members, keys and reads the audit trail.
    Admin,
    /// Also manages and deletes the workspace itself.
    Owner,
}

impl Role {
    /// From the weakest to the strongest.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// What the role allows on the things of its workspace.
    pub fn capabilities(self) -> CapabilitySet {
        use Kind as K;
        use VerbKind::{Operate, Read, Write};
        let of = |pairs: &[(Kind, VerbKind)]| -> CapabilitySet {
            pairs.iter().map(|(k, v)| Capability::new(*k, *v)).collect()
        };
        let viewer = of(&[
            (K::Workspace, Read),
            (K::Member, Read),
            (K::Node, Read),
            (K::Template, Read),
            (K::Workload, Read),
            (K::Match, Read),
            (K::Job, Read),
            (K::Event, Read),
        ]);
        let member = of(&[
            (K::Workload, Operate),
            (K::Workload, Write),
            (K::Match, Operate),
            (K::Match, Write),
            (K::Job, Operate),
        ]);
        let admin = of(&[
            (K::Node, Operate),
            (K::Node, Write),
            (K::Member, Write),
            (K::Key, Read),
            (K::Key, Write),
            (K::Bot, Read),
            (K::Bot, Write),
            (K::Template, Write),
            (K::Audit, Read),
        ]);
        let owner = of(&[(K::Workspace, Write)]);
        match self {
            Role::Viewer => viewer,
            Role::Member => viewer.or(member),
            Role::Admin => viewer.or(member).or(admin),
            Role::Owner => viewer.or(member).or(admin).or(owner),
        }
    }
}

impl std::str::FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Role::ALL.into_iter().find(|r| r.as_str() == text).ok_or(())
    }
}
