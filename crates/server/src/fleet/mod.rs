//! The fleet: links to agents, requests over them, and who is there.
//!
//! Agents dial; the server is the HTTP/2 client on what they dialled. This room verifies their signatures, proves the server to
//! them, reads what they say within bounds, keeps their links,
//! sends requests over the freshest one that is healthy, and tells who came and went. Presence lives in memory; the database
//! hears of it in batches. What it does not do: decide what is sent (reconcilers and rooms do), or keep anything for a node that
//! is away. Costs per idle link: one task, its HTTP/2 buffers, and keep-alive pings; no other timer.

mod error;
mod forward;
#[cfg(test)]
mod fuzz;
mod handle;
mod key;
mod lines;
mod link;
mod presence;
mod rate;
mod verify;

pub use error::FleetError;
pub use forward::Forward;
pub use handle::{Change, Fleet, Opening, Presence};
pub use key::{LinkKey, signed, way};
pub use lines::{Line, Lines};
pub(crate) use presence::report_grant;
pub use verify::{Refused, Verifier};
