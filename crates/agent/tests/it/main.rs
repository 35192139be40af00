//! The agent's promises, on the simulated machine and on this one.
#![allow(clippy::disallowed_methods, reason = "tests wait for conditions with deadlines on the real clock")]
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a list of wishes reads as a list, also when it has one")]

mod engine;
mod fetch;
mod forward;
mod hostile;
mod lifecycle;
mod machine;
mod output;
mod players;
mod program;
mod router;
mod support;
