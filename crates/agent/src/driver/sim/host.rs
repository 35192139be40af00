//! The simulated machine.

use super::driver::{SimDriver, SimMachine};
use crate::driver::{Drivers, Runtime};
use crate::supervisor::disk::Memory;
use ostler_model::node::{Abilities, Facts, Free, Isolation, Low};
use ostler_model::workload::plan::Exit;
use ostler_model::{Millis, Time, WorkloadId};
use ostler_runtime::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One simulated machine. Cheap to clone.
#[derive(Clone)]
pub struct SimHost(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) clock: Clock,
    disk: Memory,
    held: Mutex<Held>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct Held {
    pub(super) runs: BTreeMap<WorkloadId, SimRun>,
    /// How runs ended that nobody has adopted or swept since.
    pub(super) ended: BTreeMap<WorkloadId, (u64, Exit)>,
    pub(super) things: BTreeSet<(WorkloadId, String)>,
    behaviour: BTreeMap<WorkloadId, Behaviour>,
    usual: Behaviour,
    next: u64,
    doubles: u64,
    pub(super) has_real_ports: bool,
    pub(super) free: Option<Free>,
    isolation: Option<Isolation>,
    pub(super) inputs: BTreeMap<WorkloadId, Vec<String>>,
}

/// How a workload behaves. Times are counted on the simulation's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Each resource takes this long to be ensured or removed.
    pub prepare_takes: Millis,
    /// Ensuring the resource whose key contains this text fails.
    pub prepare_fails: Option<String>,
    /// Removing fails.
    pub remove_fails: bool,
    pub start_takes: Millis,
    pub start_fails: Option<String>,
    /// From start to ready; `None` never becomes ready.
    pub ready_after: Option<Millis>,
    /// Ends by itself after this time with this status.
    pub exits: Option<(Millis, i32)>,
    /// From the request to the end; `None` ignores the request and has to be killed.
    pub stop_takes: Option<Millis>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            prepare_takes: Millis(5),
            prepare_fails: None,
            remove_fails: false,
            start_takes: Millis(5),
            start_fails: None,
            ready_after: Some(Millis(20)),
            exits: None,
            stop_takes: Some(Millis(10)),
        }
    }
}

/// One run on the simulated machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimRun {
    pub workload: WorkloadId,
    /// Different for every run on this machine.
    pub number: u64,
    pub runtime: Runtime,
    pub generation: u64,
    pub revision: String,
    pub since: Time,
    pub(super) ready_at: Option<Time>,
    pub(super) ends: Option<(Time, Exit)>,
}

impl SimHost {
    /// A machine on which nothing is.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner { clock, disk: Memory::default(), held: Mutex::default(), changed: watch::Sender::new(0) };
        Self(Arc::new(inner))
    }
    /// Drivers that act on this machine.
    pub fn drivers(&self) -> Drivers {
        Drivers {
            resources: Arc::new(SimDriver::new(self.clone(), Runtime::Process)),
            process: Arc::new(SimDriver::new(self.clone(), Runtime::Process)),
            container: Arc::new(SimDriver::new(self.clone(), Runtime::Container)),
            disk: Arc::new(self.0.disk.clone()),
            machine: Arc::new(SimMachine(self.clone())),
        }
    }
    /// What this machine says of itself.
    pub fn facts(&self, hostname: &str) -> Facts {
        Facts {
            hostname: hostname.to_owned(),
            os: "Simulated".into(),
            kernel: "0".into(),
            arch: std::env::consts::ARCH.into(),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            cpu_count: 8,
            memory_bytes: 64 << 30,
            disk_bytes: 1 << 40,
            address: hostname.to_owned(),
            port_range: (20_000, 40_000),
            can: Abilities {
                is_root: true,
                own_accounts: true,
                sandbox: "bubblewrap".into(),
                isolation: self.read(|held| held.isolation).unwrap_or(Isolation::Full),
                cgroups: "v2".into(),
                container_engine: Some("simulated 1".into()),
                packages: vec!["apt".into(), "npm".into()],
                notes: vec![],
            },
            low: Low::default(),
        }
    }
    /// From now on ports are looked at on the machine that the simulation runs on, as the real driver does.
    pub fn use_real_ports(&self) {
        self.with(|held| held.has_real_ports = true);
    }
    /// From its next start on, its agent finds that it can isolate no better than this.
    pub fn set_isolation(&self, isolation: Isolation) {
        self.with(|held| held.isolation = Some(isolation));
    }
    /// So much is free from now on.
    pub fn set_free(&self, free: Free) {
        self.with(|held| held.free = Some(free));
    }
    /// Where the agent's journal is.
    pub fn disk(&self) -> &Memory {
        &self.0.disk
    }
    /// What is running now, by workload.
    pub fn running(&self) -> BTreeMap<WorkloadId, SimRun> {
        self.read(|held| held.runs.clone())
    }
    /// Every resource that exists.
    pub fn things(&self) -> BTreeSet<(WorkloadId, String)> {
        self.read(|held| held.things.clone())
    }
    /// How many runs were ever begun here.
    pub fn begun(&self) -> u64 {
        self.read(|held| held.next)
    }
    /// How often a start found a run of the same workload still there and had to end it first. Without a damaged journal
    /// this stays zero.
    pub fn doubles(&self) -> u64 {
        self.read(|held| held.doubles)
    }
    /// The lines that a workload was sent.
    pub fn inputs(&self, id: WorkloadId) -> Vec<String> {
        self.read(|held| held.inputs.get(&id).cloned().unwrap_or_default())
    }
    /// Follows everything that changes here.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
    /// How workloads behave that have no behaviour of their own.
    pub fn usually(&self, behaviour: Behaviour) {
        self.with(|held| held.usual = behaviour);
    }
    /// How one workload behaves from now on. A run that is under way keeps the times that it began with.
    pub fn behave(&self, id: WorkloadId, behaviour: Behaviour) {
        self.with(|held| held.behaviour.insert(id, behaviour));
    }
    /// Every workload behaves as usual again.
    pub fn forgive(&self) {
        self.with(|held| {
            held.behaviour.clear();
            held.usual = Behaviour::default();
        });
    }
    /// A run ends by itself. True when there was one.
    pub fn crash_run(&self, id: WorkloadId, code: Option<i32>, signal: Option<i32>) -> bool {
        let exit = Exit { at: self.0.clock.now(), code, signal, is_out_of_memory: false };
        self.with(|held| held.end(id, exit))
    }
    /// The machine loses power: every run ends, resources and journal stay. Stop the agent's tasks first.
    pub fn crash_machine(&self) {
        self.with(|held| {
            held.runs.clear();
            held.ended.clear();
        });
    }

    pub(super) fn behaviour(&self, id: WorkloadId) -> Behaviour {
        self.read(|held| held.behaviour.get(&id).unwrap_or(&held.usual).clone())
    }
    /// Changes what is there, and tells those who watch.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        let out = work(&mut self.settled());
        self.0.changed.send_modify(|n| *n += 1);
        out
    }
    /// Reads what is there.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Held) -> T) -> T {
        work(&self.settled())
    }
    /// What is there, after runs whose time has come have ended.
    fn settled(&self) -> MutexGuard<'_, Held> {
        let now = self.0.clock.now();
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let ending = |run: &SimRun| {
            run.ends.clone().filter(|(at, _)| *at <= now).map(|(at, exit)| (run.workload, Exit { at, ..exit }))
        };
        let due: Vec<_> = held.runs.values().filter_map(ending).collect();
        if !due.is_empty() {
            self.0.changed.send_modify(|n| *n += 1);
        }
        for (id, exit) in due {
            held.end(id, exit);
        }
        held
    }
}

impl Held {
    pub(super) fn begin(&mut self, mut run: SimRun) -> u64 {
        self.next += 1;
        run.number = self.next;
        let killed = Exit { at: run.since, code: None, signal: Some(9), is_out_of_memory: false };
        if self.end(run.workload, killed) {
            self.doubles += 1;
        }
        self.ended.remove(&run.workload);
        self.runs.insert(run.workload, run);
        self.next
    }
    pub(super) fn end(&mut self, id: WorkloadId, exit: Exit) -> bool {
        let Some(run) = self.runs.remove(&id) else { return false };
        self.ended.insert(id, (run.number, exit));
        true
    }
}
