//! Workspaces at rest and at their end: archiving, restoring, deleting, and the one place where a change of something in an
//! archived workspace is refused.
//!
//! That place is the end of every transaction that names a workspace in its audit entries or events. It takes the workspace's
//! row for sharing, so a change and an archiving that meet are put into an order by the database: either the archiving sees
//! what was changed, or the change sees that the workspace is archived and is undone. No room has to remember to ask.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule, StoreError};
use crate::db::redact::Told;
use crate::db::store::{Store, change, snapshot};
use crate::db::value::args;
use crate::held::members_lock;
use crate::workspace::{from_row, told};
use ostler_model::authz::{ActorKind, Grant, SystemReason, Write};
use ostler_model::event::Fact;
use ostler_model::workspace::Workspace;
use ostler_model::{Name, Time, WorkspaceId};
use std::collections::BTreeSet;

/// What is done to the workspace itself, and what only takes power away.
const EVEN_ARCHIVED: [&str; 5] =
    ["workspace.archive", "workspace.restore", "workspace.delete", "member.leave", "key.delete"];

/// How many names a refusal lists.
const NAMED_MOST: u32 = 20;

/// How many of a kind there are, and the names of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Some20 {
    pub count: u64,
    pub names: Vec<String>,
}

/// What lives in a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub nodes: Some20,
    pub workloads: Some20,
    /// Those workloads that are wanted to run.
    pub running: Some20,
    /// Jobs that have not ended, by their kinds.
    pub jobs: Some20,
}

impl Store {
    /// Archives a workspace: from now on it can be read and nothing in it changed. Refused while something runs or is under way.
    pub async fn workspace_archive(&self, grant: &Grant<Workspace, Write>, at: Time) -> Result<Workspace> {
        change!(self, "workspace_archive", at, |tx| {
            // First, so that every change that has not ended yet is waited for, and later ones wait for this.
            let row = tx
                .opt(
                    "UPDATE workspace SET archived_at = $2 WHERE id = $1 AND archived_at IS NULL RETURNING *",
                    args![grant.id(), at],
                )
                .await?;
            let Some(row) = row else {
                let is_there = tx.opt("SELECT id FROM workspace WHERE id = $1", args![grant.id()]).await?.is_some();
                return Err(if is_there {
                    Rule::Archived.into()
                } else {
                    StoreError::missing("workspace", grant.id())
                });
            };
            let busy = tx
                .one(
                    "SELECT (SELECT COUNT(*) FROM workload WHERE workspace_id = $1 AND power <> 'off')
                          + (SELECT COUNT(*) FROM job WHERE workspace_id = $1 AND is_final = FALSE) AS n",
                    args![grant.id()],
                )
                .await?;
            if busy.get::<i64>("n")? > 0 {
                return Err(Rule::WorkspaceBusy.into());
            }
            let workspace = from_row(&row)?;
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            let before = told(&Workspace { archived_at: None, ..workspace.clone() });
            tx.audit(grant, "workspace.archive", workspace.id, Told::changed(&before, &told(&workspace)));
            Ok(workspace)
        })
    }
    /// Opens an archived workspace again.
    pub async fn workspace_restore(&self, grant: &Grant<Workspace, Write>, at: Time) -> Result<Workspace> {
        change!(self, "workspace_restore", at, |tx| {
            // Writing nothing keeps others out until the end, and says since when it is archived.
            let row = tx
                .opt(
                    "UPDATE workspace SET name = name WHERE id = $1 AND archived_at IS NOT NULL RETURNING *",
                    args![grant.id()],
                )
                .await?;
            let Some(row) = row else {
                let is_there = tx.opt("SELECT id FROM workspace WHERE id = $1", args![grant.id()]).await?.is_some();
                return Err(if is_there {
                    Rule::NotArchived.into()
                } else {
                    StoreError::missing("workspace", grant.id())
                });
            };
            let before = from_row(&row)?;
            tx.exec("UPDATE workspace SET archived_at = NULL WHERE id = $1", args![before.id]).await?;
            let workspace = Workspace { archived_at: None, ..before.clone() };
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            tx.audit(grant, "workspace.restore", workspace.id, Told::changed(&told(&before), &told(&workspace)));
            Ok(workspace)
        })
    }
    /// Deletes an empty workspace with its memberships, keys and jobs. Its audit chain stays.
    ///
    /// The short name is asked for again: it must be the workspace's at this moment.
    pub async fn workspace_delete(&self, grant: &Grant<Workspace, Write>, confirm: &Name, at: Time) -> Result<()> {
        change!(self, "workspace_delete", at, |tx| {
            // The same lock as taken by whatever puts something into the workspace.
            tx.lock(&members_lock(grant.id())).await?;
            let row = tx.opt("UPDATE workspace SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let workspace = from_row(&row.ok_or_else(|| StoreError::missing("workspace", grant.id()))?)?;
            if workspace.slug != *confirm {
                return Err(Rule::Unconfirmed.into());
            }
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
            tx.exec("DELETE FROM workspace WHERE id = $1", args![grant.id()]).await?;
            tx.event(grant, Some(workspace.id), Fact::WorkspaceChanged { id: workspace.id });
            tx.audit(grant, "workspace.delete", grant.id(), Told::gone(&told(&workspace)));
            Ok(())
        })
    }
    /// What lives in a workspace: counts, and the first names in order.
    pub async fn workspace_contents(&self, id: WorkspaceId) -> Result<Contents> {
        snapshot!(self, "workspace_contents", |db| {
            Ok(Contents {
                nodes: some(db, "node WHERE workspace_id = $1", "name", id).await?,
                workloads: some(db, "workload WHERE workspace_id = $1", "name", id).await?,
                running: some(db, "workload WHERE workspace_id = $1 AND power <> 'off'", "name", id).await?,
                jobs: some(db, "job WHERE workspace_id = $1 AND is_final = FALSE", "kind", id).await?,
            })
        })
    }
}

async fn some(db: &mut Conn, from: &'static str, column: &'static str, id: WorkspaceId) -> Result<Some20> {
    let count = db.one(format!("SELECT COUNT(*) AS n FROM {from}"), args![id]).await?.get("n")?;
    let sql = format!("SELECT {column} AS name FROM {from} ORDER BY name, id LIMIT {NAMED_MOST}");
    let rows = db.all(sql, args![id]).await?;
    Ok(Some20 { count, names: rows.iter().map(|row| row.get("name")).collect::<Result<_>>()? })
}

/// The workspaces that a transaction changes something in, for somebody who may not when they are archived.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    workspaces: BTreeSet<WorkspaceId>,
    is_exempt: bool,
}

impl Touched {
    /// Something happened in this workspace.
    pub(crate) fn event(&mut self, by: &ActorKind, workspace: Option<WorkspaceId>) {
        // What nodes say is how things are, and that goes on.
        if !matches!(by, ActorKind::Node(_)) && is_bound(by) {
            self.workspaces.extend(workspace);
        }
    }
    /// Something was done in this workspace.
    pub(crate) fn action(&mut self, by: &ActorKind, workspace: Option<WorkspaceId>, action: &str) {
        self.is_exempt |= EVEN_ARCHIVED.contains(&action);
        if is_bound(by) {
            self.workspaces.extend(workspace);
        }
    }
    /// Refuses when one of them is archived. None can be archived from now on until the transaction ends.
    pub(crate) async fn check(&mut self, conn: &mut Conn) -> Result<()> {
        let workspaces = std::mem::take(&mut self.workspaces);
        if self.is_exempt {
            return Ok(());
        }
        let share = if conn.is_postgres() { " FOR SHARE" } else { "" };
        for id in workspaces {
            let sql = format!("SELECT archived_at FROM workspace WHERE id = $1{share}");
            let row = conn.opt(sql, args![id]).await?;
            if row.map(|row| row.get::<Option<Time>>("archived_at")).transpose()?.flatten().is_some() {
                return Err(Rule::Archived.into());
            }
        }
        Ok(())
    }
}

/// Whose changes an archived workspace refuses. The platform's own book-keeping goes on; what it does for people does not.
fn is_bound(by: &ActorKind) -> bool {
    match by {
        ActorKind::Anonymous | ActorKind::User(_) | ActorKind::Key { .. } | ActorKind::Node(_) | ActorKind::Bot(_) => {
            true
        }
        ActorKind::System(reason) => match reason {
            SystemReason::Job => true,
            SystemReason::Setup | SystemReason::Reconcile | SystemReason::Retention | SystemReason::SignIn => false,
        },
    }
}
