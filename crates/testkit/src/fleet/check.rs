//! Waiting for calm, and what must be true then.

use super::world::World;
use crate::faults::Weather;
use ostler_model::event::Fact;
use ostler_model::workload::{Power, State};
use ostler_model::{JobId, Millis, NodeId, WorkloadId};
use ostler_wire::Page;
use ostler_wire::job::{JobDetail, JobView};
use ostler_wire::workload::WorkloadView;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// Waits until everything is as it is wanted and nothing is under way, and looks twice. The error says what is not.
    pub async fn calm(&mut self, most: Millis) -> Result<(), String> {
        let until = self.clock.now() + most;
        let patient = self.clock.now() + Millis::secs(90);
        let mut times = 0;
        loop {
            // An agent that could not start on a full disk is started again by its machine.
            for node in 0..self.machines.len() {
                self.start_agent(node).await;
            }
            let restless = self.restless().await;
            times = if restless.is_none() { times + 1 } else { 0 };
            match restless {
                None if times >= 2 => return Ok(()),
                Some(why) if self.clock.now() >= until => {
                    return Err(format!("not calm {} s after everything was healed: {why}", most.0 / 1000));
                }
                // What is nearly there is looked at often; what waits out a back-off of minutes is not.
                _ => self.pause(if self.clock.now() < patient { Millis::secs(3) } else { Millis::secs(30) }).await,
            }
            self.witness()?;
        }
    }

    async fn restless(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        for machine in &self.machines {
            let node = machine.identity.member.node;
            if !server.fleet.is_online(node) {
                let state = machine.agent.as_ref().map(|running| running.links.state());
                return Some(format!("{} is away: {state:?}", machine.name));
            }
        }
        let views = match self.workloads().await {
            Ok(views) => views,
            Err(why) => return Some(why),
        };
        for view in &views {
            let is_there = match view.power {
                Power::On => matches!(view.state, State::Running | State::Degraded),
                Power::Off => view.state == State::Stopped,
                Power::Absent => false,
            };
            if !is_there || view.observed_generation < view.generation {
                return Some(format!(
                    "{} shall be {} but is {} ({}), generation {} of {} on {:?}",
                    view.id,
                    view.power.as_str(),
                    view.state.as_str(),
                    view.reason.as_deref().unwrap_or("no reason"),
                    view.observed_generation,
                    view.generation,
                    view.node_name
                ));
            }
        }
        match self.pages::<JobView>(&format!("/api/v1/workspaces/{}/jobs", self.workspace)).await {
            Ok(jobs) => {
                jobs.iter().find(|job| !job.state.is_final()).map(|job| format!("a job is unfinished: {job:?}"))
            }
            Err(why) => Some(why),
        }
    }

    /// Every invariant, when all is calm.
    pub async fn check(&self) -> Result<(), String> {
        self.witness()?;
        let views = self.workloads().await?;
        let by_id: BTreeMap<WorkloadId, &WorkloadView> = views.iter().map(|view| (view.id, view)).collect();
        self.check_promises(&by_id).await?;
        self.check_machines(&by_id)?;
        self.check_events(&by_id).await
    }

    /// What was promised to people holds.
    async fn check_promises(&self, views: &BTreeMap<WorkloadId, &WorkloadView>) -> Result<(), String> {
        for asked in &self.asked {
            let (Some(id), Some(promised)) = (asked.id, asked.promised) else { continue };
            let found = views.get(&id).map_or("absent", |view| view.power.as_str());
            if found == promised || (found == "absent" && self.has_failed_to_begin(asked.job).await?) {
                continue;
            }
            return Err(format!("{id} was promised to be {promised} and is {found}"));
        }
        Ok(())
    }

    /// The job that made it gave up and took everything back, and says so.
    async fn has_failed_to_begin(&self, job: Option<JobId>) -> Result<bool, String> {
        let Some(id) = job else { return Ok(false) };
        let job: JobDetail = self.get(&format!("/api/v1/jobs/{id}")).await?;
        Ok(job.job.state == ostler_model::job::State::Failed && job.job.error.is_some())
    }

    /// Each machine holds exactly what is placed there: runs, resources and journal entries.
    fn check_machines(&self, views: &BTreeMap<WorkloadId, &WorkloadView>) -> Result<(), String> {
        for machine in &self.machines {
            let node = machine.identity.member.node;
            let placed: BTreeSet<WorkloadId> =
                views.values().filter(|view| view.node == Some(node)).map(|view| view.id).collect();
            let wanted: BTreeSet<WorkloadId> =
                placed.iter().filter(|id| views.get(id).is_some_and(|v| v.power == Power::On)).copied().collect();
            let running: BTreeSet<WorkloadId> = machine.host.running().into_keys().collect();
            if running != wanted {
                return Err(format!("{} runs {running:?} and shall run {wanted:?}", machine.name));
            }
            for (id, key) in machine.host.things() {
                if !placed.contains(&id) {
                    return Err(format!("{} still has {key} of {id}", machine.name));
                }
            }
            for file in machine.host.disk().files().into_keys().filter(|name| name.starts_with("wl_")) {
                let is_placed = file.strip_suffix(".json").and_then(|id| id.parse().ok());
                if is_placed.is_none_or(|id| !placed.contains(&id)) {
                    return Err(format!("{} still has the journal {file}", machine.name));
                }
            }
        }
        let mut ports = BTreeSet::new();
        for view in views.values() {
            for port in view.ports.values() {
                if !ports.insert((view.node, *port)) {
                    return Err(format!("port {port} of {:?} was given twice", view.node_name));
                }
            }
        }
        Ok(())
    }

    /// Who only followed the events knows what the database knows.
    async fn check_events(&self, views: &BTreeMap<WorkloadId, &WorkloadView>) -> Result<(), String> {
        self.check_presence().await?;
        let fold = self.fold().await?;
        let told: BTreeSet<WorkloadId> = fold.workloads.keys().copied().collect();
        let there: BTreeSet<WorkloadId> = views.keys().copied().collect();
        if told != there {
            return Err(format!("the events tell of {told:?}, and there are {there:?}"));
        }
        for (id, (generation, state)) in &fold.workloads {
            let view = views.get(id).expect("both have the same keys");
            if (*generation, state.as_str()) != (view.observed_generation, view.state.as_str()) {
                let (is, of) = (view.state.as_str(), view.observed_generation);
                return Err(format!("the events call {id} {state} of generation {generation}; it is {is} of {of}"));
            }
        }
        Ok(())
    }

    /// Machines that go are missed, and what ran on them is no longer called running; the others stay as they are.
    pub async fn check_farewell(&mut self) -> Result<(), String> {
        let names: Vec<String> = self.machines.iter().map(|machine| machine.name.clone()).collect();
        let [first, second, ..] = names.as_slice() else { return Ok(()) };
        self.net.set(first, Weather::partitioned());
        if let Some(machine) = self.machines.iter_mut().find(|machine| machine.name == *second) {
            machine.crash_agent().await;
        }
        self.pause(Millis::secs(40)).await;
        let Some(server) = &self.server else { return Err("the server is gone".to_owned()) };
        let gone: BTreeSet<NodeId> = self.machines.iter().take(2).map(|machine| machine.identity.member.node).collect();
        let online: BTreeSet<NodeId> = server.fleet.online().into_iter().collect();
        if let Some(node) = gone.intersection(&online).next() {
            return Err(format!("{node} has been gone for 40 s and is still called online"));
        }
        self.check_presence().await?;
        for view in self.workloads().await? {
            let is_unknown = view.state == State::Unknown;
            if view.node.is_some_and(|node| gone.contains(&node)) != is_unknown {
                return Err(format!("{} on {:?} is called {}", view.id, view.node_name, view.state.as_str()));
            }
        }
        Ok(())
    }

    /// The events know who is there, soon after it is so: presence is written by a loop of its own, and links come and go
    /// while the events are read.
    async fn check_presence(&self) -> Result<(), String> {
        let mut tries = 0;
        loop {
            let fold = self.fold().await?;
            let Some(server) = &self.server else { return Err("the server is gone".to_owned()) };
            let online: BTreeSet<NodeId> = server.fleet.online().into_iter().collect();
            if fold.online == online {
                return Ok(());
            }
            tries += 1;
            if tries == 50 {
                return Err(format!("the events call {:?} online; it is {online:?}", fold.online));
            }
            self.pause(Millis(200)).await;
        }
    }

    async fn fold(&self) -> Result<Fold, String> {
        let mut fold = Fold::default();
        let mut after = 0;
        loop {
            let events = self.store.event_list(&ostler_store::event::Filter::default(), after, 500).await;
            let events = events.map_err(|e| format!("the events cannot be read: {e}"))?;
            let Some(last) = events.last() else { return Ok(fold) };
            if events.first().is_some_and(|first| first.seq != after + 1) {
                return Err(format!("events are missing after {after}"));
            }
            after = last.seq;
            events.into_iter().for_each(|event| fold.add(event.fact));
        }
    }

    /// Every workload as people see it.
    pub async fn workloads(&self) -> Result<Vec<WorkloadView>, String> {
        self.pages(&format!("/api/v1/workspaces/{}/workloads", self.workspace)).await
    }

    async fn pages<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}?limit=200{cursor}")).await?;
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }
}

/// What somebody knows who only followed the events.
#[derive(Default)]
struct Fold {
    workloads: BTreeMap<WorkloadId, (u64, String)>,
    online: BTreeSet<NodeId>,
}

impl Fold {
    fn add(&mut self, fact: Fact) {
        match fact {
            Fact::WorkloadCreated { id, .. } => {
                self.workloads.insert(id, (0, String::new()));
            }
            Fact::WorkloadObserved { id, generation, state, .. } => {
                // One that is deleted stays deleted, whatever a late report says.
                if let Some(known) = self.workloads.get_mut(&id) {
                    *known = (generation, state);
                }
            }
            Fact::WorkloadDeleted { id, .. } => {
                self.workloads.remove(&id);
            }
            Fact::NodeOnline { id } => {
                self.online.insert(id);
            }
            Fact::NodeOffline { id } | Fact::NodeDeleted { id, .. } => {
                self.online.remove(&id);
            }
            _ => {}
        }
    }
}
