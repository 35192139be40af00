//! Every promise of the store, on both databases.

#![allow(clippy::unwrap_used, clippy::large_futures, reason = "tests fail by panicking, and run on large stacks")]

mod support;

mod archive;
mod audit;
mod backup;
mod event;
mod factor;
mod fault;
mod host;
mod identity;
mod job;
mod lease;
mod limits;
mod matches;
mod migrate;
mod node;
mod people;
mod promise;
mod proven;
mod role;
mod room;
mod search;
mod secret;
mod sign_in;
mod sqlite;
mod workload;
