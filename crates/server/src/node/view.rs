//! A node as people see it.

use crate::app::App;
use crate::http::Result;
use ostler_model::node::Node;
use ostler_model::node::lease::Conflict;
use ostler_model::{Millis, NodeId};
use ostler_wire::node::{NodeState, NodeView};

/// A copy tries again and again; when it has not for this long, it has gone.
const CONFLICT_SHOWN: Millis = Millis::secs(15 * 60);

/// One node.
pub(crate) async fn view(app: &App, node: Node) -> Result<NodeView> {
    Ok(views(app, vec![node]).await?.remove(0))
}

/// Many nodes; what is promised on them is counted once for all.
pub(crate) async fn views(app: &App, nodes: Vec<Node>) -> Result<Vec<NodeView>> {
    let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
    let usage = app.store.node_usage(&ids).await?;
    let now = app.clock.now();
    let conflicts = app.store.node_conflicts(&ids, now - CONFLICT_SHOWN).await?;
    let one = |node: Node| {
        let conflict = conflicts.get(&node.id);
        let presence = app.fleet.presence(node.id);
        let usage = usage.get(&node.id).copied().unwrap_or_default();
        NodeView {
            state: if presence.is_online() { NodeState::Online } else { NodeState::Offline },
            // A node that has not come since this server started has been away since it was last heard of.
            since: presence.since.or(node.seen_at),
            seen_at: if presence.is_online() { Some(app.clock.now()) } else { presence.since.or(node.seen_at) },
            links: presence.links,
            workload_count: usage.workloads,
            reserved_memory_bytes: usage.memory_bytes,
            reserved_cpu_millis: usage.cpu_millis,
            id: node.id,
            workspace: node.workspace,
            name: node.name,
            is_draining: node.is_draining,
            facts: node.facts,
            joined_at: node.joined_at,
            warnings: warnings(app, node.id, conflict),
        }
    };
    Ok(nodes.into_iter().map(one).collect())
}

fn warnings(app: &App, node: NodeId, conflict: Option<&Conflict>) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(conflict) = conflict {
        let from = conflict.from.as_deref().map_or_else(String::new, |from| format!(", from {from}"));
        all.push(format!(
            "Another machine shows this node's key and is refused{from}: its state was copied or restored. Run `ostler agent leave \
             --abandon` and `ostler agent join` on the copy, or stop the node and let the other take its place: `ostler node accept`."
        ));
    }
    if app.fleet.hello(node).is_some_and(|hello| hello.protocol < 2) {
        all.push("Its agent is of an older release and does not check whom it obeys: upgrade it.".to_owned());
    }
    all
}
