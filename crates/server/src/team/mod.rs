//! Teams: people of a workspace, and what they may do together beyond their own roles.

mod api;

pub use api::routes;
