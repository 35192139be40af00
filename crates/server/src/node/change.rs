//! Changing and removing nodes.

use super::view;
use crate::app::App;
use crate::factor::confirmed;
use crate::http::{Allowed, Confirmed, Error, Json, NoContent, Result, View};
use crate::workload::forget_secrets;
use ostler_model::authz::{Platform, VerbKind, Write, decide};
use ostler_model::node::Node;
use ostler_model::workload::Workload;
use ostler_model::workload::left::left;
use ostler_store::workload::Filter;
use ostler_store::{Paging, Reach, Rule, StoreError};
use ostler_wire::node::{NodeForget, NodeForgotten, NodeUpdate, NodeView};
use serde_json::json;

/// Names listed when a node cannot be removed.
const NAMED_MOST: u32 = 20;
/// Workloads described when a node is forgotten.
const LEFT_MOST: usize = 200;

/// Change a node's name, stop it from taking new workloads, or say how far it must isolate what starts there. What is absent
/// stays.
pub async fn update(app: App, node: Allowed<Node, Write>, Json(body): Json<NodeUpdate>) -> Result<View<NodeView>> {
    if body.min_isolation.is_some_and(|min| min < node.resource.min_isolation) {
        // Whoever takes over a workload there takes over more from now on.
        confirmed(&app, &node.caller).await?;
        if node.resource.workspace.is_none() && decide(&node.caller.authority, &Platform, VerbKind::Write).is_err() {
            return Err(Error::Forbidden {
                code: "platform_only",
                message: "everybody's workloads run on it: only the platform's admins lower its isolation".to_owned(),
            });
        }
    }
    let now = app.clock.now();
    if body.accept_next {
        app.store.node_accept_next(&node.grant, now).await?;
    }
    let NodeUpdate { name, is_draining, min_isolation, .. } = &body;
    let node = app.store.node_update(&node.grant, name.as_ref(), *is_draining, *min_isolation, now).await?;
    Ok(View(view(&app, node).await?))
}

/// Remove a node from the platform. Refused while workloads are placed on it; their names are in the details.
pub async fn delete(app: App, node: Allowed<Node, Write>, _: ()) -> Result<NoContent> {
    match app.store.node_delete(&node.grant, false, app.clock.now()).await {
        Ok(_) => {
            // Its signature is no longer accepted; what is open ends now.
            app.fleet.disconnect(node.resource.id);
            Ok(NoContent)
        }
        Err(StoreError::Refused(Rule::NodeInUse)) => Err(in_use(&app, &node).await?),
        Err(error) => Err(error.into()),
    }
}

/// Forget a node that is lost for good, with everything that is placed on it. Its name is asked for once more, in a session that
/// has lately proven who you are.
///
/// Refused while it answers. What may still run, be stored and listen on the machine is in the answer, and in the audit trail of
/// each workload's workspace. If the machine comes back, its agent is turned away: it must join again, and then removes it.
pub async fn forget(
    app: App,
    node: Confirmed<Allowed<Node, Write>>,
    Json(input): Json<NodeForget>,
) -> Result<View<NodeForgotten>> {
    let before = &node.resource;
    if input.confirm != before.name.as_str() {
        return Err(Error::field("confirm", format!("write {} to forget this node", before.name)));
    }
    if app.fleet.is_online(before.id) {
        let message = "the node answers; delete its workloads, then the node";
        return Err(Error::conflict("node_is_there", message));
    }
    let now = app.clock.now();
    let lost = app.store.node_delete(&node.grant, true, now).await?;
    app.fleet.disconnect(before.id);
    for workload in &lost {
        forget_secrets(&app.store, workload, now).await;
    }
    app.jobs.wake();
    tracing::warn!(node.id = %before.id, workloads = lost.len(), "a node was forgotten; what was on it may still run");
    // A shared node also ran workloads of people whom the caller does not know.
    let may_see = |w: &&Workload| decide(&node.caller.authority, *w, VerbKind::Read).is_ok();
    let named = lost.iter().filter(may_see).take(LEFT_MOST).map(|workload| left(workload, before)).collect();
    Ok(View(NodeForgotten { workload_count: lost.len() as u64, left: named }))
}

async fn in_use(app: &App, node: &Allowed<Node, Write>) -> Result<Error> {
    let filter = Filter { reach: Reach::everything(), kind: None, node: Some(node.resource.id), search: None };
    let placed = app.store.workload_list(&filter, &Paging::first(NAMED_MOST)).await?;
    // A shared node also runs workloads of people whom the caller does not know.
    let may_see = |w: &&Workload| decide(&node.caller.authority, *w, VerbKind::Read).is_ok();
    let named: Vec<_> = placed.items.iter().filter(may_see).map(|w| json!({ "id": w.id, "name": w.name })).collect();
    Ok(Error::Conflict {
        code: "node_in_use",
        message:
            "workloads are placed on this node; move or delete them first, or forget the node if its machine is lost"
                .to_owned(),
        details: Some(
            json!({ "workloads": named, "has_more": placed.next.is_some() || named.len() < placed.items.len() }),
        ),
    })
}
