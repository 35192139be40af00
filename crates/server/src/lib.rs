//! The control plane: the API, the loops that bring rows and nodes together, and the panel.
//!
//! One room per noun; a room's front door says what it is for. `http` is the frame that every endpoint stands in, `app` is
//! what every handler and loop is given. What this crate does not do: SQL (`store`), policy (`model::authz`), or anything on a
//! node (`agent`).
#![allow(
    unreachable_pub,
    reason = "rooms are front doors with private modules; what they offer is `pub` in there, too"
)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests wait for real conditions"))]

pub mod app;
pub mod audit;
pub mod auth;
pub mod config;
pub mod console;
pub mod factor;
pub mod fleet;
pub mod http;
pub mod job;
pub mod key;
pub mod limits;
pub mod local;
pub mod mail;
pub mod matches;
pub mod member;
pub mod node;
pub mod obs;
pub mod oidc;
mod panel;
pub mod realtime;
pub mod reconcile;
pub mod role;
pub mod search;
mod secret;
pub mod setting;
pub mod setup;
pub mod start;
pub mod team;
pub mod template;
pub mod user;
pub mod workload;
pub mod workspace;

pub use start::{Ground, Running, backup, build_app, listen, listen_with, reset_link, serve, service};

/// Every endpoint there is. A room's `routes()` has one line here.
pub fn routes() -> Vec<http::Endpoint> {
    let mut rooms = vec![
        // One line per room, in order of nouns.
        audit::routes(),
        auth::routes(),
        console::routes(),
        job::routes(),
        key::routes(),
        matches::bot_routes(),
        matches::routes(),
        member::routes(),
        node::routes(),
        obs::routes(),
        realtime::routes(),
        role::routes(),
        search::routes(),
        setting::routes(),
        setup::routes(),
        team::routes(),
        template::routes(),
        user::invite_routes(),
        user::routes(),
        workload::routes(),
        workspace::routes(),
    ];
    rooms.push(oidc::routes());
    rooms.extend(factor::routes());
    http::collect(rooms)
}

/// The error reference, as committed in docs/reference/errors.md.
pub fn errors_md() -> String {
    ostler_wire::code::markdown()
}

/// The reference of metrics, as committed in docs/reference/metrics.md.
pub fn metrics_md() -> String {
    obs::markdown()
}

/// The access reference, as committed in docs/reference/access.md.
pub fn access_md() -> String {
    http::access::markdown(&routes())
}

/// The API document, as committed in docs/reference/openapi.json.
pub fn openapi_json() -> String {
    http::openapi::text().to_owned()
}
