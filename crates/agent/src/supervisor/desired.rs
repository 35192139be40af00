//! Wishes: which are taken, which are refused, and who is told.

use super::journal::{Journal, Myself, Record};
use super::keeper::Keeper;
use super::report::Reports;
use crate::console::Console;
use crate::driver::{Drivers, Meter};
use crate::limits;
use ostler_model::node::{Facts, Free, Low};
use ostler_model::workload::{Blueprint, Desired, Phase, Power, Seen};
use ostler_model::{InstallationId, WorkloadId};
use ostler_runtime::{Clock, Spawn};
use ostler_wire::link::{Change, DesiredAnswer, Snapshot, Want};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All workloads of this node.
pub struct Supervisor {
    pub(super) clock: Clock,
    pub(super) spawn: Spawn,
    pub(super) drivers: Drivers,
    pub(super) journal: Journal,
    pub(super) reports: Reports,
    /// One wish at a time; also what the node has stored.
    myself: tokio::sync::Mutex<Myself>,
    /// The same number, for those who only want to know.
    desired_seq: std::sync::atomic::AtomicU64,
    keepers: Mutex<BTreeMap<WorkloadId, Arc<Keeper>>>,
    low: Mutex<Low>,
}

/// A workload at one moment.
pub struct Here {
    pub phase: Phase,
    /// What it is now wanted to consist of.
    pub blueprint: Blueprint,
    pub run: Option<Arc<dyn crate::driver::Run>>,
}

impl Supervisor {
    /// Reads the journal and goes on with everything that is in it.
    pub async fn open(
        installation: InstallationId,
        facts: Facts,
        clock: Clock,
        spawn: Spawn,
        drivers: Drivers,
    ) -> io::Result<Arc<Self>> {
        let journal = Journal::new(drivers.disk.clone());
        let found = journal.read().await?;
        for name in &found.damaged {
            tracing::error!(file = %name, "a journal file is damaged and was set aside");
        }
        // Without the old count the time serves: it is greater than any count of starts.
        let seconds = u64::try_from(clock.now().as_millis() / 1000).unwrap_or(0);
        let lost = Myself { installation, desired_seq: 0, workloads: BTreeSet::new(), epoch: seconds };
        let mut myself = found.myself.unwrap_or(if found.damaged.is_empty() && found.records.is_empty() {
            Myself { epoch: 0, ..lost.clone() }
        } else {
            lost.clone()
        });
        if myself.installation != installation {
            // The node joined another control plane: nothing of the old one is wanted any more.
            myself = Myself { epoch: myself.epoch, ..lost };
        }
        myself.epoch += 1;
        journal.put_self(&myself).await?;
        let supervisor = Arc::new(Self {
            reports: Reports::new(myself.epoch, facts),
            desired_seq: myself.desired_seq.into(),
            myself: tokio::sync::Mutex::new(myself),
            keepers: Mutex::default(),
            low: Mutex::default(),
            clock,
            spawn,
            drivers,
            journal,
        });
        for record in found.records {
            let keeper = Keeper::new(&supervisor, record);
            supervisor.keepers().insert(keeper.id, keeper.clone());
            keeper.run(true);
        }
        Ok(supervisor)
    }

    /// Takes a wish, or says why not. An error means that it could not be stored and should be sent again.
    pub async fn put(self: &Arc<Self>, want: Want) -> io::Result<DesiredAnswer> {
        let mut myself = self.myself.lock().await;
        let installation = match &want {
            Want::Snapshot(snapshot) => snapshot.installation,
            Want::Change(change) => change.installation,
        };
        if installation != myself.installation {
            return Ok(DesiredAnswer::Foreign { installation: myself.installation });
        }
        let have = myself.desired_seq;
        match want {
            Want::Snapshot(Snapshot { seq, .. }) if seq < have => Ok(DesiredAnswer::Stale { have }),
            Want::Snapshot(snapshot) => self.snapshot(&mut myself, snapshot).await,
            Want::Change(Change { seq, .. }) if seq < have => Ok(DesiredAnswer::Stale { have }),
            Want::Change(Change { seq, .. }) if seq == have => Ok(DesiredAnswer::Accepted { seq }),
            Want::Change(Change { after, .. }) if after != have => Ok(DesiredAnswer::NeedSnapshot { have }),
            Want::Change(change) => {
                let id = change.workload.id;
                self.wish(change.workload).await?;
                let mut next = myself.clone();
                next.desired_seq = change.seq;
                next.workloads.insert(id);
                self.commit(&mut myself, next).await
            }
        }
    }

    async fn snapshot(self: &Arc<Self>, myself: &mut Myself, snapshot: Snapshot) -> io::Result<DesiredAnswer> {
        let named: BTreeSet<WorkloadId> = snapshot.workloads.iter().map(|w| w.id).collect();
        for want in snapshot.workloads {
            self.wish(want).await?;
        }
        let next = Myself { desired_seq: snapshot.seq, workloads: named, ..myself.clone() };
        let answer = self.commit(myself, next).await?;
        let strangers: Vec<_> = {
            let keepers = self.keepers();
            keepers.values().filter(|k| !myself.workloads.contains(&k.id)).cloned().collect()
        };
        for keeper in strangers {
            if keeper.is_gone() {
                self.forget(keeper.id).await?;
            } else {
                keeper.set_want(Desired { power: Power::Absent, ..keeper.want() }).await?;
            }
        }
        Ok(answer)
    }

    async fn commit(&self, myself: &mut Myself, next: Myself) -> io::Result<DesiredAnswer> {
        self.journal.put_self(&next).await?;
        *myself = next;
        self.desired_seq.store(myself.desired_seq, std::sync::atomic::Ordering::Relaxed);
        Ok(DesiredAnswer::Accepted { seq: myself.desired_seq })
    }

    async fn wish(self: &Arc<Self>, want: Desired) -> io::Result<()> {
        let known = self.keepers().get(&want.id).cloned();
        if let Some(keeper) = known {
            // An older generation in a newer message is a mistake of the sender; going back is never right.
            if want.generation >= keeper.want().generation {
                keeper.set_want(want).await?;
            }
            return Ok(());
        }
        let record = Record { want, seen: Seen::default(), inventory: vec![], run: None };
        self.journal.put(&record).await?;
        let keeper = Keeper::new(self, record);
        self.keepers().insert(keeper.id, keeper.clone());
        keeper.run(false);
        Ok(())
    }

    /// A workload that nobody asks for is gone completely: forget that it ever was.
    pub(super) async fn retire(&self, id: WorkloadId) {
        let myself = self.myself.lock().await;
        let is_over = self.keeper(id).is_some_and(|k| k.is_gone()) && !myself.workloads.contains(&id);
        if is_over && let Err(error) = self.forget(id).await {
            tracing::warn!(workload = %id, %error, "the journal of a removed workload cannot be deleted; the next start does it");
        }
    }

    async fn forget(&self, id: WorkloadId) -> io::Result<()> {
        self.journal.forget(id).await?;
        let keeper = self.keepers().remove(&id);
        if let Some(keeper) = keeper {
            keeper.end();
        }
        self.reports.forget(id);
        Ok(())
    }

    /// Measures the free disk and memory of this machine, and reports when it comes to be low or is low no more.
    pub async fn measure(&self) -> Low {
        let stats = self.drivers.machine.stats(&mut Meter::default()).await;
        let free = |total: u64, used: u64| (total > 0).then(|| total.saturating_sub(used));
        let free = Free {
            disk_bytes: free(stats.disk_total_bytes, stats.disk_used_bytes),
            memory_bytes: free(stats.memory_total_bytes, stats.memory_used_bytes),
        };
        let mut low = self.low.lock().unwrap_or_else(PoisonError::into_inner);
        let now = low.after(free);
        if *low != now {
            *low = now;
            let (low_disk, low_memory) = (low.disk, low.memory);
            tracing::warn!(low_disk, low_memory, "what this machine has left has changed");
            self.reports.put_facts(Facts { low: *low, ..self.reports.facts() });
        }
        *low
    }
    /// Measures again and again, until the agent ends.
    pub async fn keep_measuring(&self) {
        loop {
            self.measure().await;
            self.clock.sleep(limits::MEASURE_MACHINE_EVERY).await;
        }
    }
    /// Publishes facts that have changed.
    pub fn set_facts(&self, facts: Facts) {
        let low = self.low.lock().unwrap_or_else(PoisonError::into_inner);
        self.reports.put_facts(Facts { low: *low, ..facts });
    }
    /// The number of the newest stored wish.
    pub fn desired_seq(&self) -> u64 {
        self.desired_seq.load(std::sync::atomic::Ordering::Relaxed)
    }
    /// The latest reports.
    pub fn reports(&self) -> &Reports {
        &self.reports
    }
    /// How many workloads are known here.
    pub fn count(&self) -> usize {
        self.keepers().len()
    }
    /// How many are running.
    pub fn running(&self) -> usize {
        self.keepers().values().filter(|k| k.current_run().is_some()).count()
    }
    /// A workload's console.
    pub fn console(&self, id: WorkloadId) -> Option<Console> {
        self.keeper(id).map(|k| k.console.clone())
    }
    /// A workload's present run; the outer `None` when there is no such workload.
    pub fn run_of(&self, id: WorkloadId) -> Option<Option<Arc<dyn crate::driver::Run>>> {
        self.keeper(id).map(|k| k.current_run())
    }
    /// A workload as it is now; `None` when there is no such workload.
    pub fn running_of(&self, id: WorkloadId) -> Option<Here> {
        self.keeper(id).map(|keeper| keeper.here())
    }
    pub(super) fn keeper(&self, id: WorkloadId) -> Option<Arc<Keeper>> {
        self.keepers().get(&id).cloned()
    }
    fn keepers(&self) -> MutexGuard<'_, BTreeMap<WorkloadId, Arc<Keeper>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
