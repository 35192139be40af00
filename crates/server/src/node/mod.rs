//! Nodes: looking at them, changing them, and how machines become nodes.
//!
//! Whether a node is there comes from the fleet's memory, everything else from the store. What this room does not do: talk over
//! links (`fleet`), or decide what runs where (`workload`, `reconcile`).

pub mod change;
pub mod join;
pub mod link;
pub mod read;
pub mod stats;
pub mod token;
mod view;

pub(crate) use view::{view, views};

pub(crate) use link::prove;
pub(crate) use token::make as make_token;

use crate::app::App;
use crate::http::{Collected, Found, Load, Lookup, Result, Routes};
use ostler_model::node::{JoinToken, Node};

/// The endpoints of nodes, of join tokens, and those that only agents use.
pub fn routes() -> Routes {
    Routes::new("node")
        .get("/api/v1/nodes", read::list)
        .get("/api/v1/workspaces/{workspace}/nodes", read::list)
        .get("/api/v1/nodes/{node}", read::get)
        .patch("/api/v1/nodes/{node}", change::update)
        .delete("/api/v1/nodes/{node}", change::delete)
        .post("/api/v1/nodes/{node}/forget", change::forget)
        .get("/api/v1/nodes/{node}/stats/stream", stats::stats)
        .get("/api/v1/workspaces/{workspace}/join-tokens", token::tokens)
        .post("/api/v1/workspaces/{workspace}/join-tokens", token::invite)
        .delete("/api/v1/join-tokens/{token}", token::uninvite)
        .post("/api/v1/agent/join", join::join)
        .get("/api/v1/agent/link", link::link)
}

impl Load for Node {
    const FOUND: Found = Found::Param("node");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        match find.id("node") {
            Some(id) => Ok(app.store.node_find(id).await?),
            None => Ok(None),
        }
    }
}

impl Collected for Node {}

impl Load for JoinToken {
    const FOUND: Found = Found::Param("token");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        match find.id("token") {
            Some(id) => Ok(app.store.join_token_find(id).await?),
            None => Ok(None),
        }
    }
}
