#![allow(clippy::disallowed_methods, reason = "tests wait for real work on real time")]
//! Tests of the control plane in one process.

mod api;
mod job;
mod realtime;
mod shop;
mod socket;
mod workload;
