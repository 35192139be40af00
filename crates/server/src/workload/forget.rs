//! Forgetting a workload whose node is lost for good.

use super::guard::guard;
use super::secret;
use crate::app::App;
use crate::http::{Allowed, Confirmed, Error, Json, Result, View};
use ostler_model::authz::Write;
use ostler_model::workload::Workload;
use ostler_model::workload::left::left;
use ostler_wire::workload::{WorkloadForget, WorkloadForgotten};

/// Forget a workload whose node does not answer, without waiting for the node's word that nothing is left. Its name is asked for
/// once more, in a session that has lately proven who you are.
///
/// What may still run, be stored and listen on the machine is in the answer and in the audit trail. If the node comes back, it
/// removes what is left by itself.
pub async fn forget(
    app: App,
    workload: Confirmed<Allowed<Workload, Write>>,
    Json(input): Json<WorkloadForget>,
) -> Result<View<WorkloadForgotten>> {
    let before = &workload.resource;
    guard(&workload.caller.authority, before.kind)?;
    if input.confirm != before.name.as_str() {
        return Err(Error::field("confirm", format!("write {} to forget this workload", before.name)));
    }
    let node = match before.node {
        Some(id) => app.store.node_find(id).await?,
        None => None,
    };
    let Some(node) = node.filter(|node| !app.fleet.is_online(node.id)) else {
        return Err(Error::conflict(
            "node_is_there",
            "only what is on a node that does not answer is forgotten; delete it",
        ));
    };
    let left = left(before, &node);
    let now = app.clock.now();
    let gone = app.store.workload_forget(&workload.grant, &left, now).await?.ok_or(Error::NotFound)?;
    secret::forget_all(&app.store, &gone, now).await;
    // The job that waited for the node finds that nothing is left to do.
    app.jobs.wake();
    tracing::warn!(workload.id = %gone.id, node.id = %node.id, "a workload was forgotten; it may still run");
    Ok(View(WorkloadForgotten { left }))
}
