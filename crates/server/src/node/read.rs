//! Looking at nodes.

use super::{view, views};
use crate::app::App;
use crate::http::{Allowed, Query, Result, View, paging};
use ostler_model::authz::{Read, Within};
use ostler_model::node::Node;
use ostler_wire::Page;
use ostler_wire::node::NodeView;
use ostler_wire::page::PageQuery;

/// The nodes of a workspace that you may see, and those that the platform shares, newest first.
pub async fn list(
    app: App,
    all: Allowed<Within<Node>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<NodeView>>> {
    let at = paging(query.limit, query.cursor.as_deref())?;
    let (within, who) = (all.resource, &all.caller.authority);
    let (own, scope) = (within.only(who), within.scope(who));
    let page = app.store.node_list_part(within.workspace_id(), own.as_deref(), scope, &at).await?;
    Ok(View(Page { items: views(&app, page.items).await?, next_cursor: page.next }))
}

/// A node as it is now.
pub async fn get(app: App, node: Allowed<Node, Read>, _: ()) -> Result<View<NodeView>> {
    Ok(View(view(&app, node.resource).await?))
}
