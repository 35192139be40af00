//! Placement: which node takes a workload, and for each node that does not, why.

use super::Runtime;
use super::blueprint::Limits;
use crate::node::{Abilities, Isolation, Low, NotIsolated};
use crate::{Millis, NodeId};

/// A node as placement sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: NodeId,
    pub is_online: bool,
    pub is_draining: bool,
    pub has_container_engine: bool,
    /// How far it separates processes, and how far they must be separated to start there.
    pub isolation: Isolation,
    pub min_isolation: Isolation,
    pub low: Low,
    pub memory_bytes: u64,
    /// 0 when the node has not said.
    pub cpu_millis: u64,
    /// Sum of the limits of what is already there.
    pub reserved_memory_bytes: u64,
    pub reserved_cpu_millis: u64,
    pub free_ports: usize,
}

impl Refusal {
    /// True when it passes by itself, so that waiting is right.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Refusal::Offline | Refusal::LowDisk | Refusal::LowMemory)
    }
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
    #[error(transparent)]
    NotIsolated(NotIsolated),
    #[error("it has too little free disk")]
    LowDisk,
    #[error("it has too little free memory")]
    LowMemory,
    #[error("{wanted_bytes} bytes of memory are wanted, {free_bytes} are free")]
    Memory { wanted_bytes: u64, free_bytes: u64 },
    #[error("{wanted_millis} thousandths of a processor are wanted, {free_millis} are not promised yet")]
    Cpu { wanted_millis: u64, free_millis: u64 },
    #[error("{wanted} ports are wanted, {free} are free")]
    Ports { wanted: usize, free: usize },
}

/// Processors may be promised this many times over: games idle most of the time. Memory never is.
pub const CPU_OVERCOMMIT: u64 = 8;
/// How long a port that a foreign program held is not given out again.
pub const PORT_TAKEN_FOR: Millis = Millis::secs(10 * 60);
/// Ports that are tried, one after the other, before an installation is given up.
pub const PORT_TRIES: u32 = 8;

/// Thousandths of processors that may still be promised; `None` when the node has not said how many it has.
pub fn free_cpu_millis(cpu_millis: u64, reserved_millis: u64) -> Option<u64> {
    (cpu_millis > 0).then(|| cpu_millis.saturating_mul(CPU_OVERCOMMIT).saturating_sub(reserved_millis))
}

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
    } else if let Err(why) = isolated(demand, node) {
        Some(Refusal::NotIsolated(why))
    } else if node.low.disk {
        Some(Refusal::LowDisk)
    } else if node.low.memory {
        Some(Refusal::LowMemory)
    } else if demand.limits.memory_bytes > free_bytes {
        Some(Refusal::Memory { wanted_bytes: demand.limits.memory_bytes, free_bytes })
    } else if let Some(free_millis) = free_cpu_millis(node.cpu_millis, node.reserved_cpu_millis)
        && u64::from(demand.limits.cpu_millis) > free_millis
    {
        Some(Refusal::Cpu { wanted_millis: demand.limits.cpu_millis.into(), free_millis })
    } else if demand.ports > node.free_ports {
        Some(Refusal::Ports { wanted: demand.ports, free: node.free_ports })
    } else {
        None
    }
}

fn isolated(demand: &Demand, node: &Candidate) -> Result<(), NotIsolated> {
    Abilities { isolation: node.isolation, ..Abilities::default() }.admits(demand.runtime, node.min_isolation)
}

fn cpu_load(node: &Candidate) -> u64 {
    permille(node.reserved_cpu_millis, node.cpu_millis.saturating_mul(CPU_OVERCOMMIT))
}

fn permille(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(u64::MAX)
}
