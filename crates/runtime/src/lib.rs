//! Time, ids and background tasks as arguments.
//!
//! The only home of the ambient clock, of randomness and of `tokio::spawn`. Everything else receives [`Clock`],
//! [`Ids`] and [`Spawn`], so the simulation can own all three. What this crate does not do: pools, retries, policy.
#![allow(clippy::disallowed_methods, reason = "this crate is the one home of ambient time, randomness and spawning")]

mod clock;
mod http;
mod ids;
mod messages;
mod spawn;

pub use clock::{Clock, ClockSource, Sleep, SystemClock};
pub use http::{HttpSpawn, HttpTimer};
pub use ids::{IdSource, Ids, SystemIds};
pub use messages::{accept_key, challenge_key, in_messages};
pub use spawn::{Spawn, Task};
