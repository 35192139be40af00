//! Workloads.

use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::left::Left;
use ostler_model::workload::{Condition, Kind, Power, Runtime, State};
use ostler_model::{Label, NodeId, Time, WorkloadId, WorkspaceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadView {
    pub id: WorkloadId,
    pub workspace: WorkspaceId,
    pub kind: Kind,
    pub name: Label,
    pub template: String,
    pub runtime: Runtime,
    /// What it is, as its node reported; never what was merely asked for.
    pub state: State,
    /// A sentence when there is something to say.
    pub reason: Option<String>,
    /// Since when it has been in this state, as far as is known.
    pub since: Option<Time>,
    /// What its owner wants.
    pub power: Power,
    /// Grows with every change of what is wanted.
    pub generation: u64,
    /// The newest generation that its node has acted on.
    pub observed_generation: u64,
    /// Ready for use: a readiness probe holds.
    pub is_ready: bool,
    /// A change waits for the next start.
    pub is_restart_pending: bool,
    pub node: Option<NodeId>,
    pub node_name: Option<String>,
    /// Host ports by name.
    pub ports: BTreeMap<String, u16>,
    /// How to reach it.
    pub address: Option<String>,
    pub players: Option<u32>,
    /// Failures in a row.
    pub crashes: u32,
    pub limits: Limits,
    /// Values without secrets.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// One per resource on the node.
    pub conditions: Vec<Condition>,
    pub created_at: Time,
    pub changed_at: Time,
}

/// Creates a workload.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadCreate {
    pub name: Label,
    /// A template's name.
    pub template: String,
    /// The template's preferred one that a node can do, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Values by variable name, checked against the template's schema.
    #[serde(default)]
    pub variables: BTreeMap<String, serde_json::Value>,
    /// The template's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// This node and no other; chosen by placement when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Start it as soon as it is installed.
    #[serde(default = "yes")]
    pub start: bool,
}

fn yes() -> bool {
    true
}

/// Changes a workload; what is absent stays. Variables are merged by name; `null` returns one to its default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<BTreeMap<String, serde_json::Value>>,
    /// Applied at once where the node can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Restart now so that everything takes effect.
    #[serde(default)]
    pub restart: bool,
}

/// Filters of the list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// Part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub search: Option<String>,
}

/// How a workload is deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadDelete {
    /// Kill it instead of asking it to stop.
    #[serde(default)]
    pub force: bool,
}

/// Forgets a workload whose node does not answer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadForget {
    /// The workload's name, so that no other one is meant.
    #[schemars(length(max = 80))]
    pub confirm: String,
}

/// A workload that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadForgotten {
    /// What may still be on its machine.
    pub left: Left,
}
