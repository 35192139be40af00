//! Nodes: machines that run the agent, what they can do, and the tokens with which they join.

pub mod lease;
pub mod said;

pub use lease::Lease;

use crate::authz::{Kind, Resource};
use crate::{JoinTokenId, Label, Name, NodeId, Time, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A machine that runs the agent. Without a workspace it is shared by the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    pub workspace: Option<WorkspaceId>,
    pub name: Name,
    /// Ed25519 public key, 32 bytes, made on the node. The private half never leaves it.
    pub public_key: Vec<u8>,
    pub facts: Facts,
    /// No new workloads are placed here; those that run go on.
    pub is_draining: bool,
    /// Grows with every change of what this node shall run; the agent refuses anything older.
    pub desired_seq: u64,
    pub joined_at: Time,
    pub seen_at: Option<Time>,
}

impl Resource for Node {
    const KIND: Kind = Kind::Node;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
    fn is_shared(&self) -> bool {
        self.workspace.is_none()
    }
}

/// What a node says of itself when it joins and on every connect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Facts {
    pub hostname: String,
    /// For example `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    pub kernel: String,
    pub arch: String,
    pub agent_version: String,
    pub cpu_count: u32,
    pub memory_bytes: u64,
    pub disk_bytes: u64,
    /// Where players and browsers reach this node, a host name or address without port.
    pub address: String,
    /// Ports that the agent may hand out, first and last.
    pub port_range: (u16, u16),
    pub can: Abilities,
}

/// What the agent found that it can enforce and run here. What is absent is named in `notes`, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Abilities {
    pub is_root: bool,
    /// Workloads get an account of their own.
    pub own_accounts: bool,
    /// `bubblewrap`, `namespaces` or `none`.
    pub sandbox: String,
    /// How far processes are separated. A node that says nothing separates nothing.
    #[serde(default)]
    pub isolation: Isolation,
    /// `v2`, `v1` or `none`: how memory, cpu and process limits are enforced.
    pub cgroups: String,
    /// `docker 20.10.24`, `podman 4.3.1`; absent when no engine answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_engine: Option<String>,
    /// Package managers that the agent may use: `apt`, `npm`.
    pub packages: Vec<String>,
    /// What is not enforced here, each a sentence.
    pub notes: Vec<String>,
}

/// How far a node separates the processes that it runs from itself and from each other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// They see the machine and run as the agent, or as accounts on it: only for what the node's owner trusts.
    #[default]
    None,
    /// Namespaces for everything but the network, which they share with the machine.
    SharedNetwork,
    /// Namespaces for everything, a network of their own among them, and a filter of system calls.
    Full,
}

/// A single-use, short-lived right to add one node to a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    pub id: JoinTokenId,
    pub workspace: Option<WorkspaceId>,
    pub created_by: Option<UserId>,
    pub label: Option<Label>,
    pub created_at: Time,
    pub expires_at: Time,
    pub used_at: Option<Time>,
    pub node: Option<NodeId>,
}

/// Decided on like the node that it may become.
impl Resource for JoinToken {
    const KIND: Kind = Kind::Node;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}
