//! Looking: what this machine is and can, and whether a workload is ready.

pub mod facts;
pub(crate) mod reach;
pub(crate) mod ready;
