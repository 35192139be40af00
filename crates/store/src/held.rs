//! What somebody holds: by their role, by their teams, and, for a key, within its limits.
//!
//! Read for every request that is not answered from memory, and once more inside each change that gives or takes rights: the
//! proof that such a change was allowed is from a moment ago, and only what holds under the workspace's lock counts.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::row::{Row, unreadable};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{
    Actor, ActorKind, Authority, Capability, CapabilitySet, Grant, Kind, Limit, Membership, Resource, Role, RoleRef,
    Scope, Verb, VerbKind,
};
use ostler_model::team::TeamReach;
use ostler_model::user::{State, User};
use ostler_model::{RoleId, UserId, WorkspaceId, role};

/// Serialises changes of a workspace's members, roles and teams.
pub(crate) fn members_lock(workspace: impl std::fmt::Display) -> String {
    format!("members of {workspace}")
}

/// Reads the memberships of rows that repeat one person once per membership, each with `role_capabilities`, and adds what
/// their teams give.
pub(crate) async fn memberships(db: &mut Conn, rows: &[Row], user: UserId) -> Result<Vec<Membership>> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(workspace) = row.get("workspace_id")? {
            out.push(Membership::new(workspace, role_of(row)?, allowed(row)?));
        }
    }
    if !out.is_empty() {
        add_teams(db, &mut out, user).await?;
    }
    Ok(out)
}

async fn add_teams(db: &mut Conn, memberships: &mut [Membership], user: UserId) -> Result<()> {
    let rows = db
        .all(
            "SELECT t.id, t.workspace_id, t.role, t.role_id, t.is_wide, r.capabilities AS role_capabilities, x.resource_id
             FROM team_member p JOIN team t ON t.id = p.team_id LEFT JOIN role r ON r.id = t.role_id
             LEFT JOIN team_resource x ON x.team_id = t.id AND t.is_wide = FALSE
             WHERE p.user_id = $1 AND t.role IS NOT NULL",
            args![user],
        )
        .await?;
    for row in &rows {
        let workspace: WorkspaceId = row.get("workspace_id")?;
        let reach = match (row.get::<bool>("is_wide")?, row.get::<Option<String>>("resource_id")?) {
            (true, _) => TeamReach::Workspace,
            (false, id) => TeamReach::Only(id.into_iter().collect()),
        };
        if let Some(member) = memberships.iter_mut().find(|member| member.workspace == workspace) {
            member.add(&reach, allowed(row)?);
        }
    }
    Ok(())
}

/// Sees to it that nobody changes a person until the transaction ends. Others may hold them, too.
///
/// SQLite has one writer at a time anyway.
pub(crate) async fn hold(tx: &mut Tx, user: UserId) -> Result<()> {
    if tx.is_postgres() {
        tx.opt("SELECT id FROM users WHERE id = $1 FOR SHARE", args![user]).await?;
    }
    Ok(())
}

/// The same for whoever changes what belongs to a person: nobody else holds or changes them meanwhile.
pub(crate) async fn lock_person(tx: &mut Tx, user: &str) -> Result<()> {
    if tx.is_postgres() {
        tx.opt("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", args![user]).await?;
    }
    Ok(())
}

/// A person with a row for each of their memberships.
const PERSON: &str = "SELECT u.id, u.email, u.name, u.state, u.is_platform_admin, u.email_verified_at,
            u.default_workspace_id, u.created_at, u.password_hash, m.workspace_id, m.role, m.role_id, r.capabilities AS role_capabilities
     FROM users u LEFT JOIN member m ON m.user_id = u.id LEFT JOIN role r ON r.id = m.role_id WHERE u.id = $1";

/// A person, whatever their state, what they would hold if they were active, and the hash of their password: one query, and
/// one for their teams.
pub(crate) async fn person(db: &mut Conn, id: UserId) -> Result<Option<(User, Authority, Option<String>)>> {
    let rows = db.all(PERSON, args![id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let user = crate::user::from_row(row)?;
    let authority = of_rows(db, &rows, &user).await?;
    Ok(Some((user, authority, row.get("password_hash")?)))
}

/// The rights of an active person now.
pub(crate) async fn authority(db: &mut Conn, id: UserId) -> Result<Option<(User, Authority)>> {
    let found = person(db, id).await?.filter(|(user, ..)| user.state == State::Active);
    Ok(found.map(|(user, authority, _)| (user, authority)))
}

/// What somebody holds, from rows that repeat them once per membership.
pub(crate) async fn of_rows(db: &mut Conn, rows: &[Row], user: &User) -> Result<Authority> {
    Ok(Authority {
        actor: Actor { kind: ActorKind::User(user.id), label: user.email.to_string() },
        is_platform_admin: user.is_platform_admin,
        memberships: memberships(db, rows, user.id).await?,
        limit: None,
    })
}

/// The role in the columns `role` and `role_id`.
pub(crate) fn role_of(row: &Row) -> Result<RoleRef> {
    match row.get::<Option<RoleId>>("role_id")? {
        Some(id) => Ok(RoleRef::Custom(id)),
        None => row.parse::<Role>("role").map(RoleRef::BuiltIn).map_err(|_| unreadable("role")),
    }
}

/// What goes into the columns `role` and `role_id`. The first says "viewer" beside a custom role, and then means nothing.
pub(crate) fn columns(role: RoleRef) -> (&'static str, Option<RoleId>) {
    (role.built_in().unwrap_or(Role::Viewer).as_str(), role.custom())
}

fn allowed(row: &Row) -> Result<CapabilitySet> {
    match role_of(row)? {
        RoleRef::BuiltIn(role) => Ok(role.capabilities()),
        RoleRef::Custom(_) => Ok(role::effective(words(row, "role_capabilities")?)),
    }
}

/// The capabilities in a column. A word that this version does not know allows nothing.
pub(crate) fn words(row: &Row, column: &str) -> Result<Vec<Capability>> {
    let words: Vec<String> = row.json(column)?;
    Ok(words.iter().filter_map(|word| word.parse().ok()).collect())
}

/// What a role allows in this workspace. A role of another one is missing here.
pub(crate) async fn allowed_by(db: &mut Conn, workspace: WorkspaceId, role: RoleRef) -> Result<CapabilitySet> {
    let id = match role {
        RoleRef::BuiltIn(role) => return Ok(role.capabilities()),
        RoleRef::Custom(id) => id,
    };
    let sql = "SELECT capabilities FROM role WHERE id = $1 AND workspace_id = $2";
    let row = db.opt(sql, args![id, workspace]).await?.ok_or_else(|| StoreError::missing("role", id))?;
    Ok(role::effective(words(&row, "capabilities")?))
}

/// What somebody is in a workspace, with all that their teams give them. `None` when they are no member.
pub(crate) async fn member_of(db: &mut Conn, workspace: WorkspaceId, user: UserId) -> Result<Option<Membership>> {
    let row = db
        .opt(
            "SELECT m.workspace_id, m.role, m.role_id, r.capabilities AS role_capabilities
             FROM member m LEFT JOIN role r ON r.id = m.role_id WHERE m.workspace_id = $1 AND m.user_id = $2",
            args![workspace, user],
        )
        .await?;
    Ok(memberships(db, row.as_slice(), user).await?.pop())
}

/// What the actor behind a grant may give and take in a workspace, at this moment.
pub(crate) struct Held {
    workspace: WorkspaceId,
    who: Who,
}

enum Who {
    /// The platform acts itself.
    Platform,
    Person {
        is_platform_admin: bool,
        member: Option<Membership>,
        limit: Option<Limit>,
    },
}

impl Held {
    /// Read under the workspace's lock. Whoever may not manage its members any more is refused here.
    pub(crate) async fn of<R: Resource, V: Verb>(
        tx: &mut Tx,
        grant: &Grant<R, V>,
        workspace: WorkspaceId,
    ) -> Result<Self> {
        let (user, key) = match grant.actor().kind {
            ActorKind::System(_) => return Ok(Self { workspace, who: Who::Platform }),
            ActorKind::User(user) => (user, None),
            ActorKind::Key { id, owner } => (owner, Some(id)),
            ActorKind::Anonymous | ActorKind::Node(_) | ActorKind::Bot(_) => return Err(Rule::AboveOwnRole.into()),
        };
        let limit = match key {
            None => None,
            Some(id) => {
                let row = tx.opt("SELECT * FROM api_key WHERE id = $1", args![id]).await?.ok_or(Rule::AboveOwnRole)?;
                let key = crate::key::from_row(&row)?;
                Some(Limit { capabilities: key.capabilities, scope: key.scope })
            }
        };
        let held = Self::person(tx, workspace, user, limit).await?.ok_or(Rule::AboveOwnRole)?;
        held.may_give(CapabilitySet::NONE.with(MANAGE), &TeamReach::Workspace)?;
        Ok(held)
    }

    /// What a person holds. `None` when they may not act at all.
    pub(crate) async fn person(
        db: &mut Conn,
        workspace: WorkspaceId,
        user: UserId,
        limit: Option<Limit>,
    ) -> Result<Option<Self>> {
        let sql = "SELECT is_platform_admin FROM users WHERE id = $1 AND state = 'active'";
        let Some(row) = db.opt(sql, args![user]).await? else { return Ok(None) };
        let is_platform_admin = row.get("is_platform_admin")?;
        let member = member_of(db, workspace, user).await?;
        Ok(Some(Self { workspace, who: Who::Person { is_platform_admin, member, limit } }))
    }

    /// Refuses what is not held on all of this.
    pub(crate) fn may_give(&self, capabilities: CapabilitySet, reach: &TeamReach) -> Result<()> {
        let holds = match reach {
            TeamReach::Workspace => self.holds(capabilities, None),
            TeamReach::Only(ids) => ids.iter().all(|id| self.holds(capabilities, Some(id))),
        };
        if holds { Ok(()) } else { Err(Rule::AboveOwnRole.into()) }
    }

    /// Refuses taking from somebody what is not held by the taker: also what their teams give them.
    pub(crate) fn may_take(&self, from: &Membership) -> Result<()> {
        self.may_give(from.capabilities, &TeamReach::Workspace)?;
        from.on.iter().try_for_each(|on| self.may_give(on.capabilities, &TeamReach::Only(vec![on.id.clone()])))
    }

    fn holds(&self, capabilities: CapabilitySet, on: Option<&String>) -> bool {
        let Who::Person { is_platform_admin, member, limit } = &self.who else { return true };
        let within_limit = limit.as_ref().is_none_or(|limit| {
            capabilities.within(limit.capabilities)
                && match &limit.scope {
                    Scope::All => true,
                    Scope::Workspace(id) => *id == self.workspace,
                    Scope::Only(ids) => on.is_some_and(|on| ids.contains(on)),
                }
        });
        let own = || {
            member
                .as_ref()
                .is_some_and(|member| capabilities.within(on.map_or(member.capabilities, |on| member.allowed_on(on))))
        };
        within_limit && (*is_platform_admin || own())
    }
}

/// What it takes to change members, roles and teams.
pub(crate) const MANAGE: Capability = Capability::new(Kind::Member, VerbKind::Write);
