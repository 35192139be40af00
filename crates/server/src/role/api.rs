//! Endpoints about roles.

use super::said;
use crate::app::App;
use crate::http::{
    Allowed, Collected, Created, Error, Found, Json, Load, Lookup, NoContent, Query, Result, Routes, View, page, paging,
};
use ostler_model::authz::{Collection, Read, Role, RoleRef, Write};
use ostler_model::role::CustomRole;
use ostler_model::{RoleId, WorkspaceId};
use ostler_store::role::{Change, Uses};
use ostler_store::{Page as StorePage, Rule, StoreError};
use ostler_wire::Page;
use ostler_wire::page::PageQuery;
use ostler_wire::role::{RoleCreate, RoleDelete, RoleUpdate, RoleUses, RoleView};
use serde_json::json;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("role")
        .get("/api/v1/workspaces/{workspace}/roles", list)
        .post("/api/v1/workspaces/{workspace}/roles", create)
        .get("/api/v1/workspaces/{workspace}/roles/{role}", get)
        .patch("/api/v1/workspaces/{workspace}/roles/{role}", update)
        .delete("/api/v1/workspaces/{workspace}/roles/{role}", delete)
}

impl Collected for CustomRole {}

impl Load for CustomRole {
    const FOUND: Found = Found::Param("role");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let (Some(workspace), Some(role)) = (find.workspace(app).await?, find.id("role")) else { return Ok(None) };
        Ok(app.store.role_find(workspace, role).await?.map(|(role, _)| role))
    }
}

/// List the roles of a workspace: the four that every one has, from the strongest, then its own, oldest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<CustomRole>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<RoleView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let at = paging(query.limit, query.cursor.as_deref())?;
    let counts = app.store.role_counts(workspace).await?;
    let members = |role: Role| counts.iter().find(|(word, _)| word == role.as_str()).map_or(0, |(_, n)| *n);
    let mut roles: Vec<RoleView> =
        Role::ALL.into_iter().rev().map(|role| built_in(workspace, role, members(role))).collect();
    roles.extend(app.store.role_list(workspace).await?.into_iter().map(view));
    Ok(View(page(slice(roles, at.after.as_deref(), at.limit as usize), |role| role)))
}

/// Make a role: a named set of capabilities. You must hold each of them yourself.
pub async fn create(
    app: App,
    all: Allowed<Collection<CustomRole>, Write>,
    Json(input): Json<RoleCreate>,
) -> Result<Created<RoleView>> {
    let now = app.clock.now();
    said::name(&input.name)?;
    let role = CustomRole {
        id: app.ids.next(),
        workspace: all.resource.workspace_id().ok_or(Error::NotFound)?,
        name: input.name,
        description: said::prose("description", input.description)?,
        capabilities: said::capabilities(&input.capabilities)?,
        created_at: now,
        changed_at: now,
    };
    let role = app.store.role_create(&all.grant, &role, now).await?;
    Ok(Created(view((role, Uses::default()))))
}

/// Read about a role of the workspace's own, and how many have it.
pub async fn get(app: App, role: Allowed<CustomRole, Read>, _: ()) -> Result<View<RoleView>> {
    Ok(View(view(found(&app, role.resource.workspace, role.resource.id).await?)))
}

/// Change a role, at once for all who have it. You must hold what it allowed before and what it allows then.
pub async fn update(
    app: App,
    role: Allowed<CustomRole, Write>,
    Json(input): Json<RoleUpdate>,
) -> Result<View<RoleView>> {
    if let Some(name) = &input.name {
        said::name(name)?;
    }
    let change = Change {
        name: input.name,
        description: input.description.map(|text| said::prose("description", text)).transpose()?,
        capabilities: input.capabilities.as_deref().map(said::capabilities).transpose()?,
    };
    Ok(View(view(app.store.role_update(&role.grant, &change, app.clock.now()).await?)))
}

/// Delete a role. When somebody has it, say which role they get instead.
pub async fn delete(app: App, role: Allowed<CustomRole, Write>, Query(query): Query<RoleDelete>) -> Result<NoContent> {
    let own = RoleRef::Custom(role.resource.id);
    if query.replacement == Some(own) {
        return Err(Error::field("replacement", "name another role than the one that is deleted"));
    }
    match app.store.role_delete(&role.grant, query.replacement, app.clock.now()).await {
        Err(StoreError::Refused(rule @ Rule::RoleInUse)) => {
            let (_, uses) = found(&app, role.resource.workspace, role.resource.id).await?;
            let details = json!({ "members": uses.members, "teams": uses.teams, "invites": uses.invites });
            Err(Error::Conflict { code: "role_in_use", message: rule.to_string(), details: Some(details) })
        }
        done => done.map(|()| NoContent).map_err(said::no_such_role("replacement")),
    }
}

async fn found(app: &App, workspace: WorkspaceId, id: RoleId) -> Result<(CustomRole, Uses)> {
    app.store.role_find(workspace, id).await?.ok_or(Error::NotFound)
}

/// One page of a list that has an order of its own; the cursor is the last item's id.
fn slice(mut roles: Vec<RoleView>, after: Option<&str>, limit: usize) -> StorePage<RoleView> {
    if let Some(after) = after {
        let at = roles.iter().position(|role| role.id.to_string() == after);
        // Roles of the workspace's own are in the order of their ids: also when the one that the cursor names is gone.
        let at = at.or_else(|| roles.iter().rposition(|r| r.is_built_in || r.id.to_string().as_str() < after));
        roles.drain(..at.map_or(0, |at| at + 1));
    }
    let has_more = roles.len() > limit;
    roles.truncate(limit);
    let next = roles.last().filter(|_| has_more).map(|role| role.id.to_string());
    StorePage { items: roles, next }
}

fn built_in(workspace: WorkspaceId, role: Role, members: u64) -> RoleView {
    let mut name = role.as_str().to_owned();
    name[..1].make_ascii_uppercase();
    RoleView {
        id: role.into(),
        workspace,
        name,
        description: role.description().to_owned(),
        is_built_in: true,
        capabilities: role.capabilities().iter().collect(),
        used_by: RoleUses { members, ..RoleUses::default() },
        created_at: None,
        changed_at: None,
    }
}

fn view((role, uses): (CustomRole, Uses)) -> RoleView {
    RoleView {
        id: role.id.into(),
        workspace: role.workspace,
        name: role.name.to_string(),
        description: role.description,
        is_built_in: false,
        capabilities: role.capabilities.iter().collect(),
        used_by: RoleUses { members: uses.members, teams: uses.teams, invites: uses.invites },
        created_at: Some(role.created_at),
        changed_at: Some(role.changed_at),
    }
}
