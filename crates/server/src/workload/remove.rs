//! `workload.remove`: until its node has confirmed that nothing is left, and then not even the row.
//!
//! The wish is written together with the job, so the first step is the point of no return: from there on it can only be late.
//! A node that is away is waited for, without end; a node that was deleted took its rows with it.

use super::place::IsOnline;
use super::provision::{grant, passing};
use super::secret;
use crate::job::{Context, Outcome, Recipe, Running, StepSpec, WayBack};
use ostler_model::workload::{Phase, Power, Why};
use ostler_model::{Millis, Time, WorkloadId};
use ostler_store::Store;
use serde_json::json;

/// The recipe's name.
pub const KIND: &str = "workload.remove";
/// The first step's name.
pub const FIRST: &str = STEPS[0].name;
const LOOK: Millis = Millis::secs(15);
const AWAY: &str = "its node is away; waiting for it. If the machine is lost for good, forget the workload: \
                    ostler workload delete NAME --forget";

const STEPS: &[StepSpec] =
    &[StepSpec { name: "release", title: "stopping and removing it from its node", way_back: WayBack::None }];

/// The recipe.
pub struct Remove {
    pub store: Store,
    pub is_online: IsOnline,
}

impl Recipe for Remove {
    fn kind(&self) -> &'static str {
        KIND
    }
    fn steps(&self) -> &'static [StepSpec] {
        STEPS
    }
    fn limit(&self) -> Option<Millis> {
        None
    }
    fn run<'a>(&'a self, _: usize, context: &'a Context) -> Running<'a> {
        Box::pin(async move {
            let released = async { release(&self.store, &self.is_online, context.target()?, false, context.now).await };
            released.await.unwrap_or_else(|stop| stop)
        })
    }
    fn undo<'a>(&'a self, _: usize, _: &'a Context) -> Running<'a> {
        Box::pin(std::future::ready(Outcome::Done(json!({}))))
    }
}

/// Brings a workload to its end: wanted gone, reported gone, forgotten. Each part is skipped when it is done already.
pub(super) async fn release(
    store: &Store,
    is_online: &IsOnline,
    id: WorkloadId,
    is_forced: bool,
    now: Time,
) -> Result<Outcome, Outcome> {
    let Some(mut workload) = store.workload_find(id).await.map_err(passing)? else {
        return Ok(Outcome::Done(json!({})));
    };
    if workload.power != Power::Absent {
        let done = store.workload_set_absent(&grant(&workload)?, is_forced, None, now).await;
        workload = done.map_err(passing)?;
    }
    if let Some(node) = workload.node {
        let report = workload.report.as_ref().filter(|report| report.generation >= workload.generation);
        let phase = report.map(|report| &report.seen.phase);
        if phase != Some(&Phase::Gone) {
            let note = match phase {
                _ if !is_online(node) => Some(AWAY.to_owned()),
                Some(Phase::Failed { why: Why::Remove { message }, .. }) => {
                    Some(format!("could not be removed: {message}; trying again"))
                }
                _ => None,
            };
            return Ok(Outcome::Wait { until: now + LOOK, note });
        }
    }
    // The secrets first: once the row is gone, nobody knows them any more.
    secret::forget(store, workload.workspace, secret::references(&workload.spec), now).await;
    store.workload_remove(&grant(&workload)?, now).await.map_err(passing)?;
    Ok(Outcome::Done(json!({})))
}
