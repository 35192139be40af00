//! Looking at nodes.

use super::{view, views};
use crate::app::App;
use crate::http::{Allowed, Error, Query, Result, View, paging};
use ostler_model::authz::{Collection, Read};
use ostler_model::node::Node;
use ostler_store::Reach;
use ostler_wire::Page;
use ostler_wire::node::NodeView;
use ostler_wire::page::PageQuery;

/// The nodes that a workspace can use: its own and those that the platform shares, newest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<Node>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<NodeView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let at = paging(query.limit, query.cursor.as_deref())?;
    let page = app.store.node_list(&Reach::workspace(workspace), true, &at).await?;
    Ok(View(Page { items: views(&app, page.items).await?, next_cursor: page.next }))
}

/// A node as it is now.
pub async fn get(app: App, node: Allowed<Node, Read>, _: ()) -> Result<View<NodeView>> {
    Ok(View(view(&app, node.resource).await?))
}
