//! Workspaces and who belongs to them.

use crate::db::conn::Conn;
use crate::db::error::{Constraint, Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Reach, Select, page};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::{Held, allowed_by, columns, members_lock, role_of};
use ostler_model::authz::{ActorKind, Collection, Grant, Kind, RoleRef, Write};
use ostler_model::event::Fact;
use ostler_model::search::Shelf;
use ostler_model::team::TeamReach;
use ostler_model::user::State;
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{Label, Name, Time, Timezone, UserId, WorkspaceId};
use serde_json::json;

impl Store {
    /// Creates a workspace with its first owner.
    pub async fn workspace_create(
        &self,
        grant: &Grant<Collection<Workspace>, Write>,
        workspace: &Workspace,
        owner: UserId,
        at: Time,
    ) -> Result<Workspace> {
        change!(self, "workspace_create", at, |tx| {
            insert(tx, workspace, owner, at).await?;
            created(tx, grant, workspace, owner);
            Ok(workspace.clone())
        })
    }
    /// The same with a short name that is only a proposal: it gets a number when it is taken.
    pub async fn workspace_create_near(
        &self,
        grant: &Grant<Collection<Workspace>, Write>,
        workspace: &Workspace,
        owner: UserId,
        at: Time,
    ) -> Result<Workspace> {
        change!(self, "workspace_create_near", at, |tx| {
            let workspace = insert_free(tx, workspace, owner, at).await?;
            created(tx, grant, &workspace, owner);
            Ok(workspace)
        })
    }
    /// A workspace by id.
    pub async fn workspace_get(&self, id: WorkspaceId) -> Result<Workspace> {
        self.workspace_find(id).await?.ok_or_else(|| StoreError::missing("workspace", id))
    }
    /// A workspace by id, if there is one.
    pub async fn workspace_find(&self, id: WorkspaceId) -> Result<Option<Workspace>> {
        read!(self, "workspace_find", |db| {
            let row = db.opt("SELECT * FROM workspace WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A workspace by its short name, if there is one.
    pub async fn workspace_by_slug(&self, slug: &Name) -> Result<Option<Workspace>> {
        read!(self, "workspace_by_slug", |db| {
            let row = db.opt("SELECT * FROM workspace WHERE slug = $1", args![slug]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// The workspaces within reach, newest first.
    pub async fn workspace_list(&self, reach: &Reach, paging: &Paging) -> Result<Page<Workspace>> {
        read!(self, "workspace_list", |db| { list(db, reach, paging).await })
    }
    /// Changes names and the time zone; what is `None` stays.
    pub async fn workspace_update(
        &self,
        grant: &Grant<Workspace, Write>,
        name: Option<&Label>,
        slug: Option<&Name>,
        timezone: Option<&Timezone>,
        at: Time,
    ) -> Result<Workspace> {
        change!(self, "workspace_update", at, |tx| {
            // Writing nothing keeps others out until the end, and says what it is now.
            let before =
                tx.opt("UPDATE workspace SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(|| StoreError::missing("workspace", grant.id()))?)?;
            let row = tx
                .opt(
                    "UPDATE workspace SET name = COALESCE($2, name), slug = COALESCE($3, slug),
                         timezone = COALESCE($4, timezone) WHERE id = $1 RETURNING *",
                    args![grant.id(), name, slug, timezone],
                )
                .await?;
            let workspace = from_row(&row.ok_or_else(|| StoreError::missing("workspace", grant.id()))?)?;
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            tx.audit(grant, "workspace.update", workspace.id, Told::changed(&told(&before), &told(&workspace)));
            Ok(workspace)
        })
    }

    /// The members of a workspace, newest account first.
    pub async fn member_list(&self, workspace: WorkspaceId, paging: &Paging) -> Result<Page<Member>> {
        read!(self, "member_list", |db| {
            let mut select = Select::new(MEMBER);
            select.when("m.workspace_id = ?", workspace);
            let (sql, values) = select.page("m.user_id", paging);
            let items = db.all(sql, values).await?.iter().map(member).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |m| m.user.to_string()))
        })
    }
    /// Somebody's membership, if there is one.
    pub async fn member_find(&self, workspace: WorkspaceId, user: UserId) -> Result<Option<Member>> {
        read!(self, "member_find", |db| {
            let row = db.opt(MEMBER_ONE, args![workspace, user]).await?;
            row.as_ref().map(member).transpose()
        })
    }
    /// Adds a person who has an account. Nobody gives what they do not hold.
    pub async fn member_add(
        &self,
        grant: &Grant<Collection<Member>, Write>,
        user: UserId,
        role: impl Into<RoleRef>,
        at: Time,
    ) -> Result<Member> {
        let role = role.into();
        change!(self, "member_add", at, |tx| {
            let workspace = grant.workspace().ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            let held = Held::of(tx, grant, workspace).await?;
            held.may_give(allowed_by(tx, workspace, role).await?, &TeamReach::Workspace)?;
            let sql = "SELECT state, email_verified_at FROM users WHERE id = $1";
            let row = tx.opt(sql, args![user]).await?.ok_or_else(|| StoreError::missing("user", user))?;
            if crate::user::state(&row, "state")? == State::Invited {
                return Err(Rule::NotAccepted.into());
            }
            // Others know a person by the address: while it has proved nothing, it may be anybody who answers to it.
            let is_proven = row.get::<Option<Time>>("email_verified_at")?.is_some();
            if !is_proven && !matches!(grant.actor().kind, ActorKind::System(_)) {
                return Err(Rule::Unproven.into());
            }
            let (word, custom) = columns(role);
            tx.exec(
                "INSERT INTO member (workspace_id, user_id, role, role_id, created_at) VALUES ($1, $2, $3, $4, $5)",
                args![workspace, user, word, custom, at],
            )
            .await?;
            let member = member(&tx.one(MEMBER_ONE, args![workspace, user]).await?)?;
            tx.event(grant, Some(workspace), Fact::MemberChanged { user });
            tx.audit(grant, "member.add", user, Told::made(&json!({ "role": role })));
            Ok(member)
        })
    }
    /// Changes a role. Nobody gives or takes what they do not hold, and the last owner stays one.
    pub async fn member_set_role(
        &self,
        grant: &Grant<Member, Write>,
        role: impl Into<RoleRef>,
        at: Time,
    ) -> Result<Member> {
        let role = role.into();
        change!(self, "member_set_role", at, |tx| {
            let before = locked(tx, grant).await?;
            let held = Held::of(tx, grant, before.workspace).await?;
            held.may_give(allowed_by(tx, before.workspace, role).await?, &TeamReach::Workspace)?;
            held.may_give(allowed_by(tx, before.workspace, before.role).await?, &TeamReach::Workspace)?;
            let (word, custom) = columns(role);
            tx.exec(
                "UPDATE member SET role = $3, role_id = $4 WHERE workspace_id = $1 AND user_id = $2",
                args![before.workspace, before.user, word, custom],
            )
            .await?;
            keep_an_owner(tx, before.workspace).await?;
            tx.event(grant, Some(before.workspace), Fact::MemberChanged { user: before.user });
            let told = Told::changed(&json!({ "role": before.role }), &json!({ "role": role }));
            tx.audit(grant, "member.set_role", before.user, told);
            Ok(Member { role, ..before })
        })
    }
    /// Removes a member, from the workspace's teams, too. Nobody takes what they do not hold, and the last owner stays.
    pub async fn member_remove(&self, grant: &Grant<Member, Write>, at: Time) -> Result<()> {
        change!(self, "member_remove", at, |tx| {
            let before = locked(tx, grant).await?;
            // Everybody may leave. To take from others one must hold what is taken.
            let is_leaving = grant.actor().kind == ActorKind::User(before.user);
            if !is_leaving && let Some(from) = crate::held::member_of(tx, before.workspace, before.user).await? {
                Held::of(tx, grant, before.workspace).await?.may_take(&from)?;
            }
            tx.exec(
                "DELETE FROM member WHERE workspace_id = $1 AND user_id = $2",
                args![before.workspace, before.user],
            )
            .await?;
            keep_an_owner(tx, before.workspace).await?;
            tx.event(grant, Some(before.workspace), Fact::MemberChanged { user: before.user });
            let action = if is_leaving { "member.leave" } else { "member.remove" };
            tx.audit(grant, action, before.user, Told::gone(&json!({ "role": before.role })));
            Ok(())
        })
    }
}

/// One page of workspaces within reach.
pub(crate) async fn list(db: &mut Conn, reach: &Reach, paging: &Paging) -> Result<Page<Workspace>> {
    let mut select = Select::new("SELECT * FROM workspace");
    select.within(reach, "id", "id");
    let (sql, values) = select.page("id", paging);
    let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
    Ok(page(items, paging, |w| w.id.to_string()))
}

/// How many forms of a proposed short name are tried.
const SLUG_TRIES: u32 = 1000;

pub(crate) const MEMBER: &str = "SELECT m.workspace_id, m.user_id, m.role, m.role_id, m.created_at, u.email, u.name
     FROM member m JOIN users u ON u.id = m.user_id";
const MEMBER_ONE: &str = "SELECT m.workspace_id, m.user_id, m.role, m.role_id, m.created_at, u.email, u.name
     FROM member m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1 AND m.user_id = $2";

/// The grant's member as it is now, with no other change of members under way.
async fn locked(tx: &mut Tx, grant: &Grant<Member, Write>) -> Result<Member> {
    let missing = || StoreError::missing("member", grant.id());
    let workspace = grant.workspace().ok_or_else(missing)?;
    tx.lock(&members_lock(workspace)).await?;
    let row = tx.opt(MEMBER_ONE, args![workspace, grant.id()]).await?;
    member(&row.ok_or_else(missing)?)
}

async fn keep_an_owner(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    let sql = "SELECT COUNT(*) AS n FROM member WHERE workspace_id = $1 AND role = 'owner'";
    if tx.one(sql, args![workspace]).await?.get::<i64>("n")? == 0 {
        return Err(Rule::LastOwner.into());
    }
    Ok(())
}

fn created(tx: &mut Tx, grant: &Grant<Collection<Workspace>, Write>, workspace: &Workspace, owner: UserId) {
    tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
    let told = Told::made(&told(workspace)).with("owner", owner);
    tx.audit_in(grant, Some(workspace.id), "workspace.create", workspace.id, told);
}

/// Writes a workspace and its first owner.
pub(crate) async fn insert(tx: &mut Tx, workspace: &Workspace, owner: UserId, at: Time) -> Result<()> {
    tx.exec(
        "INSERT INTO workspace (id, slug, name, timezone, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![workspace.id, workspace.slug, workspace.name, workspace.timezone, workspace.created_at],
    )
    .await?;
    own(tx, workspace.id, owner, at).await
}

/// Writes a workspace under the first free form of its short name, and its first owner.
async fn insert_free(tx: &mut Tx, workspace: &Workspace, owner: UserId, at: Time) -> Result<Workspace> {
    for nth in 1..=SLUG_TRIES {
        let slug = workspace.slug.numbered(nth);
        // Somebody who takes the same name at the same time is waited for, and what they have is then not free.
        let done = tx
            .exec(
                "INSERT INTO workspace (id, slug, name, timezone, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (slug) DO NOTHING",
                args![workspace.id, slug, workspace.name, workspace.timezone, workspace.created_at],
            )
            .await?;
        if done > 0 {
            own(tx, workspace.id, owner, at).await?;
            return Ok(Workspace { slug, ..workspace.clone() });
        }
    }
    Err(StoreError::Taken(Constraint::WorkspaceSlug))
}

async fn own(tx: &mut Tx, workspace: WorkspaceId, owner: UserId, at: Time) -> Result<()> {
    tx.exec(
        "INSERT INTO member (workspace_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)",
        args![workspace, owner, at],
    )
    .await?;
    tx.searched(Shelf::Things(Kind::Member), owner);
    Ok(())
}

/// What the audit trail says about a workspace.
pub(crate) fn told(workspace: &Workspace) -> serde_json::Value {
    json!({
        "name": workspace.name, "slug": workspace.slug, "timezone": workspace.timezone,
        "archived_at": workspace.archived_at,
    })
}

pub(crate) fn from_row(row: &Row) -> Result<Workspace> {
    Ok(Workspace {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        timezone: row.get("timezone")?,
        archived_at: row.get("archived_at")?,
        created_at: row.get("created_at")?,
    })
}

pub(crate) fn member(row: &Row) -> Result<Member> {
    Ok(Member {
        workspace: row.get("workspace_id")?,
        user: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: role_of(row)?,
        created_at: row.get("created_at")?,
    })
}
