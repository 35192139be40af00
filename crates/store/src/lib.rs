//! The only crate that knows SQL.
//!
//! One file per noun; functions are named noun first, changes demand a [`ostler_model::authz::Grant`] and write their audit
//! entry and their event in the same transaction. Time and ids are arguments. What this crate does not do: decide who may
//! (that is the grant), talk to nodes, or keep anything in memory that the database does not have.

pub mod archive;
pub mod audit;
pub mod bot;
mod db;
pub mod event;
pub mod factor;
mod held;
pub mod idempotency;
pub mod invite;
pub mod job;
pub mod key;
pub mod lease;
pub mod mail;
pub mod matches;
pub mod node;
pub mod oidc;
pub mod reset;
pub mod role;
pub mod search;
pub mod secret;
pub mod session;
pub mod setting;
pub mod setup;
pub mod team;
pub mod throttle;
pub mod token;
pub mod user;
pub mod workload;
pub mod workspace;

pub use db::*;
pub use secret::MasterKey;

use ostler_model::authz::{Collection, Grant, Operate, Origin, Report, Write};
use ostler_model::job::Job;
use ostler_model::node::Node;
use ostler_model::workload::Workload;
use ostler_model::{Millis, NodeId, Time};

#[allow(dead_code, reason = "only has to compile: handlers need futures that can move between threads")]
fn calls_can_move_between_threads(
    store: &Store,
    refused: audit::Refused<'_>,
    reports: &Grant<Node, Report>,
    jobs: &Grant<Collection<Job>, Operate>,
    new: (&Grant<Collection<Workload>, Write>, &workload::New, &job::New),
    joining: (&node::Joining, &Origin, NodeId),
    at: Time,
) {
    fn moves<T: Send>(_: T) {}
    moves(store.audit_refused(refused, at));
    moves(store.audit_verify(None));
    moves(store.workload_report(reports, &[], at));
    moves(store.workload_create(new.0, new.1, Some(new.2), at));
    moves(store.workload_on_node(joining.2));
    moves(store.job_claim(jobs, "worker", Millis(1), at));
    moves(store.node_join(b"", joining.0, joining.1, at));
    moves(store.session_authority(b"", at));
    moves(store.ping());
}
