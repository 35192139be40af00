//! What may be left of a workload on a machine that does not answer, when it is forgotten.

use super::{Phase, Runtime, Workload};
use crate::node::Node;
use crate::{Label, WorkloadId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may still be on the machine. Nobody has looked: it is what the node last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    pub workload: WorkloadId,
    pub name: Label,
    /// The machine, by the node's name and address.
    pub machine: String,
    /// It may still run, as a process or a container of this id.
    pub may_run: bool,
    pub runtime: Runtime,
    /// Volumes by name, with everything in them.
    pub volumes: Vec<String>,
    /// Ports that it may still listen on.
    pub ports: Vec<u16>,
}

/// What may be left of this workload on this node.
pub fn left(workload: &Workload, node: &Node) -> Left {
    let report = workload.report.as_ref();
    let phase = report.map(|report| &report.seen.phase);
    let conditions = report.map(|report| report.conditions.as_slice()).unwrap_or_default();
    let volume = |c: &super::Condition| c.resource.strip_prefix("volume/").map(str::to_owned);
    Left {
        workload: workload.id,
        name: workload.name.clone(),
        machine: format!("{} ({})", node.name, node.facts.address),
        // Without a word of the node it may have begun after the last one.
        may_run: !matches!(phase, Some(Phase::Gone)),
        runtime: workload.spec.runtime,
        volumes: conditions.iter().filter_map(volume).collect(),
        ports: workload.ports.values().copied().collect(),
    }
}
