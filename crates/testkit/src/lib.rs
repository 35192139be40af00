//! What tests stand on: simulated time, a network with bad weather, servers and fleets in process.
//!
//! Nothing but tests depends on this crate.
#![allow(clippy::disallowed_methods, reason = "tests and simulations own time, randomness and tasks")]

pub mod clock;
pub mod faults;
pub mod fleet;
pub mod matches;
pub mod server;
pub mod transport;
pub mod wait;
