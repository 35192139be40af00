//! Workspaces, the tenants.

mod api;
mod archive;

pub use api::routes;
pub(crate) use archive::archived;
