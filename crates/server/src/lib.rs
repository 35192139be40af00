//! The control plane: the API, the loops that bring rows and nodes together, and the panel.
//!
//! One room per noun; a room's front door says what it is for. `http` is the frame that every endpoint stands in, `app` is
//! what every handler and loop is given. What this crate does not do: SQL (`store`), policy (`model::authz`), or anything on a
//! node (`agent`).
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait for real conditions"))]

pub mod app;
pub mod auth;
pub mod config;
pub mod console;
pub mod fleet;
pub mod http;
pub mod job;
pub mod limits;
pub mod obs;
mod panel;
pub mod realtime;
pub mod reconcile;
pub mod template;
pub mod workload;

/// Every endpoint there is. A room's `routes()` has one line here.
pub fn routes() -> Vec<http::Endpoint> {
    http::collect(vec![
        // One line per room, in order of nouns.
        workload::routes(),
        template::routes(),
        realtime::routes(),
        job::routes(),
        console::routes(),
    ])
}
