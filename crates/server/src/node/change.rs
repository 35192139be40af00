//! Changing and removing nodes.

use super::view;
use crate::app::App;
use crate::http::{Allowed, Error, Json, NoContent, Result, View};
use ostler_model::authz::{VerbKind, Write, decide};
use ostler_model::node::Node;
use ostler_store::workload::Filter;
use ostler_store::{Paging, Reach, Rule, StoreError};
use ostler_wire::node::{NodeUpdate, NodeView};
use serde_json::json;

/// Names listed when a node cannot be removed.
const NAMED_MOST: u32 = 20;

/// Change a node's name, or stop it from taking new workloads. What is absent stays.
pub async fn update(app: App, node: Allowed<Node, Write>, Json(body): Json<NodeUpdate>) -> Result<View<NodeView>> {
    let now = app.clock.now();
    if body.accept_next {
        app.store.node_accept_next(&node.grant, now).await?;
    }
    let node = app.store.node_update(&node.grant, body.name.as_ref(), body.is_draining, now).await?;
    Ok(View(view(&app, node).await?))
}

/// Remove a node from the platform. Refused while workloads are placed on it; their names are in the details.
pub async fn delete(app: App, node: Allowed<Node, Write>, _: ()) -> Result<NoContent> {
    match app.store.node_delete(&node.grant, false, app.clock.now()).await {
        Ok(()) => {
            // Its signature is no longer accepted; what is open ends now.
            app.fleet.disconnect(node.resource.id);
            Ok(NoContent)
        }
        Err(StoreError::Refused(Rule::NodeInUse)) => Err(in_use(&app, &node).await?),
        Err(error) => Err(error.into()),
    }
}

async fn in_use(app: &App, node: &Allowed<Node, Write>) -> Result<Error> {
    let filter = Filter { reach: Reach::everything(), kind: None, node: Some(node.resource.id), search: None };
    let placed = app.store.workload_list(&filter, &Paging::first(NAMED_MOST)).await?;
    // A shared node also runs workloads of people whom the caller does not know.
    let may_see = |w: &&ostler_model::workload::Workload| decide(&node.caller.authority, *w, VerbKind::Read).is_ok();
    let named: Vec<_> = placed.items.iter().filter(may_see).map(|w| json!({ "id": w.id, "name": w.name })).collect();
    Ok(Error::Conflict {
        code: "node_in_use",
        message: "workloads are placed on this node; move or delete them first".to_owned(),
        details: Some(
            json!({ "workloads": named, "has_more": placed.next.is_some() || named.len() < placed.items.len() }),
        ),
    })
}
