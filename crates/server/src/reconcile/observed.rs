//! Taking over what a node reports, in batches: many reports, one transaction.

use crate::fleet::{Fleet, FleetError};
use ostler_model::authz::{Authority, Grant, Origin, Report as CanReport, SystemReason, authorize};
use ostler_model::node::said::Unfit;
use ostler_model::node::{Facts, Node};
use ostler_model::workload::Report;
use ostler_model::{Millis, NodeId, WorkloadId};
use ostler_runtime::Clock;
use ostler_store::workload::Applied;
use ostler_store::{Store, StoreError};
use ostler_wire::link::Observation;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reports that are written together.
const BATCH: u64 = 256;
/// New facts count like so many reports.
const FACTS_COUNT: u64 = 20;
/// How long the first report of a batch waits for others.
const GATHER: Millis = Millis(20);
/// Without a line for this long, the stream is dead although nobody noticed. Agents beat every few seconds.
const SILENCE: Millis = Millis::secs(60);

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error(transparent)]
    Link(#[from] FleetError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("its facts are not accepted: {0}")]
    Facts(Unfit),
    #[error("the node has said nothing for {} seconds", SILENCE.0 / 1000)]
    Silent,
}

impl From<Unfit> for Ended {
    fn from(unfit: Unfit) -> Self {
        Ended::Facts(unfit)
    }
}

/// Reads one node's reports.
pub(super) struct Reader {
    pub(super) store: Store,
    pub(super) fleet: Fleet,
    pub(super) clock: Clock,
    pub(super) node: NodeId,
}

#[derive(Default)]
struct Batch {
    /// The newest report of each workload; older ones of the same batch say nothing that it does not.
    reports: BTreeMap<WorkloadId, Report>,
    facts: Option<Facts>,
    /// Lines that were read for it, also those that said nothing new.
    lines: u64,
}

impl Batch {
    fn add(&mut self, line: Observation) -> Result<(), Unfit> {
        self.lines += 1;
        match line {
            Observation::Workload { id, report } => {
                let is_newer = |old: &Report| (report.generation, report.seq) > (old.generation, old.seq);
                if self.reports.get(&id).is_none_or(is_newer) {
                    self.reports.insert(id, report.cleaned());
                }
            }
            Observation::Facts { facts } => {
                facts.check()?;
                self.facts = Some(facts.cleaned());
            }
            Observation::Synced { .. } | Observation::Beat { .. } => {}
        }
        Ok(())
    }
    fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.facts.is_none()
    }
}

impl Reader {
    /// Reads until the stream ends. `stray` is called when the node has a workload that it should not have.
    pub(super) async fn read(&self, stray: impl Fn()) -> Result<(), Ended> {
        let mut lines = self.fleet.lines::<Observation>(self.node, "/observed").await?;
        loop {
            let mut batch = Batch::default();
            match self.clock.timeout(SILENCE, lines.next()).await.ok_or(Ended::Silent)? {
                Some(line) => batch.add(line?)?,
                None => return Ok(()),
            }
            let end = self.clock.now() + GATHER;
            let mut is_over = false;
            while !batch.is_empty() && batch.lines < BATCH && self.clock.now() < end {
                let left = end.since(self.clock.now());
                match self.clock.timeout(left, lines.next()).await {
                    Some(Some(line)) => batch.add(line?)?,
                    Some(None) => {
                        is_over = true;
                        break;
                    }
                    None => break,
                }
            }
            // Facts are told to everybody, so they count for more.
            let count = batch.lines + u64::from(batch.facts.is_some()) * FACTS_COUNT;
            self.apply(batch, &stray).await?;
            self.fleet.reports_taken(self.node, count).await;
            if is_over {
                return Ok(());
            }
        }
    }

    async fn apply(&self, batch: Batch, stray: &impl Fn()) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let Some(node) = self.store.node_find(self.node).await? else { return Ok(()) };
        let Some(grant) = grant(&node) else { return Ok(()) };
        let now = self.clock.now();
        if let Some(facts) = &batch.facts {
            self.store.node_set_facts(&grant, facts, now).await?;
            if facts.low != node.facts.low {
                let (disk, memory) = (facts.low.disk, facts.low.memory);
                tracing::warn!(node.id = %node.id, low.disk = disk, low.memory = memory, "what a node has left has changed");
            }
        }
        let reports: Vec<(WorkloadId, Report)> = batch.reports.into_iter().collect();
        let applied = self.store.workload_report(&grant, &reports, now).await?;
        let is_gone = |report: &Report| report.seen.phase == ostler_model::workload::Phase::Gone;
        if applied.iter().zip(&reports).any(|(what, (_, r))| *what == Applied::NotHere && !is_gone(r)) {
            stray();
        }
        Ok(())
    }
}

/// The reconciler's right to report for this node.
fn grant(node: &Node) -> Option<Grant<Node, CanReport>> {
    authorize(&Authority::system(SystemReason::Reconcile), node, &Arc::new(Origin::default())).ok()
}
