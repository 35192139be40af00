//! Members: who belongs to a workspace, and in which role.

mod api;

pub use api::routes;
