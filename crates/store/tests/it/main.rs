//! Every promise of the store, on both databases.

mod support;

mod audit;
mod backup;
mod event;
mod fault;
mod identity;
mod job;
mod limits;
mod migrate;
mod node;
mod secret;
mod workload;
