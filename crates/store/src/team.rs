//! Teams: who is in them, and what they give on what. Nobody joins people to more than they hold themselves.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::{Page, Paging, Select, page};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read, snapshot};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::{Held, allowed_by, columns, members_lock, role_of};
use crate::role::name_key;
use ostler_model::authz::{Collection, Grant, Resource, Write};
use ostler_model::event::Fact;
use ostler_model::team::{Team, TeamGrant, TeamMember, TeamReach, Thing};
use ostler_model::{Label, NodeId, TeamId, Time, UserId, WorkloadId, WorkspaceId};
use serde_json::json;

/// The most teams of a workspace, and members of a team.
const TEAMS_MOST: i64 = 100;
const MEMBERS_MOST: i64 = 500;

/// What to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub name: Option<Label>,
    pub description: Option<String>,
    /// `Some(None)` takes away what the team gives.
    pub grant: Option<Option<TeamGrant>>,
}

const FIND: &str = "SELECT t.*, (SELECT COUNT(*) FROM team_member p WHERE p.team_id = t.id) AS members FROM team t";
const MEMBER: &str = "SELECT p.*, u.email, u.name FROM team_member p JOIN users u ON u.id = p.user_id";

impl Store {
    /// A workspace's teams with the number of their members, oldest first; all of them, since they are few.
    pub async fn team_list(&self, workspace: WorkspaceId) -> Result<Vec<(Team, u64)>> {
        snapshot!(self, "team_list", |db| {
            let rows = db.all(format!("{FIND} WHERE t.workspace_id = $1 ORDER BY t.id"), args![workspace]).await?;
            let mut out = Vec::with_capacity(rows.len());
            for row in &rows {
                out.push(read_team(db, row).await?);
            }
            Ok(out)
        })
    }
    /// A team of this workspace with the number of its members, if there is one.
    pub async fn team_find(&self, workspace: WorkspaceId, id: TeamId) -> Result<Option<(Team, u64)>> {
        snapshot!(self, "team_find", |db| { find(db, workspace, &id.to_string()).await })
    }
    /// Makes a team. Nobody gives it what they do not hold.
    pub async fn team_create(&self, grant: &Grant<Collection<Team>, Write>, team: &Team, at: Time) -> Result<Team> {
        change!(self, "team_create", at, |tx| {
            let workspace = grant.workspace().filter(|id| *id == team.workspace);
            let workspace = workspace.ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            let held = Held::of(tx, grant, workspace).await?;
            may_give(tx, &held, team).await?;
            let sql = "SELECT COUNT(*) AS n FROM team WHERE workspace_id = $1";
            if tx.one(sql, args![workspace]).await?.get::<i64>("n")? >= TEAMS_MOST {
                return Err(Rule::TooManyTeams.into());
            }
            let made = Team { created_at: at, changed_at: at, ..team.clone() };
            let (word, custom) = made.grant.as_ref().map(|grant| columns(grant.role)).unzip();
            tx.exec(
                "INSERT INTO team (id, workspace_id, name, name_key, description, role, role_id, is_wide, created_at,
                     changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
                args![
                    made.id,
                    workspace,
                    made.name,
                    name_key(&made.name),
                    made.description,
                    word,
                    custom.flatten(),
                    is_wide(&made),
                    at
                ],
            )
            .await?;
            put_resources(tx, &made).await?;
            tx.event(grant, Some(workspace), Fact::TeamChanged { id: made.id });
            tx.audit(grant, "team.create", made.id, Told::made(&told(&made)));
            Ok(made)
        })
    }
    /// Changes a team. Nobody gives it, or takes from it, what they do not hold.
    pub async fn team_update(&self, grant: &Grant<Team, Write>, change: &Change, at: Time) -> Result<(Team, u64)> {
        change!(self, "team_update", at, |tx| {
            let (before, members, held) = locked(tx, grant, grant.id()).await?;
            let after = Team {
                name: change.name.clone().unwrap_or_else(|| before.name.clone()),
                description: change.description.clone().unwrap_or_else(|| before.description.clone()),
                grant: change.grant.clone().unwrap_or_else(|| before.grant.clone()),
                changed_at: at,
                ..before.clone()
            };
            may_give(tx, &held, &after).await?;
            let (word, custom) = after.grant.as_ref().map(|grant| columns(grant.role)).unzip();
            tx.exec(
                "UPDATE team SET name = $2, name_key = $3, description = $4, role = $5, role_id = $6, is_wide = $7,
                     changed_at = $8 WHERE id = $1",
                args![
                    after.id,
                    after.name,
                    name_key(&after.name),
                    after.description,
                    word,
                    custom.flatten(),
                    is_wide(&after),
                    at
                ],
            )
            .await?;
            tx.exec("DELETE FROM team_resource WHERE team_id = $1", args![after.id]).await?;
            put_resources(tx, &after).await?;
            tx.event(grant, Some(after.workspace), Fact::TeamChanged { id: after.id });
            tx.audit(grant, "team.update", after.id, Told::changed(&told(&before), &told(&after)));
            Ok((after, members))
        })
    }
    /// Deletes a team. Its members lose what it gave them.
    pub async fn team_delete(&self, grant: &Grant<Team, Write>, at: Time) -> Result<()> {
        change!(self, "team_delete", at, |tx| {
            let (before, members, _) = locked(tx, grant, grant.id()).await?;
            tx.exec("DELETE FROM team WHERE id = $1", args![before.id]).await?;
            tx.event(grant, Some(before.workspace), Fact::TeamChanged { id: before.id });
            tx.audit(grant, "team.delete", before.id, Told::gone(&told(&before)).with("members", members));
            Ok(())
        })
    }
    /// Who is in a team, newest account first.
    pub async fn team_members(&self, team: TeamId, paging: &Paging) -> Result<Page<TeamMember>> {
        read!(self, "team_members", |db| {
            let mut select = Select::new(MEMBER);
            select.when("p.team_id = ?", team);
            let (sql, values) = select.page("p.user_id", paging);
            let items = db.all(sql, values).await?.iter().map(member).collect::<Result<Vec<_>>>()?;
            Ok(page(items, paging, |member| member.user.to_string()))
        })
    }
    /// Somebody's place in a team of this workspace, if they have one.
    pub async fn team_member_find(
        &self,
        workspace: WorkspaceId,
        team: TeamId,
        user: UserId,
    ) -> Result<Option<TeamMember>> {
        read!(self, "team_member_find", |db| {
            let sql = format!("{MEMBER} WHERE p.workspace_id = $1 AND p.team_id = $2 AND p.user_id = $3");
            let row = db.opt(sql, args![workspace, team, user]).await?;
            row.as_ref().map(member).transpose()
        })
    }
    /// Puts a member of the workspace into a team. Nobody gives by it what they do not hold.
    pub async fn team_member_add(&self, grant: &Grant<Team, Write>, user: UserId, at: Time) -> Result<TeamMember> {
        change!(self, "team_member_add", at, |tx| {
            let (team, members, _) = locked(tx, grant, grant.id()).await?;
            let sql = "SELECT 1 AS here FROM member WHERE workspace_id = $1 AND user_id = $2";
            if tx.opt(sql, args![team.workspace, user]).await?.is_none() {
                return Err(StoreError::missing("member", user));
            }
            if i64::try_from(members).unwrap_or(i64::MAX) >= MEMBERS_MOST {
                return Err(Rule::TooManyInTeam.into());
            }
            tx.exec(
                "INSERT INTO team_member (team_id, workspace_id, user_id, created_at) VALUES ($1, $2, $3, $4)",
                args![team.id, team.workspace, user, at],
            )
            .await?;
            let sql = format!("{MEMBER} WHERE p.team_id = $1 AND p.user_id = $2");
            let made = member(&tx.one(sql, args![team.id, user]).await?)?;
            tx.event(grant, Some(team.workspace), Fact::TeamChanged { id: team.id });
            tx.audit(grant, "team.add_member", team.id, Told::made(&json!({ "user": user })).with("team", team.name));
            Ok(made)
        })
    }
    /// Takes somebody out of a team. Nobody takes by it what they do not hold.
    pub async fn team_member_remove(&self, grant: &Grant<TeamMember, Write>, who: &TeamMember, at: Time) -> Result<()> {
        let user = who.user;
        if who.id() != grant.id() {
            return Err(StoreError::missing("member", user));
        }
        change!(self, "team_member_remove", at, |tx| {
            let (team, ..) = locked(tx, grant, who.team).await?;
            let sql = "DELETE FROM team_member WHERE team_id = $1 AND user_id = $2";
            if tx.exec(sql, args![team.id, user]).await? == 0 {
                return Err(StoreError::missing("member", user));
            }
            tx.event(grant, Some(team.workspace), Fact::TeamChanged { id: team.id });
            let told = Told::gone(&json!({ "user": user })).with("team", team.name);
            tx.audit(grant, "team.remove_member", team.id, told);
            Ok(())
        })
    }
}

/// The grant's team as it is now, with no other change of members under way, by somebody who holds all that it gives.
async fn locked<R: Resource>(
    tx: &mut Tx,
    grant: &Grant<R, Write>,
    id: impl std::fmt::Display,
) -> Result<(Team, u64, Held)> {
    let missing = || StoreError::missing("team", &id);
    let workspace = grant.workspace().ok_or_else(missing)?;
    tx.lock(&members_lock(workspace)).await?;
    let (team, members) = find(tx, workspace, &id.to_string()).await?.ok_or_else(missing)?;
    let held = Held::of(tx, grant, workspace).await?;
    may_give(tx, &held, &team).await?;
    Ok((team, members, held))
}

async fn may_give(tx: &mut Tx, held: &Held, team: &Team) -> Result<()> {
    let Some(grant) = &team.grant else { return Ok(()) };
    held.may_give(allowed_by(tx, team.workspace, grant.role).await?, &grant.reach)
}

/// Writes what the team's role is confined to. A thing of another workspace is missing here.
async fn put_resources(tx: &mut Tx, team: &Team) -> Result<()> {
    let Some(TeamGrant { reach: TeamReach::Only(ids), .. }) = &team.grant else { return Ok(()) };
    for id in ids {
        let missing = || StoreError::missing("resource", id);
        let thing: Thing = id.parse().map_err(|()| missing())?;
        let (sql, node, workload) = match thing {
            Thing::Node(id) => {
                ("SELECT 1 AS here FROM node WHERE id = $1 AND workspace_id = $2", Some(id), None::<WorkloadId>)
            }
            Thing::Workload(id) => {
                ("SELECT 1 AS here FROM workload WHERE id = $1 AND workspace_id = $2", None::<NodeId>, Some(id))
            }
        };
        if tx.opt(sql, args![id, team.workspace]).await?.is_none() {
            return Err(missing());
        }
        tx.exec(
            "INSERT INTO team_resource (team_id, resource_id, node_id, workload_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            args![team.id, id, node, workload],
        )
        .await?;
    }
    Ok(())
}

fn is_wide(team: &Team) -> bool {
    team.grant.as_ref().is_some_and(|grant| grant.reach == TeamReach::Workspace)
}

fn told(team: &Team) -> serde_json::Value {
    let grant = team.grant.as_ref().map(|grant| match &grant.reach {
        TeamReach::Workspace => json!({ "role": grant.role, "on": "workspace" }),
        TeamReach::Only(ids) => json!({ "role": grant.role, "on": ids }),
    });
    json!({ "name": team.name, "description": team.description, "grant": grant })
}

/// A team without what it gives.
pub(crate) fn bare(row: &Row) -> Result<Team> {
    Ok(Team {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        grant: None,
        created_at: row.get("created_at")?,
        changed_at: row.get("changed_at")?,
    })
}

async fn find(db: &mut Conn, workspace: WorkspaceId, id: &str) -> Result<Option<(Team, u64)>> {
    let row = db.opt(format!("{FIND} WHERE t.workspace_id = $1 AND t.id = $2"), args![workspace, id]).await?;
    match row {
        Some(row) => read_team(db, &row).await.map(Some),
        None => Ok(None),
    }
}

async fn read_team(db: &mut Conn, row: &Row) -> Result<(Team, u64)> {
    let id: TeamId = row.get("id")?;
    let reach = if row.get("is_wide")? {
        TeamReach::Workspace
    } else {
        let sql = "SELECT resource_id FROM team_resource WHERE team_id = $1 ORDER BY resource_id";
        let rows = db.all(sql, args![id]).await?;
        TeamReach::Only(rows.iter().map(|row| row.get("resource_id")).collect::<Result<_>>()?)
    };
    let has_role = row.get::<Option<String>>("role")?.is_some();
    let grant = if has_role { Some(TeamGrant { role: role_of(row)?, reach }) } else { None };
    Ok((Team { grant, ..bare(row)? }, row.get("members")?))
}

fn member(row: &Row) -> Result<TeamMember> {
    Ok(TeamMember {
        team: row.get("team_id")?,
        workspace: row.get("workspace_id")?,
        user: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
    })
}
