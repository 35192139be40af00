//! The four roles that every workspace has, as one table, and how a role is named: built-in or the workspace's own.

use super::capability::{Capability, CapabilitySet, Kind, VerbKind};
use crate::RoleId;
use serde::{Deserialize, Serialize};
use std::fmt;

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

    /// What it is for, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Role::Viewer => "Sees everything but keys of others and the audit trail; changes nothing.",
            Role::Member => "Also creates and runs workloads and matches.",
            Role::Admin => "Also manages nodes, members, roles, teams, keys and bots, and reads the audit trail.",
            Role::Owner => "Also manages and deletes the workspace itself.",
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

/// A role by its name: one of the four, or one that the workspace made, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleRef {
    BuiltIn(Role),
    Custom(RoleId),
}

impl RoleRef {
    /// The built-in role, if it is one.
    pub const fn built_in(self) -> Option<Role> {
        match self {
            RoleRef::BuiltIn(role) => Some(role),
            RoleRef::Custom(_) => None,
        }
    }
    /// The custom role, if it is one.
    pub const fn custom(self) -> Option<RoleId> {
        match self {
            RoleRef::BuiltIn(_) => None,
            RoleRef::Custom(id) => Some(id),
        }
    }
}

impl From<Role> for RoleRef {
    fn from(role: Role) -> Self {
        RoleRef::BuiltIn(role)
    }
}
impl From<RoleId> for RoleRef {
    fn from(id: RoleId) -> Self {
        RoleRef::Custom(id)
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoleRef::BuiltIn(role) => f.write_str(role.as_str()),
            RoleRef::Custom(id) => fmt::Display::fmt(id, f),
        }
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a role is viewer, member, admin, owner, or the id of a role of the workspace's own, such as rl_01j9zq3c8vdt4x0f5k2m7n6p1r"
)]
pub struct RoleRefError;

impl std::str::FromStr for RoleRef {
    type Err = RoleRefError;
    fn from_str(text: &str) -> Result<Self, RoleRefError> {
        let built_in = text.parse::<Role>().map(RoleRef::BuiltIn).ok();
        built_in.or_else(|| text.parse().map(RoleRef::Custom).ok()).ok_or(RoleRefError)
    }
}
impl Serialize for RoleRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
impl schemars::JsonSchema for RoleRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoleRef".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "One of the four roles that every workspace has, or the id of a role of its own.",
            "pattern": "^(viewer|member|admin|owner|rl_[0-7][0-9a-hjkmnp-tv-z]{25})$",
            "examples": ["viewer", "rl_01j9zq3c8vdt4x0f5k2m7n6p1r"],
        })
    }
}
