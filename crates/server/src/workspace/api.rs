//! Endpoints about workspaces.

use super::archive;
use crate::app::App;
use crate::http::{Allowed, Collected, Created, Error, Json, Query, Result, Routes, SignedIn, View, page, paging};
use ostler_model::Name;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::workspace::Workspace;
use ostler_store::Reach;
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
        .delete("/api/v1/workspaces/{workspace}", archive::delete)
        .post("/api/v1/workspaces/{workspace}/archive", archive::archive)
        .post("/api/v1/workspaces/{workspace}/restore", archive::restore)
}

impl Collected for Workspace {
    const IS_ON_PLATFORM: bool = true;
}

/// List the workspaces that you belong to, or all when you administer the platform; newest first.
pub async fn list(app: App, who: SignedIn, Query(query): Query<PageQuery>) -> Result<View<Page<WorkspaceView>>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    let found = app.store.workspace_list(&Reach::of(&who.caller.authority), &paging).await?;
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
    let (id, timezone) = (app.ids.next(), input.timezone.unwrap_or_default());
    let made = |slug| Workspace { timezone, ..Workspace::new(id, slug, input.name.clone(), now) };
    let workspace = match input.slug {
        Some(slug) => app.store.workspace_create(&all.grant, &made(slug), owner, now).await?,
        None => {
            let near = made(Name::slug(input.name.as_str(), "workspace"));
            app.store.workspace_create_near(&all.grant, &near, owner, now).await?
        }
    };
    Ok(Created(view(workspace)))
}

/// Read about a workspace, by id or short name.
pub async fn get(_: App, workspace: Allowed<Workspace, Read>, _: ()) -> Result<View<WorkspaceView>> {
    Ok(View(view(workspace.resource)))
}

/// Change a workspace's name, short name or time zone. What is absent stays.
pub async fn update(
    app: App,
    workspace: Allowed<Workspace, Write>,
    Json(input): Json<WorkspaceUpdate>,
) -> Result<View<WorkspaceView>> {
    let WorkspaceUpdate { name, slug, timezone } = input;
    let (name, slug, timezone) = (name.as_ref(), slug.as_ref(), timezone.as_ref());
    Ok(View(view(app.store.workspace_update(&workspace.grant, name, slug, timezone, app.clock.now()).await?)))
}

pub(super) fn view(workspace: Workspace) -> WorkspaceView {
    let Workspace { id, slug, name, timezone, archived_at, created_at } = workspace;
    WorkspaceView { id, slug, name, timezone, archived_at, created_at }
}
