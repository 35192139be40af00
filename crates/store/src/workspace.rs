//! Workspaces and who belongs to them.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Reach, Select, page};
use crate::db::redact::difference;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{ActorKind, Collection, Grant, Kind, Role, Verb, Write};
use ostler_model::event::Fact;
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{Label, Name, Time, UserId, WorkspaceId};
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
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            let details = json!({ "slug": workspace.slug, "owner": owner });
            tx.audit_in(grant, Some(workspace.id), "workspace.create", workspace.id, Some(details));
            Ok(workspace.clone())
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
        read!(self, "workspace_list", |db| {
            let mut select = Select::new("SELECT * FROM workspace");
            select.within(reach, "id", "id");
            let (sql, values) = select.page("id", paging);
            let items = db.all(sql, values).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |w| w.id.to_string()))
        })
    }
    /// Changes names; what is `None` stays.
    pub async fn workspace_update(
        &self,
        grant: &Grant<Workspace, Write>,
        name: Option<&Label>,
        slug: Option<&Name>,
        at: Time,
    ) -> Result<Workspace> {
        change!(self, "workspace_update", at, |tx| {
            // Writing nothing keeps others out until the end, and says what it is now.
            let before =
                tx.opt("UPDATE workspace SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(|| StoreError::missing("workspace", grant.id()))?)?;
            let row = tx
                .opt(
                    "UPDATE workspace SET name = COALESCE($2, name), slug = COALESCE($3, slug) WHERE id = $1 RETURNING *",
                    args![grant.id(), name, slug],
                )
                .await?;
            let workspace = from_row(&row.ok_or_else(|| StoreError::missing("workspace", grant.id()))?)?;
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            let told = |workspace: &Workspace| json!({ "name": workspace.name, "slug": workspace.slug });
            tx.audit(grant, "workspace.update", workspace.id, Some(difference(&told(&before), &told(&workspace))));
            Ok(workspace)
        })
    }
    /// Deletes an empty workspace with its memberships, keys and jobs. Its audit chain stays.
    pub async fn workspace_delete(&self, grant: &Grant<Workspace, Write>, at: Time) -> Result<()> {
        change!(self, "workspace_delete", at, |tx| {
            // The same lock as taken by whatever puts something into the workspace.
            tx.lock(&members_lock(grant.id())).await?;
            let row = tx
                .one(
                    "SELECT (SELECT COUNT(*) FROM node WHERE workspace_id = $1)
                          + (SELECT COUNT(*) FROM workload WHERE workspace_id = $1) AS n",
                    args![grant.id()],
                )
                .await?;
            if row.get::<i64>("n")? > 0 {
                return Err(Rule::WorkspaceInUse.into());
            }
            if tx.exec("DELETE FROM workspace WHERE id = $1", args![grant.id()]).await? == 0 {
                return Err(StoreError::missing("workspace", grant.id()));
            }
            if let Some(id) = grant.workspace() {
                tx.event(grant, Some(id), Fact::WorkspaceChanged { id });
            }
            tx.audit(grant, "workspace.delete", grant.id(), None);
            Ok(())
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
    /// Adds a person who has an account. Nobody gives a role above their own.
    pub async fn member_add(
        &self,
        grant: &Grant<Collection<Member>, Write>,
        user: UserId,
        role: Role,
        at: Time,
    ) -> Result<Member> {
        change!(self, "member_add", at, |tx| {
            let workspace = grant.workspace().ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            within_own_role(tx, grant, workspace, role).await?;
            if tx.opt("SELECT id FROM users WHERE id = $1", args![user]).await?.is_none() {
                return Err(StoreError::missing("user", user));
            }
            tx.exec(
                "INSERT INTO member (workspace_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
                args![workspace, user, role.as_str(), at],
            )
            .await?;
            let member = member(&tx.one(MEMBER_ONE, args![workspace, user]).await?)?;
            tx.event(grant, Some(workspace), Fact::MemberChanged { user });
            tx.audit(grant, "member.add", user, Some(json!({ "role": role })));
            Ok(member)
        })
    }
    /// Changes a role. Nobody gives or takes a role above their own, and the last owner stays one.
    pub async fn member_set_role(&self, grant: &Grant<Member, Write>, role: Role, at: Time) -> Result<Member> {
        change!(self, "member_set_role", at, |tx| {
            let before = locked(tx, grant).await?;
            within_own_role(tx, grant, before.workspace, role).await?;
            within_own_role(tx, grant, before.workspace, before.role).await?;
            tx.exec(
                "UPDATE member SET role = $3 WHERE workspace_id = $1 AND user_id = $2",
                args![before.workspace, before.user, role.as_str()],
            )
            .await?;
            keep_an_owner(tx, before.workspace).await?;
            tx.event(grant, Some(before.workspace), Fact::MemberChanged { user: before.user });
            let details = difference(&json!({ "role": before.role }), &json!({ "role": role }));
            tx.audit(grant, "member.set_role", before.user, Some(details));
            Ok(Member { role, ..before })
        })
    }
    /// Removes a member. Nobody removes a role above their own, and the last owner stays.
    pub async fn member_remove(&self, grant: &Grant<Member, Write>, at: Time) -> Result<()> {
        change!(self, "member_remove", at, |tx| {
            let before = locked(tx, grant).await?;
            within_own_role(tx, grant, before.workspace, before.role).await?;
            tx.exec(
                "DELETE FROM member WHERE workspace_id = $1 AND user_id = $2",
                args![before.workspace, before.user],
            )
            .await?;
            keep_an_owner(tx, before.workspace).await?;
            tx.event(grant, Some(before.workspace), Fact::MemberChanged { user: before.user });
            tx.audit(grant, "member.remove", before.user, Some(json!({ "role": before.role })));
            Ok(())
        })
    }
}

pub(crate) const MEMBER: &str = "SELECT m.workspace_id, m.user_id, m.role, m.created_at, u.email, u.name
     FROM member m JOIN users u ON u.id = m.user_id";
const MEMBER_ONE: &str = "SELECT m.workspace_id, m.user_id, m.role, m.created_at, u.email, u.name
     FROM member m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1 AND m.user_id = $2";

/// Serialises changes of a workspace's members.
fn members_lock(workspace: impl std::fmt::Display) -> String {
    format!("members of {workspace}")
}

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

/// The person behind the grant must hold at least this role now, unless they administer the platform or it acts itself.
pub(crate) async fn within_own_role<R: ostler_model::authz::Resource, V: Verb>(
    tx: &mut Tx,
    grant: &Grant<R, V>,
    workspace: WorkspaceId,
    role: Role,
) -> Result<()> {
    let person = match grant.actor().kind {
        ActorKind::System(_) => return Ok(()),
        ActorKind::User(id) | ActorKind::Key { owner: id, .. } => id,
        ActorKind::Anonymous | ActorKind::Node(_) | ActorKind::Bot(_) => return Err(Rule::AboveOwnRole.into()),
    };
    let row = tx
        .opt(
            "SELECT u.is_platform_admin, m.role FROM users u
             LEFT JOIN member m ON m.user_id = u.id AND m.workspace_id = $2 WHERE u.id = $1",
            args![person, workspace],
        )
        .await?;
    let Some(row) = row else { return Err(Rule::AboveOwnRole.into()) };
    let own = row.get::<Option<String>>("role")?.and_then(|text| text.parse::<Role>().ok());
    if row.get("is_platform_admin")? || own.is_some_and(|own| own >= role) {
        return Ok(());
    }
    Err(Rule::AboveOwnRole.into())
}

/// Writes a workspace and its first owner.
pub(crate) async fn insert(tx: &mut Tx, workspace: &Workspace, owner: UserId, at: Time) -> Result<()> {
    tx.exec(
        "INSERT INTO workspace (id, slug, name, created_at) VALUES ($1, $2, $3, $4)",
        args![workspace.id, workspace.slug, workspace.name, workspace.created_at],
    )
    .await?;
    tx.exec(
        "INSERT INTO member (workspace_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)",
        args![workspace.id, owner, at],
    )
    .await?;
    tx.searched(Kind::Member, owner);
    Ok(())
}

fn from_row(row: &Row) -> Result<Workspace> {
    Ok(Workspace {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
    })
}

pub(crate) fn member(row: &Row) -> Result<Member> {
    Ok(Member {
        workspace: row.get("workspace_id")?,
        user: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: row.parse("role").map_err(|_| crate::db::row::unreadable("role"))?,
        created_at: row.get("created_at")?,
    })
}
