//! Choosing a node: facts from the store and from the links, the decision from the model.

use ostler_model::node::{Low, Node};
use ostler_model::workload::Runtime;
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::place::{Candidate, Demand, Refusal, place};
use ostler_model::{NodeId, Time, WorkspaceId};
use ostler_store::node::Usage;
use ostler_store::{Store, StoreError};
use std::sync::Arc;

/// Whether a node answers now.
pub type IsOnline = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// What the search for a node came to.
#[derive(Debug)]
pub enum Found {
    /// This one takes it.
    Node(NodeId),
    /// None now, but one of them would if it were not away.
    Later(String),
    /// None, and waiting would not help. Each node with its reason, and the error's code.
    Nowhere { code: &'static str, why: String },
}

/// Looks for a node of this workspace, or at one node only.
pub async fn find(
    store: &Store,
    is_online: &IsOnline,
    workspace: WorkspaceId,
    only: Option<NodeId>,
    demand: &Demand,
    at: Time,
) -> Result<Found, StoreError> {
    let mut nodes = store.node_candidates(workspace, at).await?;
    nodes.retain(|(node, _)| only.is_none_or(|id| id == node.id));
    if nodes.is_empty() {
        return Ok(Found::Later("this workspace has no node yet; add one with a join token".to_owned()));
    }
    let now: Vec<Candidate> = nodes.iter().map(|(node, usage)| candidate(node, *usage, is_online(node.id))).collect();
    match place(demand, &now) {
        Ok(id) => Ok(Found::Node(id)),
        Err(refusals) => {
            let passed = |c| Candidate { is_online: true, low: Low::default(), ..c };
            let then: Vec<Candidate> = now.into_iter().map(passed).collect();
            // Of what waiting does not help with, that is told which would still be there afterwards.
            let Err(lasting) = place(demand, &then) else { return Ok(Found::Later(told(&nodes, &refusals))) };
            let (why, refusals) = (told(&nodes, &lasting), lasting);
            let is_isolation = refusals.iter().all(|(_, refusal)| matches!(refusal, Refusal::NotIsolated(_)));
            Ok(Found::Nowhere { code: if is_isolation { "not_isolated" } else { "no_room" }, why })
        }
    }
}

/// What a workload asks of a node.
pub fn demand(runtime: Runtime, limits: Limits, ports: usize) -> Demand {
    Demand { runtime, limits, ports }
}

fn candidate(node: &Node, usage: Usage, is_online: bool) -> Candidate {
    let (first, last) = node.facts.port_range;
    let ports = usize::from(last.saturating_sub(first)) + usize::from(first != 0 && first <= last);
    Candidate {
        id: node.id,
        is_online,
        is_draining: node.is_draining,
        has_container_engine: node.facts.can.container_engine.is_some(),
        isolation: node.facts.can.isolation,
        min_isolation: node.min_isolation,
        low: node.facts.low,
        memory_bytes: node.facts.memory_bytes,
        cpu_millis: u64::from(node.facts.cpu_count) * 1000,
        reserved_memory_bytes: usage.memory_bytes,
        reserved_cpu_millis: usage.cpu_millis,
        free_ports: ports.saturating_sub(usage.ports as usize),
    }
}

fn told(nodes: &[(Node, Usage)], refusals: &[(NodeId, Refusal)]) -> String {
    let name =
        |id: NodeId| nodes.iter().find(|(n, _)| n.id == id).map_or_else(|| id.to_string(), |(n, _)| n.name.to_string());
    let all: Vec<String> = refusals.iter().take(5).map(|(id, why)| format!("{}: {why}", name(*id))).collect();
    let more = refusals.len().saturating_sub(5);
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("no node takes it now ({}{tail})", all.join("; "))
}
