//! Archiving, restoring and deleting workspaces: what cannot be done says what is in the way.

use super::api::view;
use crate::app::App;
use crate::http::{Error, EvenArchived, Json, NoContent, Result, View};
use ostler_model::WorkspaceId;
use ostler_model::authz::Write;
use ostler_model::workspace::Workspace;
use ostler_store::archive::Some20;
use ostler_store::{Rule, StoreError};
use ostler_wire::workspace::{WorkspaceDelete, WorkspaceView};
use serde_json::{Value, json};

/// Archive a workspace: it can be read, and nothing in it changes until it is restored.
///
/// Refused while workloads are wanted to run or jobs have not ended; the details name them. What is kept on the nodes stays there.
pub async fn archive(
    app: App,
    EvenArchived(workspace): EvenArchived<Workspace, Write>,
    _: (),
) -> Result<View<WorkspaceView>> {
    match app.store.workspace_archive(&workspace.grant, app.clock.now()).await {
        Err(StoreError::Refused(rule @ Rule::WorkspaceBusy)) => {
            let Contents { running, jobs, .. } = contents(&app, workspace.resource.id).await?;
            let details = json!({ "state": "busy", "workloads": running, "jobs": jobs });
            Err(Error::Conflict { code: "workspace_busy", message: rule.to_string(), details: Some(details) })
        }
        done => Ok(View(view(done?))),
    }
}

/// Open an archived workspace again. What was stopped stays stopped.
pub async fn restore(
    app: App,
    EvenArchived(workspace): EvenArchived<Workspace, Write>,
    _: (),
) -> Result<View<WorkspaceView>> {
    Ok(View(view(app.store.workspace_restore(&workspace.grant, app.clock.now()).await?)))
}

/// Delete a workspace for good, with its members, keys and jobs. Its short name is asked for once more.
///
/// Refused while it has nodes or workloads; the details count and name them. Its audit trail stays, for platform admins.
pub async fn delete(
    app: App,
    EvenArchived(workspace): EvenArchived<Workspace, Write>,
    Json(input): Json<WorkspaceDelete>,
) -> Result<NoContent> {
    match app.store.workspace_delete(&workspace.grant, &input.confirm, app.clock.now()).await {
        Err(StoreError::Refused(Rule::Unconfirmed)) => {
            Err(Error::field("confirm", format!("write {} to delete this workspace", workspace.resource.slug)))
        }
        Err(StoreError::Refused(rule @ Rule::WorkspaceInUse)) => {
            let Contents { nodes, workloads, .. } = contents(&app, workspace.resource.id).await?;
            let details = json!({ "nodes": nodes, "workloads": workloads });
            Err(Error::Conflict { code: "workspace_in_use", message: rule.to_string(), details: Some(details) })
        }
        done => Ok(done.map(|()| NoContent)?),
    }
}

/// What a change of something in an archived workspace is answered.
pub(crate) fn archived() -> Error {
    let details = json!({ "state": "archived", "remedy": "POST /api/v1/workspaces/{workspace}/restore" });
    Error::Conflict { code: "workspace_archived", message: Rule::Archived.to_string(), details: Some(details) }
}

struct Contents {
    nodes: Value,
    workloads: Value,
    running: Value,
    jobs: Value,
}

async fn contents(app: &App, id: WorkspaceId) -> Result<Contents> {
    let found = app.store.workspace_contents(id).await?;
    let told = |some: Some20| json!({ "count": some.count, "names": some.names });
    Ok(Contents {
        nodes: told(found.nodes),
        workloads: told(found.workloads),
        running: told(found.running),
        jobs: told(found.jobs),
    })
}
