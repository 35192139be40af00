//! The endpoints' frame: handlers, proofs, inputs, outputs, errors, and the list of all endpoints.
//!
//! A handler reads as a sentence. It takes the [`App`](crate::app::App), a proof that its caller may, and its input; its doc
//! comment is its public documentation; its `?` turns store and fleet errors into answers:
//!
//! ```ignore
//! /// Start a workload. Answers at once; follow its events to see it come up.
//! pub async fn start(app: App, workload: Allowed<Workload, Operate>, _: ()) -> Result<Accepted<WorkloadView>> {
//!     let workload = power::start(&app, &workload.grant).await?;
//!     Ok(Accepted(view(&app, workload).await?))
//! }
//!
//! /// The workloads of a workspace, newest first.
//! pub async fn list(app: App, all: Allowed<Collection<Workload>, Read>, at: InFamily<Query<WorkloadQuery>>) -> Result<View<Page<WorkloadView>>> {
//!     // at.kind is Some(Kind::Game) under /api/v1/game/servers; at.input.0 is the query; all.resource.workspace_id()
//! }
//!
//! pub fn routes() -> Routes {
//!     Routes::new("workload")
//!         .get("/api/v1/workloads", list)                              // workspace: ?workspace= or the actor's first
//!         .get("/api/v1/workspaces/{workspace}/workloads", list)
//!         .post("/api/v1/workloads/{workload}/start", start)           // also under each family, by itself
//! }
//!
//! /// Found by id. The policy decides, not this.
//! impl Load for Workload {
//!     const FOUND: Found = Found::Param("workload");
//!     async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
//!         let Some(id) = find.id("workload") else { return Ok(None) };
//!         let found = app.store.workload_find(id).await?;
//!         Ok(found.filter(|workload| find.family().is_none_or(|kind| kind == workload.kind)))
//!     }
//! }
//! impl Collected for Workload {}
//! ```
//!
//! Proofs: [`Public`], [`SignedIn`], [`NodeLink`], [`Allowed<R, V>`](Allowed) where `R` is [`Load`], [`InPerson<P>`](InPerson) and
//! [`Confirmed<P>`](Confirmed) around any. `proof.caller` knows who
//! it is; [`allow`] decides about things that an input names. Inputs: `()`, [`Json`], [`Query`], `(Query, Json)`, [`Raw`],
//! `(Query, Raw)`, [`InFamily`] around any. Each JSON input needs `ostler_wire::Sample` (in `wire/src/sample.rs`). Outputs:
//! [`View`], [`Created`], [`Once`], [`Accepted`] (its view is [`Located`]), [`NoContent`], [`EventStream`], [`Upgrade`],
//! [`Text`], [`JsonText`], [`WithHeaders`]. Lists read `limit` and `cursor` with [`paging`] and answer with [`page`].
//! Each room's `routes()` gets one line in `crate::routes`.
//!
//! What this room does not do: know any noun but workspace and user, or write SQL.

pub mod access;
mod call;
mod client;
#[cfg(test)]
mod codes;
pub mod conn;
pub mod constraint;
mod csrf;
mod error;
mod front;
mod handler;
mod idempotency;
mod input;
mod json;
pub mod openapi;
mod output;
mod paging;
mod pipeline;
mod proof;
mod rate;
mod registry;
mod router;
mod site;

pub use call::{About, Arrival, Call, Caller};
pub use client::{Hop, Network, Peer, Proxy};
pub use csrf::same_origin;
pub use error::{Error, Result};
pub(crate) use front::point;
pub use handler::Handler;
pub(crate) use input::any_json;
pub use input::from_query;
pub use input::{BodyUse, InFamily, Incoming, Input, InputDoc, Json, Query, Raw};
pub use output::{
    Accepted, Created, Download, EventStream, JsonText, Located, Media, NoContent, Once, Output, OutputDoc, Text,
    Upgrade, View, WithHeaders,
};
pub use paging::{page, paging, window};
pub(crate) use proof::find_workspace;
pub use proof::{
    Access, Allowed, Collected, Confirmed, EvenArchived, Found, InPerson, Load, Lookup, Mine, NodeLink, Presence,
    Proof, Public, SignedIn, allow, reach_within,
};
pub use rate::Rates;
pub use registry::{Endpoint, FAMILIES, FAMILY_BASE, Family, Routes, collect};
pub use router::{Front, router};
pub(crate) use site::Site;
