//! Workloads: what their owners want of them, and how they are.
//!
//! `desired` turns a row into what its node shall do, `secret` keeps secret values out of rows and answers, `provision` and
//! `remove` are the jobs that see a workload through its beginning and its end; the rest is the API. What this room does not
//! do: talk to nodes. It writes wishes; `reconcile` carries them.

mod change;
mod create;
pub mod desired;
mod forget;
mod guard;
pub mod place;
mod power;
pub mod provision;
mod read;
pub mod remove;
pub(crate) mod secret;
mod view;

use crate::http::Routes;
pub(crate) use create::make;
pub use desired::Lowering;
pub(crate) use guard::guard;
pub(crate) use secret::forget_all as forget_secrets;

/// The room's endpoints; those under `/api/v1/workloads` exist once more under each family.
pub fn routes() -> Routes {
    Routes::new("workload")
        .get("/api/v1/workloads", read::list)
        .post("/api/v1/workloads", create::create)
        .get("/api/v1/workspaces/{workspace}/workloads", read::list)
        .post("/api/v1/workspaces/{workspace}/workloads", create::create)
        .get("/api/v1/workloads/{workload}", read::get)
        .patch("/api/v1/workloads/{workload}", change::update)
        .delete("/api/v1/workloads/{workload}", change::delete)
        .post("/api/v1/workloads/{workload}/forget", forget::forget)
        .post("/api/v1/workloads/{workload}/start", power::start)
        .post("/api/v1/workloads/{workload}/stop", power::stop)
        .post("/api/v1/workloads/{workload}/restart", power::restart)
        .post("/api/v1/workloads/{workload}/kill", power::kill)
}
