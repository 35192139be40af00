//! What is told to the control plane: the latest report of each workload, and who follows it from where.
//!
//! A follower holds a position and takes the latest of everything above it. So a slow one skips what is outdated and
//! costs no memory, and one that comes back misses nothing.

use ostler_model::WorkloadId;
use ostler_model::node::Facts;
use ostler_model::workload::Report;
use ostler_wire::link::Observation;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// All latest reports.
pub struct Reports {
    board: Mutex<Board>,
    newest: watch::Sender<u64>,
    /// The first report's number.
    base: u64,
}

struct Board {
    version: u64,
    workloads: BTreeMap<WorkloadId, (u64, Report)>,
    facts: (u64, Facts),
}

impl Reports {
    /// An empty board. `epoch` is greater than that of every earlier agent process here.
    pub fn new(epoch: u64, facts: Facts) -> Self {
        let board = Board { version: 0, workloads: BTreeMap::new(), facts: (0, facts) };
        Self { board: Mutex::new(board), newest: watch::Sender::new(0), base: epoch << 31 }
    }
    /// Publishes a workload's report; its number is given here.
    pub fn put(&self, id: WorkloadId, mut report: Report) {
        let mut board = self.lock();
        board.version += 1;
        report.seq = self.base + board.version;
        let version = board.version;
        board.workloads.insert(id, (version, report));
        self.newest.send_replace(version);
    }
    /// A workload that is gone and no longer asked for.
    pub fn forget(&self, id: WorkloadId) {
        self.lock().workloads.remove(&id);
    }
    /// The latest report of a workload.
    pub fn of(&self, id: WorkloadId) -> Option<Report> {
        self.lock().workloads.get(&id).map(|(_, report)| report.clone())
    }
    /// The facts about the node.
    pub fn facts(&self) -> Facts {
        self.lock().facts.1.clone()
    }
    /// Publishes facts if they differ.
    pub fn put_facts(&self, facts: Facts) {
        let mut board = self.lock();
        if board.facts.1 != facts {
            board.version += 1;
            board.facts = (board.version, facts);
            self.newest.send_replace(board.version);
        }
    }
    /// Everything newer than a position, oldest change first, and the position after it.
    pub fn since(&self, position: u64) -> (Vec<Observation>, u64) {
        let board = self.lock();
        let mut newer: Vec<_> = board.workloads.iter().filter(|(_, (version, _))| *version > position).collect();
        newer.sort_unstable_by_key(|(_, (version, _))| *version);
        let mut observations: Vec<_> = newer
            .into_iter()
            .map(|(id, (_, report))| Observation::Workload { id: *id, report: report.clone() })
            .collect();
        if board.facts.0 > position {
            observations.push(Observation::Facts { facts: board.facts.1.clone() });
        }
        (observations, board.version)
    }
    /// Wakes when something newer is there.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
