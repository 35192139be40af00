//! Workloads: something long-lived on a node, made from a template.
//!
//! `blueprint` is what an agent is asked to converge, `plan` decides the next step from desired and seen,
//! `state` says in one word for people how it is, `kind` lowers a spec to a blueprint, `place` chooses the node.

pub mod blueprint;
pub mod ceiling;
pub mod kind;
pub mod left;
pub mod place;
pub mod plan;
pub mod state;

pub use blueprint::Blueprint;
pub use kind::Kind;
pub use plan::{Desired, Phase, Power, Seen, Step, Why};
pub use state::State;

use crate::authz::{Kind as ResourceKind, Resource};
use crate::{Label, NodeId, Time, WorkloadId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A workload's row: what its owner wants, where it is, and what the node last said.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    pub id: WorkloadId,
    pub workspace: WorkspaceId,
    pub kind: Kind,
    pub name: Label,
    pub spec: Spec,
    /// `None` until placed.
    pub node: Option<NodeId>,
    pub power: Power,
    /// Stop without asking first.
    pub is_forced: bool,
    /// Counts the restarts that were asked for.
    pub restart: u64,
    /// Grows with every change of what is wanted.
    pub generation: u64,
    /// Host ports given to it, by the template's port name.
    pub ports: BTreeMap<String, u16>,
    /// What the node last reported; `None` until it did.
    pub report: Option<Report>,
    pub created_at: Time,
    pub changed_at: Time,
}

/// What the owner chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The template's name.
    pub template: String,
    pub runtime: Runtime,
    /// Values by variable name; what is absent takes the template's default.
    pub variables: BTreeMap<String, serde_json::Value>,
    pub limits: blueprint::Limits,
}

/// How it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    Process,
    Container,
}

impl Runtime {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Runtime::Process => "process",
            Runtime::Container => "container",
        }
    }
}

/// What a node says of one workload. Sent in full each time, so a lost message costs nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// The newest generation that the agent has planned with.
    pub generation: u64,
    /// Grows with every report of this workload by this agent; older ones are dropped.
    pub seq: u64,
    pub at: Time,
    pub seen: Seen,
    /// One per resource, in the blueprint's order.
    pub conditions: Vec<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<u32>,
}

/// How one resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Condition {
    /// The resource's key in the blueprint, for example `volume/data`.
    pub resource: String,
    pub status: Status,
    /// A stable word, for example `quota_not_enforced`; empty when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub since: Time,
}

/// The condition that says why a node does not start a workload although it is wanted: isolation, free disk, free memory.
pub const HELD: &str = "node";
/// The reason of a port's condition when a foreign program holds the port.
pub const PORT_TAKEN: &str = "taken";

impl Report {
    /// Why the node does not start it, when it holds the start back.
    pub fn held(&self) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.resource == HELD)
    }
    /// Names of the ports that a foreign program holds and that are why it could not be installed.
    pub fn taken_ports(&self) -> Vec<String> {
        let Phase::Failed { why: Why::Prepare { message }, .. } = &self.seen.phase else { return Vec::new() };
        // Conditions of what comes after the resource that failed are of an earlier attempt.
        let is_why = |c: &&Condition| message.strip_prefix(&c.resource).is_some_and(|rest| rest.starts_with(':'));
        let taken = self.conditions.iter().filter(|c| c.status == Status::Failed && c.reason == PORT_TAKEN);
        taken.filter(is_why).filter_map(|c| c.resource.strip_prefix("port/")).map(str::to_owned).collect()
    }
}

/// A resource's condition in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Changing,
    Ready,
    /// Works, but something asked for is not enforced here; the message names it.
    Degraded,
    Failed,
    Gone,
}

impl Resource for Workload {
    const KIND: ResourceKind = ResourceKind::Workload;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
}
