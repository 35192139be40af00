//! Endpoints about workspaces.

use crate::app::App;
use crate::http::{
    Allowed, Collected, Created, Error, Json, NoContent, Query, Result, Routes, SignedIn, View, page, paging,
};
use crate::user::reach;
use ostler_model::Name;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::workspace::Workspace;
use ostler_wire::Page;
use ostler_wire::page::PageQuery;
use ostler_wire::workspace::{WorkspaceCreate, WorkspaceUpdate, WorkspaceView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("workspace")
        .get("/api/v1/workspaces", list)
        .post("/api/v1/workspaces", create)
        .get("/api/v1/workspaces/{workspace}", get)
        .patch("/api/v1/workspaces/{workspace}", update)
        .delete("/api/v1/workspaces/{workspace}", delete)
}

impl Collected for Workspace {
    const IS_ON_PLATFORM: bool = true;
}

/// List the workspaces that you belong to, or all when you administer the platform; newest first.
pub async fn list(app: App, who: SignedIn, Query(query): Query<PageQuery>) -> Result<View<Page<WorkspaceView>>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    let found = app.store.workspace_list(&reach(&who.caller.authority), &paging).await?;
    Ok(View(page(found, view)))
}

/// Create a workspace. You become its owner.
pub async fn create(
    app: App,
    all: Allowed<Collection<Workspace>, Write>,
    Json(input): Json<WorkspaceCreate>,
) -> Result<Created<WorkspaceView>> {
    let owner = all.caller.authority.user().ok_or(Error::NotFound)?;
    let now = app.clock.now();
    let slug = input.slug.unwrap_or_else(|| Name::slug(input.name.as_str(), "workspace"));
    let workspace = Workspace { id: app.ids.next(), slug, name: input.name, created_at: now };
    let workspace = app.store.workspace_create(&all.grant, &workspace, owner, now).await?;
    Ok(Created(view(workspace)))
}

/// Read about a workspace, by id or short name.
pub async fn get(_: App, workspace: Allowed<Workspace, Read>, _: ()) -> Result<View<WorkspaceView>> {
    Ok(View(view(workspace.resource)))
}

/// Change a workspace's name or short name.
pub async fn update(
    app: App,
    workspace: Allowed<Workspace, Write>,
    Json(input): Json<WorkspaceUpdate>,
) -> Result<View<WorkspaceView>> {
    let (name, slug) = (input.name.as_ref(), input.slug.as_ref());
    Ok(View(view(app.store.workspace_update(&workspace.grant, name, slug, app.clock.now()).await?)))
}

/// Delete a workspace that has neither nodes nor workloads any more.
pub async fn delete(app: App, workspace: Allowed<Workspace, Write>, _: ()) -> Result<NoContent> {
    app.store.workspace_delete(&workspace.grant, app.clock.now()).await?;
    Ok(NoContent)
}

fn view(workspace: Workspace) -> WorkspaceView {
    WorkspaceView { id: workspace.id, slug: workspace.slug, name: workspace.name, created_at: workspace.created_at }
}
