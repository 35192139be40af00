//! Who demands a second factor of whom.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule};
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use ostler_model::authz::{Grant, Platform, Write};
use ostler_model::event::Fact;
use ostler_model::factor::{Demand, Requirement, Standing};
use ostler_model::workspace::Workspace;
use ostler_model::{Millis, Time, UserId, WorkspaceId};
use serde_json::json;

impl Store {
    /// What is demanded of a person, and whether they have it: one query.
    pub async fn factor_standing(&self, user: UserId) -> Result<Standing> {
        read!(self, "factor_standing", |db| { standing(db, user).await })
    }
    /// Who demands a factor in a workspace, or on the platform.
    pub async fn factor_requirement(&self, workspace: Option<WorkspaceId>) -> Result<Option<Requirement>> {
        read!(self, "factor_requirement", |db| { required(db, workspace).await })
    }
    /// Demands a factor of everybody on the platform, or no longer.
    pub async fn factor_require(
        &self,
        grant: &Grant<Platform, Write>,
        grace: Option<Millis>,
        at: Time,
    ) -> Result<Option<Requirement>> {
        change!(self, "factor_require", at, |tx| {
            let before = required(tx, None).await?;
            let made = require(tx, None, grace, at).await?;
            let told = Told::changed(&demanded(before.as_ref()), &demanded(made.as_ref()));
            tx.audit(grant, "platform.require_factor", "platform", told);
            Ok(made)
        })
    }
    /// Demands a factor of everybody in a workspace, or no longer.
    pub async fn factor_require_in(
        &self,
        grant: &Grant<Workspace, Write>,
        workspace: WorkspaceId,
        grace: Option<Millis>,
        at: Time,
    ) -> Result<Option<Requirement>> {
        change!(self, "factor_require_in", at, |tx| {
            let before = required(tx, Some(workspace)).await?;
            let made = require(tx, Some(workspace), grace, at).await?;
            tx.event(grant, Some(workspace), Fact::WorkspaceChanged { id: workspace });
            let told = Told::changed(&demanded(before.as_ref()), &demanded(made.as_ref()));
            tx.audit(grant, "workspace.require_factor", workspace, told);
            Ok(made)
        })
    }
}

async fn required(db: &mut Conn, workspace: Option<WorkspaceId>) -> Result<Option<Requirement>> {
    let sql = "SELECT since, grace_ms FROM factor_requirement WHERE scope = $1";
    let row = db.opt(sql, args![scope(workspace)]).await?;
    row.as_ref().map(requirement).transpose()
}

/// What the audit trail says about a demand.
fn demanded(requirement: Option<&Requirement>) -> serde_json::Value {
    match requirement {
        Some(it) => json!({ "is_demanded": true, "grace_ms": it.grace.0 }),
        None => json!({ "is_demanded": false }),
    }
}

pub(super) async fn not_demanded(tx: &mut Tx, user: &str) -> Result<()> {
    let sql = "SELECT COUNT(*) AS n FROM factor_requirement WHERE workspace_id IS NULL OR workspace_id IN
                   (SELECT workspace_id FROM member WHERE user_id = $1)";
    if tx.one(sql, args![user]).await?.get::<i64>("n")? > 0 {
        return Err(Rule::FactorDemanded.into());
    }
    Ok(())
}

async fn require(
    tx: &mut Tx,
    workspace: Option<WorkspaceId>,
    grace: Option<Millis>,
    at: Time,
) -> Result<Option<Requirement>> {
    let Some(grace) = grace else {
        tx.exec("DELETE FROM factor_requirement WHERE scope = $1", args![scope(workspace)]).await?;
        return Ok(None);
    };
    // Saying it again with another grace does not begin the grace anew.
    let row = tx
        .one(
            "INSERT INTO factor_requirement (scope, workspace_id, since, grace_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (scope) DO UPDATE SET grace_ms = excluded.grace_ms RETURNING since, grace_ms",
            args![scope(workspace), workspace, at, i64::try_from(grace.0).unwrap_or(i64::MAX)],
        )
        .await?;
    requirement(&row).map(Some)
}

fn scope(workspace: Option<WorkspaceId>) -> String {
    workspace.map_or_else(|| "platform".to_owned(), |id| id.to_string())
}

fn requirement(row: &Row) -> Result<Requirement> {
    Ok(Requirement { since: row.get("since")?, grace: Millis(row.get::<u64>("grace_ms")?) })
}

/// What is demanded of a person, and whether they have it: one query.
pub(crate) async fn standing(db: &mut Conn, user: UserId) -> Result<Standing> {
    let rows = db
        .all(
            "SELECT r.workspace_id, r.since, r.grace_ms, u.created_at AS person_since, m.created_at AS member_since,
                    (SELECT COUNT(*) FROM factor f WHERE f.user_id = u.id AND f.is_pending = FALSE) AS factors
             FROM users u LEFT JOIN factor_requirement r ON r.workspace_id IS NULL
                    OR EXISTS (SELECT 1 FROM member x WHERE x.user_id = u.id AND x.workspace_id = r.workspace_id)
             LEFT JOIN member m ON m.user_id = u.id AND m.workspace_id = r.workspace_id
             WHERE u.id = $1",
            args![user],
        )
        .await?;
    of_rows(&rows)
}

fn of_rows(rows: &[Row]) -> Result<Standing> {
    let mut standing = Standing::default();
    for row in rows {
        standing.has_factor = row.get::<i64>("factors")? > 0;
        let Some(since) = row.get::<Option<Time>>("since")? else { continue };
        let rule = Requirement { since, ..requirement(row)? };
        let member_since: Option<Time> = row.get("member_since")?;
        let subject_since = member_since.map_or_else(|| row.get("person_since"), Ok)?;
        standing.demands.push(Demand { workspace: row.get("workspace_id")?, due: rule.due(subject_since) });
    }
    standing.demands.sort_by_key(|demand| demand.workspace);
    Ok(standing)
}
