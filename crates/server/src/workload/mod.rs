//! Workloads: what their owners want of them, and how they are.
//!
//! `desired` turns a row into what its node shall do, `secret` keeps secret values out of rows and answers, `provision` and
//! `remove` are the jobs that see a workload through its beginning and its end.

pub mod desired;
pub mod place;
pub mod provision;
pub mod remove;
pub(crate) mod secret;

pub use desired::Lowering;
