//! Endpoints about members.

use crate::app::App;
use crate::http::{
    Allowed, Collected, Created, Error, EvenArchived, Found, Json, Load, Lookup, NoContent, Query, Result, Routes,
    View, page, paging,
};
use crate::role::no_such_role;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::workspace::Member;
use ostler_store::{Rule, StoreError};
use ostler_wire::Page;
use ostler_wire::member::{MemberAdd, MemberUpdate, MemberView};
use ostler_wire::page::PageQuery;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("member")
        .get("/api/v1/workspaces/{workspace}/members", list)
        .post("/api/v1/workspaces/{workspace}/members", add)
        .patch("/api/v1/workspaces/{workspace}/members/{user}", update)
        .delete("/api/v1/workspaces/{workspace}/members/{user}", remove)
}

impl Collected for Member {}

impl Load for Member {
    const FOUND: Found = Found::Param("user");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let (Some(workspace), Some(user)) = (find.workspace(app).await?, find.id("user")) else { return Ok(None) };
        Ok(app.store.member_find(workspace, user).await?)
    }
}

/// List the members of a workspace.
pub async fn list(
    app: App,
    all: Allowed<Collection<Member>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<MemberView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let paging = paging(query.limit, query.cursor.as_deref())?;
    Ok(View(page(app.store.member_list(workspace, &paging).await?, view)))
}

/// Add a person who has an account, by an address that has proved itself. Nobody gives a role that holds more than they do.
///
/// Others are invited: `POST /api/v1/workspaces/{workspace}/invites`.
pub async fn add(
    app: App,
    all: Allowed<Collection<Member>, Write>,
    Json(input): Json<MemberAdd>,
) -> Result<Created<MemberView>> {
    let found = app.store.user_credential(&input.email).await?;
    // One answer for all of them: what an address has not proved is not told either.
    let unproven =
        || Error::field("email", "no account here has proved that this address is its own; invite it instead");
    let user = found.ok_or_else(unproven)?;
    match app.store.member_add(&all.grant, user.user.id, input.role, app.clock.now()).await {
        Err(StoreError::Refused(Rule::Unproven | Rule::NotAccepted)) => Err(unproven()),
        member => Ok(Created(view(member.map_err(no_such_role("role"))?))),
    }
}

/// Change a member's role. Nobody gives or takes what they do not hold, and the last owner stays one.
pub async fn update(
    app: App,
    member: Allowed<Member, Write>,
    Json(input): Json<MemberUpdate>,
) -> Result<View<MemberView>> {
    let changed = app.store.member_set_role(&member.grant, input.role, app.clock.now()).await;
    Ok(View(view(changed.map_err(no_such_role("role"))?)))
}

/// Remove a member, or leave, and with it the workspace's teams. The last owner stays. Out of an archived workspace one can only
/// leave.
pub async fn remove(app: App, EvenArchived(member): EvenArchived<Member, Write>, _: ()) -> Result<NoContent> {
    app.store.member_remove(&member.grant, app.clock.now()).await?;
    Ok(NoContent)
}

fn view(member: Member) -> MemberView {
    MemberView {
        workspace: member.workspace,
        user: member.user,
        email: member.email.to_string(),
        name: member.name.to_string(),
        role: member.role,
        created_at: member.created_at,
    }
}
