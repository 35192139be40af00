//! A simulated fleet: the real server, real agents on simulated machines, the real wire, and everything that can go wrong.
//!
//! A [`Plan`] is a list of operations made from a seed; it can be saved, edited, replayed and shrunk. [`run`] carries it out in
//! a [`World`] whose time is simulated, then heals everything, waits for calm and looks at every invariant. One thread runs
//! it all; only the database has threads of its own, so the order in which its answers arrive may differ between two runs.

mod check;
mod ops;
mod plan;
mod shrink;
mod world;

pub use plan::{Op, Plan, Temper};
pub use shrink::shrink;
pub use world::World;

use ostler_model::Millis;
use std::collections::BTreeMap;

/// What happened in a simulation, so that nobody takes silence for success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How the API answered requests for changes: `POST /stop 202`, and how often; `none` for no answer at all.
    pub answers: BTreeMap<String, usize>,
    /// Runs that were begun on all machines.
    pub runs: u64,
    pub events: u64,
    /// How much simulated time passed.
    pub passed: Millis,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Tally) {
        for (what, times) in &other.answers {
            *self.answers.entry(what.clone()).or_default() += times;
        }
        self.runs += other.runs;
        self.events += other.events;
        self.passed.0 += other.passed.0;
    }
}

/// Carries a plan out. The error says what was wrong at the end, or in between.
pub fn run(plan: &Plan) -> Result<Tally, String> {
    let sim = crate::clock::SimClock::new();
    let runtime = sim.runtime();
    let outcome = runtime.block_on(async {
        let mut world = World::new(sim.clone(), plan.seed, plan.nodes, &plan.ahead_ms).await;
        let outcome = carry_out(&mut world, plan).await;
        let tally = world.tally().await;
        world.end().await;
        outcome.map(|()| tally)
    });
    // A database thread that is still busy is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn carry_out(world: &mut World, plan: &Plan) -> Result<(), String> {
    for (at, op) in plan.ops.iter().enumerate() {
        world.apply(op).await;
        world.pause(plan.pause).await;
        world.witness().map_err(|wrong| format!("after operation {at}, {op:?}: {wrong}"))?;
    }
    world.heal().await;
    world.calm(Millis::secs(3600)).await?;
    world.check().await?;
    world.check_farewell().await
}
