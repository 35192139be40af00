//! A node as people see it.

use crate::app::App;
use crate::http::Result;
use ostler_model::node::{LinkFacts, Node, problems};
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
        let link = LinkFacts {
            copy: conflicts.get(&node.id).map(|conflict| conflict.from.as_deref()),
            is_old_agent: app.fleet.hello(node.id).is_some_and(|hello| hello.protocol < 2),
        };
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
            min_isolation: node.min_isolation,
            problems: problems(&node, link),
            id: node.id,
            workspace: node.workspace,
            name: node.name,
            is_draining: node.is_draining,
            facts: node.facts,
            joined_at: node.joined_at,
        }
    };
    Ok(nodes.into_iter().map(one).collect())
}
