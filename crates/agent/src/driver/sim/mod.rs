//! A machine that exists only in memory, on the simulation's clock: for tests of everything above the drivers.
//!
//! A [`SimHost`] outlives agents as a real machine does: runs go on while no agent is there, and the journal stays. Faults are
//! set per workload or for all. It also watches over itself: a start that finds a run of the same workload
//! still there ends it first, as every driver must, and counts it in [`SimHost::doubles`].

mod driver;
mod host;

pub use host::{Behaviour, SimHost, SimRun};
