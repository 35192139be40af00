//! Tests of the control plane in one process.
#![allow(clippy::disallowed_methods, reason = "tests wait for real work on real time")]
#![allow(clippy::unwrap_used, clippy::large_futures, reason = "helpers of tests are tests")]

mod access;
mod api;
mod factor;
mod flood;
mod fuzz;
mod host;
mod job;
mod matches;
mod oidc;
mod people;
mod realtime;
mod roles;
mod search;
mod shop;
mod socket;
mod token;
mod trail;
mod workload;
