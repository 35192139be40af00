//! Placement: which node takes a workload, and for each node that does not, why.

use super::Runtime;
use super::blueprint::Limits;
use crate::NodeId;

/// A node as placement sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: NodeId,
    pub is_online: bool,
    pub is_draining: bool,
    pub has_container_engine: bool,
    pub memory_bytes: u64,
    pub cpu_millis: u64,
    /// Sum of the limits of what is already there.
    pub reserved_memory_bytes: u64,
    pub reserved_cpu_millis: u64,
    pub free_ports: usize,
}

/// What is to be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub runtime: Runtime,
    pub limits: Limits,
    pub ports: usize,
}

/// Why a node was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is away")]
    Offline,
    #[error("it takes no new workloads (draining)")]
    Draining,
    #[error("it has no container engine")]
    NoEngine,
    #[error("{wanted_bytes} bytes of memory are wanted, {free_bytes} are free")]
    Memory { wanted_bytes: u64, free_bytes: u64 },
    #[error("{wanted} ports are wanted, {free} are free")]
    Ports { wanted: usize, free: usize },
}

/// Processors may be promised this many times over: games idle most of the time. Memory never is.
const CPU_OVERCOMMIT: u64 = 8;

/// The best node, or each node's refusal. Deterministic: least filled memory first, then the smaller id.
pub fn place(demand: &Demand, nodes: &[Candidate]) -> Result<NodeId, Vec<(NodeId, Refusal)>> {
    let mut refusals = Vec::new();
    let mut best: Option<(u64, u64, NodeId)> = None;
    for node in nodes {
        match refuse(demand, node) {
            Some(why) => refusals.push((node.id, why)),
            None => {
                let rank = (permille(node.reserved_memory_bytes, node.memory_bytes), cpu_load(node), node.id);
                if best.is_none_or(|b| rank < b) {
                    best = Some(rank);
                }
            }
        }
    }
    best.map(|(_, _, id)| id).ok_or(refusals)
}

fn refuse(demand: &Demand, node: &Candidate) -> Option<Refusal> {
    let free_bytes = node.memory_bytes.saturating_sub(node.reserved_memory_bytes);
    if !node.is_online {
        Some(Refusal::Offline)
    } else if node.is_draining {
        Some(Refusal::Draining)
    } else if demand.runtime == Runtime::Container && !node.has_container_engine {
        Some(Refusal::NoEngine)
    } else if demand.limits.memory_bytes > free_bytes {
        Some(Refusal::Memory { wanted_bytes: demand.limits.memory_bytes, free_bytes })
    } else if demand.ports > node.free_ports {
        Some(Refusal::Ports { wanted: demand.ports, free: node.free_ports })
    } else {
        None
    }
}

fn cpu_load(node: &Candidate) -> u64 {
    permille(node.reserved_cpu_millis, node.cpu_millis.saturating_mul(CPU_OVERCOMMIT))
}

fn permille(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(u64::MAX)
}
