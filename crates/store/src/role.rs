//! Roles of a workspace's own. Nobody makes, changes or gives one that holds more than they do, and none goes while somebody
//! has it.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::{Held, allowed_by, columns, members_lock, words};
use ostler_model::authz::{Capability, CapabilitySet, Collection, Grant, RoleRef, Write};
use ostler_model::event::Fact;
use ostler_model::role::{self, CustomRole};
use ostler_model::team::TeamReach;
use ostler_model::{Label, RoleId, Time, WorkspaceId};
use serde_json::json;

/// The most roles of its own that a workspace has.
const ROLES_MOST: i64 = 50;

/// What to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub name: Option<Label>,
    pub description: Option<String>,
    pub capabilities: Option<CapabilitySet>,
}

/// Who has a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    pub members: u64,
    pub teams: u64,
    /// Invitations that nobody has accepted or withdrawn.
    pub invites: u64,
}

impl Uses {
    /// Nobody has it.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

const FIND: &str = "SELECT r.*,
        (SELECT COUNT(*) FROM member m WHERE m.role_id = r.id) AS members,
        (SELECT COUNT(*) FROM team t WHERE t.role_id = r.id) AS teams,
        (SELECT COUNT(*) FROM invite i WHERE i.role_id = r.id AND i.accepted_at IS NULL AND i.revoked_at IS NULL) AS invites
     FROM role r";

impl Store {
    /// A workspace's own roles with who has them, oldest first; all of them, since they are few.
    pub async fn role_list(&self, workspace: WorkspaceId) -> Result<Vec<(CustomRole, Uses)>> {
        read!(self, "role_list", |db| {
            let rows = db.all(format!("{FIND} WHERE r.workspace_id = $1 ORDER BY r.id"), args![workspace]).await?;
            rows.iter().map(|row| Ok((from_row(row)?, uses(row)?))).collect()
        })
    }
    /// A role of this workspace with who has it, if there is one.
    pub async fn role_find(&self, workspace: WorkspaceId, id: RoleId) -> Result<Option<(CustomRole, Uses)>> {
        read!(self, "role_find", |db| { find(db, workspace, &id.to_string()).await })
    }
    /// How many members have each built-in role, by its word.
    pub async fn role_counts(&self, workspace: WorkspaceId) -> Result<Vec<(String, u64)>> {
        read!(self, "role_counts", |db| {
            let sql =
                "SELECT role, COUNT(*) AS n FROM member WHERE workspace_id = $1 AND role_id IS NULL GROUP BY role";
            let rows = db.all(sql, args![workspace]).await?;
            rows.iter().map(|row| Ok((row.get("role")?, row.get("n")?))).collect()
        })
    }
    /// Makes a role. Nobody puts in what they do not hold.
    pub async fn role_create(
        &self,
        grant: &Grant<Collection<CustomRole>, Write>,
        role: &CustomRole,
        at: Time,
    ) -> Result<CustomRole> {
        change!(self, "role_create", at, |tx| {
            let workspace = grant.workspace().filter(|id| *id == role.workspace);
            let workspace = workspace.ok_or_else(|| StoreError::missing("workspace", grant.id()))?;
            tx.lock(&members_lock(workspace)).await?;
            let held = Held::of(tx, grant, workspace).await?;
            let capabilities = role::effective(role.capabilities.iter());
            held.may_give(capabilities, &TeamReach::Workspace)?;
            let sql = "SELECT COUNT(*) AS n FROM role WHERE workspace_id = $1";
            if tx.one(sql, args![workspace]).await?.get::<i64>("n")? >= ROLES_MOST {
                return Err(Rule::TooManyRoles.into());
            }
            tx.exec(
                "INSERT INTO role (id, workspace_id, name, name_key, description, capabilities, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
                args![role.id, workspace, role.name, name_key(&role.name), role.description, text(capabilities), at],
            )
            .await?;
            tx.event(grant, Some(workspace), Fact::RoleChanged { id: role.id });
            let made = CustomRole { capabilities, created_at: at, changed_at: at, ..role.clone() };
            tx.audit(grant, "role.create", role.id, Told::made(&told(&made)));
            Ok(made)
        })
    }
    /// Changes a role, for all who have it. Nobody puts in, or takes out, what they do not hold.
    pub async fn role_update(
        &self,
        grant: &Grant<CustomRole, Write>,
        change: &Change,
        at: Time,
    ) -> Result<(CustomRole, Uses)> {
        change!(self, "role_update", at, |tx| {
            let (before, uses, held) = locked(tx, grant).await?;
            let capabilities = change.capabilities.map(|set| role::effective(set.iter()));
            let after = CustomRole {
                name: change.name.clone().unwrap_or_else(|| before.name.clone()),
                description: change.description.clone().unwrap_or_else(|| before.description.clone()),
                capabilities: capabilities.unwrap_or(before.capabilities),
                changed_at: at,
                ..before.clone()
            };
            held.may_give(after.capabilities, &TeamReach::Workspace)?;
            tx.exec(
                "UPDATE role SET name = $2, name_key = $3, description = $4, capabilities = $5, changed_at = $6 WHERE id = $1",
                args![after.id, after.name, name_key(&after.name), after.description, text(after.capabilities), at],
            )
            .await?;
            tx.event(grant, Some(after.workspace), Fact::RoleChanged { id: after.id });
            tx.audit(grant, "role.update", after.id, Told::changed(&told(&before), &told(&after)));
            Ok((after, uses))
        })
    }
    /// Deletes a role that nobody has, or gives whoever has it another one.
    pub async fn role_delete(
        &self,
        grant: &Grant<CustomRole, Write>,
        replacement: Option<RoleRef>,
        at: Time,
    ) -> Result<()> {
        change!(self, "role_delete", at, |tx| {
            let (before, uses, held) = locked(tx, grant).await?;
            if let Some(to) = replacement.filter(|to| *to != RoleRef::Custom(before.id)) {
                held.may_give(allowed_by(tx, before.workspace, to).await?, &TeamReach::Workspace)?;
                let (word, custom) = columns(to);
                for sql in [
                    "UPDATE member SET role = $2, role_id = $3 WHERE role_id = $1",
                    "UPDATE team SET role = $2, role_id = $3 WHERE role_id = $1",
                    "UPDATE invite SET role = $2, role_id = $3 WHERE role_id = $1",
                ] {
                    tx.exec(sql, args![before.id, word, custom]).await?;
                }
            } else if !uses.is_none() {
                return Err(Rule::RoleInUse.into());
            }
            tx.exec("DELETE FROM role WHERE id = $1", args![before.id]).await?;
            tx.event(grant, Some(before.workspace), Fact::RoleChanged { id: before.id });
            let told = Told::gone(&told(&before)).with("replacement", replacement).with("members", uses.members);
            let told = told.with("teams", uses.teams).with("invites", uses.invites);
            tx.audit(grant, "role.delete", before.id, told);
            Ok(())
        })
    }
}

/// The grant's role as it is now, with no other change of members under way, by somebody who holds all of it.
async fn locked(tx: &mut Tx, grant: &Grant<CustomRole, Write>) -> Result<(CustomRole, Uses, Held)> {
    let missing = || StoreError::missing("role", grant.id());
    let workspace = grant.workspace().ok_or_else(missing)?;
    tx.lock(&members_lock(workspace)).await?;
    let (role, uses) = find(tx, workspace, grant.id()).await?.ok_or_else(missing)?;
    let held = Held::of(tx, grant, workspace).await?;
    held.may_give(role.capabilities, &TeamReach::Workspace)?;
    Ok((role, uses, held))
}

async fn find(db: &mut Conn, workspace: WorkspaceId, id: &str) -> Result<Option<(CustomRole, Uses)>> {
    let row = db.opt(format!("{FIND} WHERE r.workspace_id = $1 AND r.id = $2"), args![workspace, id]).await?;
    row.as_ref().map(|row| Ok((from_row(row)?, uses(row)?))).transpose()
}

fn told(role: &CustomRole) -> serde_json::Value {
    let capabilities: Vec<Capability> = role.capabilities.iter().collect();
    json!({ "name": role.name, "description": role.description, "capabilities": capabilities })
}

/// The form in which names are unique.
pub(crate) fn name_key(name: &Label) -> String {
    name.as_str().to_lowercase()
}

fn text(set: CapabilitySet) -> String {
    serde_json::to_string(&set.iter().collect::<Vec<_>>()).expect("a list of words is JSON")
}

fn uses(row: &Row) -> Result<Uses> {
    Ok(Uses { members: row.get("members")?, teams: row.get("teams")?, invites: row.get("invites")? })
}

pub(crate) fn from_row(row: &Row) -> Result<CustomRole> {
    Ok(CustomRole {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        capabilities: role::effective(words(row, "capabilities")?),
        created_at: row.get("created_at")?,
        changed_at: row.get("changed_at")?,
    })
}
