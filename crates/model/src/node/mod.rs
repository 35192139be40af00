//! Nodes: machines that run the agent, what they can do, and the tokens with which they join.

mod floor;
pub mod lease;
mod problem;
pub mod said;

pub use floor::{Free, Low};
pub use lease::Lease;
pub use problem::{LinkFacts, Problem, ProblemCode, problems};

use crate::authz::{Kind, Resource};
use crate::workload::Runtime;
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
    /// The weakest isolation with which its owner lets processes run here.
    pub min_isolation: Isolation,
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
    /// What it has too little of, so that nothing new starts.
    #[serde(default, skip_serializing_if = "Low::is_none")]
    pub low: Low,
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

impl Isolation {
    /// Every level, the weakest first.
    pub const ALL: [Isolation; 3] = [Isolation::None, Isolation::SharedNetwork, Isolation::Full];
    /// What a node demands while its owner has said nothing.
    pub const USUAL_MIN: Isolation = Isolation::SharedNetwork;

    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Isolation::None => "none",
            Isolation::SharedNetwork => "shared_network",
            Isolation::Full => "full",
        }
    }
    /// True when nothing is demanded; such a wish is not sent.
    pub fn is_none(&self) -> bool {
        *self == Isolation::None
    }
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Isolation {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Isolation::ALL.into_iter().find(|level| level.as_str() == text).ok_or(())
    }
}

impl Abilities {
    /// How far a workload that runs this way is separated here. A container engine separates by itself.
    pub fn isolates(&self, runtime: Runtime) -> Isolation {
        match runtime {
            Runtime::Process => self.isolation,
            Runtime::Container => Isolation::Full,
        }
    }
    /// Whether a workload that runs this way may start here; the error says what is missing and what to do.
    pub fn admits(&self, runtime: Runtime, min: Isolation) -> Result<(), NotIsolated> {
        let has = self.isolates(runtime);
        if has >= min { Ok(()) } else { Err(NotIsolated { has, min }) }
    }
}

/// A node separates processes less than its owner demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it does not isolate processes (it demands {min} and can do {has}); install the package bubblewrap there and restart \
     its agent, or let its owner allow less by name: ostler node isolation NODE {has}"
)]
pub struct NotIsolated {
    pub has: Isolation,
    pub min: Isolation,
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
