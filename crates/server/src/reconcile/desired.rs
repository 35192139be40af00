//! Pushing what is wanted: the whole snapshot on every connect, single changes after it.
//!
//! The node's `desired_seq` grows with each change of what it shall run. Rows and number are read as of one moment and compared
//! with what the agent has confirmed: if one workload differs, it is sent alone, else the agent gets the whole. So it does not
//! matter which events were heard, in which order, or whether they were heard at all.

use super::driver::Pass;
use crate::fleet::{Fleet, FleetError};
use crate::workload::Lowering;
use http::Method;
use ostler_model::workload::{Desired, Workload};
use ostler_model::{InstallationId, NodeId, WorkloadId};
use ostler_store::workload::OnNode;
use ostler_store::{Store, StoreError};
use ostler_wire::link::{Change, DesiredAnswer, Snapshot, Want};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What is known of the agent at the other end.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The `desired_seq` that it has confirmed over the present link; `None` asks for a snapshot.
    acked: Option<Acked>,
}

/// What the agent has.
#[derive(Debug, Clone)]
struct Acked {
    seq: u64,
    generations: BTreeMap<WorkloadId, u64>,
}

/// Pushes to one node.
pub(super) struct Pusher {
    pub(super) store: Store,
    pub(super) fleet: Fleet,
    pub(super) lowering: Lowering,
    pub(super) installation: InstallationId,
    pub(super) node: NodeId,
    pub(super) peer: Mutex<Peer>,
}

impl Pusher {
    /// The next pass sends everything.
    pub(super) fn reset(&self) {
        self.peer().acked = None;
    }

    fn peer(&self) -> std::sync::MutexGuard<'_, Peer> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One pass: brings the agent up to the newest `desired_seq`.
    pub(super) async fn pass(&self) -> Pass {
        if !self.fleet.is_online(self.node) {
            return Pass::Settled;
        }
        let acked = self.peer().acked.clone();
        let wanted = match self.store.workload_on_node(self.node).await {
            Ok(wanted) => wanted,
            // The node was deleted; its links are being closed.
            Err(StoreError::Missing { .. }) => return Pass::Settled,
            Err(error) => return Pass::Failed(error.to_string()),
        };
        if acked.as_ref().is_some_and(|acked| acked.seq == wanted.node.desired_seq) {
            return Pass::Settled;
        }
        let want = match self.want(&wanted, acked.as_ref()).await {
            Ok(want) => want,
            Err(why) => return Pass::Failed(why),
        };
        match self.fleet.send_json::<DesiredAnswer>(self.node, Method::PUT, "/desired", &want).await {
            Ok(answer) => self.answered(answer, &wanted),
            Err(FleetError::Away(_)) => {
                self.reset();
                Pass::Settled
            }
            Err(error) => {
                self.reset();
                Pass::Failed(error.to_string())
            }
        }
    }

    async fn want(&self, wanted: &OnNode, acked: Option<&Acked>) -> Result<Want, String> {
        let seq = wanted.node.desired_seq;
        if let Some(acked) = acked
            && let Some(only) = only_change(wanted, acked)
        {
            let workload = self.desired(only, wanted).await?;
            return Ok(Want::Change(Change { installation: self.installation, after: acked.seq, seq, workload }));
        }
        let mut workloads = Vec::with_capacity(wanted.workloads.len());
        for workload in &wanted.workloads {
            workloads.push(self.desired(workload, wanted).await?);
        }
        Ok(Want::Snapshot(Snapshot { installation: self.installation, seq, workloads }))
    }

    // What is not in a snapshot is removed from the node, so a workload that cannot be lowered must hold up the whole
    // snapshot and never be left out of it.
    async fn desired(&self, workload: &Workload, wanted: &OnNode) -> Result<Desired, String> {
        let lowered = self.lowering.desired(workload, &wanted.node).await;
        lowered.map_err(|why| format!("workload {} cannot be told to its node: {why}", workload.id))
    }

    fn answered(&self, answer: DesiredAnswer, wanted: &OnNode) -> Pass {
        let sent = wanted.node.desired_seq;
        match answer {
            DesiredAnswer::Accepted { seq } if seq == sent => {
                let generations = wanted.workloads.iter().map(|w| (w.id, w.generation)).collect();
                self.peer().acked = Some(Acked { seq, generations });
                // Something newer may have come while this was under way; looking once more costs one read.
                Pass::More
            }
            DesiredAnswer::Accepted { seq } => {
                self.reset();
                Pass::Failed(format!("the node confirmed number {seq} instead of {sent}"))
            }
            DesiredAnswer::NeedSnapshot { .. } => {
                self.reset();
                Pass::More
            }
            DesiredAnswer::Stale { have } => {
                self.reset();
                Pass::Failed(format!(
                    "the node has wishes number {have} and refuses the older {sent}: this database was restored from an \
                     older backup, or another server rules the node too"
                ))
            }
            DesiredAnswer::Foreign { installation } => {
                self.reset();
                Pass::Failed(format!("the node belongs to another installation, {installation}"))
            }
        }
    }
}

/// The one workload that differs from what the agent has, when there is exactly one and none has gone.
fn only_change<'w>(wanted: &'w OnNode, acked: &Acked) -> Option<&'w Workload> {
    let mut changed = wanted.workloads.iter().filter(|w| acked.generations.get(&w.id) != Some(&w.generation));
    let only = changed.next()?;
    let is_known = |id: &WorkloadId| wanted.workloads.iter().any(|w| w.id == *id);
    (changed.next().is_none() && acked.generations.keys().all(is_known)).then_some(only)
}
