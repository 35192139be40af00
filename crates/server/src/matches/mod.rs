//! Matches: the one door to the workers that host them, for bots, for players and for people.
//!
//! A worker is asked over HTTP whether it lives in this process or behind a node's link, with a key that only the platform
//! has; what a caller presents never reaches it. Rows remember who made a match, and decide who may see it; turns and players
//! are the worker's to know. What this room does not do: close turns, or judge intents (`relay`).

mod adminbot;
mod api;
mod ask;
mod bots;
mod bridge;
mod door;
mod hosts;
mod key;
mod prefix;
mod proof;
mod remote;
mod socket;
mod watch;

pub use door::{Door, Matches};
pub(crate) use hosts::follow;
pub(crate) use key::authenticate;
pub(crate) use prefix::by_worker;
pub use proof::{Bot, OfBot, Open};
pub(crate) use watch::watch;

use crate::http::Routes;

/// The room's endpoints.
pub fn routes() -> Routes {
    Routes::new("match")
        .post("/api/v1/adminbot/create_game", adminbot::create_game)
        .get("/api/v1/adminbot/game/{game}", adminbot::game)
        .delete("/api/v1/adminbot/game/{game}", adminbot::end_game)
        .post("/api/v1/adminbot/game/{game}/intent", adminbot::intent)
        .get("/api/v1/adminbot/game/{game}/stats", adminbot::game_stats)
        .get("/api/v1/adminbot/archive", adminbot::archives)
        .get("/api/v1/adminbot/archive/{game}", adminbot::archived)
        .get("/api/v1/game/{game}", adminbot::public_game)
        .get("/api/v1/matches/play", socket::play)
        .get("/api/v1/matches/titles", api::titles)
        .get("/api/v1/matches", api::list)
        .get("/api/v1/workspaces/{workspace}/matches", api::list)
        .post("/api/v1/matches", api::create)
        .post("/api/v1/workspaces/{workspace}/matches", api::create)
        .get("/api/v1/matches/{match}", api::get)
        .patch("/api/v1/matches/{match}", api::update)
        .delete("/api/v1/matches/{match}", api::end)
        .post("/api/v1/matches/{match}/start", api::start)
        .post("/api/v1/matches/{match}/pause", api::pause)
        .post("/api/v1/matches/{match}/kick", api::kick)
        .get("/api/v1/matches/{match}/archive", api::archive)
        .get("/api/v1/matches/{match}/socket", socket::socket)
}

/// The endpoints about bots.
pub fn bot_routes() -> Routes {
    bots::routes()
}
