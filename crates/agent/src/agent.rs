//! The agent as a whole.

use crate::driver::Drivers;
use crate::identity::Membership;
use crate::limits;
use crate::link::Links;
use crate::supervisor::Supervisor;
use ostler_model::Time;
use ostler_model::node::Facts;
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_wire::link::Status;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// What an agent needs to know to begin.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom it obeys.
    pub member: Membership,
    /// What the machine is and can, from [`crate::probe::facts`].
    pub facts: Facts,
}

/// A running agent. Cheap to clone; it ends with the task family that it was given. What it runs does not.
#[derive(Clone)]
pub struct Agent(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) member: Membership,
    pub(crate) clock: Clock,
    pub(crate) drivers: Drivers,
    pub(crate) spawn: Spawn,
    pub(crate) supervisor: Arc<Supervisor>,
    /// One permit for each forward that may be open.
    pub(crate) forwards: Arc<Semaphore>,
    /// Changes with every start.
    pub(crate) boot: String,
    started_at: Time,
    links: OnceLock<Links>,
}

impl Agent {
    /// Reads the journal, adopts what still runs, and goes on from there.
    pub async fn open(config: Config, clock: Clock, ids: Ids, spawn: Spawn, drivers: Drivers) -> io::Result<Agent> {
        let Config { member, facts } = config;
        let supervisor =
            Supervisor::open(member.installation, facts, clock.clone(), spawn.clone(), drivers.clone()).await?;
        let measuring = supervisor.clone();
        spawn.spawn("agent.measure", async move { measuring.keep_measuring().await });
        let boot: ostler_model::BootId = ids.next();
        let (boot, started_at) = (boot.to_string(), clock.now());
        let (forwards, links) = (Arc::new(Semaphore::new(limits::FORWARDS_MOST)), OnceLock::new());
        let inner = Inner { member, clock, drivers, spawn, supervisor, forwards, boot, started_at, links };
        Ok(Agent(Arc::new(inner)))
    }
    /// Tells it about its links, so that it can say how many there are.
    pub fn set_links(&self, links: Links) {
        // The first one stays: an agent has one set of links for its whole life.
        let _ = self.0.links.set(links);
    }
    /// The agent in one look.
    pub fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.0.started_at,
            desired_seq: self.0.supervisor.desired_seq(),
            workloads: self.0.supervisor.count(),
            links: self.0.links.get().map_or(0, |links| links.state().open),
        }
    }
    /// How many forwards to ports of workloads are open.
    pub fn forwards_open(&self) -> usize {
        limits::FORWARDS_MOST - self.0.forwards.available_permits()
    }
    /// The facts about this machine.
    pub fn facts(&self) -> Facts {
        self.0.supervisor.reports().facts()
    }
    /// Publishes facts that have changed.
    pub fn set_facts(&self, facts: Facts) {
        self.0.supervisor.set_facts(facts);
    }
    /// What runs here and how it is.
    pub fn supervisor(&self) -> &Arc<Supervisor> {
        &self.0.supervisor
    }
}
