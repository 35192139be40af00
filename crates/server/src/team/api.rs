//! Endpoints about teams.

use crate::app::App;
use crate::http::{
    Allowed, Collected, Created, Error, Found, Json, Load, Lookup, NoContent, Query, Result, Routes, View, page,
    paging, window,
};
use crate::limits;
use crate::role::prose;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::team::{self, Team, TeamMember};
use ostler_store::StoreError;
use ostler_store::team::Change;
use ostler_wire::Page;
use ostler_wire::page::PageQuery;
use ostler_wire::team::{TeamCreate, TeamGrant, TeamMemberAdd, TeamMemberView, TeamReach, TeamUpdate, TeamView};

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("team")
        .get("/api/v1/workspaces/{workspace}/teams", list)
        .post("/api/v1/workspaces/{workspace}/teams", create)
        .get("/api/v1/workspaces/{workspace}/teams/{team}", get)
        .patch("/api/v1/workspaces/{workspace}/teams/{team}", update)
        .delete("/api/v1/workspaces/{workspace}/teams/{team}", delete)
        .get("/api/v1/workspaces/{workspace}/teams/{team}/members", members)
        .post("/api/v1/workspaces/{workspace}/teams/{team}/members", add_member)
        .delete("/api/v1/workspaces/{workspace}/teams/{team}/members/{user}", remove_member)
}

impl Collected for Team {}

impl Load for Team {
    const FOUND: Found = Found::Param("team");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let (Some(workspace), Some(team)) = (find.workspace(app).await?, find.id("team")) else { return Ok(None) };
        Ok(app.store.team_find(workspace, team).await?.map(|(team, _)| team))
    }
}

impl Load for TeamMember {
    const FOUND: Found = Found::Param("user");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let (Some(workspace), Some(team)) = (find.workspace(app).await?, find.id("team")) else { return Ok(None) };
        let Some(user) = find.id("user") else { return Ok(None) };
        Ok(app.store.team_member_find(workspace, team, user).await?)
    }
}

/// List the teams of a workspace, newest first, with what each may do.
pub async fn list(
    app: App,
    all: Allowed<Collection<Team>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<TeamView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let teams = app.store.team_list(workspace).await?;
    Ok(View(page(window(teams, &query, |(team, _)| team.id.to_string())?, view)))
}

/// Make a team. What it gives its members you must hold yourself, on all that it gives it on.
pub async fn create(
    app: App,
    all: Allowed<Collection<Team>, Write>,
    Json(input): Json<TeamCreate>,
) -> Result<Created<TeamView>> {
    let now = app.clock.now();
    let team = Team {
        id: app.ids.next(),
        workspace: all.resource.workspace_id().ok_or(Error::NotFound)?,
        name: input.name,
        description: prose("description", input.description)?,
        grant: input.grant.map(grant).transpose()?,
        created_at: now,
        changed_at: now,
    };
    Ok(Created(view((app.store.team_create(&all.grant, &team, now).await.map_err(wrong)?, 0))))
}

/// Read about a team.
pub async fn get(app: App, team: Allowed<Team, Read>, _: ()) -> Result<View<TeamView>> {
    let found = app.store.team_find(team.resource.workspace, team.resource.id).await?;
    Ok(View(view(found.ok_or(Error::NotFound)?)))
}

/// Change a team. You must hold what it gave before and what it gives then.
pub async fn update(app: App, team: Allowed<Team, Write>, Json(input): Json<TeamUpdate>) -> Result<View<TeamView>> {
    let change = Change {
        name: input.name,
        description: input.description.map(|text| prose("description", text)).transpose()?,
        grant: match input.grant {
            Some(Some(said)) => Some(Some(grant(said)?)),
            Some(None) => Some(None),
            None => None,
        },
    };
    Ok(View(view(app.store.team_update(&team.grant, &change, app.clock.now()).await.map_err(wrong)?)))
}

/// Delete a team. Its members lose what it gave them, at once.
pub async fn delete(app: App, team: Allowed<Team, Write>, _: ()) -> Result<NoContent> {
    app.store.team_delete(&team.grant, app.clock.now()).await?;
    Ok(NoContent)
}

/// List who is in a team.
pub async fn members(
    app: App,
    team: Allowed<Team, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<TeamMemberView>>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    Ok(View(page(app.store.team_members(team.resource.id, &paging).await?, member_view)))
}

/// Put a member of the workspace into a team. You must hold what the team gives.
pub async fn add_member(
    app: App,
    team: Allowed<Team, Write>,
    Json(input): Json<TeamMemberAdd>,
) -> Result<Created<TeamMemberView>> {
    match app.store.team_member_add(&team.grant, input.user, app.clock.now()).await {
        Err(StoreError::Missing { kind: "member", .. }) => {
            Err(Error::field("user", "nobody in this workspace has this id; add them to the workspace first"))
        }
        done => Ok(Created(member_view(done?))),
    }
}

/// Take somebody out of a team. You must hold what the team gives.
pub async fn remove_member(app: App, member: Allowed<TeamMember, Write>, _: ()) -> Result<NoContent> {
    app.store.team_member_remove(&member.grant, &member.resource, app.clock.now()).await?;
    Ok(NoContent)
}

fn grant(said: TeamGrant) -> Result<team::TeamGrant> {
    let reach = match said.on {
        TeamReach::Workspace => team::TeamReach::Workspace,
        TeamReach::Only(mut ids) if (1..=limits::TEAM_RESOURCES).contains(&ids.len()) => {
            ids.sort_unstable();
            ids.dedup();
            team::TeamReach::Only(ids)
        }
        TeamReach::Only(_) => {
            return Err(Error::field("grant.on", format!("name 1 to {} ids", limits::TEAM_RESOURCES)));
        }
    };
    Ok(team::TeamGrant { role: said.role, reach })
}

/// What a team's grant names and the workspace does not have is a wrong field, not a missing page.
fn wrong(error: StoreError) -> Error {
    match error {
        StoreError::Missing { kind: "role", .. } => Error::field("grant.role", "this workspace has no such role"),
        StoreError::Missing { kind: "resource", id } => {
            Error::field("grant.on", format!("this workspace has no node or workload {id}"))
        }
        error => error.into(),
    }
}

fn view((team, members): (Team, u64)) -> TeamView {
    let grant = team.grant.map(|grant| TeamGrant {
        role: grant.role,
        on: match grant.reach {
            team::TeamReach::Workspace => TeamReach::Workspace,
            team::TeamReach::Only(ids) => TeamReach::Only(ids),
        },
    });
    TeamView {
        id: team.id,
        workspace: team.workspace,
        name: team.name.to_string(),
        description: team.description,
        members,
        grant,
        created_at: team.created_at,
        changed_at: team.changed_at,
    }
}

fn member_view(member: TeamMember) -> TeamMemberView {
    TeamMemberView {
        team: member.team,
        user: member.user,
        email: member.email.to_string(),
        name: member.name.to_string(),
        created_at: member.created_at,
    }
}
