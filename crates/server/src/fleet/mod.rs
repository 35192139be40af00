//! The fleet: links to agents, requests over them, and who is there.
//!
//! Agents dial; the server is the HTTP/2 client on what they dialled. This room verifies their signatures, keeps their links,
//! sends requests over the freshest one that is healthy, and tells who came and went. Presence lives in memory; the database
//! hears of it in batches. What it does not do: decide what is sent (reconcilers and rooms do), or keep anything for a node that
//! is away. Costs per idle link: one task, its HTTP/2 buffers, and keep-alive pings; no other timer.

mod error;
mod forward;
#[cfg(test)]
mod fuzz;
mod handle;
mod lines;
mod link;
mod presence;
mod verify;

pub use error::FleetError;
pub use forward::Forward;
pub use handle::{Change, Fleet, Presence};
pub use lines::Lines;
pub use verify::{Refused, Verifier};
