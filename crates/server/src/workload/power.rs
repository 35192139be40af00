//! Start, stop, restart and kill: wishes, written down at once and fulfilled by the node.

use super::guard::{guard, isolated};
use super::provision::{grant, pick};
use super::view::{state_of, view};
use crate::app::App;
use crate::http::{Accepted, Allowed, Error, Result};
use ostler_model::authz::Operate;
use ostler_model::workload::{Report, Workload};
use ostler_store::workload::Desire;
use ostler_store::{Rule, StoreError};
use ostler_wire::workload::WorkloadView;
use serde_json::json;

/// Start a workload. Answers at once; follow its events to see it come up.
pub async fn start(app: App, workload: Allowed<Workload, Operate>, _: ()) -> Result<Accepted<WorkloadView>> {
    set(&app, &workload, Desire::Start).await
}

/// Stop a workload, as its template says, and kill it when its grace is over.
pub async fn stop(app: App, workload: Allowed<Workload, Operate>, _: ()) -> Result<Accepted<WorkloadView>> {
    set(&app, &workload, Desire::Stop { is_forced: false }).await
}

/// Stop a workload and start it again with everything that was changed meanwhile. Starts what is stopped.
pub async fn restart(app: App, workload: Allowed<Workload, Operate>, _: ()) -> Result<Accepted<WorkloadView>> {
    set(&app, &workload, Desire::Restart).await
}

/// Kill a workload without asking it to stop. What it has not saved is lost.
pub async fn kill(app: App, workload: Allowed<Workload, Operate>, _: ()) -> Result<Accepted<WorkloadView>> {
    set(&app, &workload, Desire::Stop { is_forced: true }).await
}

async fn set(app: &App, workload: &Allowed<Workload, Operate>, desire: Desire) -> Result<Accepted<WorkloadView>> {
    guard(&workload.caller.authority, workload.resource.kind)?;
    if let (Desire::Start | Desire::Restart, Some(node)) = (desire, workload.resource.node) {
        isolated(&app.store.node_get(node).await?, workload.resource.spec.runtime)?;
        other_ports(app, &workload.resource).await?;
    }
    let done = app.store.workload_set_power(&workload.grant, desire, app.clock.now()).await;
    let after = done.map_err(|error| refused(app, &workload.resource, error))?;
    Ok(Accepted(view(app, after).await?))
}

/// A workload that could not be installed because a foreign program holds its port is started with another one: that is what
/// starting it again asks for. While it runs, and while its port is free, its address stays.
async fn other_ports(app: &App, workload: &Workload) -> Result<()> {
    let taken = workload.report.as_ref().map(Report::taken_ports).unwrap_or_default();
    if taken.is_empty() {
        return Ok(());
    }
    let grant = grant(workload).map_err(|_| Error::NotFound)?;
    match app.store.workload_move_ports(&grant, &taken, pick(workload), app.clock.now()).await? {
        Some(_) => Ok(()),
        None => Err(refused(app, workload, Rule::NoFreePort.into())),
    }
}

/// A refusal says what the present state is.
pub(super) fn refused(app: &App, workload: &Workload, error: StoreError) -> Error {
    match error {
        StoreError::Refused(Rule::Deleting) => Error::Conflict {
            code: "deleting",
            message: Rule::Deleting.to_string(),
            details: Some(json!({ "state": "deleting" })),
        },
        StoreError::Refused(rule @ (Rule::NodeFull | Rule::NoFreePort)) => Error::Conflict {
            code: if rule == Rule::NodeFull { "node_full" } else { "no_free_port" },
            message: rule.to_string(),
            details: Some(json!({ "state": state_of(app, workload).0 })),
        },
        other => other.into(),
    }
}
