//! Nodes, for people and for agents that join.

use ostler_model::node::{Facts, Isolation, Problem};
use ostler_model::workload::left::Left;
use ostler_model::{JoinTokenId, Label, Name, NodeId, Secret, Time, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeView {
    pub id: NodeId,
    /// Absent for nodes that the platform shares with all.
    pub workspace: Option<WorkspaceId>,
    pub name: Name,
    pub state: NodeState,
    /// Since when it has been in this state.
    pub since: Option<Time>,
    pub is_draining: bool,
    pub facts: Facts,
    pub joined_at: Time,
    pub seen_at: Option<Time>,
    /// Open links; more than one while a connection is being replaced.
    pub links: u32,
    pub workload_count: u32,
    /// Sums of the limits of the workloads placed here.
    pub reserved_memory_bytes: u64,
    pub reserved_cpu_millis: u64,
    /// The weakest isolation with which its owner lets processes run here.
    pub min_isolation: Isolation,
    /// What is wrong with it, worst first.
    pub problems: Vec<Problem>,
}

/// Whether a node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    Online,
    Offline,
}

/// Changes a node; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Take no new workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_draining: Option<bool>,
    /// The weakest isolation with which processes may start here. Less than now needs a session that has lately proven who
    /// you are; `none` lets workloads see and change the whole machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_isolation: Option<Isolation>,
    /// Let the next machine that shows this node's key be the node, whatever was before: for one whose disk was restored from a
    /// backup or moved to another machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_next: bool,
}

/// Forgets a node that is lost for good, with everything placed on it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeForget {
    /// The node's name, so that no other one is meant.
    #[schemars(length(max = 63))]
    pub confirm: String,
}

/// A node that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeForgotten {
    /// Workloads that were forgotten with it.
    pub workload_count: u64,
    /// What may still be on the machine, of the workloads that you may see; at most 200.
    pub left: Vec<Left>,
}

/// Asks for a join token.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTokenCreate {
    /// A reminder of what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Seconds until it expires: 60 to 86,400, default 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86_400))]
    pub expires_in_secs: Option<u32>,
}

/// A new join token. The only answer that ever contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinTokenCreated {
    pub id: JoinTokenId,
    /// The secret, a dot, and the control plane's public key, which the agent pins.
    pub token: String,
    /// What to run on the machine. It hands the token over on standard input, so that it is in no list of processes.
    pub command: String,
    pub expires_at: Time,
}

/// A join token, without its secret: has anybody used it yet?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinTokenView {
    pub id: JoinTokenId,
    pub label: Option<Label>,
    pub created_at: Time,
    pub expires_at: Time,
    pub used_at: Option<Time>,
    /// The node that it made.
    pub node: Option<NodeId>,
}

/// What an agent sends to become a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub token: Secret,
    /// Ed25519 public key, 32 bytes in hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub public_key: String,
    /// Wanted name; made unique, and made from the host name when absent.
    #[serde(default)]
    pub name: Option<Name>,
    pub facts: Facts,
}

/// The answer to a join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    pub node: NodeId,
    pub name: Name,
    /// The installation that this node obeys from now on.
    pub installation: ostler_model::InstallationId,
}
