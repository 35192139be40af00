//! Workspaces, the tenants.

mod api;

pub use api::routes;
