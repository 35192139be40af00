//! The only crate that knows SQL.
//!
//! One file per noun; functions are named noun first, changes demand a [`ostler_model::authz::Grant`] and write their audit
//! entry and their event in the same transaction. Time and ids are arguments. What this crate does not do: decide who may
//! (that is the grant), talk to nodes, or keep anything in memory that the database does not have.

pub mod audit;
mod db;
pub mod event;
pub mod idempotency;
pub mod job;
pub mod key;
pub mod node;
pub mod secret;
pub mod session;
pub mod setting;
pub mod throttle;
pub mod user;
pub mod workload;
pub mod workspace;

pub use db::*;
pub use secret::MasterKey;

#[allow(dead_code, reason = "only has to compile: handlers need futures that can move between threads")]
fn every_call_can_move_between_threads(store: &Store, refused: audit::Refused<'_>, at: ostler_model::Time) {
    fn moves<T: Send>(_: T) {}
    moves(store.audit_refused(refused, at));
    moves(store.audit_verify(None));
    moves(store.ping());
}
