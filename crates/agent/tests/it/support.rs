//! An agent on a simulated machine, and waiting for what it says.

use ostler_agent::driver::sim::SimHost;
use ostler_agent::identity::Membership;
use ostler_agent::{Agent, Config};
use ostler_model::workload::blueprint::{
    Blueprint, How, Limits, Process, Resource, RestartRule, Run, Signal, StopRule, What,
};
use ostler_model::workload::{Desired, Phase, Power, Report};
use ostler_model::{InstallationId, Millis, NodeId, WorkloadId};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_wire::link::{DesiredAnswer, Snapshot, Want};
use std::collections::BTreeMap;
use std::time::Duration;

/// An agent and what it needs to be killed and started again.
pub(crate) struct Node {
    pub(crate) agent: Agent,
    pub(crate) spawn: Spawn,
    pub(crate) member: Membership,
    pub(crate) ids: Ids,
    pub(crate) seq: u64,
}

pub(crate) fn ids() -> Ids {
    Ids::system(Clock::system())
}

pub(crate) fn member(ids: &Ids) -> Membership {
    let (node, installation): (NodeId, InstallationId) = (ids.next(), ids.next());
    Membership { url: "http://127.0.0.1:1".into(), node, name: "here".parse().unwrap(), installation, server_key: None }
}

impl Node {
    /// An agent on a simulated machine.
    pub(crate) async fn on(host: &SimHost) -> Node {
        let ids = ids();
        Self::again(host, member(&ids), 0).await
    }
    /// The agent of the same node, started once more.
    pub(crate) async fn again(host: &SimHost, member: Membership, seq: u64) -> Node {
        Self::with(host.drivers(), host.facts("sim"), member, seq).await
    }
    pub(crate) async fn with(
        drivers: ostler_agent::driver::Drivers,
        facts: ostler_model::node::Facts,
        member: Membership,
        seq: u64,
    ) -> Node {
        Self::open(drivers, facts, member, seq, Spawn::new()).await
    }
    pub(crate) async fn open(
        drivers: ostler_agent::driver::Drivers,
        facts: ostler_model::node::Facts,
        member: Membership,
        seq: u64,
        spawn: Spawn,
    ) -> Node {
        let ids = ids();
        let config = Config { member: member.clone(), facts };
        let agent = Agent::open(config, Clock::system(), ids.clone(), spawn.clone(), drivers).await.unwrap();
        Node { agent, spawn, member, ids, seq }
    }
    /// Ends the agent as SIGKILL would: nothing is tidied up.
    pub(crate) async fn kill(self) -> (Membership, u64) {
        let Node { agent, spawn, member, seq, .. } = self;
        spawn.shutdown().await;
        drop(agent);
        (member, seq)
    }
    /// Sends everything that is wanted.
    pub(crate) async fn want(&mut self, workloads: &[Desired]) -> DesiredAnswer {
        self.seq += 1;
        let snapshot =
            Snapshot { installation: self.member.installation, seq: self.seq, workloads: workloads.to_vec() };
        self.agent.supervisor().put(Want::Snapshot(snapshot)).await.unwrap()
    }
    /// Waits until the report of a workload holds, at most 60 s.
    pub(crate) async fn until(&self, id: WorkloadId, what: &str, holds: impl Fn(&Report) -> bool) -> Report {
        let reports = self.agent.supervisor().reports();
        let mut newest = reports.watch();
        let wait = async {
            loop {
                newest.mark_unchanged();
                if let Some(report) = reports.of(id).filter(&holds) {
                    return report;
                }
                newest.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), wait).await {
            Ok(report) => report,
            Err(_) => panic!("not {what} within 60 s: {:#?}\n{}", reports.of(id), self.printed(id)),
        }
    }
    pub(crate) async fn running(&self, id: WorkloadId) -> Report {
        self.until(id, "running", |r| matches!(r.seen.phase, Phase::Running { .. })).await
    }
    pub(crate) async fn stopped(&self, id: WorkloadId) -> Report {
        self.until(id, "stopped", |r| matches!(r.seen.phase, Phase::Stopped) && r.seen.prepared.is_some()).await
    }
    pub(crate) async fn gone(&self, id: WorkloadId) -> Report {
        self.until(id, "gone", |r| matches!(r.seen.phase, Phase::Gone)).await
    }
    /// Everything on the console.
    pub(crate) fn printed(&self, id: WorkloadId) -> String {
        let Some(console) = self.agent.supervisor().console(id) else { return String::new() };
        console.page(0, 10_000).lines.iter().map(|l| format!("{:?} {}\n", l.stream, l.text)).collect()
    }
    /// Waits until the console has printed something.
    pub(crate) async fn prints(&self, id: WorkloadId, text: &str) {
        let console = self.agent.supervisor().console(id).unwrap();
        let mut newest = console.watch();
        let wait = async {
            while !self.printed(id).contains(text) {
                newest.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), wait).await.is_err() {
            panic!("{text:?} was not printed within 60 s:\n{}", self.printed(id));
        }
    }
}

/// Waits for a condition on the machine, at most 30 s.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            Clock::system().sleep(Millis(10)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), wait).await.is_err() {
        panic!("not within 30 s: {what}");
    }
}

/// A workload with a volume that runs these arguments.
pub(crate) fn workload(ids: &Ids, command: &[&str]) -> Desired {
    let resources = vec![
        Resource { key: "account".into(), what: What::Account {} },
        Resource { key: "volume/data".into(), what: What::Volume { name: "data".into(), limit_bytes: None } },
    ];
    let process = Process {
        program: command[0].into(),
        args: command[1..].iter().map(ToString::to_string).collect(),
        env: BTreeMap::new(),
        workdir: "data".into(),
    };
    let run = Run {
        how: How::Process(process),
        limits: Limits { memory_bytes: 64 << 20, cpu_millis: 1000, pids: 32, disk_bytes: 0 },
        ready: vec![],
        start_limit: Millis::secs(30),
        stop: StopRule::Signal(Signal::Term),
        grace: Millis::secs(10),
        restart: RestartRule::OnFailure,
        players: None,
    };
    Desired {
        id: ids.next(),
        generation: 1,
        power: Power::On,
        is_forced: false,
        restart: 0,
        blueprint: Blueprint { resources, run, revision: "1".into() },
        min_isolation: Default::default(),
    }
}

/// The same workload with another wish.
pub(crate) fn but(want: &Desired, change: impl FnOnce(&mut Desired)) -> Desired {
    let mut want = want.clone();
    want.generation += 1;
    change(&mut want);
    want
}
